"""Runs that the state machine looks after: between two attempts, stopped for sure, and when ECS has forgotten them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from deliveries import RUN_ID, TIME, attempt, deliver, first_schedule
from shelljobs import lines, shell

from jobrunner import (
    AwsRefusedError,
    AwsUnreachableError,
    Finished,
    JobRunner,
    JobSpec,
    Retrying,
    Started,
    UnknownRunError,
    Verdict,
)
from jobrunner.core import local_stage, naming
from jobrunner.core.events import Warning as WarningEvent
from jobrunner.core.schedule_request import SCHEDULED_TIME
from jobrunner.core.stops import INTERRUPT
from jobrunner.errors import AwsThrottledError
from jobrunner.testing import Line, MemoryAudit, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jobrunner.core.events import WatchEvent
    from jobrunner.core.execution import Execution
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]

MACHINE = local_stage.STATE_MACHINE
FOREVER = TaskScript(runs=1e6)
FAILS = TaskScript(exit_codes={"main": 75}, lines=(Line(message="fails"),))
WRONG = TaskScript(exit_codes={"main": 3})
SUCCEEDS = TaskScript(lines=(Line(message="succeeds"),))
DENIED = AwsRefusedError("not authorized to perform: states:DescribeExecution", code="AccessDeniedException")


def retried(**fields: Any) -> JobSpec:
    """A job that the state machine tries three times, ten and twenty minutes apart."""
    policy = {"attempts": 3, "backoff": "10m", "max_backoff": "1h", "on": [75, "spot"]}
    return shell("true", schedule={"rate": "1h"}, **{"retries": policy, **fields})


def name_of(runner: JobRunner, number: int = 1) -> str:
    """The name of an execution of the run."""
    settings = runner.settings
    scope = naming.schedule_scope(project=settings.project, stage=settings.stage, job="job")
    return naming.execution_name(scope, TIME, number)


def execute(runner: JobRunner, aws: FakeAws, number: int = 1, *, text: str | None = None) -> str:
    """Start an execution for the run, as its schedule does; its name."""
    name = name_of(runner, number)
    given = first_schedule(runner, retried())["Target"]["Input"].replace(SCHEDULED_TIME, TIME)
    aws.executions.start(MACHINE, name, given if text is None else text)
    return name


def shown(runner: JobRunner, aws: FakeAws, number: int = 1) -> Execution:
    """An execution as it is."""
    execution = aws.executions.describe(MACHINE, name_of(runner, number))
    assert execution is not None
    return execution


def between(runner: JobRunner, aws: FakeAws, *scripts: TaskScript) -> None:
    """Bring the run to where its first attempt has failed, and the machine waits for the second one."""
    aws.script(FAILS, *scripts)
    execute(runner, aws)
    deliver(runner, retried())
    aws.clock.sleep(60)


def cause(**members: Any) -> str:
    """The cause of an execution that failed."""
    given = {"run_id": RUN_ID, "attempt": 1, "task_arn": None, "verdict": "failed", "reason": "exit", "exit_code": 75}
    return json.dumps({**given, "detail": "exit code 75", **members})


def warnings(events: Sequence[WatchEvent]) -> list[str]:
    """The warnings among events."""
    return [event.message for event in events if isinstance(event, WarningEvent)]


def last(events: Sequence[WatchEvent]) -> Finished:
    """The end."""
    assert isinstance(events[-1], Finished)
    return events[-1]


def noted(runner: JobRunner) -> list[tuple[str, Any]]:
    """What the audit trail says was done, with the reasons."""
    audit = runner._ports.audit
    assert isinstance(audit, MemoryAudit)
    return [(action, fields.get("reason")) for action, fields in audit.records]


def forget(aws: FakeAws) -> None:
    """Let ECS forget all tasks that there are, as it does an hour after their end."""
    for task in aws.started:
        task.script = replace(task.script, missing_for=1e9)


# -- between two attempts --------------------------------------------------------------------------------------


def test_a_run_between_two_attempts_waits(scripted: Machine, aws: FakeAws) -> None:
    """It is not over, it says for which attempt, and no end is stored."""
    server = scripted("server")
    between(scripted(), aws)

    status = server.status(RUN_ID)

    assert ("WAITING", None, None) == (status.phase, status.outcome, status.trouble)
    record = status.record
    assert (2, None, [(1, 75, 60)]) == (
        record.attempt,
        record.task_arn,
        [(one.attempt, one.exit_code, one.billed_seconds) for one in record.earlier],
    )
    document = status.to_json()
    assert ["WAITING", 2, None, None] == [document[key] for key in ("phase", "attempt", "verdict", "task_arn")]
    stored = server._ports.runs.get(RUN_ID)
    assert stored is not None
    assert (1, None) == (stored.attempt, stored.outcome)
    assert [(1, 75)] == [(one.outcome.attempt, one.outcome.exit_code) for one in server.explain(RUN_ID).attempts]
    assert ["fails"] == lines(server.logs(RUN_ID))


def test_the_machine_has_the_last_word_on_an_end_that_was_stored(scripted: Machine, aws: FakeAws) -> None:
    """Whoever has seen the attempt end, before the execution was known for instance, does not make it the run's."""
    aws.script(FAILS)
    deliver(scripted(), retried())
    assert 75 == scripted().attach(RUN_ID).wait().exit_code
    execute(scripted(), aws)
    assert "WAITING" == scripted().status(RUN_ID).phase


