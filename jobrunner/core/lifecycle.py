"""What ECS said of a task at a moment, and the order of a task's states.

Source of the order: "Amazon ECS task lifecycle", Amazon ECS Developer Guide. Any state may be skipped between
two looks, and a task may stop without ever having run.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from jobrunner.core.outcome import iso, parse_iso

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

PROVISIONING = "PROVISIONING"
PENDING = "PENDING"
ACTIVATING = "ACTIVATING"
RUNNING = "RUNNING"
DEACTIVATING = "DEACTIVATING"
STOPPING = "STOPPING"
DEPROVISIONING = "DEPROVISIONING"
STOPPED = "STOPPED"

#: ECS's states in their order. DELETED follows STOPPED but is never shown to a caller.
STATES = (PROVISIONING, PENDING, ACTIVATING, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING, STOPPED)
_RANK = {state: rank for rank, state in enumerate(STATES)}

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class ContainerSnapshot:
    """One container of a task.

    Attributes:
        name: The name in the task definition; AWS injects containers too (`aws-guardduty-agent-…`).
        last_status: ECS's word, such as RUNNING.
        exit_code: None when the container never started, or when its host was lost. Not the same as 0.
        reason: ECS's text, such as `OutOfMemoryError: …`; None when there is none.
    """

    name: str
    last_status: str | None = None
    exit_code: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class TaskSnapshot:
    """What DescribeTasks (or a task state change event) said of a task.

    All times are timezone-aware. Every field but the ARN may be missing: ECS leaves out what has not happened.

    Attributes:
        task_arn: The task's ARN.
        last_status: Where the task is; None on endpoints that do not say.
        desired_status: Where it goes. STOPPED here with a `last_status` of RUNNING means "stopping".
        stop_code: EssentialContainerExited, UserInitiated, … (TaskStopCode); unknown values are kept.
        stopped_reason: ECS's text, or the reason given to StopTask.
        cpu: Units of the task as really run, overrides included.
        memory: MiB of the task as really run.
        capacity_provider: FARGATE or FARGATE_SPOT when a strategy was used.
        group: RunTask's `group`, or what ECS put there.
        main: The container whose overrides carry the run's id: the job's own; None when no one's do.
        environment: The `JOBRUNNER_*` variables among the overrides: the run's identity, which outlives tags.
    """

    task_arn: str
    last_status: str | None = None
    desired_status: str | None = None
    created_at: datetime | None = None
    pull_started_at: datetime | None = None
    pull_stopped_at: datetime | None = None
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    execution_stopped_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_code: str | None = None
    stopped_reason: str | None = None
    containers: tuple[ContainerSnapshot, ...] = ()
    task_definition_arn: str | None = None
    started_by: str | None = None
    cpu: int | None = None
    memory: int | None = None
    ephemeral_storage: int | None = None
    architecture: str | None = None
    operating_system: str | None = None
    launch_type: str | None = None
    capacity_provider: str | None = None
    group: str | None = None
    main: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: _NONE)

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object that `from_json` reads back; what ECS did not say is left out."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        times = {name: iso(getattr(self, name)) for name in _TIMES}
        known = {name: value for name, value in {**plain, **times}.items() if value is not None}
        return {**known, "containers": [asdict(one) for one in self.containers], "environment": dict(self.environment)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> TaskSnapshot:
        """Read what `to_json` gave."""
        times: dict[str, Any] = {name: parse_iso(document[name]) for name in _TIMES if name in document}
        return cls(
            **{name: document[name] for name in _PLAIN if name in document},
            **times,
            containers=tuple(ContainerSnapshot(**one) for one in document["containers"]),
            environment=MappingProxyType(document["environment"]),
        )

    @property
    def on_spot(self) -> bool:
        """Whether it runs on Spot: the capacity provider says so, while `launchType` says FARGATE for both."""
        return self.capacity_provider == "FARGATE_SPOT"

    @property
    def stopped(self) -> bool:
        """Whether the task is over: only `lastStatus` STOPPED is, with all exit codes known."""
        return self.last_status == STOPPED

    def container(self, name: str) -> ContainerSnapshot | None:
        """Give the container of that name, or None."""
        return next((container for container in self.containers if container.name == name), None)

    @property
    def nothing_ran(self) -> bool:
        """Whether the task is known to have ended before any container could write a line."""
        return self.stopped and self.started_at is None and all(one.exit_code is None for one in self.containers)

    @property
    def containers_over(self) -> bool:
        """Whether no container can write another line."""
        if self.stopped:
            return True
        return bool(self.containers) and all(container.exit_code is not None for container in self.containers)


_TIMES = (
    "created_at",
    "pull_started_at",
    "pull_stopped_at",
    "started_at",
    "stopping_at",
    "execution_stopped_at",
    "stopped_at",
)
_PLAIN = tuple(one.name for one in fields(TaskSnapshot) if one.name not in {*_TIMES, "containers", "environment"})


def later_phase(known: str | None, seen: str | None) -> str | None:
    """Give the later of two states: what a run has reached never goes back.

    DescribeTasks is eventually consistent and may show an older state after a newer one. A state that is not
    in `STATES` is newer than this code, and is not shown.
    """
    if seen not in _RANK:
        return known
    if known is None or _RANK[seen] > _RANK[known]:
        return seen
    return known


def has_run(phase: str | None) -> bool:
    """Tell whether containers may have written something: the task has reached RUNNING or gone past it."""
    return phase is not None and _RANK[phase] >= _RANK[RUNNING]
