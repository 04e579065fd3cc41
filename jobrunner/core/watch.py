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
from jobrunner.core.ending import UNSEEN, conclude
from jobrunner.core.events import Finished, PhaseChanged, VerdictKnown, Warning, WatchEvent  # noqa: A004  our event
from jobrunner.core.follow import Follow
from jobrunner.core.lifecycle import RUNNING, STOPPED, TaskSnapshot, has_run, later_phase
from jobrunner.core.observations import (
    CLOSE,
    CallFailed,
    DescribeTask,
    Pace,
    PageRead,
    Patience,
    Step,
    StopAccepted,
    StopTask,
    Subject,
    TaskSeen,
    WatchAsk,
    WatchObservation,
)
from jobrunner.core.outcome import UNREAD, LogReport, Outcome, Verdict
from jobrunner.core.stops import started
from jobrunner.errors import AwsThrottledError, AwsUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jobrunner.core.billing import PriceTable

_GROWTH = 0.2
_LONG_RUN = 600.0
_LONGEST_BACKOFF = 20.0
#: How long after the containers' end AWS's own clock is trusted to say so, whatever the skew of ours.
_CLOCK_SKEW = 60.0
#: Seconds after which StopTask is sent again to a task that is to run on.
_STOP_AGAIN = 2.0
#: Questions due within this time are asked together.
_TOGETHER = 0.01


