"""From a judgement to an outcome: the times, the bill, the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.core.billing import PriceTable, billed_seconds, cost_usd, tariff_of
from jobrunner.core.outcome import Outcome

if TYPE_CHECKING:
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.observations import Subject
    from jobrunner.core.outcome import LogReport
    from jobrunner.core.verdict import Judgement


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
        logs=logs,
    )
