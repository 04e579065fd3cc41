"""A small AWS, and the runs and tasks in it: what the tests of courses are driven through.

The world keeps ECS's rules where a course depends on them: a token starts one task while it lives, and gives its old
answer until then, also when that was a failure; a task may not be shown at first, and is forgotten an hour after its
stop.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jobrunner.core import naming
from jobrunner.core.billing import Price, PriceTable
from jobrunner.core.course import Manner
from jobrunner.core.follow import ReadLog, StreamAbsent
from jobrunner.core.guarding import Guard
from jobrunner.core.lifecycle import STOPPED, TaskSnapshot
from jobrunner.core.observations import (
    Ask,
    CallFailed,
    ClearDeadline,
    DeadlineCleared,
    DeadlineSet,
    DescribeTask,
    FindTask,
    Launched,
    LaunchTask,
    Observation,
    PageRead,
    Patience,
    SetDeadline,
    StopAccepted,
    StopTask,
    TaskFound,
    TaskSeen,
)
from jobrunner.core.outcome import Outcome, Verdict
from jobrunner.core.ports import Launch, PlacementFailure
from jobrunner.core.record import RunRecord
from jobrunner.core.request import ATTEMPT_VARIABLE, relaunched
from jobrunner.core.retry import ON_DEMAND, Policy, Position
from jobrunner.core.verdict import INTERRUPT
from jobrunner.errors import AwsError, AwsRefusedError, AwsThrottledError, AwsUnreachableError
from jobrunner.testing import FakeTask, TaskScript

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobrunner.core.deadline import Deadline

BEGIN = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
RUN_ID = "4r9k2m8p3w7x5t1q"
PATIENCE = Patience(log_settle=10.0, task_settle=60.0, unreachable=300.0)
QUIET = Manner(logs=False)
GUARDED = Manner(logs=False, guard=Guard(role="jobrunner-scheduler", group="jobs"))

INTERRUPTED = f"{INTERRUPT} by SIGINT"

CAPACITY = "Capacity is unavailable at this time. Please try again later or in a different availability zone"
NETWORK = "Timeout waiting for network interface provisioning to complete."

#: Twenty seconds to start, thirty to run, twenty to be taken down: seventy are billed.
SUCCESS = TaskScript(startup=20.0, runs=30.0, deprovisioning=20.0)
FOREVER = replace(SUCCESS, runs=1e9)
SPOT_LOST = replace(
    SUCCESS,
    exit_codes={"main": 137},
    stop_code="SpotInterruption",
    stopped_reason="Your Spot Task was interrupted.",
)
NEVER_RAN = replace(SUCCESS, never_starts=NETWORK)
NO_IMAGE = replace(SUCCESS, never_starts="CannotPullContainerError: manifest unknown")
HOST_LOST = replace(SUCCESS, exit_codes={"main": None}, stopped_reason="Host EC2 (instance i-1) terminated")
OUT_OF_MEMORY = replace(
    SUCCESS,
    exit_codes={"main": 137},
    reasons={"main": "OutOfMemoryError: Container killed due to memory usage"},
)

_DEFINITION = {
    "taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/etl:7",
    "family": "etl",
    "containerDefinitions": [{"name": "main"}],
    "cpu": "1024",
    "memory": "2048",
}
_TOKEN_LIFE = timedelta(hours=1)
_ERRORS: Mapping[str, AwsError] = {
    "throttled": AwsThrottledError("Rate exceeded"),
    "unreachable": AwsUnreachableError("no route to host"),
    "lost": AwsUnreachableError("the connection was closed"),
    "refused": AwsRefusedError("not authorized"),
}


def exits(code: int) -> TaskScript:
    """A task whose container ends with an exit code."""
    return replace(SUCCESS, exit_codes={"main": code})


def task_arn(number: int) -> str:
    """The ARN of the world's first task, of its second, and so on."""
    return f"arn:aws:ecs:us-east-1:123456789012:task/blue/{number:032x}"


