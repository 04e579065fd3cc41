"""ECS's tasks: RunTask, DescribeTasks, ListTasks, StopTask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobrunner.aws import faults, wire
from jobrunner.aws.raw_json import answer_of
from jobrunner.core.lifecycle import TaskSnapshot
from jobrunner.core.naming import task_id
from jobrunner.core.ports import OTHER_REQUEST, Launch, PlacementFailure
from jobrunner.errors import AwsRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jobrunner.aws.connection import Clients
    from jobrunner.core.request import RunRequest

#: "A list of up to 100 task IDs or full ARN entries" (DescribeTasks, API reference).
_BATCH = 100
#: What StopTask says of a task that ECS has forgotten, under InvalidParameterException.
_NOT_FOUND = "the referenced task was not found"


class EcsTasks:
    """`ports.Tasks` on ECS."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def run(self, request: RunRequest) -> Launch:
        """Send RunTask; see `ports.Tasks.run`.

        Raises:
            AwsRefusedError: Also when ECS answered with neither a task nor a failure.
        """
        with faults.translated("ecs:RunTask", "start the task"):
            try:
                answer = self._clients.ecs().run_task(**request.body)
            except Exception as error:
                existing = _existing_tasks(error)
                if existing is None:
                    raise
                return self._launched_before(request.body.get("cluster", "default"), existing)
        launch = wire.launch(answer)
        if launch.task is None and not launch.failures:
            raise AwsRefusedError(
                "ECS accepted the call, but named neither a task nor a failure",
                where="ecs:RunTask",
                hint="A failure that is over an hour old loses its reason: start a new run.",
            )
        return launch

    def describe(self, cluster: str, tasks: Sequence[str]) -> Mapping[str, TaskSnapshot]:
        """Describe tasks; see `ports.Tasks.describe`."""
        asked = dict.fromkeys(tasks)
        found: dict[str, TaskSnapshot] = {}
        for batch in _batches(list(asked)):
            with faults.translated("ecs:DescribeTasks", "describe the tasks"):
                answer = answer_of(self._clients.ecs().describe_tasks(cluster=cluster, tasks=batch))
            snapshots = [wire.task_snapshot(one) for one in answer.get("tasks") or () if one.get("taskArn")]
            found |= {snapshot.task_arn: snapshot for snapshot in snapshots}
        by_id = {task_id(arn): snapshot for arn, snapshot in found.items()}
        return {name: by_id[task_id(name)] for name in asked if task_id(name) in by_id}

    def find(
        self, cluster: str, *, started_by: str | None = None, family: str | None = None, stopped: bool = True
    ) -> Sequence[str]:
        """List tasks; see `ports.Tasks.find`.

        Args:
            cluster: Name or ARN.
            started_by: "When you specify a startedBy value, it must be the only filter" (ListTasks).
            family: Not together with `started_by`.
            stopped: Whether stopped ones are listed, too.
        """
        if started_by and family:
            raise ValueError("ECS lists tasks by startedBy or by family, not by both")
        filters: dict[str, Any] = {"startedBy": started_by} if started_by else {"family": family} if family else {}
        found: dict[str, None] = {}
        # ListTasks gives one desired status at a time, and RUNNING when none is said. A task is asked to stop
        # between the two calls, or has been: it may be in both, or only in the second.
        for status in ("RUNNING", "STOPPED") if stopped else ("RUNNING",):
            with faults.translated("ecs:ListTasks", "list the tasks"):
                pages = self._clients.ecs().get_paginator("list_tasks")
                for page in pages.paginate(cluster=cluster, desiredStatus=status, **filters):
                    found.update(dict.fromkeys(page.get("taskArns") or ()))
        return list(found)

    def stop(self, cluster: str, task: str, reason: str) -> None:
        """Tell ECS to stop a task; one that has stopped, or that ECS does not know, runs no more: no error."""
        with faults.translated("ecs:StopTask", "stop the task"):
            try:
                self._clients.ecs().stop_task(cluster=cluster, task=task, reason=reason)
            except Exception as error:
                gone = faults.is_client_error(error) and _NOT_FOUND in faults.message_of(error).lower()
                if not gone:
                    raise

    def _launched_before(self, cluster: str, tasks: Sequence[str]) -> Launch:
        """Describe a task that this token started before; ECS may not show it for a moment."""
        if not tasks:
            return Launch(task=None, failures=(PlacementFailure(reason=OTHER_REQUEST),))
        task_arn = tasks[0]
        known = self.describe(cluster, [task_arn])
        return Launch(task=known.get(task_arn) or TaskSnapshot(task_arn=task_arn))


def _existing_tasks(error: Exception) -> Sequence[str] | None:
    """Read the tasks that a client token started before with other parameters ("ECS idempotency", Developer Guide).

    None if the error does not say so; none at all if the token's first request was not placed.
    """
    if not faults.is_client_error(error) or faults.code_of(error) != "ConflictException":
        return None
    response: Mapping[str, Any] = getattr(error, "response", {})
    listed = response.get("resourceIds") or (response.get("Error") or {}).get("resourceIds") or ()
    return [one for one in listed if one]


def _batches(tasks: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(tasks), _BATCH):
        yield tasks[start : start + _BATCH]
