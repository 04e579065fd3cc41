"""Schedules for the tests of EventBridge Scheduler."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from jobrunner.core import local_stage

ACCOUNT = local_stage.ACCOUNT_ID
QUEUE = f"arn:aws:sqs:{local_stage.REGION}:{ACCOUNT}:queue"
CLUSTER = f"arn:aws:ecs:{local_stage.REGION}:{ACCOUNT}:cluster/{local_stage.CLUSTER}"
TASK = f"arn:aws:ecs:{local_stage.REGION}:{ACCOUNT}:task/{local_stage.CLUSTER}/{'0' * 32}"
UNIVERSAL = "arn:aws:scheduler:::aws-sdk:ecs:"
OFF = {"Mode": "OFF"}


def at(seconds: float) -> str:
    """An expression for a moment from now, in UTC; at least so far away."""
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds + 0.999_999)
    return f"at({moment:%Y-%m-%dT%H:%M:%S})"


def target(operation: str = "stopTask", **members: Any) -> dict[str, Any]:
    """A universal target; `Input` may be a document."""
    found = {"Arn": UNIVERSAL + operation, "RoleArn": local_stage.SCHEDULER_ROLE, "Input": {"Task": TASK}} | members
    if isinstance(found.get("Input"), dict):
        found["Input"] = json.dumps(found["Input"])
    return {name: value for name, value in found.items() if value is not None}


def schedule(name: str, **members: Any) -> dict[str, Any]:
    """A CreateSchedule request: StopTask of a task that does not exist, in ten minutes; None leaves a member out."""
    found = {
        "Name": name,
        "ScheduleExpression": at(600),
        "FlexibleTimeWindow": OFF,
        "Target": target(),
    } | members
    return {name: value for name, value in found.items() if value is not None}


def refused(code: str, call: Any, **members: Any) -> str:
    """Make a call that is refused with that code; the message."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    assert code == error["Code"], error
    assert error["Message"] == caught.value.response["Message"]
    return str(error["Message"])


def stop(arn: str, reason: str, **members: Any) -> dict[str, Any]:
    """The universal target that stops a task."""
    return target(Input={"Cluster": local_stage.CLUSTER, "Task": arn, "Reason": reason}, **members)


def ecs_target(definition: str, parameters: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """The templated target that runs a task on the built-in cluster; `Input` may be a document."""
    ecs: dict[str, Any] = {
        "TaskDefinitionArn": definition,
        "NetworkConfiguration": {
            "awsvpcConfiguration": {
                "Subnets": list(local_stage.SUBNETS),
                "SecurityGroups": list(local_stage.SECURITY_GROUPS),
                "AssignPublicIp": "ENABLED",
            }
        },
        **(parameters or {}),
    }
    if "CapacityProviderStrategy" not in ecs:
        ecs["LaunchType"] = "FARGATE"
    return target(**{"Arn": CLUSTER, "Input": None, "EcsParameters": ecs} | members)


def exists(scheduler: Any, name: str) -> bool:
    """Whether there is such a schedule in the default group."""
    listed = scheduler.list_schedules(GroupName="default", NamePrefix=name)["Schedules"]
    return name in [one["Name"] for one in listed]
