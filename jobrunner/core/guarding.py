"""The timeout of an attempt that holds when nobody watches: when its deadline is to be set, and when to be cleared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from jobrunner.core import naming
from jobrunner.core.deadline import Deadline
from jobrunner.core.durations import format_duration
from jobrunner.core.events import Warning  # noqa: A004  our event
from jobrunner.core.observations import CallFailed, ClearDeadline, DeadlineCleared, DeadlineSet, SetDeadline
from jobrunner.core.watch import timeout_reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.observations import Observation
    from jobrunner.core.record import RunRecord

#: A schedule whose time has passed when it is made may never fire.
_SOON = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class Guard:
    """What is needed for a timeout that holds when nobody watches.

    Attributes:
        role: The role with which EventBridge Scheduler calls StopTask, name or ARN; None where there is none.
        group: The schedule group.
    """

    role: str | None = None
    group: str = "default"


#: Only whoever follows the run keeps its timeout.
UNGUARDED = Guard()


class Guarding:
    """The deadline of one attempt's task.

    Args:
        guard: Where deadlines are set.
        record: The run, with the task.
    """

    def __init__(self, guard: Guard, record: RunRecord) -> None:
        self._guard = guard
        self._wanted = record.deadline is not None and record.guard is None

    @property
    def pending(self) -> bool:
        """Whether the task may not be left to itself yet: its deadline is to be set first."""
        return self._wanted and self._guard.role is not None

    def check(self, record: RunRecord, *, ending: bool, seen: bool) -> Iterator[Warning]:
        """Find out whether the task still needs a deadline.

        Args:
            record: The run.
            ending: Whether the task is over, or about to be stopped.
            seen: Whether ECS has shown the task.
        """
        if ending:
            self._wanted = False
        elif self._wanted and seen and self._guard.role is None:
            self._wanted = False
            yield _only_here(record, "scheduler_role is not set")

    def asks(self, record: RunRecord, task: TaskSnapshot | None, now: datetime) -> Iterator[SetDeadline]:
        """Ask for what stops the task at its timeout until that is answered: an ask may be left out for a stop.

        Also when its time has passed already, as it may have while AWS asked for patience: this process stops the
        task then, unless it leaves or dies first.
        """
        role = self._guard.role
        if self._wanted and role is not None and task is not None and record.deadline is not None:
            yield SetDeadline(
                deadline=Deadline(
                    name=naming.timeout_schedule(record.token),
                    group=self._guard.group,
                    at=max(record.deadline, now + _SOON),
                    role=role,
                    cluster=record.cluster,
                    task_arn=task.task_arn,
                    reason=timeout_reason(record.timeout),
                )
            )

    def clears(self, record: RunRecord) -> Iterator[ClearDeadline]:
        """Ask for the end of a deadline that is set."""
        if record.guard is not None:
            yield ClearDeadline(name=record.guard, group=self._guard.group)

    def take(self, observation: Observation, record: RunRecord) -> tuple[RunRecord, tuple[Warning, ...]]:
        """Take an answer; give the record as it is to be stored, and what is to be told."""
        match observation:
            case DeadlineSet():
                self._wanted = False
                return replace(record, guard=naming.timeout_schedule(record.token)), ()
            case CallFailed(ask=SetDeadline(), error=error):
                self._wanted = False
                return record, (_only_here(record, error.what),)
            case _:
                # Cleared, or not: a schedule that is left over stops a task that has stopped, and deletes itself.
                return replace(record, guard=None), ()


def concerns_deadline(observation: Observation) -> bool:
    """Tell whether an observation is an answer to what `Guarding` asks."""
    if isinstance(observation, CallFailed):
        return isinstance(observation.ask, SetDeadline | ClearDeadline)
    return isinstance(observation, DeadlineSet | DeadlineCleared)


def _only_here(record: RunRecord, why: str) -> Warning:
    timeout = format_duration(record.timeout or 0)
    return Warning(message=f"the timeout of {timeout} is kept by this process only, while it follows the run: {why}")
