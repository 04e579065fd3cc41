"""From a job to its schedules: the same request as `run`, once for each expression; AWS's models check all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import job_documents, schedules

from jobrunner.core import naming
from jobrunner.core.ecs_json import pascal
from jobrunner.core.options import RunOptions
from jobrunner.core.place import Place
from jobrunner.core.request import RunIdentity, run_request
from jobrunner.core.retry import Policy
from jobrunner.core.schedule_request import (
    ScheduleRequest,
    check_schedulable,
    description,
    job_of,
    needs_state_machine,
    schedule_requests,
)
from jobrunner.core.settings import Settings
from jobrunner.core.spec import JobSpec, Network, job_spec
from jobrunner.document import load_project
from jobrunner.errors import SpecError

PROJECT = Path(__file__).parents[3]
PLACE = Place(region="eu-west-1", account="123456789012")
NOW = "<aws.scheduler.scheduled-time>"
SETTINGS = Settings(
    project="shop",
    stage="prod",
    region="eu-west-1",
    cluster="blue",
    network=Network(subnets=("subnet-0123456789abcdef0",), security_groups=("sg-0123456789abcdef0",)),
    execution_role="exec",
    scheduler_role="scheduler",
    schedule_group="jobrunner-shop-prod",
    state_machine="jobrunner-shop-prod",
    log_group="/jobrunner/shop/prod",
    tags={"team": "data"},
    state_dir=Path("unused"),
)
SCOPE = naming.schedule_scope(project="shop", stage="prod", job="etl")
RUN_TASK = "arn:aws:scheduler:::aws-sdk:ecs:runTask"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:jobrunner-shop-prod"
#: What a run is known by, which cannot be the same: see `test_a_schedule_sends_what_run_sends`.
IDENTITY = {"JOBRUNNER_RUN_ID", "JOBRUNNER_TRIGGER", "JOBRUNNER_SCHEDULED_TIME"}
#: What makes the state machine necessary, one by one.
NEEDY: tuple[dict[str, Any], ...] = (
    {"timeout": "2h"},
    {"start_timeout": "10m"},
    {"retries": {"attempts": 3}},
    {"overlap": "forbid"},
    {"overlap": "replace"},
    {"capacity": "spot-then-on-demand"},
)


def job(**fields: Any) -> JobSpec:
    """A job that runs at night."""
    return job_spec(**{"name": "etl", "image": "python:3.13-slim", "schedule": {"cron": "30 2 * * *"}, **fields})


def requests(spec: JobSpec, conditions: Settings = SETTINGS, place: Place = PLACE) -> tuple[ScheduleRequest, ...]:
    """The requests of all its schedules."""
    definition = spec.task_definition or "etl:7"
    container = spec.container or naming.MAIN_CONTAINER
    return schedule_requests(spec, conditions, place, task_definition=definition, container=container)


def body(spec: JobSpec, conditions: Settings = SETTINGS, place: Place = PLACE) -> dict[str, Any]:
    """The request of its only schedule."""
    [only] = requests(spec, conditions, place)
    return dict(only.body)


def target(spec: JobSpec, conditions: Settings = SETTINGS, place: Place = PLACE) -> dict[str, Any]:
    """Where that schedule goes."""
    found: dict[str, Any] = body(spec, conditions, place)["Target"]
    return found


def sent(request: ScheduleRequest) -> dict[str, Any]:
    """The RunTask request in a schedule, whichever way it goes."""
    document: dict[str, Any] = json.loads(request.body["Target"]["Input"])
    found: dict[str, Any] = document.get("request", document)
    return found


def of_run(spec: JobSpec, conditions: Settings = SETTINGS) -> dict[str, Any]:
    """The request of `run JOB`, in the same spelling."""
    identity = RunIdentity.of_run("4r9k2m8p3w7x5t1q")
    definition = spec.task_definition or "etl:7"
    container = spec.container or naming.MAIN_CONTAINER
    built = run_request(spec, conditions, RunOptions(), identity, task_definition=definition, container=container)
    document: dict[str, Any] = pascal(dict(built.body))
    return document


def without_identity(request: dict[str, Any]) -> dict[str, Any]:
    """A request without what a run is known by."""
    overrides = request["Overrides"]
    containers = [
        {**one, "Environment": [pair for pair in one["Environment"] if pair["Name"] not in IDENTITY]}
        for one in overrides["ContainerOverrides"]
    ]
    return {
        **{key: value for key, value in request.items() if key not in {"ClientToken", "StartedBy"}},
        "Overrides": {**overrides, "ContainerOverrides": containers},
        "Tags": [tag for tag in request["Tags"] if tag["Key"] != "jobrunner:run-id"],
    }


@cache
def model(service: str) -> Any:
    """A model of botocore."""
    from botocore.session import get_session

    return get_session().get_service_model(service)


def problems_by_botocore(request: dict[str, Any]) -> str:
    """What botocore would say before sending; empty when it would send."""
    from botocore.validate import ParamValidator

    shape = model("scheduler").operation_model("CreateSchedule").input_shape
    return str(ParamValidator().validate(request, shape).generate_report())


def check(spec: JobSpec, conditions: Settings) -> None:
    """What must hold of the schedules of every job."""
    found = requests(spec, conditions)
    assert sum(len(entry.expressions) for entry in spec.schedule) == len(found) == len({one.name for one in found})
    assert [""] * len(found) == [problems_by_botocore(dict(one.body)) for one in found]
    expected = without_identity(of_run(spec, conditions))
    assert [expected] * len(found) == [without_identity(sent(one)) for one in found]
    assert 1 == len({json.dumps(one.body["Target"]) for one in found})
    direct = all(one.body["Target"]["Arn"] == RUN_TASK for one in found)
    assert direct == (needs_state_machine(spec) is None)


@st.composite
def scheduled_jobs(draw: st.DrawFn) -> JobSpec:
    """Jobs that can be scheduled: with a schedule, and a default of every parameter."""
    document = draw(job_documents())
    given_params = document.get("params") or {}
    params = {
        name: {"default": "x", **param} if isinstance(param, dict) else param or "x"
        for name, param in given_params.items()
    }
    entries = draw(st.lists(schedules(), min_size=1, max_size=3))
    return job_spec(**{**document, "params": params, "schedule": entries})


@settings(max_examples=150)
@given(scheduled_jobs())
def test_a_schedule_sends_what_run_sends(spec: JobSpec) -> None:
    """For generated jobs, on both ways: all but the run's identity; and each expression has the same target."""
    check(spec, SETTINGS)


