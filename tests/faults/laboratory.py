"""An endpoint that executes tasks, machines that run cases on it, and the endpoint's own truth about them."""

from __future__ import annotations

import itertools
import math
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3

from jobrunner import JobRunner, JobSpec, job_spec
from jobrunner.binding import open_ports
from jobrunner.core import local_stage
from jobrunner.core.naming import keyed_run_id, started_by, task_id
from jobrunner.document import load_project
from jobrunner.local.faults import Forgotten
from jobrunner.store import open_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from fault_case import Case

    from jobrunner.local.endpoint import Endpoint
    from jobrunner.local.faults import Fault, Order
    from jobrunner.ops.ports import Ports

#: Bounds a wait; nothing here takes so long, also on a busy machine.
LIMIT_SECONDS: Final = 60.0
MARK: Final = "JOBRUNNER_FAULTS_MARK"
_MINUTE: Final = 60
_COMPUTERS: Final = 9


def until(condition: Callable[[], Any], what: str) -> Any:
    """Give what the condition gives as soon as it is true; fail, naming it, when it does not come true."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {LIMIT_SECONDS} s in vain for: {what}"
        time.sleep(0.02)
    return value


def processes_with(mark: str) -> list[int]:
    """The living processes that have a mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue  # it has ended meanwhile, or is somebody else's
            if mark.encode() in environment:
                found.append(int(entry.name))
    return found


