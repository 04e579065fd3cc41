"""Bring a run to its proven end: the thread that drives `core.course` for one run."""

from __future__ import annotations

import queue
from collections import deque
from typing import TYPE_CHECKING

from jobrunner.core.course import Course, Manner
from jobrunner.core.events import Finished
from jobrunner.core.lifecycle import STOPPED
from jobrunner.core.observations import Ask, Observation, Overtaken, Patience, Step, StopAccepted
from jobrunner.ops.perform import perform, task_accepted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobrunner.core.events import WatchEvent
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.record import RunRecord
    from jobrunner.ops.notify import Telling
    from jobrunner.ops.ports import Ports


#: Who waits for the next attempt, an hour perhaps, looks up so often.
_LONGEST_WAIT = 15.0


class StopSignal:
    """A request to stop a run, from any thread or from a signal handler.

    Setting it inside a signal handler cannot deadlock, whatever the handler has interrupted. `threading.Event` could:
    its lock is held for a moment by whoever waits, and a handler runs in the thread that holds it. `SimpleQueue.put`
    is reentrant (`queue.SimpleQueue`, library reference).
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._new = False
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self, reason: str) -> None:
        """Ask for the stop; the first reason stays."""
        if self.reason is None:
            self.reason = reason
        self._new = True
        self.wake()

    def wake(self) -> None:
        """End a wait, whether there is a request or not."""
        self._bell.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a request that has not been taken yet, or for `wake`; tell whether there is one."""
        if not self._new:
            try:
                self._bell.get(block=timeout is None or timeout > 0, timeout=timeout)
            except queue.Empty:
                return False
        return self._new

    def take(self) -> str | None:
        """Give the reason if a request is new, and count it as taken."""
        if not self._new:
            return None
        # In this order: of a request that comes in between, the bell may be lost, but not that it is new.
        self._new = False
        while not self._bell.empty():
            self._bell.get_nowait()
        return self.reason


