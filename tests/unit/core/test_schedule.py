"""Schedules: cron, rate, one moment; time zones."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jobrunner.core.cron import MACROS, Cron, parse_cron
from jobrunner.core.schedule import Schedule, parse_local_time, parse_rate

EXAMPLE = 'for instance "30 2 * * *" (02:30 every day) or @daily'
DAYS = "there are L and 15W for days of the month, L5 and 5#2 for days of the week"
MONTHS = "JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP, OCT, NOV and DEC"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("30 2 * *", f"cron '30 2 * *' has 4 fields instead of five (minute hour day month weekday); {EXAMPLE}"),
        (
            "0 30 2 * * *",
            f"cron '0 30 2 * * *' has 6 fields instead of five (seconds and years do not exist here); {EXAMPLE}",
        ),
        ("", f"cron '' has 0 fields instead of five (minute hour day month weekday); {EXAMPLE}"),
        ("cron(30 2 * * ? *)", f"cron 'cron(30 2 * * ? *)' is AWS's syntax; write Unix cron, {EXAMPLE}"),
        ("rate(1 hour)", f"cron 'rate(1 hour)' is AWS's syntax; write Unix cron, {EXAMPLE}"),
        ("@reboot", "cron '@reboot' has no meaning on Fargate: nothing boots"),
        (
            "@fortnightly",
            (
                "cron '@fortnightly' is not a macro; "
                "there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually"
            ),
        ),
        ("60 * * * *", "60 is out of range in the minute field of a cron expression: 0 to 59"),
        ("* * * * 8", "8 is out of range in the day of the week field of a cron expression: 0 to 7"),
        ("* * * FOO *", f"'FOO' is not a number in the month field of a cron expression (names: {MONTHS})"),
        ("* JAN * * *", "'JAN' is not a number in the hour field of a cron expression"),
        ("5-5 * * * *", "'5-5' is a range of one value, which some crons read as every value; write 5"),
        (
            "* 22-2/2 * * *",
            "'22-2/2' goes over the end of the field in steps, which crons read differently; list it",
        ),
        ("*/90 * * * *", "the step of '*/90' in the minute field must be from 1 to 59"),
        ("*/0 * * * *", "the step of '*/0' in the minute field must be from 1 to 59"),
        ("0 0 31 2 *", "cron '0 0 31 2 *' never fires: no such month has a day 31"),
        ("0 0 31 4,6,9,11 *", "cron '0 0 31 4,6,9,11 *' never fires: no such month has a day 31"),
        ("* * ? * *", "'?' is not valid in the day of the month field of a cron expression: '?' is AWS's; write '*'"),
        (
            "R * * * *",
            (
                "'R' is not valid in the minute field of a cron expression: "
                "random (R) and hashed (H) times are not deterministic"
            ),
        ),
        ("0 0 LW * *", f"'LW' is not valid in the day of the month field of a cron expression: {DAYS}"),
        ("0 0 1,15W * *", f"'15W' is not valid in the day of the month field of a cron expression: {DAYS}"),
        ("0 0 32W * *", "32 is out of range in the day of the month field of a cron expression: 1 to 31"),
        ("0 L * * *", f"'L' is not valid in the hour field of a cron expression: {DAYS}"),
        ("0 0 * * 5#6", f"'5#6' is not valid in the day of the week field of a cron expression: {DAYS}"),
        (
            "0 0 * * 5L",
            "'5L' is not valid in the day of the week field of a cron expression: the last such weekday is written L5",
        ),
        (
            "0 0 * * MON,5#2",
            ("'MON' cannot stand beside '5#2' in the day of the week field of a cron expression; write two schedules"),
        ),
        ("0 0 31W 2 *", "cron '0 0 31W 2 *' never fires: no such month has a day 31"),
        ("1,,2 * * * *", "'' is not valid in the minute field of a cron expression"),
        ("1--2 * * * *", "'1--2' is not valid in the minute field of a cron expression"),
    ],
)
def test_cron_refused(text: str, message: str) -> None:
    """What is no Unix cron, or never fires, or is read differently elsewhere, is refused with the reason."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_cron(text)


