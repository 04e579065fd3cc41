"""Runs that a schedule has started: found by their id on every machine, and followed, but never launched from here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from deliveries import RUN_ID, TIME, attempt, deliver, delivery
from shelljobs import lines, messages, shell, until

from jobrunner import (
    AmbiguousRunError,
    AwsRefusedError,
    AwsUnreachableError,
    Finished,
    JobRunner,
    JobSpec,
    LocalEndpointError,
    Started,
    UnknownRunError,
    Verdict,
    job_spec,
)
from jobrunner.core.naming import RunRef
from jobrunner.core.request import RunRequest
from jobrunner.core.retry import NO_RETRIES, SPOT
from jobrunner.errors import AwsThrottledError
from jobrunner.local import serve
from jobrunner.testing import Line, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jobrunner.core.ports import Tasks
    from jobrunner.core.record import RunRecord
    from jobrunner.local.endpoint import Endpoint
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]

FOREVER = TaskScript(runs=1e6)
FAILS = TaskScript(exit_codes={"main": 75}, lines=(Line(message="fails"),))
SUCCEEDS = TaskScript(lines=(Line(message="succeeds"),))
LATER = "2026-11-25T02:30:00Z"


def scheduled(script: str = "true", **fields: Any) -> JobSpec:
    """A job that runs every hour."""
    return shell(script, **{"schedule": {"rate": "1h"}, **fields})


def retried() -> JobSpec:
    """One that the state machine tries three times."""
    return scheduled(retries={"attempts": 3, "backoff": "10m", "on": 75})


def stored(runner: JobRunner, run_id: str = RUN_ID) -> RunRecord:
    """What this machine has stored of the run."""
    record = runner._ports.runs.get(run_id)
    assert record is not None
    return record


def forget(aws: FakeAws) -> None:
    """Let ECS forget all tasks that there are, as it does an hour after their end."""
    for task in aws.started:
        task.script = replace(task.script, missing_for=1e9)


# -- finding ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [RUN_ID, "ref", "text of the ref", "arn", "job@2026-11-24T02", "job@"])
def test_a_scheduled_run_is_found_on_every_machine(scripted: Machine, aws: FakeAws, name: str) -> None:
    """By its id, a beginning of it, its reference and the ARN of its task; nobody has stored anything before."""
    aws.script(FOREVER)
    task = deliver(scripted("laptop"), scheduled())
    ref = RunRef(run_id=RUN_ID, region="us-east-1", cluster="jobrunner")
    names: dict[str, str | RunRef] = {"ref": ref, "text of the ref": str(ref), "arn": task.task_arn}

    record = scripted("server").status(names.get(name, name)).record

    assert (RUN_ID, "job", "schedule", datetime(2026, 11, 24, 2, 30, tzinfo=UTC)) == (
        record.run_id,
        record.job,
        record.trigger,
        record.scheduled_time,
    )
    assert (task.task_arn, 1, 1) == (record.task_arn, record.attempt, record.launch)
    assert record == stored(scripted("server"))
    assert record.ref == RunRef.parse(str(record.ref))


def test_a_scheduled_run_is_judged_like_all_others(scripted: Machine, aws: FakeAws) -> None:
    """Its end is concluded and stored, with the scheduled time among the JSON that people read."""
    aws.script(SUCCEEDS)
    deliver(scripted(), scheduled())
    aws.clock.sleep(60)

    status = scripted("server").status(RUN_ID)

    assert status.outcome is not None
    assert (Verdict.SUCCEEDED, 60) == (status.outcome.verdict, status.outcome.billed_seconds)
    assert status.outcome == stored(scripted("server")).outcome
    document = status.to_json()
    assert ["schedule", "2026-11-24T02:30:00.000Z", RUN_ID] == [
        document[key] for key in ("trigger", "scheduled_time", "run_id")
    ]


def test_a_beginning_that_fits_several_runs_is_ambiguous(scripted: Machine, aws: FakeAws) -> None:
    """The newest come first; a complete id is never ambiguous."""
    aws.default = FOREVER
    times = [f"2026-11-2{day}T02:30:00Z" for day in range(1, 8)]
    for time in times:
        deliver(scripted(), scheduled(), time=time)

    with pytest.raises(AmbiguousRunError, match="'job@2026-11' names several runs") as caught:
        scripted().status("job@2026-11")

    newest = ", ".join(f"job@{time}" for time in reversed(times[2:]))
    assert f"{newest} and more" == caught.value.hint
    assert "job@2026-11-23T02:30:00Z" == scripted().status("job@2026-11-23").record.run_id


def test_what_this_machine_has_recorded_is_found_by_its_beginning(scripted: Machine, aws: FakeAws) -> None:
    """As with every run; with the id of another run of that beginning, it is ambiguous."""
    aws.default = FOREVER
    for time in (TIME, LATER):
        deliver(scripted(), scheduled(), time=time)
    scripted().status(RUN_ID)
    assert RUN_ID == scripted().status("job@").record.run_id
    scripted().status(f"job@{LATER}")
    with pytest.raises(AmbiguousRunError, match="'job' names several runs"):
        scripted().status("job")


@pytest.mark.parametrize("name", ["JOB@" + TIME, "Job@", RUN_ID.lower(), "JOB"])
def test_the_name_of_a_job_keeps_its_case(scripted: Machine, aws: FakeAws, name: str) -> None:
    """`Job` is another job, also when this machine has a record of the one that is not meant."""
    aws.script(FOREVER)
    deliver(scripted(), scheduled())
    assert RUN_ID == scripted().status(RUN_ID).record.run_id
    with pytest.raises(UnknownRunError):
        scripted().status(name)


def test_an_id_that_was_drawn_may_be_typed_in_capitals(scripted: Machine, aws: FakeAws) -> None:
    """Whole or in part, and beside scheduled runs of a job whose name begins so."""
    aws.default = FOREVER
    run = scripted().start(shell("true"))
    deliver(scripted(), scheduled(name=run.run_id[:4].upper()))
    deliver(scripted(), scheduled(name=f"{run.run_id[:4]}-job"))
    scripted().status(f"{run.run_id[:4]}-job@{TIME}")
    assert [run.run_id] * 2 == [
        scripted().status(name).record.run_id for name in (run.run_id.upper(), run.run_id[:8].upper())
    ]
    assert [run.run_id] == [one.run_id for one in scripted()._ports.runs.find(run.run_id[:5])]


@pytest.mark.parametrize("name", [f"job@{LATER}", "job@2027", "other@", "@", RUN_ID + "x"])
def test_a_run_that_no_schedule_has_started(scripted: Machine, aws: FakeAws, name: str) -> None:
    """It is said where it was looked for."""
    aws.script(FOREVER)
    deliver(scripted(), scheduled())
    with pytest.raises(UnknownRunError, match="neither this machine nor ECS knows run") as caught:
        scripted().status(name)
    assert "ECS forgets a stopped task after about an hour." in str(caught.value.hint)
    assert f"in project {scripted().settings.project}, stage local." in str(caught.value.hint)


def test_a_project_without_a_stage_is_named_without_one(scripted: Machine, project: Path, aws: FakeAws) -> None:
    """Whose runs were looked for."""
    (project / "jobrunner.yaml").write_text(f"project: plain\ncluster: {next(iter(aws.clusters))}\n")
    with pytest.raises(UnknownRunError) as caught:
        scripted().status(RUN_ID)
    assert str(caught.value.hint).endswith("It was looked for in project plain.")


def test_the_same_id_means_another_run_in_another_stage(scripted: Machine, project: Path, aws: FakeAws) -> None:
    """Neither ECS's task nor this machine's record of the one is taken for the other."""
    aws.default = FOREVER
    text = (project / "jobrunner.yaml").read_text()
    mine = deliver(scripted(), scheduled())
    assert mine.task_arn == scripted().status(RUN_ID).record.task_arn

    (project / "jobrunner.yaml").write_text(text + "stages: {local: {}, other: {endpoint: local}}\n")
    (project / "jobrunner.yaml").write_text(
        (project / "jobrunner.yaml").read_text().replace("default_stage: local", "default_stage: other")
    )
    assert "other" == scripted().settings.stage
    with pytest.raises(UnknownRunError):
        scripted().status(RUN_ID)
    with pytest.raises(UnknownRunError):
        scripted().status(str(RunRef(run_id=RUN_ID, region="us-east-1", cluster="jobrunner")))
    theirs = deliver(scripted(), scheduled())
    assert theirs.task_arn == scripted().status(RUN_ID).record.task_arn

    (project / "jobrunner.yaml").write_text(text)
    assert mine.task_arn == scripted().status(RUN_ID).record.task_arn


def test_a_task_of_another_stage_is_shown_and_not_stored(scripted: Machine, project: Path, aws: FakeAws) -> None:
    """Its ARN names it wherever one asks; but its id would mean another run here."""
    aws.script(FOREVER)
    task = deliver(scripted(), scheduled())
    text = (project / "jobrunner.yaml").read_text()
    (project / "jobrunner.yaml").write_text(text.replace("project: t", "project: u"))

    record = scripted("server").status(task.task_arn).record

    assert (RUN_ID, task.task_arn) == (record.run_id, record.task_arn)
    assert None is scripted("server")._ports.runs.get(RUN_ID)


def test_a_recorded_task_is_found_by_its_arn_wherever_one_asks(scripted: Machine, project: Path, aws: FakeAws) -> None:
    """An ARN means one task, whatever its run's id may mean here."""
    aws.script(FOREVER)
    task = deliver(scripted(), scheduled())
    known = scripted().status(RUN_ID).record
    text = (project / "jobrunner.yaml").read_text()
    (project / "jobrunner.yaml").write_text(text.replace("project: t", "project: u"))
    assert known == scripted().status(task.task_arn).record


