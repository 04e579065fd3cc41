"""RunTask requests as a schedule, or the state machine behind it, sends them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobrunner.core import local_stage, naming
from jobrunner.core.definition import task_definition
from jobrunner.core.place import Place
from jobrunner.core.request import RunRequest, relaunched
from jobrunner.core.retry import ON_DEMAND, Position
from jobrunner.core.schedule_request import SCHEDULED_TIME, schedule_requests
from jobrunner.ops import define

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner import JobRunner, JobSpec
    from jobrunner.core.lifecycle import TaskSnapshot

TIME = "2026-11-24T02:30:00Z"
RUN_ID = f"job@{TIME}"


def first_schedule(runner: JobRunner, spec: JobSpec) -> dict[str, Any]:
    """The CreateSchedule request of a job's first schedule; its task definition is there.

    Args:
        runner: Of the project.
        spec: The job, with a schedule.
    """
    settings = runner.settings
    definition = task_definition(spec, settings)
    name = str(spec.task_definition)
    if definition is not None:
        name = define.ensure_definition(runner._ports, definition, spec, settings).arn
    place = Place(region=runner.connection.region, account=local_stage.ACCOUNT_ID)
    schedule, *_ = schedule_requests(spec, settings, place, task_definition=name)
    return dict(schedule.body)


def delivery(runner: JobRunner, spec: JobSpec, *, time: str = TIME, at: Position | None = None) -> dict[str, Any]:
    """What ECS is sent for that schedule at a time, in ECS's own spelling.

    Args:
        runner: As above.
        spec: As above.
        time: The scheduled time.
        at: A later launch, of the state machine.
    """
    target = first_schedule(runner, spec)["Target"]
    document = json.loads(target["Input"].replace(SCHEDULED_TIME, time))
    body: dict[str, Any] = _camel(document.get("request", document))
    if at is None:
        return body
    settings = runner.settings
    scope = naming.schedule_scope(project=settings.project, stage=settings.stage, job=spec.name)
    return relaunched(body, naming.schedule_token(scope, time), at)


def deliver(runner: JobRunner, spec: JobSpec, *, time: str = TIME, at: Position | None = None) -> TaskSnapshot:
    """Send it; the task."""
    task = runner._ports.tasks.run(RunRequest(body=delivery(runner, spec, time=time, at=at))).task
    assert task is not None
    return task


def attempt(number: int, launch: int = 1, capacity: str = ON_DEMAND) -> Position:
    """A later launch."""
    return Position(attempt=number, launch=launch, capacity=capacity)


def _camel(value: Any) -> Any:
    """The opposite of `core.ecs_json.pascal`."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    return value if not isinstance(value, dict) else _members(value)


def _members(value: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{key[:1].lower()}{key[1:]}": _camel(item) for key, item in value.items()}
