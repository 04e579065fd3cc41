"""What history knows of a run: notes of its launches and of the execution that looked after it, and what they come to.

A note is what somebody has told: an `ECS Task State Change` event, an event of Step Functions, ECS itself, or this
machine's own record. Deliveries are at least once and in any order ("Handling events", Amazon ECS Developer Guide), so
notes have a rank, and of two about the same thing the one of the higher rank stays. `entry_of` makes one run of them;
the same notes come to the same run, whatever order they came in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from jobrunner.core.lifecycle import TaskSnapshot
from jobrunner.core.outcome import Outcome, Verdict, iso, parse_iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobrunner.core.connection import Connection

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
class Identity:
    """Which run a note is about.

    Attributes:
        run_id: 16 characters, or `JOB@TIME`.
        job: The job's name.
        trigger: manual, schedule, backfill or library.
        scheduled_time: The logical time, or None.
    """

    run_id: str
    job: str
    trigger: str
    scheduled_time: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object that `from_json` reads back."""
        return {
            "run_id": self.run_id,
            "job": self.job,
            "trigger": self.trigger,
            "scheduled_time": iso(self.scheduled_time),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Identity:
        """Read what `to_json` gave."""
        plain = {name: document[name] for name in ("run_id", "job", "trigger")}
        return cls(**plain, scheduled_time=parse_iso(document["scheduled_time"]))


class Teller(StrEnum):
    """Who told, the least trusted first: what this machine followed it also read the log of."""

    AWS = "aws"
    RECORD = "record"


@dataclass(frozen=True, kw_only=True)
class LaunchNote:
    """What is known of one launch of a run: a task, or why there is none.

    Attributes:
        identity: Of the run.
        attempt: From 1.
        at: When ECS accepted the task; without a task, when it was launched.
        main: The job's own container.
        task: What ECS said last; None of a launch that made no task.
        outcome: Its end by itself, with its own bill; None while it is not over.
        version: ECS's number of the task's state, which rises with every change; 0 when it was not said.
        on_demand_usd: What Fargate would have charged for it on demand; None when that is unknown.
        teller: Who told.
    """

    identity: Identity
    attempt: int
    at: datetime
    main: str
    task: TaskSnapshot | None
    outcome: Outcome | None
    version: int = 0
    on_demand_usd: Decimal | None = None
    teller: Teller = Teller.AWS

    @property
    def key(self) -> str:
        """What tells the launch from the others of its run."""
        return self.task.task_arn if self.task is not None else f"launch {self.attempt} {iso(self.at)}"

    @property
    def rank(self) -> tuple[bool, bool, bool, int]:
        """How much it knows: an end before any state, a bill before none, then who read the log, then ECS's number."""
        billed = self.outcome is not None and self.outcome.billed_seconds is not None
        return (
            self.outcome is not None,
            billed,
            self.outcome is not None and self.teller is Teller.RECORD,
            self.version,
        )

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object that `note_from_json` reads back."""
        return {
            "note": "launch",
            "identity": self.identity.to_json(),
            "attempt": self.attempt,
            "at": iso(self.at),
            "main": self.main,
            "task": None if self.task is None else self.task.to_json(),
            "outcome": None if self.outcome is None else self.outcome.to_json(),
            "version": self.version,
            "on_demand_usd": None if self.on_demand_usd is None else f"{self.on_demand_usd:f}",
            "teller": str(self.teller),
        }


@dataclass(frozen=True, kw_only=True)
class ExecutionNote:
    """What Step Functions said of an execution that looks after a scheduled run.

    Attributes:
        identity: Of the run.
        name: The execution's name.
        at: When it started, or when it ended.
        running: Whether it looks after the run still.
        end: The run's end as only the execution knows it: skipped, never placed, stopped or overtaken between two
            launches, broken. None while it runs, when the run went on in another execution, and when a task's own
            end says it all.
    """

    identity: Identity
    name: str
    at: datetime
    running: bool
    end: Outcome | None = None

    @property
    def key(self) -> str:
        """What tells it from the launches of its run, and from the other executions."""
        return f"execution {self.name}"

    @property
    def rank(self) -> tuple[bool, bool, bool, int]:
        """How much it knows: its end goes before its start."""
        return (not self.running, False, False, 0)

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object that `note_from_json` reads back."""
        return {
            "note": "execution",
            "identity": self.identity.to_json(),
            "name": self.name,
            "at": iso(self.at),
            "running": self.running,
            "end": None if self.end is None else self.end.to_json(),
        }


Note: TypeAlias = LaunchNote | ExecutionNote


def note_from_json(document: Mapping[str, Any]) -> Note:
    """Read what `to_json` of a note gave."""
    identity = Identity.from_json(document["identity"])
    at = datetime.fromisoformat(document["at"])
    if document["note"] == "execution":
        end = document["end"]
        return ExecutionNote(
            identity=identity,
            name=document["name"],
            at=at,
            running=document["running"],
            end=None if end is None else Outcome.from_json(end),
        )
    task, outcome, on_demand = document["task"], document["outcome"], document["on_demand_usd"]
    return LaunchNote(
        identity=identity,
        attempt=document["attempt"],
        at=at,
        main=document["main"],
        task=None if task is None else TaskSnapshot.from_json(task),
        outcome=None if outcome is None else Outcome.from_json(outcome),
        version=document["version"],
        on_demand_usd=None if on_demand is None else Decimal(on_demand),
        teller=Teller(document["teller"]),
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
        return self.outcome is not None and self.outcome.reason == SKIPPED and not self.launches

    @property
    def attempts(self) -> int:
        """How many attempts it has come to."""
        last = self.launches[-1].attempt if self.launches else 0
        return max(last, self.outcome.attempt if self.outcome is not None and not self.skipped else last)

    def to_json(self) -> dict[str, Any]:
        """Give the outcome's keys, null where there is no outcome yet, plus trigger and scheduled_time."""
        identity, last = self.identity, self.launches[-1] if self.launches else None
        known = self.outcome.to_json() if self.outcome is not None else _unfinished(self, last)
        return {**known, "trigger": identity.trigger, "scheduled_time": iso(identity.scheduled_time)}


def _unfinished(entry: Entry, last: LaunchNote | None) -> dict[str, Any]:
    task = last.task if last is not None else None
    blank = Outcome(
        run_id=entry.identity.run_id,
        job=entry.identity.job,
        attempt=entry.attempts or 1,
        verdict=Verdict.LOST,
        reason="",
        exit_code=None,
        detail="",
        task_arn=None if task is None else task.task_arn,
        created_at=entry.at,
        pull_started_at=None if task is None else task.pull_started_at,
        started_at=None if task is None else task.started_at,
        earlier=tuple(one.outcome for one in entry.launches[:-1] if one.outcome is not None),
    )
    return {**blank.to_json(), "verdict": None, "reason": None, "detail": None, "logs": None}


def better(one: Note, other: Note | None) -> Note:
    """Give the note that stays, of two with the same key. Of equal ranks the one that is there."""
    return one if other is None or other.rank < one.rank else other


def entry_of(source: Source, notes: Iterable[Note]) -> Entry:
    """Make one run of all that was told of it; of every key one note, in any order, at least one.

    An execution's own end is the run's only when no task ended after it: one that was stopped together with its task
    says the same as the task, with less.
    """
    launches: list[LaunchNote] = []
    executions: list[ExecutionNote] = []
    for note in notes:
        if isinstance(note, LaunchNote):
            launches.append(note)
        else:
            executions.append(note)
    launches.sort(key=_order)
    times = [one.at for one in launches] or [one.at for one in executions]
    newest = launches[-1] if launches else max(executions, key=lambda one: one.at)
    return Entry(
        source=source,
        identity=newest.identity,
        launches=tuple(launches),
        outcome=_outcome(launches, executions),
        at=min(times),
    )


def _outcome(launches: list[LaunchNote], executions: list[ExecutionNote]) -> Outcome | None:
    own = _own_end(launches, executions)
    ended = [one.outcome for one in launches if one.outcome is not None]
    if own is not None:
        return own.after(ended)
    if not launches or launches[-1].outcome is None:
        return None
    last = launches[-1].outcome
    if not last.succeeded and any(one.running for one in executions):
        return None  # it waits for its next attempt, or the state machine has not looked yet
    return last.after(ended[:-1])


def _own_end(launches: list[LaunchNote], executions: list[ExecutionNote]) -> Outcome | None:
    """Give the end that only an execution knows, if the last of them has one."""
    if not executions:
        return None
    last = max(executions, key=lambda one: (one.at, one.name))
    if last.running or last.end is None or (launches and launches[-1].outcome is None):
        return None
    if not launches:
        return last.end
    task = launches[-1].task
    stopped = None if task is None else task.stopped_at
    if stopped is not None and stopped >= last.at:
        return None
    attempt = max(last.end.attempt, launches[-1].attempt)
    return replace(last.end, attempt=attempt)


def _order(note: LaunchNote) -> tuple[int, datetime, str]:
    return note.attempt, note.at, note.key


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
