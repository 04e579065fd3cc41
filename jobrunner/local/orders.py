"""From a RunTask request to tasks that are ready to be run."""

from __future__ import annotations

import copy
import zlib
from typing import TYPE_CHECKING, Any

from jobrunner.local import checks
from jobrunner.local.task import Container, Task, new_id

if TYPE_CHECKING:
    from moto.ecs.models import Cluster, TaskDefinition


def make_tasks(
    asked: dict[str, Any], cluster: Cluster, definition: TaskDefinition, *, region: str, now: float
) -> list[Task]:
    """The tasks of one call, in PROVISIONING.

    Raises:
        ApiError: AWS would refuse the call.
    """
    overrides = asked.get("overrides") or {}
    checks.check_network(asked, definition)
    checks.check_overrides(overrides, definition)
    launch_type, providers = checks.placement(asked, cluster, definition)
    cpu, memory = checks.size(overrides, definition)
    gib = checks.ephemeral(overrides, definition)
    subnets = ((asked.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}).get("subnets") or [""]
    tasks = []
    for number in range(asked.get("count", 1)):
        task_id = new_id()
        base = cluster.arn.rpartition(":cluster/")[0]
        task = Task(
            id=task_id,
            arn=f"{base}:task/{cluster.name}/{task_id}",
            cluster_arn=cluster.arn,
            region=region,
            definition_arn=definition.arn,
            family=definition.family,
            containers=_containers(definition, overrides, f"{base}:container/{cluster.name}/{task_id}", task_id),
            overrides=_shown_overrides(overrides, definition),
            cpu=cpu,
            memory=memory,
            group=asked.get("group") or f"family:{definition.family}",
            launch_type=launch_type,
            subnet=subnets[number % len(subnets)],
            created_at=round(now, 3),  # ECS gives milliseconds
            started_by=asked.get("startedBy") or None,
            capacity_provider=providers[number] if providers else None,
            platform_version=_platform(asked),
            architecture=_architecture(definition),
            ephemeral_gib=gib,
            enable_execute_command=bool(asked.get("enableExecuteCommand")),
            tags=_tags(asked, cluster, definition),
        )
        task.publish()
        tasks.append(task)
    return tasks


def _containers(definition: TaskDefinition, overrides: dict[str, Any], arn_base: str, task_id: str) -> list[Container]:
    by_name = {override["name"]: override for override in overrides.get("containerOverrides") or []}
    return [
        Container(
            definition=_overridden(found, by_name.get(found["name"], {})),
            arn=f"{arn_base}/{new_id()}",
            runtime_id=f"{task_id}-{zlib.crc32(str(found['name']).encode()):010d}",
        )
        for found in definition.container_definitions
    ]


def _overridden(definition: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """The container's definition as it will run: an override of the environment adds to it, others replace."""
    merged = copy.deepcopy(definition)
    for key in ("command", "cpu", "memory", "memoryReservation"):
        if override.get(key) is not None:
            merged[key] = override[key]
    environment = {pair["name"]: pair.get("value", "") for pair in merged.get("environment") or []}
    environment |= {pair["name"]: pair.get("value", "") for pair in override.get("environment") or []}
    merged["environment"] = [{"name": name, "value": value} for name, value in environment.items()]
    return merged


def _shown_overrides(overrides: dict[str, Any], definition: TaskDefinition) -> dict[str, Any]:
    """ECS shows an override for every container, also for those that have none."""
    given = {override["name"]: override for override in overrides.get("containerOverrides") or []}
    shown = [given.get(found["name"], {"name": found["name"]}) for found in definition.container_definitions]
    rest = {key: value for key, value in overrides.items() if key != "containerOverrides"}
    return {"containerOverrides": shown, "inferenceAcceleratorOverrides": [], **rest}


def _platform(asked: dict[str, Any]) -> str:
    version = asked.get("platformVersion") or "LATEST"
    return "1.4.0" if version == "LATEST" else str(version)


def _architecture(definition: TaskDefinition) -> str:
    named = (getattr(definition, "runtime_platform", None) or {}).get("cpuArchitecture") or "X86_64"
    return str(named).lower()


def _tags(asked: dict[str, Any], cluster: Cluster, definition: TaskDefinition) -> list[dict[str, str]]:
    tags = {tag["key"]: tag.get("value", "") for tag in asked.get("tags") or []}
    if asked.get("propagateTags") == "TASK_DEFINITION":
        tags = {tag["key"]: tag.get("value", "") for tag in definition.tags or []} | tags
    if asked.get("enableECSManagedTags"):
        tags["aws:ecs:clusterName"] = cluster.name
    return [{"key": key, "value": value} for key, value in tags.items()]
