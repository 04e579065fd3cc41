"""EventBridge Scheduler's one-off schedules: CreateSchedule, DeleteSchedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.aws import faults

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

    from jobrunner.aws.connection import Clients
    from jobrunner.core.deadline import Deadline


class SchedulerDeadlines:
    """`ports.Deadlines` on EventBridge Scheduler."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def set(self, deadline: Deadline) -> None:
        """Create the schedule; one of that name that exists already is the same launch's, and is no error."""
        with faults.translated("scheduler:CreateSchedule", "schedule the task's timeout"):
            try:
                self._client().create_schedule(**deadline.request())
            except Exception as error:
                if not _answered(error, "ConflictException"):
                    raise

    def clear(self, name: str, group: str) -> None:
        """Delete the schedule; one that is not there is no error."""
        with faults.translated("scheduler:DeleteSchedule", "delete the schedule of the task's timeout"):
            try:
                self._client().delete_schedule(Name=name, GroupName=group)
            except Exception as error:
                if not _answered(error, "ResourceNotFoundException"):
                    raise

    def _client(self) -> EventBridgeSchedulerClient:
        client: EventBridgeSchedulerClient = self._clients.client("scheduler")
        return client


def _answered(error: Exception, code: str) -> bool:
    return faults.is_client_error(error) and faults.code_of(error) == code
