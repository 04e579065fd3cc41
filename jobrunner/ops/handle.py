"""The handle of one run: what `start` and `attach` give."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from jobrunner.core import verdict
from jobrunner.core.course import Manner
from jobrunner.core.events import (
    Event,
    Finished,
    Retrying,
    Started,
    Warning,  # noqa: A004  our event
    WatchEvent,
    flatten,
)
from jobrunner.core.outcome import LogReport, merged
from jobrunner.errors import UnknownRunError
from jobrunner.ops.executions import waits
from jobrunner.ops.from_ecs import last_of
from jobrunner.ops.noting import noted
from jobrunner.ops.observe import Observer, StopSignal
from jobrunner.ops.replay import read_earlier, replay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.naming import RunRef
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.record import RunRecord
    from jobrunner.core.spend import Standing
    from jobrunner.errors import AwsError
    from jobrunner.ops.notify import Telling
    from jobrunner.ops.ports import Ports
    from jobrunner.ops.sequel import Sequel


class Run:
    """The handle of one run. Give `str(run.ref)` to whoever may want to find it again.

    Attributes:
        trouble: Of a scheduled run: why it is not known whether another attempt follows; None when it is.
        over_budget: The budgets that it exceeds, as it was told to.
    """

    def __init__(
        self,
        ports: Ports,
        record: RunRecord,
        *,
        manner: Manner | None = None,
        fresh: bool = False,
        sequel: Sequel | None = None,
        trouble: AwsError | None = None,
        over_budget: Sequence[Standing] = (),
        telling: Telling | None = None,
    ) -> None:
        self.trouble = trouble
        self._telling = telling
        self.over_budget = tuple(over_budget)
        self._ports = ports
        self._begun = record
        self._stop = StopSignal()
        self._manner = manner or Manner()
        self._fresh = fresh
        self._observer: Observer | None = None
        #: The tasks whose logs have been given, and the attempts whose logs were read without following them.
        self._given: set[str | None] = set()
        self._read: dict[str | None, Outcome] = {}
        self._finished = False
        self._leaving = False
        #: The task that ECS has been told to stop from elsewhere than the stream.
        self._told_to_stop: str | None = None
        self._outcome = record.outcome
        self._sequel = sequel
        self._ended: Finished | None = None
        self._cautioned = False

    @property
    def record(self) -> RunRecord:
        """What this machine knows of the run."""
        return self._observer.record if self._observer else self._begun

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.record.run_id

    @property
    def ref(self) -> RunRef:
        """The run's printable identity."""
        return self.record.ref

    @property
    def outcome(self) -> Outcome | None:
        """The end, once it is known; also of a run that AWS refused to start, whose error was raised."""
        return self._outcome or self.record.outcome

    @property
    def task(self) -> TaskSnapshot | None:
        """The latest that ECS said of the task while it is streamed; readable from any thread."""
        return self._observer.task if self._observer else None

    @property
    def waiting(self) -> bool:
        """Whether a scheduled run waits for its next attempt, which the state machine launches."""
        return self._observer is None and waits(self._begun)

    @property
    def asked_to_stop(self) -> str | None:
        """The reason with which this handle was asked to stop the run; None if it was not."""
        return self._stop.reason

    @property
    def launched(self) -> bool:
        """Whether ECS has the run's task, and the deadline of its timeout, or the run is over or AWS's to launch."""
        known = self._outcome is not None or self.waiting
        return known or (self._observer is not None and self._observer.launched)

    @property
    def leavable(self) -> bool:
        """Whether whoever follows the run may go without leaving a task that nobody knows, or that has no deadline."""
        known = self._outcome is not None or self.waiting
        return known or (self._observer is not None and self._observer.leavable)

    @property
    def stopping(self) -> bool:
        """Whether ECS has been told to stop the task, or the run is over; readable from any thread."""
        task_arn = self.record.task_arn
        if self._begun.outcome is not None or (task_arn is not None and task_arn == self._told_to_stop):
            return True
        return self._observer is not None and self._observer.stopping

    def leaving(self) -> None:
        """End `stream` early, as soon as the run is `leavable`: whoever follows it is about to go.

        May be called from another thread or from a signal handler.
        """
        self._leaving = True
        if self._observer is not None:
            self._observer.leaving()
        else:
            self._stop.wake()

    def launch(self) -> None:
        """Block until ECS has the task, or the run has ended without one; `stream` then tells what happened.

        Of a scheduled run that waits there is nothing to launch: AWS does that.

        Raises:
            AwsError: AWS refused or did not answer. After `AwsUnreachableError` the task may run: `attach`.
        """
        if self._outcome is None and not self.waiting:
            self._observed.launch()
            self._outcome = self._observed.record.outcome

    def stream(self) -> Iterator[WatchEvent]:
        """Give what happens until the end, log lines in batches; `Started` first, `Finished` last.

        Blocks between events. A run that is over gives its log again. Leaving the iteration leaves the task
        running. Of a scheduled run, the attempts that the state machine launches are waited for.

        Raises:
            AwsError: AWS refuses to describe the task, or has not answered for longer than the connection's
                patience. The run goes on; `JobRunner.attach` finds it.
        """
        over = self._begun.outcome is not None or (self._finished and self.record.outcome is not None)
        return self._keep_outcome(self._replayed() if over else self._followed())

    def events(self) -> Iterator[Event]:
        """Give what `stream` gives, log lines one by one."""
        return flatten(self.stream())

    def wait(self) -> Outcome:
        """Block until the end; the log is read to its end as well, so that the outcome can say so.

        Raises:
            AwsError: As `stream`.
        """
        for _ in self.stream():
            pass
        outcome = self.outcome
        if outcome is None:
            raise UnknownRunError(f"run {self.run_id} ended without an outcome; this is a bug in jobrunner")
        return outcome

    def stop(self, reason: str = f"{verdict.STOP} by request") -> None:
        """Ask for the stop of the task; whoever iterates `stream`, `events` or `wait` sends it.

        May be called from another thread or from a signal handler: it only sets a flag and wakes the stream.
        """
        self._stop.set(reason)

    def stop_now(self, reason: str = f"{verdict.STOP} by request") -> None:
        """Ask for the stop, and tell ECS from this thread: whoever follows the run may be held up by a call.

        It is no more than `stop` while the run has no task. May be called from any thread.

        Raises:
            AwsError: AWS refuses, or does not answer; the stop is asked for all the same.
        """
        self._stop.set(reason)
        record, said = self.record, self._stop.reason or reason
        if record.task_arn is None or self.stopping:
            return
        with noted(self._ports.audit, "run_stopped", run_id=record.run_id, job=record.job, reason=said):
            self._ports.tasks.stop(record.cluster, record.task_arn, said)
        self._told_to_stop = record.task_arn

    @cached_property
    def _observed(self) -> Observer:
        self._observer = Observer(
            self._ports, self._begun, self._stop, manner=self._manner, fresh=self._fresh, telling=self._telling
        )
        if self._leaving:
            self._observer.leaving()
        return self._observer

    def _followed(self) -> Iterator[WatchEvent]:
        yield from self._warning()
        yield from self._earlier()
        if self.waiting:
            yield self._announced()
        while self._has_task():
            yield from self._earlier()
            yield from self._attempt()
            if self._ended is None:
                return  # whoever follows is leaving
            if not self._goes_on(self._ended):
                yield from self._warning()
                self._tell(self._ended.outcome)
                yield self._ended
                return
            if self._begun.outcome is None:
                yield self._announced()
        if self._begun.outcome is not None:
            yield from self._told(self._begun.outcome)

    def _earlier(self) -> Iterator[WatchEvent]:
        """Give the logs of attempts that ended without being followed here: they are part of the run's."""
        if self._manner.logs:
            yield from self._unread(self._begun.earlier)
        if self._read and self._begun.outcome is None and not self.waiting:
            self._observed.know_earlier(tuple(self._read.values()))

    def _unread(self, attempts: Sequence[Outcome]) -> Iterator[WatchEvent]:
        unread = [one for one in attempts if one.task_arn is not None and one.task_arn not in self._given]
        self._given.update(one.task_arn for one in unread)
        read = yield from read_earlier(self._ports, self._begun, unread)
        self._read.update({one.task_arn: one for one in read})

    def _attempt(self) -> Iterator[WatchEvent]:
        """Give what happens until the attempt's end, which is kept: whether it is the run's is for AWS to say."""
        for event in self._observed.stream():
            if isinstance(event, Started):
                self._given.add(event.task_arn)
            if isinstance(event, Finished):
                self._ended = event
            else:
                yield event

    def _told(self, outcome: Outcome) -> Iterator[WatchEvent]:
        """Give the end of a scheduled run that others have seen, after the logs that have not been given yet."""
        if self._manner.logs:
            yield from self._unread((*outcome.earlier, last_of(outcome)))
        if not outcome.logs.complete:
            own = LogReport(complete=True, events=0) if outcome.task_arn is None else last_of(outcome).logs
            reports = [*((one.task_arn, one.logs) for one in outcome.earlier), (outcome.task_arn, own)]
            read = self._read
            logs = merged([read[arn].logs if arn in read else logs for arn, logs in reports])
            outcome = replace(outcome, logs=logs)
        self._tell(outcome)
        yield Finished(outcome=outcome)

    def _tell(self, outcome: Outcome) -> None:
        """Tell of the end of a scheduled run, if it is certain; of any other, the observer has."""
        if self._telling is not None and self._begun.scheduled and self.trouble is None:
            self._telling.ended(self._begun, outcome)

    def _has_task(self) -> bool:
        """Wait for the next task of a scheduled run that waits; tell whether there is one to follow."""
        if self.waiting and self._sequel is not None:
            record = self._sequel.awaited(self._begun, self._stop, lambda: self._leaving)
            if record is None:
                return False
            self._begin(record)
        return self._begun.outcome is None

    def _goes_on(self, ended: Finished) -> bool:
        """Find out whether a run goes on after the end of an attempt without whoever follows it."""
        if self._sequel is None or ended.outcome.succeeded:
            return False
        found = self._sequel.settled(self.record)
        self.trouble = found.trouble
        if found.trouble is not None or found.record.task_arn == ended.outcome.task_arn:
            return False
        self._begin(found.record)
        return True

    def _begin(self, record: RunRecord) -> None:
        """Go on with another launch of the run."""
        self._begun, self._observer, self._ended = record, None, None
        self.__dict__.pop("_observed", None)
        if self._stop.reason is not None:
            self._stop.set(self._stop.reason)  # of the task that came after the one that was stopped

    def _announced(self) -> WatchEvent:
        record = self._begun
        if not record.earlier:
            return Warning(message="the run has no task now: waiting for the state machine to launch the next one")
        wait = (record.asked_at - self._ports.clock.now()).total_seconds() if self.waiting else 0.0
        return Retrying(
            ended=record.earlier[-1],
            attempt=record.attempt,
            capacity=record.capacity,
            wait=round(max(0.0, wait), 3),
        )

    def _warning(self) -> Iterator[WatchEvent]:
        if self.trouble is not None and not self._cautioned:
            self._cautioned = True
            yield Warning(message=f"whether another attempt follows is not known: {self.trouble.what}")

    def _replayed(self) -> Iterator[WatchEvent]:
        yield from self._warning()
        yield from replay(self._ports, self.record)

    def _keep_outcome(self, source: Iterator[WatchEvent]) -> Iterator[WatchEvent]:
        for event in source:
            if isinstance(event, Finished):
                self._outcome = event.outcome
                self._finished = True
            yield event
