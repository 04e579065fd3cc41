"""A run that is left in the middle: by an exception at any call, by signals at any line, or by agreement."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from shelljobs import shell

from jobrunner import Verdict
from jobrunner.cli.commands import run as run_command
from jobrunner.cli.invocation import Invocation
from jobrunner.cli.session import Session
from jobrunner.cli.terminal import Terminal
from jobrunner.core.events import Finished, LogBatch, PhaseChanged, Started
from jobrunner.core.options import RunOptions
from jobrunner.errors import AwsRefusedError
from jobrunner.ops.observe import StopSignal
from jobrunner.testing import Line, ScriptedClock, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from jobrunner import JobRunner
    from jobrunner.core.events import WatchEvent
    from jobrunner.core.ports import Wake
    from jobrunner.core.record import RunRecord
    from jobrunner.ops.handle import Run
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]

LIMIT_SECONDS = 30.0
WRITES = TaskScript(lines=(Line(message="one", after=0.2), Line(message="two", after=0.8)))
FOR_EVER = TaskScript(runs=1e9, exit_codes={"main": 143})


class LeftError(BaseException):
    """What a signal handler raises."""


def messages(events: list[WatchEvent]) -> list[str]:
    """The log lines."""
    return [message for event in events if isinstance(event, LogBatch) for message in event.messages]


# -- exceptions ------------------------------------------------------------------------------------------------

PORTS = ("tasks", "deadlines", "logs", "runs", "audit")


def _break(runner: JobRunner, monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool) -> list[str]:
    """Raise in the call of that number, before or after it has done its work; give the list of calls."""
    calls: list[str] = []

    def breaking(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            calls.append(name)
            if len(calls) != at:
                return real(*arguments, **named)
            if after:
                real(*arguments, **named)
            raise LeftError

        return call

    for port in PORTS:
        there = getattr(runner._ports, port)
        for name in dir(there):
            if not name.startswith("_") and name in {"run", "describe", "stop", "set", "clear", "read", "advance"}:
                monkeypatch.setattr(there, name, breaking(f"{port}.{name}", getattr(there, name)))
    return calls


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 13))
def test_an_exception_in_any_call_costs_nothing(
    scripted: Machine, aws: FakeAws, monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool
) -> None:
    """Whoever streams again has the run's end, its whole log, one task, and all of it is stored."""
    aws.script(WRITES)
    runner = scripted()
    run = runner.begin(shell("true", timeout="1h"))
    calls = _break(runner, monkeypatch, at, after=after)
    events: list[WatchEvent] = []
    with pytest.raises(LeftError):
        events.extend(run.stream())
    events = list(run.stream())
    assert len(calls) > at
    assert isinstance(events[-1], Finished)
    assert (Verdict.SUCCEEDED, 1) == (events[-1].outcome.verdict, len(aws.started))
    assert [["one", "two"], {}] == [messages(events), dict(aws.deadlines.pending)]
    stored = runner._ports.runs.get(run.run_id)
    assert stored is not None
    assert (events[-1].outcome, aws.started[0].arn) == (stored.outcome, stored.task_arn)


