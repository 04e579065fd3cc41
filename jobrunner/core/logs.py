"""Where the containers of a task definition write their logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobrunner.core.follow import LogStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, kw_only=True)
class LogSource:
    """The log of one container, known before any task exists.

    Attributes:
        container: The container's name.
        group: The log group; None when the log cannot be read from CloudWatch Logs.
        prefix: The stream's prefix; the stream is `prefix/container/task-id` ("Using the awslogs driver").
        blind: Why the log cannot be read; None when it can.
        caution: Why CloudWatch Logs itself may not have every line; None when there is no such doubt.
    """

    container: str
    group: str | None = None
    prefix: str | None = None
    blind: str | None = None
    caution: str | None = None

    def stream(self, task_id: str) -> LogStream | None:
        """Give the stream of a task; None when there is none to read."""
        if self.group is None or self.prefix is None:
            return None
        return LogStream(container=self.container, group=self.group, name=f"{self.prefix}/{self.container}/{task_id}")


def log_sources(containers: Iterable[Mapping[str, Any]], *, region: str) -> tuple[LogSource, ...]:
    """Read the log configuration of a task definition's containers.

    Args:
        containers: `containerDefinitions` as registered or described.
        region: Where logs are read; a log that goes elsewhere is blind.
    """
    return tuple(_source(container, region) for container in containers)


def _source(container: Mapping[str, Any], region: str) -> LogSource:
    name = container["name"]
    configuration = container.get("logConfiguration") or {}
    options = configuration.get("options") or {}
    driver = configuration.get("logDriver")
    if driver != "awslogs":
        said = f"uses the log driver {driver}" if driver else "has no log driver"
        return LogSource(container=name, blind=f"container {name} {said}, not awslogs")
    there = options.get("awslogs-region", region)
    if there != region:
        return LogSource(container=name, blind=f"the log of container {name} is in region {there}")
    caution = None
    if options.get("mode", "non-blocking") != "blocking":
        # The default has been non-blocking since 2025-06-25 ("Using the awslogs driver").
        caution = f"container {name} logs in non-blocking mode: under load, ECS may drop lines before they are logged"
    return LogSource(
        container=name,
        group=options.get("awslogs-group"),
        prefix=options.get("awslogs-stream-prefix"),
        caution=caution,
    )
