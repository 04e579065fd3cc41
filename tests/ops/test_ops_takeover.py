"""A run that somebody else goes on with: after a worker's death, on another machine, or several at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from shelljobs import lines, messages, record_of, shell, tasks_of

from jobrunner import Finished, JobSpec, LogLine, Started, Verdict
from jobrunner.core.events import Retrying
from jobrunner.core.events import Warning as WarningEvent
from jobrunner.testing import Line, MemoryRuns, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner import JobRunner, Outcome, Run
    from jobrunner.core.record import RunRecord
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]

FAILS = TaskScript(exit_codes={"main": 75}, lines=(Line(message="fails"),))
SUCCEEDS = TaskScript(lines=(Line(message="succeeds"),))


def retried(**retries: Any) -> JobSpec:
    """A job that is tried three times, ten minutes apart."""
    return shell("true", retries={"attempts": 3, "backoff": "10m", "on": 75, **retries})


def die_between_attempts(run: Run) -> None:
    """Follow a run until its first attempt has ended, and then no more."""
    for event in run.stream():
        if isinstance(event, Retrying):
            return
    raise AssertionError("there is no second attempt")


@pytest.mark.parametrize("survivor", ["laptop", "server"])
@pytest.mark.parametrize("later", [0, 5, 3000])
def test_a_key_goes_on_between_two_attempts(scripted: Machine, aws: FakeAws, survivor: str, later: int) -> None:
    """On the machine whose worker died, and on one that knows nothing of the run: at the second attempt, once."""
    aws.script(FAILS, SUCCEEDS)
    die_between_attempts(scripted("laptop").start(retried(), key="monday"))
    aws.clock.sleep(later)

    run = scripted(survivor).start(retried(), key="monday")
    events = list(run.stream())

    assert isinstance(events[-1], Finished)
    outcome = events[-1].outcome
    assert [(1, 75), (2, 0)] == [(one.attempt, one.exit_code) for one in (*outcome.earlier, outcome)]
    assert ["fails", "succeeds"] == lines(events)
    assert (120, True, 2) == (outcome.billed_seconds, outcome.logs.complete, outcome.logs.events)
    assert 2 == len(aws.started)
    again = scripted("another" if survivor == "server" else survivor).start(retried(), key="monday").wait()
    assert (outcome.verdict, outcome.attempt, 2) == (again.verdict, again.attempt, len(aws.started))


def test_a_key_goes_on_in_the_middle_of_an_attempt(scripted: Machine, aws: FakeAws) -> None:
    """Another machine finds the tasks of both attempts, and counts them as such."""
    aws.script(FAILS, TaskScript(runs=100, exit_codes={"main": 75}), SUCCEEDS)
    run = scripted("laptop").start(retried(backoff="1s"), key="monday")
    for event in run.stream():
        if isinstance(event, Started) and event.attempt == 2:
            break

    outcome = scripted("server").start(retried(backoff="1s"), key="monday").wait()

    assert [(1, 75), (2, 75), (3, 0)] == [(one.attempt, one.exit_code) for one in (*outcome.earlier, outcome)]
    assert 3 == len(aws.started)
    assert outcome.attempt == run.wait().attempt
    assert 3 == len(aws.started)


def test_the_pause_is_kept_by_whoever_goes_on(scripted: Machine, aws: FakeAws) -> None:
    """A worker that takes over at once waits out the rest of the back-off."""
    aws.script(FAILS, SUCCEEDS)
    die_between_attempts(scripted().start(retried(), key="monday"))
    scripted().start(retried(), key="monday").wait()
    first, second = aws.started
    assert 480 <= (second.created_at - first.stopped_at).total_seconds() <= 720 + 60


def test_attaching_joins_an_attempt_that_is_due(scripted: Machine, aws: FakeAws) -> None:
    """Whoever attaches during the back-off follows the run, and launches what is due as its starter would."""
    aws.script(FAILS, SUCCEEDS)
    run = scripted().start(retried())
    die_between_attempts(run)
    outcome = scripted().attach(run.run_id).wait()
    assert (Verdict.SUCCEEDED, 2, 2) == (outcome.verdict, outcome.attempt, len(aws.started))


def test_attaching_does_not_start_an_attempt_that_is_overdue(scripted: Machine, aws: FakeAws) -> None:
    """Nobody has followed the run for long, and who comes to look does not expect to start a migration."""
    aws.script(FAILS, SUCCEEDS)
    run = scripted().start(retried(), key="monday")
    die_between_attempts(run)
    aws.clock.sleep(3600)

    events = list(scripted().attach(run.run_id).stream())

    assert isinstance(events[-1], Finished)
    assert (1, 75) == (events[-1].outcome.attempt, events[-1].outcome.exit_code)
    assert ["another attempt is due, which is not started from here; the same key does that"] == [
        event.message for event in events if isinstance(event, WarningEvent)
    ]
    assert ["fails"] == lines(events)
    assert 1 == len(aws.started)
    assert None is record_of(run, scripted()).outcome
    assert (2, 2) == (scripted().start(retried(), key="monday").wait().attempt, len(aws.started))


def test_reading_the_log_starts_nothing(scripted: Machine, aws: FakeAws) -> None:
    """Between two attempts, with and without follow; the log of the attempt that has ended is given."""
    aws.script(FAILS, SUCCEEDS)
    run = scripted().start(retried())
    die_between_attempts(run)
    assert [["fails"], ["fails"]] == [messages(scripted(), run.run_id, follow=how) for how in (False, True)]
    assert 1 == len(aws.started)


def test_the_log_of_an_attempt_that_nobody_saw_end(scripted: Machine, aws: FakeAws) -> None:
    """The worker died in the middle: reading is no error and starts nothing, although another attempt is due."""
    aws.script(FAILS, SUCCEEDS)
    run = scripted().start(retried())
    aws.clock.sleep(60)
    assert [["fails"], ["fails"]] == [messages(scripted(), run.run_id, follow=how) for how in (False, True)]
    status = scripted().status(run.run_id)
    assert status.outcome is not None
    assert (75, None) == (status.outcome.exit_code, record_of(run, scripted()).outcome)
    assert 1 == len(aws.started)


@pytest.mark.parametrize("others", [("laptop", "laptop"), ("laptop", "server"), ("server", "server")])
def test_all_who_follow_a_run_start_each_attempt_once(machine: Machine, others: tuple[str, str]) -> None:
    """Three at the same time, on one machine or on two: the same token, the same task."""
    script = 'echo "attempt $JOBRUNNER_ATTEMPT"; test $JOBRUNNER_ATTEMPT = 3 || exit 75'
    spec = shell(script, retries={"attempts": 3, "backoff": "0s", "on": 75})
    gate = threading.Barrier(3)
    first = machine("laptop").start(spec, key="monday")

    def follow(name: str) -> Outcome:
        run = machine(name).start(spec, key="monday")
        gate.wait()
        return run.wait()

    def own() -> Outcome:
        gate.wait()
        return first.wait()

    with ThreadPoolExecutor(3) as pool:
        followers = [pool.submit(own), *(pool.submit(follow, name) for name in others)]
        outcomes = [one.result() for one in followers]

    assert 3 == len(tasks_of(machine(), first.run_id))
    for outcome in outcomes:
        assert [(1, 75), (2, 75), (3, 0)] == [(one.attempt, one.exit_code) for one in (*outcome.earlier, outcome)]
        assert (180, 3, True) == (outcome.billed_seconds, outcome.logs.events, outcome.logs.complete)
    assert ["attempt 1", "attempt 2", "attempt 3"] == messages(machine(), first.run_id)


def test_a_stop_during_the_pause_ends_the_run(machine: Machine) -> None:
    """At once, from the thread that has the handle; nothing more is started, and the attempt before is in the bill."""
    runner = machine()
    run = runner.start(shell("exit 75", retries={"attempts": 2, "backoff": "1h", "max_backoff": "1h", "on": 75}))
    for event in run.stream():
        if isinstance(event, Retrying):
            threading.Timer(0.1, run.stop, ["jobrunner: stopped by a colleague"]).start()
    outcome = run.outcome
    assert outcome is not None
    assert (Verdict.STOPPED, "stopped by a colleague", 2, 60) == (
        outcome.verdict,
        outcome.detail,
        outcome.attempt,
        outcome.billed_seconds,
    )
    assert outcome == record_of(run, runner).outcome
    assert 1 == len(tasks_of(runner, run.run_id))


def test_a_stop_by_name_during_the_pause_ends_the_run_for_all(scripted: Machine, aws: FakeAws) -> None:
    """For who stops it at once, and for the process that waits for the next attempt when that is due."""
    aws.script(FAILS, SUCCEEDS)
    run = scripted().start(retried())
    stopped: list[Run] = []
    aws.clock.after(300, lambda: stopped.append(scripted().stop(run.run_id, reason="enough")))
    outcome = run.wait()
    assert (Verdict.STOPPED, "stopped: enough", 1) == (outcome.verdict, outcome.detail, len(aws.started))
    assert [outcome] == [one.outcome for one in stopped]
    assert (Verdict.STOPPED, 1) == (scripted().attach(run.run_id).wait().verdict, len(aws.started))


def test_a_stop_never_starts_another_attempt(scripted: Machine, aws: FakeAws) -> None:
    """The attempt had failed before the stop came, and nobody had seen that: the run ends there all the same."""
    aws.script(FAILS, SUCCEEDS)
    run = scripted().start(retried(backoff="1s"), key="monday")
    aws.clock.sleep(60)
    outcome = scripted().stop(run.run_id).wait()
    assert (75, 1, 1) == (outcome.exit_code, outcome.attempt, len(aws.started))
    assert outcome == record_of(run, scripted()).outcome == run.wait()
    assert outcome == scripted().start(retried(backoff="1s"), key="monday").wait()
    assert 1 == len(aws.started)


def test_who_waits_for_an_attempt_notices_a_stop_soon(scripted: Machine, aws: FakeAws) -> None:
    """Not only when the attempt is due: a pipeline would hang for an hour in a run that is over."""
    aws.script(FAILS, SUCCEEDS)
    run = scripted().start(retried(backoff="1h", max_backoff="1h"))
    began = aws.clock.now()
    aws.clock.after(300, lambda: scripted().stop(run.run_id))
    assert Verdict.STOPPED is run.wait().verdict
    assert 300 <= (aws.clock.now() - began).total_seconds() <= 340


class Racing(MemoryRuns):
    """A store in which another process is a moment faster, once."""

    def __init__(self) -> None:
        super().__init__()
        self.first: Callable[[RunRecord], RunRecord] | None = None

    def advance(self, record: RunRecord) -> RunRecord:
        first, self.first = self.first, None
        if first is not None:
            super().advance(first(record))
        return super().advance(record)


def test_a_stop_that_comes_just_after_the_launch_stops_the_task(scripted: Machine, aws: FakeAws) -> None:
    """Between the look at the store and the end that is stored there, the next attempt was launched."""
    aws.script(FAILS, TaskScript(runs=600))
    store = Racing()
    run = scripted(runs=store).start(retried(backoff="1s"))
    die_between_attempts(run)

    def launched(_: RunRecord) -> RunRecord:
        for event in scripted().attach(run.run_id).stream():
            if isinstance(event, Started) and event.attempt == 2:
                break
        there = store.get(run.run_id)
        assert there is not None
        return there

    store.first = launched
    stopped = scripted().stop(run.run_id)
    outcome = stopped.wait()
    assert (Verdict.STOPPED, 2, 2) == (outcome.verdict, outcome.attempt, len(aws.started))
    assert "jobrunner: stopped by request" == aws.started[-1].stop_reason


def test_a_second_handle_sees_the_stop_of_the_first(machine: Machine) -> None:
    """Two follow one run; one of them stops it: both give the same verdict, and no further attempt is made."""
    runner = machine()
    spec = shell("echo up; exec sleep 60", stop_timeout="2s", retries={"attempts": 3, "backoff": "0s"})
    run = runner.start(spec)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(runner.attach(run.run_id).wait)
        for event in run.events():
            if isinstance(event, LogLine):
                run.stop()
        assert run.outcome is not None
        assert (Verdict.STOPPED, run.outcome) == (run.outcome.verdict, other.result())
    assert 1 == len(tasks_of(runner, run.run_id))


def test_a_run_that_is_over_gives_its_log_again(runner: JobRunner) -> None:
    """From the handle that followed it, as often as it is asked for."""
    run = runner.start(shell("echo here; exit 3"))
    first = list(run.stream())
    again = list(run.stream())
    assert [["here"], ["here"]] == [lines(first), lines(again)]
    assert first[-1] == again[-1]
    assert run.wait() == run.outcome


def test_planned_attempts_are_stored_before_they_are_told(scripted: Machine, aws: FakeAws) -> None:
    """Whoever hears of an attempt finds it in the store: a worker that dies then has lost nothing."""
    aws.script(FAILS, SUCCEEDS)
    run = scripted().start(retried())
    for event in run.stream():
        record = record_of(run, scripted())
        if isinstance(event, Retrying):
            assert (2, False, None) == (record.attempt, record.sent, record.task_arn)
            planned = aws.clock.now() + timedelta(seconds=event.wait)
            assert planned == record.launched_at
        elif isinstance(event, Started):
            assert (event.attempt, event.task_arn) == (record.attempt, record.task_arn)


class LeftError(BaseException):
    """What a signal handler raises in the middle of anything."""


def leave() -> None:
    """Raise it."""
    raise LeftError


def attempts(outcome: Outcome) -> list[tuple[int, int | None]]:
    """Attempt and exit code of each."""
    return [(one.attempt, one.exit_code) for one in (*outcome.earlier, outcome)]


@pytest.mark.parametrize("when", [0.0, 0.3, 0.7, 1.6, 2.5, 9.0, 13.0, 60.0, 66.0, 70.0])
def test_a_wait_that_is_broken_off_goes_on(scripted: Machine, aws: FakeAws, when: float) -> None:
    """A signal may come while anything is waited for: the same handle goes on from there, and nothing is doubled."""
    aws.script(FAILS, SUCCEEDS)
    spec = shell("true", timeout="1h", retries={"attempts": 2, "backoff": "1m", "on": 75})
    run = scripted().begin(spec)
    aws.clock.after(when, leave)
    with pytest.raises(LeftError):
        run.wait()
    outcome = run.wait()
    assert [(1, 75), (2, 0)] == attempts(outcome)
    assert (2, {}, True, 2) == (
        len(aws.started),
        aws.deadlines.pending,
        outcome.logs.complete,
        outcome.logs.events,
    )


@pytest.mark.parametrize("call", ["tasks.run", "tasks.describe", "tasks.stop", "deadlines.set", "deadlines.clear"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_call_that_is_broken_off_goes_on(scripted: Machine, aws: FakeAws, call: str, times: int) -> None:
    """AWS has done what it was asked to, and its answer is gone with the exception."""
    aws.default = TaskScript(runs=1e5)
    port, name = call.split(".")
    real = getattr(getattr(aws, port), name)
    broken: list[int] = []

    def broken_off(*arguments: Any) -> Any:
        answer = real(*arguments)
        if len(broken) < times:
            broken.append(1)
            leave()
        return answer

    setattr(getattr(aws, port), name, broken_off)
    run = scripted().begin(shell("true", timeout="1h"))
    for _ in range(times):
        with suppress(LeftError):
            run.launch()
            run.stop()
            run.wait()
    assert broken
    run.stop()
    outcome = run.wait()
    assert (Verdict.STOPPED, 1) == (outcome.verdict, len(aws.started))
    assert outcome.task_arn == aws.started[0].arn
    if call != "deadlines.set":  # one that nobody knows of stops a task that has stopped, and deletes itself
        assert {} == aws.deadlines.pending
