"""Events of ECS and of Step Functions, as a rule of EventBridge writes them into a log group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jobrunner.core.execution import Execution
    from jobrunner.core.lifecycle import TaskSnapshot


@dataclass(frozen=True, kw_only=True)
class TaskEvent:
    """An `ECS Task State Change` event.

    Attributes:
        task: What ECS said of the task.
        version: Of its state: it rises with each change, and of two equal ones one is a second delivery.
        at: When it changed.
    """

    task: TaskSnapshot
    version: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class ExecutionEvent:
    """A `Step Functions Execution Status Change` event.

    Attributes:
        execution: The execution as the event shows it.
        at: When it started, or when it ended.
    """

    execution: Execution
    at: datetime


Event: TypeAlias = TaskEvent | ExecutionEvent


@dataclass(frozen=True, kw_only=True)
class EventPage:
    """A page of the log group, oldest event first.

    Attributes:
        events: Those that can be read.
        unreadable: How many others there are.
        newest: The log's time of the last one; None of an empty page.
        token: For the next page; None when this is the last.
    """

    events: Sequence[Event]
    unreadable: int
    newest: datetime | None
    token: str | None
