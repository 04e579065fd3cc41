"""The runs of the past: listed, and found again when ECS has forgotten them and this machine never knew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from deliveries import RUN_ID, TIME, deliver, first_schedule
from remembering import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    deploy_rule,
    forget,
    identity,
    ids,
    launch,
    remember,
    skipped,
    task_arn,
)
from shelljobs import messages, shell

from jobrunner import (
    AmbiguousRunError,
    AwsRefusedError,
    AwsUnreachableError,
    JobRunner,
    LocalEndpointError,
    UnknownRunError,
    Verdict,
)
from jobrunner.core import local_stage, naming
from jobrunner.core.naming import RunRef
from jobrunner.core.schedule_request import SCHEDULED_TIME
from jobrunner.testing import Line, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.core.outcome import Outcome
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]

ONE, TWO, THREE = ("0000000000000001", "0000000000000002", "0000000000000003")
NIGHT = "etl@2026-01-01T02:30:00Z"
FAILS = TaskScript(exit_codes={"main": 75}, lines=(Line(message="fails"),))
FOREVER = TaskScript(runs=1e6)
UNREACHABLE = AwsUnreachableError("there is no answer", where="logs:FilterLogEvents")
DENIED = AwsRefusedError("not authorized", where="logs:FilterLogEvents", code="AccessDeniedException")


# -- listing ---------------------------------------------------------------------------------------------------


def test_the_newest_runs_come_first(scripted: Machine, aws: FakeAws) -> None:
    """A run of a schedule counts for the time that it was due; as many are given as are asked for."""
    deploy_rule(aws)
    remember(scripted(), launch(ONE, NOON - 3 * HOUR), launch(NIGHT, NOON), launch(TWO, NOON - HOUR, number=2))
    assert [TWO, ONE, NIGHT] == ids(scripted().history().entries)
    assert [TWO, ONE] == ids(scripted().history(limit=2).entries)
    assert [] == ids(scripted().history(limit=0).entries)
    assert [TWO, ONE, NIGHT] == ids(scripted().history(limit=None).entries)


def test_runs_are_picked_by_what_they_are(scripted: Machine, aws: FakeAws) -> None:
    """By job, time, and trigger; the end of an interval is not part of it."""
    deploy_rule(aws)
    backfilled = identity(THREE, "other", "backfill")
    remember(scripted(), launch(ONE, NOON - DAY), launch(NIGHT, number=2), launch(backfilled, NOON, number=3))
    history = scripted().history
    assert [NIGHT, ONE] == ids(history("etl").entries)
    assert [] == ids(history("unknown").entries)
    assert [THREE] == ids(history(trigger="backfill").entries)
    assert [NIGHT, ONE] == ids(history(until=NOON).entries)
    assert [THREE, NIGHT] == ids(history(since=NOON - 12 * HOUR).entries)


def test_runs_are_picked_by_their_ends(scripted: Machine, aws: FakeAws) -> None:
    """One verdict or several; what was skipped never started, and is meant only when it is asked for."""
    deploy_rule(aws)
    nights = [f"etl@2026-01-01T0{hour}:30:00Z" for hour in range(9)]
    remember(scripted(), *(skipped(night) for night in nights[:6]), launch(nights[7], exit_code=None, number=7))
    remember(scripted(), launch(ONE), launch(TWO, NOON + MINUTE, 3, number=2))
    remember(scripted(), launch(THREE, NOON + HOUR, over=False, number=3))
    history = scripted().history
    assert [TWO] == ids(history(verdict="failed").entries)
    assert [TWO, ONE] == ids(history(verdict=["succeeded", Verdict.FAILED]).entries)
    assert [TWO] == ids(history(verdict=["succeeded", "failed"], limit=1).entries)
    assert [nights[7]] == ids(history(verdict="never_started").entries)
    assert [nights[5], nights[4]] == ids(history(verdict="skipped", limit=2).entries)
    assert [THREE] == ids(history(verdict="running", limit=2).entries)
    assert [THREE] == ids(history(verdict="running", limit=None).entries)
    assert 10 == len(history(verdict=()).entries)


def test_what_a_query_cannot_ask_is_looked_for_further_back(scripted: Machine, aws: FakeAws) -> None:
    """Until there are enough, or no more."""
    deploy_rule(aws)
    remember(scripted(), launch(identity(ONE, trigger="manual"), NOON - DAY, None))
    remember(scripted(), *(skipped(f"etl@2026-01-01T{hour:02}:30:00Z") for hour in range(24)))
    assert [ONE] == ids(scripted().history(verdict="never_started", limit=1).entries)
    assert [ONE] == ids(scripted().history(verdict="never_started", limit=5).entries)


@pytest.mark.parametrize(("asked", "said"), [({"verdict": "odd"}, "no verdict 'odd'"), ({"limit": -1}, "limit is -1")])
def test_what_makes_no_sense_is_refused(scripted: Machine, asked: dict[str, object], said: str) -> None:
    """Before AWS is asked."""
    with pytest.raises(ValueError, match=said):
        scripted().history(**asked)


def test_other_projects_and_stages_have_histories_of_their_own(scripted: Machine, aws: FakeAws) -> None:
    """All are in one file; what local endpoints of the same stage had is one history."""
    deploy_rule(aws)
    remember(scripted(), launch(ONE), project="another")
    remember(scripted(), launch(TWO, number=2), stage="prod")
    remember(scripted(), launch(THREE, number=3), endpoint_url="http://127.0.0.1:1", endpoint_id="gone")
    assert [THREE] == ids(scripted().history().entries)


def test_offline_asks_nothing(scripted: Machine, aws: FakeAws) -> None:
    """It shows what was read before."""
    deploy_rule(aws)
    remember(scripted(), launch(ONE))
    past = scripted().history(sync=False)
    assert ([ONE], None, None) == (ids(past.entries), past.synced, past.trouble)
    assert ([], []) == (aws.events.calls, aws.tasks.calls)


def test_offline_knows_what_this_machine_has_started(scripted: Machine) -> None:
    """Although nothing was ever read of AWS's history."""
    with scripted() as runner:
        outcome = runner.run(shell("true"))
    assert [outcome.run_id] == ids(scripted().history(sync=False).entries)


