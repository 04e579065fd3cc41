"""A task of the in-memory ECS: a script, and what it looks like at a moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from jobrunner.core import lifecycle
from jobrunner.core.lifecycle import ContainerSnapshot, TaskSnapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The exit code of a process that SIGTERM ended.
_TERMINATED = 143


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line that a container writes.

    Attributes:
        message: Without the line's end.
        after: Seconds after the containers' start.
        container: Who writes it.
        delay: Seconds until CloudWatch Logs shows it, on top of the script's `log_delay`.
    """

    message: str
    after: float = 0.0
    container: str = "main"
    delay: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TaskScript:
    """What a task does. All times are in seconds.

    Attributes:
        startup: From RunTask to RUNNING.
        runs: From RUNNING to the containers' end.
        deprovisioning: From there to STOPPED.
        exit_codes: By container; one that is not named ends with 0, None means that ECS lost it.
        reasons: ECS's `reason` by container, such as `OutOfMemoryError: …`.
        lines: What the containers write.
        log_delay: Until CloudWatch Logs shows a line.
        missing_for: How long DescribeTasks and ListTasks do not know the task yet.
        stop_takes: From StopTask to the containers' end.
        never_starts: ECS's reason why no container ever starts; None for a task that starts.
        stop_code: With which the task ends by itself.
        stopped_reason: As above.
    """

    startup: float = 0.5
    runs: float = 1.0
    deprovisioning: float = 0.5
    exit_codes: Mapping[str, int | None] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    log_delay: float = 0.0
    missing_for: float = 0.0
    stop_takes: float = 0.0
    never_starts: str | None = None
    stop_code: str = "EssentialContainerExited"
    stopped_reason: str = "Essential container in task exited"


