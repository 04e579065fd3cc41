"""The façade on an endpoint that really executes: what orchestrators stand on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from shelljobs import messages, record_of, shell

from jobrunner import (
    AmbiguousRunError,
    AwsUnreachableError,
    Finished,
    JobRunner,
    LocalEndpointError,
    LogLine,
    PhaseChanged,
    RunFailedError,
    SpecError,
    Started,
    Trigger,
    UnknownJobError,
    UnknownRunError,
    Verdict,
    job_spec,
)
from jobrunner.core.definition import task_definition
from jobrunner.core.naming import keyed_run_id
from jobrunner.errors import AwsRefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from jobrunner import JobSpec, Run
    from jobrunner.local.endpoint import Endpoint

Machine = "Callable[..., JobRunner]"


def revisions(runner: JobRunner, spec: JobSpec) -> int:
    """How many revisions the job's family has."""
    definition = task_definition(spec, runner.settings)
    assert definition is not None
    return len(runner._ports.definitions.revisions(definition.family, 100))


def cloudwatch_logs(endpoint: Endpoint) -> Any:
    """A client of our own, to look at what jobrunner wrote."""
    connection = endpoint.connection
    return boto3.client(
        "logs",
        region_name=connection.region,
        endpoint_url=connection.endpoint_url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def test_a_run_from_start_to_outcome(runner: JobRunner) -> None:
    """Started first, Finished last, phases and lines between, every field of the outcome."""
    run = runner.start(shell("echo one; echo two >&2; exit 3"), trigger=Trigger.MANUAL)

    events = list(run.events())

    assert events[0] == Started(run_id=run.run_id, task_arn=run.record.task_arn)
    assert [event.message for event in events if isinstance(event, LogLine)] == ["one", "two"]
    assert [event.phase for event in events if isinstance(event, PhaseChanged)][-1] == "STOPPED"
    assert isinstance(events[-1], Finished)
    outcome = events[-1].outcome
    assert (outcome.verdict, outcome.exit_code, outcome.reason) == (Verdict.FAILED, 3, "exit")
    assert (outcome.logs.complete, outcome.logs.events) == (True, 2)
    assert outcome.billed_seconds == 60
    assert outcome.cost_usd is not None
    assert run.outcome == outcome == record_of(run, runner).outcome
    with pytest.raises(RunFailedError):
        outcome.raise_for_failure()


def test_the_job_sees_its_identity(runner: JobRunner) -> None:
    """As product.md promises; the scheduled time in UTC."""
    spec = shell(
        'env | grep ^JOBRUNNER_ | sort; echo "$A $DAY"', environment={"DAY": "${{ params.day }}"}, params={"day": None}
    )
    run = runner.start(
        spec,
        trigger=Trigger.BACKFILL,
        scheduled_time=datetime(2026, 11, 23, 2, 30, tzinfo=UTC),
        environment={"A": "1"},
        params={"day": "monday"},
    )
    run.wait().raise_for_failure()

    assert messages(runner, run.run_id) == [
        "JOBRUNNER_ATTEMPT=1",
        "JOBRUNNER_JOB=job",
        f"JOBRUNNER_RUN_ID={run.run_id}",
        "JOBRUNNER_SCHEDULED_TIME=2026-11-23T02:30:00Z",
        "JOBRUNNER_TRIGGER=backfill",
        "1 monday",
    ]


def test_a_second_run_registers_nothing(runner: JobRunner) -> None:
    """Nor after a change of tags or timeout. A changed image is a new revision; the old one is found again."""
    first, changed = shell("true"), shell("true", image="busybox:2")
    for spec in (first, first, shell("true", timeout="1h", tags={"team": "data"})):
        runner.run(spec).raise_for_failure()
    assert revisions(runner, first) == 1

    runner.run(changed).raise_for_failure()
    assert revisions(runner, first) == 2

    run = runner.start(first)
    run.wait().raise_for_failure()
    assert revisions(runner, first) == 2
    assert run.record.request is not None
    assert str(run.record.request["taskDefinition"]).endswith(":1")


def test_the_log_group_is_made_with_its_retention(runner: JobRunner, endpoint: Endpoint) -> None:
    """A task whose log group is missing would not start."""
    runner.run(shell("true")).raise_for_failure()

    logs = cloudwatch_logs(endpoint)
    groups = logs.describe_log_groups(logGroupNamePrefix=runner.settings.log_group)["logGroups"]
    assert [30] == [group["retentionInDays"] for group in groups]


def test_the_same_key_never_starts_a_second_task(machine: Machine) -> None:
    """While it runs, after it has finished, and from another machine."""
    laptop, server = machine("laptop"), machine("server")
    spec = shell("echo ran")

    first = laptop.start(spec, key="2026-11-23")
    again = laptop.start(spec, key="2026-11-23")
    elsewhere = server.start(spec, key="2026-11-23")
    outcome = first.wait()
    finished = laptop.start(spec, key="2026-11-23")
    late = server.start(spec, key="2026-11-23")

    runs = (first, again, elsewhere, finished, late)
    assert len({run.run_id for run in runs}) == 1
    assert len({run.record.task_arn for run in runs}) == 1
    assert outcome == finished.wait()
    assert (outcome.verdict, outcome.exit_code) == (late.wait().verdict, 0)
    assert laptop.start(spec, key="2026-11-24").run_id != first.run_id


def test_many_callers_at_once_agree_on_one_task(machine: Machine) -> None:
    """Eight threads on two machines, one key."""
    machines = [machine("laptop"), machine("server")]
    spec = shell("echo ran")
    machines[0].run(spec).raise_for_failure()  # the definition exists
    barrier = threading.Barrier(8)

    def start(number: int) -> Run:
        barrier.wait()
        return machines[number % 2].start(spec, key="once")

    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(start, range(8)))

    assert len({run.record.task_arn for run in runs}) == 1
    assert {Verdict.SUCCEEDED} == {run.wait().verdict for run in runs}


