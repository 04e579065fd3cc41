"""Observe a run to its proven end: the thread that drives `core.watch`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jobrunner.core import naming
from jobrunner.core.events import Finished, Started, WatchEvent
from jobrunner.core.events import Warning as WarningEvent
from jobrunner.core.follow import ReadLog
from jobrunner.core.observations import (
    Ask,
    CallFailed,
    Observation,
    PageRead,
    Patience,
    StopAccepted,
    StopTask,
    Subject,
    TaskSeen,
)
from jobrunner.core.watch import Watch
from jobrunner.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.record import RunRecord
    from jobrunner.ops.ports import Ports


class StopSignal:
    """A request to stop a run, from any thread or from a signal handler.

    It takes no lock that the observing thread may hold: setting it inside a signal handler cannot deadlock.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._wake = threading.Event()

    def set(self, reason: str) -> None:
        """Ask for the stop; the first reason stays."""
        if self.reason is None:
            self.reason = reason
        self._wake.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a request that has not been taken yet."""
        return self._wake.wait(timeout)

    def take(self) -> str | None:
        """Give the reason if a request is new, and count it as taken."""
        if not self._wake.is_set():
            return None
        self._wake.clear()
        return self.reason


class Observer:
    """Observes one attempt of a run.

    Args:
        ports: The outside.
        record: The run; it must have a task.
        stop: Asks for the stop of the task.
        logs: Whether to follow the logs; without them the outcome says that nobody read the log.
    """

    def __init__(self, ports: Ports, record: RunRecord, stop: StopSignal, *, logs: bool = True) -> None:
        self._ports = ports
        self._record = record
        self._stop = stop
        self._watch = Watch(
            subject_of(record, logs=logs),
            patience=patience_of(ports),
            prices=ports.prices,
            now=ports.clock.now(),
        )

    @property
    def task(self) -> TaskSnapshot | None:
        """The latest snapshot of the task; readable from any thread."""
        return self._watch.task

    def stream(self) -> Iterator[WatchEvent]:
        """Give what happens until the end; the last event is `Finished`.

        Blocks between events. Leaving it early leaves the task running.

        Raises:
            AwsError: AWS refuses to describe the task, or has not answered for longer than patience lasts.
        """
        yield Started(run_id=self._record.run_id, task_arn=self._record.task_arn)
        yield from (WarningEvent(message=source.caution) for source in self._record.logs if source.caution)
        observations: list[Observation] = []
        while True:
            if (reason := self._stop.take()) is not None:
                self._watch.request_stop(reason)
            step = self._watch.advance(self._ports.clock.now(), observations)
            for event in step.events:
                if isinstance(event, Finished):
                    self._finish(event.outcome)
                yield event
            if step.outcome is not None:
                return
            observations = []
            if step.wait > 0:
                self._ports.clock.sleep(step.wait, self._stop)
            # A new request to stop goes before the questions: they will be asked again.
            if not self._stop.wait(0):
                observations = [self._answer(ask) for ask in step.asks]

    def _answer(self, ask: Ask) -> Observation:
        ports, record = self._ports, self._record
        if isinstance(ask, ReadLog):
            asked = ports.clock.now()
            return PageRead(question=ask, answer=ports.logs.read(ask), asked=asked)
        task_arn = record.task_arn or ""
        try:
            if isinstance(ask, StopTask):
                ports.tasks.stop(record.cluster, task_arn, ask.reason)
                ports.audit.record("run_stopped", {"run_id": record.run_id, "job": record.job, "reason": ask.reason})
                return StopAccepted()
            task = ports.tasks.describe(record.cluster, [task_arn]).get(task_arn)
            return TaskSeen(task=task, at=ports.clock.now())
        except AwsError as error:
            return CallFailed(ask=ask, error=error)

    def _finish(self, outcome: Outcome) -> None:
        self._ports.runs.save(self._record.with_outcome(outcome))
        document = outcome.to_json()
        fields = {name: document[name] for name in ("run_id", "job", "verdict", "exit_code", "billed_seconds")}
        self._ports.audit.record("run_finished", fields)


def patience_of(ports: Ports) -> Patience:
    """Read off the connection how long what may pass is waited for."""
    connection = ports.connection
    return Patience(
        log_settle=connection.log_settle, task_settle=connection.task_settle, unreachable=connection.patience
    )


def subject_of(record: RunRecord, *, logs: bool) -> Subject:
    """Give what is to be watched of a run that has a task, with its log streams or without."""
    task_arn = record.task_arn or ""
    streams = [source.stream(naming.task_id(task_arn)) for source in record.logs]
    return Subject(
        run_id=record.run_id,
        job=record.job,
        attempt=record.attempt,
        task_arn=task_arn,
        main=record.main,
        streams=tuple(stream for stream in streams if stream) if logs else None,
        blind=tuple(source.blind for source in record.logs if source.blind),
        region=record.region,
        architecture=record.architecture,
        launched_at=record.created_at,
        deadline=record.deadline,
        timeout=record.timeout,
    )
