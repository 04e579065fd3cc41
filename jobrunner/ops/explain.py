"""Why a run ended as it did: cause, evidence and remedy, attempt by attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobrunner.core.diagnosis import Diagnosis, diagnose
from jobrunner.core.judgement import Judgement
from jobrunner.core.naming import task_id
from jobrunner.core.start_failure import PLACEMENT_REASONS, why_not_placed
from jobrunner.core.verdict import judge
from jobrunner.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.record import RunRecord
    from jobrunner.ops.ports import Ports
    from jobrunner.ops.status import RunStatus

#: Lines of the job's own container that are shown as evidence.
LAST_LINES = 10


@dataclass(frozen=True, kw_only=True)
class ExplainedAttempt:
    """One attempt of a run that has ended.

    Attributes:
        outcome: Its outcome, with its own bill.
        diagnosis: Why, with ECS's words, and what to do.
        last_lines: The last lines of the job's own container.
        unread: Why those could not be read; None when they could.
    """

    outcome: Outcome
    diagnosis: Diagnosis
    last_lines: tuple[str, ...]
    unread: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object."""
        known = self.diagnosis
        return {
            "attempt": self.outcome.attempt,
            "task_arn": self.outcome.task_arn,
            "verdict": str(known.verdict),
            "reason": known.reason,
            "exit_code": known.exit_code,
            "cause": known.cause,
            "evidence": list(known.evidence),
            "last_lines": list(self.last_lines),
            "last_lines_unread": self.unread,
            "remedy": known.remedy,
            "transient": known.transient,
        }


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A run explained.

    Attributes:
        status: Where the run is.
        attempts: Those that have ended, in order; the last one is the run's end if that is known.
    """

    status: RunStatus
    attempts: tuple[ExplainedAttempt, ...]

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object."""
        record = self.status.record
        over = self.status.outcome is not None
        return {
            "run_id": record.run_id,
            "job": record.job,
            "phase": self.status.phase,
            "over": over,
            "attempts": [one.to_json() for one in self.attempts],
        }


def explanation(ports: Ports, status: RunStatus, *, log: bool = True) -> Explanation:
    """Explain a run from what is stored of it, what ECS still knows, and, where asked for, the end of its log."""
    record, outcome = status.record, status.outcome
    ended = record.earlier if outcome is None else (*outcome.earlier, _own(outcome))
    known = {task.task_arn: task for task in (*record.tasks, *([status.task] if status.task else []))}
    return Explanation(status=status, attempts=tuple(_explained(ports, record, one, known, log=log) for one in ended))


def _own(outcome: Outcome) -> Outcome:
    """Give the last attempt by itself: the others are explained before it."""
    return outcome if not outcome.earlier else outcome.alone()


def _explained(
    ports: Ports, record: RunRecord, outcome: Outcome, known: dict[str, TaskSnapshot], *, log: bool
) -> ExplainedAttempt:
    task = known.get(outcome.task_arn or "")
    judgement = judge(task, record.main) if task is not None and task.stopped else _as_recorded(outcome)
    lines, unread = _last_lines(ports, record, outcome) if log else ((), None)
    return ExplainedAttempt(
        outcome=outcome, diagnosis=diagnose(judgement, task, record.main), last_lines=tuple(lines), unread=unread
    )


def _as_recorded(outcome: Outcome) -> Judgement:
    """Give the judgement of what ECS has no task of; that it may pass is said only where ECS's words are known."""
    failure = why_not_placed((outcome.detail,)) if outcome.reason in PLACEMENT_REASONS else None
    return Judgement(
        verdict=outcome.verdict,
        reason=outcome.reason,
        exit_code=outcome.exit_code,
        detail=outcome.detail,
        transient=failure is not None and failure.transient,
    )


def _last_lines(ports: Ports, record: RunRecord, outcome: Outcome) -> tuple[Sequence[str], str | None]:
    source = next((one for one in record.logs if one.container == record.main), None)
    stream = source.stream(task_id(outcome.task_arn)) if source is not None and outcome.task_arn else None
    if stream is None:
        return (), source.blind if source is not None else None
    try:
        return ports.logs.tail(stream, LAST_LINES), None
    except AwsError as error:
        return (), error.what