def test_one_runner_serves_many_threads(runner: JobRunner) -> None:
    """Twenty runs at once, each with its own log and outcome."""

    def run(number: int) -> tuple[int, int | None, list[str]]:
        handle = runner.start(shell(f"echo {number}; exit {number}"))
        outcome = handle.wait()
        return number, outcome.exit_code, messages(runner, handle.run_id)

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(run, range(20)))

    assert results == [(number, number, [str(number)]) for number in range(20)]


def test_a_stop_from_another_thread(runner: JobRunner) -> None:
    """The stream sends it, reads to the end and gives the verdict."""
    run = runner.start(shell("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"))
    lines = []
    for event in run.events():
        if isinstance(event, LogLine):
            lines.append(event.message)
            if event.message == "ready":
                threading.Thread(target=run.stop, args=("jobrunner: stopped by a colleague",)).start()

    assert (lines[0], lines[-1]) == ("ready", "bye")
    assert run.outcome is not None
    assert (run.outcome.verdict, run.outcome.exit_code) == (Verdict.STOPPED, 7)
    assert run.outcome.detail == "stopped by a colleague"


def test_the_timeout_stops_the_task(runner: JobRunner) -> None:
    """The job has its stop timeout to clean up; the option wins over the job's own timeout, and 0 takes it away."""
    outcome = runner.run(shell("exec sleep 60", timeout="1h", stop_timeout="2s"), timeout=1)

    assert (outcome.verdict, outcome.reason, outcome.detail) == (Verdict.TIMED_OUT, "timeout", "timed out after 1s")
    assert runner.start(shell("true", timeout="1h"), timeout=0).record.timeout is None
    assert runner.start(shell("true", timeout="1h")).record.timeout == 3600


def test_a_run_is_found_by_every_name(machine: Machine) -> None:
    """Id, prefix, ARN and reference, on the machine that started it and on another one."""
    laptop, server = machine("laptop"), machine("server")
    run = laptop.start(shell("echo here; exit 4"))
    run.wait()
    arn = str(run.record.task_arn)

    for name in (run.run_id, run.run_id[:5], run.run_id.upper(), arn, run.ref, str(run.ref)):
        assert laptop.attach(name).run_id == run.run_id
        assert laptop.status(name).outcome == run.outcome
    for name in (run.run_id, run.run_id[:5].upper(), arn, run.ref, str(replace(run.ref, task_id=None))):
        outcome = machine(f"fresh {name}"[:20].replace("/", "-")).attach(name).wait()
        assert (outcome.run_id, outcome.job, outcome.exit_code) == (run.run_id, "job", 4)
    assert messages(server, arn) == ["here"]
    with pytest.raises(UnknownRunError, match="complete id or its task ARN"):
        machine("stranger").attach("no-run")


def test_a_prefix_of_several_runs_is_ambiguous(runner: JobRunner) -> None:
    """The hint lists them; nothing is guessed."""
    run = runner.start(shell("true"))
    run.wait()
    for last in "zy":
        other = run.run_id[:-1] + last if not run.run_id.endswith(last) else run.run_id[:-2] + "00"
        runner._ports.runs.add(replace(run.record, run_id=other))

    with pytest.raises(AmbiguousRunError, match="several") as caught:
        runner.attach(run.run_id[:10])

    assert run.run_id in str(caught.value.hint)