class Laboratory:
    """One endpoint and one project. Safe from several threads: every trial has a job of its own.

    Args:
        endpoint: Executes the tasks.
        directory: For the project and the stores of the machines.
    """

    def __init__(self, endpoint: Endpoint, directory: Path) -> None:
        self.endpoint = endpoint
        self.directory = directory
        # Before anything is ordered: `Trial` says what patience its case needs.
        self.connection = endpoint.connection
        project = directory / "project"
        (project / "jobs").mkdir(parents=True)
        (project / "jobrunner.yaml").write_text("project: faults\ndefault_stage: local\n")
        self.project = load_project(project, environ={}, overrides={"state_dir": str(directory / "nobody")})
        #: Each computer has its own clients of AWS: botocore counts what it may repeat for each client.
        self._computers = [open_ports(self.project.settings, self.connection) for _ in range(_COMPUTERS)]
        self._next = itertools.cycle(range(1, _COMPUTERS))
        self.ecs, self.scheduler = self._client("ecs"), self._client("scheduler")

    def _client(self, service: str) -> Any:
        connection = self.connection
        return boto3.client(
            service,
            region_name=connection.region,
            endpoint_url=connection.endpoint_url,
            aws_access_key_id=connection.access_key_id,
            aws_secret_access_key=connection.secret_access_key,
        )

    def computer(self) -> int:
        """One of the computers that start runs, in turn; the first one starts none."""
        return next(self._next)

    def runner(self, state: Path, case: Case, *, computer: int) -> JobRunner:
        """A runner whose records are in that directory; to be closed by whoever made it."""
        ports: Ports = self._computers[computer]
        connection = replace(self.connection, log_settle=case.log_settle, task_settle=case.task_settle)
        runs = open_runs(state)
        return JobRunner(self.project, ports=replace(ports, connection=connection, runs=runs, release=lambda: None))

    def close(self) -> None:
        """Close the clients."""
        for ports in self._computers:
            ports.close()


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What the endpoint knows of a run when it is over.

    Attributes:
        bills: By the times of each task, in the order of their start; None of a task that ECS has forgotten.
        spot: Of each task, whether it is on Spot capacity.
        lines: All lines of all tasks.
        running: ARNs of tasks that have not stopped.
        processes: Of the job.
        schedules: Names of schedules of the run.
        strikes: How often each fault has struck.
    """

    bills: tuple[int | None, ...]
    spot: tuple[bool, ...]
    lines: tuple[str, ...]
    running: tuple[str, ...] = ()
    processes: tuple[int, ...] = ()
    schedules: tuple[str, ...] = ()
    strikes: tuple[int, ...] = ()


class Trial:
    """One case with a job, a key and orders of its own.

    Args:
        laboratory: Where.
        case: What.
        way: How it is looked at; part of the job's name.
    """

    def __init__(self, laboratory: Laboratory, case: Case, way: str) -> None:
        self.laboratory = laboratory
        self.case = case
        self.mark = f"{MARK}={uuid.uuid4().hex}"
        settings = laboratory.project.settings
        self.spec: JobSpec = job_spec(name=f"{case.name}-{way}", **case.job)
        self.family = f"jobrunner-{settings.project}-{settings.stage}-{self.spec.name}"
        self.key = "once"
        self.run_id = keyed_run_id(project=settings.project, stage=settings.stage, job=self.spec.name, key=self.key)
        self.orders: tuple[Order, ...] = laboratory.endpoint.faults.order(*map(self._scoped, case.faults))
        self._machines: list[JobRunner] = []
        self._computer = laboratory.computer()

    @property
    def options(self) -> dict[str, Any]:
        """The options of the run; its mark is in the environment of every process of the job."""
        name, _, value = self.mark.partition("=")
        return {"environment": {name: value}, "key": self.key}

    def machine(self, name: str = "laptop") -> JobRunner:
        """A runner on a machine of this trial; `server` is another computer."""
        state = self.laboratory.directory / "state" / self.spec.name / name
        computer = 0 if name == "server" else self._computer
        made = self.laboratory.runner(state, self.case, computer=computer)
        self._machines.append(made)
        return made

    def close(self) -> None:
        """Close the machines."""
        for machine in self._machines:
            machine.close()

    def _scoped(self, fault: Fault) -> Fault:
        """The fault for this trial only; of a call that names neither job nor task, by the run's id."""
        operation = getattr(fault, "operation", "")
        if operation == "ListTasks":
            return fault.model_copy(update={"run_id": self.run_id})
        if operation.startswith("DELETE /schedules/"):
            return fault.model_copy(update={"operation": f"DELETE /schedules/jobrunner-timeout-{self.run_id}-*"})
        return fault.model_copy(update={"job": self.family})

    def over(self) -> bool:
        """Whether no task of the run that ECS shows goes on."""
        return all(task["lastStatus"] == "STOPPED" for task in self.tasks())

    # -- the endpoint's own truth ------------------------------------------------------------------------------

    def truth(self) -> Truth:
        """What the endpoint says, once it is quiet; what does not become quiet within the limit is shown as it is."""
        quiet = time.monotonic() + 15
        while (seen := self._truth()) != replace(seen, running=(), processes=(), schedules=()) or (
            len(seen.lines) < len(self.case.lines)
        ):
            if time.monotonic() > quiet:
                break
            time.sleep(0.05)
        return seen

    def _truth(self) -> Truth:
        tasks = self.tasks()
        arns = [*(task["taskArn"] for task in tasks), *self._forgotten()]
        known = [_billed(task) for task in tasks]
        return Truth(
            bills=(*known, *(None for _ in self._forgotten())),
            spot=(*(_is_spot(task) for task in tasks), *(False for _ in self._forgotten())),
            lines=tuple(line for arn in arns for line in self._lines(arn)),
            running=tuple(task["taskArn"] for task in tasks if task["lastStatus"] != "STOPPED"),
            processes=tuple(processes_with(self.mark)),
            schedules=tuple(self._schedules()),
            strikes=tuple(order.struck for order in self.orders),
        )

    def tasks(self) -> list[dict[str, Any]]:
        """The tasks of the run that DescribeTasks shows, oldest first."""
        ecs, who = self.laboratory.ecs, started_by(self.run_id)
        found = [
            arn
            for status in ("RUNNING", "STOPPED")
            for arn in ecs.list_tasks(cluster=local_stage.CLUSTER, startedBy=who, desiredStatus=status)["taskArns"]
        ]
        if not found:
            return []
        tasks = ecs.describe_tasks(cluster=local_stage.CLUSTER, tasks=list(dict.fromkeys(found)))["tasks"]
        return sorted(tasks, key=lambda task: task["createdAt"])

    def _forgotten(self) -> Sequence[str]:
        mine = [order.fault for order in self.orders if isinstance(order.fault, Forgotten)]
        return [strike.at for strike in self.laboratory.endpoint.faults.struck if strike.fault in mine]

    def _lines(self, task_arn: str) -> list[str]:
        """What the log store has of a task, past every fault."""
        settings = self.laboratory.project.settings
        group = self.laboratory.endpoint.moto.log_group(self.laboratory.connection.region, settings.log_group)
        streams = [] if group is None else list(group.streams.items())
        return [
            event.message.decode()
            for name, stream in streams
            if name.endswith(f"/{task_id(task_arn)}")
            for event in stream.current().events()
        ]

    def _schedules(self) -> list[str]:
        prefix = f"jobrunner-timeout-{self.run_id}"
        return [one["Name"] for one in self.laboratory.scheduler.list_schedules(NamePrefix=prefix)["Schedules"]]


def _is_spot(task: dict[str, Any]) -> bool:
    return bool(task.get("capacityProviderName") == "FARGATE_SPOT")


def _billed(task: dict[str, Any]) -> int | None:
    """Seconds from the beginning of the image pull to the stop, rounded up, a minute at least (Fargate pricing)."""
    pulled: datetime | None = task.get("pullStartedAt")
    stopped: datetime | None = task.get("stoppedAt")
    if pulled is None:
        return 0
    return None if stopped is None else max(math.ceil((stopped - pulled).total_seconds()), _MINUTE)
