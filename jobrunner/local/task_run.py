"""The life of one task, from PROVISIONING to STOPPED, in the order of ECS.

Source of the order: developer guide, "Amazon ECS task lifecycle". Everything here happens in the event loop's thread;
each `_publish()` is a change that DescribeTasks and the state-change events show.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobrunner.local.awslogs import AwsLogs, LogSetupError
from jobrunner.local.container_run import ContainerRun, Ending
from jobrunner.local.environment import container_environment
from jobrunner.local.faults.fate import Fate
from jobrunner.local.secrets import SecretError, read_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.container_run import Spawner
    from jobrunner.local.faults.book import FaultBook
    from jobrunner.local.moto_state import MotoState
    from jobrunner.local.task import Container, Task

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What tasks need of the endpoint.

    Attributes:
        url: Of the endpoint, for jobs that talk to AWS.
        workdir: Where containers run unless their definition says otherwise.
        startup: Seconds from PROVISIONING to RUNNING; Fargate needs about 30.
        deprovision: Seconds in DEPROVISIONING; Fargate needs about 20.
        clock: Seconds since 1970.
        published: Called after each change of a task.
        forget: Makes a task unknown.
        faults: What is ordered.
    """

    url: str
    workdir: str
    startup: float
    deprovision: float
    moto: MotoState
    clock: Callable[[], float]
    published: Callable[[Task], None]
    forget: Callable[[Task], None]
    faults: FaultBook


class _NeverStartedError(Exception):
    """The task cannot start; the text is its stopped reason."""