def prices() -> PriceTable:
    """On demand costs 3.60 USD a vCPU hour, Spot a third, memory nothing: 0.001 USD a second on demand."""
    usd = {("on-demand", "vcpu-hour"): "3.6", ("spot", "vcpu-hour"): "1.2"}
    usd |= {("on-demand", "gb-hour"): "0", ("spot", "gb-hour"): "0"}
    return PriceTable(
        prices={
            ("us-east-1", "linux", "x86_64", capacity, unit): Price(
                usd=Decimal(amount), as_of=date(2026, 1, 1), source="a test"
            )
            for (capacity, unit), amount in usd.items()
        }
    )


def new_record(policy: Policy | None = None, **fields: Any) -> RunRecord:
    """The record of a run that is about to be launched for the first time."""
    policy = policy or Policy()
    at = Position(capacity=policy.first_capacity)
    environment = [{"name": ATTEMPT_VARIABLE, "value": "1"}]
    body = {
        "cluster": "blue",
        "taskDefinition": "etl:7",
        "overrides": {"containerOverrides": [{"name": "main", "environment": environment}]},
        "startedBy": naming.started_by(RUN_ID),
    }
    known: dict[str, Any] = {
        "run_id": RUN_ID,
        "job": "etl",
        "project": "shop",
        "stage": "prod",
        "trigger": "manual",
        "created_at": BEGIN,
        "region": "us-east-1",
        "cluster": "blue",
        "capacity": at.capacity,
        "policy": policy,
        "requested_at": BEGIN,
        "launched_at": BEGIN,
        "request": relaunched(body, RUN_ID, at),
    }
    return RunRecord(**(known | fields))


def earlier_failure(**fields: object) -> Outcome:
    """The outcome of a first attempt."""
    known = {"run_id": RUN_ID, "job": "etl", "attempt": 1, "verdict": Verdict.FAILED, "reason": "exit", "exit_code": 75}
    known |= {"detail": "exit code 75", "task_arn": "arn:of-the-first", "billed_seconds": 70, "capacity": ON_DEMAND}
    return Outcome(**(known | {"cost_usd": Decimal("0.07")} | fields))  # type: ignore[arg-type]  # known names


def planned_second(policy: Policy | None = None, *, due: timedelta = timedelta()) -> RunRecord:
    """The record of a run whose second attempt is planned."""
    first = new_record(policy or Policy(attempts=3, on=(75,)), task_arn="arn:of-the-first")
    return first.relaunch(Position(attempt=2), when=BEGIN + due, ended=earlier_failure())


