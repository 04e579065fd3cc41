"""Carry out what the state machines of `core` ask for: one ask, one call, one observation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_never

from jobrunner.core import naming
from jobrunner.core.follow import ReadLog
from jobrunner.core.observations import (
    Ask,
    CallFailed,
    ClearDeadline,
    DeadlineCleared,
    DeadlineSet,
    DescribeTask,
    FindTask,
    Launched,
    LaunchTask,
    Observation,
    PageRead,
    SetDeadline,
    StopAccepted,
    StopTask,
    TaskFound,
    TaskSeen,
)
from jobrunner.core.outcome import iso
from jobrunner.core.request import ATTEMPT_VARIABLE, RunRequest
from jobrunner.errors import AwsError
from jobrunner.ops.noting import noted

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.record import RunRecord
    from jobrunner.ops.noting import Note
    from jobrunner.ops.ports import Ports


def perform(ports: Ports, ask: Ask, record: RunRecord) -> Observation:
    """Make the call that a course asks for and give its answer, also when that is a failure.

    Args:
        ports: The outside.
        ask: What is asked.
        record: The run that asks, as it is stored.
    """
    if isinstance(ask, ReadLog):
        asked = ports.clock.now()
        return PageRead(question=ask, answer=ports.logs.read(ask), asked=asked)
    try:
        return _called(ports, ask, record)
    except AwsError as error:
        return CallFailed(ask=ask, error=error)


def _called(
    ports: Ports,
    ask: DescribeTask | StopTask | LaunchTask | FindTask | SetDeadline | ClearDeadline,
    record: RunRecord,
) -> Observation:
    task_arn = record.task_arn or ""
    match ask:
        case DescribeTask():
            task = ports.tasks.describe(record.cluster, [task_arn]).get(task_arn)
            return TaskSeen(task=task, at=ports.clock.now())
        case StopTask():
            with _noted(ports, "run_stopped", record, reason=ask.reason):
                ports.tasks.stop(record.cluster, task_arn, ask.reason)
            return StopAccepted()
        case LaunchTask():
            return _launched(ports, ask.record)
        case FindTask():
            return TaskFound(task_arn=task_of_launch(ports, record))
        case SetDeadline():
            with _noted(ports, "deadline_set", record, schedule=ask.deadline.name, deadline=iso(ask.deadline.at)):
                ports.deadlines.set(ask.deadline)
            return DeadlineSet()
        case ClearDeadline():
            with _noted(ports, "deadline_cleared", record, schedule=ask.name):
                ports.deadlines.clear(ask.name, ask.group)
            return DeadlineCleared()
        case _:
            assert_never(ask)


def _launched(ports: Ports, record: RunRecord) -> Launched:
    with _noted(ports, "run_started", record, attempt=record.attempt, key=record.key) as note:
        launch = ports.tasks.run(RunRequest(body=record.request or {}))
        note.add(task_arn=launch.task.task_arn if launch.task else None)
        if launch.failures:
            note.add(error="; ".join(map(str, launch.failures)))
    return Launched(launch=launch)


def _noted(ports: Ports, action: str, record: RunRecord, **fields: Any) -> AbstractContextManager[Note]:
    """Note a call of a run; the course makes it again if it is throttled."""
    return noted(ports.audit, action, repeated=True, run_id=record.run_id, job=record.job, **fields)


def task_accepted(observation: Observation) -> str | None:
    """Give the task that an observation shows ECS to have accepted from us; None if it shows none."""
    match observation:
        case Launched(launch=launch) if launch.task is not None:
            return launch.task.task_arn
        case TaskFound(task_arn=str() as task_arn):
            return task_arn
        case _:
            return None


def task_of_launch(ports: Ports, record: RunRecord) -> str | None:
    """Ask ECS for the task of a record's launch: the oldest of its attempt that is not one of an earlier launch.

    Not the newest of the run: another machine may have taken it to a later attempt, and whoever follows goes there
    by way of this one, with its log, its bill, and the token that gives the same next task.
    """
    known = {one.task_arn for one in record.earlier} | {one.task_arn for one in record.tasks}
    tasks = ports.tasks.find(record.cluster, started_by=naming.started_by(record.run_id))
    new = [one for one in tasks if one not in known]
    if len(new) <= 1:
        return new[0] if new else None
    shown = sorted(ports.tasks.describe(record.cluster, new).values(), key=order_of)
    return next((one.task_arn for one in shown if attempt_of(one) >= record.attempt), new[0])


def order_of(task: TaskSnapshot) -> tuple[int, datetime]:
    """Give what the tasks of a run are sorted by: the attempt, then when ECS made them."""
    return attempt_of(task), task.created_at or _LONG_AGO


def attempt_of(task: TaskSnapshot) -> int:
    """Read the attempt from the environment overrides, which outlive the tags of a task."""
    said = task.environment.get(ATTEMPT_VARIABLE, "")
    return int(said) if said.isdecimal() else 1


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
