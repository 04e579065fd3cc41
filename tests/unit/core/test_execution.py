"""What an execution of the state machine tells of its run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from jobrunner.core import naming
from jobrunner.core.execution import ABORTED, RUNNING, STOPPED_ERROR, SUCCEEDED, Execution, ExecutionEnd
from jobrunner.core.outcome import Verdict
from jobrunner.core.retry import Policy

TASK = "arn:aws:ecs:us-east-1:123456789012:task/c/0123"


def execution(status: str, **members: Any) -> Execution:
    """One that began at noon."""
    given: dict[str, Any] = {
        "machine": "arn:aws:states:us-east-1:123456789012:stateMachine:m",
        "name": "n",
        "status": status,
        "started_at": datetime(2026, 1, 1, 12, tzinfo=UTC),
    }
    return Execution(**given | members)


def ended(one: Execution) -> ExecutionEnd:
    """Its end."""
    assert one.end is not None
    return one.end


def succeeded(**output: Any) -> Execution:
    """One that has succeeded with an output."""
    return execution(SUCCEEDED, output=json.dumps(output))


def failed(error: str | None, cause: Any) -> Execution:
    """One that has failed with a cause."""
    return execution("FAILED", error=error, cause=cause if isinstance(cause, str) else json.dumps(cause))


def test_the_names_of_a_runs_executions() -> None:
    """Scope and time, without colons; the first has no number."""
    names = [naming.execution_name("scope", "2026-11-24T02:30:00Z", number) for number in (1, 2)]
    assert ["scope-2026-11-24T02.30.00Z", "scope-2026-11-24T02.30.00Z.2"] == names


def test_what_it_was_started_with() -> None:
    """The policy, the request and the job's own container."""
    policy = Policy(attempts=3, on=("infrastructure", 75))
    text = json.dumps({"policy": policy.to_json(), "request": {"Cluster": "c"}, "container": "app"})
    one = execution(RUNNING, input=text)
    assert (policy, {"Cluster": "c"}, "app") == (one.policy, one.request, one.container)


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", '{"policy": {}, "request": 1}', '{"policy": 1}'])
def test_an_input_that_cannot_be_read(text: str) -> None:
    """Nothing is known then."""
    one = execution(RUNNING, input=text)
    assert (None, {}, "main") == (one.policy, one.request, one.container)


def test_one_that_runs_has_no_end() -> None:
    """Nor has one whose run goes on in another."""
    assert (True, None) == (execution(RUNNING).running, execution(RUNNING).end)
    continued = succeeded(run_id="r", continued="arn")
    assert (False, True, None) == (continued.running, continued.continued, continued.end)


def test_a_success() -> None:
    """With the attempt and the task that have succeeded."""
    end = ended(succeeded(run_id="r", attempt=2, task_arn=TASK, verdict="succeeded"))
    assert (2, TASK, False) == (end.attempt, end.task_arn, end.skipped)
    known = end.judgement
    assert (Verdict.SUCCEEDED, "exit", 0, "exit code 0") == (known.verdict, known.reason, known.exit_code, known.detail)


@pytest.mark.parametrize(
    ("running", "named"),
    [
        ([{"run_id": "a@1", "task_arn": TASK}, {"run_id": "b@2"}], "a@1, b@2"),
        ([{"run_id": "", "task_arn": TASK}], TASK),
        ([1, {}], "it is not known which"),
        ("x", "it is not known which"),
    ],
)
def test_a_skipped_run(running: Any, named: str) -> None:
    """It never started, and it is said for whom it gave way."""
    end = ended(succeeded(run_id="r", skipped="overlap", running=running))
    assert (True, None, None) == (end.skipped, end.attempt, end.task_arn)
    known = end.judgement
    assert (Verdict.NEVER_STARTED, "skipped") == (known.verdict, known.reason)
    assert f"was skipped: another run was under way: {named}" == known.detail


@pytest.mark.parametrize("output", [{}, {"verdict": "succeeded"}, {"verdict": "succeeded", "task_arn": 1}, {"x": 1}])
def test_a_success_that_does_not_say_whose(output: dict[str, Any]) -> None:
    """It is none of the run: nothing unknown is a success."""
    known = ended(succeeded(**output)).judgement
    assert (Verdict.LOST, "state_machine") == (known.verdict, known.reason)
    assert known.detail.startswith("the state machine has ended as SUCCEEDED and does not say how the run did: {")


def test_a_failure() -> None:
    """As the machine has judged the last task."""
    cause = {
        "attempt": 3,
        "task_arn": TASK,
        "verdict": "failed",
        "reason": "exit",
        "exit_code": 75,
        "detail": "code 75",
    }
    end = ended(failed("jobrunner.failed", cause))
    assert (3, TASK) == (end.attempt, end.task_arn)
    known = end.judgement
    assert (Verdict.FAILED, "exit", 75, "code 75") == (known.verdict, known.reason, known.exit_code, known.detail)


def test_a_failure_that_says_little() -> None:
    """What is missing, or is none of its kind, is not known."""
    end = ended(failed("jobrunner.lost", {"verdict": "lost", "exit_code": True, "attempt": "1", "task_arn": None}))
    assert (None, None) == (end.attempt, end.task_arn)
    known = end.judgement
    assert (Verdict.LOST, "unknown", None, "no cause given") == (
        known.verdict,
        known.reason,
        known.exit_code,
        known.detail,
    )


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("States.Runtime", "no such variable"),
        (None, {"verdict": "failed"}),
        ("jobrunner.succeeded", {"verdict": "succeeded"}),
        ("jobrunner.failed", {"verdict": "bad"}),
        ("jobrunner.failed", "no JSON"),
    ],
)
def test_a_machine_that_broke(error: str | None, cause: Any) -> None:
    """Nobody knows how the run did."""
    known = ended(failed(error, cause)).judgement
    assert (Verdict.LOST, "state_machine", None) == (known.verdict, known.reason, known.exit_code)
    assert known.detail.startswith("the state machine has ended as FAILED and does not say how the run did: ")


def test_one_that_took_too_long() -> None:
    """It ends without a word."""
    known = ended(execution("TIMED_OUT")).judgement
    expected = "the state machine has ended as TIMED_OUT and does not say how the run did: no word"
    assert (Verdict.LOST, expected) == (known.verdict, known.detail)


@pytest.mark.parametrize(
    ("error", "cause", "verdict", "detail"),
    [
        (STOPPED_ERROR, "jobrunner: stopped: enough", Verdict.STOPPED, "stopped: enough"),
        (STOPPED_ERROR, "jobrunner: interrupted by SIGINT", Verdict.INTERRUPTED, "interrupted by SIGINT"),
        (STOPPED_ERROR, None, Verdict.STOPPED, "stopped"),
        (
            None,
            None,
            Verdict.STOPPED,
            "the execution of the state machine was stopped from outside: no reason given",
        ),
        ("E", "why", Verdict.STOPPED, "the execution of the state machine was stopped from outside: E: why"),
    ],
)
def test_one_that_was_stopped(error: str | None, cause: str | None, verdict: Verdict, detail: str) -> None:
    """By jobrunner, with the words that StopTask would have got; or by somebody else."""
    known = ended(execution(ABORTED, error=error, cause=cause)).judgement
    assert (verdict, detail, None) == (known.verdict, known.detail, known.exit_code)
