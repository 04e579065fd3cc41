"""Why a run ended as it did: attempt by attempt, with the evidence, also when ECS knows nothing of it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shelljobs import shell, until

from jobrunner import AwsRefusedError, LogLine, Verdict
from jobrunner.core.events import Retrying
from jobrunner.core.naming import task_id
from jobrunner.core.ports import PlacementFailure
from jobrunner.testing import Line, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner import JobRunner, Outcome
    from jobrunner.local.endpoint import Endpoint
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]

MEMORY = "OutOfMemoryError: Container killed due to memory usage"
HUNGRY = TaskScript(
    exit_codes={"main": 137}, reasons={"main": MEMORY}, lines=tuple(Line(message=f"line {n}") for n in range(1, 13))
)
WRONG = TaskScript(exit_codes={"main": 3}, lines=(Line(message="no such table: accounts"),))
RETRIED = shell("true", retries={"attempts": 2, "backoff": "1m", "on": "out_of_memory"})


def forget(endpoint: Endpoint, outcome: Outcome) -> None:
    """Let ECS forget the tasks of a run, as it does after about an hour."""
    tasks = endpoint.store.of(endpoint.region, "jobrunner")
    for one in (*outcome.earlier, outcome):
        endpoint.store.forget(tasks[task_id(str(one.task_arn))])


def test_each_attempt_is_explained_by_itself(scripted: Machine, aws: FakeAws) -> None:
    """Cause, evidence, the last lines of its own log, and whether it may succeed unchanged."""
    aws.script(HUNGRY, WRONG)
    run = scripted().start(RETRIED)
    run.wait()

    for runner in (scripted(), scripted("server")):
        first, second = runner.explain(run.run_id).attempts
        assert [(1, Verdict.OUT_OF_MEMORY, 137), (2, Verdict.FAILED, 3)] == [
            (one.outcome.attempt, one.diagnosis.verdict, one.diagnosis.exit_code) for one in (first, second)
        ]
        assert "memory" in first.diagnosis.cause
        assert "`memory: 1 GB`" in first.diagnosis.remedy
        assert f"container main (the job's own): exit code 137, {MEMORY}" in first.diagnosis.evidence
        assert "ECS: EssentialContainerExited: Essential container in task exited" in second.diagnosis.evidence
        assert tuple(f"line {n}" for n in range(3, 13)) == first.last_lines
        assert ("no such table: accounts",) == second.last_lines
        assert ([60, 60], [()] * 2) == (
            [one.outcome.billed_seconds for one in (first, second)],
            [one.outcome.earlier for one in (first, second)],
        )
        document = runner.explain(run.run_id).to_json()
        assert (run.run_id, "job", "STOPPED", True) == tuple(
            document[key] for key in ("run_id", "job", "phase", "over")
        )
        assert [["out_of_memory", 137, False], ["failed", 3, False]] == [
            [one[key] for key in ("verdict", "exit_code", "transient")] for one in document["attempts"]
        ]


def test_what_ecs_has_forgotten_is_explained_from_the_record(machine: Machine, endpoint: Endpoint) -> None:
    """Its words are kept with the run; the log has forgotten nothing."""
    runner = machine()
    spec = shell('echo "attempt $JOBRUNNER_ATTEMPT"; exit 75', retries={"attempts": 2, "backoff": "0s", "on": 75})
    run = runner.start(spec)
    outcome = run.wait()
    known = runner.explain(run.run_id)
    forget(endpoint, outcome)
    assert known == runner.explain(run.run_id)
    assert [("attempt 1",), ("attempt 2",)] == [one.last_lines for one in known.attempts]
    assert all("container main (the job's own): exit code 75" in one.diagnosis.evidence for one in known.attempts)


def test_an_end_that_nobody_saw_is_explained(runner: JobRunner, endpoint: Endpoint) -> None:
    """`explain` looks at the task itself, and keeps what it sees."""
    run = runner.start(shell("exit 127"))
    known = until(lambda: (seen := runner.explain(run.run_id)).attempts and seen, "the end")
    assert 127 == known.attempts[0].diagnosis.exit_code
    forget(endpoint, known.attempts[0].outcome)
    assert known.attempts == runner.explain(run.run_id).attempts


def test_a_run_that_goes_on_has_no_end_to_explain(runner: JobRunner) -> None:
    """Where it is, and nothing more."""
    run = runner.start(shell("echo up; exec sleep 60", stop_timeout="2s"))
    for event in run.events():
        if isinstance(event, LogLine):
            break
    seen = runner.explain(run.run_id)
    assert ((), "RUNNING", False) == (seen.attempts, seen.status.phase, seen.to_json()["over"])
    run.stop()
    run.wait()


def test_between_two_attempts_the_first_is_explained(scripted: Machine, aws: FakeAws) -> None:
    """The run is not over, and its next attempt has no task yet."""
    aws.script(HUNGRY)
    run = scripted().start(RETRIED)
    for event in run.stream():
        if isinstance(event, Retrying):
            break
    seen = scripted().explain(run.run_id)
    assert [Verdict.OUT_OF_MEMORY] == [one.diagnosis.verdict for one in seen.attempts]
    assert (None, False, 2) == (seen.status.phase, seen.to_json()["over"], seen.status.record.attempt)


def test_a_task_that_was_never_placed_is_explained(scripted: Machine, aws: FakeAws) -> None:
    """There is no task and no log; the words are those of RunTask's failures."""
    for _ in range(50):
        aws.tasks.refuse(PlacementFailure(reason="RESOURCE:ENI", detail="no address is free"))
    run = scripted().start(shell("true"))
    (one,) = scripted().explain(run.run_id).attempts
    assert (Verdict.NEVER_STARTED, True, (), None) == (
        one.diagnosis.verdict,
        one.diagnosis.transient,
        one.last_lines,
        one.unread,
    )
    assert ("ECS did not place the task: RESOURCE:ENI: no address is free",) == one.diagnosis.evidence


def test_a_log_that_cannot_be_read_is_no_failure_of_the_explanation(scripted: Machine, aws: FakeAws) -> None:
    """It says why instead; so does a container whose log driver nobody can read."""
    aws.script(WRONG)
    run = scripted().start(shell("true"))
    run.wait()
    refused = AwsRefusedError("AccessDeniedException: not authorized to perform logs:GetLogEvents")
    aws.logs.fail("tail", refused)
    (one,) = scripted().explain(run.run_id).attempts
    assert ((), refused.what) == (one.last_lines, one.unread)
    assert refused.what == one.to_json()["last_lines_unread"]
    assert 3 == one.diagnosis.exit_code


def test_a_success_is_explained_as_one(scripted: Machine) -> None:
    """There is nothing to do."""
    run = scripted().start(shell("true"))
    run.wait()
    (one,) = scripted().explain(run.run_id).attempts
    assert (Verdict.SUCCEEDED, 0) == (one.diagnosis.verdict, one.diagnosis.exit_code)
