"""Fakes of `ports.Tasks` and `ports.Definitions`."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.definition import HASH_TAG
from jobrunner.core.lifecycle import STOPPED, TaskSnapshot
from jobrunner.core.local_stage import ACCOUNT_ID, REGION
from jobrunner.core.naming import task_id
from jobrunner.core.ports import Definition, Launch, PlacementFailure
from jobrunner.errors import AwsRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobrunner.core.request import RunRequest
    from jobrunner.errors import JobrunnerError
    from jobrunner.testing.aws import FakeAws
    from jobrunner.testing.task import FakeTask


#: What a description has elsewhere, or not at all.
_READ: Final = frozenset(("containerDefinitions", "taskDefinitionArn", "tags"))
#: What ECS says of every task definition for Fargate beside what was registered.
_ADDED: Final[Mapping[str, Any]] = {
    "volumes": [],
    "placementConstraints": [],
    "compatibilities": ["EC2", "FARGATE"],
    "requiresAttributes": [{"name": "ecs.capability.task-eni"}],
    "enableFaultInjection": False,
    "registeredBy": f"arn:aws:iam::{ACCOUNT_ID}:role/somebody",
}
_FILLED_IN: Final[Mapping[str, Any]] = {
    "cpu": 0,
    "essential": True,
    "portMappings": [],
    "environment": [],
    "mountPoints": [],
    "volumesFrom": [],
    "systemControls": [],
}
_HEALTH_CHECK: Final[Mapping[str, Any]] = {"interval": 30, "timeout": 5, "retries": 3}


class Scripted:
    """Errors that a test orders, and the calls that were made.

    Attributes:
        calls: The name of every call, in order, also of those that failed.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._errors: defaultdict[str, deque[JobrunnerError]] = defaultdict(deque)

    def fail(self, call: str, *errors: JobrunnerError) -> None:
        """Make the next calls of that name raise, one error for each."""
        self._errors[call].extend(errors)

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if self._errors[call]:
            raise self._errors[call].popleft()


class FakeTasks(Scripted):
    """`ports.Tasks` on a `FakeAws`."""

    def __init__(self, aws: FakeAws) -> None:
        super().__init__()
        self._aws = aws
        self._by_token: dict[tuple[str, str], FakeTask | tuple[PlacementFailure, ...]] = {}
        self._refusals: deque[tuple[PlacementFailure, ...]] = deque()

    def refuse(self, *failures: PlacementFailure) -> None:
        """Make the next `run` answer with these failures instead of a task."""
        self._refusals.append(failures)

    def run(self, request: RunRequest) -> Launch:
        """Start a task, or give the one that the same `clientToken` started."""
        self._called("run")
        body = request.body
        cluster = self._cluster(str(body.get("cluster", "default")), "ecs:RunTask")
        definition = self._aws.definitions.body(str(body["taskDefinition"]))
        if definition is None:
            raise AwsRefusedError(
                "cannot start the task: TaskDefinition not found.", where="ecs:RunTask", code="ClientException"
            )
        key = (cluster, str(body.get("clientToken", "")))
        known = self._by_token.get(key) if key[1] else None
        if known is None:
            known = self._refusals.popleft() if self._refusals else self._aws.start(cluster, body, definition)
            self._by_token[key] = known
        # A repeated token gets the same answer, also when that was a failure.
        if isinstance(known, tuple):
            return Launch(task=None, failures=known)
        return Launch(task=known.snapshot(self._aws.clock.now()))

    def describe(self, cluster: str, tasks: Sequence[str]) -> Mapping[str, TaskSnapshot]:
        """Describe tasks; see `ports.Tasks.describe`."""
        self._called("describe")
        now = self._aws.clock.now()
        asked = {task_id(name) for name in tasks}
        there = {task_id(task.arn): task for task in self._in(cluster, "ecs:DescribeTasks")}
        known = {name: there[name] for name in asked & there.keys() if there[name].known(now)}
        return {name: known[task_id(name)].snapshot(now) for name in tasks if task_id(name) in known}

    def find(
        self, cluster: str, *, started_by: str | None = None, family: str | None = None, stopped: bool = True
    ) -> Sequence[str]:
        """List tasks; see `ports.Tasks.find`."""
        self._called("find")
        if started_by and family:
            raise ValueError("ECS lists tasks by startedBy or by family, not by both")
        now = self._aws.clock.now()
        found = [
            task.snapshot(now)
            for task in self._in(cluster, "ecs:ListTasks")
            if task.known(now)
            and started_by in {None, task.request.get("startedBy")}
            and family in {None, task.definition["family"]}
        ]
        # ListTasks filters by desiredStatus: a task that is being stopped is listed with the stopped ones.
        found.sort(key=lambda task: task.desired_status == STOPPED)
        return [task.task_arn for task in found if stopped or task.desired_status != STOPPED]

    def stop(self, cluster: str, task: str, reason: str) -> None:
        """Stop a task; see `ports.Tasks.stop`."""
        self._called("stop")
        for known in self._in(cluster, "ecs:StopTask"):
            if task_id(known.arn) == task_id(task):
                known.stop(reason, self._aws.clock.now())

    def _in(self, cluster: str, where: str) -> list[FakeTask]:
        name = self._cluster(cluster, where)
        return [task for task in self._aws.started if task.arn.split("/")[-2] == name]

    def _cluster(self, cluster: str, where: str) -> str:
        name = cluster.rsplit("/", 1)[-1]
        if name not in self._aws.clusters:
            raise AwsRefusedError("Cluster not found.", where=where, code="ClusterNotFoundException")
        return name