@pytest.mark.parametrize("more", [{}, *NEEDY])
@pytest.mark.parametrize("stage", ["local", "prod"])
def test_the_schedules_of_this_repositorys_jobs_send_it_too(stage: str, more: dict[str, Any]) -> None:
    """Of every job, as it is and with what makes the state machine necessary; the entries need four schedules."""
    project = load_project(PROJECT, stage=stage, environ={})
    conditions = replace(project.settings, scheduler_role="scheduler", state_machine="jobs")
    entries = [{"cron": "0 9 13 * FRI", "timezone": "Europe/London"}, {"rate": "15m"}, {"at": "2030-01-01T00:00"}]
    assert len(project.jobs) >= 7
    for known in project.jobs.values():
        fields = known.model_dump(exclude_unset=True) | {"schedule": entries, **more}
        fields["params"] = {name: {"default": param.default or "x"} for name, param in known.params.items()}
        spec = job_spec(**{"name": known.name, **fields})
        assert 4 == len(requests(spec, conditions))
        check(spec, conditions)


def test_a_schedule_as_it_is_sent() -> None:
    """Every member, once: what a reviewer may compare with AWS's documentation."""
    [request] = requests(job(jitter="10m", start_deadline="5m"), replace(SETTINGS, dead_letter_queue="letters"))
    identity = [
        {"Name": "JOBRUNNER_ATTEMPT", "Value": "1"},
        {"Name": "JOBRUNNER_JOB", "Value": "etl"},
        {"Name": "JOBRUNNER_RUN_ID", "Value": f"etl@{NOW}"},
        {"Name": "JOBRUNNER_SCHEDULED_TIME", "Value": NOW},
        {"Name": "JOBRUNNER_TRIGGER", "Value": "schedule"},
    ]
    expected = {
        "Cluster": "blue",
        "TaskDefinition": "etl:7",
        "Count": 1,
        "LaunchType": "FARGATE",
        "PlatformVersion": "LATEST",
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "Subnets": ["subnet-0123456789abcdef0"],
                "SecurityGroups": ["sg-0123456789abcdef0"],
                "AssignPublicIp": "DISABLED",
            }
        },
        "Overrides": {"ContainerOverrides": [{"Name": "main", "Environment": identity}]},
        "EnableECSManagedTags": True,
        "Tags": [
            {"Key": "jobrunner:job", "Value": "etl"},
            {"Key": "jobrunner:project", "Value": "shop"},
            {"Key": "jobrunner:run-id", "Value": f"etl@{NOW}"},
            {"Key": "jobrunner:stage", "Value": "prod"},
            {"Key": "team", "Value": "data"},
        ],
        "StartedBy": f"jobrunner-schedule/{SCOPE}",
        "Group": "jobrunner--shop--prod",
        "ClientToken": f"{SCOPE}-{NOW}-1",
    }

    document = dict(request.body)
    goes_to = dict(document.pop("Target"))
    assert expected == json.loads(goes_to.pop("Input"))
    assert {
        "Arn": RUN_TASK,
        "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
        "RetryPolicy": {"MaximumEventAgeInSeconds": 300, "MaximumRetryAttempts": 185},
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-west-1:123456789012:letters"},
    } == goes_to
    assert {
        "Name": "etl",
        "GroupName": "jobrunner-shop-prod",
        "Description": "Made by jobrunner: job etl of shop/prod",
        "ScheduleExpression": "cron(30 2 * * ? *)",
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10},
        "ActionAfterCompletion": "NONE",
    } == document
    assert ("etl", "etl", None) == (request.job, request.name, request.paused)


