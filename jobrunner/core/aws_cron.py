"""AWS's cron expressions, `cron(minute hour day-of-month month day-of-week year)`: their grammar, and when they fire.

Source: Scheduler user guide, "Schedule types"; the wildcards of each field are its table. What it does not say is
refused rather than guessed at, except `a-b/n`, which AWS's console was seen to accept.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import product
from typing import TYPE_CHECKING, Final

from jobrunner.core.month_days import (
    LAST,
    MONTH_NAMES,
    SATURDAY,
    WEEK,
    WEEKDAY_NAMES,
    CountedWeekday,
    Dates,
    LastDate,
    MonthDays,
    NearestWeekday,
    Weekdays,
)
from jobrunner.core.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: The years that the expressions know.
YEARS: Final = range(1970, 2200)

_EXPRESSION: Final = re.compile(r"cron\(([^()]*)\)")
_NUMBER: Final = r"[0-9]{1,4}|[A-Z]{3}"
_ITEM: Final = re.compile(rf"(?:\*|({_NUMBER})(?:-({_NUMBER}))?)(?:/([0-9]{{1,4}}))?")
_NEAREST: Final = re.compile(r"([0-9]{1,2})W")
_LAST: Final = re.compile(r"([1-7]|[A-Z]{3})L")
_NTH: Final = re.compile(r"([1-7]|[A-Z]{3})#([1-5])")


@dataclass(frozen=True, kw_only=True)
class _Field:
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)
    steps: bool = True  # the guide lists no `/` for the day of the week
    wraps: bool = False  # and shows a range over the end, 20-2, for hours only


_MINUTE: Final = _Field(low=0, high=59)
_HOUR: Final = _Field(low=0, high=23, wraps=True)
_DAY: Final = _Field(low=1, high=31)
_MONTH: Final = _Field(low=1, high=12, names={name: number for number, name in enumerate(MONTH_NAMES, 1)})
_WEEKDAY: Final = _Field(
    low=1, high=7, names={name: number for number, name in enumerate(WEEKDAY_NAMES, 1)}, steps=False
)
_YEAR: Final = _Field(low=YEARS[0], high=YEARS[-1])
_COUNT: Final = 6


@dataclass(frozen=True, kw_only=True)
class AwsCron:
    """An expression and what it says, in the local time of whatever zone the schedule has.

    Attributes:
        text: As it is sent: `cron(30 2 * * ? *)`.
        days: Those of each of its months.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: MonthDays
    months: frozenset[int]
    years: frozenset[int]

    def days_in(self, year: int, month: int) -> list[int]:
        """Give the days of a month on which it fires, in order."""
        if year not in self.years or month not in self.months:
            return []
        monday_first, length = calendar.monthrange(year, month)
        return sorted(self.days.of((monday_first + 1) % WEEK, length))

    def local_times(self, start: datetime) -> Iterator[datetime]:
        """Give the local times at which it fires, in order, from a local time on, that one included."""
        times = [time(hour, minute) for hour, minute in product(sorted(self.hours), sorted(self.minutes))]
        first_day = start.date()
        for year, month in product(sorted(self.years), sorted(self.months)):
            if (year, month) < (start.year, start.month):
                continue
            for number in self.days_in(year, month):
                day = date(year, month, number)
                if day > first_day:
                    yield from (datetime.combine(day, one) for one in times)
                elif day == first_day:
                    yield from (datetime.combine(day, one) for one in times if one >= start.time())


def parse_aws_cron(text: str) -> AwsCron:
    """Read `cron(…)`.

    Raises:
        ValueError: AWS refuses it, or the user guide does not say what it means.
    """
    match = _EXPRESSION.fullmatch(text)
    fields = match[1].upper().split() if match is not None else []
    if len(fields) != _COUNT:
        raise ValueError(f"{quoted(text)} is not cron(minute hour day-of-month month day-of-week year)")
    minute, hour, day, month, weekday, year = fields
    return AwsCron(
        text=text,
        minutes=_values(_MINUTE, minute),
        hours=_values(_HOUR, hour),
        days=_days(day, weekday),
        months=_values(_MONTH, month),
        years=_values(_YEAR, year),
    )


def _days(day: str, weekday: str) -> MonthDays:
    if (day == "?") == (weekday == "?"):
        raise ValueError("exactly one of day of month and day of week is ?")
    return _dates(day) if weekday == "?" else _weekdays(weekday)


def _dates(part: str) -> MonthDays:
    if part == "L":
        return LastDate()
    if (nearest := _NEAREST.fullmatch(part)) is not None:
        return NearestWeekday(date=_number(_DAY, nearest[1]))
    return Dates(dates=_values(_DAY, part))


def _weekdays(part: str) -> MonthDays:
    if part == "L":  # "the last day of the week"
        return Weekdays(weekdays=frozenset({SATURDAY}))
    if (last := _LAST.fullmatch(part)) is not None:
        return CountedWeekday(weekday=_number(_WEEKDAY, last[1]) - 1, nth=LAST)
    if (nth := _NTH.fullmatch(part)) is not None:
        return CountedWeekday(weekday=_number(_WEEKDAY, nth[1]) - 1, nth=int(nth[2]))
    return Weekdays(weekdays=frozenset(number - 1 for number in _values(_WEEKDAY, part)))


def _values(kind: _Field, part: str) -> frozenset[int]:
    values: set[int] = set()
    for item in part.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{quoted(item)} means nothing")
        first, last, step = match.groups()
        values.update(_range(kind, item, first, last, step))
    return frozenset(values)


def _range(kind: _Field, item: str, first: str | None, last: str | None, step: str | None) -> Sequence[int]:
    stride = 1
    if step is not None:
        stride = int(step)
        if not (kind.steps and 1 <= stride <= kind.high):
            raise ValueError(f"{quoted(item)} is no step")
    start = kind.low if first is None else _number(kind, first)
    end = kind.high if first is None or (step and last is None) else _number(kind, last or first)
    if start <= end:
        return range(start, end + 1, stride)
    if not kind.wraps or step is not None:
        raise ValueError(f"{quoted(item)} goes over the end")
    return [*range(start, kind.high + 1), *range(kind.low, end + 1)]


def _number(kind: _Field, text: str) -> int:
    number = kind.names.get(text, -1) if text.isalpha() else int(text)
    if not kind.low <= number <= kind.high:
        raise ValueError(f"{text} is out of range")
    return number


def may_coincide(crons: Sequence[AwsCron]) -> bool:
    """Whether two of several expressions can fire at the same local time.

    A date may fall on any weekday, so every month is looked at in all shapes that it has in the Gregorian calendar.
    """
    return any(_meet(one, other) for number, one in enumerate(crons) for other in crons[number + 1 :])


def _meet(one: AwsCron, other: AwsCron) -> bool:
    together = one.minutes & other.minutes and one.hours & other.hours and one.years & other.years
    shapes = product(range(WEEK), {length for month in one.months & other.months for length in _lengths(month)})
    return bool(together) and any(one.days.of(*shape) & other.days.of(*shape) for shape in shapes)


def _lengths(month: int) -> set[int]:
    return {calendar.monthrange(year, month)[1] for year in (2027, 2028)}
