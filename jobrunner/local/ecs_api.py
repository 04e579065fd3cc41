"""RunTask, StopTask, DescribeTasks and ListTasks, as ECS answers them. Every other operation of ECS is moto's."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from jobrunner.local import checks
from jobrunner.local.faults.subject import Subject
from jobrunner.local.orders import make_tasks
from jobrunner.local.task import Task
from jobrunner.local.tokens import Tokens
from jobrunner.local.wire import ApiError, Reply, dumps, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jobrunner.local.faults.book import FaultBook
    from jobrunner.local.moto_state import MotoState
    from jobrunner.local.wire import Request

_PREFIX: Final = "AmazonEC2ContainerServiceV20141113."
_PAGE: Final = 100


class Engine(Protocol):
    """Who runs tasks."""

    def start(self, task: Task) -> None:
        """Take a task through its life. Does not wait."""

    def stop(self, task: Task, reason: str) -> None:
        """Ask a task to stop; its `desiredStatus` is STOPPED when this returns."""


@dataclass(frozen=True, kw_only=True)
class Placement(Collection[Task]):
    """What became of a RunTask call: the tasks that were placed, and `failures[]` for those that were not."""

    tasks: list[Task]
    failures: list[dict[str, str]] = field(default_factory=list)

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks)

    def __len__(self) -> int:
        return len(self.tasks)

    def __contains__(self, task: object) -> bool:
        return task in self.tasks


class TaskStore:
    """The tasks that ECS still knows, by region and cluster. Safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: dict[tuple[str, str], dict[str, Task]] = {}

    def add(self, tasks: Iterable[Task]) -> None:
        """Make tasks known."""
        with self._lock:
            for task in tasks:
                self._tasks.setdefault((task.region, task.cluster), {})[task.id] = task

    def forget(self, task: Task) -> None:
        """ECS forgets a stopped task after about an hour."""
        with self._lock:
            self._tasks.get((task.region, task.cluster), {}).pop(task.id, None)

    def of(self, region: str, cluster: str) -> dict[str, Task]:
        """The tasks of a cluster by id."""
        with self._lock:
            return dict(self._tasks.get((region, cluster), {}))

    def find(self, region: str, cluster: str, name: str) -> Task | None:
        """A task of a cluster by its id or ARN."""
        parts = name.split("/")
        if len(parts) > 2 and parts[-2] != cluster:  # noqa: PLR2004 - arn…:task/cluster/id
            return None
        return self._tasks.get((region, cluster), {}).get(parts[-1])

    def all(self) -> list[Task]:
        """Every task."""
        with self._lock:
            return [task for tasks in self._tasks.values() for task in tasks.values()]