def test_the_input_of_the_state_machine() -> None:
    """What `core.state_machine` reads: the request of the first attempt, the policy, the limits."""
    spec = job(
        timeout="2h",
        start_timeout="5m",
        retries={"attempts": 3, "backoff": "30s", "on": ["infrastructure", 75]},
        overlap="forbid",
        capacity="spot-then-on-demand",
    )
    goes_to = target(spec, replace(SETTINGS, first_look=45))
    document = json.loads(goes_to["Input"])
    request = document.pop("request")

    assert MACHINE == goes_to["Arn"]
    assert {
        "job": "etl",
        "run_id": f"etl@{NOW}",
        "scope": SCOPE,
        "scheduled_time": NOW,
        "container": "main",
        "policy": {
            "attempts": 3,
            "backoff": 30,
            "max_backoff": 600,
            "on": ["infrastructure", 75],
            "start_timeout": 300,
            "capacity": "spot-then-on-demand",
        },
        "timeout": 7200,
        "overlap": "forbid",
        "first_look": 45,
    } == document
    assert 3 == Policy.from_json(document["policy"]).attempts
    assert f"{SCOPE}-{NOW}-1" == request["ClientToken"]
    assert [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}] == request["CapacityProviderStrategy"]


def test_the_input_names_the_jobs_own_container() -> None:
    """That of an existing task definition, whose end decides on the run's."""
    spec = job_spec(
        name="etl", task_definition="old:3", container="app", command=["x"], timeout="1h", schedule={"rate": "1h"}
    )
    document = json.loads(target(spec)["Input"])
    [override] = document["request"]["Overrides"]["ContainerOverrides"]
    assert ("app", "app", ["x"]) == (document["container"], override["Name"], override["Command"])
    assert "old:3" == document["request"]["TaskDefinition"]


@pytest.mark.parametrize("fields", NEEDY)
def test_what_needs_somebody_who_looks_after_it_goes_to_the_state_machine(fields: dict[str, Any]) -> None:
    """Scheduler calls RunTask, and no more; without the machine the job is refused, with the reason."""
    [key] = fields
    spec = job(**fields)
    assert MACHINE == target(spec)["Arn"]
    assert str(needs_state_machine(spec)).startswith(key)
    with pytest.raises(SpecError, match=f"job etl has {key}.*: that needs the state machine of deploy") as caught:
        requests(spec, replace(SETTINGS, state_machine=None))
    assert "set state_machine to its output StateMachineArn" in str(caught.value.hint)