class FakeDefinitions(Scripted):
    """`ports.Definitions` in memory.

    Attributes:
        registered: The bodies of RegisterTaskDefinition, in order, each with its `taskDefinitionArn`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.registered: list[dict[str, Any]] = []
        self._inactive: set[str] = set()

    def describe(self, name: str) -> Definition | None:
        """Describe a task definition; see `ports.Definitions.describe`."""
        self._called("describe")
        body = self.body(name)
        return None if body is None else self._definition(body)

    def revisions(self, family: str, limit: int) -> Sequence[str]:
        """List active revisions; see `ports.Definitions.revisions`."""
        self._called("revisions")
        return [str(body["taskDefinitionArn"]) for body in reversed(self._active(family))][:limit]

    def register(self, request: Mapping[str, Any]) -> Definition:
        """Register a revision."""
        self._called("register")
        family = str(request["family"])
        revision = sum(body["family"] == family for body in self.registered) + 1
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}:task-definition/{family}:{revision}"
        body = {**request, "taskDefinitionArn": arn}
        self.registered.append(body)
        return self._definition(body)

    def deregister(self, arn: str) -> None:
        """Make a revision INACTIVE."""
        self._inactive.add(arn)

    def body(self, name: str) -> dict[str, Any] | None:
        """Give what was registered under a family, family:revision or ARN."""
        short = name.rsplit("/", 1)[-1]
        if ":" not in short:
            return next(reversed(self._active(short)), None)
        return next((one for one in self.registered if one["taskDefinitionArn"].endswith(f"/{short}")), None)

    def _active(self, family: str) -> list[dict[str, Any]]:
        return [
            one for one in self.registered if one["family"] == family and one["taskDefinitionArn"] not in self._inactive
        ]

    def _definition(self, body: Mapping[str, Any]) -> Definition:
        tags = {tag["key"]: tag["value"] for tag in body.get("tags") or ()}
        active = body["taskDefinitionArn"] not in self._inactive
        beside = {key: body[key] for key in body if key not in _READ}
        return Definition(
            arn=body["taskDefinitionArn"],
            containers=tuple(_described(one) for one in body["containerDefinitions"]),
            hash=tags.get(HASH_TAG),
            active=active,
            cpu=None if "cpu" not in body else int(body["cpu"]),
            memory=None if "memory" not in body else int(body["memory"]),
            architecture=str(body["runtimePlatform"]["cpuArchitecture"]).lower() if "runtimePlatform" in body else None,
            ephemeral_storage=body["ephemeralStorage"]["sizeInGiB"] if "ephemeralStorage" in body else None,
            members={
                **beside,
                "revision": int(body["taskDefinitionArn"].rsplit(":", 1)[-1]),
                "status": "ACTIVE" if active else "INACTIVE",
                **_ADDED,
            },
        )


def _described(container: Mapping[str, Any]) -> dict[str, Any]:
    """Give a container as ECS describes it, with what it fills in where nothing was said."""
    filled = {**_FILLED_IN, **container}
    check = container.get("healthCheck")
    return filled if check is None else {**filled, "healthCheck": {**_HEALTH_CHECK, **check}}