@pytest.mark.parametrize(
    "name", ["", "zzzz", "0" * 16, "arn:aws:ecs:us-east-1:123456789012:task/jobrunner/" + "0" * 32]
)
def test_an_unknown_run_is_said_to_be_unknown(runner: JobRunner, name: str) -> None:
    """Whatever it is named by."""
    with pytest.raises(UnknownRunError):
        runner.attach(name)


def test_a_crash_between_answer_and_store_loses_nothing(runner: JobRunner) -> None:
    """The record has no task, ECS has: attach finds it by `startedBy`."""
    run = runner.start(shell("echo alive"))
    runner._ports.runs.save(replace(run.record, task_arn=None))

    found = runner.attach(run.run_id)

    assert found.record.task_arn == run.record.task_arn
    assert found.wait().verdict is Verdict.SUCCEEDED


def test_a_crash_before_the_call_is_told_and_nothing_is_started(runner: JobRunner) -> None:
    """Whoever looks does not expect to start a task."""
    template = runner.start(shell("true"))
    template.wait()
    old = datetime(2026, 1, 1, tzinfo=UTC)
    unsent = replace(template.record, run_id="0" * 16, created_at=old, launched_at=old, task_arn=None, outcome=None)
    runner._ports.runs.add(unsent)

    outcome = runner.attach("0" * 16).wait()

    assert (outcome.verdict, outcome.reason, outcome.billed_seconds) == (Verdict.NEVER_STARTED, "not_sent", 0)
    assert list(runner._ports.tasks.find("jobrunner", started_by=f"jobrunner/{'0' * 16}")) == []


def test_a_key_goes_on_where_a_crash_left_it(machine: Machine) -> None:
    """Before the call: the stored request is sent. After it: the task is found. Never a second task."""
    runner = machine()
    spec = shell("echo ran")
    run = runner.start(spec, key="k")
    before_the_answer = replace(run.record, task_arn=None)
    runner._ports.runs.save(before_the_answer)

    resumed = runner.start(spec, key="k")

    assert resumed.record.task_arn == run.record.task_arn
    assert len(runner._ports.tasks.find("jobrunner", started_by=f"jobrunner/{run.run_id}")) == 1
    resumed.wait()


def test_a_key_whose_attempt_was_never_placed_is_tried_again(runner: JobRunner) -> None:
    """With a token of its own: ECS would answer the old one with the old failure."""
    spec = shell("echo $JOBRUNNER_ATTEMPT")
    template = runner.start(spec)
    outcome = template.wait()
    run_id = keyed_run_id(project=runner.settings.project, stage="local", job="job", key="k")
    unplaced = replace(outcome, run_id=run_id, verdict=Verdict.NEVER_STARTED, reason="placement", task_arn=None)
    runner._ports.runs.add(replace(template.record, run_id=run_id, task_arn=None, outcome=unplaced))

    run = runner.start(spec, key="k")

    assert run.run_id == run_id
    assert run.wait().attempt == 1
    assert messages(runner, run_id) == ["1"]
    assert run.record.request is not None
    assert run.record.request["clientToken"] == f"{run_id}-1.2"


def test_ps_lists_what_runs_of_this_project(machine: Machine, project: Path) -> None:
    """Whoever started it; nothing of another project, and nothing that is over."""
    laptop, server = machine("laptop"), machine("server")
    done = laptop.run(shell("true", name="done"))
    run = laptop.start(shell("echo up; exec sleep 60", name="long", stop_timeout="2s"))
    (project / "jobrunner.yaml").write_text("project: another\ndefault_stage: local\n")
    another = machine("third")

    assert done.succeeded
    assert [(one.record.run_id, one.record.job) for one in laptop.ps()] == [(run.run_id, "long")]
    (seen,) = server.ps()
    assert (seen.record.run_id, seen.record.job, seen.outcome) == (run.run_id, "long", None)
    assert seen.to_json()["phase"] in {"PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"}
    assert list(another.ps()) == []
    server.stop(run.run_id, reason="enough")
    outcome = run.wait()
    assert (outcome.verdict, outcome.detail) == (Verdict.STOPPED, "stopped: enough")
    assert list(laptop.ps()) == []
    assert server.stop(run.run_id).record.run_id == run.run_id


def test_logs_of_a_running_task_end_at_what_is_there(runner: JobRunner) -> None:
    """Without follow; with follow they end with the task."""
    run = runner.start(shell("echo first; exec sleep 60", stop_timeout="2s"))
    for event in run.events():
        if isinstance(event, LogLine):
            break

    assert messages(runner, run.run_id) == ["first"]
    runner.stop(run.run_id)
    followed = list(runner.logs(run.run_id, follow=True))
    assert isinstance(followed[-1], Finished)
    assert followed[-1].outcome.verdict is Verdict.STOPPED