@dataclass
class World:
    """ECS and EventBridge Scheduler.

    Attributes:
        scripts: What RunTask does with each new token: start a task, or refuse it for a reason; SUCCESS after the last.
        faults: By the name of an ask, what becomes of its next calls: `throttled`, `unreachable`, `refused`, `lost`
            (done, without an answer), or `ok`.
        now: The time.
        calls: The name of every call.
        tokens: Every token that ECS took, in order, without the run's id.
        tasks: Every task, in order.
        deadlines: The schedules that exist.
        fired: The names of schedules that have stopped something.
        crowds: How many tasks had containers that ran when another was started; zeros, if all is well.
    """

    scripts: Sequence[TaskScript | str] = ()
    faults: Mapping[str, Sequence[str]] = field(default_factory=dict)
    now: datetime = BEGIN
    calls: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    tasks: list[FakeTask] = field(default_factory=list)
    deadlines: dict[str, Deadline] = field(default_factory=dict)
    fired: list[str] = field(default_factory=list)
    crowds: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._scripts = deque(self.scripts)
        self._faults = {name: deque(kinds) for name, kinds in self.faults.items()}
        self._answers: dict[str, tuple[Mapping[str, Any], FakeTask | str, datetime]] = {}

    @staticmethod
    def at(seconds: float) -> datetime:
        """The moment so many seconds after the world's beginning."""
        return BEGIN + timedelta(seconds=seconds)

    def advance_to(self, moment: datetime) -> None:
        """Let time pass; schedules whose time has come stop their tasks."""
        for name, deadline in sorted(self.deadlines.items(), key=lambda one: one[1].at):
            if deadline.at <= moment:
                del self.deadlines[name]
                self.fired.append(name)
                self._task(deadline.task_arn).stop(deadline.reason, deadline.at)
        self.now = max(self.now, moment)

    def answer(self, ask: Ask, record: RunRecord) -> Observation:
        """Do what is asked, or fail, as ordered."""
        name = type(ask).__name__
        self.calls.append(name)
        if isinstance(ask, ReadLog):
            return PageRead(question=ask, answer=StreamAbsent(), asked=self.now)
        faults = self._faults.get(name)
        fault = faults.popleft() if faults else "ok"
        if fault not in {"ok", "lost"}:
            return CallFailed(ask=ask, error=_ERRORS[fault])
        done = self._done(ask, record)
        return done if fault == "ok" else CallFailed(ask=ask, error=_ERRORS[fault])

    def _done(self, ask: Ask, record: RunRecord) -> Observation:
        match ask:
            case LaunchTask():
                return Launched(launch=self._run(ask.record))
            case FindTask():
                return TaskFound(task_arn=self._find(record))
            case DescribeTask():
                task = self._task(record.task_arn or "")
                return TaskSeen(task=task.snapshot(self.now) if self._shown(task) else None, at=self.now)
            case StopTask():
                task = self._task(record.task_arn or "")
                if self._shown(task):  # of any other, ECS says that it was not found, and the gateway: well, then
                    task.stop(ask.reason, self.now)
                return StopAccepted()
            case SetDeadline():
                self.deadlines.setdefault(ask.deadline.name, ask.deadline)
                return DeadlineSet()
            case ClearDeadline():
                self.deadlines.pop(ask.name, None)
                return DeadlineCleared()
            case _:
                raise AssertionError(f"what is {ask}?")

    def _run(self, record: RunRecord) -> Launch:
        body = record.request or {}
        token = str(body["clientToken"])
        assert token == record.token
        assert str(record.attempt) == body["overrides"]["containerOverrides"][0]["environment"][0]["value"]
        known = self._answers.get(token)
        if known is not None and self.now <= known[2] + self._life(known[1]):
            assert body == known[0], "ECS answers a repeated token with a ConflictException if the request is another"
            return self._again(known[1])
        self.tokens.append(token.removeprefix(f"{RUN_ID}-"))
        script = self._scripts.popleft() if self._scripts else SUCCESS
        made = script if isinstance(script, str) else self._start(body, script)
        self._answers[token] = (body, made, self.now)
        return self._again(made)

    def _life(self, made: FakeTask | str) -> timedelta:
        return _TOKEN_LIFE if isinstance(made, str) else made.stopped_at - made.created_at + _TOKEN_LIFE

    def _start(self, body: Mapping[str, Any], script: TaskScript) -> FakeTask:
        self.crowds.append(sum(task.ended_at > self.now for task in self.tasks))
        arn = task_arn(len(self.tasks) + 1)
        task = FakeTask(arn=arn, request=body, definition=_DEFINITION, script=script, created_at=self.now)
        self.tasks.append(task)
        return task

    def _again(self, made: FakeTask | str) -> Launch:
        if isinstance(made, str):
            return Launch(task=None, failures=(PlacementFailure(reason=made),))
        task = made.snapshot(self.now)
        if task.stopped:
            task = TaskSnapshot(task_arn=task.task_arn, last_status=STOPPED, desired_status=STOPPED)
        return Launch(task=task)

    def _find(self, record: RunRecord) -> str | None:
        known = {one.task_arn for one in (*record.earlier, *record.tasks)}
        new = [task.arn for task in self.tasks if self._shown(task) and task.arn not in known]
        return new[-1] if new else None

    def _task(self, arn: str) -> FakeTask:
        return next(task for task in self.tasks if task.arn == arn)

    def _shown(self, task: FakeTask) -> bool:
        return task.known(self.now) and self.now < task.stopped_at + _TOKEN_LIFE

    @property
    def alive(self) -> list[str]:
        """The tasks that nobody has stopped, and that have not ended."""
        return [task.arn for task in self.tasks if task.stop_reason is None and task.ended_at > self.now]
