"""EventBridge Scheduler's schedules and groups: Get, List, Create, Update and Delete of both."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from jobrunner.aws import faults, schedule_groups
from jobrunner.core.ports import NOT_FOUND
from jobrunner.core.schedule_group import ScheduleGroup
from jobrunner.core.wall_clock import iso_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_scheduler.type_defs import ScheduleSummaryTypeDef

    from jobrunner.aws.connection import Clients

#: What GetSchedule says of a schedule beyond what CreateSchedule takes.
_NOT_ASKED: Final = frozenset(("Arn", "CreationDate", "LastModificationDate", "ResponseMetadata"))
_DELETING: Final = "DELETING"


class SchedulerSchedules:
    """`ports.Schedules` on EventBridge Scheduler.

    Throttled calls are repeated by botocore. ListSchedules is allowed 50 times a second and a region, the calls for one
    schedule at least 250 times (Scheduler user guide, "Quotas").
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def group(self, name: str) -> ScheduleGroup | None:
        """Describe a group, with its tags; see `ports.Schedules.group`."""
        with faults.translated("scheduler:GetScheduleGroup", f"describe the schedule group {name}"):
            try:
                found = self._client().get_schedule_group(Name=name)
            except Exception as error:
                if faults.answered(error, NOT_FOUND):
                    return None
                raise
        with faults.translated("scheduler:ListTagsForResource", f"read the tags of the schedule group {name}"):
            listed = self._client().list_tags_for_resource(ResourceArn=found["Arn"])
        tags = {tag["Key"]: tag["Value"] for tag in listed.get("Tags") or ()}
        return ScheduleGroup(name=name, tags=tags, deleting=found.get("State") == _DELETING)

    def make_group(self, name: str, tags: Mapping[str, str]) -> bool:
        """Create a group unless there is one of that name; see `ports.Schedules.make_group`."""
        with faults.translated("scheduler:CreateScheduleGroup", f"create the schedule group {name}"):
            return schedule_groups.ensure(self._client(), name, tags)

    def delete_group(self, name: str) -> None:
        """Delete a group and what is in it; one that is not there is no error."""
        with faults.translated("scheduler:DeleteScheduleGroup", f"delete the schedule group {name}"):
            try:
                self._client().delete_schedule_group(Name=name)
            except Exception as error:
                if not faults.answered(error, NOT_FOUND):
                    raise

    def names(self, group: str) -> Sequence[str]:
        """List the schedules of a group, page after page; see `ports.Schedules.names`."""
        return sorted(one["Name"] for one in self._listed(group))

    def written(self, group: str) -> Mapping[str, datetime]:
        """Say when schedules were last written; see `ports.Schedules.written`."""
        dates = (
            (one["Name"], one.get("LastModificationDate") or one.get("CreationDate")) for one in self._listed(group)
        )
        return {name: at.astimezone(UTC) for name, at in dates if at is not None}

    def _listed(self, group: str) -> Sequence[ScheduleSummaryTypeDef]:
        found: list[ScheduleSummaryTypeDef] = []
        with faults.translated("scheduler:ListSchedules", f"list the schedules of the group {group}"):
            try:
                for page in self._client().get_paginator("list_schedules").paginate(GroupName=group):
                    found += page.get("Schedules") or ()
            except Exception as error:
                if faults.answered(error, NOT_FOUND):
                    return []
                raise
        return found

    def get(self, group: str, name: str) -> Mapping[str, Any] | None:
        """Give a schedule; see `ports.Schedules.get`."""
        with faults.translated("scheduler:GetSchedule", f"read the schedule {name}"):
            try:
                found = self._client().get_schedule(GroupName=group, Name=name)
            except Exception as error:
                if faults.answered(error, NOT_FOUND):
                    return None
                raise
        return {key: _plain(value) for key, value in found.items() if key not in _NOT_ASKED}

    def create(self, body: Mapping[str, Any]) -> None:
        """Create a schedule. botocore adds a token, so that a repeated call is not refused as a second one."""
        with faults.translated("scheduler:CreateSchedule", f"create the schedule {body.get('Name')}"):
            self._client().create_schedule(**body)

    def update(self, body: Mapping[str, Any]) -> None:
        """Replace a schedule."""
        with faults.translated("scheduler:UpdateSchedule", f"update the schedule {body.get('Name')}"):
            self._client().update_schedule(**body)

    def delete(self, group: str, name: str) -> bool:
        """Delete a schedule; tell whether there was one."""
        with faults.translated("scheduler:DeleteSchedule", f"delete the schedule {name}"):
            try:
                self._client().delete_schedule(GroupName=group, Name=name)
            except Exception as error:
                if not faults.answered(error, NOT_FOUND):
                    raise
                return False
        return True

    def _client(self) -> EventBridgeSchedulerClient:
        client: EventBridgeSchedulerClient = self._clients.client("scheduler")
        return client


def _plain(value: Any) -> Any:
    """Write a time as it is sent; everything else is JSON already."""
    return iso_seconds(value) if isinstance(value, datetime) else value