@pytest.mark.parametrize("time", ["yesterday", "2026-11-24T02:30:00", ""])
def test_a_scheduled_time_that_is_none_is_not_known(scripted: Machine, aws: FakeAws, time: str) -> None:
    """Whoever writes a task's overrides may write what he likes into them."""
    aws.script(FOREVER)
    body = delivery(scripted(), scheduled())
    [override] = body["overrides"]["containerOverrides"]
    for pair in override["environment"]:
        if pair["name"] == "JOBRUNNER_SCHEDULED_TIME":
            pair["value"] = time
    scripted()._ports.tasks.run(RunRequest(body=body))
    assert None is scripted().status(RUN_ID).record.scheduled_time


def test_a_task_that_only_looks_scheduled_is_no_run(scripted: Machine, aws: FakeAws) -> None:
    """Without a run's id in its environment it is shown as the task that it is, and not stored."""
    aws.script(FOREVER)
    body = delivery(scripted(), scheduled())
    body["overrides"]["containerOverrides"][0]["environment"] = []
    task = scripted()._ports.tasks.run(RunRequest(body=body)).task
    assert task is not None

    record = scripted().status(task.task_arn).record

    assert (task.task_arn.rpartition("/")[2], "unknown") == (record.run_id, record.trigger)
    assert [] == list(scripted()._ports.runs.recent())
    with pytest.raises(UnknownRunError):
        scripted().status(RUN_ID)