@pytest.mark.parametrize("macro", MACROS)
def test_macros(macro: str) -> None:
    """A macro is the expression that it stands for, in any case."""
    assert parse_cron(MACROS[macro]) == parse_cron(macro.upper())


def test_leap_day() -> None:
    """29 February fires every four years, and so does the 30th of any other month."""
    assert [frozenset({29}), frozenset({30})] == [parse_cron("0 0 29 2 *").days, parse_cron("0 0 30 2,3 *").days]


def test_either_day_field() -> None:
    """With both day fields set, Unix fires on either: the weekdays make up for a day that does not exist."""
    cron = parse_cron("0 0 31 2 MON")
    assert (False, False, frozenset({1})) == (cron.any_day, cron.any_weekday, cron.weekdays)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0 0 L * *", (set(), True, None, set())),
        ("0 0 l,15 2 *", ({15}, True, None, set())),
        ("0 0 15W * *", (set(), False, 15, set())),
        ("0 0 * * L5", (set(range(1, 32)), False, None, {(5, -1)})),
        ("0 0 * * fri#2,7#1", (set(range(1, 32)), False, None, {(5, 2), (0, 1)})),
    ],
)
def test_days_that_are_counted(text: str, found: tuple[set[int], bool, int | None, set[tuple[int, int]]]) -> None:
    """The last day, the nearest weekday, the last and the n-th weekday of a month; croniter takes them, too."""
    cron = parse_cron(text)

    assert croniter.is_valid(text)
    assert found == (cron.days, cron.last_day, cron.nearest_to, cron.nth_weekdays)


def test_spaces_are_one() -> None:
    """The text that is kept has single spaces."""
    assert "30 2 * * *" == parse_cron("  30   2 *\t* * ").text


_NUMBERS = {"minutes": (0, 59), "hours": (0, 23), "days": (1, 31), "months": (1, 12), "weekdays": (0, 6)}


@st.composite
def _fields(draw: st.DrawFn, low: int, high: int) -> str:
    """A field of a cron expression, of the forms that crontab(5) has, ranges over the end included."""
    a, b = draw(st.integers(low, high)), draw(st.integers(low, high))
    step = draw(st.integers(1, high - low))
    ranges = [f"{a}-{b}", f"{min(a, b)}-{max(a, b)}/{step}"] if a != b else []
    return draw(st.sampled_from(["*", f"*/{step}", str(a), f"{a}/{step}", f"{a},{b}", *ranges]))


@given(st.tuples(*(_fields(low, high) for low, high in _NUMBERS.values())))
def test_croniter_reads_the_same(fields: tuple[str, ...]) -> None:
    """An independent reader of Unix cron sees the same values in every field."""
    text = " ".join(fields)
    ours: Cron | None
    try:
        ours = parse_cron(text)
    except ValueError as error:
        problem = str(error)
        ours = None
    else:
        problem = "never fires"
    assert "never fires" in problem
    if ours is None:
        return
    theirs, _ = croniter.expand(text)
    for (name, (low, high)), expanded in zip(_NUMBERS.items(), theirs, strict=True):
        values = set(range(low, high + 1)) if expanded == ["*"] else {int(value) for value in expanded}
        assert values == getattr(ours, name)


