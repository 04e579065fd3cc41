"""What was due and did not run, and what ran last and failed: what a monitor wants to know of a project."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.figures import moment_of
from jobrunner.core.history import SCHEDULE, Query
from jobrunner.core.missed import GRACE, Attendance, Duty, attendance
from jobrunner.core.notification import wanted
from jobrunner.core.outcome import iso
from jobrunner.ops.history import sync
from jobrunner.ops.parallel import THREADS
from jobrunner.ops.past import matching
from jobrunner.ops.patience import patiently
from jobrunner.ops.scheduled import read_ours

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from jobrunner.core.history import Entry
    from jobrunner.core.settings import Settings
    from jobrunner.ops.notify import Telling
    from jobrunner.ops.ports import Ports

A_DAY: Final = timedelta(days=1)
#: Who else runs a job for a scheduled time that has passed.
_MAKES_UP: Final = ("backfill", "manual", "library")
#: The end of a job's last run is seldom further back.
_FIRST_LOOK: Final = 10
#: Runs of a job among which those are looked for that have succeeded after a failure.
_RECENT: Final = 50


@dataclass(frozen=True, kw_only=True)
class Health:
    """How a job is.

    Attributes:
        job: Its name.
        attendance: What became of its fires; None when it has no schedules.
        last: Its last run that is over and did not end on purpose, skipped, replaced or stopped by somebody; None when
            there is none.
    """

    job: str
    attendance: Attendance | None = None
    last: Entry | None = None

    @property
    def failed(self) -> bool:
        """Whether its last run has not succeeded."""
        return self.last is not None and self.last.outcome is not None and not self.last.outcome.succeeded

    @property
    def ok(self) -> bool:
        """Whether nothing was missed, the last run was a success, and all of that is known."""
        known = self.attendance
        return not self.failed and (known is None or not (known.missed or known.unknown))

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object."""
        known, outcome = self.attendance, None if self.last is None else self.last.outcome
        last = None
        if outcome is not None:
            last = {
                "run_id": outcome.run_id,
                "verdict": str(outcome.verdict),
                "reason": outcome.reason,
                "exit_code": outcome.exit_code,
                "stopped_at": iso(outcome.stopped_at),
            }
        return {
            "job": self.job,
            "ok": self.ok,
            "since": None if known is None else iso(known.since),
            "fires": None if known is None else known.fires,
            "missed": [] if known is None else [one.run_id for one in known.missed],
            "unknown": [] if known is None else list(known.unknown),
            "last": last,
        }


def attendances(
    ports: Ports,
    settings: Settings,
    *,
    jobs: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    grace: timedelta | None = None,
    threads: int | None = None,
) -> Sequence[Attendance]:
    """Say what became of the fires of each job that has schedules at AWS, by the job's name.

    A fire is not missed when its run was skipped because of another one, nor when a backfill has run the job for its
    time. What was due before a schedule was last written is not known.

    Args:
        ports: The outside.
        settings: Whose schedules.
        jobs: Only these jobs; None for all.
        since: From here on; a day before the end by default.
        until: To here; now by default.
        grace: How long after its time, and its window, a run may be told of; `GRACE` by default.
        threads: Calls at once; as many as AWS allows by default.

    Raises:
        AwsError: Schedules or history cannot be read: nobody knows what was missed.
    """
    until = until or ports.clock.now()
    since = since or until - A_DAY
    _read_on(ports, settings)
    grace = GRACE if grace is None else grace
    duties = _duties(ports, settings, jobs=jobs, threads=threads or THREADS)
    ran = _ran(ports, settings, duties, since)
    kept = _kept_since(ports, settings, since)
    found = (
        attendance(job, own, ran[job], since=since, until=until, grace=grace, kept_since=kept)
        for job, own in sorted(duties.items())
    )
    return [_made_up(ports, settings, one) for one in found]