def test_a_reference_finds_a_task_that_is_not_listed(scripted: Machine, aws: FakeAws) -> None:
    """Its task id does, as for every run; a task that ECS has forgotten is unknown."""
    aws.script(FOREVER)
    task = deliver(scripted(), scheduled())
    ref = replace(scripted().status(RUN_ID).record.ref, run_id=f"job@{LATER}")
    assert task.task_arn == scripted("server").status(ref).record.task_arn
    with pytest.raises(UnknownRunError, match="ECS does not know task fff"):
        scripted("server").status(replace(ref, task_id="f" * 32))


def test_a_task_leads_to_its_own_run(scripted: Machine, aws: FakeAws) -> None:
    """All that the schedules of a job start has one startedBy."""
    aws.default = FOREVER
    first = deliver(scripted(), scheduled())
    deliver(scripted(), scheduled(), time=LATER)
    record = scripted("server").status(first.task_arn).record
    assert (RUN_ID, first.task_arn, 1) == (record.run_id, record.task_arn, record.launch)


class Unlisting:
    """Tasks that ECS describes and does not list yet: both are eventually consistent, each for itself."""

    def __init__(self, tasks: Tasks) -> None:
        self.run, self.describe, self.stop = tasks.run, tasks.describe, tasks.stop

    def find(
        self, cluster: str, *, started_by: str | None = None, family: str | None = None, stopped: bool = True
    ) -> Sequence[str]:
        del cluster, started_by, family, stopped
        return ()


