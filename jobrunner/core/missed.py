"""Which runs the schedules at AWS were to start, and which of them nobody has heard of.

EventBridge Scheduler tells nobody that it could not start something, for want of a permission for instance, and RunTask
that places nothing makes no event (containers-roadmap #1705). So what was due is worked out from the schedules as they
are, and only from when they were last written: nobody knows what they said before. A one-off that is over is deleted,
and promises nothing any more.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, count, groupby, pairwise, takewhile
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.naming import scheduled_run_id
from jobrunner.core.outcome import iso
from jobrunner.core.plan_times import Times, times_of
from jobrunner.core.wall_clock import iso_seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

#: How long after its time a run may be told of before it counts as missed. A schedule is due to the minute, not to the
#: second ("Schedule types", Scheduler user guide), and what happens is told to the log group a moment later.
GRACE: Final = timedelta(minutes=5)
#: "Changes that you make close to" a schedule's time may come too late for it ("Managing a schedule", Scheduler user
#: guide, which does not say how close); its own precision is a minute.
_TOO_LATE: Final = timedelta(minutes=1)
#: Why nothing can be said of past fires where nobody keeps what happened.
NO_RULE: Final = "whether it ran is not known: the rule of deploy/history.yaml is not there"


@dataclass(frozen=True, kw_only=True)
class Duty:
    """One schedule of a job at AWS: what it promises, and since when.

    Attributes:
        job: Whose it is.
        name: The schedule's.
        expression: As AWS has it.
        times: When it fires; None when jobrunner cannot read it.
        enabled: Whether it fires at all.
        written: When it was created, or last changed.
        window: How much later than its time it may start its run (`jitter`).
    """

    job: str
    name: str
    expression: str
    times: Times | None
    enabled: bool
    written: datetime
    window: timedelta = timedelta()

    @classmethod
    def of(cls, job: str, body: Mapping[str, Any], written: datetime) -> Duty:
        """Read a schedule from its CreateSchedule request."""
        minutes = (body.get("FlexibleTimeWindow") or {}).get("MaximumWindowInMinutes") or 0
        return cls(
            job=job,
            name=str(body["Name"]),
            expression=str(body["ScheduleExpression"]),
            times=times_of(body),
            enabled=body["State"] == "ENABLED",
            written=written,
            window=timedelta(minutes=minutes),
        )

    @property
    def loose(self) -> timedelta | None:
        """The period of a rate without a start, which counts from wherever AWS begins; None of all else."""
        return None if self.times is None or self.times.start is not None else self.times.period


@dataclass(frozen=True, kw_only=True)
class Missed:
    """A fire that nothing is known to have come of.

    Attributes:
        job: Whose it was.
        due: Its scheduled time, in UTC.
        schedules: The names of the schedules that were to fire then.
    """

    job: str
    due: datetime
    schedules: tuple[str, ...]

    @property
    def run_id(self) -> str:
        """The id that the run would have."""
        return scheduled_run_id(self.job, iso_seconds(self.due))

    @property
    def reason(self) -> str:
        """What is known of why, in words."""
        return f"the schedule {' and '.join(self.schedules)} was due, and no run of it is known"

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object."""
        return {"job": self.job, "run_id": self.run_id, "due": iso(self.due), "missed": True, "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class Attendance:
    """What became of the fires of one job's schedules.

    Attributes:
        job: Whose.
        since: From when on they were looked at: later than was asked for where nobody knows what was due before.
        watched: Whether any of the schedules fires at all: none is that is paused.
        fires: How many times they were due.
        missed: Those without a run, oldest first.
        unknown: Why it is not known of all of them, in words; none when it is.
    """

    job: str
    since: datetime
    watched: bool
    fires: int
    missed: tuple[Missed, ...] = ()
    unknown: tuple[str, ...] = ()

    def without(self, times: Collection[datetime]) -> Attendance:
        """Give it without those that were made up for: a backfill has run the job for their time."""
        return replace(self, missed=tuple(one for one in self.missed if one.due not in times))


def attendance(
    job: str,
    duties: Sequence[Duty],
    ran: Collection[datetime],
    *,
    since: datetime,
    until: datetime,
    grace: timedelta = GRACE,
    kept_since: datetime | None,
) -> Attendance:
    """Hold the fires of a job's schedules against its runs.

    A fire counts when its time, the schedule's window and the grace have passed. A schedule that is retried by
    EventBridge Scheduler until its `start_deadline` may start its run later still: then it is missed no more.

    Args:
        job: Whose schedules they are.
        duties: Its schedules; what is paused promises nothing.
        ran: The scheduled times of its runs; of runs that were skipped, because of another one, as well.
        since: From here on.
        until: Not later than this.
        grace: As above.
        kept_since: Since when somebody keeps what happens; None when nobody does. Then a fire without a run proves
            nothing.
    """
    spans = [_span(one, since=since, until=until, grace=grace, kept_since=kept_since) for one in duties if one.enabled]
    exact = [span for span in spans if span.duty.loose is None]
    loose = [(span, period) for span in spans if (period := span.duty.loose) is not None]
    fires, missed = _held(job, heapq.merge(*map(_fires, exact)), frozenset(ran))
    counted, gaps, unknown = _loose(job, loose, exact, ran, until=until)
    unknown += [f"{one.duty.name} cannot be read: {one.duty.expression}" for one in spans if one.duty.times is None]
    together = tuple(sorted((*missed, *gaps), key=lambda one: one.due))
    if kept_since is None and (together or unknown):
        together, unknown = (), [NO_RULE]
    return Attendance(
        job=job,
        since=max([span.start for span in spans], default=since),
        watched=bool(spans),
        fires=fires + counted,
        missed=together,
        unknown=tuple(unknown),
    )


@dataclass(frozen=True, kw_only=True)
class _Span:
    """What is looked at of one schedule: from `start` to `stop`, both included."""

    duty: Duty
    start: datetime
    stop: datetime


def _span(duty: Duty, *, since: datetime, until: datetime, grace: timedelta, kept_since: datetime | None) -> _Span:
    start = max(since, duty.written + _TOO_LATE, kept_since or since)
    return _Span(duty=duty, start=start, stop=until - grace - duty.window)


def _fires(span: _Span) -> Iterator[tuple[datetime, str]]:
    times = span.duty.times
    found = iter(()) if times is None else takewhile(span.stop.__ge__, times.fires(span.start))
    return ((due, span.duty.name) for due in found)


def _held(job: str, due: Iterable[tuple[datetime, str]], ran: Collection[datetime]) -> tuple[int, list[Missed]]:
    """Count the fires, and give those without a run; what several schedules are due for is one."""
    fires, missed = 0, []
    for time, group in groupby(due, key=lambda one: one[0]):
        fires += 1
        if time not in ran:
            missed.append(Missed(job=job, due=time, schedules=tuple(name for _, name in group)))
    return fires, missed


def _loose(
    job: str,
    loose: Sequence[tuple[_Span, timedelta]],
    exact: Sequence[_Span],
    ran: Collection[datetime],
    *,
    until: datetime,
) -> tuple[int, list[Missed], list[str]]:
    """Look for gaps in the runs of a rate without a start: it is known how often it fires, and not when."""
    looked = [(span, period) for span, period in loose if span.start <= span.stop]
    if not looked:
        return 0, [], []
    if len(looked) > 1:
        names = " and ".join(span.duty.name for span, _ in looked)
        return 0, [], [f"{names} are rates without a start, whose runs cannot be told apart"]
    [(span, period)] = looked
    others = {due for one in exact for due, _ in _fires(replace(one, start=span.start, stop=until))}
    seen = sorted(time for time in ran if span.start <= time and time not in others)
    if not seen:
        silent = f"{span.duty.name}, {span.duty.expression}, has started nothing since {iso_seconds(span.start)}"
        return 0, [], [silent] if span.stop - span.start >= period else []
    # At a time that the others are due as well there is one run, which is theirs above.
    times = [time for time in _gaps(span, period, seen) if time <= span.stop and time not in others]
    came = sum(time <= span.stop for time in seen)
    return came + len(times), [Missed(job=job, due=time, schedules=(span.duty.name,)) for time in times], []


def _gaps(span: _Span, period: timedelta, seen: Sequence[datetime]) -> Iterator[datetime]:
    """Give the times before, between and after those that were seen, a period apart."""
    before = takewhile(span.start.__le__, (seen[0] - number * period for number in count(1)))
    between = (
        time for one, other in pairwise(seen) for time in takewhile((other - period / 2).__gt__, _after(one, period))
    )
    after = takewhile(span.stop.__ge__, _after(seen[-1], period))
    return chain(before, between, after)


def _after(time: datetime, period: timedelta) -> Iterator[datetime]:
    return (time + number * period for number in count(1))
