"""An ECS for tests of the state machine: tasks that live as they are told to, and lists that show them at once.

`from state_machine_ecs import Ecs, Life`: it stands beside the tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from state_machine_world import CallError, World

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "arn:aws:ecs:eu-west-1:123456789012:task/blue/"
FORGOTTEN = 3600
NOT_FOUND = CallError("Ecs.InvalidParameterException", "The referenced task was not found. (Service: Ecs)")


@dataclass(frozen=True, kw_only=True)
class Life:
    """What becomes of a task, in seconds after its launch.

    Attributes:
        starts: When its container runs; None for never.
        ends: When it ends by itself; None for never.
        exit_code: Of its container then.
        code: `stopCode` then.
        reason: `stoppedReason` then.
        shown: When DescribeTasks knows it.
        stops_in: Seconds from StopTask to STOPPED; None when StopTask has no effect.
    """

    starts: float | None = 20
    ends: float | None = 60
    exit_code: int | None = 0
    code: str = "EssentialContainerExited"
    reason: str = "Essential container in task exited"
    shown: float = 0
    stops_in: float | None = 30


@dataclass
class Task:
    """A task."""

    arn: str
    request: dict[str, Any]
    life: Life
    born: float
    told_at: float | None = None
    told: str = ""

    def described(self, now: float) -> dict[str, Any] | None:
        """As DescribeTasks shows it at a moment; None when it does not."""
        age = (now - self.born) / 1000
        over, code, reason, exit_code = self._end()
        if age < max(self.life.shown, 0) or (over is not None and age > over + FORGOTTEN):
            return None
        stopped = over is not None and age >= over
        ran = self.life.starts is not None and age >= self.life.starts and (over is None or self.life.starts <= over)
        going = stopped or self.told_at is not None
        shown: dict[str, Any] = {
            "TaskArn": self.arn,
            "LastStatus": "STOPPED" if stopped else "RUNNING" if ran else "PENDING",
            "DesiredStatus": "STOPPED" if going else "RUNNING",
            "CreatedAt": iso(self.born),
            "Overrides": self.request["Overrides"],
            "Containers": [{"Name": "main", "LastStatus": "STOPPED" if stopped else "PENDING"}],
        }
        if ran:
            shown["StartedAt"] = iso(self.born + (self.life.starts or 0) * 1000)
        if stopped:
            shown |= {"StopCode": code, "StoppedReason": reason}
            if ran and exit_code is not None:
                shown["Containers"][0]["ExitCode"] = exit_code
        return shown

    def _end(self) -> tuple[float | None, str, str, int | None]:
        life = self.life
        if self.told_at is not None and life.stops_in is not None:
            told = (self.told_at - self.born) / 1000 + life.stops_in
            if life.ends is None or told < life.ends:
                return told, "UserInitiated", self.told, 143
        return life.ends, life.code, life.reason, life.exit_code


def iso(moment: float) -> str:
    """As Step Functions shows a timestamp of a service."""
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Ecs:
    """The service.

    Attributes:
        script: What each RunTask with a new token comes to: a task's life, `failures[]`, or an error, which the same
            token meets only once.
        trouble: Errors of DescribeTasks, StopTask and ListTasks, by their names; each is met once.
        tasks: Everything that was started, by its token.
    """

    script: Sequence[Life | list[dict[str, str]] | CallError]
    trouble: dict[str, list[CallError]] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    started: dict[str, str] = field(default_factory=dict)
    world: World | None = None

    def __post_init__(self) -> None:
        self._left = list(self.script)

    def drive(self, document: dict[str, Any], **fields: Any) -> World:
        """Give the execution of a document, under its own name unless another is said."""
        name = f"{document['scope']}-{document['scheduled_time'].replace(':', '.')}"
        self.world = World(document, self._answers(), **{"name": name, **fields})
        return self.world

    def add(self, request: dict[str, Any], life: Life, token: str, *, age: float = 0) -> Task:
        """Start a task that the execution knows nothing of, some seconds ago or, with a negative age, later."""
        task = Task(f"{PREFIX}{len(self.tasks):032x}", request, life, self._now() - age * 1000)
        self.tasks[token] = task
        return task

    def _answers(self) -> dict[str, Any]:
        return {
            "ecs:runTask": self._run,
            "ecs:describeTasks": self._describe,
            "ecs:stopTask": self._stop,
            "ecs:listTasks": self._list,
            "sfn:startExecution": self._start,
        }

    def _now(self) -> float:
        assert self.world is not None
        return self.world.now

    def _meet(self, action: str) -> None:
        if self.trouble.get(action):
            raise self.trouble[action].pop(0)

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        token = request["ClientToken"]
        if token not in self.tasks:
            answer = self._left.pop(0)
            if isinstance(answer, CallError):
                raise answer
            if isinstance(answer, list):
                return {"Tasks": [], "Failures": answer}
            self.add(request, answer, token)
        task = self.tasks[token]
        if task.request != request:
            raise CallError("Ecs.ConflictException", "the token stands for another request (Service: Ecs)")
        return {"Tasks": [{"TaskArn": task.arn, "LastStatus": "PROVISIONING", "CreatedAt": iso(task.born)}]}

    def _describe(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._meet("ecs:describeTasks")
        assert isinstance(arguments["Tasks"], list)
        shown, failures = [], []
        for arn in arguments["Tasks"]:
            found = next((one.described(self._now()) for one in self.tasks.values() if one.arn == arn), None)
            if found is None:
                failures.append({"Arn": arn, "Reason": "MISSING"})
            else:
                shown.append(found)
        return {"Tasks": shown, "Failures": failures}

    def _stop(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._meet("ecs:stopTask")
        task = next((one for one in self.tasks.values() if one.arn == arguments["Task"]), None)
        if task is None or task.described(self._now()) is None:
            raise NOT_FOUND
        if task.told_at is None and task.life.stops_in is not None:
            task.told_at, task.told = self._now(), arguments["Reason"]
        return {"Task": {"TaskArn": task.arn}}

    def _list(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._meet("ecs:listTasks")
        born = [one for one in self.tasks.values() if one.born <= self._now()]
        shown = [(one.arn, one.described(self._now())) for one in born]
        wanted = arguments["DesiredStatus"]
        arns = [arn for arn, one in shown if ("RUNNING" if one is None else one["DesiredStatus"]) == wanted]
        begin = int(arguments.get("NextToken", "0"))
        end = begin + arguments["MaxResults"]
        more = {"NextToken": str(end)} if end < len(arns) else {}
        return {"TaskArns": arns[begin:end], **more}

    def _start(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._meet("sfn:startExecution")
        name, given = arguments["Name"], arguments["Input"]
        assert isinstance(given, str)
        if name in self.started:
            raise CallError("Sfn.ExecutionAlreadyExistsException", "Execution Already Exists")
        self.started[name] = given
        return {"ExecutionArn": f"arn:aws:states:eu-west-1:123456789012:execution:jobrunner:{name}"}
