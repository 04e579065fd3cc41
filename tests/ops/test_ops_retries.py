"""Runs of several attempts: what they cost, what their logs are, and who launches the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from shelljobs import lines, messages, record_of, shell, tasks_of

from jobrunner import Finished, JobSpec, Outcome, Started, Verdict
from jobrunner.core.events import Retrying
from jobrunner.local.faults import HostTerminated, TaskFailedToStart
from jobrunner.testing import FakeAws, FakeTask, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner import JobRunner
    from jobrunner.local.endpoint import Endpoint

    Machine = Callable[..., JobRunner]


SPOT = "Your Spot Task was interrupted."
HOST = "Host EC2 (instance i-1) terminated"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


def failing_until(attempt: int, **fields: Any) -> JobSpec:
    """A job that says which attempt it is, and ends with 75 before that one."""
    retries = {"attempts": 3, "backoff": "0s", "on": [75], **fields.pop("retries", {})}
    script = f'echo "attempt $JOBRUNNER_ATTEMPT"; test $JOBRUNNER_ATTEMPT -ge {attempt} || exit 75'
    return shell(script, retries=retries, **fields)


def told(outcome: Outcome) -> list[tuple[int, str, int | None]]:
    """Attempt, verdict and exit code of every attempt."""
    return [(one.attempt, str(one.verdict), one.exit_code) for one in (*outcome.earlier, outcome)]


THIRD = [(1, "failed", 75), (2, "failed", 75), (3, "succeeded", 0)]


def test_a_failure_that_retries_name_is_tried_again(machine: Machine) -> None:
    """The job sees which attempt it is; each has its task and its bill; the run has the bill and the log of all."""
    runner, server = machine(), machine("server")
    run = runner.start(failing_until(3))

    events = list(run.stream())

    steps = [(type(one), one.attempt) for one in events if isinstance(one, Started | Retrying)]
    assert [(Started, 1), (Retrying, 2), (Started, 2), (Retrying, 3), (Started, 3)] == steps
    log = [f"attempt {attempt}" for attempt in (1, 2, 3)]
    assert log == lines(events)
    assert isinstance(events[-1], Finished)
    outcome = events[-1].outcome
    assert THIRD == told(outcome)
    assert ([60, 60, 180], 3) == ([*(one.billed_seconds for one in outcome.earlier), outcome.billed_seconds], 3)
    costs = [one.cost_usd for one in (*outcome.earlier, outcome.alone())]
    assert None not in costs
    assert outcome.cost_usd == sum(cost for cost in costs if cost is not None)
    assert (True, 3) == (outcome.logs.complete, outcome.logs.events)
    assert [one.task_arn for one in tasks_of(runner, run.run_id)] == [
        one.task_arn for one in (*outcome.earlier, outcome)
    ]
    for again in (runner.attach(run.run_id), server.attach(run.run_id)):
        seen = list(again.stream())
        assert [1, 2, 3] == [one.attempt for one in seen if isinstance(one, Started)]
        assert log == lines(seen)
        assert isinstance(seen[-1], Finished)
        assert outcome == seen[-1].outcome
    assert [log, log] == [messages(one, run.run_id) for one in (runner, machine("a third"))]
    assert outcome == runner.status(run.run_id).outcome == record_of(run, runner).outcome


def test_what_retries_do_not_name_is_not_tried_again(runner: JobRunner) -> None:
    """Nor more often than they say; the last attempt's exit code is the run's."""
    once = runner.run(failing_until(3, retries={"on": [76]}))
    twice = runner.run(failing_until(3, retries={"attempts": 2}))
    assert THIRD[:1] == told(once)
    assert THIRD[:2] == told(twice)


def test_what_the_infrastructure_did_is_tried_again(runner: JobRunner, endpoint: Endpoint) -> None:
    """A lost host costs an attempt, because the job ran; a task that never started costs none, and has no log."""
    script = 'echo "attempt $JOBRUNNER_ATTEMPT"; test $JOBRUNNER_ATTEMPT = 2 || exec sleep 60'
    spec = shell(script, name="unlucky", retries={"attempts": 2, "backoff": "0s", "on": "infrastructure"})
    endpoint.faults.order(
        TaskFailedToStart(job="unlucky", cause="image-timeout", times=1),
        HostTerminated(job="unlucky", line="attempt 1", times=1),
    )

    run = runner.start(spec)
    outcome = run.wait()

    assert [(1, "never_started", None), (1, "lost", None), (2, "succeeded", 0)] == told(outcome)
    assert ["attempt 1", "attempt 2"] == messages(runner, run.run_id)
    assert outcome == runner.attach(run.run_id).wait()


@pytest.mark.parametrize(
    ("on", "script", "verdict"),
    [
        ("timeout", TaskScript(runs=1e6), "timed_out"),
        ("spot", TaskScript(exit_codes={"main": 137}, stop_code="SpotInterruption", stopped_reason=SPOT), "stopped"),
        ("out_of_memory", TaskScript(exit_codes={"main": 137}, reasons={"main": OUT_OF_MEMORY}), "out_of_memory"),
        ("failure", TaskScript(exit_codes={"main": 1}), "failed"),
        (1, TaskScript(exit_codes={"main": 1}), "failed"),
        ("infrastructure", TaskScript(exit_codes={"main": None}, stopped_reason=HOST), "lost"),
    ],
)
def test_each_word_of_retries(scripted: Machine, aws: FakeAws, on: str | int, script: TaskScript, verdict: str) -> None:
    """The first attempt ends as the word says, the second one succeeds; the pause is the back-off, give or take."""
    aws.script(script)
    spec = shell("true", timeout="10m", retries={"attempts": 2, "backoff": "5m", "on": [on]})

    events = list(scripted().start(spec).stream())

    (retrying,) = [one for one in events if isinstance(one, Retrying)]
    assert (2, verdict, True) == (retrying.attempt, str(retrying.ended.verdict), 240 <= retrying.wait <= 360)
    first, second = aws.started
    pause = (second.created_at - first.stopped_at).total_seconds()
    assert retrying.wait <= pause <= retrying.wait + 60
    assert ["1", "2"] == [attempt_of(task) for task in aws.started]
    assert isinstance(events[-1], Finished)
    assert (Verdict.SUCCEEDED, 2) == (events[-1].outcome.verdict, events[-1].outcome.attempt)


def attempt_of(task: FakeTask) -> str:
    """What the job sees as its attempt."""
    return task.snapshot(task.created_at).environment["JOBRUNNER_ATTEMPT"]


def test_a_task_that_ecs_no_longer_shows_is_not_tried_again(scripted: Machine, aws: FakeAws) -> None:
    """It may still run: nobody starts a second one beside it. What it costs is not known."""
    aws.script(TaskScript(missing_for=1e6))
    outcome = scripted().run(shell("true", retries={"attempts": 2, "backoff": "0s", "on": "infrastructure"}))
    assert ("lost", "vanished", None) == (str(outcome.verdict), outcome.reason, outcome.billed_seconds)
    assert 1 == len(aws.started)
