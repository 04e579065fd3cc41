"""AWS's cron expressions: the grammar of the user guide, and which days and minutes they mean."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, time
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core.aws_cron import AwsCron, may_coincide, parse_aws_cron

#: Twenty-eight years, after which the weekdays of all dates come again: every month in all its shapes.
CYCLE = [(year, month) for year in range(2001, 2029) for month in range(1, 13)]


def aws(fields: str) -> AwsCron:
    """Read six fields."""
    return parse_aws_cron(f"cron({fields})")


@pytest.mark.parametrize(
    ("fields", "name", "expected"),
    [
        ("0 2 * * ? *", "minutes", {0}),
        ("0/15 2 * * ? *", "minutes", {0, 15, 30, 45}),
        ("*/20 2 * * ? *", "minutes", {0, 20, 40}),
        ("1/10 2 * * ? *", "minutes", {1, 11, 21, 31, 41, 51}),
        ("5-30/10 2 * * ? *", "minutes", {5, 15, 25}),
        ("0-2,50 2 * * ? *", "minutes", {0, 1, 2, 50}),
        ("0 20-2 * * ? *", "hours", {20, 21, 22, 23, 0, 1, 2}),
        ("0 0/8 * * ? *", "hours", {0, 8, 16}),
        ("0 2 * JAN,mar-APR ? *", "months", {1, 3, 4}),
        ("0 2 * 2/5 ? *", "months", {2, 7, 12}),
        ("0 2 * * ? 2026-2030", "years", {2026, 2027, 2028, 2029, 2030}),
        ("0 2 * * ? 2190/4", "years", {2190, 2194, 2198}),
        ("0 2 * * ? *", "years", set(range(1970, 2200))),
    ],
)
def test_fields(fields: str, name: str, expected: set[int]) -> None:
    """The table of the guide: values, names in either case, ranges, steps from a value on."""
    assert expected == getattr(aws(fields), name)


@pytest.mark.parametrize(
    ("day", "weekday", "month", "expected"),
    [
        ("*", "?", (2027, 2), range(1, 29)),
        ("1,31", "?", (2027, 4), [1]),
        ("29-31", "?", (2028, 2), [29]),
        ("10/10", "?", (2027, 1), [10, 20, 30]),
        ("L", "?", (2028, 2), [29]),
        ("L", "?", (2027, 4), [30]),
        ("?", "*", (2027, 2), range(1, 29)),
        ("?", "1", (2026, 11), [1, 8, 15, 22, 29]),  # 1 November 2026 is a Sunday
        ("?", "SUN", (2026, 11), [1, 8, 15, 22, 29]),
        ("?", "2-6", (2026, 11), [*range(2, 7), *range(9, 14), *range(16, 21), *range(23, 28), 30]),
        ("?", "L", (2026, 11), [7, 14, 21, 28]),  # "the last day of the week" is 7, Saturday
        ("?", "6L", (2026, 11), [27]),
        ("?", "FRIL", (2026, 11), [27]),
        ("?", "1L", (2026, 11), [29]),
        ("?", "3#2", (2026, 11), [10]),  # the guide: the second Tuesday
        ("?", "TUE#2", (2026, 11), [10]),
        ("?", "1#5", (2026, 11), [29]),
        ("?", "3#5", (2026, 11), []),
        ("15W", "?", (2026, 11), [16]),  # a Sunday
        ("14W", "?", (2026, 11), [13]),  # a Saturday
        ("13W", "?", (2026, 11), [13]),
        ("1W", "?", (2026, 8), [3]),  # Saturday the 1st: July is another month
        ("1W", "?", (2026, 11), [2]),
        ("31W", "?", (2027, 1), [29]),  # Sunday the 31st
        ("31W", "?", (2026, 10), [30]),
        ("31W", "?", (2026, 11), []),
    ],
)
def test_days(day: str, weekday: str, month: tuple[int, int], expected: list[int]) -> None:
    """Dates, weekdays from 1 for Sunday, L, W and #."""
    assert list(expected) == aws(f"0 0 {day} * {weekday} *").days_in(*month)


@given(st.integers(1, 31), st.sampled_from(CYCLE))
def test_the_nearest_weekday(day: int, month: tuple[int, int]) -> None:
    """W is the weekday of the month that is fewest days away, if the month has the day at all."""
    length = calendar.monthrange(*month)[1]
    workdays = [one for one in range(1, length + 1) if date(*month, one).isoweekday() <= 5]
    expected = [min(workdays, key=lambda one: abs(one - day))] if day <= length else []
    assert expected == aws(f"0 0 {day}W * ? *").days_in(*month)


