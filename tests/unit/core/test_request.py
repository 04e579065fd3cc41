"""From a job to what ECS will be asked; AWS's own models check every request."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import job_specs

from jobrunner.core.definition import task_definition
from jobrunner.core.options import RunOptions, Trigger
from jobrunner.core.request import RunIdentity, relaunched, resolve_params, run_request
from jobrunner.core.retry import Position
from jobrunner.core.settings import Settings
from jobrunner.core.spec import JobSpec, Network, job_spec
from jobrunner.document import load_project
from jobrunner.errors import SpecError

IDENTITY = RunIdentity.of_run("4r9k2m8p3w7x5t1q", attempt=2)
SETTINGS = Settings(
    schedule_group="jobrunner-demo",
    project="shop",
    stage="prod",
    region="eu-west-1",
    cluster="blue",
    network=Network(subnets=("subnet-0123456789abcdef0",), security_groups=("sg-0123456789abcdef0",)),
    execution_role="arn:aws:iam::123456789012:role/exec",
    log_group="/jobrunner/shop/prod",
    state_dir="unused",
)
PROJECT = Path(__file__).parents[3]


def job(**fields: Any) -> JobSpec:
    """A job with an image."""
    return job_spec(**{"name": "etl", "image": "python:3.13-slim", **fields})


def request(spec: JobSpec, options: RunOptions | None = None, conditions: Settings = SETTINGS) -> dict[str, Any]:
    """The RunTask request of a job."""
    built = run_request(spec, conditions, options or RunOptions(), IDENTITY, task_definition="etl:7")
    return dict(built.body)


def override(spec: JobSpec, options: RunOptions | None = None) -> dict[str, Any]:
    """The override of the job's own container."""
    containers: list[dict[str, Any]] = request(spec, options)["overrides"]["containerOverrides"]
    return containers[0]


def variables(spec: JobSpec, options: RunOptions | None = None) -> dict[str, str]:
    """The variables among it."""
    return {pair["name"]: pair["value"] for pair in override(spec, options)["environment"]}


@cache
def model() -> Any:
    """The model of ECS in botocore."""
    from botocore.session import get_session

    return get_session().get_service_model("ecs")


def problems_by_botocore(operation: str, document: dict[str, Any]) -> str:
    """What botocore would say before sending; empty when it would send."""
    from botocore.validate import ParamValidator

    report = ParamValidator().validate(document, model().operation_model(operation).input_shape)
    return str(report.generate_report())


def check_both(spec: JobSpec, conditions: Settings = SETTINGS) -> None:
    """Check what a run of this job would send."""
    definition = task_definition(spec, conditions)
    params = {name: "x" for name, param in spec.params.items() if param.default is None}
    if definition is not None:
        assert problems_by_botocore("RegisterTaskDefinition", definition.request()) == ""
    assert problems_by_botocore("RunTask", request(spec, RunOptions(params=params), conditions)) == ""


@settings(max_examples=150)
@given(job_specs())
def test_every_request_passes_botocores_own_validation(spec: JobSpec) -> None:
    """For generated jobs: names, types and required members are as AWS's models say."""
    check_both(spec)


@pytest.mark.parametrize("stage", ["local", "prod"])
def test_the_requests_of_this_repositorys_jobs_pass_too(stage: str) -> None:
    """On both of its stages."""
    project = load_project(PROJECT, stage=stage, environ={})

    assert len(project.jobs) >= 7
    for spec in project.jobs.values():
        check_both(spec, project.settings)


