"""The task metadata endpoint, version 4, that a container finds in ECS_CONTAINER_METADATA_URI_V4.

Source: developer guide, "Task metadata endpoint v4 for tasks on Fargate": GET `/v4/ID` is the container, `/v4/ID/task`
its task. Statistics are left out.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.wire import Reply, json_reply

if TYPE_CHECKING:
    from jobrunner.local.ecs_api import TaskStore
    from jobrunner.local.task import Container, Task

PREFIX: Final = "/v4/"


def describe(store: TaskStore, path: str) -> Reply:
    """The answer to a path that begins with `PREFIX`."""
    runtime_id, _, what = path.removeprefix(PREFIX).partition("/")
    for task in store.all():
        for container in task.containers:
            if container.runtime_id == runtime_id and what in {"", "task"}:
                return json_reply(_task(task) if what else _container(container, task))
    return json_reply({"message": "no such container"}, status=404)


def _task(task: Task) -> dict[str, Any]:
    units, mib = int(task.cpu), int(task.memory)
    times = {"PullStartedAt": "pullStartedAt", "PullStoppedAt": "pullStoppedAt"}
    return {
        "Cluster": task.cluster_arn,
        "TaskARN": task.arn,
        "Family": task.family,
        "Revision": task.definition_arn.rpartition(":")[2],
        "DesiredStatus": task.desired_status,
        "KnownStatus": task.last_status,
        "Limits": {"CPU": units / 1024, "Memory": mib},
        "AvailabilityZone": f"{task.region}a",
        "LaunchType": task.launch_type,
        "Containers": [_container(container, task) for container in task.containers],
        **{name: _iso(task.times[key]) for name, key in times.items() if key in task.times},
    }


def _container(container: Container, task: Task) -> dict[str, Any]:
    exit_code = {} if container.exit_code is None else {"ExitCode": container.exit_code}
    return {
        "DockerId": container.runtime_id,
        "Name": container.name,
        "DockerName": container.name,
        "Image": container.definition.get("image", ""),
        "Labels": {
            "com.amazonaws.ecs.cluster": task.cluster_arn,
            "com.amazonaws.ecs.container-name": container.name,
            "com.amazonaws.ecs.task-arn": task.arn,
            "com.amazonaws.ecs.task-definition-family": task.family,
            "com.amazonaws.ecs.task-definition-version": task.definition_arn.rpartition(":")[2],
        },
        "DesiredStatus": task.desired_status,
        "KnownStatus": container.last_status,
        "Type": "NORMAL",
        "ContainerARN": container.arn,
        **exit_code,
    }


def _iso(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat().replace("+00:00", "Z")
