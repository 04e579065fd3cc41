"""One container from its dependencies to its exit code."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from jobrunner.local.output import Output
from jobrunner.local.processes import Process, SpawnError, SupervisorLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobrunner.local.output import Sink
    from jobrunner.local.task import Container

_DEFAULT_STOP_TIMEOUT = 30.0


class Spawner(Protocol):
    """Who starts processes; see `processes.Supervisor`."""

    async def spawn(self, argv: list[str], *, environment: Mapping[str, str], directory: str, output: int) -> Process:
        """Start one."""

    def signal(self, process: Process, number: int) -> None:
        """Signal its group."""


class StartFailedError(Exception):
    """A container cannot be started; the text is the reason, as ECS words it."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What ECS says of a container's end, whatever its process says.

    Attributes:
        exit_code: None when there is none.
        reason: None when there is none.
    """

    exit_code: int | None
    reason: str | None = None


class ContainerRun:
    """Runs one container.

    Args:
        container: What to run; its status, exit code and reason are kept up to date.
        others: All containers of the task by name, this one among them.
        driver: Where its output goes; None discards it.
        environment: Of its process.
        workdir: Where relative paths begin, and where it runs if the definition names no directory.
        changed: Called after each change of the container.
    """

    def __init__(
        self,
        container: Container,
        others: Mapping[str, ContainerRun],
        *,
        spawner: Spawner,
        driver: Sink | None,
        environment: Mapping[str, str],
        workdir: str,
        changed: Callable[[], None],
    ) -> None:
        self.container = container
        self._others = others
        self._spawner = spawner
        self._driver = driver
        self._environment = environment
        self._workdir = workdir
        self._changed = changed
        self._process: Process | None = None
        self._stopping = False
        self._stop_signal = signal.SIGTERM
        self._ending: Ending | None = None
        self.started = asyncio.Event()
        self.healthy = asyncio.Event()
        self.ended = asyncio.Event()
        #: Why it could not be started, or None.
        self.failure: str | None = None

    async def run(self) -> None:
        """Wait for what it depends on, start, and wait for its end."""
        try:
            await self._dependencies()
            if not self._stopping:
                await self._execute()
        except StartFailedError as error:
            self.failure = self.container.reason = str(error)
        finally:
            self.container.last_status = "STOPPED"
            self.ended.set()
            self._changed()

    # -- dependencies ------------------------------------------------------------------------------------------

    async def _dependencies(self) -> None:
        for dependency in self.container.definition.get("dependsOn") or []:
            other, condition = self._others[dependency["containerName"]], dependency["condition"]
            timeout = other.container.definition.get("startTimeout")
            try:
                async with asyncio.timeout(timeout):
                    met = await other.reached(condition)
            except TimeoutError:
                met = False
            if not met and not self._stopping:
                name, mine = other.container.name, self.container.name
                raise StartFailedError(
                    f"DependencyError: dependency graph: failed to resolve container ordering dependency [{name}] for "
                    f"target [{mine}] as dependency did not reach {condition}."
                )

    async def reached(self, condition: str) -> bool:
        """Wait until a condition of dependsOn is decided; whether it is met."""
        if condition in {"COMPLETE", "SUCCESS"}:
            await self.ended.wait()
            code = self.container.exit_code
            return code is not None if condition == "COMPLETE" else code == 0
        wanted = self.started if condition == "START" else self.healthy
        await _first(wanted, self.ended)
        return wanted.is_set()

    # -- execution ---------------------------------------------------------------------------------------------

    async def _execute(self) -> None:
        output = Output(asyncio.get_running_loop(), self._driver)
        try:
            self._process = await self._spawn(output)
        except BaseException:
            output.finish()
            raise
        self.container.started = True
        self.container.last_status = "RUNNING"
        self.started.set()
        self._changed()
        if self._stopping:
            self._spawner.signal(self._process, self._stop_signal)
        checks = asyncio.create_task(self._check_health())
        try:
            status = await self._process.exited
        except SupervisorLostError:
            status = None
            self.container.reason = "The local endpoint lost the process that owned this container."
        finally:
            checks.cancel()
            # The promise of this endpoint: a line is readable before the exit code of its container is seen.
            output.finish()
        self.container.exit_code = status
        if self._ending is not None:
            self.container.exit_code = self._ending.exit_code
            self.container.reason = self._ending.reason

    async def _spawn(self, output: Output) -> Process:
        definition = self.container.definition
        argv = [*(definition.get("entryPoint") or []), *(definition.get("command") or [])]
        directory = os.path.join(self._workdir, definition.get("workingDirectory") or "")  # noqa: PTH118 - keeps "/"
        if not argv:
            os.close(output.write_end)
            raise StartFailedError(
                "CannotStartContainerError: the container has neither entryPoint nor command, and the local endpoint "
                "does not pull the image that would say them: give it a command"
            )
        try:
            return await self._spawner.spawn(
                argv, environment=self._environment, directory=directory, output=output.write_end
            )
        except SpawnError as error:
            raise StartFailedError(_runtime_words(error, argv[0], directory)) from None
        except SupervisorLostError:
            raise StartFailedError(
                "CannotStartContainerError: the process that owns the containers of the local endpoint has gone"
            ) from None

    async def _check_health(self) -> None:
        """Run the container's health check as ECS does: every interval, so many retries, after a grace period."""
        check = self.container.definition.get("healthCheck")
        command = _health_command(check)
        if check is None or command is None:
            return
        loop = asyncio.get_running_loop()
        grace_ends = loop.time() + check.get("startPeriod", 0)
        failures = 0
        while True:
            if await self._healthy_now(command, check.get("timeout", 5)):
                failures = 0
                self._health("HEALTHY")
                self.healthy.set()
            elif loop.time() >= grace_ends:
                failures += 1
                if failures >= check.get("retries", 3):
                    self._health("UNHEALTHY")
            await asyncio.sleep(check.get("interval", 30))

    async def _healthy_now(self, command: list[str], timeout: float) -> bool:  # noqa: ASYNC109 - ECS's parameter
        output = Output(asyncio.get_running_loop(), None)
        process: Process | None = None
        directory = os.path.join(self._workdir, self.container.definition.get("workingDirectory") or "")  # noqa: PTH118
        try:
            process = await self._spawner.spawn(
                command, environment=self._environment, directory=directory, output=output.write_end
            )
            async with asyncio.timeout(timeout):
                return await asyncio.shield(process.exited) == 0
        except (SpawnError, SupervisorLostError, TimeoutError):
            return False
        finally:
            if process is not None and not process.exited.done():
                self._spawner.signal(process, signal.SIGKILL)
            output.finish()

    def _health(self, status: str) -> None:
        if self.container.health_status != status:
            self.container.health_status = status
            self._changed()

    # -- the end -----------------------------------------------------------------------------------------------

    def expect(self, ending: Ending) -> bool:
        """Say something else of its end than its process does; False if it has ended already."""
        if self.ended.is_set():
            return False
        self._ending = ending
        return True

    def kill(self) -> None:
        """SIGKILL to the whole group, without a SIGTERM before; what has not started does not start any more."""
        self._stopping = True
        self._stop_signal = signal.SIGKILL
        if self._process is not None and not self.ended.is_set():
            self._spawner.signal(self._process, signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, after the stop timeout SIGKILL, each to the whole group; containers that depend on it go first."""
        await asyncio.gather(*(other.ended.wait() for other in self._dependents() if other is not self))
        self._stopping = True
        if self.ended.is_set():
            return
        if self._process is not None:
            self._spawner.signal(self._process, signal.SIGTERM)
        timeout = self.container.definition.get("stopTimeout")
        try:
            async with asyncio.timeout(_DEFAULT_STOP_TIMEOUT if timeout is None else timeout):
                await self.ended.wait()
        except TimeoutError:
            if self._process is not None:
                self._spawner.signal(self._process, signal.SIGKILL)
            await self.ended.wait()

    def _dependents(self) -> list[ContainerRun]:
        name = self.container.name
        return [
            other
            for other in self._others.values()
            if other.started.is_set()
            and any(entry["containerName"] == name for entry in other.container.definition.get("dependsOn") or [])
        ]


async def _first(*events: asyncio.Event) -> None:
    """Wait for any of the events."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _health_command(check: dict[str, Any] | None) -> list[str] | None:
    words = list((check or {}).get("command") or [])
    if not words or words == ["NONE"]:
        return None
    if words[0] == "CMD-SHELL":
        return ["/bin/sh", "-c", " ".join(words[1:])]
    return words[1:] if words[0] == "CMD" else words


def _runtime_words(error: SpawnError, program: str, directory: str) -> str:
    """What containerd and runc say, so that a diagnosis finds the same words here as on Fargate."""
    if error.stage == "chdir":
        what = f'chdir to cwd ("{directory}") set in config.json failed: {os.strerror(error.errno).lower()}'
    elif error.errno == errno.ENOENT and "/" not in program:
        what = f'exec: "{program}": executable file not found in $PATH'
    elif error.errno == errno.ENOEXEC:
        what = f"exec {program}: exec format error"
    else:
        what = f'exec: "{program}": {os.strerror(error.errno).lower()}'
    return (
        "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: "
        f"failed to create shim task: OCI runtime create failed: runc create failed: "
        f"unable to start container process: {what}: unknown"
    )
