"""Schedule groups of EventBridge Scheduler: CreateScheduleGroup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobrunner.aws import faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_scheduler import EventBridgeSchedulerClient

#: The tag that every group has which jobrunner makes. Schedules themselves take no tags.
MANAGED_BY: Final = ("managed-by", "jobrunner")


def ensure(client: EventBridgeSchedulerClient, name: str, tags: Mapping[str, str]) -> bool:
    """Create a group unless there is one of that name; tell whether it was created."""
    key, value = MANAGED_BY
    listed = [{"Key": key, "Value": value}, *({"Key": key, "Value": value} for key, value in tags.items())]
    with faults.translated("scheduler:CreateScheduleGroup", f"create the schedule group {name}"):
        try:
            client.create_schedule_group(Name=name, Tags=listed)  # type: ignore[arg-type]  # dicts of the right keys
        except Exception as error:
            if not faults.answered(error, "ConflictException"):
                raise
            return False
    return True
