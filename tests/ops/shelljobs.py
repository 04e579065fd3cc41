"""Jobs that run a shell script, and what their runs have left behind."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobrunner import JobSpec, LogBatch, job_spec
from jobrunner.core.naming import started_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jobrunner import JobRunner, Run
    from jobrunner.core.events import WatchEvent
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.record import RunRecord

#: Bounds a wait; nothing here takes so long, also on a busy machine.
LIMIT_SECONDS = 60.0


def shell(script: str, **fields: Any) -> JobSpec:
    """A job that runs a shell script."""
    return job_spec(**{"name": "job", "image": "busybox", "command": ["sh", "-c", script], **fields})


def record_of(run: Run, runner: JobRunner) -> RunRecord:
    """What the store of a machine holds of a run."""
    record = runner._ports.runs.get(run.run_id)
    assert record is not None
    return record


def lines(events: Iterable[WatchEvent]) -> list[str]:
    """The log lines among events."""
    return [text for event in events if isinstance(event, LogBatch) for text in event.messages]


def messages(runner: JobRunner, name: str, **how: bool) -> list[str]:
    """The lines that `logs` gives."""
    return lines(runner.logs(name, **how))


def tasks_of(runner: JobRunner, run_id: str) -> Sequence[TaskSnapshot]:
    """Every task of a run that ECS knows, oldest first."""
    ports, cluster = runner._ports, runner.settings.cluster
    found = ports.tasks.find(cluster, started_by=started_by(run_id))
    tasks = ports.tasks.describe(cluster, found).values() if found else ()
    return sorted(tasks, key=lambda task: str(task.created_at))


def until(condition: Callable[[], Any], what: str) -> Any:
    """Give what the condition gives as soon as it is true; fail, naming it, when it does not come true."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {LIMIT_SECONDS} s in vain for: {what}"
        time.sleep(0.01)
    return value


@dataclass(frozen=True, kw_only=True)
class Span:
    """How many tasks there were at once at most, by ECS's own times."""

    most: int
    tasks: int


def span_of(tasks: Iterable[TaskSnapshot]) -> Span:
    """Count how many tasks existed at once: from ECS's answer to RunTask until STOPPED."""
    moments = []
    for task in tasks:
        assert task.created_at is not None
        assert task.stopped_at is not None
        moments += [(task.created_at, 1), (task.stopped_at, -1)]
    there = most = 0
    for _, change in sorted(moments, key=lambda one: one):
        there += change
        most = max(most, there)
    return Span(most=most, tasks=len(moments) // 2)