class EcsApi:
    """The operations on tasks."""

    def __init__(
        self, moto: MotoState, engine: Engine, store: TaskStore, clock: Callable[[], float], faults: FaultBook
    ) -> None:
        self._moto = moto
        self._engine = engine
        self._store = store
        self._clock = clock
        self._faults = faults
        self._tokens: Tokens[Placement] = Tokens(clock)
        self.operations = {
            _PREFIX + "RunTask": self.run_task,
            _PREFIX + "StopTask": self.stop_task,
            _PREFIX + "DescribeTasks": self.describe_tasks,
            _PREFIX + "ListTasks": self.list_tasks,
        }

    def run_task(self, request: Request) -> Reply:
        """Start up to ten tasks, or find those that the same token started."""
        asked = request.json()
        checks.check_request(asked)
        cluster = self._cluster(request, asked)
        token = asked.get("clientToken")
        fresh: list[bytes] = []  # the first answer shows PROVISIONING, however quickly the tasks go on

        def start() -> Placement:
            definition = checks.check_definition(self._moto.definition(request.region, asked["taskDefinition"]))
            placed = self._place(make_tasks(asked, cluster, definition, region=request.region, now=self._clock()))
            fresh.extend(task.described(with_tags=True) for task in placed)
            self._store.add(placed)
            for task in placed:
                self._engine.start(task)
            return placed

        placed = start() if token is None else self._tokens.once(cluster.arn, token, asked, start)
        return _answer(fresh or [task.described(with_tags=True) for task in placed], placed.failures)

    def _place(self, tasks: list[Task]) -> Placement:
        """All tasks, except those that were ordered to fail; of a failure there is no task, and no event."""
        if not self._faults.ordered:
            return Placement(tasks=tasks)
        placed, failures = [], []
        for task in tasks:
            subject = Subject.of(task)
            failure = self._faults.deal("placement", subject, f"RunTask {task.family}")
            if failure is not None and failure.strike():
                failures.append({"reason": failure.fault.text})
                continue
            missing = self._faults.deal("missing", subject, task.arn)
            if missing is not None:
                task.faults["missing"] = missing
            placed.append(task)
        return Placement(tasks=placed, failures=failures)

    def stop_task(self, request: Request) -> Reply:
        """Ask one task to stop. One that has stopped already is answered as it is."""
        asked = request.json()
        cluster = self._cluster(request, asked)
        task = self._store.find(request.region, cluster.name, asked.get("task") or "")
        if task is None:
            checks.invalid("The referenced task was not found.")
        self._engine.stop(task, asked.get("reason") or "Task stopped by user")
        return Reply(body=b'{"task":' + task.snapshot + b"}")

    def describe_tasks(self, request: Request) -> Reply:
        """Up to a hundred tasks; a failure MISSING for each that this cluster does not have."""
        asked = request.json()
        cluster = self._cluster(request, asked)
        names = asked.get("tasks") or []
        if not names:
            checks.invalid("Tasks cannot be empty.")
        if len(names) > _PAGE:
            checks.invalid(f"Too many tasks: at most {_PAGE} can be described at once.")
        with_tags = "TAGS" in (asked.get("include") or [])
        found, failures = [], []
        for name in names:
            task = self._store.find(request.region, cluster.name, name)
            if task is None or (task.faults and self._is_missing(task)):
                arn = name if name.startswith("arn:") else f"{_task_prefix(cluster.arn)}/{name}"
                failures.append({"arn": arn, "reason": "MISSING"})
            else:
                found.append(task.described(with_tags=with_tags))
        return _answer(found, failures)

    def list_tasks(self, request: Request) -> Reply:
        """The ARNs of a cluster's tasks: those that should run, unless `desiredStatus` says STOPPED."""
        asked = request.json()
        cluster = self._cluster(request, asked)
        _check_filters(asked)
        wanted = {
            "desired_status": asked.get("desiredStatus") or "RUNNING",
            "family": asked.get("family"),
            "started_by": asked.get("startedBy"),
            "launch_type": asked.get("launchType"),
        }
        conditions = [(name, value) for name, value in wanted.items() if value is not None]
        if asked.get("containerInstance") or asked.get("serviceName"):
            return json_reply({"taskArns": []})  # there are neither instances nor services here
        tasks = sorted(self._store.of(request.region, cluster.name).values(), key=lambda task: task.id)
        after, limit = asked.get("nextToken") or "", asked.get("maxResults") or _PAGE
        arns = [
            task.arn
            for task in tasks
            if task.id > after
            and all(getattr(task, name) == value for name, value in conditions)
            and not (task.faults and self._is_missing(task))
        ]
        answer: dict[str, Any] = {"taskArns": arns[:limit]}
        if len(arns) > limit:
            answer["nextToken"] = arns[limit - 1].rpartition("/")[2]
        return json_reply(answer)

    def _is_missing(self, task: Task) -> bool:
        """Whether somebody ordered that the task be not known yet."""
        missing = task.faults.get("missing")
        return missing is not None and missing.fault.hides(self._clock() - task.created_at) and missing.strike()

    def _cluster(self, request: Request, asked: dict[str, Any]) -> Any:
        cluster = self._moto.cluster(request.region, asked.get("cluster") or "default")
        if cluster is None or cluster.status != "ACTIVE":
            raise ApiError("ClusterNotFoundException", "Cluster not found.")
        return cluster


def _task_prefix(cluster_arn: str) -> str:
    return cluster_arn.replace(":cluster/", ":task/")


def _check_filters(asked: dict[str, Any]) -> None:
    if asked.get("desiredStatus") not in {None, "RUNNING", "STOPPED", "PENDING"}:
        checks.invalid("desiredStatus should be one of [RUNNING,PENDING,STOPPED]")
    if asked.get("startedBy") and (asked.get("family") or asked.get("serviceName")):
        checks.invalid("cannot specify startedBy with family or serviceName: it must be the only filter")
    if not 1 <= (asked.get("maxResults") or _PAGE) <= _PAGE:
        checks.invalid(f"maxResults must be between 1 and {_PAGE}.")


def _answer(tasks: list[bytes], failures: list[dict[str, str]]) -> Reply:
    return Reply(body=b'{"tasks":[%b],"failures":%b}' % (b",".join(tasks), dumps(failures)))