@pytest.mark.parametrize("fields", [{}, {"capacity": "spot"}, {"overlap": "allow", "jitter": "5m"}])
def test_what_aws_does_by_itself_needs_no_state_machine(fields: dict[str, Any]) -> None:
    """No other service, and no other price."""
    spec = job(**fields)
    assert None is needs_state_machine(spec)
    assert RUN_TASK == target(spec, replace(SETTINGS, state_machine=None))["Arn"]


def test_a_job_without_a_schedule_has_none() -> None:
    """And needs nothing that schedules need."""
    assert () == requests(job(schedule=[]), replace(SETTINGS, scheduler_role=None))


def test_without_a_role_there_is_no_schedule() -> None:
    """The message says where one is to be had."""
    with pytest.raises(SpecError, match="scheduler_role is not set, and the schedule of etl needs it") as caught:
        requests(job(), replace(SETTINGS, scheduler_role=None))
    assert "deploy/jobrunner.yaml" in str(caught.value.hint)


def test_arns_are_sent_as_they_are() -> None:
    """Of role, machine and queue."""
    role, queue = "arn:aws:iam::1:role/other", "arn:aws:sqs:eu-west-1:1:other"
    machine = "arn:aws:states:eu-west-1:1:stateMachine:other"
    conditions = replace(SETTINGS, scheduler_role=role, dead_letter_queue=queue, state_machine=machine)
    found = target(job(timeout="1h"), conditions)
    assert (role, machine, {"Arn": queue}) == (found["RoleArn"], found["Arn"], found["DeadLetterConfig"])


def test_without_a_queue_there_is_no_dead_letter() -> None:
    """AWS takes a missing member, and no null."""
    assert "DeadLetterConfig" not in target(job())


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_a_target_is_in_its_part_of_aws(region: str, partition: str) -> None:
    """Both kinds of targets, and the role."""
    place = Place(region=region, account="123456789012")
    direct, managed = target(job(), place=place), target(job(timeout="1h"), place=place)
    assert f"arn:{partition}:scheduler:::aws-sdk:ecs:runTask" == direct["Arn"]
    assert f"arn:{partition}:states:{region}:123456789012:stateMachine:jobrunner-shop-prod" == managed["Arn"]
    assert f"arn:{partition}:iam::123456789012:role/scheduler" == direct["RoleArn"]


def test_a_delivery_is_given_up_after_an_hour() -> None:
    """Not after Scheduler's own day: a nightly job that comes in the afternoon is worse than none."""
    found = body(job())
    assert {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 185} == found["Target"]["RetryPolicy"]
    assert {"Mode": "OFF"} == found["FlexibleTimeWindow"]


def test_a_cron_that_aws_cannot_say_in_one_is_several_schedules() -> None:
    """Day of month or day of week, as in Unix: both send the same, so that a Friday the 13th is one run."""
    first, second = requests(job(schedule={"cron": "0 9 13 * FRI", "timezone": "Europe/London"}))
    assert ["etl", "etl.1.2"] == [first.name, second.name]
    assert ["cron(0 9 13 * ? *)", "cron(0 9 ? * FRI *)"] == [one.body["ScheduleExpression"] for one in (first, second)]
    assert first.body["Target"] == second.body["Target"]
    assert ["Europe/London"] * 2 == [one.body["ScheduleExpressionTimezone"] for one in (first, second)]