@pytest.mark.parametrize(("script", "verdict"), [(WRONG, Verdict.FAILED), (SUCCEEDS, Verdict.SUCCEEDED)])
def test_an_end_that_is_not_tried_again_is_known_before_the_machine_sees_it(
    scripted: Machine, aws: FakeAws, script: TaskScript, verdict: Verdict
) -> None:
    """It looks at a task now and then; what it will decide follows from its policy. A success needs no question."""
    aws.script(script)
    execute(scripted(), aws)
    deliver(scripted(), retried())
    aws.clock.sleep(60)
    status = scripted("server").status(RUN_ID)
    assert ("STOPPED", verdict) == (status.phase, getattr(status.outcome, "verdict", None))
    assert (verdict is Verdict.SUCCEEDED) == ("describe" not in aws.executions.calls)


@pytest.mark.parametrize("text", ["", '{"policy": {}}'])
def test_a_machine_whose_policy_cannot_be_read_goes_on_as_long_as_it_runs(
    scripted: Machine, aws: FakeAws, text: str
) -> None:
    """Nothing is taken for an end that may be none."""
    aws.script(WRONG)
    name = execute(scripted(), aws, text=text)
    deliver(scripted(), retried())
    aws.clock.sleep(60)
    assert "WAITING" == scripted().status(RUN_ID).phase
    aws.executions.break_off(MACHINE, name, error="States.Runtime", cause="broken")
    assert 3 == getattr(scripted().status(RUN_ID).outcome, "exit_code", None)


def test_a_task_that_runs_needs_no_execution(scripted: Machine, aws: FakeAws) -> None:
    """Step Functions is not asked."""
    aws.script(FOREVER)
    deliver(scripted(), retried())
    aws.clock.sleep(60)
    assert "RUNNING" == scripted().status(RUN_ID).phase
    assert [] == aws.executions.calls


def test_a_run_that_went_straight_to_run_task_has_no_execution(scripted: Machine, aws: FakeAws) -> None:
    """One question finds that out."""
    aws.script(FAILS)
    deliver(scripted(), retried())
    aws.clock.sleep(60)
    assert 75 == getattr(scripted().status(RUN_ID).outcome, "exit_code", None)
    assert ["describe"] == aws.executions.calls


def test_where_no_state_machine_is_deployed_nothing_is_asked(scripted: Machine, project: Path, aws: FakeAws) -> None:
    """There is nothing to ask."""
    (project / "jobrunner.yaml").write_text(
        f"project: plain\ncluster: {local_stage.CLUSTER}\n"
        "network: {subnets: [subnet-0123456789abcdef0], security_groups: [sg-0123456789abcdef0]}\n"
        f"execution_role: {local_stage.EXECUTION_ROLE}\nscheduler_role: {local_stage.SCHEDULER_ROLE}\n"
    )
    aws.script(FAILS)
    deliver(scripted(), shell("true", schedule={"rate": "1h"}))
    aws.clock.sleep(60)
    assert None is scripted().settings.state_machine
    assert 75 == getattr(scripted().status(RUN_ID).outcome, "exit_code", None)
    assert [] == aws.executions.calls


@pytest.mark.parametrize("error", [DENIED, AwsUnreachableError("no route"), AwsThrottledError("Rate exceeded")])
def test_what_the_machine_does_may_be_unknown(
    scripted: Machine, aws: FakeAws, error: AwsRefusedError | AwsUnreachableError | AwsThrottledError
) -> None:
    """Then it is said so, beside what ECS says; `attach` warns, and ends with the attempt."""
    between(scripted(), aws)
    aws.executions.fail("describe", *[error] * 2000)

    status = scripted().status(RUN_ID)
    assert (error, Verdict.FAILED) == (status.trouble, getattr(status.outcome, "verdict", None))

    events = list(scripted("server").attach(RUN_ID).stream())
    assert [f"whether another attempt follows is not known: {error.what}"] == warnings(events)
    assert 75 == last(events).outcome.exit_code


