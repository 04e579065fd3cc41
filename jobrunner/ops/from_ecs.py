"""The record of a run from what ECS says of its tasks: the identity, the attempts, the ends.

The identity comes from the environment of the overrides, which outlives the tags of a task.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobrunner.core import naming
from jobrunner.core.ending import conclude, unread
from jobrunner.core.logs import log_sources
from jobrunner.core.outcome import iso, moment_told
from jobrunner.core.record import RunRecord
from jobrunner.core.request import (
    JOB_VARIABLE,
    RUN_ID_VARIABLE,
    SCHEDULED_TIME_VARIABLE,
    TRIGGER_VARIABLE,
    relaunched,
)
from jobrunner.core.retry import ON_DEMAND, SPOT, Position
from jobrunner.core.verdict import judge
from jobrunner.ops.patience import patiently
from jobrunner.ops.perform import attempt_of, order_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobrunner.core.billing import PriceTable
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.settings import Settings
    from jobrunner.ops.ports import Ports


def record_of(ports: Ports, settings: Settings, cluster: str, task: TaskSnapshot) -> RunRecord:
    """Build the record of a task that this machine did not start, from ECS's own words."""
    arn = task.task_definition_arn or ""
    definition = patiently(ports.clock, lambda: ports.definitions.describe(arn)) if arn else None
    containers = definition.containers if definition else ()
    names = [container["name"] for container in containers if container.get("essential", True)]
    identity = task.environment
    return RunRecord(
        run_id=identity.get(RUN_ID_VARIABLE) or naming.task_id(task.task_arn),
        job=identity.get(JOB_VARIABLE) or arn.rsplit("/", 1)[-1].partition(":")[0],
        project=settings.project,
        stage=settings.stage,
        trigger=identity.get(TRIGGER_VARIABLE, "unknown"),
        created_at=task.created_at or ports.clock.now(),
        region=ports.connection.region,
        cluster=cluster,
        endpoint_url=ports.connection.endpoint_url,
        endpoint_id=ports.connection.endpoint_id,
        main=naming.MAIN_CONTAINER if naming.MAIN_CONTAINER in names or not names else names[0],
        logs=log_sources(containers, region=ports.connection.region),
        architecture=task.architecture or "x86_64",
        attempt=attempt_of(task),
        capacity=SPOT if task.on_spot else ON_DEMAND,
        scheduled_time=moment_told(identity.get(SCHEDULED_TIME_VARIABLE)),
        task_arn=task.task_arn,
    )


def joined(record: RunRecord, tasks: Sequence[TaskSnapshot], prices: PriceTable) -> RunRecord:
    """Give the record of a run, brought to where its tasks are: the newest is the current attempt's.

    Args:
        record: The run; with a request if it is to go on from here.
        tasks: All tasks of the run that ECS knows, at least one.
        prices: For the bills of the earlier ones.
    """
    *before, last = sorted(tasks, key=order_of)
    at = _position(last, tasks)
    since = last.created_at or record.created_at
    return replace(
        record,
        attempt=at.attempt,
        launch=at.launch,
        capacity=at.capacity,
        request=None if record.request is None else relaunched(record.request, record.run_id, at),
        created_at=min([record.created_at, *(one.created_at for one in tasks if one.created_at)]),
        requested_at=since,
        launched_at=since,
        sent=True,
        task_arn=last.task_arn,
        earlier=tuple(ended_as(record, one, _position(one, tasks), prices) for one in before if one.stopped),
        tasks=tuple(one for one in before if one.stopped),
    )


def gone_on(record: RunRecord, tasks: Sequence[TaskSnapshot], prices: PriceTable) -> RunRecord:
    """Give the record of a run that has come to a later launch, with what is known of those before.

    Args:
        record: The run as it is stored, perhaps with the end of an attempt that was its last one then.
        tasks: All tasks of the run that ECS knows, the later one among them; it may have forgotten earlier ones.
        prices: For the bills of those that nobody has seen end.
    """
    later = joined(replace(record, guard=None, outcome=None), tasks, prices)
    # An end without a task was that of a launch that did make one, a moment after it had been stopped.
    ended = [last_of(record.outcome)] if record.outcome and record.outcome.task_arn else []
    known = {one.task_arn: one for one in (*record.earlier, *ended)}
    seen = {
        one.task_arn: replace(one, logs=known[one.task_arn].logs) if one.task_arn in known else one
        for one in later.earlier
    }
    earlier = sorted({**known, **seen}.values(), key=lambda one: (one.attempt, iso(one.created_at) or ""))
    snapshots = {one.task_arn: one for one in (*record.tasks, *later.tasks)}
    launch = 1 + sum(one.attempt == later.attempt for one in earlier)
    return replace(later, launch=launch, earlier=tuple(earlier), tasks=tuple(snapshots.values()))


def last_of(outcome: Outcome) -> Outcome:
    """Give the outcome of a run's last attempt by itself, with its own log: that of `alone` is the whole run's.

    Whether the own log is complete is not known when that of the run is not.
    """
    events = outcome.logs.events - sum(one.logs.events for one in outcome.earlier)
    return replace(outcome.alone(), logs=replace(outcome.logs, events=max(0, events)))


def ended_as(record: RunRecord, task: TaskSnapshot, at: Position, prices: PriceTable) -> Outcome:
    """Give the outcome of one task of a run that has stopped, by itself; nobody has read its log."""
    then = replace(record, attempt=at.attempt, capacity=at.capacity, task_arn=task.task_arn)
    return conclude(judge(task, record.main), task, then.subject(logs=False), prices=prices, logs=unread(task))


def _position(task: TaskSnapshot, all_tasks: Sequence[TaskSnapshot]) -> Position:
    same = [one for one in all_tasks if attempt_of(one) == attempt_of(task) and order_of(one) <= order_of(task)]
    capacity = SPOT if task.on_spot else ON_DEMAND
    return Position(attempt=attempt_of(task), launch=len(same), capacity=capacity)
