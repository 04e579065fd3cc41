"""When schedules fire, by EventBridge Scheduler's rules.

cron and at are local times: one that the clocks skip never comes, one that occurs twice fires once, the first time.
A rate counts even hours, whatever the clocks do. Source: Scheduler user guide, "Schedule types", "Daylight savings
time on EventBridge Scheduler". Scheduler calls within the minute, not at its beginning.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Final

from jobrunner.core.aws_cron import YEARS
from jobrunner.core.wall_clock import changes, iso_seconds, moments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from jobrunner.core.schedule import Schedule

TWICE: Final = "occurs twice: fires once, the first"


@dataclass(frozen=True, kw_only=True)
class Fire:
    """One time at which schedules of a job start it.

    Attributes:
        utc: The scheduled time, which tells a run of the job from all others.
        local: The same moment in the schedule's zone.
        note: What is odd about it, in words, or None.
    """

    utc: datetime
    local: datetime
    note: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """Give a JSON object."""
        return {"utc": iso_seconds(self.utc), "local": self.local.isoformat(), "note": self.note}


@dataclass(frozen=True, kw_only=True)
class Oddity:
    """Local times of a schedule that the clocks skip, or show twice; `str()` says so.

    Attributes:
        first: The first of them.
        last: The last of them.
        count: How many there are.
        twice: Whether they occur twice; else they do not exist.
    """

    first: datetime
    last: datetime
    count: int
    twice: bool

    def __str__(self) -> str:
        first = f"{self.first:%Y-%m-%d %H:%M}"
        if self.count == 1:
            return f"{first} {TWICE if self.twice else 'does not exist: skipped'}"
        last = f"{self.last:%H:%M}" if self.last.date() == self.first.date() else f"{self.last:%Y-%m-%d %H:%M}"
        effect = (
            f"occur twice: {self.count} fire once, the first" if self.twice else f"do not exist: {self.count} skipped"
        )
        return f"{first} to {last} {effect}"


def fires(schedules: Sequence[Schedule], since: datetime) -> Iterator[Fire]:
    """Give all fires of a job's schedules from a moment on, that one included, in order.

    A moment that several schedules, or several expressions of one, have in common is one fire: the job has one run for
    a scheduled time. A rate without a start counts from its creation, which nothing here knows: it begins at `since`.
    """
    merged = heapq.merge(*(_fires(schedule, since.astimezone(UTC)) for schedule in schedules), key=lambda one: one.utc)
    for _, group in groupby(merged, key=lambda one: one.utc):
        first, *others = group
        yield _together(first, others) if others else first


def _together(first: Fire, others: Sequence[Fire]) -> Fire:
    notes = dict.fromkeys(fire.note for fire in (first, *others) if fire.note is not None)
    return replace(first, note="; ".join(notes) or None)


def _fires(schedule: Schedule, since: datetime) -> Iterator[Fire]:
    zone, end = schedule.zone, schedule.ends_at
    start = max(since, schedule.starts_at or since)
    found = _on_the_clock(schedule, zone, start) if schedule.rate is None else _at_a_rate(schedule, zone, start)
    return found if end is None else takewhile(lambda fire: fire.utc <= end, found)


def _at_a_rate(schedule: Schedule, zone: tzinfo, start: datetime) -> Iterator[Fire]:
    period, first, note = timedelta(minutes=schedule.rate or 0), schedule.starts_at, None
    if first is None:
        first, note = start, "counted from here: without a start, a rate counts from its creation"
    utc = first + -((first - start) // period) * period
    while utc.year in YEARS:
        yield Fire(utc=utc, local=utc.astimezone(zone), note=note)
        utc, note = utc + period, None


def _on_the_clock(schedule: Schedule, zone: tzinfo, start: datetime) -> Iterator[Fire]:
    skipped: list[datetime] = []
    for local in _local_times(schedule, start.astimezone(zone).replace(tzinfo=None)):
        shown = moments(local, zone)
        if not shown:
            skipped.append(local)
        elif shown[0] >= start:
            notes = [str(_oddity(skipped, twice=False))] if skipped else []
            notes += [TWICE] if len(shown) > 1 else []
            yield Fire(utc=shown[0], local=local.replace(tzinfo=zone), note="; ".join(notes) or None)
            skipped = []


def _local_times(schedule: Schedule, start: datetime) -> Iterator[datetime]:
    """Give the local times of a cron or an at, existing or not, each once."""
    if schedule.at is not None:
        return iter([schedule.at] if schedule.at >= start else [])
    merged = heapq.merge(*(cron.local_times(start) for cron in schedule.aws_crons))
    return (local for local, _ in groupby(merged))


def _oddity(times: Sequence[datetime], *, twice: bool) -> Oddity:
    return Oddity(first=times[0], last=times[-1], count=len(times), twice=twice)


def oddities(schedule: Schedule, since: datetime, until: datetime) -> Iterator[Oddity]:
    """Give what changes of the clocks do to a schedule between two moments, in order."""
    if schedule.rate is not None:
        return
    since, until = max(since, schedule.starts_at or since), min(until, schedule.ends_at or until)
    for change in changes(schedule.zone, since, until):
        first, after = change.span
        times = _local_times(schedule, max(first, since.astimezone(schedule.zone).replace(tzinfo=None)))
        odd = [*takewhile(after.__gt__, times)]
        if odd:
            yield _oddity(odd, twice=change.after < change.before)