# -- stopping --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [False, True])
def test_a_run_is_stopped_between_two_attempts(scripted: Machine, aws: FakeAws, *, known: bool) -> None:
    """The execution is stopped, with the reason; the run ends as stopped on every machine, with its bill."""
    laptop, server = scripted("laptop"), scripted("server")
    between(laptop, aws)
    if known:
        laptop.status(RUN_ID)

    run = laptop.stop(RUN_ID, reason="enough")

    assert run.outcome is not None
    assert (Verdict.STOPPED, "user", "stopped: enough", 2, None, 60) == (
        run.outcome.verdict,
        run.outcome.reason,
        run.outcome.detail,
        run.outcome.attempt,
        run.outcome.task_arn,
        run.outcome.billed_seconds,
    )
    assert [(1, 75)] == [(one.attempt, one.exit_code) for one in run.outcome.earlier]
    execution = shown(laptop, aws)
    assert ("ABORTED", "jobrunner.stopped", "jobrunner: stopped: enough") == (
        execution.status,
        execution.error,
        execution.cause,
    )
    assert run.outcome == laptop.status(RUN_ID).outcome == laptop.attach(RUN_ID).outcome
    assert run.outcome == server.status(RUN_ID).outcome
    said = "jobrunner: stopped: enough"
    assert [("execution_stopped", said), ("run_stopped", said)] == [one for one in noted(laptop) if one[1]]
    assert "jobrunner: stopped: enough" == run.asked_to_stop
    assert 0 == aws.tasks.calls.count("stop")

    assert None is laptop.stop(RUN_ID).asked_to_stop  # it is over


def test_a_task_that_is_launched_while_its_run_is_stopped_is_stopped_too(scripted: Machine, aws: FakeAws) -> None:
    """RunTask was under way when the execution was stopped."""
    between(scripted(), aws, FOREVER)
    aws.clock.sleep(700)
    aws.clock.after(2.5, lambda: deliver(scripted(), retried(), at=attempt(2)))

    outcome = scripted().stop(RUN_ID, reason="enough").wait()

    assert (Verdict.STOPPED, 2, aws.started[1].arn) == (outcome.verdict, outcome.attempt, outcome.task_arn)
    assert "jobrunner: stopped: enough" == aws.started[1].stop_reason
    assert outcome == scripted().status(RUN_ID).outcome
    assert "ABORTED" == shown(scripted(), aws).status


def test_whoever_stops_long_before_the_next_attempt_need_not_wait(scripted: Machine, aws: FakeAws) -> None:
    """Its launch cannot be under way."""
    between(scripted(), aws)
    before = aws.clock.now()
    scripted().stop(RUN_ID)
    assert before == aws.clock.now()


def test_a_description_that_is_behind_does_not_undo_the_stop(scripted: Machine, aws: FakeAws) -> None:
    """DescribeExecution may show the execution as running for a moment."""
    between(scripted(), aws)
    name = name_of(scripted())
    running = shown(scripted(), aws)
    stop = aws.executions.stop

    def behind(machine: str, name: str, *, error: str, cause: str) -> bool:
        stop(machine, name, error=error, cause=cause)
        aws.executions.start(machine, name, running.input)
        return True

    ports = replace(scripted()._ports, executions=Behind(aws, behind))
    run = JobRunner(scripted().project, ports=ports).stop(RUN_ID)
    assert (Verdict.STOPPED, 2) == (getattr(run.outcome, "verdict", None), run.record.attempt)
    stop(MACHINE, name, error="jobrunner.stopped", cause="jobrunner: stopped by request")
    assert run.outcome == scripted().status(RUN_ID).outcome


class Behind:
    """Executions whose stop is not seen at once."""

    def __init__(self, aws: FakeAws, stop: Callable[..., bool]) -> None:
        self.describe, self.stop = aws.executions.describe, stop


def test_a_running_attempt_is_stopped_after_its_execution(scripted: Machine, aws: FakeAws) -> None:
    """So that nothing can be launched between the end of the one and the stop of the other."""
    aws.script(FOREVER)
    execute(scripted(), aws)
    deliver(scripted(), retried())
    aws.clock.sleep(60)
    stop = aws.tasks.stop
    order: list[str] = []

    def stopping(cluster: str, task: str, reason: str) -> None:
        order.append(shown(scripted(), aws).status)
        stop(cluster, task, reason)

    aws.tasks.stop = stopping  # type: ignore[method-assign]  # to see what was before

    outcome = scripted().stop(RUN_ID, reason="enough").wait()

    assert {"ABORTED"} == set(order)
    assert (Verdict.STOPPED, "stopped: enough", 1) == (outcome.verdict, outcome.detail, outcome.attempt)
    assert outcome == scripted().status(RUN_ID).outcome


