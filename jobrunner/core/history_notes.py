"""Notes of what became of a run: of its launches, and of the executions that looked after it.

A note is what somebody has told: an `ECS Task State Change` event, an event of Step Functions, ECS itself, or this
machine's own record. Deliveries are at least once and in any order ("Handling events", Amazon ECS Developer Guide), so
notes have a rank, and of two about the same thing the one of the higher rank stays.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from jobrunner.core.lifecycle import STATES, TaskSnapshot
from jobrunner.core.outcome import Outcome, Verdict, iso, parse_iso

if TYPE_CHECKING:
    from collections.abc import Mapping

_PHASES: Final = {state: number for number, state in enumerate(STATES, start=1)}


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
    def task_arn(self) -> str | None:
        """The ARN of its task; None of a launch that made none."""
        if self.task is not None:
            return self.task.task_arn
        return None if self.outcome is None else self.outcome.task_arn

    @property
    def started_at(self) -> datetime | None:
        """When its first container started; None when none did, or that was not said."""
        return self._told("started_at")

    @property
    def stopped_at(self) -> datetime | None:
        """When its task had stopped; None when it has not, or that was not said."""
        return self._told("stopped_at")

    def _told(self, name: str) -> datetime | None:
        said: datetime | None = getattr(self.task, name, None)
        return getattr(self.outcome, name, None) if said is None else said

    @property
    def key(self) -> str:
        """What tells the launch from the others of its run."""
        return self.task_arn or f"launch {self.attempt} {iso(self.at)}"

    @property
    def rank(self) -> tuple[int, ...]:
        """How much it knows.

        An end before any state, a bill before none, the task before none; then who has read the log, then a price
        before none; and of what is not over the later state, and ECS's number.
        """
        end = self.outcome
        return (
            end is not None,
            end is not None and end.billed_seconds is not None,
            self.task is not None,
            end is not None and self.teller is Teller.RECORD,
            end is not None and end.cost_usd is not None,
            _PHASES.get((self.task.last_status if self.task else None) or "", 0),
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
        end: The run's end as the execution tells it: skipped, never placed, stopped or overtaken between two
            launches, broken; and that of a task, which is then named in it. None while it runs, when the run went
            on in another execution, and when nothing is to be added to the end of a task.
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
    def number(self) -> int:
        """Which execution of the run it is, from 1; see `naming.execution_name`."""
        _, point, number = self.name.rpartition("Z.")
        return int(number) if point and number.isdecimal() else 1

    @property
    def rank(self) -> tuple[int, ...]:
        """How much it knows: its end goes before its start, and an end that can be read before one that cannot."""
        return not self.running, self.end is None or self.end.verdict is not Verdict.LOST

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


def better(one: Note, other: Note | None) -> Note:
    """Give the note that stays, of two with the same key; of equal ranks the same one, whichever came first."""
    if other is None or one == other:
        return one if other is None else other
    if one.rank != other.rank:
        return max(one, other, key=lambda note: note.rank)
    return max(one, other, key=lambda note: json.dumps(note.to_json(), sort_keys=True))
