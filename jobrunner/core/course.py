"""The course of one run, from its first launch over all its attempts to its end, as a state machine without I/O.

`Launching` brings an attempt to its task, `Watch` watches the task to its proven end, `core.retry` decides whether
there is another attempt. Whoever drives the course owns the calls, the waiting and the storing: `ops.observe` does
it for one run, `ops.fleet` for thousands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from jobrunner.core.ending import NOT_SENT, unlaunched
from jobrunner.core.events import Finished, Retrying, Started, Warning, WatchEvent  # noqa: A004  our event
from jobrunner.core.guarding import UNGUARDED, Guard, Guarding, concerns_deadline
from jobrunner.core.launching import Launching
from jobrunner.core.observations import (
    CLOSE,
    Observation,
    Overtaken,
    Pace,
    Step,
    TaskSeen,
)
from jobrunner.core.retry import after_end
from jobrunner.core.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from jobrunner.core.billing import PriceTable
    from jobrunner.core.judgement import Judgement
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.observations import Patience
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.record import RunRecord
    from jobrunner.errors import AwsError

#: A planned attempt that is so late has no process that would launch it.
_OVERDUE = timedelta(seconds=60)


class Launches(Enum):
    """Which attempts of a run whoever follows it may launch."""

    #: Of who starts the run, or repeats its key.
    ALL = auto()
    #: Of who attaches to it: one that is long overdue has nobody who follows the run, and who comes to look does not
    #: expect to start a migration.
    DUE = auto()
    #: Of who only reads its log.
    NONE = auto()


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a run is followed.

    Attributes:
        logs: Whether its log is read.
        wait_bill: Whether STOPPED, which gives the bill, is waited for; see `Watch`.
        pace: How often its task is looked at.
        guard: Of its timeout.
        launches: Which attempts may be launched.
    """

    logs: bool = True
    wait_bill: bool = True
    pace: Pace = CLOSE
    guard: Guard = UNGUARDED
    launches: Launches = Launches.ALL