def test_an_attempt_that_follows_the_one_that_was_stopped_is_stopped_too(scripted: Machine, aws: FakeAws) -> None:
    """The task ended by itself, and the next one was launched, before the execution was stopped."""
    aws.script(replace(FAILS, runs=100), FOREVER)
    execute(scripted(), aws)
    deliver(scripted(), retried())
    aws.clock.sleep(60)
    stop = aws.executions.stop

    def late(machine: str, name: str, *, error: str, cause: str) -> bool:
        aws.clock.sleep(800)
        deliver(scripted(), retried(), at=attempt(2))
        return stop(machine, name, error=error, cause=cause)

    ports = replace(scripted()._ports, executions=Behind(aws, late))
    outcome = JobRunner(scripted().project, ports=ports).stop(RUN_ID, reason="enough").wait()
    assert (Verdict.STOPPED, 2) == (outcome.verdict, outcome.attempt)
    assert ["jobrunner: stopped: enough"] == [task.stop_reason for task in aws.started[1:]]


@pytest.mark.parametrize("error", [DENIED, AwsUnreachableError("no route")])
@pytest.mark.parametrize("call", ["describe", "stop"])
def test_who_cannot_stop_executions_stops_the_task(
    scripted: Machine, aws: FakeAws, call: str, error: AwsRefusedError | AwsUnreachableError
) -> None:
    """The state machine reads why, and tries no more."""
    aws.script(FOREVER)
    execute(scripted(), aws)
    deliver(scripted(), retried())
    aws.clock.sleep(60)
    aws.executions.fail(call, *[error] * 100)
    outcome = scripted().stop(RUN_ID, reason="enough").wait()
    assert (Verdict.STOPPED, "RUNNING") == (
        outcome.verdict,
        aws.executions._executions[MACHINE, name_of(scripted())].status,
    )


@pytest.mark.parametrize("call", ["describe", "stop"])
@pytest.mark.parametrize("known", [False, True])
def test_who_may_not_stop_executions_cannot_stop_a_run_between_two_attempts(
    scripted: Machine, aws: FakeAws, call: str, *, known: bool
) -> None:
    """That is an error, and not a run that has been stopped."""
    between(scripted(), aws)
    if known:  # as failed, by whoever saw the attempt end and may not ask either
        aws.executions.fail("describe", *[DENIED] * 3)
        scripted().attach(RUN_ID).wait()
        while aws.executions._errors["describe"]:
            aws.executions._errors["describe"].pop()
    aws.executions.fail(call, *[DENIED] * 100)
    with pytest.raises(AwsRefusedError, match="not authorized"):
        scripted().stop(RUN_ID)
    assert "RUNNING" == aws.executions._executions[MACHINE, name_of(scripted())].status


def test_a_task_is_stopped_although_aws_asks_for_patience(scripted: Machine, aws: FakeAws) -> None:
    """Its execution has been stopped, and with it the one who would stop it at its timeout."""
    aws.script(FOREVER)
    execute(scripted(), aws)
    deliver(scripted(), retried())
    aws.clock.sleep(60)
    aws.tasks.fail("stop", *[AwsThrottledError("Rate exceeded")] * 3)
    assert Verdict.STOPPED is scripted().stop(RUN_ID).wait().verdict


# -- following -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["attach", "logs"])
@pytest.mark.parametrize("begun", ["running", "waiting"])
def test_whoever_follows_waits_for_the_next_attempt(scripted: Machine, aws: FakeAws, how: str, begun: str) -> None:
    """To the end of the run, launching nothing; the whole log is part of it."""
    aws.script(FAILS, SUCCEEDS)
    execute(scripted(), aws)
    deliver(scripted(), retried())
    if begun == "waiting":
        aws.clock.sleep(60)
    aws.clock.after(600, lambda: deliver(scripted(), retried(), at=attempt(2)))
    server = scripted("server")

    events = list(server.attach(RUN_ID).stream() if how == "attach" else server.logs(RUN_ID, follow=True))

    outcome = last(events).outcome
    assert [(1, 75), (2, 0)] == [(one.attempt, one.exit_code) for one in (*outcome.earlier, outcome)]
    assert [1, 2] == [event.attempt for event in events if isinstance(event, Started)]
    [again] = [event for event in events if isinstance(event, Retrying)]
    assert (1, 2, 75) == (again.ended.attempt, again.attempt, again.ended.exit_code)
    assert 400 < again.wait < 750
    assert ["fails", "succeeds"] == lines(events)
    assert (120, True, 2) == (outcome.billed_seconds, outcome.logs.complete, outcome.logs.events)
    assert 1 == sum(isinstance(event, Finished) for event in events)
    assert (2, 2) == (len(aws.started), aws.tasks.calls.count("run"))
    assert outcome == server.status(RUN_ID).outcome


