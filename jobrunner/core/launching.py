"""From "this is to be launched" to a task, as a state machine without I/O.

What may go wrong here is what doubles or loses runs elsewhere: an answer that is lost although ECS has started
the task, and ECS's `failures[]`, which come with HTTP 200. A call that was not answered is repeated with the same
token, which starts nothing twice; a refused placement is asked for again with a new token, because ECS answers
the old one with the old failure.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from jobrunner.core.durations import format_duration
from jobrunner.core.events import Warning, WatchEvent  # noqa: A004  our event
from jobrunner.core.observations import (
    CallFailed,
    FindTask,
    Launched,
    LaunchTask,
    Observation,
    Step,
    TaskFound,
)
from jobrunner.core.outcome import Verdict
from jobrunner.core.placement import judge_placement
from jobrunner.core.ports import OTHER_REQUEST
from jobrunner.core.retry import ON_DEMAND, SPOT, after_refusal
from jobrunner.core.verdict import Judgement, stopped_by
from jobrunner.errors import AwsError, AwsThrottledError, AwsUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.observations import Patience
    from jobrunner.core.ports import PlacementFailure
    from jobrunner.core.record import RunRecord

#: Pauses before RunTask is repeated with the same token; the last one is repeated while AWS asks for patience.
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
#: Calls without any answer after which whoever waits is told so.
_UNANSWERED = 5
#: Seconds within which a call that was cut off, or that a process is just about to make, may still take effect.
IN_FLIGHT = 5.0
#: A launch that is sent so late after its record was stored is stored again with the time at which it is sent.
_LATE = timedelta(seconds=30)
#: For so long a token is certain to be known: it lives until an hour after its task has stopped ("Ensuring
#: idempotency", Developer Guide). As long ECS lists the task.
_TOKEN_KNOWN = timedelta(minutes=50)


class Launching:
    """The state machine; see the module's docstring. A task, a judgement or an error ends it.

    Args:
        record: The run.
        patience: How long ECS may not show a task.
        fresh: Whether nobody can have sent this launch. Otherwise a process that has gone may have, and ECS is
            asked for the task first.

    Attributes:
        record: The run as it is to be stored.
        task: The task that ECS has started, or found.
        judgement: Why there will be none.
        error: What AWS said, if that is a failure of the tool and not of the run.
    """

    def __init__(self, record: RunRecord, *, patience: Patience, fresh: bool) -> None:
        self.record = record
        self.task: TaskSnapshot | None = None
        self.task_arn: str | None = None
        self.judgement: Judgement | None = None
        self.error: AwsError | None = None
        self._patience = patience
        self._due = record.asked_at.timestamp()
        self._failed = 0
        self._failing_since = record.asked_at
        self._unanswered = 0
        self._fresh = fresh
        self._unsure = self._look_first = record.sent and not fresh
        self._looked_at = record.asked_at
        self._stop: str | None = None

    def request_stop(self, reason: str) -> None:
        """Launch nothing more; the first reason stays."""
        self._stop = self._stop or reason
        self._failed = self._unanswered = 0  # whether there is a task to stop is another question, asked as patiently

    @property
    def over(self) -> bool:
        """Whether the launch has come to its end."""
        return any(end is not None for end in (self.task_arn, self.judgement, self.error))

    def advance(self, now: datetime, observations: Iterable[Observation] = ()) -> Step:
        """Take the answers and say what to ask next; see `Watch.advance`."""
        events: list[WatchEvent] = []
        for observation in observations:
            events.extend(self._take(observation, now))
        at = now.timestamp()
        if self.over:
            return Step(events=tuple(events))
        if self._stop is not None and not self._unsure:
            self.judgement = stopped_by(self._stop)
            return Step(events=tuple(events))
        if self._due > at:
            return Step(events=tuple(events), wait=self._due - at)
        if self._stop is not None or self._look_first or (self._unsure and self._too_old(now)):
            # A call may have arrived although nobody has its answer: is there a task to stop, or to follow?
            self._looked_at = now
            return Step(events=tuple(events), asks=(FindTask(),))
        if not self.record.sent or (self._fresh and now > self.record.asked_at + _LATE):
            self.record = self._sent(now)
        self._fresh = False
        return Step(events=tuple(events), asks=(LaunchTask(record=self.record),))

    def _too_old(self, now: datetime) -> bool:
        """Tell whether ECS may have forgotten the token: a laptop that slept must not start a second task."""
        return now > self.record.asked_at + _TOKEN_KNOWN

    def _sent(self, now: datetime) -> RunRecord:
        """Give the record of a launch that is sent now; as long as nobody was there to do so, its window waited."""
        record = self.record
        late = now - record.asked_at
        return replace(record, requested_at=(record.requested_at or record.asked_at) + late, launched_at=now, sent=True)

    def _take(self, observation: Observation, now: datetime) -> Iterator[WatchEvent]:
        match observation:
            case Launched(launch=launch):
                self._unsure = False
                if launch.task is not None:
                    self._found(launch.task.task_arn)
                    self._started(launch.task, now)
                else:
                    yield from self._refused(launch.failures, now)
            case TaskFound(task_arn=str() as task_arn):
                self._found(task_arn)
            case TaskFound():
                self._not_found(now)
            case CallFailed(error=error):
                yield from self._take_failure(error, now)
            case _:
                raise ValueError(f"{type(observation).__name__} is no answer to a launch")

    def _found(self, task_arn: str) -> None:
        self.task_arn = task_arn
        self.record = self.record.with_task(task_arn)

    def _started(self, task: TaskSnapshot, now: datetime) -> None:
        """Take the answer of RunTask; as long as AWS asked for patience, the job's time did not pass."""
        self.task = task
        if task.created_at is not None:
            launched_at = max(self.record.asked_at, min(task.created_at, now))  # its clock may be ahead of ours
            self.record = replace(self.record, launched_at=launched_at)

    def _not_found(self, now: datetime) -> None:
        """ECS has listed no task of this launch when it was asked; a young one may not have been shown yet."""
        looked = self._looked_at
        if self._too_old(looked):
            self.judgement = _UNKNOWABLE
        elif self._stop is None:
            self._look_first = False
        elif looked >= self.record.asked_at + timedelta(seconds=max(self._patience.task_settle, IN_FLIGHT)):
            self._unsure = False
        else:
            self._due = now.timestamp() + 1.0

    def _refused(self, failures: Sequence[PlacementFailure], now: datetime) -> Iterator[WatchEvent]:
        record = self.record
        judgement = judge_placement(failures)
        window = timedelta(seconds=record.policy.start_window)
        left = ((record.requested_at or record.asked_at) + window - now).total_seconds()
        at = record.position
        retry = after_refusal(record.policy, at, judgement, left=left, run_id=record.run_id)
        if retry is None:
            self.judgement = judgement
            return
        when = now + timedelta(seconds=retry.wait)
        self.record = record.relaunch(retry.position, when=when)
        # That request may still be on its way: a task of it is to be found before there is another one.
        self._look_first = any(one.reason == OTHER_REQUEST for one in failures)
        self._due = when.timestamp()
        self._failed = self._unanswered = 0
        if (at.capacity, retry.position.capacity) == (SPOT, ON_DEMAND):
            yield Warning(message=f"{judgement.detail}; on demand now")
        else:
            left_words = format_duration(max(1, round(left)))
            yield Warning(message=f"{judgement.detail}; again in {retry.wait:.0f} s, for up to {left_words}")

    def _take_failure(self, error: AwsError, now: datetime) -> Iterator[WatchEvent]:
        if not isinstance(error, AwsThrottledError | AwsUnreachableError):
            self.error = error
            if not self._unsure:
                self.judgement = Judgement(
                    verdict=Verdict.NEVER_STARTED, reason="refused", exit_code=None, detail=error.what
                )
            return
        self._unsure = True
        self._unanswered = self._unanswered + 1 if isinstance(error, AwsUnreachableError) else 0
        if self._failed == 0:
            self._failing_since = now
            yield Warning(message=f"{error.what}; still trying")
        window = timedelta(seconds=self.record.policy.start_window)
        if self._unanswered >= _UNANSWERED or now >= self._failing_since + window:
            self.error = error
            return
        self._due = now.timestamp() + _PAUSES[min(self._failed, len(_PAUSES) - 1)]
        self._failed += 1


#: RunTask may have been called long ago, and nobody kept the answer. To call it again could start a second task.
_UNKNOWABLE = Judgement(
    verdict=Verdict.LOST,
    reason="unknown_start",
    exit_code=None,
    detail="the process that called RunTask did not keep its answer, and ECS has forgotten what it started; "
    "another key starts the job again",
)