def test_a_task_that_is_not_listed_is_its_whole_run(scripted: Machine, aws: FakeAws) -> None:
    """As far as is known."""
    aws.script(FOREVER)
    task = deliver(scripted(), scheduled())
    ports = scripted("server")._ports
    unlisted = JobRunner(scripted("server").project, ports=replace(ports, tasks=Unlisting(ports.tasks)))
    record = unlisted.status(task.task_arn).record
    assert (RUN_ID, task.task_arn) == (record.run_id, record.task_arn)


# -- attempts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["id", "first task", "second task"])
def test_the_attempts_of_the_state_machine_are_one_run(scripted: Machine, aws: FakeAws, by: str) -> None:
    """Whichever of its tasks one names; each has its end, its bill and its log."""
    aws.script(FAILS, FOREVER)
    first = deliver(scripted(), retried())
    aws.clock.sleep(60)
    second = deliver(scripted(), retried(), at=attempt(2))
    server = scripted("server")

    status = server.status({"id": RUN_ID, "first task": first.task_arn, "second task": second.task_arn}[by])

    record = status.record
    assert (RUN_ID, 2, 1, second.task_arn, None) == (
        record.run_id,
        record.attempt,
        record.launch,
        record.task_arn,
        status.outcome,
    )
    assert [(1, 75, 60, first.task_arn)] == [
        (one.attempt, one.exit_code, one.billed_seconds, one.task_arn) for one in record.earlier
    ]
    assert [(1, "exit")] == [(one.outcome.attempt, one.diagnosis.reason) for one in server.explain(RUN_ID).attempts]
    assert ["fails"] == messages(server, RUN_ID)
    assert NO_RETRIES == record.policy


def test_a_launch_that_died_before_the_job_ran_is_no_attempt(scripted: Machine, aws: FakeAws) -> None:
    """Two tasks of one attempt, told apart by the time at which ECS made them; on demand after Spot."""
    aws.script(TaskScript(never_starts="Timeout waiting for network interface provisioning to complete."), FOREVER)
    spec = scheduled(capacity="spot-then-on-demand")
    deliver(scripted(), spec)
    aws.clock.sleep(60)
    deliver(scripted(), spec, at=attempt(1, launch=2))

    record = scripted("server").status(RUN_ID).record

    assert (1, 2, "on-demand") == (record.attempt, record.launch, record.capacity)
    assert [(1, SPOT, Verdict.NEVER_STARTED)] == [(one.attempt, one.capacity, one.verdict) for one in record.earlier]


def test_an_attempt_that_comes_after_the_end_that_was_seen(scripted: Machine, aws: FakeAws) -> None:
    """Only the state machine knows that there is another one: what was stored as the end is then an earlier one."""
    aws.script(FAILS, SUCCEEDS)
    deliver(scripted(), retried())
    seen = scripted().attach(RUN_ID).wait()
    assert (Verdict.FAILED, 75, True) == (seen.verdict, seen.exit_code, seen.logs.complete)
    aws.clock.sleep(600)
    deliver(scripted(), retried(), at=attempt(2))

    assert (None, 2) == (scripted().status(RUN_ID).outcome, stored(scripted()).attempt)
    events = list(scripted().attach(RUN_ID).stream())

    assert isinstance(events[-1], Finished)
    outcome = events[-1].outcome
    assert [(1, 75), (2, 0)] == [(one.attempt, one.exit_code) for one in (*outcome.earlier, outcome)]
    assert (120, True, 2) == (outcome.billed_seconds, outcome.logs.complete, outcome.logs.events)
    assert ["fails", "succeeds"] == lines(events)
    assert outcome == stored(scripted()).outcome
    assert 2 == len(aws.started)