def test_the_next_task_may_be_there_already(scripted: Machine, aws: FakeAws) -> None:
    """When the log of the one before has been read to its end."""
    aws.script(replace(FAILS, log_delay=60.0), SUCCEEDS)
    execute(scripted(), aws)
    deliver(scripted(), retried())
    aws.clock.after(10, lambda: deliver(scripted(), retried(), at=attempt(2)))
    events = list(scripted().attach(RUN_ID).stream())
    assert 0 == last(events).outcome.exit_code
    assert [1, 2] == [event.attempt for event in events if isinstance(event, Started)]


def test_the_last_attempt_is_the_end(scripted: Machine, aws: FakeAws) -> None:
    """The machine is not waited for: it would not try again."""
    aws.script(FAILS, FAILS, FAILS)
    execute(scripted(), aws)
    deliver(scripted(), retried())
    aws.clock.after(600, lambda: deliver(scripted(), retried(), at=attempt(2)))
    aws.clock.after(2000, lambda: deliver(scripted(), retried(), at=attempt(3)))
    events = list(scripted().attach(RUN_ID).stream())
    assert ["fails"] * 3 == lines(events)
    outcome = last(events).outcome
    assert (3, 180, [1, 2]) == (outcome.attempt, outcome.billed_seconds, [one.attempt for one in outcome.earlier])
    assert (True, 3) == (outcome.logs.complete, outcome.logs.events)
    assert True is shown(scripted(), aws).running


@pytest.mark.parametrize("ended", [False, True])
def test_attempts_that_others_followed_meanwhile_are_told_too(scripted: Machine, aws: FakeAws, *, ended: bool) -> None:
    """Each line once, whoever has read it where: this machine knows the end before it was looked for."""
    aws.script(FAILS, replace(FAILS, lines=(Line(message="fails again"),)), SUCCEEDS)
    execute(scripted(), aws)
    deliver(scripted(), retried())

    def meanwhile() -> None:
        deliver(scripted(), retried(), at=attempt(2))
        aws.clock.sleep(60)
        deliver(scripted(), retried(), at=attempt(3))
        if ended:
            scripted().attach(RUN_ID).wait()

    events = []
    for event in scripted().attach(RUN_ID).stream():
        events.append(event)
        if isinstance(event, Retrying) and event.ended.attempt == 1:
            meanwhile()

    assert ["fails", "fails again", "succeeds"] == lines(events)
    assert [1, 2, 3] == [event.attempt for event in events if isinstance(event, Started)]
    outcome = last(events).outcome
    assert (0, 3, 180) == (outcome.exit_code, outcome.attempt, outcome.billed_seconds)
    assert (True, 3) == (outcome.logs.complete, outcome.logs.events)


def test_a_stop_from_elsewhere_ends_the_waiting(scripted: Machine, aws: FakeAws) -> None:
    """And it is said who did it."""
    between(scripted(), aws)
    aws.clock.after(100, lambda: scripted("other").stop(RUN_ID, reason="enough"))
    events = list(scripted().attach(RUN_ID).stream())
    assert (Verdict.STOPPED, "stopped: enough", 2) == (
        last(events).outcome.verdict,
        last(events).outcome.detail,
        last(events).outcome.attempt,
    )


def test_a_run_that_is_overtaken_while_it_waits_has_failed(scripted: Machine, aws: FakeAws) -> None:
    """As its last attempt did."""
    between(scripted(), aws)
    told = cause(attempt=2, reason="overtaken", detail="another run has begun meanwhile: job@2026-11-24T03:30:00Z")
    name = name_of(scripted())
    aws.clock.after(100, lambda: aws.executions.break_off(MACHINE, name, error="jobrunner.Overtaken", cause=told))
    outcome = last(list(scripted().attach(RUN_ID).stream())).outcome
    assert (Verdict.FAILED, "overtaken", 75, 2, None, 60) == (
        outcome.verdict,
        outcome.reason,
        outcome.exit_code,
        outcome.attempt,
        outcome.task_arn,
        outcome.billed_seconds,
    )
    assert (True, 1) == (outcome.logs.complete, outcome.logs.events)
    assert "overtaken" == getattr(scripted("other").status(RUN_ID).outcome, "reason", None)


