"""When a run's task must be over: a one-off EventBridge schedule that stops it, whoever is watching then.

Sources: botocore scheduler CreateSchedule; Scheduler user guide, "Schedule types" and "Using universal targets".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

#: What follows the partition in the ARN of a universal target: EventBridge Scheduler itself calls the operation.
_STOP_TASK = "scheduler:::aws-sdk:ecs:stopTask"

#: As often and as long as EventBridge Scheduler can. A late stop is better than none, and a repeated one does no
#: harm: StopTask is idempotent, and a task's ARN names no other task. Written out, because the API reference does
#: not say what is left out means.
RETRY_POLICY = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """A schedule that stops one task at one moment, and is then gone.

    EventBridge Scheduler calls within the minute that follows, never before ("Schedule types": a precision of 60
    seconds).

    Attributes:
        name: Of the schedule, `naming.timeout_schedule`.
        group: The schedule group, which is made if it is missing.
        at: Timezone-aware.
        role: What EventBridge Scheduler assumes to call StopTask: an ARN, or the name of a role in the task's own
            account; the name of a role that has a path is written with it, `path/name`.
        cluster: Name or ARN.
        task_arn: What is stopped.
        reason: Becomes the task's `stoppedReason`.
    """

    name: str
    group: str
    at: datetime
    role: str
    cluster: str
    task_arn: str
    reason: str

    def __post_init__(self) -> None:
        if self.at.utcoffset() is None:
            raise ValueError("a deadline needs a time with a time zone")

    def request(self) -> dict[str, Any]:
        """Give the CreateSchedule request.

        Scheduler knows whole seconds, so a fraction of one is rounded up: a run gets all of its time. The keys of
        `Input` are in PascalCase, whatever ECS's own API calls them: "Request payload is missing the following
        field(s)" is CreateSchedule's answer to `task`.
        """
        _, partition, _, _, account, _ = self.task_arn.split(":", 5)
        role = self.role if self.role.startswith("arn:") else f"arn:{partition}:iam::{account}:role/{self.role}"
        stop = {"Cluster": self.cluster, "Task": self.task_arn, "Reason": self.reason}
        return {
            "Name": self.name,
            "GroupName": self.group,
            "Description": f"Made by jobrunner: stops {self.task_arn} at its timeout",
            "ScheduleExpression": f"at({_whole_second(self.at):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "State": "ENABLED",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": f"arn:{partition}:{_STOP_TASK}",
                "RoleArn": role,
                "Input": json.dumps(stop),
                "RetryPolicy": dict(RETRY_POLICY),
            },
        }


def _whole_second(at: datetime) -> datetime:
    utc = at.astimezone(UTC)
    whole = utc.replace(microsecond=0)
    return whole if whole == utc else whole + timedelta(seconds=1)