@pytest.mark.parametrize("error", [UNREACHABLE, DENIED])
def test_what_cannot_be_asked_is_said(scripted: Machine, aws: FakeAws, error: AwsUnreachableError) -> None:
    """And what was read before is shown."""
    deploy_rule(aws)
    remember(scripted(), launch(ONE))
    aws.events.fail("read", error)
    past = scripted().history()
    assert past.synced is not None
    assert ([ONE], error) == (ids(past.entries), past.synced.trouble)


def test_without_the_rule_there_is_what_this_machine_started_and_what_ecs_knows(
    scripted: Machine, aws: FakeAws
) -> None:
    """Each run once, whoever tells of it."""
    run = scripted().start(shell("true"))
    run.wait()
    other = scripted("server").start(shell("true"))
    other.wait()
    past = scripted().history()
    assert past.synced is not None
    assert ([other.run_id, run.run_id], False) == (ids(past.entries), past.synced.rule)
    forget(aws)
    assert [other.run_id, run.run_id] == ids(scripted().history().entries)
    assert [run.run_id] == ids(scripted("desktop", runs=scripted()._ports.runs).history().entries)


def test_a_file_that_is_of_no_use_is_told_of(scripted: Machine, aws: FakeAws) -> None:
    """History is read anew, and nobody has to wonder why that takes long."""
    deploy_rule(aws)
    runner = scripted()
    directory = runner.settings.state_dir
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "history.sqlite").write_bytes(b"this is no database, however long it may be" * 100)
    assert "was of no use" in str(runner.history().trouble)


# -- finding ---------------------------------------------------------------------------------------------------