def test_what_has_been_read_of_an_earlier_log_stays_known(scripted: Machine, aws: FakeAws) -> None:
    """The attempt is concluded anew from what ECS says of it, and its log is not read again for that."""
    aws.script(FAILS, FOREVER)
    deliver(scripted(), retried())
    read = scripted().attach(RUN_ID).wait().logs
    deliver(scripted(), retried(), at=attempt(2))
    assert (True, 1) == (read.complete, read.events)
    assert [read] == [one.logs for one in scripted().status(RUN_ID).record.earlier]


def test_a_launch_that_ecs_does_not_list_yet_stays_the_last_one(scripted: Machine, aws: FakeAws) -> None:
    """The one before it, of the same attempt, does not come back."""
    never = TaskScript(never_starts="Timeout waiting for network interface provisioning to complete.")
    aws.script(never, FOREVER)
    deliver(scripted(), retried())
    aws.clock.sleep(60)
    last = deliver(scripted(), retried(), at=attempt(1, launch=2))
    known = scripted().status(RUN_ID).record
    aws.started[1].script = replace(FOREVER, missing_for=1e9)
    assert (known, last.task_arn) == (scripted().status(RUN_ID).record, known.task_arn)


def test_an_attempt_that_ecs_has_forgotten_is_remembered(scripted: Machine, aws: FakeAws) -> None:
    """It is forgotten an hour after its end; the back-off may be longer."""
    aws.script(FAILS, FAILS, FOREVER)
    deliver(scripted(), retried())
    first = scripted().attach(RUN_ID).wait()
    deliver(scripted(), retried(), at=attempt(2))
    scripted().attach(RUN_ID).wait()
    aws.clock.sleep(7200)
    forget(aws)
    deliver(scripted(), retried(), at=attempt(3))

    record = scripted().status(RUN_ID).record

    assert (3, 1) == (record.attempt, record.launch)
    assert [(1, 75, 60), (2, 75, 60)] == [(one.attempt, one.exit_code, one.billed_seconds) for one in record.earlier]
    assert first == record.earlier[0]
    assert 2 == len(record.tasks)


def test_what_a_forgotten_launch_leaves_counts(scripted: Machine, aws: FakeAws) -> None:
    """Of one attempt, too: the next launch is the second one although ECS shows no first."""
    never = TaskScript(never_starts="Timeout waiting for network interface provisioning to complete.")
    aws.script(never, FOREVER)
    deliver(scripted(), retried())
    scripted().attach(RUN_ID).wait()
    forget(aws)
    deliver(scripted(), retried(), at=attempt(1, launch=2))
    record = scripted().status(RUN_ID).record
    assert (1, 2, 1) == (record.attempt, record.launch, len(record.earlier))


def test_a_success_is_the_end(scripted: Machine, aws: FakeAws) -> None:
    """ECS is not asked for more attempts of it."""
    aws.script(SUCCEEDS)
    deliver(scripted(), retried())
    scripted().attach(RUN_ID).wait()
    before = list(aws.tasks.calls)
    assert Verdict.SUCCEEDED == getattr(scripted().status(RUN_ID).outcome, "verdict", None)
    assert before == aws.tasks.calls


@pytest.mark.parametrize("error", [AwsUnreachableError("no route"), AwsThrottledError("Rate exceeded")])
def test_an_end_that_is_known_is_given_without_aws(
    scripted: Machine, aws: FakeAws, error: AwsUnreachableError | AwsThrottledError
) -> None:
    """Also when another attempt might follow it: its endpoint may have gone."""
    aws.script(FAILS)
    deliver(scripted(), retried())
    outcome = scripted().attach(RUN_ID).wait()
    aws.tasks.fail("find", *[error] * 6)
    assert outcome == scripted().status(RUN_ID).outcome


