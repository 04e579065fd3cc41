"""What happens during a run, as values, in the order in which it became known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from jobrunner.core.outcome import Outcome, iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobrunner.core.verdict import Judgement

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Started:
    """ECS accepted an attempt of the run, or it was found: from here on it can be attached to."""

    run_id: str
    task_arn: str | None
    attempt: int = 1

    def to_json(self) -> dict[str, Any]:
        """Give the JSON line of product.md."""
        return {"event": "started", "run_id": self.run_id, "task_arn": self.task_arn, "attempt": self.attempt}


@dataclass(frozen=True, kw_only=True)
class PhaseChanged:
    """The task reached a later state; states may be skipped, and none comes twice."""

    phase: str
    at: datetime

    def to_json(self) -> dict[str, Any]:
        """Give the JSON line of product.md."""
        return {"event": "phase", "phase": self.phase, "at": iso(self.at)}


@dataclass(frozen=True, kw_only=True)
class VerdictKnown:
    """How the attempt ended is certain, although ECS has not reached STOPPED: only the bill is waited for."""

    judgement: Judgement

    def to_json(self) -> dict[str, Any]:
        """Give a JSON line with the outcome's words."""
        known = self.judgement
        return {
            "event": "verdict",
            "verdict": str(known.verdict),
            "reason": known.reason,
            "exit_code": known.exit_code,
            "detail": known.detail,
        }


@dataclass(frozen=True, kw_only=True)
class Retrying:
    """An attempt has ended, and the run goes on with another launch after a pause.

    Attributes:
        ended: The outcome of what has ended, with its own bill.
        attempt: Of the next launch; the same as before when the job's container never ran.
        capacity: Of the next launch, `on-demand` or `spot`.
        wait: Seconds until then.
    """

    ended: Outcome
    attempt: int
    capacity: str
    wait: float

    def to_json(self) -> dict[str, Any]:
        """Give a JSON line: the next attempt, and the outcome of the one that has ended."""
        return {
            "event": "retrying",
            "attempt": self.attempt,
            "capacity": self.capacity,
            "wait_seconds": self.wait,
            "ended": self.ended.to_json(),
        }


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One log event of one container; `message` is as the container wrote it, without the line's end."""

    container: str
    timestamp: datetime
    message: str

    def to_json(self) -> dict[str, Any]:
        """Give the JSON line of product.md."""
        at = iso(self.timestamp)
        return {"event": "log", "container": self.container, "timestamp": at, "message": self.message}


@dataclass(frozen=True, kw_only=True)
class LogBatch:
    """Log events of one container that became known together: the fast form of many `LogLine`s.

    A log of a million lines goes through here; one object per line would cost more than reading it.

    Attributes:
        container: The container's name.
        timestamps: Milliseconds since the epoch, as CloudWatch Logs gives them.
        messages: As many, in the order of the stream.
    """

    container: str
    timestamps: Sequence[int]
    messages: Sequence[str]

    def __len__(self) -> int:
        return len(self.messages)

    def lines(self) -> Iterator[LogLine]:
        """Give each event as a `LogLine`."""
        for timestamp, message in zip(self.timestamps, self.messages, strict=True):
            yield LogLine(container=self.container, timestamp=moment(timestamp), message=message)


@dataclass(frozen=True, kw_only=True)
class Warning:  # noqa: A001  the field's word; nobody imports it beside the builtin
    """Something that the user should know and that does not end the run."""

    message: str

    def to_json(self) -> dict[str, Any]:
        """Give the JSON line of product.md."""
        return {"event": "warning", "message": self.message}


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The run is over; always the last event."""

    outcome: Outcome

    def to_json(self) -> dict[str, Any]:
        """Give the JSON line of product.md."""
        return {"event": "finished", **self.outcome.to_json()}


#: What the library gives, one by one.
Event: TypeAlias = Started | PhaseChanged | LogLine | Warning | VerdictKnown | Retrying | Finished
#: What the watch makes: log lines in batches.
WatchEvent: TypeAlias = Started | PhaseChanged | LogBatch | Warning | VerdictKnown | Retrying | Finished


def moment(milliseconds: int) -> datetime:
    """Turn CloudWatch's milliseconds into a time in UTC, exactly."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def flatten(events: Iterator[WatchEvent]) -> Iterator[Event]:
    """Give batches of log events line by line, and everything else as it is."""
    for event in events:
        if isinstance(event, LogBatch):
            yield from event.lines()
        else:
            yield event