@pytest.mark.parametrize("begun", ["running", "waiting"])
def test_an_interrupt_between_two_attempts_stops_the_run(scripted: Machine, aws: FakeAws, begun: str) -> None:
    """Whoever follows stops what he follows, and that is the execution then."""
    aws.script(FAILS)
    execute(scripted(), aws)
    deliver(scripted(), retried())
    if begun == "waiting":
        aws.clock.sleep(60)
    run = scripted().attach(RUN_ID)
    events = []
    for event in run.stream():
        events.append(event)
        if isinstance(event, Retrying):
            assert (True, True, True, False) == (run.waiting, run.launched, run.leavable, run.stopping)
            run.stop(f"{INTERRUPT} by SIGINT")
    assert (Verdict.INTERRUPTED, 2) == (last(events).outcome.verdict, last(events).outcome.attempt)
    assert run.stopping
    assert ("ABORTED", "jobrunner: interrupted by SIGINT") == (
        shown(scripted(), aws).status,
        shown(scripted(), aws).cause,
    )
    assert Verdict.INTERRUPTED is getattr(scripted("other").status(RUN_ID).outcome, "verdict", None)


def test_an_interrupt_that_meets_the_next_launch_stops_its_task(scripted: Machine, aws: FakeAws) -> None:
    """It is followed to its end."""
    between(scripted(), aws, FOREVER)
    aws.clock.sleep(700)
    run = scripted().attach(RUN_ID)
    events = []
    for event in run.stream():
        events.append(event)
        if isinstance(event, Retrying):
            aws.clock.after(2.5, lambda: deliver(scripted(), retried(), at=attempt(2)))
            run.stop(f"{INTERRUPT} by SIGINT")
    outcome = last(events).outcome
    assert (Verdict.INTERRUPTED, aws.started[1].arn) == (outcome.verdict, outcome.task_arn)


def test_whoever_leaves_while_the_run_waits_stops_nothing(scripted: Machine, aws: FakeAws) -> None:
    """It goes on; and another stream of the same handle goes on with it."""
    between(scripted(), aws, SUCCEEDS)
    run = scripted().attach(RUN_ID)
    aws.clock.after(100, run.leaving)
    events = list(run.stream())
    assert isinstance(events[-1], Retrying)
    assert (None, True) == (run.outcome, shown(scripted(), aws).running)
    assert 0 == aws.tasks.calls.count("stop")


@pytest.mark.parametrize("error", [AwsUnreachableError("no route"), AwsThrottledError("Rate exceeded")])
def test_an_outage_while_the_run_waits_is_borne(
    scripted: Machine, aws: FakeAws, error: AwsUnreachableError | AwsThrottledError
) -> None:
    """The attempt's end is not taken for the run's meanwhile."""
    between(scripted(), aws, SUCCEEDS)
    scripted().attach(RUN_ID)
    aws.clock.after(600, lambda: deliver(scripted(), retried(), at=attempt(2)))
    aws.clock.after(50, lambda: aws.tasks.fail("find", *[error] * 10))
    aws.clock.after(200, lambda: aws.executions.fail("describe", *[error] * 10))
    events = list(scripted().attach(RUN_ID).stream())
    assert (0, []) == (last(events).outcome.exit_code, warnings(events))


def test_an_outage_that_lasts_is_told(scripted: Machine, aws: FakeAws) -> None:
    """As for every run; it goes on."""
    between(scripted(), aws)
    aws.clock.after(50, lambda: aws.executions.fail("describe", *[AwsUnreachableError("no route")] * 1000))
    with pytest.raises(AwsUnreachableError, match="no route"):
        list(scripted().attach(RUN_ID).stream())


def test_who_may_not_list_tasks_is_told_that_more_may_follow(scripted: Machine, aws: FakeAws) -> None:
    """The attempt that was followed has its end all the same."""
    aws.script(replace(FAILS, runs=100))
    execute(scripted(), aws)
    deliver(scripted(), retried())
    aws.clock.sleep(10)
    run = scripted().attach(RUN_ID)
    refused = AwsRefusedError("not authorized to perform: ecs:ListTasks")
    aws.tasks.fail("find", refused)
    events = list(run.stream())
    assert [f"whether another attempt follows is not known: {refused.what}"] == warnings(events)
    assert (75, refused) == (last(events).outcome.exit_code, run.trouble)


# -- what only the execution knows -----------------------------------------------------------------------------