class Course:
    """The state machine; see the module's docstring.

    Args:
        record: The run, stored already; with a task or without.
        manner: How it is followed.
        patience: How long what may pass is waited for.
        prices: For the estimate of the cost.
        now: The time.
        fresh: Whether nobody can have sent the launch of the record.

    Attributes:
        record: The run as it is to be stored.
        outcome: The end, once it is known.
    """

    def __init__(
        self,
        record: RunRecord,
        *,
        manner: Manner,
        patience: Patience,
        prices: PriceTable,
        now: datetime,
        fresh: bool = False,
    ) -> None:
        self.record = record
        self.outcome: Outcome | None = None
        self._manner = manner
        self._patience = patience
        self._prices = prices
        self._stop: str | None = None
        self._end: Outcome | None = None
        self._cautioned = False
        self._guarding = Guarding(manner.guard, record)
        self._silent = True
        self._news: list[WatchEvent] = []
        self._stage = self._enter(now, fresh=fresh)

    @property
    def task(self) -> TaskSnapshot | None:
        """The latest snapshot of the attempt's task; None before the first."""
        return self._stage.task

    @property
    def launched(self) -> bool:
        """Whether ECS has the task, with its deadline; or the run is over without one."""
        return self.outcome is not None or (isinstance(self._stage, Watch) and not self._guarding.pending)

    @property
    def leavable(self) -> bool:
        """Whether whoever follows may go: no answer to a launch would be lost, and no deadline is still to be set."""
        return self.launched or (isinstance(self._stage, Launching) and not self.record.sent)

    @property
    def verdict_known(self) -> bool:
        """Whether the end of the attempt is certain, or that of the run known."""
        return self.outcome is not None or self._stage.judgement is not None

    def know_earlier(self, earlier: Sequence[Outcome]) -> None:
        """Take the outcomes of the attempts before this one, whose logs have been read meanwhile."""
        known = {one.task_arn: one for one in earlier}
        self.record = replace(self.record, earlier=tuple(known.get(one.task_arn, one) for one in self.record.earlier))
        if isinstance(self._stage, Launching):
            self._stage.record = self.record

    def request_stop(self, reason: str) -> None:
        """Stop the attempt's task in the next step, and launch no other; the first reason stays."""
        if self._stop is None:
            self._stop = reason
        self._stage.request_stop(self._stop)

    def advance(self, now: datetime, observations: Iterable[Observation] = ()) -> Step:
        """Take what was observed and say what to store, what to tell, and what to do next.

        Args:
            now: The time, timezone-aware.
            observations: The answers to the asks of the last step; none in the first call.

        Raises:
            AwsError: AWS refuses to describe the task, or has not answered for longer than patience lasts.
        """
        known = self.record
        step = self._step(now, tuple(observations))
        record = None if self.record is known else self.record
        events = self._announced(self._told(step.events))
        return replace(step, events=events, record=record, outcome=self.outcome)

    def _announced(self, events: tuple[WatchEvent, ...]) -> tuple[WatchEvent, ...]:
        """Say first of all which run it is, also while it has no task yet: whoever reads on may have to stop it."""
        if self._silent and events:
            self._silent = False
            if not isinstance(events[0], Started):
                record = self.record
                return (Started(run_id=record.run_id, task_arn=None, attempt=record.attempt), *events)
        return events

    def _told(self, events: tuple[WatchEvent, ...]) -> tuple[WatchEvent, ...]:
        """Hold back that a task has started, and what it does, until its deadline is set."""
        if isinstance(self._stage, Watch) and self._guarding.pending:
            self._news.extend(event for event in events if not isinstance(event, Warning))
            return tuple(event for event in events if isinstance(event, Warning))
        news, self._news = (*self._news, *events), []
        return news

    def _step(self, now: datetime, observations: tuple[Observation, ...]) -> Step:
        overtaken = (one.record for one in observations if isinstance(one, Overtaken))
        theirs = next(overtaken, None)
        if theirs is not None and self._gives_way(theirs):
            return self._overtaken_by(theirs, now)
        if self.outcome is not None:
            raise ValueError(f"the course of run {self.record.run_id} has ended")
        if isinstance(self._stage, Watch):
            return self._watch_on(self._stage, now, observations)
        return self._launch_on(self._stage, now, observations)

    def _gives_way(self, theirs: RunRecord) -> bool:
        """Tell whether to go on where another process is: not while a task is watched, which is done to its end.

        But if that process knows nothing of the task, it was found for an earlier launch than the one that made it.
        """
        if self.outcome is not None or isinstance(self._stage, Launching):
            return True
        known = self.record.task_arn in {one.task_arn for one in theirs.earlier}
        return theirs.position != self.record.position and not known

    def _overtaken_by(self, theirs: RunRecord, now: datetime) -> Step:
        self.record, self.outcome = theirs, theirs.outcome
        if theirs.outcome is not None:
            return Step(events=(Finished(outcome=theirs.outcome),))
        self._stage = self._enter(now)
        return Step(events=())

    # -- launching ---------------------------------------------------------------------------------------------

    def _enter(self, now: datetime, *, fresh: bool = False) -> Launching | Watch:
        """Begin where the record is."""
        if self.record.task_arn is not None:
            return self._watch_task(now)
        launching = Launching(self.record, patience=self._patience, fresh=fresh)
        if self._stop is not None:
            launching.request_stop(self._stop)
        return launching

    def _watch_task(self, now: datetime) -> Watch:
        record, manner = self.record, self._manner
        self._end = None
        self._guarding = Guarding(manner.guard, record)
        self._news.append(Started(run_id=record.run_id, task_arn=record.task_arn, attempt=record.attempt))
        if manner.logs and not self._cautioned:
            self._cautioned = True
            self._news.extend(Warning(message=source.caution) for source in record.logs if source.caution)
        subject, patience, prices = record.subject(logs=manner.logs), self._patience, self._prices
        pace, wait_bill = manner.pace, manner.wait_bill
        watch = Watch(subject, patience=patience, prices=prices, now=now, pace=pace, wait_bill=wait_bill)
        if self._stop is not None:
            watch.request_stop(self._stop)
        return watch

    def _launch_on(self, launching: Launching, now: datetime, observations: tuple[Observation, ...]) -> Step:
        if self._left_to_others(now):
            return self._abandoned()
        step = launching.advance(now, observations)
        self.record = launching.record
        if not launching.over:
            return step
        if launching.judgement is not None:
            return self._unlaunched(launching.judgement, launching.error, step)
        if launching.error is not None:
            raise launching.error
        self._stage = watch = self._watch_task(now)
        answer = launching.task
        # Of a task that has stopped, a repeated token gives hardly more than the ARN ("Ensuring idempotency",
        # Developer Guide): that is no look at it.
        seen = () if answer is None or answer.stopped else (TaskSeen(task=answer, at=now),)
        return self._watch_on(watch, now, seen)

    def _left_to_others(self, now: datetime) -> bool:
        """Tell whether this launch is for who started the run, or repeats its key."""
        overdue = not self.record.sent and now > self.record.asked_at + _OVERDUE
        return self._manner.launches is Launches.NONE or (overdue and self._manner.launches is Launches.DUE)

    def _unlaunched(self, judgement: Judgement, error: AwsError | None, step: Step) -> Step:
        self.outcome = unlaunched(judgement, self.record).after(self.record.earlier)
        self.record = self.record.with_outcome(self.outcome)
        events = step.events if error is not None else (*step.events, Finished(outcome=self.outcome))
        return Step(events=events, error=error)

    def _abandoned(self) -> Step:
        """Give the end as it is, and store nothing: the same key goes on from here."""
        earlier = self.record.earlier
        self.outcome = earlier[-1].after(earlier[:-1]) if earlier else unlaunched(NOT_SENT, self.record)
        said = "another attempt is due, which is not started from here; the same key does that"
        return Step(events=(Warning(message=said), Finished(outcome=self.outcome)))

    # -- watching ----------------------------------------------------------------------------------------------

    def _watch_on(self, watch: Watch, now: datetime, observations: tuple[Observation, ...]) -> Step:
        events: list[WatchEvent] = []
        theirs = []
        for observation in observations:
            if concerns_deadline(observation):
                self.record, told = self._guarding.take(observation, self.record)
                events.extend(told)
            elif not isinstance(observation, Overtaken):
                theirs.append(observation)
        step = Step(events=())
        if self._end is None:
            step = watch.advance(now, theirs)  # type: ignore[arg-type]  # those of a launch came before there was a watch
            events.extend(event for event in step.events if not isinstance(event, Finished))
            ending = watch.judgement is not None or self._stop is not None
            events.extend(self._guarding.check(self.record, ending=ending, seen=watch.task is not None))
            self._end = step.outcome
        if watch.judgement is not None and (clears := tuple(self._guarding.clears(self.record))):
            # First of all: until then it may stop a task that is just ending, and take the blame for it.
            return Step(events=tuple(events), asks=clears)
        if watch.judgement is not None and self._end is not None:
            events.extend(self._ended(watch, watch.judgement, self._end, now))
            return Step(events=tuple(events))
        if asks := tuple(self._guarding.asks(self.record, watch.task, now)):
            return Step(events=tuple(events), asks=asks)
        return Step(events=tuple(events), wait=step.wait, asks=step.asks)

    def _ended(self, watch: Watch, judgement: Judgement, outcome: Outcome, now: datetime) -> Iterator[WatchEvent]:
        self.record = record = self.record.with_ended(watch.task)
        retry = None
        if self._stop is None:
            retry = after_end(
                record.policy, record.position, judgement, ran=watch.ran, earlier=record.earlier, run_id=record.run_id
            )
        if retry is not None and self._manner.launches is not Launches.NONE:
            self.record = record.relaunch(retry.position, when=now + timedelta(seconds=retry.wait), ended=outcome)
            self._stage = self._enter(now)
            at = retry.position
            yield Retrying(ended=outcome, attempt=at.attempt, capacity=at.capacity, wait=retry.wait)
            return
        self.outcome = outcome.after(record.earlier)
        if retry is None:  # otherwise the run is not over: it goes on elsewhere
            self.record = record.with_outcome(self.outcome)
        yield Finished(outcome=self.outcome)
