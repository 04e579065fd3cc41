"""Which days a report is about, in its time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from jobrunner.core.figures import moment_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, tzinfo

    from jobrunner.core.figures import Figures

_DAY: Final = timedelta(days=1)
_INSTANT: Final = timedelta(microseconds=1)
#: Microseconds of a quarter of an hour. The offsets of all time zones have been multiples of it since 1986, when
#: Nepal's became +05:45 (tz database, file `asia`): within one, the date does not change.
_QUARTER: Final = 900_000_000
_MONTH_LETTERS: Final = len("2026-11")
#: Of a longer period only the days with a run are drawn: one run with a made-up time, of the year 9999 say, must not
#: make a chart of three million days.
MOST_DAYS: Final = 3_660


@dataclass(frozen=True, kw_only=True)
class Period:
    """Whole days of a time zone.

    Attributes:
        days: Each, as `2026-11-24`, in order.
        day_of: The days of the runs, in the order of their figures.
    """

    days: tuple[str, ...]
    day_of: tuple[str, ...]

    @classmethod
    def of(cls, since: datetime | None, until: datetime | None, figures: Sequence[Figures], zone: tzinfo) -> Period:
        """Give the days from `since` to before `until`; where one is missing, to the run that is farthest there."""
        quarters = [one.due // _QUARTER for one in figures]
        dates = {quarter: _date(moment_of(quarter * _QUARTER), zone) for quarter in set(quarters)}
        named = {quarter: day.isoformat() for quarter, day in dates.items()}
        ends = [*dates.values(), *([] if since is None else [_date(since, zone)])]
        # Without a run there is nothing to draw in the days before `until` if it does not say since when.
        if until is not None and ends:
            ends.append(max(min(ends), _date(until - _INSTANT, zone)))
        return cls(days=tuple(_between(ends, set(named.values()))), day_of=tuple(named[one] for one in quarters))

    def words(self) -> str:
        """Give `1 to 24 November 2026` and the like."""
        if not self.days:
            return "No runs"
        first, last = self.days[0], self.days[-1]
        if first == last:
            return spelled_day(last)
        same_month = first[:_MONTH_LETTERS] == last[:_MONTH_LETTERS]
        return f"{date.fromisoformat(first).day if same_month else spelled_day(first)} to {spelled_day(last)}"


def _between(ends: Sequence[date], used: set[str]) -> Iterable[str]:
    if not ends:
        return ()
    first, last = min(ends), max(ends)
    number = (last - first).days + 1
    if number > MOST_DAYS:
        return sorted({*used, first.isoformat(), last.isoformat()})
    return ((first + count * _DAY).isoformat() for count in range(number))


def _date(moment: datetime, zone: tzinfo) -> date:
    """Give the date of a time that anybody may have made up."""
    try:
        return moment.astimezone(zone).date()
    except OverflowError:
        return moment.date()


def spelled_day(text: str) -> str:
    """Give `24 November 2026` for `2026-11-24`."""
    day = date.fromisoformat(text)
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


# As English has them, whatever the locale of the machine says.
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
