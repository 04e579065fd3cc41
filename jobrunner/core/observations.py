"""The words of watching: what is watched, what is asked, what is seen, what to do next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from jobrunner.core.events import Finished
from jobrunner.core.follow import LogStream, ReadLog, ReadResult

if TYPE_CHECKING:
    from datetime import datetime

    from jobrunner.core.deadline import Deadline
    from jobrunner.core.events import WatchEvent
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.ports import Launch
    from jobrunner.core.record import RunRecord
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
        capacity: As asked for, `on-demand` or `spot`.
        launched_at: When RunTask was called.
        deadline: When the attempt times out; None for never.
        timeout: The timeout that gave the deadline, in seconds.
        start_deadline: When the job's container must have started; None for never.
        start_timeout: The limit that gave the start deadline, in seconds.
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
    capacity: str | None = None
    blind: tuple[str, ...] = ()
    deadline: datetime | None = None
    timeout: int | None = None
    start_deadline: datetime | None = None
    start_timeout: int | None = None


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long what may pass is waited for, in seconds; see `Connection`."""

    log_settle: float
    task_settle: float
    unreachable: float


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often a task is looked at, in seconds.

    DescribeTasks is asked for again after a fifth of the time that the task has been in its state: a short task
    is seen to end at once, a long one costs few calls, and no answer is later than a fifth of what it took.

    Attributes:
        first: Between the first two looks.
        longest: No pause is longer in the first ten minutes of a state.
        longest_of_long_run: Nor than this one afterwards, when nobody waits for the second.
    """

    first: float = 0.05
    longest: float = 2.0
    longest_of_long_run: float = 5.0


#: Of one run that somebody follows.
CLOSE = Pace()
#: Of one run among many, which share their looks: a call describes a hundred tasks.
SHARED = Pace(first=1.0, longest=4.0, longest_of_long_run=10.0)


@dataclass(frozen=True)
class DescribeTask:
    """The question: where is the task?"""


@dataclass(frozen=True, kw_only=True)
class StopTask:
    """The request: stop the task, for this reason."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class LaunchTask:
    """The request: store this record, which says what is launched, and then call RunTask as it says."""

    record: RunRecord


@dataclass(frozen=True)
class FindTask:
    """The question: has ECS a task of this launch? Asked when it is unknown whether RunTask arrived."""


@dataclass(frozen=True, kw_only=True)
class SetDeadline:
    """The request: have EventBridge Scheduler stop the task at its timeout, whoever is watching then."""

    deadline: Deadline


@dataclass(frozen=True, kw_only=True)
class ClearDeadline:
    """The request: the task has ended, its deadline is no longer needed."""

    name: str
    group: str


#: What `Watch` asks.
WatchAsk: TypeAlias = DescribeTask | ReadLog | StopTask
#: What `Course` asks.
Ask: TypeAlias = WatchAsk | LaunchTask | FindTask | SetDeadline | ClearDeadline


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
    """A call that was asked for could not be carried out."""

    ask: DescribeTask | StopTask | LaunchTask | FindTask | SetDeadline | ClearDeadline
    error: AwsError


@dataclass(frozen=True, kw_only=True)
class Launched:
    """The answer of RunTask."""

    launch: Launch


@dataclass(frozen=True, kw_only=True)
class Overtaken:
    """Nothing was launched: another process has taken the run further than this one knew."""

    record: RunRecord


@dataclass(frozen=True, kw_only=True)
class TaskFound:
    """The answer to `FindTask`: the ARN of the launch's task, or None if ECS has none."""

    task_arn: str | None


@dataclass(frozen=True)
class DeadlineSet:
    """The schedule that stops the task exists."""


@dataclass(frozen=True)
class DeadlineCleared:
    """The schedule that would stop the task is gone."""


#: What `Watch` takes.
WatchObservation: TypeAlias = TaskSeen | PageRead | StopAccepted | CallFailed
#: What `Course` takes.
Observation: TypeAlias = WatchObservation | Launched | Overtaken | TaskFound | DeadlineSet | DeadlineCleared


@dataclass(frozen=True, kw_only=True)
class Step:
    """What became known, and what to do next.

    The order is: store, tell, wait, ask. When what is stored knows more than `record`, `without_end` is told, nothing
    is asked, and the next observation is `Overtaken`.

    Attributes:
        events: In order; the last one of the last step is `Finished`.
        wait: Seconds to wait before the asks; 0 to go on at once.
        asks: What to ask then. Empty while only time is waited for (a deadline): then just advance again.
        outcome: The end; None while there is more.
        record: What is to be stored before anything else is done; None while nothing new is.
        error: What to raise once that is stored: the end of the run, and a failure of the tool.
    """

    events: tuple[WatchEvent, ...]
    wait: float = 0.0
    asks: tuple[Ask, ...] = ()
    outcome: Outcome | None = None
    record: RunRecord | None = None
    error: AwsError | None = None

    def without_end(self) -> Step:
        """Give what is to be told although the run does not end here: another process has taken it further."""
        events = tuple(event for event in self.events if not isinstance(event, Finished))
        return replace(self, events=events, outcome=None)
