"""What history knows of a run: what the notes of its launches and executions come to (`core.history_notes`).

`entry_of` makes one run of them; the same notes come to the same run, whatever order they came in. What none of them
tells is unknown: the bill of a run of which an attempt is missing, for instance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.history_notes import (
    ExecutionNote,
    Identity,
    LaunchNote,
    Note,
    Teller,
    better,
    note_from_json,
)
from jobrunner.core.outcome import Outcome, Verdict, iso
from jobrunner.core.retry import ON_DEMAND, SPOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from jobrunner.core.connection import Connection

__all__ = [
    "SCHEDULE",
    "SKIPPED",
    "Entry",
    "ExecutionNote",
    "Identity",
    "LaunchNote",
    "Note",
    "Query",
    "Source",
    "Teller",
    "better",
    "entry_of",
    "note_from_json",
]

SCHEDULE: Final = "schedule"
#: What a run is called that never began because another one was under way.
SKIPPED: Final = "skipped"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Whose runs, and where: one stage of a project at one endpoint.

    Attributes:
        project: Its name.
        stage: Its name, or None.
        region: Of the cluster.
        endpoint_url: Of the AWS endpoint, None for AWS's own.
        endpoint_id: Which local endpoint; None elsewhere.
    """

    project: str
    stage: str | None
    region: str
    endpoint_url: str | None = None
    endpoint_id: str | None = None

    @classmethod
    def at(cls, connection: Connection, *, project: str, stage: str | None) -> Source:
        """Give the source of a project's stage where a connection leads."""
        return cls(
            project=project,
            stage=stage,
            region=connection.region,
            endpoint_url=connection.endpoint_url,
            endpoint_id=connection.endpoint_id,
        )


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One run of history.

    Attributes:
        source: Whose it is.
        identity: Which run.
        launches: Its launches, oldest first; none of a run of which only an execution is known.
        outcome: How the whole run ended, with the bill of all attempts; None while it is not over.
        at: When its first launch was accepted, or what is known of it began.
    """

    source: Source
    identity: Identity
    launches: tuple[LaunchNote, ...]
    outcome: Outcome | None
    at: datetime

    @property
    def due(self) -> datetime:
        """The time by which history sorts and counts it: that of a schedule for what a schedule started, else `at`.

        So a run of 00:00 belongs to its day, however many milliseconds its delivery took; and a backfill belongs to
        the day that pays for it.
        """
        scheduled = self.identity.scheduled_time
        return scheduled if self.identity.trigger == SCHEDULE and scheduled is not None else self.at

    @property
    def skipped(self) -> bool:
        """Whether it never began, because another run was under way."""
        reason = None if self.outcome is None else self.outcome.reason
        return reason == SKIPPED and all(one.task_arn is None for one in self.launches)

    @property
    def attempts(self) -> int:
        """How many attempts it has come to."""
        if self.skipped:
            return 0
        ended = [self.outcome.attempt] if self.outcome is not None else []
        return max([*ended, *(one.attempt for one in self.launches)], default=0)

    @property
    def complete(self) -> bool:
        """Whether all of its tasks are known, with their ends."""
        if self.outcome is None or any(one.outcome is None for one in self.launches):
            return False
        known = {one.task_arn for one in self.launches}
        return _all_known(self.outcome, self.launches) and self.outcome.task_arn in {None, *known}

    def to_json(self) -> dict[str, Any]:
        """Give the outcome's keys, null where there is no outcome yet, plus trigger and scheduled_time."""
        identity = self.identity
        known = self.outcome.to_json() if self.outcome is not None else _unfinished(self)
        return {**known, "trigger": identity.trigger, "scheduled_time": iso(identity.scheduled_time)}


def _unfinished(entry: Entry) -> dict[str, Any]:
    last = entry.launches[-1] if entry.launches else None
    task = None if last is None else last.task
    blank = Outcome(
        run_id=entry.identity.run_id,
        job=entry.identity.job,
        attempt=entry.attempts or 1,
        verdict=Verdict.LOST,
        reason="",
        exit_code=None,
        detail="",
        task_arn=None if task is None else task.task_arn,
        created_at=None if last is None else last.at,
        pull_started_at=None if task is None else task.pull_started_at,
        started_at=None if task is None else task.started_at,
        capacity=_capacity(last),
        earlier=tuple(one.outcome for one in entry.launches[:-1] if one.outcome is not None),
    )
    return {**blank.to_json(), "verdict": None, "reason": None, "detail": None, "logs": None}


