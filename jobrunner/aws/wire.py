"""ECS's documents → values. Pure, and never an error for a field that is missing, empty or new.

The documents are those of DescribeTasks and RunTask, as botocore parsed them (datetimes) or as JSON (seconds
since the epoch), and the `detail` of an `ECS Task State Change` event (ISO 8601 with 0 to 3 digits of a second).
"""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from jobrunner.core.definition import HASH_TAG
from jobrunner.core.lifecycle import STOPPED, ContainerSnapshot, TaskSnapshot
from jobrunner.core.naming import MAIN_CONTAINER
from jobrunner.core.ports import Definition, Launch, PlacementFailure
from jobrunner.core.request import RUN_ID_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_OWN_VARIABLES = "JOBRUNNER_"
_ARCHITECTURE = "ecs.cpu-architecture"
#: Members of a described task definition that are read into fields of their own as they are.
_READ = frozenset(("taskDefinitionArn", "containerDefinitions"))


def task_snapshot(task: Mapping[str, Any]) -> TaskSnapshot:
    """Read a task.

    Args:
        task: An entry of `tasks[]`, or an event's `detail`; it must have a `taskArn`.
    """
    return TaskSnapshot(
        task_arn=task["taskArn"],
        last_status=_text(task, "lastStatus"),
        desired_status=_text(task, "desiredStatus"),
        created_at=time_of(task, "createdAt"),
        pull_started_at=time_of(task, "pullStartedAt"),
        pull_stopped_at=time_of(task, "pullStoppedAt"),
        started_at=time_of(task, "startedAt"),
        stopping_at=time_of(task, "stoppingAt"),
        execution_stopped_at=time_of(task, "executionStoppedAt"),
        stopped_at=time_of(task, "stoppedAt"),
        stop_code=_text(task, "stopCode"),
        stopped_reason=_text(task, "stoppedReason"),
        containers=_containers(task),
        task_definition_arn=_text(task, "taskDefinitionArn"),
        started_by=_text(task, "startedBy"),
        cpu=_number(task.get("cpu")),
        memory=_number(task.get("memory")),
        ephemeral_storage=_storage(task),
        architecture=_architecture(task),
        operating_system=_operating_system(task),
        launch_type=_text(task, "launchType"),
        capacity_provider=_text(task, "capacityProviderName"),
        group=_text(task, "group"),
        main=_main(task),
        environment=MappingProxyType(_own_environment(task)),
    )


def launch(answer: Mapping[str, Any]) -> Launch:
    """Read the answer of RunTask: its task, or its failures, which come with HTTP 200. Both may be empty."""
    tasks = answer.get("tasks") or ()
    failures = tuple(
        PlacementFailure(
            reason=_text(failure, "reason") or "no reason given",
            detail=_text(failure, "detail"),
            arn=_text(failure, "arn"),
        )
        for failure in answer.get("failures") or ()
    )
    if tasks:
        return Launch(task=task_snapshot(tasks[0]))
    return Launch(task=None, failures=failures)


def definition(answer: Mapping[str, Any]) -> Definition:
    """Read the answer of DescribeTaskDefinition or RegisterTaskDefinition."""
    described = answer["taskDefinition"]
    return Definition(
        arn=described["taskDefinitionArn"],
        containers=tuple(described.get("containerDefinitions") or ()),
        hash=_tags(answer.get("tags") or ()).get(HASH_TAG),
        active=described.get("status", "ACTIVE") == "ACTIVE",
        cpu=_number(described.get("cpu")),
        memory=_number(described.get("memory")),
        architecture=_architecture(described),
        ephemeral_storage=_storage(described),
        members={key: value for key, value in described.items() if key not in _READ},
    )


def _tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in tags if "key" in tag}


def _containers(task: Mapping[str, Any]) -> tuple[ContainerSnapshot, ...]:
    over = task.get("lastStatus") == STOPPED
    return tuple(_container(one, task_over=over) for one in task.get("containers") or () if one.get("name"))


def _container(container: Mapping[str, Any], *, task_over: bool) -> ContainerSnapshot:
    status = _text(container, "lastStatus")
    # moto gives every container the exit code 0 and calls it PENDING, from the beginning to the end of its task.
    # ECS gives none to a container that has not ended, so one that comes too early is not believed.
    ended = task_over or status not in {"PENDING", "RUNNING"}
    return ContainerSnapshot(
        name=container["name"],
        last_status=status,
        exit_code=_number(container.get("exitCode")) if ended else None,
        reason=_text(container, "reason"),
    )


def _architecture(task: Mapping[str, Any]) -> str | None:
    """Give the processor of a task, or of a task definition, which has no attributes."""
    named = {one.get("name"): one.get("value") for one in task.get("attributes") or ()}
    said = named.get(_ARCHITECTURE) or (task.get("runtimePlatform") or {}).get("cpuArchitecture")
    return said.lower() if said else None


def _storage(described: Mapping[str, Any]) -> int | None:
    return _number((described.get("ephemeralStorage") or {}).get("sizeInGiB"))


def _operating_system(task: Mapping[str, Any]) -> str | None:
    """Give ECS's word in a task definition's spelling; in a task it is `Linux` or `Windows Server 2019 Core`."""
    said = _text(task, "platformFamily") or (task.get("runtimePlatform") or {}).get("operatingSystemFamily")
    return said.upper().replace(" ", "_") if said else None


def _own_environment(task: Mapping[str, Any]) -> dict[str, str]:
    containers = (task.get("overrides") or {}).get("containerOverrides") or ()
    return {
        pair["name"]: pair.get("value") or ""
        for container in containers
        for pair in container.get("environment") or ()
        if pair.get("name", "").startswith(_OWN_VARIABLES)
    }


def _main(task: Mapping[str, Any]) -> str | None:
    """Give the container that jobrunner's overrides are for: sidecars know the run as well, and come after it."""
    containers = (task.get("overrides") or {}).get("containerOverrides") or ()
    names = [
        container["name"]
        for container in containers
        if container.get("name")
        and any(pair.get("name") == RUN_ID_VARIABLE for pair in container.get("environment") or ())
    ]
    return MAIN_CONTAINER if MAIN_CONTAINER in names else next(iter(names), None)


def _text(document: Mapping[str, Any], key: str) -> str | None:
    """Give a text; moto and others say "" where ECS leaves the field out."""
    return document.get(key) or None


def _number(value: Any) -> int | None:
    """Give a number; ECS writes cpu and memory of a task as text."""
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def time_of(document: Mapping[str, Any], key: str) -> datetime | None:
    """Read a time, however it is written; None when there is none, or none that can be read."""
    value = document.get(key)
    try:
        return _moment(value)
    except (ValueError, OverflowError, OSError):
        return None  # a time that cannot be read is a time that is not known


def _moment(value: object) -> datetime | None:
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
