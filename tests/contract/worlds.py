"""What the contract suites need of an outside, beside its ports."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from jobrunner.aws import open_gateways
from jobrunner.core import local_stage
from jobrunner.core.follow import LogStream
from jobrunner.core.naming import task_id
from jobrunner.core.request import RunRequest
from jobrunner.testing import FakeAws, Line, ScriptedClock, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobrunner.core.connection import Connection
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.ports import Deadlines, Definitions, Executions, Identity, Logs, Schedules, Tasks

GROUP = "/jobrunner/contract"
PREFIX = "run"
#: Ends as its input says.
_MACHINE: Final = {
    "QueryLanguage": "JSONata",
    "StartAt": "How",
    "States": {
        "How": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $exists($states.input.output) %}", "Next": "Succeeded"},
                {"Condition": "{% $exists($states.input.error) %}", "Next": "Failed"},
            ],
            "Default": "Waiting",
        },
        "Succeeded": {"Type": "Succeed", "Output": "{% $states.input.output %}"},
        "Failed": {"Type": "Fail", "Error": "{% $states.input.error %}", "Cause": "{% $states.input.cause %}"},
        "Waiting": {"Type": "Wait", "Seconds": 600, "End": True},
    },
}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where tasks run, and how long an answer may take to come true, in seconds."""

    cluster: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    execution_role: str
    image: str
    python: str
    assign_public_ip: bool
    bound: float
    scheduler_role: str = local_stage.SCHEDULER_ROLE
    states_role: str = f"arn:aws:iam::{local_stage.ACCOUNT_ID}:role/states"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a task does: write its lines, live for some seconds, end with its exit code."""

    lines: Sequence[str] = ()
    runs: float = 0.0
    exit_code: int = 0

    @property
    def program(self) -> str:
        """The job in Python. `python -c` gets it as one word."""
        return (
            "import sys, time\n"
            f"for line in {list(self.lines)!r}: sys.stdout.buffer.write((line + '\\n').encode())\n"
            f"sys.stdout.flush(); time.sleep({self.runs}); sys.exit({self.exit_code})"
        )


class World(Protocol):
    """An outside."""

    place: Place
    tasks: Tasks
    definitions: Definitions
    logs: Logs
    deadlines: Deadlines
    schedules: Schedules
    executions: Executions
    identity: Identity

    def now(self) -> datetime:
        """Give the time of its clock."""

    def has_deadline(self, name: str, group: str) -> bool:
        """Tell whether that schedule exists."""

    def execute(self, name: str, text: str) -> str:
        """Start an execution of that name and input that ends as the input says; the ARN of its state machine.

        It says `{"output": …}` or `{"error": …, "cause": …}`; `{}` runs for ten minutes.
        """

    def order(self, job: Job) -> None:
        """Say what the next task does, where the request does not decide that."""

    def wait(self) -> None:
        """Let some time pass."""

    def close(self) -> None:
        """Release it."""


_FAKE_PLACE = Place(
    cluster=local_stage.CLUSTER,
    subnets=local_stage.SUBNETS,
    security_groups=local_stage.SECURITY_GROUPS,
    execution_role=local_stage.EXECUTION_ROLE,
    image="python:3.12-slim",
    python="python",
    assign_public_ip=False,
    bound=60.0,
)


class FakeWorld:
    """The public fakes."""

    place = _FAKE_PLACE

    def __init__(self) -> None:
        self._clock = ScriptedClock()
        self._aws = FakeAws(self._clock)
        self.tasks: Tasks = self._aws.tasks
        self.definitions: Definitions = self._aws.definitions
        self.logs: Logs = self._aws.logs
        self.deadlines: Deadlines = self._aws.deadlines
        self.schedules: Schedules = self._aws.schedules
        self.executions: Executions = self._aws.executions
        self.identity: Identity = self._aws.identity

    def now(self) -> datetime:
        """Give the scripted time."""
        return self._clock.now()

    def has_deadline(self, name: str, group: str) -> bool:
        """Look at the fake."""
        return (group, name) in self._aws.deadlines.pending

    def execute(self, name: str, text: str) -> str:
        """Do so in the fake."""
        machine, end, fake = local_stage.STATE_MACHINE, json.loads(text), self._aws.executions
        fake.start(machine, name, text)
        if "output" in end:
            fake.succeed(machine, name, json.dumps(end["output"]))
        if "error" in end:
            fake.break_off(machine, name, error=end["error"], cause=end["cause"])
        return machine

    def order(self, job: Job) -> None:
        """Script the tasks from now on."""
        lines = tuple(Line(message=line) for line in job.lines)
        # A task that is stopped ends with SIGTERM's exit code, as long as its script names no other.
        codes = {"main": job.exit_code} if job.exit_code else {}
        self._aws.default = TaskScript(runs=max(job.runs, 0.1), exit_codes=codes, lines=lines)

    def wait(self) -> None:
        """Turn the clock."""
        self._clock.sleep(0.1)

    def close(self) -> None:
        """Do nothing."""


class EndpointWorld:
    """The gateways on an endpoint."""

    def __init__(self, connection: Connection, place: Place) -> None:
        self.place = place
        self._gateways = open_gateways(connection)
        self.tasks: Tasks = self._gateways.tasks
        self.definitions: Definitions = self._gateways.definitions
        self.logs: Logs = self._gateways.logs
        self.deadlines: Deadlines = self._gateways.deadlines
        self.schedules: Schedules = self._gateways.schedules
        self.executions: Executions = self._gateways.executions
        self._machine: str | None = None
        self.identity: Identity = self._gateways.identity

    def now(self) -> datetime:
        """Give the time."""
        return datetime.now(UTC)

    def has_deadline(self, name: str, group: str) -> bool:
        """Ask EventBridge Scheduler."""
        scheduler = self._gateways.clients.client("scheduler")
        try:
            scheduler.get_schedule(Name=name, GroupName=group)
        except scheduler.exceptions.ResourceNotFoundException:
            return False
        return True

    def execute(self, name: str, text: str) -> str:
        """Start it, in a state machine that is made for that."""
        states = self._gateways.clients.client("stepfunctions")
        if self._machine is None:
            made = states.create_state_machine(
                name=f"jobrunner-contract-{uuid.uuid4().hex[:12]}",
                definition=json.dumps(_MACHINE),
                roleArn=self.place.states_role,
            )
            self._machine = str(made["stateMachineArn"])
        states.start_execution(stateMachineArn=self._machine, name=name, input=text)
        return self._machine

    def order(self, job: Job) -> None:
        """Do nothing: the request says it all."""

    def wait(self) -> None:
        """Wait, shortly."""
        time.sleep(0.05)

    def close(self) -> None:
        """Close the connections."""
        if self._machine is not None:
            self._gateways.clients.client("stepfunctions").delete_state_machine(stateMachineArn=self._machine)
        self._gateways.clients.close()


def definition_request(world: World, family: str, **changes: Any) -> dict[str, Any]:
    """Give a RegisterTaskDefinition request with the one container `main`."""
    options = {"awslogs-group": GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": PREFIX}
    return {
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": world.place.execution_role,
        "containerDefinitions": [
            {
                "name": "main",
                "image": world.place.image,
                "essential": True,
                "logConfiguration": {"logDriver": "awslogs", "options": options},
            }
        ],
    } | changes


def run_request(world: World, definition: str, job: Job, **changes: Any) -> RunRequest:
    """Order a job and give its RunTask request."""
    world.order(job)
    place = world.place
    override = {
        "name": "main",
        "command": [place.python, "-c", job.program],
        "environment": [{"name": "JOBRUNNER_JOB", "value": "contract"}, {"name": "OTHER", "value": "x"}],
    }
    body = {
        "cluster": place.cluster,
        "taskDefinition": definition,
        "count": 1,
        "launchType": "FARGATE",
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": list(place.subnets),
                "securityGroups": list(place.security_groups),
                "assignPublicIp": "ENABLED" if place.assign_public_ip else "DISABLED",
            }
        },
        "overrides": {"containerOverrides": [override]},
        "startedBy": f"jobrunner/{uuid.uuid4().hex[:16]}",
        "clientToken": uuid.uuid4().hex,
    }
    return RunRequest(body=body | changes)


def started(world: World, request: RunRequest) -> TaskSnapshot:
    """Send the request and give its task."""
    launch = world.tasks.run(request)
    assert () == launch.failures
    assert launch.task is not None
    return launch.task


def until(world: World, task_arn: str, true: Callable[[TaskSnapshot], bool]) -> TaskSnapshot:
    """Wait for something to be true of a task, and give what was seen then."""
    seen: TaskSnapshot | None = None
    deadline = time.monotonic() + world.place.bound
    for _ in range(10_000):
        seen = world.tasks.describe(world.place.cluster, [task_arn]).get(task_arn)
        if seen is not None and true(seen):
            return seen
        if time.monotonic() > deadline:
            break
        world.wait()
    raise AssertionError(f"not within {world.place.bound} s; last seen: {seen}")


def stream_of(task_arn: str, group: str = GROUP) -> LogStream:
    """Give the stream of a task's container."""
    return LogStream(container="main", group=group, name=f"{PREFIX}/main/{task_id(task_arn)}")