def test_a_status_judges_an_end_that_nobody_observed(runner: JobRunner) -> None:
    """Before ECS forgets it; the log has not been read, and says so until somebody reads it."""
    run = runner.start(shell("echo quick; exit 5"))
    other = runner.start(shell("sleep 0.2"))
    other.wait()
    while (status := runner.status(run.run_id)).outcome is None:
        assert status.phase != "STOPPED"

    assert (status.outcome.verdict, status.outcome.exit_code) == (Verdict.FAILED, 5)
    assert status.outcome.logs.reason == "the log was not read"
    assert runner.attach(run.run_id).wait().logs.complete
    assert record_of(run, runner).outcome == run.wait()


def test_an_existing_task_definition_runs_with_overrides(runner: JobRunner) -> None:
    """Its only essential container is the job's; a new revision is not made."""
    runner.run(shell('echo "A is $A"', name="base")).raise_for_failure()
    family = f"jobrunner-{runner.settings.project}-local-base"
    spec = job_spec(name="reuse", task_definition=family, environment={"A": "1"})

    run = runner.start(spec)

    assert run.wait().succeeded
    assert messages(runner, run.run_id) == ["A is 1"]
    assert len(runner._ports.definitions.revisions(family, 10)) == 1
    with pytest.raises(SpecError, match="does not exist"):
        runner.start(job_spec(name="reuse", task_definition="no-such-family"))
    with pytest.raises(SpecError, match="has no container 'other'"):
        runner.start(job_spec(name="reuse", task_definition=family, container="other"))


def test_what_is_wrong_is_found_before_anything_is_stored(runner: JobRunner) -> None:
    """An unknown job, a missing parameter: no record, no call."""
    with pytest.raises(UnknownJobError):
        runner.start("nothing")
    with pytest.raises(SpecError, match="needs a value for day"):
        runner.prepare(shell("echo ${{ params.day }}", params={"day": None}))

    assert list(runner._ports.runs.recent()) == []


def test_a_refusal_of_ecs_is_raised_and_remembered(machine: Machine) -> None:
    """The record says that the task never started, and why."""
    runner = machine(cluster="no-such-cluster")

    with pytest.raises(AwsRefusedError):
        runner.start(shell("true"))

    (record,) = runner._ports.runs.recent()
    assert record.outcome is not None
    assert (record.outcome.verdict, record.outcome.reason) == (Verdict.NEVER_STARTED, "refused")


def test_an_endpoint_that_has_gone_is_said_to_have_gone(machine: Machine, endpoint: Endpoint) -> None:
    """A run on an earlier life of an endpoint is not looked for on the next one; its known end is still shown."""
    earlier = replace(endpoint.connection, endpoint_id="earlier")
    ghost = machine(connection=earlier)
    over = ghost.start(shell("true"))
    over.wait()
    running = ghost.start(shell("exec sleep 60", stop_timeout="2s"))
    now = machine()

    assert now.status(over.run_id).outcome == over.outcome
    with pytest.raises(LocalEndpointError, match="which has gone"):
        now.attach(running.run_id)
    ghost.stop(running.run_id)
    running.wait()


def test_a_run_of_another_endpoint_names_the_stage(machine: Machine, endpoint: Endpoint) -> None:
    """Its id means nothing where this command looks."""
    elsewhere = machine(connection=replace(endpoint.connection, endpoint_id=None))
    run = elsewhere.start(shell("exec sleep 60", stop_timeout="2s"))

    with pytest.raises(UnknownRunError, match="and this command talks to"):
        machine().attach(run.run_id)
    elsewhere.stop(run.run_id)
    run.wait()


def test_no_answer_is_raised_after_the_record_was_stored(machine: Machine, endpoint: Endpoint) -> None:
    """Nothing listens there: whether the task was started can be asked later."""
    nowhere = replace(endpoint.connection, endpoint_url="http://127.0.0.1:1")

    with pytest.raises(AwsUnreachableError):
        machine(connection=nowhere).start(shell("true"))


def test_the_audit_trail_says_who_did_what(machine: Machine, endpoint: Endpoint) -> None:
    """As JSON lines in the audit log group, written out at close."""
    runner = machine(audit_log_group="/audit/" + machine("x").settings.project)
    run = runner.start(shell("true"))
    run.wait()
    runner.close()

    logs = cloudwatch_logs(endpoint)
    events = logs.filter_log_events(logGroupName=runner.settings.audit_log_group)["events"]
    assert run.run_id in str(events)
    assert all(word in str(events) for word in ("run_started", "run_finished", "succeeded"))
