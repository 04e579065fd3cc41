"""Follow a run to its end on this terminal, or as JSON lines: what `run`, `attach` and `logs` have in common."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from jobrunner.cli import collector, exits, summary, words
from jobrunner.cli.aside import Aside
from jobrunner.cli.interrupts import Left
from jobrunner.cli.logtext import LogJson, LogText
from jobrunner.cli.terminal import OutputLostError
from jobrunner.core.events import Finished, LogBatch, PhaseChanged, Retrying, Started, VerdictKnown
from jobrunner.core.events import Warning as WarningEvent
from jobrunner.core.lifecycle import STOPPED
from jobrunner.core.verdict import INTERRUPT
from jobrunner.errors import JobrunnerError
from jobrunner.ops.status import billed_so_far

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from jobrunner.cli.interrupts import Interrupts
    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.events import WatchEvent
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.record import RunRecord
    from jobrunner.ops.handle import Run

_LINES_KEPT: Final = 5
#: Who leaves waits no longer than so for ECS to take the stop; a StopTask takes some 50 ms.
_LEAVE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.05


class Lines:
    """Writes the log lines of one run to stdout, as text or as JSON.

    Raises:
        OutputLostError: From `write`, when nobody reads them any more, or the disk is full.
    """

    def __init__(self, invocation: Invocation, record: RunRecord, *, timestamps: bool = False) -> None:
        self._terminal = invocation.terminal
        containers = [source.container for source in record.logs]
        self._form: LogJson | LogText = LogJson()
        if not invocation.json:
            self._form = LogText(
                containers,
                timestamps=timestamps,
                terminal=self._terminal.out_is_terminal,
                colour=self._terminal.colour_out,
            )

    def write(self, batch: LogBatch) -> None:
        """Write a batch at once."""
        if batch:
            self._terminal.write(self._form.text(batch))


class Report:
    """Shows the events of one run.

    Args:
        invocation: Where and how to write.
        record: The run.
        timestamps: Whether log lines begin with their time.
        local: Whether it is on the local endpoint.
        log_readable: Whether the log can be read after this command has ended.
    """

    def __init__(
        self,
        invocation: Invocation,
        record: RunRecord,
        *,
        timestamps: bool = False,
        local: bool = False,
        log_readable: bool = True,
    ) -> None:
        self._invocation = invocation
        self._terminal = invocation.terminal
        self._record = record
        self._lines = Lines(invocation, record, timestamps=timestamps)
        self._local = local
        self._log_readable = log_readable
        self._last_lines: deque[str] = deque(maxlen=_LINES_KEPT)
        #: The run, once there is a handle: for the status line and the evidence.
        self.run: Run | None = None
        self.phase: str | None = None
        self._attempt = 0
        self.lost: OutputLostError | None = None

    def show(self, event: WatchEvent) -> None:
        """Show one event. A reader of stdout who has gone is told of once; the run is followed on."""
        try:
            self._show_json(event) if self._invocation.json else self._show_text(event)
        except OutputLostError as error:
            self.lost = error
            said = "nobody reads stdout any more" if error.broken_pipe else f"error: {error}"
            self._invocation.note(f"{said}; following the run to its end all the same")

    def _show_json(self, event: WatchEvent) -> None:
        if isinstance(event, LogBatch):
            self._lines.write(event)
        else:
            self._invocation.write_json(event.to_json())

    def _show_text(self, event: WatchEvent) -> None:
        match event:
            case LogBatch():
                if event.container == self._record.main:
                    self._last_lines.extend(event.messages[-_LINES_KEPT:])
                self._lines.write(event)
            case Started():
                self._show_started(event)
            case PhaseChanged():
                self.phase = event.phase
                self._terminal.draw()
                # On a terminal the status line says it, and STOPPED is said by what follows.
                if not self._terminal.has_status and event.phase != STOPPED:
                    self._invocation.note(f"{event.phase} after {self._elapsed(event.at)}")
            case WarningEvent():
                self._invocation.note(f"warning: {event.message}")
            case VerdictKnown():
                known = summary.short(event.judgement)
                self._invocation.note(f"{self._record.job} {known}; until ECS has stopped the task it is billed")
            case Retrying():
                self._invocation.note(summary.retrying(event))
            case Finished():
                self.finish(event.outcome)

    def _show_started(self, event: Started) -> None:
        """Name the run, and each attempt once: without a task first if ECS does not place it."""
        self.phase = None
        if event.attempt != self._attempt:
            self._attempt = event.attempt
            again = f", attempt {event.attempt}" if event.attempt > 1 else ""
            self._invocation.note(f"run {event.run_id} of {self._record.job}{again}")

    def finish(self, outcome: Outcome) -> None:
        """Write the end of the run for a person."""
        task = self.run.task if self.run else None
        command = self._invocation.command
        timeout = self._record.timeout
        step = summary.next_step(outcome, command, log_readable=self._log_readable, task=task, timeout=timeout)
        rows = summary.ending(
            outcome, local=self._local, task=task, last_lines=tuple(self._last_lines), next_command=step
        )
        head = summary.headline(outcome, colour=self._terminal.colour_err)
        self._terminal.say_styled(f"jobrunner: {head}\n{words.fields(rows, indent='  ').rstrip()}")

    def code(self, code: int) -> int:
        """Give the exit code: a success whose log could not be written is none."""
        unwritten = self.lost is not None and not self.lost.broken_pipe
        return exits.UNWRITABLE if code == exits.OK and unwritten else code

    def say_goes_on(self) -> None:
        """Say that the run has not ended only because nobody follows it any more."""
        launched = self.run is not None and self.run.launched
        said = "goes on without this command" if launched else "may have been started, and goes on then"
        self._invocation.note(f"run {self._record.run_id} {said}")
        self._terminal.say(f"  next  {self._invocation.command('attach', self._record.run_id)}")

    def status(self) -> AbstractContextManager[None]:
        """Show the status line while the block runs, where there is one."""
        return nullcontext() if self._invocation.json else self._terminal.status(self.status_line)

    def status_line(self) -> str:
        """Give phase, elapsed time and bill so far; called from the status line's thread."""
        task = self.run.task if self.run else None
        now = datetime.now(UTC)
        seconds = billed_so_far(task, now)
        parts = [
            f"{self._record.job} {self._record.run_id}",
            self.phase or (task.last_status if task else None) or "STARTING",
            self._elapsed(now),
            *([] if seconds is None else [f"billed so far {words.billed(seconds)}"]),
        ]
        return " | ".join(parts)

    def _elapsed(self, at: datetime) -> str:
        return words.duration((at - self._record.created_at).total_seconds())


