"""The handle of one run: what `start` and `attach` give."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from jobrunner.core import verdict
from jobrunner.core.course import Manner
from jobrunner.core.events import Event, Finished, WatchEvent, flatten
from jobrunner.errors import UnknownRunError
from jobrunner.ops.observe import Observer, StopSignal
from jobrunner.ops.replay import read_earlier, replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.naming import RunRef
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.record import RunRecord
    from jobrunner.ops.ports import Ports


class Run:
    """The handle of one run. Give `str(run.ref)` to whoever may want to find it again."""

    def __init__(self, ports: Ports, record: RunRecord, *, manner: Manner | None = None, fresh: bool = False) -> None:
        self._ports = ports
        self._begun = record
        self._stop = StopSignal()
        self._manner = manner or Manner()
        self._fresh = fresh
        self._observer: Observer | None = None
        self._earlier_read = False
        self._finished = False
        self._leaving = False
        #: The task that ECS has been told to stop from elsewhere than the stream.
        self._told_to_stop: str | None = None
        self._outcome = record.outcome

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
    def launched(self) -> bool:
        """Whether ECS has the run's task, and the deadline of its timeout, or the run is over."""
        return self._outcome is not None or (self._observer is not None and self._observer.launched)

    @property
    def leavable(self) -> bool:
        """Whether whoever follows the run may go without leaving a task that nobody knows, or that has no deadline."""
        return self._outcome is not None or (self._observer is not None and self._observer.leavable)

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

    def launch(self) -> None:
        """Block until ECS has the task, or the run has ended without one; `stream` then tells what happened.

        Raises:
            AwsError: AWS refused or did not answer. After `AwsUnreachableError` the task may run: `attach`.
        """
        if self._outcome is None:
            self._observed.launch()
            self._outcome = self._observed.record.outcome

    def stream(self) -> Iterator[WatchEvent]:
        """Give what happens until the end, log lines in batches; `Started` first, `Finished` last.

        Blocks between events. A run that is over gives its log again. Leaving the iteration leaves the task
        running.

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
        self._ports.tasks.stop(record.cluster, record.task_arn, said)
        self._ports.audit.record("run_stopped", {"run_id": record.run_id, "job": record.job, "reason": said})
        self._told_to_stop = record.task_arn

    @cached_property
    def _observed(self) -> Observer:
        self._observer = Observer(self._ports, self._begun, self._stop, manner=self._manner, fresh=self._fresh)
        if self._leaving:
            self._observer.leaving()
        return self._observer

    def _followed(self) -> Iterator[WatchEvent]:
        if self._begun.earlier and self._manner.logs and not self._earlier_read:
            # Attempts that ended before this handle was made: their log is part of the run's.
            self._earlier_read = True
            self._observed.know_earlier((yield from read_earlier(self._ports, self._begun, self._begun.earlier)))
        yield from self._observed.stream()

    def _replayed(self) -> Iterator[WatchEvent]:
        yield from replay(self._ports, self.record)

    def _keep_outcome(self, source: Iterator[WatchEvent]) -> Iterator[WatchEvent]:
        for event in source:
            if isinstance(event, Finished):
                self._outcome = event.outcome
                self._finished = True
            yield event