def remembered(scripted: Machine, aws: FakeAws, *scripts: TaskScript) -> Outcome:
    """A run of another machine that ECS has forgotten, and that this one, `server`, has in its history only."""
    deploy_rule(aws)
    aws.script(*scripts)
    run = scripted().start(shell("true", retries={"attempts": 2, "backoff": "1s", "on": 75}))
    outcome = run.wait()
    [entry] = scripted().history().entries
    remember(scripted("server"), *entry.launches)
    aws.clock.sleep(7200)
    forget(aws)
    return outcome


@pytest.mark.parametrize("name", ["id", "ID", "prefix", "PREFIX", "arn", "ref", "text of the ref", "ref without task"])
def test_a_run_that_ecs_has_forgotten_is_found(scripted: Machine, aws: FakeAws, name: str) -> None:
    """By every name, with its end, its bill and the names of its logs."""
    outcome = remembered(scripted, aws, TaskScript(lines=(Line(message="done"),)))
    run_id, arn = outcome.run_id, str(outcome.task_arn)
    ref = RunRef(run_id=run_id, region="us-east-1", cluster="jobrunner", task_id=naming.task_id(arn))
    names: dict[str, str | RunRef] = {
        "id": run_id,
        "ID": run_id.upper(),
        "prefix": run_id[:6],
        "PREFIX": run_id[:6].upper(),
        "arn": arn,
        "ref": ref,
        "text of the ref": str(ref),
        "ref without task": replace(ref, task_id=None),
    }
    status = scripted("server").status(names[name])
    assert status.outcome is not None
    expected = (run_id, "job", Verdict.SUCCEEDED, outcome.billed_seconds, outcome.cost_usd, "STOPPED")
    found = status.outcome
    assert expected == (
        found.run_id,
        found.job,
        found.verdict,
        found.billed_seconds,
        found.cost_usd,
        status.phase,
    )
    assert ["done"] == messages(scripted("server"), str(names[name]))


def test_its_attempts_are_known(scripted: Machine, aws: FakeAws) -> None:
    """Each is explained, and has its log; to attach to it is to see its end."""
    outcome = remembered(scripted, aws, FAILS, FAILS)
    server = scripted("server")
    explained = server.explain(outcome.run_id).attempts
    assert [(1, 75, ("fails",)), (2, 75, ("fails",))] == [
        (one.outcome.attempt, one.diagnosis.exit_code, one.last_lines) for one in explained
    ]
    assert all(one.diagnosis.evidence for one in explained)
    assert ["fails", "fails"] == messages(server, outcome.run_id)
    waited = server.attach(outcome.run_id).wait()
    assert (75, 2, outcome.billed_seconds) == (waited.exit_code, waited.attempt, waited.billed_seconds)


def ended_unseen(scripted: Machine, aws: FakeAws, script: TaskScript, **fields: object) -> str:
    """A run that this machine has started and left, and whose end only another machine's history has; its id."""
    aws.script(script)
    run = scripted().start(shell("true", **fields))
    aws.clock.sleep(60)
    [entry] = scripted("server").history().entries
    deploy_rule(aws)
    remember(scripted(), *entry.launches)
    return run.run_id


@pytest.mark.parametrize("script", [TaskScript(), FAILS])
def test_the_end_of_a_run_that_nobody_followed_is_known(scripted: Machine, aws: FakeAws, script: TaskScript) -> None:
    """This machine has a record, without an end; it has one from then on, and is asked for it no more."""
    run_id = ended_unseen(scripted, aws, script)
    forget(aws)
    assert None is scripted().status(run_id).outcome  # a task may be unknown for a moment, and is not yet forgotten
    aws.clock.sleep(3600)
    outcome = scripted().status(run_id).outcome
    assert outcome is not None
    assert (script.exit_codes.get("main", 0), 60) == (outcome.exit_code, outcome.billed_seconds)
    calls = [*aws.tasks.calls]
    assert outcome == scripted().status(run_id).outcome == scripted().attach(run_id).outcome
    assert calls == aws.tasks.calls


