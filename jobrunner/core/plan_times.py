"""When a schedule fires, read from the request that AWS has: also of one that is in no file any more.

What `core.fires` says of a job's file, by the same rules. A month of many schedules is counted and not walked through:
only near a change of the clocks are the fires looked at one by one.
"""

from __future__ import annotations

import heapq
import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import groupby, product, takewhile
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.aws_cron import YEARS, AwsCron, parse_aws_cron
from jobrunner.core.wall_clock import changes, moments, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import tzinfo

_AT: Final = re.compile(r"at\(([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})\)")
_RATE: Final = re.compile(r"rate\(([1-9][0-9]{0,8}) (minute|hour|day)s?\)")
_UNITS: Final = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_KEPT: Final = 4096


@dataclass(frozen=True, kw_only=True)
class Times:
    """When one schedule fires; exactly one of cron, period and at.

    Attributes:
        zone: Of cron and at.
        cron: A cron expression.
        period: A rate.
        at: One moment, a local time.
        start: No fire before it, in UTC; a rate counts from it.
        end: No fire after it, in UTC.
    """

    zone: tzinfo
    cron: AwsCron | None = None
    period: timedelta | None = None
    at: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None

    def fires(self, since: datetime) -> Iterator[datetime]:
        """Give its fires in UTC from a moment on, that one included, in order.

        A rate without a start counts from its creation, which nothing here knows: it begins at `since`.
        """
        start = max(since, self.start or since)
        found = self._at_a_rate(start) if self.period is not None else self._on_the_clock(start)
        return found if self.end is None else takewhile(self.end.__ge__, found)

    def count(self, since: datetime, until: datetime) -> int:
        """Count its fires from a moment on and before another."""
        start = max(since, self.start or since)
        stop = until if self.end is None else min(until, self.end + _SECOND)
        if start >= stop:
            return 0
        if self.period is not None:
            first = next(self._at_a_rate(start))
            return max(0, -((first - stop) // self.period))
        if self.cron is None:
            return sum(1 for _ in takewhile(stop.__gt__, self._on_the_clock(start)))
        return self._count_cron(self.cron, start, stop)

    def _count_cron(self, cron: AwsCron, start: datetime, stop: datetime) -> int:
        total = 0
        # What occurs twice on the day before is over in its second hour, too.
        for change in changes(self.zone, start - _DAY, stop):
            near = max(start, change.at - _DAY)
            past = max(near, min(stop, change.at + _DAY))
            total += _count_even(cron, *self._local(start, near))
            total += sum(1 for _ in takewhile(past.__gt__, self._on_the_clock(near)))
            start = past
        return total + _count_even(cron, *self._local(start, stop))

    def _local(self, *times: datetime) -> Iterator[datetime]:
        return (moment.astimezone(self.zone).replace(tzinfo=None) for moment in times)

    def _at_a_rate(self, start: datetime) -> Iterator[datetime]:
        utc, period = moved(start, self.start or start, self.period or _DAY), self.period or _DAY
        while utc.year in YEARS:
            yield utc
            utc += period

    def _on_the_clock(self, start: datetime) -> Iterator[datetime]:
        [local] = self._local(start)
        shown = (moments(one, self.zone) for one in self._local_times(local))
        return (times[0] for times in shown if times and times[0] >= start)

    def _local_times(self, start: datetime) -> Iterator[datetime]:
        if self.cron is not None:
            return self.cron.local_times(start)
        return iter([self.at] if self.at is not None and self.at >= start else [])


def moved(now: datetime, start: datetime, period: timedelta) -> datetime:
    """Give the first moment from now on that is a whole number of periods after a start, or the start itself."""
    return start if start >= now else start + -((start - now) // period) * period


def times_of(body: Mapping[str, Any]) -> Times | None:
    """Read when a schedule fires from its CreateSchedule request; None when this is no way of AWS's to say it."""
    start, end = moment_of(body.get("StartDate")), moment_of(body.get("EndDate"))
    return _times(str(body.get("ScheduleExpression")), str(body.get("ScheduleExpressionTimezone", "UTC")), start, end)


def moment_of(text: Any) -> datetime | None:
    """Read `StartDate` or `EndDate`, ISO 8601 in UTC; None of none."""
    return None if text is None else datetime.fromisoformat(str(text)).astimezone(UTC)


@cache
def _times(expression: str, zone: str, start: datetime | None, end: datetime | None) -> Times | None:
    try:
        fields = _read(expression)
        return None if fields is None else Times(zone=zone_of(zone), start=start, end=end, **fields)
    except (ValueError, KeyError, OSError):  # what ZoneInfo says of names that it does not know
        return None


def _read(expression: str) -> dict[str, Any] | None:
    if (rate := _RATE.fullmatch(expression)) is not None:
        return {"period": int(rate[1]) * _UNITS[rate[2]]}
    if (one := _AT.fullmatch(expression)) is not None:
        return {"at": datetime.fromisoformat(one[1])}
    return {"cron": parse_aws_cron(expression)}


@lru_cache(maxsize=_KEPT)
def count_together(all_times: tuple[Times, ...], since: datetime, until: datetime) -> int:
    """Count the moments at which any of them fires: for one moment, a job has one run."""
    if len(all_times) == 1:
        return all_times[0].count(since, until)
    merged = heapq.merge(*(times.fires(since) for times in all_times))
    return sum(1 for _ in takewhile(lambda group: group[0] < until, groupby(merged)))


def _count_even(cron: AwsCron, start: datetime, stop: datetime) -> int:
    """Count the local times of an expression between two others, while the clocks do not change."""
    times = [time(hour, minute) for hour, minute in product(sorted(cron.hours), sorted(cron.minutes))]
    total = 0
    for day in _days(cron, start.date(), stop.date()):
        low = bisect_left(times, start.time()) if day == start.date() else 0
        high = bisect_left(times, stop.time()) if day == stop.date() else len(times)
        total += high - low
    return total


def _days(cron: AwsCron, first: date, last: date) -> Sequence[date]:
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    days = (
        date(year, month + 1, day) for year, month in (divmod(one, 12) for one in months)
        for day in cron.days_in(year, month + 1)
    )  # fmt: skip
    return [day for day in days if first <= day <= last]