def test_a_failure_that_ecs_has_forgotten(scripted: Machine, aws: FakeAws) -> None:
    """The execution knows verdict, reason, exit code, detail and task; bill and times are not known."""
    runner = scripted()
    name = execute(runner, aws)
    arn = f"arn:aws:ecs:us-east-1:{local_stage.ACCOUNT_ID}:task/jobrunner/{'a' * 32}"
    aws.executions.break_off(MACHINE, name, error="jobrunner.failed", cause=cause(attempt=3, task_arn=arn))

    status = runner.status(RUN_ID)

    document = status.to_json()
    expected = {
        "run_id": RUN_ID,
        "job": "job",
        "attempt": 3,
        "verdict": "failed",
        "reason": "exit",
        "exit_code": 75,
        "detail": "exit code 75",
        "task_arn": arn,
        "created_at": None,
        "stopped_at": None,
        "billed_seconds": None,
        "cost_usd": None,
        "capacity": None,
        "logs": {"complete": False, "events": 0, "reason": "the log was not read"},
        "trigger": "schedule",
        "scheduled_time": "2026-11-24T02:30:00.000Z",
        "phase": "STOPPED",
    }
    assert expected == {key: document[key] for key in expected}
    assert status.outcome == getattr(runner._ports.runs.get(RUN_ID), "outcome", None)
    assert status.outcome == runner.status(RUN_ID).outcome
    assert [("main", f"/jobrunner/{runner.settings.project}")] == [
        (source.container, source.group) for source in status.record.logs
    ] or status.record.logs[0].group is not None


def test_a_success_that_ecs_has_forgotten(scripted: Machine, aws: FakeAws) -> None:
    """It counts as one: the exit code 0 of the job's own container was seen."""
    name = execute(scripted(), aws)
    output = {"run_id": RUN_ID, "attempt": 2, "task_arn": "arn:aws:ecs:r:1:task/c/t", "verdict": "succeeded"}
    aws.executions.succeed(MACHINE, name, json.dumps(output))
    outcome = scripted().attach(RUN_ID).wait()
    assert (Verdict.SUCCEEDED, 0, 2, None) == (
        outcome.verdict,
        outcome.exit_code,
        outcome.attempt,
        outcome.billed_seconds,
    )


def test_a_run_that_was_skipped(scripted: Machine, aws: FakeAws) -> None:
    """It never started, it cost nothing, and it is said for whom it gave way."""
    name = execute(scripted(), aws)
    running = [{"run_id": "job@2026-11-24T01:30:00Z", "task_arn": "arn"}]
    aws.executions.succeed(MACHINE, name, json.dumps({"run_id": RUN_ID, "skipped": "overlap", "running": running}))
    outcome = scripted().status(RUN_ID).outcome
    assert outcome is not None
    assert (Verdict.NEVER_STARTED, "skipped", None, 0) == (
        outcome.verdict,
        outcome.reason,
        outcome.task_arn,
        outcome.billed_seconds,
    )
    assert "was skipped: another run was under way: job@2026-11-24T01:30:00Z" == outcome.detail


def test_a_run_that_was_never_placed(scripted: Machine, aws: FakeAws) -> None:
    """ECS has never made a task of it; whether others before were billed is not known."""
    name = execute(scripted(), aws)
    told = cause(verdict="never_started", reason="capacity", exit_code=None, detail="ECS did not place the task")
    aws.executions.break_off(MACHINE, name, error="jobrunner.never_started", cause=told)
    outcome = scripted().status(RUN_ID).outcome
    assert outcome is not None
    assert (Verdict.NEVER_STARTED, "capacity", None, None) == (
        outcome.verdict,
        outcome.reason,
        outcome.task_arn,
        outcome.billed_seconds,
    )


def test_a_run_that_has_no_task_yet(scripted: Machine, aws: FakeAws) -> None:
    """ECS has no capacity for it, for instance: it waits, can be stopped, and is followed."""
    aws.script(SUCCEEDS)
    execute(scripted(), aws)
    assert ("WAITING", 1, []) == (
        scripted().status(RUN_ID).phase,
        scripted().status(RUN_ID).record.attempt,
        lines(scripted().logs(RUN_ID)),
    )
    assert None is scripted()._ports.runs.get(RUN_ID)
    aws.clock.after(60, lambda: deliver(scripted(), retried()))
    events = list(scripted().attach(RUN_ID).stream())
    assert ["the run has no task now: waiting for the state machine to launch the next one"] == warnings(events)
    assert (0, 1) == (last(events).outcome.exit_code, last(events).outcome.attempt)


def test_a_run_that_has_no_task_yet_is_stopped(scripted: Machine, aws: FakeAws) -> None:
    """It never gets one."""
    execute(scripted(), aws)
    outcome = scripted().stop(RUN_ID).outcome
    assert (Verdict.STOPPED, None) == (getattr(outcome, "verdict", None), getattr(outcome, "task_arn", ""))
    assert "ABORTED" == shown(scripted(), aws).status


