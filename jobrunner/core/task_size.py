"""What the price of a task depends on, as a job says it or as ECS describes its task definition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobrunner.core.billing import Resources
from jobrunner.core.sizes import smallest_memory

if TYPE_CHECKING:
    from jobrunner.core.options import RunOptions
    from jobrunner.core.ports import Definition
    from jobrunner.core.spec import JobSpec


@dataclass(frozen=True, kw_only=True)
class TaskSize(Resources):
    """What the price of a task depends on, apart from region and capacity.

    Attributes:
        architecture: `x86_64` or `arm64`.
    """

    architecture: str = "x86_64"

    @classmethod
    def of(cls, spec: JobSpec) -> TaskSize | None:
        """Give the size of a job's tasks; None when an existing task definition has it: that knows the processor."""
        if spec.task_definition is not None:
            return None
        return cls(cpu=spec.cpu, memory=spec.memory, architecture=spec.architecture, storage=spec.ephemeral_storage)

    @classmethod
    def described(cls, definition: Definition) -> TaskSize | None:
        """Give the size of a task definition's tasks on Fargate, where requests do not say otherwise.

        None when it has no size of its own, as one for EC2 need not; or when it is for Windows, whose price is unknown
        (`billing`). Without a platform it is for Linux on x86_64 ("CannotPullContainerError task errors", ECS guide).
        """
        platform = definition.members.get("runtimePlatform") or {}
        windows = str(platform.get("operatingSystemFamily", "LINUX")).startswith("WINDOWS")
        if definition.cpu is None or definition.memory is None or windows:
            return None
        return cls(
            cpu=definition.cpu,
            memory=definition.memory,
            architecture=definition.architecture or "x86_64",
            storage=definition.ephemeral_storage,
        )

    @classmethod
    def of_run(cls, spec: JobSpec, options: RunOptions, described: TaskSize | None = None) -> TaskSize | None:
        """Give the size of a run's task, by the rule of its request; None when nobody knows it.

        Args:
            spec: The job.
            options: What the run changes.
            described: What the job's existing task definition says, if it has one.
        """
        size = cls.of(spec) or described
        if size is None:
            return None
        written = spec.model_fields_set
        cpu = options.cpu or (spec.cpu if "cpu" in written else size.cpu)
        memory = options.memory or (spec.memory if "memory" in written else None)
        if memory is None:
            memory = size.memory if spec.task_definition is not None else smallest_memory(cpu)
        return replace(size, cpu=cpu, memory=memory)
