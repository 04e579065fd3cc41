"""Unix cron to AWS's cron(): values are converted, never digits, and what comes out is read again as AWS reads it.

One Unix expression may become several, because AWS sets a day of the month or a day of the week and never both, and
counts one weekday in an expression. Where it can be said in the expressions, no two of them share a minute; where it
cannot, `aws_cron.may_coincide` tells, and a run is known by its scheduled time (docs/adr/0007).

AWS's side: Scheduler user guide, "Schedule types".
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING, Final, TypeAlias

from jobrunner.core.aws_cron import parse_aws_cron
from jobrunner.core.cron import LONGEST
from jobrunner.core.month_days import LAST, WEEK, WEEKDAY_NAMES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from jobrunner.core.aws_cron import AwsCron
    from jobrunner.core.cron import Cron

#: Months, day of the month and day of the week of an expression.
_Days: TypeAlias = "tuple[frozenset[int], str, str]"

_MINUTES: Final = range(60)
_HOURS: Final = range(24)
_DATES: Final = range(1, 32)
_MONTHS: Final = range(1, 13)
_WEEKDAYS: Final = range(WEEK)
_FEBRUARY: Final = 2
_FEBRUARY_ENDS: Final = (28, 29)
#: Month → its shortest length.
_SHORTEST: Final = LONGEST | {_FEBRUARY: _FEBRUARY_ENDS[0]}
#: A weekday comes four times in a month, or five times.
_OCCURRENCES: Final = range(1, 6)
_FOURTH, _FIFTH = _OCCURRENCES[-2:]
#: The most expressions that two day fields become so that none share a day: `0 0 1-7 * MON` needs so many.
_MOST_APART: Final = 5
#: So many values look like a step, and so many in a row like a range, to whoever reads the expression.
_SERIES: Final = 3


def aws_crons(cron: Cron) -> tuple[AwsCron, ...]:
    """Give the expressions that together fire at exactly the minutes of a Unix one.

    Raises:
        ValueError: AWS cannot say it, or does not say what it would mean; with the reason and what to write instead.
    """
    minutes, hours = _written(cron.minutes, _MINUTES), _written(cron.hours, _HOURS)
    # The longest of all has 240 characters; AWS takes 256 (BC scheduler ScheduleExpression).
    return tuple(
        parse_aws_cron(f"cron({minutes} {hours} {day} {_written(months, _MONTHS)} {weekday} *)")
        for months, day, weekday in _days(cron)
    )


def _days(cron: Cron) -> list[_Days]:
    by_date, by_weekday = cron.any_weekday or not cron.any_day, not cron.any_weekday
    if (by_date and cron.days.issuperset(_dates_of(cron))) or (by_weekday and cron.weekdays.issuperset(_WEEKDAYS)):
        return [(cron.months, "*", "?")]
    dates = list(_by_date(cron)) if by_date else []
    if not by_weekday:
        return dates
    return dates + list(_by_weekday(cron, *(_apart(cron) if dates else _plain_and_counted(cron))))


def _dates_of(cron: Cron) -> range:
    return range(1, max(LONGEST[month] for month in cron.months) + 1)


def _by_date(cron: Cron) -> Iterator[_Days]:
    if cron.nearest_to is not None:
        _check_nearest(cron, cron.nearest_to)
        yield cron.months, f"{cron.nearest_to}W", "?"
    dates = cron.days & set(_dates_of(cron))
    if not cron.last_day:
        if dates:
            yield cron.months, _written(dates, _DATES), "?"
        return
    # AWS has no list with an L in it; and the last day of a month must not be said twice, as L and as a date.
    february = cron.months & {_FEBRUARY} if _FEBRUARY_ENDS[0] in dates else frozenset()
    beside: dict[frozenset[int], set[int]] = {}
    for month in sorted(cron.months):
        kept = {date for date in dates if date < _SHORTEST[month]}
        beside.setdefault(frozenset(kept.union(_FEBRUARY_ENDS) if month in february else kept), set()).add(month)
    for kept_dates, months in beside.items():
        if kept_dates:
            yield frozenset(months), _written(kept_dates, _DATES), "?"
    if cron.months - february:
        yield cron.months - february, "L", "?"


def _check_nearest(cron: Cron, date: int) -> None:
    """Refuse a W that may have to leave its month, or whose date a month may not have.

    The guide does not say what W means there. The preview of AWS's console differs from Quartz for the 31st
    (winebarrel/cronplan#106), and croniter from both.
    """
    last = min(_SHORTEST[month] for month in cron.months) - 1
    if not 1 < date <= last:
        raise ValueError(
            f"'{date}W' is at the edge of a month of cron {cron.text!r}, where crons read it differently and AWS does "
            f"not say how it does; write 2W to {last}W, or a day without W"
        )


def _by_weekday(cron: Cron, weekdays: Collection[int], counted: Collection[tuple[int, int]]) -> Iterator[_Days]:
    if weekdays:
        yield cron.months, "?", _written(weekdays, _WEEKDAYS, names=WEEKDAY_NAMES)
    for weekday, nth in sorted(counted):
        yield cron.months, "?", f"{weekday + 1}L" if nth == LAST else f"{weekday + 1}#{nth}"


def _plain_and_counted(cron: Cron) -> tuple[frozenset[int], set[tuple[int, int]]]:
    """Give the weekdays of every week, and those that are counted, none of which is another one's day."""
    weekdays, counted = set(cron.weekdays), set()
    for weekday in {weekday for weekday, _ in cron.nth_weekdays}:
        nths = {nth for one, nth in cron.nth_weekdays if one == weekday}
        if LAST in nths:  # it is the fourth one or the fifth
            nths = (nths - {LAST}) | {_FIFTH} if _FOURTH in nths else nths - {_FIFTH}
        if nths.issuperset(_OCCURRENCES):
            weekdays.add(weekday)
        else:
            counted |= {(weekday, nth) for nth in nths}
    return frozenset(weekdays), counted


def _apart(cron: Cron) -> tuple[frozenset[int], set[tuple[int, int]]]:
    """Give the weekdays that are due beside the dates, without the dates' own days where that can be said.

    The second Monday is a day from 8 to 14. So every Monday but those from 1 to 7 is the second to the fifth; but no
    expression means every Friday but the 13th.
    """
    free = set()
    for nth in _OCCURRENCES:
        its_days = set(_dates_of(cron)[WEEK * (nth - 1) : WEEK * nth])
        if cron.last_day or 0 < len(its_days & cron.days) < len(its_days):
            return cron.weekdays, set()
        if not its_days & cron.days:
            free.add(nth)
    counted = set(product(cron.weekdays, free))
    return (frozenset(), counted) if 1 + len(counted) <= _MOST_APART else (cron.weekdays, set())


def _written(values: Collection[int], whole: range, *, names: Sequence[str] = ()) -> str:
    """Write a field: a step only where the guide lists it, which is not with names; else runs and single values."""
    numbers = sorted(values)
    if len(numbers) == len(whole):
        return "*"
    gaps = {after - before for before, after in pairwise(numbers)}
    if not names and len(numbers) >= _SERIES and len(gaps) == 1:
        [gap] = gaps
        if gap > 1 and numbers[-1] + gap not in whole:
            return f"{numbers[0]}/{gap}"
    said = names or [str(number) for number in range(whole.stop)]
    return ",".join(_run(said[first : last + 1]) for first, last in _runs(numbers))


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give the first and the last of each run of successive numbers."""
    start = numbers[0]
    for before, after in pairwise([*numbers, numbers[-1] + 2]):
        if after != before + 1:
            yield start, before
            start = after


def _run(said: Sequence[str]) -> str:
    return f"{said[0]}-{said[-1]}" if len(said) >= _SERIES else ",".join(said)