def follow(run: Run, report: Report, interrupts: Interrupts) -> int:
    """Show a run's events to its end and give the exit code; the signals of the context act on it.

    Raises:
        Left: The user leaves; the run goes on, or is being stopped.
        AwsError: As `Run.stream`.
    """
    report.run = run
    aside = Aside(run.stream(), interrupts)
    try:
        interrupts.watch(run)
        outcome = show_all(aside, report)
    except Left as left:
        if left.stopping:
            aside.let_go()
        raise
    if outcome is None:
        raise RuntimeError(f"run {run.run_id} ended without an outcome")
    return report.code(exits.of_outcome(outcome, interrupts.received))


def launch(run: Run, interrupts: Interrupts) -> None:
    """Launch a run that nobody follows yet; the signals of the context act on it.

    Raises:
        Left: The user leaves; a launch under way goes on.
        AwsError: As `Run.launch`.
    """
    aside = Aside(_launched(run), interrupts)
    try:
        interrupts.watch(run)
        for _ in aside:
            pass
    except Left as left:
        if left.stopping:
            aside.let_go()
        raise


def _launched(run: Run) -> Iterator[None]:
    run.launch()
    yield None


def show_all(events: Iterable[WatchEvent], report: Report) -> Outcome | None:
    """Show events; give the outcome if one came."""
    outcome = None
    collector.work()
    with report.status():
        for event in events:  # to the very end: what the library does after the last event is part of the run
            if isinstance(event, Finished):
                outcome = event.outcome
            else:
                report.show(event)
    if outcome is not None:
        report.show(Finished(outcome=outcome))
    return outcome


def leave(invocation: Invocation, run: Run | None, left: Left, interrupts: Interrupts) -> int:
    """Leave a run to itself and say how to come back to it; give the exit code.

    If its stop was asked for, ECS has been told before this returns, or the message says that it may not have been.
    """
    if run is None:
        message, hint = "left before anything was started", invocation.command("ps")
    else:
        state = (
            "goes on" if not left.stopping else "is being stopped" if stop_for_sure(run, interrupts) else "may go on"
        )
        message, hint = f"left run {run.run_id}, which {state}", invocation.command("attach", run.run_id)
    invocation.note(message)
    invocation.terminal.say(f"  next  {hint}")
    interrupts.give_back()  # who reads stdout may be what holds this command up
    if invocation.json:
        invocation.write_json({"event": "error", "message": message, "hint": hint})
    return exits.of_signal(left.signal)


def stop_for_sure(run: Run, interrupts: Interrupts) -> bool:
    """Tell whether ECS has been told to stop the task; tell it if it has not, within seconds.

    The second signal may come so soon after the first that the stop which the first asked for has not been sent.
    To leave then would leave a task running that everybody believes to be stopped. Another signal ends the waiting.
    """
    deadline = time.monotonic() + _LEAVE_SECONDS
    told: _StopNow | None = None
    while not run.stopping:
        if told is None and run.record.task_arn is not None:
            # Beside the stream, which may be held up by a call.
            told = _StopNow(run)
            told.start()
        hopeless = not interrupts.watching if told is None else told.failed
        if hopeless or time.monotonic() > deadline or interrupts.insisted(within=_LOOK_SECONDS):
            return run.stopping
    return True


class _StopNow(threading.Thread):
    """Stops a run's task; a daemon, since whoever leaves does not wait for an AWS that does not answer."""

    def __init__(self, run: Run) -> None:
        super().__init__(name="jobrunner-stop", daemon=True)
        self._run = run
        self.failed = False

    def run(self) -> None:
        try:
            self._run.stop_now(f"{INTERRUPT} before it was left")
        except JobrunnerError:
            self.failed = True  # and so the message says that the run may go on