def test_a_job_as_it_is_sent() -> None:
    """Every member, once: what a reviewer may compare with AWS's documentation."""
    spec = job(
        command=["python", "-m", "etl"],
        cpu="1 vCPU",
        memory="4 GB",
        architecture="arm64",
        environment={"B": "2", "A": "1", "DAY": "${{ params.day }}"},
        secrets={"URL": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:etl-AbCdEf:url::"},
        params={"day": "2026-01-01"},
        task_role="etl",
        ephemeral_storage=50,
        stop_timeout="60s",
        sidecars={
            "proxy": {
                "image": "proxy:1",
                "wait_for": "healthy",
                "health_check": {"command": "curl -f localhost"},
                "cpu": 128,
            }
        },
        tags={"team": "data"},
    )
    logging = {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": "/jobrunner/shop/prod",
            "awslogs-region": "eu-west-1",
            "awslogs-stream-prefix": "etl",
            "mode": "blocking",
        },
    }
    definition = task_definition(spec, SETTINGS)

    assert definition is not None
    assert dict(definition.body) == {
        "family": "jobrunner-shop-prod-etl",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "1024",
        "memory": "4096",
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "executionRoleArn": "arn:aws:iam::123456789012:role/exec",
        "taskRoleArn": "etl",
        "ephemeralStorage": {"sizeInGiB": 50},
        "containerDefinitions": [
            {
                "name": "main",
                "image": "python:3.13-slim",
                "essential": True,
                "memoryReservation": 32,
                "command": ["python", "-m", "etl"],
                "environment": [
                    {"name": "A", "value": "1"},
                    {"name": "B", "value": "2"},
                    {"name": "DAY", "value": "2026-01-01"},
                ],
                "secrets": [
                    {
                        "name": "URL",
                        "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:etl-AbCdEf:url::",
                    }
                ],
                "dependsOn": [{"containerName": "proxy", "condition": "HEALTHY"}],
                "stopTimeout": 60,
                "linuxParameters": {"initProcessEnabled": True},
                "logConfiguration": logging,
            },
            {
                "name": "proxy",
                "image": "proxy:1",
                "essential": False,
                "environment": [],
                "cpu": 128,
                "memoryReservation": 32,
                "healthCheck": {
                    "command": ["CMD-SHELL", "curl -f localhost"],
                    "interval": 30,
                    "timeout": 5,
                    "retries": 3,
                    "startPeriod": 0,
                },
                "linuxParameters": {"initProcessEnabled": True},
                "logConfiguration": logging,
            },
        ],
        "tags": [
            {"key": "jobrunner:job", "value": "etl"},
            {"key": "jobrunner:project", "value": "shop"},
            {"key": "jobrunner:stage", "value": "prod"},
            {"key": "team", "value": "data"},
        ],
    }
    identity = [
        {"name": "JOBRUNNER_ATTEMPT", "value": "2"},
        {"name": "JOBRUNNER_JOB", "value": "etl"},
        {"name": "JOBRUNNER_RUN_ID", "value": "4r9k2m8p3w7x5t1q"},
        {"name": "JOBRUNNER_TRIGGER", "value": "library"},
    ]
    assert request(spec) == {
        "cluster": "blue",
        "taskDefinition": "etl:7",
        "count": 1,
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": ["subnet-0123456789abcdef0"],
                "securityGroups": ["sg-0123456789abcdef0"],
                "assignPublicIp": "DISABLED",
            }
        },
        "overrides": {
            "containerOverrides": [
                {"name": "main", "environment": [{"name": "DAY", "value": "2026-01-01"}, *identity]},
                {"name": "proxy", "environment": identity},
            ]
        },
        "enableECSManagedTags": True,
        "tags": [
            {"key": "jobrunner:job", "value": "etl"},
            {"key": "jobrunner:project", "value": "shop"},
            {"key": "jobrunner:run-id", "value": "4r9k2m8p3w7x5t1q"},
            {"key": "jobrunner:stage", "value": "prod"},
            {"key": "team", "value": "data"},
        ],
        "startedBy": "jobrunner/4r9k2m8p3w7x5t1q",
        "group": "jobrunner--shop--prod",
        "clientToken": "4r9k2m8p3w7x5t1q-2",
    }


def test_the_hash_follows_the_content_and_nothing_else() -> None:
    """Tags, parameters, schedules and retries make no new revision; an image does."""
    known = task_definition(job(environment={"A": "1", "B": "2"}), SETTINGS)
    same = task_definition(
        job(environment={"B": "2", "A": "1"}, tags={"team": "data"}, timeout="2h", retries={"attempts": 3}), SETTINGS
    )
    other = task_definition(job(environment={"A": "1", "B": "2"}, image="python:3.14-slim"), SETTINGS)

    assert known is not None
    assert same is not None
    assert other is not None
    assert known.hash == same.hash
    assert known.hash != other.hash
    assert {"key": "jobrunner:hash", "value": known.hash} in known.request()["tags"]


