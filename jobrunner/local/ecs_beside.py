"""Operations of ECS that are moto's, but concern tasks, which are ours: tags of a task, counts of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobrunner.local import checks
from jobrunner.local.wire import ApiError, Reply, json_reply

if TYPE_CHECKING:
    from jobrunner.local.ecs_api import TaskStore
    from jobrunner.local.moto_state import MotoState
    from jobrunner.local.task import Task
    from jobrunner.local.wire import Request

_PREFIX: Final = "AmazonEC2ContainerServiceV20141113."


class EcsBeside:
    """Answers for tasks; None leaves the request to moto."""

    def __init__(self, moto: MotoState, store: TaskStore) -> None:
        self._moto = moto
        self._store = store
        self.operations = {
            _PREFIX + "ListTagsForResource": self.list_tags,
            _PREFIX + "TagResource": self.tag,
            _PREFIX + "UntagResource": self.untag,
            _PREFIX + "DescribeClusters": self.count,
            _PREFIX + "DeleteCluster": self.delete_cluster,
        }

    def list_tags(self, request: Request) -> Reply | None:
        """The tags of a task."""
        task = self._task(request)
        return None if task is None else json_reply({"tags": task.tags})

    def tag(self, request: Request) -> Reply | None:
        """Add tags to a task."""
        task = self._task(request)
        if task is None:
            return None
        added: list[dict[str, Any]] = request.json().get("tags") or []
        merged = {tag["key"]: tag for tag in [*task.tags, *added]}
        checks.check_tags(added)
        checks.check_tags([tag for tag in merged.values() if not tag["key"].startswith("aws:")])
        task.tags = list(merged.values())
        return json_reply({})

    def untag(self, request: Request) -> Reply | None:
        """Take tags from a task."""
        task = self._task(request)
        if task is None:
            return None
        keys = set(request.json().get("tagKeys") or [])
        task.tags = [tag for tag in task.tags if tag["key"] not in keys]
        return json_reply({})

    def count(self, request: Request) -> None:
        """Tell moto how many tasks its clusters have, before it describes them."""
        for cluster in list(self._moto.ecs(request.region).clusters.values()):
            states = [task.last_status for task in self._store.of(request.region, cluster.name).values()]
            cluster.pending_tasks_count = sum(state in {"PROVISIONING", "PENDING", "ACTIVATING"} for state in states)
            cluster.running_tasks_count = sum(state in {"RUNNING", "DEACTIVATING", "STOPPING"} for state in states)

    def delete_cluster(self, request: Request) -> None:
        """A cluster with tasks cannot be deleted."""
        cluster = self._moto.cluster(request.region, request.json().get("cluster") or "")
        if cluster is not None and any(
            not task.finished for task in self._store.of(request.region, cluster.name).values()
        ):
            raise ApiError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")

    def _task(self, request: Request) -> Task | None:
        """The task that the request is about, or None if it is about something else."""
        arn = str(request.json().get("resourceArn") or "")
        if ":task/" not in arn:
            return None
        task = self._store.find(request.region, arn.split("/")[-2], arn)
        if task is None:
            checks.invalid("The specified task could not be found. Specify a valid task and try again.")
        return task