def test_other_months_and_years() -> None:
    """There are no days in a month or a year that the expression does not name."""
    cron = aws("0 0 1 2 ? 2027")
    assert [[1], [], []] == [cron.days_in(2027, 2), cron.days_in(2027, 3), cron.days_in(2028, 2)]


def test_local_times_end() -> None:
    """The first time may be the start itself; after the last year there is nothing."""
    cron = aws("30 2,4 29 2 ? 2027-2032")
    expected = ["2028-02-29T04:30:00", "2032-02-29T02:30:00", "2032-02-29T04:30:00"]
    start = datetime.combine(date(2028, 2, 29), time(4, 30))
    assert expected == [local.isoformat() for local in cron.local_times(start)]
    late = datetime.combine(date(2028, 2, 29), time(4, 30, 1))
    assert expected[1:] == [local.isoformat() for local in cron.local_times(late)]
    assert "2199-12-31T23:59:00" == max(aws("59 23 31 12 ? *").local_times(start)).isoformat()


def test_local_times_begin_in_the_middle() -> None:
    """From the middle of a day, of a month and of a year."""
    start = datetime.combine(date(2027, 6, 15), time(12, 0, 30))
    found = [local.isoformat() for local in islice(aws("0 0,12 10,15 1-6 ? *").local_times(start), 2)]
    assert ["2028-01-10T00:00:00", "2028-01-10T12:00:00"] == found


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("0 2 * * ?", "'cron(0 2 * * ?)' is not cron(minute hour day-of-month month day-of-week year)"),
        ("0 2 * * ? * *", "'cron(0 2 * * ? * *)' is not cron(minute hour day-of-month month day-of-week year)"),
        ("0 2 * * * *", "exactly one of day of month and day of week is ?"),
        ("0 2 ? * ? *", "exactly one of day of month and day of week is ?"),
        ("60 2 * * ? *", "60 is out of range"),
        ("0 2 * * ? 2200", "2200 is out of range"),
        ("0 2 * JANUARY ? *", "'JANUARY' means nothing"),
        ("0 2 * MON ? *", "MON is out of range"),
        ("0 2 ? * 0 *", "0 is out of range"),
        ("0 2 ? * 3#1,6#3 *", "'3#1' means nothing"),
        ("0 2 L,15 * ? *", "'L' means nothing"),
        ("0 2 ? * MON/2 *", "'MON/2' is no step"),
        ("0/0 2 * * ? *", "'0/0' is no step"),
        ("0/60 2 * * ? *", "'0/60' is no step"),
        ("50-10 2 * * ? *", "'50-10' goes over the end"),
        ("0 20-2/2 * * ? *", "'20-2/2' goes over the end"),
        ("0 2 ? * SAT-MON *", "'SAT-MON' goes over the end"),
    ],
)
def test_refused(fields: str, message: str) -> None:
    """What AWS refuses, or does not explain."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        aws(fields)


@pytest.mark.parametrize("text", ["", "0 2 * * ? *", "cron(0 2 * * ? *", " cron(0 2 * * ? *)", "CRON(0 2 * * ? *)"])
def test_what_is_no_cron(text: str) -> None:
    """The six fields stand in cron()."""
    with pytest.raises(ValueError, match="is not cron"):
        parse_aws_cron(text)


_DAY_FIELDS = ["13 * ?", "L * ?", "28 * ?", "30 4 ?", "29 2 ?", "15W * ?", "1 2 ?", "31 4 ?", "? * FRI", "? * 6#2"]
_DAY_FIELDS += ["? * 6L", "? * 6#4", "? * SAT,SUN", "? 2 6#5", "22-31 * ?", "1-7 * ?"]


@pytest.mark.parametrize("other", _DAY_FIELDS)
@pytest.mark.parametrize("one", _DAY_FIELDS)
def test_may_coincide(one: str, other: str) -> None:
    """Two expressions may coincide if they have a day in common in any shape of a month."""
    first, second = aws(f"0 0 {one} *"), aws(f"0 0 {other} *")
    common = any(set(first.days_in(*month)) & set(second.days_in(*month)) for month in CYCLE)
    assert common == may_coincide([aws("1 1 1 1 ? *"), first, second])


@pytest.mark.parametrize("other", ["1 0 1 * ? *", "0 1 1 * ? *", "0 0 1 2 ? *", "0 0 1 * ? 2028"])
def test_other_minutes_do_not_coincide(other: str) -> None:
    """Nor do other hours, months and years; one expression alone never does."""
    first = aws("0 0 1 1 ? 2027")
    assert [False, False] == [may_coincide([first, aws(other)]), may_coincide([first])]
    assert may_coincide([first, aws("* * * * ? *")])
