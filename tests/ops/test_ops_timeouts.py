"""Timeouts that hold when nobody watches, stops, and ends that do not wait for the bill."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from shelljobs import lines, messages, record_of, shell, tasks_of, until

from jobrunner import AwsRefusedError, AwsUnreachableError, Finished, LogLine, Started, Verdict
from jobrunner.core.events import Retrying, VerdictKnown
from jobrunner.core.events import Warning as WarningEvent
from jobrunner.core.naming import timeout_schedule
from jobrunner.errors import AwsThrottledError
from jobrunner.local import serve
from jobrunner.local.faults import DroppedConnection, SlowAnswer
from jobrunner.testing import FakeAws, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jobrunner import JobRunner, Run
    from jobrunner.core.events import WatchEvent
    from jobrunner.local.endpoint import Endpoint

    Machine = Callable[..., JobRunner]

FOREVER = TaskScript(runs=1e6)


def schedule_of(runner: JobRunner, run: Run) -> dict[str, Any] | None:
    """What EventBridge Scheduler knows of the timeout of a run's first launch."""
    connection = runner.connection
    client = boto3.client(
        "scheduler",
        region_name=connection.region,
        endpoint_url=connection.endpoint_url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    try:
        name, group = timeout_schedule(f"{run.run_id}-1"), runner.settings.schedule_group
        found: dict[str, Any] = client.get_schedule(Name=name, GroupName=group)
    except client.exceptions.ResourceNotFoundException:
        return None
    finally:
        client.close()
    return found


def warnings(events: Iterable[WatchEvent]) -> list[str]:
    """What was warned of."""
    return [event.message for event in events if isinstance(event, WarningEvent)]


def pending(aws: FakeAws) -> list[str]:
    """The names of the timeouts that are waited for."""
    return [name for _, name in aws.deadlines.pending]


def test_the_schedule_of_the_timeout_is_there_while_the_run_goes_on(runner: JobRunner) -> None:
    """From the moment at which `start` returns; gone when the run has ended, and from the record too."""
    run = runner.start(shell("echo up; exec sleep 60", timeout="10m", stop_timeout="2s"))
    assert schedule_of(runner, run) is not None
    assert timeout_schedule(f"{run.run_id}-1") == record_of(run, runner).guard
    for event in run.events():
        if isinstance(event, LogLine) and event.message == "up":
            found = schedule_of(runner, run)
            assert found is not None
            assert ("ENABLED", "DELETE") == (found["State"], found["ActionAfterCompletion"])
            assert str(run.record.task_arn) in found["Target"]["Input"]
            run.stop()
    assert (None, None) == (schedule_of(runner, run), record_of(run, runner).guard)


def test_the_timeout_holds_when_nobody_follows(runner: JobRunner) -> None:
    """EventBridge Scheduler stops the task; whoever looks later is told that it timed out."""
    run = runner.start(shell("echo up; exec sleep 600", stop_timeout="2s"), timeout=1)

    status = until(lambda: (seen := runner.status(run.run_id)).outcome and seen, "the end of the run")

    assert (Verdict.TIMED_OUT, "timed out after 1s") == (status.outcome.verdict, status.outcome.detail)
    assert ["up"] == messages(runner, run.run_id)
    until(lambda: schedule_of(runner, run) is None, "the schedule to be gone")


def test_a_closed_laptop_keeps_the_timeout(scripted: Machine, aws: FakeAws) -> None:
    """The follower sleeps through it all, and finds the task stopped at its time and not later."""
    aws.script(FOREVER)
    run = scripted().start(shell("true", timeout="10m"))
    aws.clock.sleep(7200)
    outcome = run.wait()
    assert (Verdict.TIMED_OUT, "timed out after 10m") == (outcome.verdict, outcome.detail)
    assert outcome.stopped_at is not None
    assert 600 <= (outcome.stopped_at - aws.started[0].created_at).total_seconds() <= 660
    assert (1, 0) == (len(aws.deadlines.fired), aws.tasks.calls.count("stop"))


def test_without_a_scheduler_role_there_is_a_warning(scripted: Machine, aws: FakeAws) -> None:
    """And no schedule: the timeout is kept by whoever follows the run, and is."""
    aws.script(FOREVER)
    runner = scripted()
    runner.settings = replace(runner.settings, scheduler_role=None)
    events = list(runner.start(shell("true", timeout="10m")).stream())
    said = "the timeout of 10m is kept by this process only, while it follows the run: scheduler_role is not set"
    assert [said] == warnings(events)
    assert isinstance(events[-1], Finished)
    assert Verdict.TIMED_OUT is events[-1].outcome.verdict
    assert [] == aws.deadlines.calls


def test_without_a_timeout_nothing_is_scheduled(scripted: Machine, aws: FakeAws) -> None:
    """And nothing is warned of."""
    runner = scripted()
    runner.settings = replace(runner.settings, scheduler_role=None)
    for one in (runner, scripted()):
        assert [] == warnings(one.start(shell("true")).stream())
    assert [] == aws.deadlines.calls


def test_a_schedule_that_is_refused_is_a_warning(scripted: Machine, aws: FakeAws) -> None:
    """The run goes on, and its timeout is kept here; a schedule that cannot be deleted is no failure either."""
    refused = AwsRefusedError("CreateSchedule was refused: no iam:PassRole")
    aws.script(FOREVER)
    aws.deadlines.fail("set", refused)
    events = list(scripted().start(shell("true", timeout="10m")).stream())
    assert [f"the timeout of 10m is kept by this process only, while it follows the run: {refused.what}"] == warnings(
        events
    )
    assert isinstance(events[-1], Finished)
    assert Verdict.TIMED_OUT is events[-1].outcome.verdict

    aws.deadlines.fail("clear", AwsThrottledError("slow down"))
    again = scripted().start(shell("true", timeout="10m"))
    assert ([], Verdict.SUCCEEDED) == (warnings(again.stream()), again.wait().verdict)
    assert None is record_of(again, scripted()).guard


def test_each_attempt_has_a_timeout_of_its_own(scripted: Machine, aws: FakeAws) -> None:
    """Counted from its own launch, under its own name; none is left behind."""
    aws.script(TaskScript(runs=300, exit_codes={"main": 75}), TaskScript(runs=400))
    spec = shell("true", timeout="10m", retries={"attempts": 2, "backoff": "5m", "on": 75})
    run = scripted().start(spec)
    names = []
    for event in run.stream():
        if isinstance(event, Started):
            names += pending(aws)
        elif isinstance(event, Retrying):
            assert [] == pending(aws)
    assert [timeout_schedule(f"{run.run_id}-{attempt}") for attempt in (1, 2)] == names
    assert (Verdict.SUCCEEDED, [], []) == (run.wait().verdict, pending(aws), aws.deadlines.fired)


def test_who_takes_over_sets_the_timeout_that_was_not_set(scripted: Machine, aws: FakeAws) -> None:
    """A worker that dies between ECS's answer and the schedule leaves a task without a timeout for no longer."""
    aws.script(FOREVER)
    run = scripted().start(shell("true", timeout="10m"), key="monday")
    aws.deadlines.pending.clear()
    record = record_of(run, scripted())
    scripted()._ports.runs.save(replace(record, guard=None))
    again = scripted().start(shell("true", timeout="10m"), key="monday")
    assert ([timeout_schedule(record.token)], 1) == (pending(aws), len(aws.started))
    assert record.deadline == next(iter(aws.deadlines.pending.values())).at
    assert Verdict.TIMED_OUT is again.wait().verdict


def test_an_attempt_that_times_out_is_tried_again(runner: JobRunner) -> None:
    """If `retries` names timeouts."""
    script = 'echo "attempt $JOBRUNNER_ATTEMPT"; test $JOBRUNNER_ATTEMPT = 2 || exec sleep 60'
    spec = shell(script, timeout="1s", stop_timeout="2s", retries={"attempts": 2, "backoff": "0s", "on": "timeout"})
    run = runner.start(spec)
    outcome = run.wait()
    assert ["timed_out", "succeeded"] == [str(one.verdict) for one in (*outcome.earlier, outcome)]
    assert ["attempt 1", "attempt 2"] == messages(runner, run.run_id)


# -- stops -----------------------------------------------------------------------------------------------------


def test_a_stop_before_the_launch_starts_nothing(scripted: Machine, aws: FakeAws) -> None:
    """The run is known and was never sent; the same key starts it another time."""
    run = scripted().begin(shell("true"), key="monday")
    run.stop("jobrunner: stopped by a colleague")
    assert not run.launched
    outcome = run.wait()
    assert (Verdict.STOPPED, "stopped by a colleague", None, 0) == (
        outcome.verdict,
        outcome.detail,
        outcome.task_arn,
        outcome.billed_seconds,
    )
    assert (True, 0) == (run.launched, len(aws.started))
    assert (Verdict.SUCCEEDED, 1) == (scripted().run(shell("true"), key="monday").verdict, len(aws.started))


def test_a_stop_while_the_call_is_under_way_stops_the_task(runner: JobRunner, endpoint: Endpoint) -> None:
    """ECS has started the task when the answer is waited for: it is stopped as soon as it is known."""
    spec = shell("exec sleep 60", name="slowly", stop_timeout="2s")
    endpoint.faults.order(SlowAnswer(operation="RunTask", seconds=0.5, job="slowly"))
    run = runner.begin(spec)
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(run.wait)
        until(lambda: tasks_of(runner, run.run_id), "the task")
        run.stop()
        outcome = ending.result()
    (task,) = tasks_of(runner, run.run_id)
    assert (True, "jobrunner: stopped by request") == (task.stopped, task.stopped_reason)
    assert (task.task_arn, False) == (outcome.task_arn, outcome.succeeded)


def test_a_stop_while_the_answer_is_lost_finds_the_task(scripted: Machine, aws: FakeAws) -> None:
    """RunTask may have arrived: nothing is called "never started" before ECS has been asked, and a task is stopped."""
    run = scripted().begin(shell("true"))
    aws.script(FOREVER)
    lose_answers(aws, 3)
    aws.clock.after(1.0, run.stop)
    outcome = run.wait()
    assert (1, True) == (len(aws.started), outcome.task_arn is not None)
    assert "jobrunner: stopped by request" == aws.started[0].stop_reason


def lose_answers(aws: FakeAws, times: int) -> None:
    """Let ECS start the task of the next RunTask, and lose its answers."""
    real = aws.tasks.run
    left = [times]

    def run(request: Any) -> Any:
        launch = real(request)
        left[0] -= 1
        if left[0] >= 0:
            raise AwsUnreachableError("no answer")
        return launch

    aws.tasks.run = run  # type: ignore[method-assign]  # a network that loses answers


def test_an_answer_that_is_lost_starts_nothing_twice(runner: JobRunner, endpoint: Endpoint) -> None:
    """RunTask is repeated with its token."""
    (fault,) = endpoint.faults.order(DroppedConnection(operation="RunTask", when="after", job="dropped"))
    run = runner.start(shell("echo here", name="dropped"))
    assert (Verdict.SUCCEEDED, 1, 1) == (run.wait().verdict, fault.struck, len(tasks_of(runner, run.run_id)))


def test_a_run_that_was_refused_says_so_from_then_on(scripted: Machine, aws: FakeAws) -> None:
    """The error is raised once; the handle, the store and an explanation have the end."""
    aws.tasks.fail("run", AwsRefusedError("AccessDeniedException: not authorized to perform ecs:RunTask"))
    run = scripted().begin(shell("true"))
    with pytest.raises(AwsRefusedError, match="not authorized"):
        run.wait()
    assert run.outcome is not None
    assert (Verdict.NEVER_STARTED, "refused") == (run.outcome.verdict, run.outcome.reason)
    assert run.outcome == scripted().status(run.run_id).outcome
    assert run.launched


# -- the bill --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slow_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An endpoint that takes its time between the containers' end and STOPPED."""
    with serve(workdir=tmp_path_factory.mktemp("slow"), deprovision=2.5) as served:
        yield served


def test_the_end_need_not_wait_for_the_bill(machine: Machine, slow_endpoint: Endpoint) -> None:
    """Verdict and log are there before ECS has STOPPED the task; `status` has the bill later, and the same log."""
    runner = machine(connection=slow_endpoint.connection)
    run = runner.start(shell("echo here; exit 3"), wait_bill=False)
    events = list(run.stream())
    outcome = run.outcome
    assert outcome is not None
    assert (Verdict.FAILED, 3, None, None) == (
        outcome.verdict,
        outcome.exit_code,
        outcome.stopped_at,
        outcome.billed_seconds,
    )
    assert (True, 1) == (outcome.logs.complete, outcome.logs.events)
    assert [3] == [event.judgement.exit_code for event in events if isinstance(event, VerdictKnown)]
    early = runner.status(run.run_id)
    assert ("DEPROVISIONING", outcome) == (early.phase, early.outcome)

    status = until(lambda: (seen := runner.status(run.run_id)).outcome.billed_seconds and seen, "the bill")

    assert 60 == status.outcome.billed_seconds
    assert (outcome.verdict, outcome.logs) == (status.outcome.verdict, status.outcome.logs)
    assert status.outcome == record_of(run, runner).outcome
    assert ["here"] == lines(runner.attach(run.run_id).stream())


def test_the_timeout_is_cleared_although_nobody_waits_for_the_bill(scripted: Machine, aws: FakeAws) -> None:
    """A schedule that is left behind could take the blame for an end."""
    aws.script(TaskScript(deprovisioning=30.0))
    run = scripted().start(shell("true", timeout="10m"), wait_bill=False)
    outcome = run.wait()
    assert (Verdict.SUCCEEDED, None, []) == (outcome.verdict, outcome.stopped_at, pending(aws))


def test_every_attempt_gets_its_bill_although_nobody_waited_for_it(scripted: Machine, aws: FakeAws) -> None:
    """`status` asks for all of them, as long as ECS knows them."""
    aws.script(TaskScript(deprovisioning=30.0, exit_codes={"main": 75}), TaskScript(deprovisioning=30.0))
    spec = shell("true", retries={"attempts": 2, "backoff": "1s", "on": 75})
    run = scripted().start(spec, wait_bill=False)
    assert None is run.wait().billed_seconds
    aws.clock.sleep(60)
    outcome = scripted().status(run.run_id).outcome
    assert outcome is not None
    assert ([60], 120) == ([one.billed_seconds for one in outcome.earlier], outcome.billed_seconds)