def test_every_entry_has_its_schedules_with_its_times() -> None:
    """Names from the entries, start and end in UTC; only what happens once is deleted when it has."""
    found = requests(
        job(
            schedule=[
                {"cron": "0 6 * * *", "timezone": "Europe/Berlin", "start": "2026-07-01T00:00", "name": "summer"},
                {"rate": "15 minutes", "end": "2027-01-01T00:00:30"},
                {"at": "2026-12-01T09:00", "timezone": "Asia/Kolkata"},
            ]
        )
    )
    keys = ("Name", "ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "EndDate", "ActionAfterCompletion")
    assert [
        ("etl.summer", "cron(0 6 * * ? *)", "Europe/Berlin", "2026-06-30T22:00:00Z", None, "NONE"),
        ("etl.2", "rate(15 minutes)", "UTC", None, "2027-01-01T00:00:30Z", "NONE"),
        ("etl.3", "at(2026-12-01T09:00:00)", "Asia/Kolkata", None, None, "DELETE"),
    ] == [tuple(one.body.get(key) for key in keys) for one in found]
    assert ["summer", None, None] == [one.schedule.name for one in found]


@pytest.mark.parametrize(
    ("fields", "state", "said"),
    [({}, "ENABLED", None), ({"paused": "true"}, "DISABLED", True), ({"paused": "false"}, "ENABLED", False)],
)
def test_a_file_that_does_not_say_paused_does_not_decide_it(
    fields: dict[str, Any], state: str, *, said: bool | None
) -> None:
    """What is written is told apart from what is not: `pause` decides then."""
    [request] = requests(job(**fields))
    assert (state, said) == (request.body["State"], request.paused)


def test_a_parameter_without_a_default_cannot_be_scheduled() -> None:
    """Nobody is there to give it; all of them are named."""
    spec = job(command=["${{ params.day }}"], params={"day": None, "area": None, "size": "1"})
    with pytest.raises(SpecError, match="job etl is scheduled, and a schedule gives no value for area, day") as caught:
        requests(spec)
    assert "params: {area: …}" in str(caught.value.hint)
    check_schedulable(job(params={"day": "monday"}))


@pytest.mark.parametrize(
    "fields",
    [
        {"environment": {"A": "${{ params.a }}"}, "params": {"a": "<aws.scheduler.execution-id>"}},
        {"command": ["${{ params.a }}"], "params": {"a": f"at {NOW}"}},
    ],
)
def test_scheduler_replaces_nothing_of_the_jobs_own(fields: dict[str, Any]) -> None:
    """Its keywords would be replaced wherever they stand, and `run` would not."""
    with pytest.raises(SpecError, match=r"has <aws\.scheduler\.…> in its command or environment") as caught:
        requests(job(**fields))
    assert "JOBRUNNER_SCHEDULED_TIME" in str(caught.value.hint)


def test_a_keyword_in_the_task_definition_stays_as_it_is() -> None:
    """Scheduler does not see it there, and neither does the job of `run` another one."""
    assert 1 == len(requests(job(environment={"A": NOW}, command=["echo", NOW])))


def test_a_request_that_scheduler_would_refuse_is_refused_first() -> None:
    """256 KB, in bytes of UTF-8."""
    conditions = replace(SETTINGS, tags={"long": "ä" * 140_000})
    with pytest.raises(
        SpecError, match=r"the request of job etl has 28[01][0-9]{3} bytes, and a schedule takes 262144"
    ):
        requests(job(), conditions)


def test_the_description_is_how_jobrunner_knows_its_own() -> None:
    """Schedules take no tags; what somebody else made, or made for another stage, is not ours."""
    plain = replace(SETTINGS, stage=None)
    assert "Made by jobrunner: job etl of shop" == description("etl", plain)
    assert ["etl", "etl"] == [job_of(description("etl", one), one) for one in (SETTINGS, plain)]
    foreign = (
        None,
        "",
        "etl of shop/prod",
        "Made by jobrunner: job etl of shop",
        "Made by jobrunner: job etl of shop/prod and more",
        "Made by jobrunner: job  of shop/prod",
        "Made by jobrunner: stops arn:aws:ecs:eu-west-1:123456789012:task/blue/1 at its timeout",
    )
    assert [None] * len(foreign) == [job_of(text, SETTINGS) for text in foreign]


def test_the_longest_names_fit() -> None:
    """A job and an entry with names as long as they may be, in a project and a stage with such names."""
    conditions = replace(SETTINGS, project="p" * 32, stage="s" * 32)
    [one] = requests(job(name="j" * 64, schedule={"cron": "0 9 13 * *", "name": "n" * 32}), conditions)
    assert 64 == len(one.name)
    assert "" == problems_by_botocore(dict(one.body))
    assert "j" * 64 == job_of(one.body["Description"], conditions)
