"""What ends a task, or the truth about its end, from outside: Spot, maintenance, a lost host, memory.

Sources: developer guide, "Fargate capacity providers" (the warning: desiredStatus STOPPED while lastStatus is RUNNING,
and SIGTERM with it), "Task retirement" and "Stopped tasks error messages"; aws/amazon-ecs-agent#2467 for a container
that was killed for its memory and ended with 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Protocol

from pydantic import BeforeValidator, model_validator

from jobrunner.core.fields import whole_number
from jobrunner.local.container_run import Ending
from jobrunner.local.faults.values import MISFORTUNE, Line, Seconds, TaskFault, reached, refuse

if TYPE_CHECKING:
    from jobrunner.local.container_run import ContainerRun
    from jobrunner.local.faults.subject import Subject
    from jobrunner.local.task import Task

_OUT_OF_MEMORY: Final = "OutOfMemoryError: Container killed due to memory usage"
_KILLED: Final = 137

_read_exit_code = whole_number(0, _KILLED)


def _checked_exit_code(value: object) -> int:
    code = _read_exit_code(value)
    if code not in {0, _KILLED}:
        raise ValueError(f"{code} is not an exit code of a container that ran out of memory: {_KILLED} or 0")
    return code


_Status = Literal["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"]
_StopCode = Literal[
    "TaskFailedToStart",
    "EssentialContainerExited",
    "UserInitiated",
    "ServiceSchedulerInitiated",
    "SpotInterruption",
    "TerminationNotice",
]


class Victim(Protocol):
    """A running task, as misfortunes see it."""

    task: Task

    def stop(self, reason: str, code: str | None) -> bool:
        """SIGTERM, and SIGKILL after the stop timeout; False if it was stopping already."""

    def interrupt(self, reason: str, code: str) -> bool:
        """As `stop`, with a lastStatus that stays RUNNING until the containers have ended."""

    def lose(self, reason: str, code: str | None) -> bool:
        """Kill it, and report no exit codes; False if it was stopping already."""

    def container(self, name: str | None) -> ContainerRun | None:
        """A container by name, or the first essential one; None while containers are not prepared."""

    def forget(self) -> None:
        """Let ECS know nothing of it any more."""


class Timed(TaskFault):
    """A fault that strikes at a moment of a task's life.

    Attributes:
        after: Seconds after the moment that the fault names with `at` or `container`.
        line: Or after the moment when a container of the task writes a line that contains this text; what stops the
            task then waits for RUNNING too.
    """

    timed: ClassVar[bool] = True

    after: Seconds = 0.0
    line: Line | None = None

    def begun(self, victim: Victim) -> bool:
        """Whether the moment has come from which `after` counts."""
        raise NotImplementedError

    def befall(self, victim: Victim) -> bool:
        """Strike; False if it is too late."""
        raise NotImplementedError

    def in_time(self, subject: Subject) -> bool:
        """Whether the task is not over; who waits for a line must do so before the containers are prepared."""
        return not reached(subject.status, "STOPPED" if self.line is None else "PENDING")

    @model_validator(mode="after")
    def _names_one_moment(self) -> Any:
        if self.line is not None and "at" in self.model_fields_set:
            raise refuse("at", "at and line name two moments; leave one out", "line")
        return self


class _Stop(Timed):
    """A misfortune that stops the task.

    Attributes:
        at: The status from which `after` counts.
    """

    group: ClassVar[str] = MISFORTUNE

    at: _Status = "RUNNING"

    def begun(self, victim: Victim) -> bool:
        """Whether the task has come so far."""
        return reached(victim.task.last_status, self.at)


class SpotInterruption(_Stop):
    """AWS takes the Spot capacity back: the warning, SIGTERM, SIGKILL after the stop timeout.

    A task that is not FARGATE_SPOT's never gets it, unless `capacity_provider` says FARGATE.

    Attributes:
        stop_code: Older documentation shows TerminationNotice.
        reason: The stopped reason.
    """

    capacity_provider: Literal["FARGATE", "FARGATE_SPOT"] | None = "FARGATE_SPOT"
    stop_code: Literal["SpotInterruption", "TerminationNotice"] = "SpotInterruption"
    reason: Line = "Your Spot Task was interrupted."

    def befall(self, victim: Victim) -> bool:
        """Interrupt the task."""
        return victim.interrupt(self.reason, self.stop_code)


class TaskRetirement(_Stop):
    """AWS stops the task for maintenance: SIGTERM, SIGKILL after the stop timeout.

    Attributes:
        stop_code: None, the default, leaves it out: ECS's documentation names none for tasks without a service.
        reason: The stopped reason.
    """

    stop_code: _StopCode | None = None
    reason: Line = "ECS is performing maintenance on the underlying infrastructure hosting the task."

    def befall(self, victim: Victim) -> bool:
        """Stop the task."""
        return victim.stop(self.reason, self.stop_code)


class HostTerminated(_Stop):
    """The host, or the agent on it, has gone: the processes are killed, and nobody reports an exit code.

    Attributes:
        stop_code: None, the default, leaves it out.
        reason: The stopped reason.
    """

    stop_code: _StopCode | None = None
    reason: Line = "Host EC2 (instance i-0123456789abcdef0) terminated."

    def befall(self, victim: Victim) -> bool:
        """Lose the task."""
        return victim.lose(self.reason, self.stop_code)


class _OfContainer(Timed):
    """A misfortune of one container; `after` counts from its start.

    Attributes:
        container: Its name; the first essential one by default.
    """

    group: ClassVar[str] = MISFORTUNE

    container: Line | None = None

    def concerns(self, seen: Subject) -> bool:
        """Whether the task gets the fault: it must have the container."""
        return (self.container is None or self.container in seen.containers) and super().concerns(seen)

    def begun(self, victim: Victim) -> bool:
        """Whether the container has started."""
        container = victim.container(self.container)
        return container is not None and container.started.is_set()


class OutOfMemory(_OfContainer):
    """A container is killed for its memory.

    Attributes:
        exit_code: 137: its process really is killed. 0: a child of it was killed, it goes on, and ECS shows 0 when it
            has ended, whatever it ended with; the reason is the same.
    """

    exit_code: Annotated[int, BeforeValidator(_checked_exit_code)] = _KILLED

    def befall(self, victim: Victim) -> bool:
        """Kill the container, or say of its end what ECS would."""
        container = victim.container(self.container)
        if container is None or not container.expect(Ending(exit_code=self.exit_code, reason=_OUT_OF_MEMORY)):
            return False
        if self.exit_code == _KILLED:
            container.kill()
        return True


class NoExitCode(_OfContainer):
    """A container ends, and ECS does not show with which exit code.

    Attributes:
        reason: Of the container; None leaves it out.
    """

    reason: Line | None = None

    def befall(self, victim: Victim) -> bool:
        """Take the exit code away."""
        container = victim.container(self.container)
        return container is not None and container.expect(Ending(exit_code=None, reason=self.reason))