def test_a_refusal_is_told(scripted: Machine, aws: FakeAws) -> None:
    """Who may not list tasks cannot know whether the end that he has seen is the end."""
    aws.script(FAILS)
    deliver(scripted(), retried())
    scripted().attach(RUN_ID).wait()
    aws.tasks.fail("find", AwsRefusedError("not authorized to perform: ecs:ListTasks"))
    with pytest.raises(AwsRefusedError, match="not authorized"):
        scripted().status(RUN_ID)


# -- following -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["attach", "logs"])
def test_nothing_is_launched_for_a_scheduled_run(scripted: Machine, aws: FakeAws, how: str) -> None:
    """Whoever follows it sees the attempt end, whatever the job's retries say: the next one is the state machine's."""
    aws.script(FAILS)
    deliver(scripted(), retried())
    server = scripted("server")
    events = list(server.attach(RUN_ID).stream() if how == "attach" else server.logs(RUN_ID, follow=True))

    assert isinstance(events[-1], Finished)
    assert ["fails"] == lines(events)
    assert 75 == events[-1].outcome.exit_code
    aws.clock.sleep(3600)
    assert (1, 1) == (len(aws.started), aws.tasks.calls.count("run"))
    assert (None, NO_RETRIES) == (stored(server).request, stored(server).policy)


def test_the_deadline_is_the_state_machines(scripted: Machine, aws: FakeAws) -> None:
    """No schedule is made for the timeout of a scheduled run that somebody follows."""
    aws.script(SUCCEEDS)
    deliver(scripted(), scheduled(timeout="1h"))
    scripted("server").attach(RUN_ID).wait()
    assert [] == aws.deadlines.calls


def test_whoever_follows_goes_on_with_the_attempt_that_others_have_seen(scripted: Machine, aws: FakeAws) -> None:
    """Another process of this machine has found the second attempt before the first one's log was read to its end."""
    aws.script(replace(FAILS, log_delay=5.0), replace(SUCCEEDS, runs=60))
    deliver(scripted(), retried())
    aws.clock.after(5, lambda: deliver(scripted(), retried(), at=attempt(2)))
    aws.clock.after(6, lambda: scripted().status(RUN_ID))

    events = list(scripted().attach(RUN_ID).stream())

    assert [1, 2] == [event.attempt for event in events if isinstance(event, Started)]
    assert isinstance(events[-1], Finished)
    outcome = events[-1].outcome
    assert [(1, 75), (2, 0)] == [(one.attempt, one.exit_code) for one in (*outcome.earlier, outcome)]
    assert ["fails", "succeeds"] == lines(events)
    assert 2 == len(aws.started)


def test_a_stop_says_by_whom_and_ends_the_run(scripted: Machine, aws: FakeAws) -> None:
    """The attempt that runs is stopped, with the words by which the state machine knows not to retry it."""
    aws.script(FAILS, FOREVER)
    deliver(scripted(), retried())
    aws.clock.sleep(60)
    deliver(scripted(), retried(), at=attempt(2))

    outcome = scripted("server").stop(RUN_ID, reason="enough").wait()

    assert (Verdict.STOPPED, "user", 2) == (outcome.verdict, outcome.reason, outcome.attempt)
    assert [None, "jobrunner: stopped: enough"] == [task.stop_reason for task in aws.started]


# -- listing ---------------------------------------------------------------------------------------------------


def test_ps_lists_scheduled_runs(scripted: Machine, aws: FakeAws) -> None:
    """On every machine, with the attempt that runs; whether this machine knows the run or not."""
    aws.script(FAILS, FOREVER, FOREVER)
    deliver(scripted(), retried())
    aws.clock.sleep(60)
    deliver(scripted(), retried(), at=attempt(2))
    deliver(scripted(), retried(), time=LATER)
    scripted().status(RUN_ID)
    expected = [(RUN_ID, 2, "schedule", TIME), (f"job@{LATER}", 1, "schedule", LATER)]
    for name in ("laptop", "server"):
        listed = [one.record for one in scripted(name).ps()]
        assert expected == [
            (one.run_id, one.attempt, one.trigger, f"{one.scheduled_time:%Y-%m-%dT%H:%M:%SZ}") for one in listed
        ]


