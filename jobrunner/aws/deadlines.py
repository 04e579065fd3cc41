"""EventBridge Scheduler's one-off schedules: CreateSchedule, DeleteSchedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.aws import faults, schedule_groups
from jobrunner.core.ports import NOT_FOUND

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

    from jobrunner.aws.connection import Clients
    from jobrunner.core.deadline import Deadline


class SchedulerDeadlines:
    """`ports.Deadlines` on EventBridge Scheduler."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def set(self, deadline: Deadline) -> None:
        """Create the schedule; one of that name that exists already is the same launch's, and is no error.

        The group is made if it is missing: a project has timeouts before it has schedules.
        """
        with faults.translated("scheduler:CreateSchedule", "schedule the task's timeout"):
            try:
                self._create(deadline)
            except Exception as error:
                if not faults.answered(error, NOT_FOUND):
                    raise
                schedule_groups.ensure(self._client(), deadline.group, {})
                self._create(deadline)

    def _create(self, deadline: Deadline) -> None:
        try:
            self._client().create_schedule(**deadline.request())
        except Exception as error:
            if not faults.answered(error, "ConflictException"):
                raise

    def clear(self, name: str, group: str) -> None:
        """Delete the schedule; one that is not there is no error."""
        with faults.translated("scheduler:DeleteSchedule", "delete the schedule of the task's timeout"):
            try:
                self._client().delete_schedule(Name=name, GroupName=group)
            except Exception as error:
                if not faults.answered(error, NOT_FOUND):
                    raise

    def _client(self) -> EventBridgeSchedulerClient:
        client: EventBridgeSchedulerClient = self._clients.client("scheduler")
        return client
