"""Which days of a month AWS's cron means: by date, by weekday, or counted from an end.

A month is known by the weekday of its first day and by its length. Weekdays count from 0, Sunday. Source: Scheduler
user guide, "Schedule types", wildcards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

SUNDAY: Final = 0
SATURDAY: Final = 6
WEEK: Final = 7
MONTH_NAMES: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
#: From Sunday, which is 0 in Unix cron and 1 in AWS's.
WEEKDAY_NAMES: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
#: As the `nth` of a `CountedWeekday`.
LAST: Final = -1


class MonthDays(Protocol):
    """A rule that picks days of any month."""

    def of(self, first: int, length: int) -> frozenset[int]:
        """Give the days of a month that begins on weekday `first` and has `length` days."""
        ...


@dataclass(frozen=True, kw_only=True)
class Dates:
    """`1,15` or `*`; a date that the month does not have never comes."""

    dates: frozenset[int]

    def of(self, first: int, length: int) -> frozenset[int]:
        """Give the dates that the month has."""
        del first
        return frozenset(date for date in self.dates if date <= length)


@dataclass(frozen=True, kw_only=True)
class LastDate:
    """`L`: the last day of the month."""

    def of(self, first: int, length: int) -> frozenset[int]:
        """Give the one day."""
        del first
        return frozenset({length})


@dataclass(frozen=True, kw_only=True)
class NearestWeekday:
    """`15W`: Monday to Friday, whichever is closest to the date.

    The guide does not say what happens at the edge of a month. Here it stays inside, as in Quartz, and a date that the
    month does not have never comes, as in the preview of AWS's console (winebarrel/cronplan#106: that differs from
    Quartz's otherwise for `31W`). What jobrunner sends is never at the edge.
    """

    date: int

    def of(self, first: int, length: int) -> frozenset[int]:
        """Give the one day, or none."""
        if self.date > length:
            return frozenset()
        weekday = (first + self.date - 1) % WEEK
        if weekday == SATURDAY:
            return frozenset({self.date - 1 if self.date > 1 else self.date + 2})
        if weekday == SUNDAY:
            return frozenset({self.date + 1 if self.date < length else self.date - 2})
        return frozenset({self.date})


@dataclass(frozen=True, kw_only=True)
class Weekdays:
    """`MON-FRI`: every such day of the week."""

    weekdays: frozenset[int]

    def of(self, first: int, length: int) -> frozenset[int]:
        """Give them all."""
        return frozenset(day for day in range(1, length + 1) if (first + day - 1) % WEEK in self.weekdays)


@dataclass(frozen=True, kw_only=True)
class CountedWeekday:
    """`6#2`, the second Friday, or `6L`, the last one; a fifth one that the month does not have never comes."""

    weekday: int
    nth: int

    def of(self, first: int, length: int) -> frozenset[int]:
        """Give the one day, or none."""
        days = range(1 + (self.weekday - first) % WEEK, length + 1, WEEK)
        if self.nth == LAST:
            return frozenset({days[-1]})
        return frozenset(days[self.nth - 1 : self.nth])
