"""Watching one task from its start to its proven end, as a state machine without I/O.

`advance(now, observations)` takes what was seen and gives what became known, what to ask next, and how long to
wait before asking. Whoever drives it owns the calls and the waiting: `ops.observe` does it for one run with a
thread's sleep; an asynchronous orchestrator may do it with its own awaits. Two races that other runners have
are impossible here: the log's tail lost at the stop, and the hot loop on an empty page.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

from jobrunner.core import verdict as verdicts
from jobrunner.core.durations import format_duration
from jobrunner.core.ending import conclude
from jobrunner.core.events import Finished, PhaseChanged, Warning, WatchEvent  # noqa: A004  our event
from jobrunner.core.follow import Follow
from jobrunner.core.lifecycle import STOPPED, TaskSnapshot, has_run, later_phase
from jobrunner.core.observations import (
    Ask,
    CallFailed,
    DescribeTask,
    Observation,
    PageRead,
    Patience,
    Step,
    StopAccepted,
    StopTask,
    Subject,
    TaskSeen,
)
from jobrunner.core.outcome import UNREAD, LogReport, Outcome, Verdict
from jobrunner.errors import AwsError, AwsThrottledError, AwsUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jobrunner.core.billing import PriceTable

#: DescribeTasks is asked for again after a fifth of the time that the task has been in its state: a short task
#: is seen to end at once, a long one costs few calls, and no answer is later than a fifth of what it took.
_FIRST_LOOK = 0.05
_GROWTH = 0.2
_LONGEST_LOOK = 2.0
#: After ten minutes in one state nobody waits for the second.
_LONG_RUN = 600.0
_LONGEST_LOOK_OF_LONG_RUN = 5.0
_LONGEST_BACKOFF = 20.0
#: How long after the containers' end AWS's own clock is trusted to say so, whatever the skew of ours.
_CLOCK_SKEW = 60.0
#: Questions due within this time are asked together.
_TOGETHER = 0.01


class Watch:
    """The state machine; see the module's docstring.

    Args:
        subject: What is watched.
        patience: How long what may pass is waited for.
        prices: For the estimate of the cost.
        now: The time at which watching begins.
    """

    def __init__(self, subject: Subject, *, patience: Patience, prices: PriceTable, now: datetime) -> None:
        self._subject = subject
        self._patience = patience
        self._prices = prices
        self._follow = Follow(subject.streams or (), settle=patience.log_settle, blind=subject.blind)
        self._task: TaskSnapshot | None = None
        self._phase: str | None = None
        self._phase_since = now.timestamp()
        self._seen_at = max(subject.launched_at.timestamp(), 0.0)
        self._look_due = now.timestamp()
        self._backoff = 0.0
        self._silent_since: float | None = None
        self._stop: str | None = None
        self._stop_due: float | None = None
        self._judgement: verdicts.Judgement | None = None

    @property
    def task(self) -> TaskSnapshot | None:
        """The latest snapshot; None before the first."""
        return self._task

    def request_stop(self, reason: str) -> None:
        """Ask ECS to stop the task in the next step; the first reason stays."""
        if self._stop is None:
            self._stop = reason
            self._stop_due = 0.0

    def advance(self, now: datetime, observations: Iterable[Observation] = ()) -> Step:
        """Take what was observed and say what to do next.

        Args:
            now: The time, timezone-aware.
            observations: The answers to the asks of the last step; none in the first call.

        Raises:
            AwsError: AWS refuses to describe the task, or has not answered for longer than patience lasts.
        """
        at = now.timestamp()
        events: list[WatchEvent] = []
        for observation in observations:
            events.extend(self._take(observation, now))
        events.extend(self._follow.release())
        if self._judgement and self._log_done():
            outcome = self._outcome(self._judgement)
            return Step(events=(*events, Finished(outcome=outcome)), outcome=outcome)
        self._check_deadline(now)
        due = self._next_due()
        asks = tuple(self._asks(max(due, at) + _TOGETHER))
        return Step(events=tuple(events), wait=max(0.0, due - at), asks=asks)

    def _log_done(self) -> bool:
        return self._subject.streams is None or self._nothing_ran() or self._follow.quiet()

    def _nothing_ran(self) -> bool:
        """Tell whether the task is known to have ended before any container could write a line."""
        task = self._task
        if task is None or not task.stopped or self._follow.events:
            return False
        return task.started_at is None and all(one.exit_code is None for one in task.containers)

    def _take(self, observation: Observation, now: datetime) -> Iterator[WatchEvent]:
        match observation:
            case TaskSeen(task=TaskSnapshot() as task):
                yield from self._take_task(task, observation.at)
            case TaskSeen():
                self._take_missing(observation.at.timestamp())
            case PageRead():
                asked = observation.asked.timestamp()
                self._follow.take(observation.question, observation.answer, asked=asked)
            case StopAccepted():
                self._stop_due = None
                self._look_due = now.timestamp()
                self._phase_since = now.timestamp()
            case CallFailed():
                yield from self._take_failure(observation, now.timestamp())
            case _:
                assert_never(observation)

    def _take_task(self, task: TaskSnapshot, now: datetime) -> Iterator[WatchEvent]:
        at = now.timestamp()
        self._answered(at)
        self._task = task
        phase = later_phase(self._phase, task.last_status)
        if phase != self._phase and phase is not None:
            self._phase = phase
            self._phase_since = at
            yield PhaseChanged(phase=phase, at=_time_of(phase, task) or now)
        if task.containers_over:
            self._follow.containers_over(self._over_since(task, at))
        if task.stopped and self._judgement is None:
            self._judgement = verdicts.judge(task, self._subject.main)
        self._look_due = at + self._look_pause(at)

    def _over_since(self, task: TaskSnapshot, at: float) -> float:
        """Give when the containers ended; what AWS's clock says counts only where skew cannot matter."""
        ended = task.execution_stopped_at or task.stopped_at
        if ended is None or at - ended.timestamp() < self._patience.log_settle + _CLOCK_SKEW:
            return at
        return at - self._patience.log_settle

    def _take_missing(self, at: float) -> None:
        """MISSING is normal just after RunTask, and means "forgotten" about an hour after the stop."""
        self._answered(at, seen=False)
        self._look_due = at + self._look_pause(at)
        if self._judgement is None and at - self._seen_at >= self._patience.task_settle:
            self._judgement = verdicts.Judgement(
                verdict=Verdict.LOST,
                reason="vanished",
                exit_code=None,
                detail="ECS no longer knows the task; it forgets a stopped task after about an hour",
            )
            self._follow.containers_over(at)

    def _take_failure(self, failure: CallFailed, at: float) -> Iterator[WatchEvent]:
        error = failure.error
        passing = isinstance(error, AwsThrottledError | AwsUnreachableError)
        if isinstance(failure.ask, StopTask) and not passing:
            self._stop_due = None
            yield Warning(message=f"the task could not be stopped: {error.what}")
            return
        if not passing:
            raise error
        self._backoff = min(max(self._backoff * 2, 0.5), _LONGEST_BACKOFF)
        if isinstance(failure.ask, StopTask):
            self._stop_due = at + self._backoff
        else:
            self._look_due = at + self._backoff
        if isinstance(error, AwsUnreachableError):
            yield from self._take_silence(error, at)

    def _take_silence(self, error: AwsError, at: float) -> Iterator[WatchEvent]:
        if self._silent_since is None:
            self._silent_since = at
            yield Warning(message=f"AWS does not answer, still trying: {error.what}")
        if at - self._silent_since >= self._patience.unreachable:
            raise error

    def _answered(self, at: float, *, seen: bool = True) -> None:
        self._backoff = 0.0
        self._silent_since = None
        if seen:
            self._seen_at = at

    def _check_deadline(self, now: datetime) -> None:
        deadline = self._subject.deadline
        # Not before the first look: whoever attaches later may find a run that has ended in time.
        if deadline is not None and now >= deadline and self._task and self._judgement is None:
            after = "" if self._subject.timeout is None else f" after {format_duration(self._subject.timeout)}"
            self.request_stop(f"{verdicts.TIMEOUT}{after}")

    def _look_pause(self, at: float) -> float:
        elapsed = at - self._phase_since
        longest = _LONGEST_LOOK if elapsed < _LONG_RUN else _LONGEST_LOOK_OF_LONG_RUN
        return min(max(_FIRST_LOOK, elapsed * _GROWTH), longest)

    def _next_due(self) -> float:
        times = [self._follow_due()]
        if self._judgement is None:
            deadline = self._subject.deadline if self._task and self._stop is None else None
            times += [self._look_due, self._stop_due, deadline.timestamp() if deadline else None]
        return min((time for time in times if time is not None), default=self._look_due)

    def _follow_due(self) -> float | None:
        reading = has_run(self._phase) or self._judgement is not None
        return self._follow.next_due() if reading else None

    def _asks(self, until: float) -> Iterator[Ask]:
        if self._judgement is None:
            if self._stop is not None and self._stop_due is not None and self._stop_due <= until:
                yield StopTask(reason=self._stop)
            if self._look_due <= until:
                yield DescribeTask()
        if self._follow_due() is not None:
            yield from self._follow.due(until)

    def _outcome(self, judgement: verdicts.Judgement) -> Outcome:
        subject = self._subject
        logs = UNREAD if subject.streams is None else self._follow.report()
        return conclude(
            judgement,
            self._task or TaskSnapshot(task_arn=subject.task_arn),
            subject,
            prices=self._prices,
            logs=LogReport(complete=True, events=0) if self._nothing_ran() else logs,
        )


def _time_of(phase: str, task: TaskSnapshot) -> datetime | None:
    """Give the time at which ECS says that the state was reached, where it says so."""
    times = {"PENDING": task.created_at, "RUNNING": task.started_at, STOPPED: task.stopped_at}
    moment = times.get(phase)
    return None if moment is None else moment.astimezone(UTC)
