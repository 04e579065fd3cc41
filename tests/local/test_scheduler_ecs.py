"""Schedules start tasks: the templated ECS target."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import Jobs, client_of, container, until
from scheduling import at, ecs_target, exists, schedule

from jobrunner.core import local_stage
from jobrunner.local.faults import FaultBook, RunTaskFailure
from jobrunner.local.schedule_ecs import started_by

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint

SAY = ("sh", "-c", "echo $WHO at $WHEN, attempt $ATTEMPT")


@pytest.fixture(scope="module")
def scheduler(endpoint: Endpoint) -> Any:
    """A client."""
    return client_of(endpoint.connection, "scheduler")


@pytest.fixture
def name() -> str:
    """A name that nobody else uses, in the nineteen characters that startedBy has for it."""
    return f"s-{uuid.uuid4().hex[:16]}"


def tasks_of(jobs: Jobs, started: str) -> list[str]:
    """The ARNs of the tasks with that `startedBy`."""
    arns: set[str] = set()
    for status in ("RUNNING", "STOPPED"):
        arns |= {*jobs.ecs.list_tasks(cluster=local_stage.CLUSTER, startedBy=started, desiredStatus=status)["taskArns"]}
    return sorted(arns)


def fire(jobs: Jobs, scheduler: Any, name: str, target: dict[str, Any], *, count: int = 1) -> list[dict[str, Any]]:
    """Let a schedule start tasks; what became of them, with their tags."""
    scheduler.create_schedule(**schedule(name, ScheduleExpression=at(0), ActionAfterCompletion="DELETE", Target=target))
    started = started_by(name)
    until(lambda: len(tasks_of(jobs, started)) == count)
    until(lambda: not exists(scheduler, name))
    arns = tasks_of(jobs, started)
    for arn in arns:
        jobs.reach(arn, "STOPPED")
    tasks: list[dict[str, Any]] = jobs.ecs.describe_tasks(cluster=local_stage.CLUSTER, tasks=arns, include=["TAGS"])[
        "tasks"
    ]
    return tasks


def test_a_task_is_started(jobs: Jobs, scheduler: Any, name: str) -> None:
    """Without an Input it runs as it is defined, started by the schedule."""
    definition = jobs.define(container("echo", "as defined"))
    [task] = fire(jobs, scheduler, name, ecs_target(definition))
    assert ["as defined"] == jobs.lines(task)
    assert (f"chronos-schedule/{name}", definition) == (task["startedBy"], task["taskDefinitionArn"])
    assert ("FARGATE", None) == (task["launchType"], task.get("capacityProviderName"))


def test_all_parameters_reach_run_task(jobs: Jobs, scheduler: Any, name: str) -> None:
    """A strategy, the platform, a group, tags of its own and of the definition, ECS's own tags, and how many."""
    definition = jobs.define(container("true"), tags=[{"key": "of", "value": "definition"}])
    parameters = {
        "TaskCount": 2,
        "CapacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}],
        "PlatformVersion": "1.4.0",
        "PropagateTags": "TASK_DEFINITION",
        "EnableECSManagedTags": True,
        "EnableExecuteCommand": True,
        "Group": "<aws.scheduler.attempt-number>",
        "Tags": [{"key": "by", "value": "<aws.scheduler.scheduled-time>"}],
    }
    for task in fire(jobs, scheduler, name, ecs_target(definition, parameters), count=2):
        assert ("FARGATE_SPOT", "1.4.0") == (task["capacityProviderName"], task["platformVersion"])
        # Context attributes are documented for the payload only, so they stay as they are anywhere else.
        assert ("<aws.scheduler.attempt-number>", True) == (task["group"], task["enableExecuteCommand"])
        tags = {tag["key"]: tag["value"] for tag in task["tags"]}
        expected = {
            "of": "definition",
            "by": "<aws.scheduler.scheduled-time>",
            "aws:ecs:clusterName": local_stage.CLUSTER,
        }
        assert expected == tags
        [interface] = task["attachments"]
        details = {detail["name"]: detail["value"] for detail in interface["details"]}
        assert details["subnetId"] in local_stage.SUBNETS


def test_input_overrides(jobs: Jobs, scheduler: Any, name: str) -> None:
    """ECS's TaskOverride in camelCase, with the context attributes of this fire in it."""
    definition = jobs.define(container("false"))
    variables = {
        "WHO": "<aws.scheduler.schedule-arn>",
        "WHEN": "<aws.scheduler.scheduled-time>",
        "ATTEMPT": "<aws.scheduler.attempt-number>",
    }
    environment = [{"name": key, "value": value} for key, value in variables.items()]
    overrides = {
        "containerOverrides": [{"name": "main", "command": list(SAY), "environment": environment}],
        "cpu": "512",
        "memory": "1024",
    }
    [task] = fire(jobs, scheduler, name, ecs_target(definition, Input=overrides))
    assert ("512", "1024") == (task["cpu"], task["memory"])
    [line] = jobs.lines(task)
    who, _, rest = line.partition(" at ")
    arn = f"arn:aws:scheduler:{local_stage.REGION}:{local_stage.ACCOUNT_ID}:schedule/default/{name}"
    assert (arn, "Z, attempt 1") == (who, rest[-12:])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nightly", "chronos-schedule/nightly"),
        ("n" * 64, f"chronos-schedule/{'n' * 19}"),
        ("etl.nightly", "chronos-schedule/etl-nightly"),
    ],
)
def test_who_started_a_task(name: str, expected: str) -> None:
    """36 characters at most, and none that RunTask does not take."""
    assert expected == started_by(name)


def test_what_run_task_does_not_take(jobs: Jobs, scheduler: Any, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A name with a dot works; an override of a container that does not exist, and an Input that is none, fail."""
    dotted = f"{name[:8]}.{name[8:16]}"
    [task] = fire(jobs, scheduler, dotted, ecs_target(jobs.define(container("true"))))
    assert started_by(dotted) == task["startedBy"]
    wrong = [
        ({"containerOverrides": [{"name": "other"}]}, "Override for container named other is not a container"),
        ({"containerOverrides": [{"command": "x"}]}, "SerializationException: containerOverrides.1.member.command"),
        ("word", "is a JSON object"),
    ]
    for number, (text, words) in enumerate(wrong):
        target = ecs_target(jobs.define(container("true")), Input=text, RetryPolicy={"MaximumRetryAttempts": 0})
        one = f"{name}{number}"
        scheduler.create_schedule(
            **schedule(one, ScheduleExpression=at(0), ActionAfterCompletion="DELETE", Target=target)
        )
        until(lambda one=one: not exists(scheduler, one))
        given_up = [record.getMessage() for record in caplog.records if "given up" in record.getMessage()]
        assert words in given_up[-1]
        assert [] == tasks_of(jobs, started_by(one))


def test_capacity_that_is_not_there(
    jobs: Jobs, faults: FaultBook, scheduler: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """RunTask's `failures[]` come with HTTP 200 and are not tried again; the log says what was not started."""
    definition = jobs.define(container("true"))
    (order,) = faults.order(RunTaskFailure(cause="capacity", times="always"))
    scheduler.create_schedule(
        **schedule(
            name,
            ScheduleExpression=at(0),
            ActionAfterCompletion="DELETE",
            Target=ecs_target(definition, {"TaskCount": 2}),
        )
    )
    until(lambda: not exists(scheduler, name))
    said = [record.getMessage() for record in caplog.records if f"/{name}: " in record.getMessage()]
    assert 2 == len(said) == order.struck
    assert "a task was not started: Capacity is unavailable at this time." in said[0]
    assert [] == tasks_of(jobs, started_by(name))
