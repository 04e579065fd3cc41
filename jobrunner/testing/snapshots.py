"""Factories of task snapshots: everything has a default, so that a test says only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from jobrunner.core import lifecycle
from jobrunner.core.lifecycle import ContainerSnapshot, TaskSnapshot
from jobrunner.core.local_stage import ACCOUNT_ID, CLUSTER, REGION

_ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}:task/{CLUSTER}/{1:032x}"
_CREATED = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def container(name: str = "main", **fields: Any) -> ContainerSnapshot:
    """Give a container; `fields` are those of `ContainerSnapshot`."""
    return ContainerSnapshot(name=name, **fields)


def task(**fields: Any) -> TaskSnapshot:
    """Give a task of which nothing is known but its ARN and `fields`."""
    return TaskSnapshot(**({"task_arn": _ARN} | fields))


def running_task(**fields: Any) -> TaskSnapshot:
    """Give a task that has been running since ten seconds after its creation, at noon of 2026-01-01 UTC."""
    defaults: dict[str, Any] = {
        "last_status": lifecycle.RUNNING,
        "desired_status": lifecycle.RUNNING,
        "created_at": _CREATED,
        "pull_started_at": _CREATED + timedelta(seconds=5),
        "pull_stopped_at": _CREATED + timedelta(seconds=9),
        "started_at": _CREATED + timedelta(seconds=10),
        "containers": (container(last_status=lifecycle.RUNNING),),
        "cpu": 256,
        "memory": 512,
        "architecture": "x86_64",
        "operating_system": "LINUX",
        "launch_type": "FARGATE",
    }
    return task(**(defaults | fields))


def stopped_task(exit_code: int | None = 0, **fields: Any) -> TaskSnapshot:
    """Give a task that ended by itself after 90 seconds of running, with that exit code of `main`."""
    ended = _CREATED + timedelta(seconds=100)
    defaults: dict[str, Any] = {
        "last_status": lifecycle.STOPPED,
        "desired_status": lifecycle.STOPPED,
        "stopping_at": ended,
        "execution_stopped_at": ended,
        "stopped_at": ended + timedelta(seconds=15),
        "stop_code": "EssentialContainerExited",
        "stopped_reason": "Essential container in task exited",
        "containers": (container(last_status=lifecycle.STOPPED, exit_code=exit_code),),
    }
    return running_task(**(defaults | fields))