def checkup(
    ports: Ports,
    settings: Settings,
    *,
    jobs: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    grace: timedelta | None = None,
    threads: int | None = None,
) -> Sequence[Health]:
    """Say how each job is, by its name; the arguments and errors are those of `attendances`.

    A job that is named, or that has schedules which fire, is judged by its last run however old it is: that of last
    week counts until the next one succeeds. Any other by its last run of the interval, if it has one.
    """
    until = until or ports.clock.now()
    since = since or until - A_DAY
    known = {
        one.job: one
        for one in attendances(ports, settings, jobs=jobs, since=since, until=until, grace=grace, threads=threads)
    }
    lasting = {job for job, one in known.items() if one.watched} | set(jobs or ())
    others = _seen(ports, settings, since, until) if jobs is None else set()
    return [
        Health(
            job=job,
            attendance=known.get(job),
            last=_last(ports, settings, job, since=None if job in lasting else since, until=until),
        )
        for job in sorted({*known, *lasting, *others})
    ]


def _read_on(ports: Ports, settings: Settings) -> None:
    synced = sync(ports, settings)
    if synced.trouble is not None:
        raise synced.trouble


def _duties(
    ports: Ports, settings: Settings, *, jobs: Collection[str] | None, threads: int
) -> Mapping[str, Sequence[Duty]]:
    """Read the schedules as they are, by job."""
    found = read_ours(ports, settings, jobs=jobs, threads=threads)
    # Afterwards: one that is changed meanwhile is then known by the later time, and not taken for older than it is.
    written = patiently(ports.clock, lambda: ports.schedules.written(settings.schedule_group)) if found else {}
    duties: dict[str, list[Duty]] = {}
    for name, (job, body) in found.items():
        if name in written:
            duties.setdefault(job, []).append(Duty.of(job, body, written[name]))
    return duties


def _ran(
    ports: Ports, settings: Settings, duties: Mapping[str, Sequence[Duty]], since: datetime
) -> Mapping[str, set[datetime]]:
    """Give the scheduled times of what schedules have started, by job; of skipped runs as well."""
    ran: dict[str, set[datetime]] = {job: set() for job in duties}
    query = Query(project=settings.project, stage=settings.stage, since=since, trigger=SCHEDULE)
    for one in ports.history.figures(query):
        if one.job in ran:
            ran[one.job].add(moment_of(one.due))
    return ran


def _kept_since(ports: Ports, settings: Settings, since: datetime) -> datetime | None:
    group = settings.history_log_group
    if group is None:
        return None
    kept = patiently(ports.clock, lambda: ports.logs.kept_since(group, ports.clock.now()))
    # A local endpoint has its rule from the beginning, and may have a clock of its own for its schedules.
    return since if kept is not None and ports.connection.endpoint_id is not None else kept


def _made_up(ports: Ports, settings: Settings, found: Attendance) -> Attendance:
    """Leave out what was run later for the time of a fire."""
    if not found.missed:
        return found
    query = Query(project=settings.project, stage=settings.stage, job=found.job, since=found.missed[0].due)
    later = (one for trigger in _MAKES_UP for one in ports.history.entries(replace(query, trigger=trigger)))
    return found.without({one.identity.scheduled_time for one in later if one.identity.scheduled_time is not None})


def _seen(ports: Ports, settings: Settings, since: datetime, until: datetime) -> set[str]:
    query = Query(project=settings.project, stage=settings.stage, since=since, until=until)
    return {one.job for one in ports.history.figures(query)}


def _last(ports: Ports, settings: Settings, job: str, *, since: datetime | None, until: datetime) -> Entry | None:
    query = Query(project=settings.project, stage=settings.stage, job=job, since=since, until=until, limit=1)
    found = matching(ports.history, query, _counts, first=_FIRST_LOOK)
    return found[0] if found else None


def _counts(entry: Entry) -> bool:
    return entry.outcome is not None and not wanted(entry.outcome)


def tell(ports: Ports, settings: Settings, telling: Telling, found: Iterable[Health], *, since: datetime) -> int:
    """Tell whom the jobs notify of what was missed, and of scheduled runs that have succeeded after a failure.

    Each is told once by a machine; give how many were not told before.

    Args:
        ports: The outside; history is not read on.
        settings: Whose jobs.
        telling: Who tells.
        found: How the jobs are.
        since: Of runs that were due before, nobody is told any more.
    """
    told = 0
    for one in found:
        told += sum(telling.missed(missed) for missed in (one.attendance.missed if one.attendance is not None else ()))
        recent = ports.history.entries(
            Query(project=settings.project, stage=settings.stage, job=one.job, limit=_RECENT)
        )
        before = next((number for number, run in enumerate(recent) if run.due < since and _counts(run)), len(recent))
        told += telling.recoveries(recent[: before + 1])
    return told