def _capacity(last: LaunchNote | None) -> str | None:
    task = None if last is None else last.task
    if task is None or (task.capacity_provider is None and task.launch_type is None):
        return None
    return SPOT if task.on_spot else ON_DEMAND


def entry_of(source: Source, notes: Iterable[Note]) -> Entry:
    """Make one run of all that was told of it; of every key one note, in any order, at least one."""
    told = list(notes)
    launches = _launches([note for note in told if isinstance(note, LaunchNote)])
    executions = sorted((note for note in told if isinstance(note, ExecutionNote)), key=_number)
    known: Sequence[Note] = launches or executions
    return Entry(
        source=source,
        identity=known[-1].identity,
        launches=tuple(launches),
        outcome=_outcome(launches, executions[-1] if executions else None),
        at=min(note.at for note in known),
    )


def _launches(notes: list[LaunchNote]) -> list[LaunchNote]:
    """Sort them, and leave out those that turned out to have made another one's task."""
    return sorted((one for one in notes if not any(_became(one, other) for other in notes)), key=_order)


def _became(one: LaunchNote, other: LaunchNote) -> bool:
    """Tell whether a launch that nobody knew a task of was another one, or has made way for it.

    It may have been planned when it was noted; or its process was only slow to tell of the task.
    """
    if one.task_arn is not None or one is other:
        return False
    if one.outcome is None and other.attempt > one.attempt:
        return True
    same = other.attempt == one.attempt and other.task_arn is not None
    return same and (other.stopped_at is None or other.stopped_at >= one.at)


def _order(note: LaunchNote) -> tuple[int, datetime, str]:
    return note.attempt, note.at, note.key


def _number(note: ExecutionNote) -> tuple[int, datetime, str]:
    return note.number, note.at, note.name


def _outcome(launches: Sequence[LaunchNote], execution: ExecutionNote | None) -> Outcome | None:
    end = None if execution is None else execution.end
    if not launches:
        return end
    *before, last = launches
    if execution is not None and end is not None and _goes_on(execution.at, end, launches):
        others = [one for one in launches if one.task_arn is None or one.task_arn != end.task_arn]
        return _whole(replace(end, attempt=max(end.attempt, last.attempt)), others)
    if last.outcome is None:
        return None
    if not last.outcome.succeeded and execution is not None and execution.running:
        return None  # it waits for its next attempt, or the state machine has not looked yet
    return _whole(last.outcome, before)


def _goes_on(at: datetime, end: Outcome, launches: Sequence[LaunchNote]) -> bool:
    """Tell whether a run came to its end as an execution tells it, and not with its last launch that is known.

    Args:
        at: When the execution ended.
        end: The end that it tells.
        launches: Those that are known, at least one.
    """
    last = launches[-1]
    if end.attempt > last.attempt:
        return True
    if end.task_arn is not None:
        # Of a task, what ECS has said is more than what the execution says.
        known = {one.task_arn: one.outcome for one in launches}
        unheard = end.attempt == last.attempt and last.at < at
        return (end.task_arn == last.task_arn and last.outcome is None) or (end.task_arn not in known and unheard)
    if last.outcome is None or last.outcome.succeeded or last.task_arn is None:
        # An execution that is stopped, or breaks, leaves its task running; and cannot undo what has succeeded.
        return False
    if end.verdict is Verdict.LOST or (end.verdict, end.reason) == (last.outcome.verdict, last.outcome.reason):
        return False
    return last.stopped_at is None or last.stopped_at < at


def _whole(end: Outcome, before: Sequence[LaunchNote]) -> Outcome:
    """Give the end of the whole run; its bill is unknown when that of an attempt is: it is never a guess."""
    whole = end.after([one.outcome for one in before if one.outcome is not None])
    known = all(one.outcome is not None for one in before) and _all_known(end, before)
    return whole if known else replace(whole, billed_seconds=None, cost_usd=None)


def _all_known(end: Outcome, launches: Sequence[LaunchNote]) -> bool:
    return {end.attempt, *(one.attempt for one in launches)} >= set(range(1, end.attempt + 1))


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which runs are asked for; what is None is not asked about.

    Attributes:
        project: Whose.
        stage: Which stage's; `every_stage` asks for all.
        every_stage: As above.
        job: Of this job.
        since: Due then or later.
        until: Due before then.
        verdict: That ended so.
        trigger: That were started so.
        limit: At most so many, the newest; None for all.
    """

    project: str
    stage: str | None = None
    every_stage: bool = False
    job: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    verdict: Verdict | None = None
    trigger: str | None = None
    limit: int | None = None