def test_what_refers_to_a_parameter_travels_in_the_overrides() -> None:
    """One revision serves all values; it has the defaults, and nothing where a value has none."""
    spec = job(
        command=["etl", "--day", "${{ params.day }}"],
        environment={"DAY": "${{ params.day }}", "AREA": "${{ params.area }}"},
        params={"day": None, "area": "eu"},
    )
    definition = task_definition(spec, SETTINGS)
    whole = task_definition(job(command=["etl", "${{ params.area }}"], params={"area": "eu"}), SETTINGS)

    assert definition is not None
    assert whole is not None
    assert "command" not in definition.body["containerDefinitions"][0]
    assert definition.body["containerDefinitions"][0]["environment"] == [{"name": "AREA", "value": "eu"}]
    assert whole.body["containerDefinitions"][0]["command"] == ["etl", "eu"]
    assert override(spec, RunOptions(params={"day": "2026-11-23"}))["command"] == ["etl", "--day", "2026-11-23"]


def test_arguments_replace_the_command() -> None:
    """As in `docker run IMAGE ARG…`; an unchanged command is not repeated."""
    spec = job(command=["etl"])

    assert "command" not in override(spec)
    assert override(spec, RunOptions(args=("etl", "--full")))["command"] == ["etl", "--full"]
    assert override(spec, RunOptions(args=()))["command"] == []


def test_what_the_caller_sets_wins_and_the_identity_wins_over_all() -> None:
    """A run cannot be made to lie about itself."""
    spec = job(environment={"DAY": "${{ params.day }}", "A": "1"}, params={"day": "1"})
    options = RunOptions(
        environment={"DAY": "9", "JOBRUNNER_JOB": "other"},
        scheduled_time=datetime(2026, 11, 23, 3, 30, tzinfo=timezone(timedelta(hours=1))),
        trigger=Trigger.BACKFILL,
    )

    assert variables(spec, options) == {
        "DAY": "9",
        "JOBRUNNER_ATTEMPT": "2",
        "JOBRUNNER_JOB": "etl",
        "JOBRUNNER_RUN_ID": "4r9k2m8p3w7x5t1q",
        "JOBRUNNER_SCHEDULED_TIME": "2026-11-23T02:30:00Z",
        "JOBRUNNER_TRIGGER": "backfill",
    }


def test_a_scheduled_time_keeps_a_fraction_that_was_given() -> None:
    """Nothing is rounded away."""
    options = RunOptions(scheduled_time=datetime(2026, 11, 23, 2, 30, 0, 250_000, tzinfo=UTC))

    assert variables(job(), options)["JOBRUNNER_SCHEDULED_TIME"] == "2026-11-23T02:30:00.250Z"


def test_what_a_schedule_starts_is_known_by_its_job_and_its_time() -> None:
    """Whoever sends it: run, token and startedBy are the same; the time of the options is not asked."""
    time = "2026-11-24T02:30:00Z"
    identity = RunIdentity.of_schedule(job="etl", scope="fq4h8gmt9gxmet19", time=time)
    options = RunOptions(trigger=Trigger.SCHEDULE, scheduled_time=datetime(2000, 1, 1, tzinfo=UTC))
    body = run_request(job(), SETTINGS, options, identity, task_definition="etl:7").body

    assert ("fq4h8gmt9gxmet19-2026-11-24T02:30:00Z-1", "jobrunner-schedule/fq4h8gmt9gxmet19") == (
        body["clientToken"],
        body["startedBy"],
    )
    assert {
        "JOBRUNNER_ATTEMPT": "1",
        "JOBRUNNER_JOB": "etl",
        "JOBRUNNER_RUN_ID": f"etl@{time}",
        "JOBRUNNER_SCHEDULED_TIME": time,
        "JOBRUNNER_TRIGGER": "schedule",
    } == {pair["name"]: pair["value"] for pair in body["overrides"]["containerOverrides"][0]["environment"]}
    assert {"key": "jobrunner:run-id", "value": f"etl@{time}"} in body["tags"]
    assert problems_by_botocore("RunTask", dict(body)) == ""


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (RunOptions(), {}),
        (RunOptions(cpu=512), {"cpu": "512", "memory": "1024"}),
        (RunOptions(memory=2048), {"cpu": "256", "memory": "2048"}),
        (RunOptions(cpu=1024, memory=8192), {"cpu": "1024", "memory": "8192"}),
    ],
)
def test_a_size_for_one_run_is_sent_as_a_pair(options: RunOptions, size: dict[str, str]) -> None:
    """A memory that was never written follows the cpu."""
    overrides = request(job(), options)["overrides"]

    assert size == {key: value for key, value in overrides.items() if key in {"cpu", "memory"}}