def test_ecs_is_asked_before_history_is(scripted: Machine, aws: FakeAws) -> None:
    """Of a run of some hours, history may have read nothing lately; and where ECS does not answer, nothing is known."""
    aws.script(FOREVER)
    run = scripted().start(shell("true"))
    deploy_rule(aws)
    remember(scripted(), launch(run.run_id, NOON, 75, task_arn=str(run.record.task_arn)))
    aws.clock.sleep(7200)
    assert ("RUNNING", None) == ((status := scripted().status(run.run_id)).phase, status.outcome)
    aws.tasks.fail("describe", UNREACHABLE, UNREACHABLE)
    with pytest.raises(AwsUnreachableError):
        scripted().status(run.run_id)


def test_a_run_that_is_to_go_on_is_not_over(scripted: Machine, aws: FakeAws) -> None:
    """Its process ended between two attempts: whoever repeats its key launches the next one."""
    retries = {"attempts": 2, "backoff": "1s", "on": 75}
    run_id = ended_unseen(scripted, aws, FAILS, retries=retries)
    forget(aws)
    aws.clock.sleep(3600)
    assert None is scripted().status(run_id).outcome


def test_what_history_does_not_know_stays_unknown(scripted: Machine, aws: FakeAws) -> None:
    """A run that ECS has forgotten and no rule has told of."""
    aws.script(TaskScript())
    run = scripted().start(shell("true"))
    forget(aws)
    aws.clock.sleep(7200)
    assert (None, None) == ((status := scripted().status(run.run_id)).phase, status.outcome)


def test_what_was_read_before_does_not_hide_that_a_run_goes_on(scripted: Machine, aws: FakeAws) -> None:
    """ECS is asked first: this attempt may not have been the last one."""
    deploy_rule(aws)
    aws.script(FOREVER)
    run = scripted().start(shell("true"))
    remember(scripted("server"), launch(run.run_id, NOON, 75))
    for name in (run.run_id, run.run_id[:6]):
        status = scripted("server").status(name)
        assert ("PROVISIONING", None) == (status.phase, status.outcome)


def test_what_is_read_as_running_is_read_again(scripted: Machine, aws: FakeAws) -> None:
    """Its end has been told since; if it has not, nobody knows more than that it ran."""
    deploy_rule(aws)
    server = scripted("server")
    remember(server, launch(ONE, over=False))
    status = server.status(ONE)
    assert (None, None, ["read"]) == (status.phase, status.outcome, aws.events.calls)
    remember(server, launch(ONE, exit_code=3))
    ended = server.status(ONE).outcome
    assert (3, ["read"]) == (ended and ended.exit_code, aws.events.calls)


def test_a_name_that_means_several_runs_is_ambiguous(scripted: Machine, aws: FakeAws) -> None:
    """The newest come first; no sync is needed to know."""
    deploy_rule(aws)
    remember(scripted(), launch(ONE), launch(TWO, NOON + HOUR, number=2))
    with pytest.raises(AmbiguousRunError, match="'00000' names several runs") as caught:
        scripted().status("00000")
    assert f"{TWO}, {ONE}" == caught.value.hint


def test_part_of_a_scheduled_id_may_mean_what_only_history_knows(scripted: Machine, aws: FakeAws) -> None:
    """ECS has the run of the last hour, and does not know that there were others."""
    deploy_rule(aws)
    aws.script(FOREVER)
    deliver(scripted(), shell("true", schedule={"rate": "1h"}))
    remember(scripted(), launch("job@2026-11-24T01:30:00Z", number=9))
    with pytest.raises(AmbiguousRunError) as caught:
        scripted().status("job@2026-11-24")
    assert f"{RUN_ID}, job@2026-11-24T01:30:00Z" == caught.value.hint
    assert "PROVISIONING" == scripted().status(RUN_ID).phase


def test_a_scheduled_id_means_the_run_of_its_project_and_stage(scripted: Machine, aws: FakeAws) -> None:
    """Others may have one scheduled for then; of several local endpoints, the one that is talked to is meant."""
    deploy_rule(aws)
    server = scripted("server")
    remember(server, launch(NIGHT, exit_code=1), project="another")
    remember(server, launch(NIGHT, exit_code=2, number=2), endpoint_url="http://127.0.0.1:1", endpoint_id="gone")
    assert 2 == getattr(server.status(NIGHT).outcome, "exit_code", None)
    remember(server, launch(NIGHT, exit_code=3, number=3))
    assert 3 == getattr(server.status(NIGHT).outcome, "exit_code", None)


