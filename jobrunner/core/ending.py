"""From a judgement to an outcome: the times, the bill, the log."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from jobrunner.core.billing import PriceTable, billed_seconds, cost_usd, tariff_of
from jobrunner.core.outcome import UNREAD, LogReport, Outcome, Verdict
from jobrunner.core.verdict import Judgement

if TYPE_CHECKING:
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.observations import Subject
    from jobrunner.core.record import RunRecord


def conclude(
    judgement: Judgement, task: TaskSnapshot, subject: Subject, *, prices: PriceTable, logs: LogReport
) -> Outcome:
    """Give the outcome of a run whose task has been judged.

    Args:
        judgement: How it ended.
        task: The last that ECS said of it.
        subject: Which run and attempt; its region and, where ECS does not say, its architecture are for the price.
        prices: The price table.
        logs: What is known of the log.
    """
    seconds = billed_seconds(task)
    tariff = tariff_of(task, region=subject.region, architecture=subject.architecture)
    said = task.capacity_provider is not None or task.launch_type is not None
    return Outcome(
        run_id=subject.run_id,
        job=subject.job,
        attempt=subject.attempt,
        verdict=judgement.verdict,
        reason=judgement.reason,
        exit_code=judgement.exit_code,
        detail=judgement.detail,
        task_arn=task.task_arn,
        created_at=task.created_at,
        pull_started_at=task.pull_started_at,
        started_at=task.started_at,
        stopped_at=task.stopped_at,
        billed_seconds=seconds,
        cost_usd=cost_usd(seconds, task, tariff, prices),
        capacity=tariff.capacity if said else subject.capacity,
        logs=logs,
    )


#: Why a log is not complete, of a task that ECS forgot while it ran, or before its end was seen.
UNSEEN = "ECS forgot the task, whose containers were not seen to end"


def unread(task: TaskSnapshot) -> LogReport:
    """Give the report on a log that nobody has read yet; where nothing ran, there is none to read."""
    return LogReport(complete=True, events=0) if task.nothing_ran else UNREAD


#: Of a launch whose process ended between storing it and asking ECS.
NOT_SENT = Judgement(
    verdict=Verdict.NEVER_STARTED,
    reason="not_sent",
    exit_code=None,
    detail="the process that was to start it ended before ECS was asked",
)


def unlaunched(judgement: Judgement, record: RunRecord) -> Outcome:
    """Give the outcome of a launch that made no task: nothing ran, nothing was written, nothing is billed.

    Where it is not known whether it made one, none of that is known either.
    """
    known = judgement.verdict is not Verdict.LOST
    return Outcome(
        run_id=record.run_id,
        job=record.job,
        attempt=record.attempt,
        verdict=judgement.verdict,
        reason=judgement.reason,
        exit_code=None,
        detail=judgement.detail,
        billed_seconds=0 if known else None,
        cost_usd=Decimal("0.000000") if known else None,
        capacity=record.capacity,
        logs=LogReport(complete=True, events=0) if known else UNREAD,
    )