def test_a_task_that_ecs_forgot_before_anybody_saw_its_end(scripted: Machine, aws: FakeAws) -> None:
    """What is recorded here is completed from the execution: while it waits, and when it is over."""
    aws.script(replace(FAILS, runs=100))
    name = execute(scripted(), aws)
    task = deliver(scripted(), retried())
    aws.clock.sleep(60)
    assert "RUNNING" == scripted().status(RUN_ID).phase
    forget(aws)
    assert ("WAITING", 2) == (scripted().status(RUN_ID).phase, scripted().status(RUN_ID).record.attempt)
    aws.executions.break_off(MACHINE, name, error="jobrunner.failed", cause=cause(task_arn=task.task_arn))
    outcome = scripted().status(RUN_ID).outcome
    assert outcome is not None
    assert (Verdict.FAILED, 75, 1, task.task_arn, None) == (
        outcome.verdict,
        outcome.exit_code,
        outcome.attempt,
        outcome.task_arn,
        outcome.billed_seconds,
    )


@pytest.mark.parametrize(("number", "launch"), [(2, 1), (1, 2)])
def test_a_later_launch_that_ecs_has_forgotten(scripted: Machine, aws: FakeAws, number: int, launch: int) -> None:
    """The end that is recorded here was an attempt's; the execution tells the run's."""
    between(scripted(), aws)
    name = name_of(scripted())
    scripted().attach(RUN_ID)
    aws.executions.break_off(
        MACHINE, name, error="jobrunner.out_of_memory", cause=cause(attempt=number, task_arn="arn:2", exit_code=137)
    )
    outcome = scripted().status(RUN_ID).outcome
    assert outcome is not None
    record = scripted()._ports.runs.get(RUN_ID)
    assert (number, launch) == (getattr(record, "attempt", 0), getattr(record, "launch", 0))
    assert (number, 137, "arn:2", [75], None) == (
        outcome.attempt,
        outcome.exit_code,
        outcome.task_arn,
        [one.exit_code for one in outcome.earlier],
        outcome.billed_seconds,
    )
    assert outcome == scripted().status(RUN_ID).outcome


def test_what_ecs_says_of_the_last_task_is_more_than_what_the_execution_says(scripted: Machine, aws: FakeAws) -> None:
    """It has the times and the bill."""
    aws.script(FAILS)
    name = execute(scripted(), aws)
    task = deliver(scripted(), retried())
    aws.clock.sleep(60)
    aws.executions.break_off(MACHINE, name, error="jobrunner.failed", cause=cause(task_arn=task.task_arn))
    assert 60 == getattr(scripted().status(RUN_ID).outcome, "billed_seconds", None)


def test_a_task_that_had_failed_for_good_was_not_stopped(scripted: Machine, aws: FakeAws) -> None:
    """Although somebody stopped the execution before that saw it."""
    aws.script(WRONG)
    name = execute(scripted(), aws)
    deliver(scripted(), retried())
    aws.clock.sleep(60)
    aws.executions.stop(MACHINE, name, error="jobrunner.stopped", cause="jobrunner: stopped by request")
    assert 3 == getattr(scripted().status(RUN_ID).outcome, "exit_code", None)


def test_a_run_that_goes_on_in_another_execution(scripted: Machine, aws: FakeAws) -> None:
    """The last one counts, for status and for stop."""
    between(scripted(), aws)
    continued = json.dumps({"run_id": RUN_ID, "continued": "arn"})
    aws.executions.succeed(MACHINE, name_of(scripted()), continued)
    assert "WAITING" == scripted().status(RUN_ID).phase  # it is about to be there
    execute(scripted(), aws, 2)
    assert "WAITING" == scripted().status(RUN_ID).phase
    scripted().stop(RUN_ID)
    assert ("SUCCEEDED", "ABORTED") == (shown(scripted(), aws).status, shown(scripted(), aws, 2).status)


def test_a_run_that_nobody_knows(scripted: Machine, aws: FakeAws) -> None:
    """Neither ECS nor the state machine; whoever may not ask the latter is told so."""
    with pytest.raises(UnknownRunError, match="neither this machine nor ECS knows run"):
        scripted().status(RUN_ID)
    aws.executions.fail("describe", DENIED)
    with pytest.raises(UnknownRunError) as caught:
        scripted().status(RUN_ID)
    assert "could not be asked: not authorized to perform: states:DescribeExecution." in str(caught.value.hint)


def test_the_execution_is_asked_no_more_than_needed(scripted: Machine, aws: FakeAws) -> None:
    """A run that was stopped between two attempts, or skipped, is over for good."""
    between(scripted(), aws)
    scripted().stop(RUN_ID)
    before = Counter(aws.executions.calls)
    scripted().status(RUN_ID)
    assert before == Counter(aws.executions.calls)