def test_an_illegal_size_for_one_run_names_the_nearest_legal_one() -> None:
    """Before AWS is asked; a memory that was written stays."""
    with pytest.raises(SpecError, match="nearest"):
        request(job(memory="2 GB"), RunOptions(cpu=2048))


@pytest.mark.parametrize("capacity", ["spot", "spot-then-on-demand"])
def test_launch_type_or_strategy_but_never_both(capacity: str) -> None:
    """ECS refuses both, and a strategy that mixes would leave the choice to it."""
    spot = request(job(capacity=capacity))
    back = request(job(capacity=capacity), RunOptions(capacity="on-demand"))

    assert spot["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    assert "launchType" not in spot
    assert back["launchType"] == "FARGATE"
    assert "capacityProviderStrategy" not in back


def test_a_jobs_network_wins_key_by_key() -> None:
    """What it leaves out comes from the project."""
    spec = job(network={"subnets": ["subnet-0aaaaaaaaaaaaaaaa"], "assign_public_ip": "true"})

    assert request(spec)["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": ["subnet-0aaaaaaaaaaaaaaaa"],
        "securityGroups": ["sg-0123456789abcdef0"],
        "assignPublicIp": "ENABLED",
    }


@pytest.mark.parametrize(
    ("change", "key", "variable"),
    [
        ({"network": Network()}, "network.subnets", "JOBRUNNER_NETWORK__SUBNETS"),
        (
            {"network": Network(subnets=("subnet-0123456789abcdef0",))},
            "network.security_groups",
            "JOBRUNNER_NETWORK__SECURITY_GROUPS",
        ),
        ({"execution_role": None}, "execution_role", "JOBRUNNER_EXECUTION_ROLE"),
        ({"region": None}, "region", "JOBRUNNER_REGION"),
    ],
)
def test_a_missing_setting_is_named_with_the_ways_to_set_it(change: dict[str, Any], key: str, variable: str) -> None:
    """Before AWS is asked; with and without a stage."""
    for stage, where in (("prod", "stage prod"), (None, "this project")):
        conditions = replace(SETTINGS, stage=stage, **change)
        with pytest.raises(SpecError) as caught:
            check_both(job(), conditions)

        assert f"{key} is not set for {where}" in caught.value.what
        assert variable in str(caught.value.hint)


def test_overrides_that_ecs_would_refuse_are_refused_first() -> None:
    """8192 characters with the JSON's own, counted as sent: non-ASCII is escaped."""
    fits = RunOptions(environment={"A": "x" * 7_600})
    too_long = RunOptions(environment={"A": "é" * 1_400})

    assert len(json.dumps(request(job(), fits)["overrides"])) <= 8192
    with pytest.raises(SpecError, match=r"have 8[0-9]{3} characters, and ECS takes 8192"):
        request(job(), too_long)


def test_a_secret_cannot_be_replaced_for_one_run() -> None:
    """ECS demands that secrets and variables have different names."""
    spec = job(secrets={"URL": "/shop/url"})

    with pytest.raises(SpecError, match="URL is a secret of job etl"):
        request(spec, RunOptions(environment={"URL": "postgres://"}))


def test_more_tags_than_ecs_takes_are_refused() -> None:
    """The project's and the job's together."""
    conditions = replace(SETTINGS, tags={f"p{number}": "x" for number in range(30)})

    with pytest.raises(SpecError, match="ECS takes 49"):
        check_both(job(tags={f"j{number}": "x" for number in range(30)}), conditions)


def test_parameters_are_complete_and_known() -> None:
    """Both mistakes are told with what would be right."""
    spec = job(command=["${{ params.day }}", "${{ params.region }}"], params={"day": None, "region": "eu"})

    assert resolve_params(spec, {"day": "1"}) == {"day": "1", "region": "eu"}
    with pytest.raises(SpecError, match="has no parameter 'dya'") as caught:
        resolve_params(spec, {"dya": "1"})
    assert caught.value.hint == "Its parameters: day, region."
    with pytest.raises(SpecError, match="needs a value for day") as caught:
        resolve_params(spec, {})
    assert caught.value.hint == "Give it with -p day=…"


def test_files_in_s3_are_read_by_ecs_itself() -> None:
    """Local files have become part of the environment before."""
    definition = task_definition(job(env_file=["arn:aws:s3:::bucket/etl.env"]), SETTINGS)

    assert definition is not None
    assert definition.body["containerDefinitions"][0]["environmentFiles"] == [
        {"value": "arn:aws:s3:::bucket/etl.env", "type": "s3"}
    ]


def test_an_existing_task_definition_gets_everything_as_overrides() -> None:
    """Only what was written: its own cpu and memory stay otherwise."""
    spec = job_spec(
        name="etl",
        task_definition="etl:7",
        command=["etl", "${{ params.day }}"],
        environment={"A": "1", "B": "${{ params.day }}"},
        params={"day": "2"},
        memory="2 GB",
    )
    built = run_request(spec, SETTINGS, RunOptions(), IDENTITY, task_definition="etl:7", container="app").body

    assert task_definition(spec, SETTINGS) is None
    assert built["overrides"]["memory"] == "2048"
    assert "cpu" not in built["overrides"]
    container = built["overrides"]["containerOverrides"][0]
    assert (container["name"], container["command"]) == ("app", ["etl", "2"])
    assert {"name": "A", "value": "1"} in container["environment"]
    assert {"name": "B", "value": "2"} in container["environment"]


@given(st.integers(1, 99))
def test_the_attempt_is_part_of_the_token(attempt: int) -> None:
    """ECS answers a repeated token with the first answer, also with a failure."""
    identity = replace(IDENTITY, attempt=attempt)
    body = run_request(job(), SETTINGS, RunOptions(), identity, task_definition="etl:7").body

    assert body["clientToken"] == f"4r9k2m8p3w7x5t1q-{attempt}"
    assert body["startedBy"] == "jobrunner/4r9k2m8p3w7x5t1q"


def test_a_definition_knows_its_family() -> None:
    """A run without a pinned revision names the family."""
    definition = task_definition(job(), SETTINGS)

    assert definition is not None
    assert definition.family == "jobrunner-shop-prod-etl"


@settings(max_examples=100)
@given(
    spec=job_specs(),
    attempt=st.integers(1, 20),
    launch=st.integers(1, 9),
    capacity=st.sampled_from(["on-demand", "spot"]),
)
def test_a_later_launch_asks_for_the_same_run(spec: JobSpec, attempt: int, launch: int, capacity: str) -> None:
    """What is made from the request as sent is what the job would be asked for: token, capacity, attempt, no more."""
    params = {name: "x" for name, param in spec.params.items() if param.default is None}
    first = request(spec, RunOptions(params=params))
    as_sent = json.dumps(first)

    later = relaunched(first, IDENTITY.run_id, Position(attempt=attempt, launch=launch, capacity=capacity))

    anew = run_request(
        spec,
        SETTINGS,
        RunOptions(params=params, capacity=capacity),
        replace(IDENTITY, attempt=attempt),
        task_definition="etl:7",
    )
    token = f"{IDENTITY.run_id}-{attempt}" + (f".{launch}" if launch > 1 else "")
    assert {**anew.body, "clientToken": token} == later
    assert problems_by_botocore("RunTask", later) == ""
    assert as_sent == json.dumps(first)


def test_a_later_launch_keeps_what_the_caller_has_changed() -> None:
    """Arguments, variables, sizes and sidecars; every container knows the attempt."""
    spec = job(capacity="spot-then-on-demand", sidecars={"proxy": {"image": "proxy:1"}})
    options = RunOptions(args=("etl", "now"), environment={"A": "1"}, cpu=1024, memory=2048)

    later = relaunched(request(spec, options), IDENTITY.run_id, Position(attempt=3, launch=2))

    main, proxy = later["overrides"]["containerOverrides"]
    attempt = {"name": "JOBRUNNER_ATTEMPT", "value": "3"}
    assert (["etl", "now"], "proxy") == (main["command"], proxy["name"])
    assert {"name": "A", "value": "1"} in main["environment"]
    assert attempt in main["environment"]
    assert attempt in proxy["environment"]
    assert ("1024", "2048") == (later["overrides"]["cpu"], later["overrides"]["memory"])
    assert ("FARGATE", False) == (later["launchType"], "capacityProviderStrategy" in later)
    assert "4r9k2m8p3w7x5t1q-3.2" == later["clientToken"]
    assert ("jobrunner/4r9k2m8p3w7x5t1q", "jobrunner--shop--prod") == (later["startedBy"], later["group"])
