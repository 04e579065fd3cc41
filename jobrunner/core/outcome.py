"""How a run ended, as a value.

A job that fails is not an exception here: whoever branches on the outcome reads it, whoever wants an exception
calls `Outcome.raise_for_failure()`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from jobrunner.errors import RunFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Verdict(StrEnum):
    """How a run ended. Anything that is not certain is not `succeeded`."""

    #: The job's own container ended with exit code 0.
    SUCCEEDED = "succeeded"
    #: The job's own container ended with another exit code.
    FAILED = "failed"
    #: The run's `timeout` passed and jobrunner stopped it.
    TIMED_OUT = "timed_out"
    #: Somebody, or AWS, stopped the task while the job ran.
    STOPPED = "stopped"
    #: The process that followed the run was interrupted and stopped it.
    INTERRUPTED = "interrupted"
    #: The job's container was killed for its memory.
    OUT_OF_MEMORY = "out_of_memory"
    #: The job's container never started.
    NEVER_STARTED = "never_started"
    #: The job started, and its exit code cannot be known.
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class LogReport:
    """Whether the log that was read is the whole log.

    Attributes:
        complete: True when every stream was read until it was shown to be quiet after the stop.
        events: Log events read.
        reason: Why it is not complete; None when it is.
    """

    complete: bool
    events: int
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the `logs` object of an outcome's JSON."""
        report: dict[str, Any] = {"complete": self.complete, "events": self.events}
        return report if self.reason is None else {**report, "reason": self.reason}


#: Of a run whose log nobody read, `run --detach` for instance.
UNREAD = LogReport(complete=False, events=0, reason="the log was not read")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a run: verdict, times, bill, and whether the log is complete.

    Attributes:
        run_id: The run's id.
        job: The job's name.
        attempt: Which attempt of the run this was, from 1; the last one.
        verdict: How it ended.
        reason: One word for the cause, such as `exit`, `timeout`, `image_pull`; stable, for programs.
        exit_code: The exit code of the job's own container; None when there is none.
        detail: The cause in a sentence, for people.
        task_arn: None when ECS never made a task.
        created_at: When ECS accepted the task, and so on; all timezone-aware, None when ECS did not say.
        billed_seconds: As AWS bills them, of all attempts together; None when they cannot be known. Never a guess.
        cost_usd: An estimate from the dated price table, of all attempts together; None when a price or the
            duration is unknown.
        capacity: What the attempt ran on, `on-demand` or `spot`; None when ECS did not say.
        logs: Whether the log that was read is the whole log, of all attempts.
        earlier: The outcomes of the attempts before this one, each with its own bill.
    """

    run_id: str
    job: str
    attempt: int
    verdict: Verdict
    reason: str
    exit_code: int | None
    detail: str
    task_arn: str | None = None
    created_at: datetime | None = None
    pull_started_at: datetime | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    billed_seconds: int | None = None
    cost_usd: Decimal | None = None
    capacity: str | None = None
    logs: LogReport = UNREAD
    earlier: tuple[Outcome, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the job's own container ended with exit code 0."""
        return self.verdict is Verdict.SUCCEEDED

    def alone(self) -> Outcome:
        """Give the outcome of the last attempt by itself: the opposite of `after`."""
        seconds = [one.billed_seconds for one in self.earlier]
        costs = [one.cost_usd for one in self.earlier]
        known = self.billed_seconds is not None and None not in seconds
        priced = self.cost_usd is not None and None not in costs
        return replace(
            self,
            billed_seconds=(self.billed_seconds or 0) - sum(one or 0 for one in seconds) if known else None,
            cost_usd=(self.cost_usd or Decimal(0)) - sum((one or Decimal(0) for one in costs), Decimal(0))
            if priced
            else None,
            earlier=(),
        )

    def raise_for_failure(self) -> Outcome:
        """Return the outcome of a success.

        Raises:
            RunFailedError: Of any other verdict; it carries this outcome.
        """
        if not self.succeeded:
            raise RunFailedError(
                f"job {self.job} {self.verdict.replace('_', ' ')}: {self.detail}",
                outcome=self,
                hint=f"jobrunner logs {self.run_id}",
            )
        return self

    def to_json(self) -> dict[str, Any]:
        """Give the JSON object of product.md, ready for `json.dumps`."""
        return {
            "run_id": self.run_id,
            "job": self.job,
            "attempt": self.attempt,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "exit_code": self.exit_code,
            "detail": self.detail,
            "task_arn": self.task_arn,
            "created_at": iso(self.created_at),
            "pull_started_at": iso(self.pull_started_at),
            "started_at": iso(self.started_at),
            "stopped_at": iso(self.stopped_at),
            "billed_seconds": self.billed_seconds,
            "cost_usd": None if self.cost_usd is None else f"{self.cost_usd:f}",
            "capacity": self.capacity,
            "logs": self.logs.to_json(),
            "earlier": [one.to_json() for one in self.earlier],
        }

    def after(self, earlier: Sequence[Outcome]) -> Outcome:
        """Give the outcome of the whole run: this last attempt, and the bill and the log of all of them."""
        if not earlier:
            return self
        seconds = [one.billed_seconds for one in (*earlier, self)]
        costs = [one.cost_usd for one in (*earlier, self)]
        return replace(
            self,
            billed_seconds=None if None in seconds else sum(one for one in seconds if one is not None),
            cost_usd=None if None in costs else sum((one for one in costs if one is not None), Decimal(0)),
            logs=merged([one.logs for one in (*earlier, self)]),
            earlier=tuple(earlier),
        )

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Outcome:
        """Read what `to_json` gave; keys that it does not know are ignored."""
        logs = document["logs"]
        cost = document["cost_usd"]
        times: dict[str, Any] = {name: parse_iso(document[name]) for name in _TIMES}
        return cls(
            **{name: document[name] for name in _PLAIN},
            **times,
            verdict=Verdict(document["verdict"]),
            cost_usd=None if cost is None else Decimal(cost),
            capacity=document.get("capacity"),
            logs=LogReport(complete=logs["complete"], events=logs["events"], reason=logs.get("reason")),
            earlier=tuple(map(cls.from_json, document.get("earlier") or ())),
        )


def merged(reports: Sequence[LogReport]) -> LogReport:
    """Give the report on the logs of several attempts together."""
    reasons = dict.fromkeys(one.reason for one in reports if one.reason is not None)
    return LogReport(
        complete=all(one.complete for one in reports),
        events=sum(one.events for one in reports),
        reason="; ".join(reasons) or None,
    )


_TIMES = ("created_at", "pull_started_at", "started_at", "stopped_at")
_PLAIN = ("run_id", "job", "attempt", "reason", "exit_code", "detail", "task_arn", "billed_seconds")


def iso(moment: datetime | None) -> str | None:
    """Write a time as UTC with milliseconds and `Z`, as AWS's own events do; with microseconds if it has them."""
    if moment is None:
        return None
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def parse_iso(text: str | None) -> datetime | None:
    """Read what `iso` wrote."""
    return None if text is None else datetime.fromisoformat(text)


def moment_told(text: str | None) -> datetime | None:
    """Read a time that anybody may have written; None when there is none, or when it is no moment."""
    try:
        moment = parse_iso(text)
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