def test_the_state_machine_says_whether_another_attempt_follows(scripted: Machine, aws: FakeAws) -> None:
    """What history has of a scheduled run may be its last attempt, or not."""
    aws.script(FAILS)
    job = shell(
        "true", schedule={"rate": "1h"}, retries={"attempts": 3, "backoff": "3h", "max_backoff": "3h", "on": 75}
    )
    text = first_schedule(scripted(), job)["Target"]["Input"].replace(SCHEDULED_TIME, TIME)
    settings = scripted().settings
    scope = naming.schedule_scope(project=settings.project, stage=settings.stage, job="job")
    name = naming.execution_name(scope, TIME)
    aws.executions.start(local_stage.STATE_MACHINE, name, text)
    deliver(scripted(), job)
    aws.clock.sleep(60)
    assert [RUN_ID] == ids(scripted("server").history().entries)
    aws.clock.sleep(7200)
    forget(aws)
    assert ("WAITING", 2) == ((status := scripted("server").status(RUN_ID)).phase, status.record.attempt)


def test_a_run_without_a_task_is_found_when_the_state_machine_has_forgotten_it(scripted: Machine, aws: FakeAws) -> None:
    """Step Functions keeps an execution for 90 days, and history what it has read."""
    deploy_rule(aws)
    remember(scripted(), skipped(NIGHT))
    outcome = scripted().status(NIGHT).outcome
    assert outcome is not None
    assert (Verdict.NEVER_STARTED, "skipped", 0) == (outcome.verdict, outcome.reason, outcome.billed_seconds)


NAMES = ["no-such-run", ONE, NIGHT, task_arn(7)]


def unknown(runner: JobRunner, name: str) -> str:
    """What is said of a run that nobody knows."""
    with pytest.raises(UnknownRunError, match="nor does history") as caught:
        runner.status(name)
    return str(caught.value.hint)


@pytest.mark.parametrize("name", NAMES)
def test_who_was_asked_is_said(scripted: Machine, aws: FakeAws, name: str) -> None:
    """Of a run that nobody knows: this machine, ECS, and history, as far as there is one."""
    without = "Without the rule of deploy/history.yaml, history has what this machine started and ECS still knows."
    assert without in unknown(scripted(), name)
    deploy_rule(aws)
    assert "What history has was read up to now." in unknown(scripted(), name)
    aws.events.fail("read", DENIED)
    assert "History could not be read: not authorized." in unknown(scripted(), name)


def test_an_aws_that_does_not_answer_has_not_said_that_there_is_no_run(scripted: Machine, aws: FakeAws) -> None:
    """Neither may history of before be the last word on a run of AWS."""
    deploy_rule(aws)
    aws.events.fail("read", UNREACHABLE)
    with pytest.raises(AwsUnreachableError):
        scripted().status("zzz")
    remember(scripted(), launch(ONE))
    aws.tasks.fail("find", UNREACHABLE)
    with pytest.raises(AwsUnreachableError):
        scripted().status(ONE)


def test_what_a_local_endpoint_has_had_outlives_it(scripted: Machine, aws: FakeAws) -> None:
    """What is over can change no more; of what was not, nobody will ever know."""
    ports = scripted()._ports
    gone = replace(ports.connection, endpoint_url="http://127.0.0.1:1", endpoint_id="gone")
    runner = JobRunner(scripted().project, ports=replace(ports, connection=gone))
    remember(runner, launch(ONE, exit_code=4), launch(TWO, over=False, number=2))
    aws.tasks.fail("find", *[UNREACHABLE] * 2)
    assert 4 == getattr(runner.status(ONE).outcome, "exit_code", None)
    with pytest.raises(AwsUnreachableError):
        runner.status(TWO)
    with pytest.raises(LocalEndpointError, match="which has gone"):
        scripted().status(TWO)