def test_ps_lists_scheduled_runs_of_an_existing_definition(scripted: Machine, project: Path, aws: FakeAws) -> None:
    """Its family is not jobrunner's, but its schedule is this project's and this stage's."""
    aws.default = FOREVER
    aws.definitions.register({"family": "old", "containerDefinitions": [{"name": "main"}]})
    spec = job_spec(name="job", task_definition="old", schedule={"rate": "1h"})
    deliver(scripted(), spec)
    assert [RUN_ID] == [one.record.run_id for one in scripted("server").ps()]
    text = (project / "jobrunner.yaml").read_text()
    (project / "jobrunner.yaml").write_text(text.replace("project: t", "project: u"))
    assert [] == scripted("server").ps()


# -- on an endpoint that executes ------------------------------------------------------------------------------


def test_a_delivery_of_the_same_time_starts_nothing(machine: Machine) -> None:
    """EventBridge Scheduler delivers at least once: the token is the run's, and ECS answers with its task."""
    runner = machine()
    spec = scheduled("echo $JOBRUNNER_RUN_ID $JOBRUNNER_TRIGGER $JOBRUNNER_SCHEDULED_TIME $JOBRUNNER_ATTEMPT")
    body = delivery(runner, spec)
    client = boto3.client(
        "ecs",
        region_name=runner.connection.region,
        endpoint_url=runner.connection.endpoint_url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    answers = [client.run_task(**body) for _ in range(3)]
    client.close()
    assert [[]] * 3 == [answer["failures"] for answer in answers]
    assert 1 == len({answer["tasks"][0]["taskArn"] for answer in answers})
    outcome = machine("server").attach(RUN_ID).wait().raise_for_failure()
    assert (60, True, 1) == (outcome.billed_seconds, outcome.logs.complete, outcome.logs.events)
    assert [f"{RUN_ID} schedule {TIME} 1"] == messages(machine("server"), RUN_ID)


def test_a_scheduled_run_is_stopped_and_explained(machine: Machine) -> None:
    """On a machine that has only its id."""
    deliver(machine(), scheduled("echo up; exec sleep 60", stop_timeout="2s"))
    server = machine("server")
    until(lambda: messages(server, RUN_ID) == ["up"], "the job's line")
    assert [RUN_ID] == [one.record.run_id for one in server.ps()]
    outcome = server.stop(RUN_ID, reason="enough").wait()
    assert (Verdict.STOPPED, "stopped: enough") == (outcome.verdict, outcome.detail)
    [explained] = machine("other").explain(RUN_ID).attempts
    assert ("user", ("up",)) == (explained.diagnosis.reason, explained.last_lines)


def test_a_time_that_comes_again_at_another_local_endpoint(machine: Machine, tmp_path: Path) -> None:
    """It is another run, and takes the record's place; where it has not come, what was recorded is given."""
    with serve(workdir=tmp_path) as first:
        runner = machine(connection=first.connection)
        deliver(runner, scheduled("exit 3"))
        ended = runner.attach(RUN_ID).wait()
    with serve(workdir=tmp_path) as second:
        runner = machine(connection=second.connection)
        assert ended == runner.status(RUN_ID).outcome
        deliver(runner, scheduled("exit 4"))
        assert (3, 4) == (ended.exit_code, runner.attach(RUN_ID).wait().exit_code)
        assert second.connection.endpoint_id == stored(runner).endpoint_id


def test_a_run_whose_endpoint_has_gone_is_said_to_have_gone(
    machine: Machine, endpoint: Endpoint, tmp_path: Path
) -> None:
    """As every run, when its end is not known."""
    with serve(workdir=tmp_path) as first:
        runner = machine(connection=first.connection)
        deliver(runner, scheduled("sleep 60", stop_timeout="2s"))
        assert None is runner.status(RUN_ID).outcome
    with pytest.raises(LocalEndpointError, match="which has gone"):
        machine(connection=endpoint.connection).status(RUN_ID)