def test_what_was_not_stored_is_stored_by_whoever_goes_on(
    scripted: Machine, aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of RunTask was known, and the exception came before it was on the disk."""
    runner = scripted()
    run = runner.begin(shell("true"))
    runs, stored = runner._ports.runs, runner._ports.runs.advance

    def broken_off(record: RunRecord) -> RunRecord:
        if record.task_arn is None:
            return stored(record)
        monkeypatch.setattr(runs, "advance", stored)
        raise LeftError

    monkeypatch.setattr(runs, "advance", broken_off)
    with pytest.raises(LeftError):
        run.launch()
    run.launch()
    there = runs.get(run.run_id)
    assert there is not None
    assert [there.task_arn] == [task.arn for task in aws.started]


@pytest.mark.parametrize("taken", range(1, 5))
def test_who_streams_again_misses_no_event(scripted: Machine, aws: FakeAws, taken: int) -> None:
    """Leaving the iteration loses nothing of what became known together."""
    aws.script(WRITES, WRITES)
    whole = list(scripted().begin(shell("true")).stream())
    run = scripted().begin(shell("true"))
    first = run.stream()
    seen = [next(first) for _ in range(taken)]
    del first
    assert [type(event) for event in whole] == [type(event) for event in (*seen, *run.stream())]


# -- stopping --------------------------------------------------------------------------------------------------


def _running(scripted: Machine, aws: FakeAws) -> Run:
    """A run whose stream has come to its task, and is not asked for more."""
    aws.script(FOR_EVER)
    run = scripted().begin(shell("sleep"))
    next(event for event in run.stream() if isinstance(event, Started) and event.task_arn is not None)
    return run


def test_a_stop_is_sent_beside_a_stream_that_does_not_move(scripted: Machine, aws: FakeAws) -> None:
    """The first reason counts, and ECS is told once."""
    run = _running(scripted, aws)
    assert not run.stopping
    run.stop("jobrunner: interrupted by SIGTERM")
    assert not run.stopping
    run.stop_now()
    run.stop_now()
    assert (True, 1) == (run.stopping, Counter(aws.tasks.calls)["stop"])
    assert "jobrunner: interrupted by SIGTERM" == aws.started[0].stop_reason
    assert Verdict.INTERRUPTED == run.wait().verdict


def test_a_stop_that_ecs_refuses_is_none(scripted: Machine, aws: FakeAws) -> None:
    """It is asked for all the same: whoever streams sends it again."""
    run = _running(scripted, aws)
    aws.tasks.fail("stop", AwsRefusedError("no", where="ecs:StopTask"))
    with pytest.raises(AwsRefusedError):
        run.stop_now()
    assert not run.stopping
    assert Verdict.STOPPED == run.wait().verdict
    assert run.stopping


def test_a_run_without_a_task_is_stopped_by_its_stream(scripted: Machine, aws: FakeAws) -> None:
    """Nothing is sent; when the stream has stored that the run is over, it counts as stopped."""
    run = scripted().begin(shell("true"))
    run.stop_now()
    assert not run.stopping
    assert (Verdict.STOPPED, []) == (run.wait().verdict, aws.started)
    assert run.stopping


def test_the_stop_of_an_attempt_is_not_that_of_the_next(scripted: Machine, aws: FakeAws) -> None:
    """Whoever follows has stopped the first one at its timeout; the second one has been told nothing."""
    aws.script(FOR_EVER, FOR_EVER)
    aws.deadlines.fail("set", AwsRefusedError("no", where="scheduler:CreateSchedule"))
    spec = shell("sleep", timeout="10m", retries={"attempts": 2, "backoff": "0s", "on": "timeout"})
    run = scripted().begin(spec)
    next(e for e in run.stream() if isinstance(e, Started) and e.attempt == 2 and e.task_arn is not None)
    assert (1, False) == (Counter(aws.tasks.calls)["stop"], run.stopping)


def test_a_request_to_stop_may_come_in_the_middle_of_waiting_for_it() -> None:
    """At any line: a handler runs in the thread that waits, and must find no lock held."""

    def work(line: int) -> bool:
        stop, lines = StopSignal(), [0]

        def at_line(frame: FrameType, event: str, _argument: object) -> Any:
            if event == "line" and frame.f_globals["__name__"] != __name__:
                lines[0] += 1
                if lines[0] == line:
                    sys.settrace(None)
                    stop.set("now")
            return at_line

        sys.settrace(at_line)
        try:
            stop.wait(0.001)
            stop.take()
            stop.wait(0.001)
        finally:
            sys.settrace(None)
        return lines[0] >= line

    def every_line() -> None:
        line = 1
        while work(line):
            line += 1
        done.append(line)

    done: list[int] = []
    thread = threading.Thread(target=every_line, daemon=True)
    thread.start()
    thread.join(LIMIT_SECONDS)
    assert [True] == [lines > 5 for lines in done]


def test_a_request_is_taken_once_and_wakes_whoever_waits() -> None:
    """The first reason stays; a wake without a request is no request."""
    stop = StopSignal()
    stop.wake()
    assert (False, None) == (stop.wait(0), stop.take())
    stop.set("first")
    stop.set("second")
    assert (True, "first", None, False) == (stop.wait(0), stop.take(), stop.take(), stop.wait(0))
    stop.set("third")
    assert (True, "first") == (stop.wait(), stop.take())


# -- leaving ---------------------------------------------------------------------------------------------------


def test_who_is_about_to_leave_ends_the_stream(scripted: Machine, aws: FakeAws) -> None:
    """As soon as ECS has the task, and not before; the run is not over."""
    aws.script(FOR_EVER)
    run = scripted().begin(shell("sleep", timeout="1h"))
    run.leaving()
    events = list(run.stream())
    assert [Started, PhaseChanged] == [type(event) for event in events]
    assert (1, 1, None) == (len(aws.started), len(aws.deadlines.pending), run.outcome)


def test_who_is_about_to_leave_launches_no_next_attempt(scripted: Machine, aws: FakeAws) -> None:
    """It stays planned, for whoever attaches."""
    aws.script(TaskScript(exit_codes={"main": 75}))
    run = scripted().begin(shell("exit 75", retries={"attempts": 2, "backoff": "1h", "max_backoff": "1h"}))
    aws.clock.after(600, run.leaving)  # type: ignore[attr-defined]  # a ScriptedClock
    list(run.stream())
    assert (1, 2, False) == (len(aws.started), run.record.attempt, run.record.sent)


# -- signals ---------------------------------------------------------------------------------------------------


class PacedClock(ScriptedClock):
    """Leaves the processor to the main thread now and then: the task would run through a month meanwhile."""

    def sleep(self, seconds: float, wake: Wake | None = None) -> None:
        if wake is not None:
            wake.wait(0.001)
        super().sleep(seconds, wake)


@pytest.fixture
def aws_paced(aws: FakeAws) -> FakeAws:
    """An AWS in memory whose tasks run until they are stopped."""
    aws.clock, aws.default = PacedClock(), FOR_EVER
    return aws


def _two_signals(runner: JobRunner, line: int) -> tuple[int | None, str, bool]:
    """Follow a run, with SIGTERM at a line of the main thread and at the next; give code, stderr, and if both came."""
    lines = [0]

    def at_line(frame: FrameType, event: str, _argument: object) -> Any:
        module = str(frame.f_globals.get("__name__"))
        if not module.startswith(("jobrunner.cli", "jobrunner.ops", "threading", "contextlib")):
            return None
        if event == "line" and signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            lines[0] += 1
            if lines[0] in {line, line + 1}:
                os.kill(os.getpid(), signal.SIGTERM)
        return at_line

    err = io.TextIOWrapper(io.BytesIO())
    invocation = Invocation(terminal=Terminal(io.TextIOWrapper(io.BytesIO()), err))
    manner = run_command._Manner(on_interrupt=None, timestamps=False, wait_bill=True)
    before = sys.gettrace()
    sys.settrace(at_line)
    try:
        code = run_command._followed(invocation, Session(runner=runner), shell("sleep"), RunOptions(), manner)  # type: ignore[arg-type]  # a job's own spec, as `begin` takes it
    finally:
        sys.settrace(before)
    err.seek(0)
    return code, err.read(), lines[0] > line


@pytest.mark.parametrize("line", range(1, 600, 13))
def test_two_signals_at_any_line_of_the_command(scripted: Machine, aws_paced: FakeAws, line: int) -> None:
    """It leaves with the signal's code, and says that the task is being stopped only if ECS has been told so."""
    code, said, both = _two_signals(scripted(), line)
    assert (128 + signal.SIGTERM, True) == (code, both), said
    told = "stop" in aws_paced.tasks.calls or not aws_paced.started
    assert told or "which may go on" in said, said
    assert 1 == said.count("left run") + said.count("left before anything was started"), said