class FakeTask:
    """A task that follows its script.

    Args:
        arn: The task's ARN.
        request: The body of RunTask.
        definition: The body of RegisterTaskDefinition, with its `taskDefinitionArn`.
        script: What it does.
        created_at: When RunTask was called.
    """

    def __init__(
        self,
        *,
        arn: str,
        request: Mapping[str, Any],
        definition: Mapping[str, Any],
        script: TaskScript,
        created_at: datetime,
    ) -> None:
        self.arn = arn
        self.request = request
        self.definition = definition
        self.script = script
        self.created_at = created_at
        self.stop_reason: str | None = None
        self._stop_at: datetime | None = None

    @property
    def started_at(self) -> datetime:
        """When its containers start, unless it is stopped before or never starts."""
        return self.created_at + timedelta(seconds=self.script.startup)

    @property
    def ended_at(self) -> datetime:
        """When its containers end."""
        own = self.started_at + timedelta(seconds=0 if self.script.never_starts else self.script.runs)
        if self._stop_at is None:
            return own
        return min(own, self._stop_at + timedelta(seconds=self.script.stop_takes))

    @property
    def stopped_at(self) -> datetime:
        """When it is STOPPED."""
        return self.ended_at + timedelta(seconds=self.script.deprovisioning)

    @property
    def starts(self) -> bool:
        """Whether a container starts at all."""
        return self.script.never_starts is None and self.ended_at > self.started_at

    @property
    def containers(self) -> tuple[str, ...]:
        """The names of its containers."""
        return tuple(one["name"] for one in self.definition["containerDefinitions"])

    def known(self, now: datetime) -> bool:
        """Tell whether ECS shows it already."""
        return now >= self.created_at + timedelta(seconds=self.script.missing_for)

    def stop(self, reason: str, now: datetime) -> None:
        """Stop it; the first reason stays, and one that comes after the end changes nothing."""
        if self.stop_reason is None and now < self.ended_at:
            self.stop_reason = reason
            self._stop_at = now

    def lines(self, container: str, now: datetime) -> list[tuple[datetime, str]]:
        """Give the lines of a container that can be read now, in the order in which they came to be readable."""
        shown = []
        for line in self.script.lines if self.starts else ():
            written = self.started_at + timedelta(seconds=line.after)
            readable = written + timedelta(seconds=self.script.log_delay + line.delay)
            if line.container == container and written <= self.ended_at and readable <= now:
                shown.append((readable, written, line.message))
        return [(written, message) for _, written, message in sorted(shown, key=lambda one: one[0])]

    def snapshot(self, now: datetime) -> TaskSnapshot:
        """Give what ECS says of it."""
        status = self._status(now)
        over = status == lifecycle.STOPPED
        ended = now >= self.ended_at
        stopping = ended or self.stop_reason is not None
        began = self.starts and now >= self.started_at
        code, reason = self._stop()
        overrides = self.request.get("overrides") or {}
        return TaskSnapshot(
            task_arn=self.arn,
            last_status=status,
            desired_status=lifecycle.STOPPED if stopping else lifecycle.RUNNING,
            created_at=self.created_at,
            pull_started_at=self.created_at if self.starts else None,
            pull_stopped_at=self.started_at if began else None,
            started_at=self.started_at if began else None,
            stopping_at=(self._stop_at or self.ended_at) if stopping else None,
            execution_stopped_at=self.ended_at if ended and self.starts else None,
            stopped_at=self.stopped_at if over else None,
            stop_code=code if stopping else None,
            stopped_reason=reason if stopping else None,
            containers=tuple(self._container(name, status, ended=ended) for name in self.containers),
            task_definition_arn=self.definition["taskDefinitionArn"],
            started_by=self.request.get("startedBy"),
            cpu=int(overrides.get("cpu") or self.definition.get("cpu") or 0) or None,
            memory=int(overrides.get("memory") or self.definition.get("memory") or 0) or None,
            architecture=str((self.definition.get("runtimePlatform") or {}).get("cpuArchitecture", "x86_64")).lower(),
            operating_system="LINUX",
            launch_type="FARGATE",
            capacity_provider=_capacity_provider(self.request),
            group=self.request.get("group") or f"family:{self.definition['family']}",
            main=_main(overrides),
            environment=MappingProxyType(_own_environment(overrides)),
        )

    def _status(self, now: datetime) -> str:
        if now >= self.stopped_at:
            return lifecycle.STOPPED
        if now >= self.ended_at:
            return lifecycle.DEPROVISIONING
        if self.starts and now >= self.started_at:
            return lifecycle.STOPPING if self.stop_reason is not None else lifecycle.RUNNING
        half = self.created_at + timedelta(seconds=self.script.startup / 2)
        return lifecycle.PENDING if now >= half else lifecycle.PROVISIONING

    def _stop(self) -> tuple[str, str]:
        if self.stop_reason is not None:
            return "UserInitiated", self.stop_reason
        if self.script.never_starts is not None:
            return "TaskFailedToStart", self.script.never_starts
        return self.script.stop_code, self.script.stopped_reason

    def _container(self, name: str, status: str, *, ended: bool) -> ContainerSnapshot:
        if not ended or not self.starts:
            word = lifecycle.STOPPED if ended else status
            return ContainerSnapshot(name=name, last_status=word if word in _CONTAINER_STATES else lifecycle.PENDING)
        own = self.script.exit_codes.get(name, 0)
        return ContainerSnapshot(
            name=name,
            last_status=lifecycle.STOPPED,
            exit_code=_TERMINATED if self.stop_reason is not None and name not in self.script.exit_codes else own,
            reason=self.script.reasons.get(name),
        )


_CONTAINER_STATES = {lifecycle.PENDING, lifecycle.RUNNING, lifecycle.STOPPED}


def _capacity_provider(request: Mapping[str, Any]) -> str | None:
    strategy = request.get("capacityProviderStrategy") or ()
    return str(strategy[0]["capacityProvider"]) if strategy else None


def _main(overrides: Mapping[str, Any]) -> str | None:
    """Give the first container that knows its run: the job's own."""
    containers = overrides.get("containerOverrides") or ()
    return next((str(one["name"]) for one in containers if _own_environment({"containerOverrides": [one]})), None)


def _own_environment(overrides: Mapping[str, Any]) -> dict[str, str]:
    return {
        pair["name"]: pair["value"]
        for container in overrides.get("containerOverrides") or ()
        for pair in container.get("environment") or ()
        if pair["name"].startswith("JOBRUNNER_")
    }