class Observer:
    """Follows one run over all its attempts, launching those that are due.

    Args:
        ports: The outside.
        record: The run, stored already.
        stop: Asks for the stop of the run.
        manner: How it is followed.
        fresh: Whether nobody can have sent the record's launch.
        telling: Tells of the run.
    """

    def __init__(
        self,
        ports: Ports,
        record: RunRecord,
        stop: StopSignal,
        *,
        manner: Manner | None = None,
        fresh: bool = False,
        telling: Telling | None = None,
    ) -> None:
        self._ports = ports
        self._telling = telling
        self._stop = stop
        self._manner = manner or Manner()
        self._course = self._course_of(record, fresh=fresh)
        self._buffer: deque[WatchEvent] = deque()
        self._running = self._steps()
        self._interrupted = False
        self._untold: Step | None = None
        self._leaving = self._over = False
        #: The task that ECS has been told to stop.
        self._told_to_stop: str | None = None

    def _course_of(self, record: RunRecord, *, fresh: bool) -> Course:
        return Course(
            record,
            manner=self._manner,
            patience=patience_of(self._ports),
            prices=self._ports.prices,
            now=self._ports.clock.now(),
            fresh=fresh,
        )

    @property
    def record(self) -> RunRecord:
        """The run as it is stored."""
        return self._course.record

    @property
    def task(self) -> TaskSnapshot | None:
        """The latest snapshot of the attempt's task; readable from any thread."""
        return self._course.task

    @property
    def launched(self) -> bool:
        """Whether ECS has the task and its deadline, or the run is over; readable from any thread."""
        return self._course.launched

    @property
    def leavable(self) -> bool:
        """Whether whoever follows the run may go; readable from any thread."""
        return self._course.leavable

    @property
    def stopping(self) -> bool:
        """Whether ECS has been told to stop the task, or the run is over and stored; readable from any thread."""
        task, task_arn = self._course.task, self._course.record.task_arn
        if self._over or (task_arn is not None and task_arn == self._told_to_stop):
            return True
        return task is not None and (task.stopped or task.desired_status == STOPPED)

    def leaving(self) -> None:
        """End `stream` as soon as that is safe, launching nothing more; from any thread or a signal handler."""
        self._leaving = True
        self._stop.wake()

    def know_earlier(self, earlier: Sequence[Outcome]) -> None:
        """Take the outcomes of attempts that ended before, with what has been read of their logs."""
        self._course.know_earlier(earlier)

    def launch(self) -> None:
        """Block until ECS has the task, or the run has ended without one; `stream` then tells it all.

        Raises:
            AwsError: AWS refuses, or has not answered; `attach` finds out whether the task was started.
        """
        self._resume()
        while not self._course.launched:
            step = next(self._running, None)
            if step is None:
                return  # whoever follows is leaving
            self._buffer.extend(step.events)
            if step.error is not None:
                raise step.error

    def _resume(self) -> None:
        """Begin again where the record is, if an exception, such as a signal's, has ended the steps in the middle.

        The record is stored once more: what it has learnt may be what the exception kept from being stored.
        """
        if not self._interrupted:
            return
        untold = self._untold
        if self._course.outcome is not None:
            if untold is not None and untold.error is None:
                self._store(untold)
                self._buffer.append(Finished(outcome=self._course.outcome))
        else:
            ours = self._course.record
            stored = self._ports.runs.advance(ours)
            self._course = self._course_of(stored if ours.is_behind(stored) else ours, fresh=False)
            if self._stop.reason is not None:
                self._course.request_stop(self._stop.reason)
            self._running = self._steps()
        self._untold, self._interrupted = None, False

    def stream(self) -> Iterator[WatchEvent]:
        """Give what happens until the end of the run; the last event is `Finished`.

        Blocks between events. Leaving it early leaves the task running, and launches nothing more; another stream
        goes on with the next event.

        Raises:
            AwsError: AWS refuses to describe or to start the task, or has not answered for longer than patience
                lasts.
        """
        self._resume()
        while True:
            while self._buffer:
                yield self._buffer.popleft()
            step = next(self._running, None)
            if step is None:
                return
            self._buffer.extend(step.events)

    def _steps(self) -> Iterator[Step]:
        """Drive the course; each step is stored before it is told, and told before what it asks for is done."""
        try:
            yield from self._drive(self._course)
        except BaseException:
            self._interrupted = True
            raise

    def _drive(self, course: Course) -> Iterator[Step]:
        clock = self._ports.clock
        observations: list[Observation] = []
        while True:
            if (reason := self._stop.take()) is not None:
                course.request_stop(reason)
            self._untold = step = course.advance(clock.now(), observations)
            overtaken = self._store(step)
            if overtaken is not None:
                step = step.without_end()
            self._over = step.outcome is not None
            self._untold = None
            yield step
            if step.error is not None:
                raise step.error
            if step.outcome is not None or (self._leaving and course.leavable):
                return
            if overtaken is not None:
                observations = [overtaken]
                continue
            observations = []
            if step.wait > 0:
                planned = not course.record.sent
                clock.sleep(min(step.wait, _LONGEST_WAIT) if planned else step.wait, self._stop)
                if planned and (overtaken := self._elsewhere(course.record)) is not None:
                    observations = [overtaken]
                    continue
            # A new request to stop goes before the questions: they will be asked again.
            if not self._stop.wait(0):
                observations = [self._perform(ask, course.record) for ask in step.asks]

    def _perform(self, ask: Ask, record: RunRecord) -> Observation:
        observation = perform(self._ports, ask, record)
        if isinstance(observation, StopAccepted):
            self._told_to_stop = record.task_arn
        if self._telling is not None and (task_arn := task_accepted(observation)) is not None:
            self._telling.started(record, task_arn)
        return observation

    def _elsewhere(self, planned: RunRecord) -> Overtaken | None:
        """Find out whether another process has stopped the run, or launched the attempt that is waited for here."""
        there = self._ports.runs.get(planned.run_id)
        return Overtaken(record=there) if there is not None and planned.is_behind(there) else None

    def _store(self, step: Step) -> Overtaken | None:
        if step.record is None:
            return None
        stored = self._ports.runs.advance(step.record)
        if step.error is None and step.record.is_behind(stored):
            return Overtaken(record=stored)
        if step.record.outcome is not None:
            self._ended(step.record, step.record.outcome)
        return None

    def _ended(self, record: RunRecord, outcome: Outcome) -> None:
        audit_end(self._ports, outcome)
        # Whether the end of an attempt is that of a scheduled run is for AWS to say.
        if self._telling is not None and not record.scheduled:
            self._telling.ended(record, outcome)


def audit_end(ports: Ports, outcome: Outcome) -> None:
    """Note how a run ended."""
    document = outcome.to_json()
    fields = {name: document[name] for name in ("run_id", "job", "verdict", "exit_code", "billed_seconds")}
    ports.audit.record("run_finished", fields)


def patience_of(ports: Ports) -> Patience:
    """Read off the connection how long what may pass is waited for."""
    connection = ports.connection
    return Patience(
        log_settle=connection.log_settle, task_settle=connection.task_settle, unreachable=connection.patience
    )