class Watch:
    """The state machine; see the module's docstring.

    Args:
        subject: What is watched.
        patience: How long what may pass is waited for.
        prices: For the estimate of the cost.
        now: The time at which watching begins.
        pace: How often to look.
        wait_bill: Whether to watch until STOPPED, which gives the bill, or only until the verdict is certain and
            the log complete; on Fargate that is some 20 seconds earlier.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        patience: Patience,
        prices: PriceTable,
        now: datetime,
        pace: Pace = CLOSE,
        wait_bill: bool = True,
    ) -> None:
        self._subject = subject
        self._patience = patience
        self._prices = prices
        self._pace = pace
        self._wait_bill = wait_bill
        self._follow = Follow(
            subject.streams or (),
            settle=patience.log_settle,
            blind=subject.blind,
            patience=patience.unreachable,
        )
        self._task: TaskSnapshot | None = None
        self._phase: str | None = None
        self._phase_since = now.timestamp()
        self._seen_at = max(subject.launched_at.timestamp(), 0.0)
        self._look_due = now.timestamp()
        self._backoff = 0.0
        self._silent_since: float | None = None
        self._told_of_stop = self._told_of_throttling = False
        self._stop: str | None = None
        self._stop_due: float | None = None
        self._stop_accepted = False
        self._judgement: verdicts.Judgement | None = None
        self._certain: verdicts.Judgement | None = None

    @property
    def judgement(self) -> verdicts.Judgement | None:
        """How the task ended, once that is certain."""
        return self._judgement or self._certain

    @property
    def ran(self) -> bool:
        """Whether the job's own container is known to have started."""
        return self._task is not None and started(self._task, self._task.container(self._subject.main))

    @property
    def task(self) -> TaskSnapshot | None:
        """The latest snapshot; None before the first."""
        return self._task

    def request_stop(self, reason: str) -> None:
        """Ask ECS to stop the task in the next step; the first reason stays."""
        if self._stop is None:
            self._stop = reason
            self._stop_due = 0.0

    def advance(self, now: datetime, observations: Iterable[WatchObservation] = ()) -> Step:
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
        judgement = self._judgement if self._wait_bill else self.judgement
        if judgement and self._log_done():
            outcome = self._outcome(judgement)
            return Step(events=(*events, Finished(outcome=outcome)), outcome=outcome)
        self._check_deadline(now)
        due = self._next_due()
        asks = tuple(self._asks(max(due, at) + _TOGETHER))
        return Step(events=tuple(events), wait=max(0.0, due - at), asks=asks)

    def _log_done(self) -> bool:
        return self._subject.streams is None or self._nothing_ran() or self._follow.quiet()

    def _nothing_ran(self) -> bool:
        return self._task is not None and self._task.nothing_ran and not self._follow.events

    def _take(self, observation: WatchObservation, now: datetime) -> Iterator[WatchEvent]:
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
                self._stop_accepted = True
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
        elif self.judgement is None and (certain := verdicts.certain(task, self._subject.main)) is not None:
            self._certain = certain
            yield VerdictKnown(judgement=certain)
        if self._stop_accepted:
            self._doubt_stop(task, at)
        self._look_due = at + self._look_pause(at)

    def _doubt_stop(self, task: TaskSnapshot, at: float) -> None:
        """Send a stop again that was accepted and has no effect.

        StopTask says of a task that ECS does not show yet what it says of one that is long gone, "The referenced
        task was not found", and both count as stopped.
        """
        if task.desired_status != RUNNING:
            self._stop_due = None
        elif self._stop_due is None:
            self._stop_due = at + _STOP_AGAIN

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
            self._judgement = self._certain or verdicts.Judgement(
                verdict=Verdict.LOST,
                reason="vanished",
                exit_code=None,
                detail="ECS no longer knows the task; it forgets a stopped task after about an hour",
            )
            self._follow.containers_over(at, unseen=UNSEEN)

    def _take_failure(self, failure: CallFailed, at: float) -> Iterator[WatchEvent]:
        error = failure.error
        passing = isinstance(error, AwsThrottledError | AwsUnreachableError)
        if isinstance(failure.ask, StopTask) and not passing:
            self._stop_due = None
            self._stop_accepted = False
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
            yield from self._take_silence(failure, at)
        elif self._backoff >= _LONGEST_BACKOFF and not self._told_of_throttling:
            self._told_of_throttling = True
            yield Warning(message=f"AWS asks for fewer calls again and again, still trying: {error.what}")

    def _take_silence(self, failure: CallFailed, at: float) -> Iterator[WatchEvent]:
        error, of_stop = failure.error, isinstance(failure.ask, StopTask)
        if self._silent_since is None:
            self._silent_since = at
            if not (of_stop and self._told_of_stop):  # looks that are answered in between make each a new silence
                yield Warning(message=f"AWS does not answer, still trying: {error.what}")
        self._told_of_stop = self._told_of_stop or of_stop
        if at - self._silent_since >= self._patience.unreachable:
            raise error

    def _answered(self, at: float, *, seen: bool = True) -> None:
        self._backoff = 0.0
        self._silent_since = None
        if seen:
            self._seen_at = at

    def _check_deadline(self, now: datetime) -> None:
        # Not before the first look: whoever attaches later may find a run that has ended in time.
        if self._task is None or self.judgement is not None:
            return
        subject = self._subject
        if subject.deadline is not None and now >= subject.deadline:
            self.request_stop(timeout_reason(subject.timeout))
        elif not self._has_started() and subject.start_deadline is not None and now >= subject.start_deadline:
            self.request_stop(f"{verdicts.START_TIMEOUT}{_within(subject.start_timeout)}")

    def _has_started(self) -> bool:
        return self.ran or has_run(self._phase)

    def _deadlines(self) -> Iterator[float]:
        """Give the moments at which the task would have to be stopped."""
        if self._task is None or self._stop is not None or self.judgement is not None:
            return
        if self._subject.deadline is not None:
            yield self._subject.deadline.timestamp()
        if self._subject.start_deadline is not None and not self._has_started():
            yield self._subject.start_deadline.timestamp()

    def _look_pause(self, at: float) -> float:
        elapsed = at - self._phase_since
        pace = self._pace
        longest = pace.longest if elapsed < _LONG_RUN else pace.longest_of_long_run
        return min(max(pace.first, elapsed * _GROWTH), longest)

    def _next_due(self) -> float:
        times = [self._follow_due()]
        if self._judgement is None:
            times += [self._look_due, self._stop_due, *self._deadlines()]
        return min((time for time in times if time is not None), default=self._look_due)

    def _follow_due(self) -> float | None:
        reading = has_run(self._phase) or self._judgement is not None
        return self._follow.next_due() if reading else None

    def _asks(self, until: float) -> Iterator[WatchAsk]:
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


def timeout_reason(seconds: int | None) -> str:
    """Give the reason of StopTask for a timeout of so many seconds, whoever sends it."""
    return verdicts.TIMEOUT if seconds is None else f"{verdicts.TIMEOUT} after {format_duration(seconds)}"


def _within(seconds: int | None) -> str:
    return "" if seconds is None else f" within {format_duration(seconds)}"