@pytest.mark.parametrize(
    ("written", "minutes"), [("15 minutes", 15), ("1 hour", 60), ("2 days", 2880), ("90m", 90), (5, 5)]
)
def test_rates(written: object, minutes: int) -> None:
    """A rate is a number of minutes."""
    assert minutes == parse_rate(written)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("15", "'15' is not a rate: the unit is missing; write for instance 15 minutes"),
        ("often", "'often' is not a rate; write for instance 15 minutes, 1 hour or 2 days"),
        ("30s", "a rate is a whole number of minutes from one minute to 366 days, not '30s'"),
        ("0m", "a rate is a whole number of minutes from one minute to 366 days, not '0m'"),
        ("400 days", "a rate is a whole number of minutes from one minute to 366 days, not '400 days'"),
        (True, "True is not a rate: the unit is missing; write for instance 15 minutes"),
    ],
)
def test_rates_refused(written: object, message: str) -> None:
    """AWS knows no finer rate than a minute."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_rate(written)


@pytest.mark.parametrize(
    "written", ["2026-12-01T09:00", "2026-12-01 09:00:00", datetime.fromisoformat("2026-12-01T09:00")]
)  # local
def test_local_times(written: object) -> None:
    """A local time is read without a zone, with or without seconds."""
    assert "2026-12-01T09:00:00" == parse_local_time(written).isoformat()


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("2026-12-01T09:00Z", "'2026-12-01T09:00Z' carries an offset; write the local time and set timezone"),
        ("2026-12-01T09:00+01:00", "'2026-12-01T09:00+01:00' carries an offset; write the local time and set timezone"),
        ("tomorrow", "'tomorrow' is not a local time; write for instance 2026-12-01T09:00"),
        ("2026-12-01", "'2026-12-01' is not a local time; write for instance 2026-12-01T09:00"),
        (5, "5 is not a local time; write for instance 2026-12-01T09:00"),
        ("0001-01-01T00:00", "'0001-01-01T00:00' is out of range: the years 1970 to 2199"),
        (
            datetime(2026, 12, 1, tzinfo=UTC),
            "'2026-12-01T00:00:00+00:00' carries an offset; write the local time and set timezone",
        ),
    ],
)
def test_local_times_refused(written: object, message: str) -> None:
    """An offset is not ignored."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_local_time(written)


def test_impossible_dates() -> None:
    """The calendar is checked."""
    with pytest.raises(ValueError, match=r"^'2026-02-30T09:00' is not a time: day "):
        parse_local_time("2026-02-30T09:00")


def _message(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Schedule(**fields)
    (error,) = caught.value.errors()
    return str(error["ctx"]["error"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "a schedule has exactly one of cron, rate and at; found none of them"),
        ({"cron": "@daily", "rate": "1h"}, "a schedule has exactly one of cron, rate and at; found cron and rate"),
        (
            {"cron": "@daily", "start": "2027-01-01T00:00", "end": "2027-01-01T00:00"},
            "a schedule's start must be before its end",
        ),
        (
            {"at": "2027-01-01T00:00", "end": "2028-01-01T00:00"},
            "start and end make no sense with at, which is one moment",
        ),
        (
            {"at": "2026-03-29T01:30", "timezone": "Europe/London"},
            "2026-03-29T01:30:00 does not exist in Europe/London: the clocks skip it, and so would AWS",
        ),
        (
            {"cron": "@daily", "timezone": "Europe/Londn"},
            "'Europe/Londn' is not a time zone; did you mean 'Europe/London'?",
        ),
        (
            {"cron": "@daily", "timezone": "posix/UTC"},
            "'posix/UTC' is not a time zone; write an IANA name such as Europe/London",
        ),
        ({"cron": "@daily", "timezone": "../x"}, "'../x' is not a time zone; write an IANA name such as Europe/London"),
        (
            {"cron": "@daily", "timezone": "x" * 51},
            f"{'x' * 51!r} is not a time zone; write an IANA name such as Europe/London",
        ),
    ],
)
def test_schedules_refused(fields: dict[str, str], message: str) -> None:
    """What makes no sense together is refused, and so is a moment that the clocks skip."""
    assert message == _message(**fields)


def test_schedules() -> None:
    """A schedule keeps its cron as text, its rate in minutes and its moment as local time; UTC is the default zone."""
    daily = Schedule(cron="@daily", timezone="Europe/London", start="2027-01-01T00:00", end="2028-01-01T00:00")  # type: ignore[arg-type]
    once = Schedule(at="2026-12-01T09:00", timezone="Europe/London")  # type: ignore[arg-type]
    assert ("0 0 * * *", "Europe/London") == (daily.cron, daily.timezone)
    assert timedelta(days=365) == daily.end - daily.start  # type: ignore[operator]
    assert once.at == Schedule(at=once.at).at
    assert "UTC" == Schedule(at=once.at).timezone
