"""The words of watching: what is watched, what is asked, what is seen, what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from jobrunner.core.follow import LogStream, ReadLog, ReadResult

if TYPE_CHECKING:
    from datetime import datetime

    from jobrunner.core.events import WatchEvent
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.outcome import Outcome
    from jobrunner.errors import AwsError


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is watched.

    Attributes:
        run_id: The run's id.
        job: The job's name.
        attempt: From 1.
        task_arn: The task of this attempt.
        main: The job's own container.
        streams: The log streams to follow; None to watch without logs.
        blind: Why the log of some container cannot be read (another log driver, …).
        region: For the price.
        architecture: As asked for; for the price, where ECS does not say.
        launched_at: When RunTask was called.
        deadline: When the run times out; None for never.
        timeout: The timeout that gave the deadline, in seconds.
    """

    run_id: str
    job: str
    attempt: int
    task_arn: str
    main: str
    streams: tuple[LogStream, ...] | None
    region: str
    architecture: str
    launched_at: datetime
    blind: tuple[str, ...] = ()
    deadline: datetime | None = None
    timeout: int | None = None


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long what may pass is waited for, in seconds; see `Connection`."""

    log_settle: float
    task_settle: float
    unreachable: float


@dataclass(frozen=True)
class DescribeTask:
    """The question: where is the task?"""


@dataclass(frozen=True, kw_only=True)
class StopTask:
    """The request: stop the task, for this reason."""

    reason: str


Ask: TypeAlias = DescribeTask | ReadLog | StopTask


@dataclass(frozen=True, kw_only=True)
class TaskSeen:
    """The answer of DescribeTasks, and when it came; None when it says MISSING."""

    task: TaskSnapshot | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class PageRead:
    """The answer to a `ReadLog`.

    `asked` is when the question was asked, not when the answer came: only a question that was asked after the
    containers' end can prove that there is no more.
    """

    question: ReadLog
    answer: ReadResult
    asked: datetime


@dataclass(frozen=True)
class StopAccepted:
    """ECS has been told to stop the task."""


@dataclass(frozen=True, kw_only=True)
class CallFailed:
    """DescribeTasks or StopTask could not be carried out."""

    ask: DescribeTask | StopTask
    error: AwsError


Observation: TypeAlias = TaskSeen | PageRead | StopAccepted | CallFailed


@dataclass(frozen=True, kw_only=True)
class Step:
    """What became known, and what to do next.

    Attributes:
        events: In order; the last one of the last step is `Finished`.
        wait: Seconds to wait before the asks; 0 to go on at once.
        asks: What to ask then. Empty while only time is waited for (a deadline): then just advance again.
        outcome: The end; None while there is more.
    """

    events: tuple[WatchEvent, ...]
    wait: float = 0.0
    asks: tuple[Ask, ...] = ()
    outcome: Outcome | None = None