class TaskRun:
    """Takes one task through its life."""

    def __init__(self, task: Task, surroundings: Surroundings, spawner: Spawner) -> None:
        self.task = task
        self._around = surroundings
        self._spawner = spawner
        self._over = asyncio.Event()
        self._containers: dict[str, ContainerRun] = {}
        self._running: list[asyncio.Task[None]] = []
        self._interrupted = False
        self._lost = False
        #: The faults of this task.
        self.fate = Fate(task, self, surroundings.faults)

    async def run(self) -> None:
        """Everything until STOPPED, which is reached whatever happens."""
        try:
            try:
                await self._start_up()
                await self._execute()
            except _NeverStartedError as error:
                self._end("TaskFailedToStart", str(error))
            except Exception as error:  # noqa: BLE001 - a defect here must end the task, not hang it
                _log.exception("task %s", self.task.arn)
                self._end("TaskFailedToStart", f"The local endpoint failed: {error!r}")
            await self._wind_down()
        finally:
            for running in self._running:
                running.cancel()

    # -- from outside ------------------------------------------------------------------------------------------

    def stop(self, reason: str, code: str | None = "UserInitiated") -> bool:
        """Ask for the end. Only the first reason counts: False if the task is stopping already, or has ended."""
        if self.task.desired_status == "STOPPED":
            return False
        self._end(code, reason)
        self.task.times["stoppingAt"] = self._now()
        self._publish()
        return True

    def interrupt(self, reason: str, code: str) -> bool:
        """As `stop`, with a lastStatus that stays RUNNING until the containers have ended."""
        if self.task.desired_status != "STOPPED":
            self._interrupted = self.task.last_status == "RUNNING"
        return self.stop(reason, code)

    def lose(self, reason: str, code: str | None) -> bool:
        """The host has gone, and whoever would have reported exit codes; False if the task is stopping already."""
        if self.task.desired_status == "STOPPED":
            return False
        self._lost = True
        for run in self._containers.values():
            run.expect(Ending(exit_code=None))
            run.kill()
        return self.stop(reason, code)

    def container(self, name: str | None) -> ContainerRun | None:
        """A container by name, or the first essential one; None while containers are not prepared."""
        runs = self._containers.values()
        return next(
            (run for run in runs if (run.container.essential if name is None else run.container.name == name)), None
        )

    def forget(self) -> None:
        """Let ECS know nothing of it any more."""
        self._around.forget(self.task)

    # -- up ----------------------------------------------------------------------------------------------------

    async def _start_up(self) -> None:
        """A third of the start-up time in each of PROVISIONING, PENDING (the pull) and ACTIVATING."""
        task = self.task
        if not await self._stay("PROVISIONING"):
            return
        task.attachment["status"] = "ATTACHED"
        task.connectivity = "CONNECTED"
        task.times["connectivityAt"] = self._now()
        task.last_status = "PENDING"
        self._publish()
        await self._prepare()
        self._fail_if_fated("PENDING", pulls=False)
        task.times["pullStartedAt"] = self._now()
        if not await self._stay("PENDING"):
            return
        task.times["pullStoppedAt"] = self._now()
        task.last_status = "ACTIVATING"
        self._publish()
        await self._stay("ACTIVATING")

    async def _stay(self, status: str) -> bool:
        """Let the time of a status pass; False if somebody has stopped the task meanwhile."""
        await self._pause(self._around.startup / 3)
        await self._pause(0.0 if self._over.is_set() else self.fate.longer(status))
        if self._over.is_set():
            return False
        self._fail_if_fated(status, pulls=status == "PENDING")
        return True

    def _fail_if_fated(self, status: str, *, pulls: bool) -> None:
        reason = self.fate.failure(status, pulls=pulls)
        if reason is None:
            return
        if pulls:
            for container in self.task.containers:
                container.reason = reason
        raise _NeverStartedError(reason)

    async def _pause(self, seconds: float) -> None:
        """Let time pass, until somebody stops the task."""
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await self._over.wait()
        except TimeoutError:
            pass

    async def _prepare(self) -> None:
        """Log drivers and secrets: what fails here fails before the container exists."""
        runs = self._containers
        for container in self.task.containers:
            runs[container.name] = ContainerRun(
                container,
                runs,
                spawner=self._spawner,
                driver=self.fate.listening(self._driver(container)),
                environment=container_environment(
                    container, self.task, url=self._around.url, secrets=await self._secrets(container)
                ),
                workdir=self._around.workdir,
                changed=self._container_changed,
            )

    def _driver(self, container: Container) -> AwsLogs | None:
        configuration = container.definition.get("logConfiguration")
        if not configuration or configuration.get("logDriver") != "awslogs":
            return None  # other drivers send the output to places that do not exist here
        try:
            driver = AwsLogs(
                self._around.moto,
                configuration.get("options") or {},
                container=container.name,
                task_id=self.task.id,
                held=self.fate.held_lines(container.name),
            )
            driver.open()
        except LogSetupError as error:
            raise _NeverStartedError(str(error)) from None
        return driver

    async def _secrets(self, container: Container) -> dict[str, str]:
        wanted = container.definition.get("secrets") or []
        if not wanted:
            return {}
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(None, read_secrets, wanted, self.task.region)
        except SecretError as error:
            raise _NeverStartedError(str(error)) from None

    # -- running -----------------------------------------------------------------------------------------------

    async def _execute(self) -> None:
        if self._over.is_set():
            return
        self._running = [asyncio.create_task(run.run()) for run in self._containers.values()]
        await self._over.wait()

    def _container_changed(self) -> None:
        runs = self._containers.values()
        if self.task.last_status == "ACTIVATING" and all(
            run.started.is_set() or (run.ended.is_set() and run.failure is None) for run in runs
        ):
            self.task.last_status = "RUNNING"
            self.task.times["startedAt"] = self._now()
        failed = next((run.failure for run in runs if run.failure is not None), None)
        if failed is not None:
            self._end("TaskFailedToStart", failed)
        elif any(run.ended.is_set() and run.container.essential for run in runs):
            self._end("EssentialContainerExited", "Essential container in task exited")
        elif all(run.ended.is_set() for run in runs):
            self._end("EssentialContainerExited", "All containers in task exited")
        self._publish()

    def _end(self, code: str | None, reason: str) -> None:
        if self._over.is_set():
            return
        self.task.desired_status = "STOPPED"
        self.task.stop_code, self.task.stopped_reason = code, reason
        self._over.set()

    # -- down --------------------------------------------------------------------------------------------------

    async def _wind_down(self) -> None:
        task = self.task
        task.times.setdefault("stoppingAt", self._now())
        if self._interrupted:
            # The warning and SIGTERM come together, while lastStatus is RUNNING ("Fargate capacity providers").
            await self._stop_containers()
        if task.last_status == "RUNNING":
            task.last_status = "DEACTIVATING"
            self._publish()
        if self._running:
            task.last_status = "STOPPING"
            self._publish()
            await self._stop_containers()
        for container in task.containers:
            container.last_status = "STOPPED"
        task.last_status = "DEPROVISIONING"
        task.attachment["status"] = "DETACHING"
        self._publish()
        deprovision = self._around.deprovision + self.fate.longer("DEPROVISIONING")
        if deprovision > 0:
            await asyncio.sleep(deprovision)
        task.attachment["status"] = "DELETED"
        task.times["stoppedAt"] = self._now()
        if task.stop_code == "UserInitiated":
            task.tags = []  # StopTask: "Any tags associated with the task will be deleted"
        task.last_status = "STOPPED"
        self._publish()

    async def _stop_containers(self) -> None:
        await asyncio.gather(*(run.stop() for run in self._containers.values()))
        if not self._lost:
            self.task.times.setdefault("executionStoppedAt", self._now())

    def _now(self) -> float:
        return round(self._around.clock(), 3)

    def _publish(self) -> None:
        self.task.publish()
        self._around.published(self.task)
        if self.fate.waiting:
            self.fate.moved()
