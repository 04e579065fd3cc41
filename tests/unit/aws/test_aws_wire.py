"""ECS's documents → values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.aws import wire
from jobrunner.core.lifecycle import ContainerSnapshot
from jobrunner.core.ports import PlacementFailure

ARN = "arn:aws:ecs:us-east-1:123456789012:task/batch/0123456789abcdef0123456789abcdef"

#: The `detail` of a real event of a stopped Fargate task, cut to what is read.
EVENT: dict[str, Any] = json.loads("""{
  "attachments": [{"id": "5ff58204", "type": "eni", "status": "DELETED", "details": []}],
  "availabilityZone": "us-east-1b",
  "clusterArn": "arn:aws:ecs:us-east-1:111122223333:cluster/batch",
  "containers": [{"containerArn": "arn:aws:ecs:us-east-1:111122223333:container/75d926f3", "exitCode": 1,
    "lastStatus": "STOPPED", "name": "main", "image": "x:latest", "cpu": "0"}],
  "createdAt": "2020-08-14T18:05:49.598Z", "launchType": "FARGATE", "cpu": "256", "memory": "512",
  "desiredStatus": "STOPPED", "group": "family:batch", "lastStatus": "STOPPED",
  "overrides": {"containerOverrides": [{"environment": [], "name": "main"}]},
  "connectivity": "CONNECTED", "connectivityAt": "2020-08-14T18:05:55.246Z",
  "pullStartedAt": "2020-08-14T18:06:09.69Z", "startedAt": "2020-08-14T18:06:20.6Z",
  "stoppingAt": "2020-08-14T18:06:23.679Z", "stoppedAt": "2020-08-14T18:06:47.229Z",
  "pullStoppedAt": "2020-08-14T18:06:16.694Z", "executionStoppedAt": "2020-08-14T18:06:23Z",
  "stoppedReason": "Essential container in task exited", "stopCode": "EssentialContainerExited",
  "updatedAt": "2020-08-14T18:06:47.229Z", "version": 5, "platformVersion": "1.4.0",
  "taskArn": "arn:aws:ecs:us-east-1:111122223333:task/eeccdb34-d8cf-49e7-b379-1cf4f123c0ee",
  "taskDefinitionArn": "arn:aws:ecs:us-east-1:111122223333:task-definition/batch:2"}""")


def task(**fields: Any) -> Any:
    """A task document with an ARN and these fields."""
    return {"taskArn": ARN} | fields


def test_a_real_event_is_read() -> None:
    """The detail of an event has the fields of DescribeTasks, with times as text of 0 to 3 digits of a second."""
    seen = wire.task_snapshot(EVENT)
    day = datetime(2020, 8, 14, 18, 6, tzinfo=UTC)
    assert day + timedelta(seconds=9.69) == seen.pull_started_at
    assert day + timedelta(seconds=20.6) == seen.started_at
    assert day + timedelta(seconds=23) == seen.execution_stopped_at
    assert day + timedelta(seconds=47.229) == seen.stopped_at
    assert (ContainerSnapshot(name="main", last_status="STOPPED", exit_code=1),) == seen.containers
    assert (256, 512, "FARGATE", None) == (seen.cpu, seen.memory, seen.launch_type, seen.capacity_provider)
    assert "EssentialContainerExited" == seen.stop_code


@pytest.mark.parametrize(
    "value",
    [
        1785585600,
        1785585600.0,
        "2026-08-01T12:00:00Z",
        "2026-08-01T12:00:00.000Z",
        "2026-08-01T14:00:00+02:00",
        datetime(2026, 8, 1, 12, 0, tzinfo=UTC),
        datetime(2026, 8, 1, 14, 0, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 8, 1, 12, 0),  # noqa: DTZ001  what an endpoint may make of it
    ],
    ids=str,
)
def test_times_are_utc_however_they_come(value: object) -> None:
    """JSON has seconds, events have text, botocore has datetimes of the machine's zone."""
    seen = wire.task_snapshot(task(stoppedAt=value)).stopped_at
    assert datetime(2026, 8, 1, 12, 0, tzinfo=UTC) == seen
    assert seen is not None
    assert UTC is seen.tzinfo


def test_nothing_but_the_arn_is_needed() -> None:
    """ECS leaves out what has not happened, and other endpoints leave out more."""
    seen = wire.task_snapshot(task())
    assert ARN == seen.task_arn
    rest = {name: getattr(seen, name) for name in seen.__dataclass_fields__ if name != "task_arn"}
    assert {None, (), 0} >= {len(value) if hasattr(value, "keys") else value for value in rest.values()}


@given(st.dictionaries(st.sampled_from(sorted(EVENT)), st.sampled_from([None, "", 0])))
def test_an_empty_field_is_a_missing_one(fields: dict[str, object]) -> None:
    """Null, "" and 0 where something else is expected never raise."""
    seen = wire.task_snapshot(EVENT | fields | {"taskArn": ARN})
    assert ARN == seen.task_arn
    for key, name in (("stopCode", "stop_code"), ("stoppedReason", "stopped_reason"), ("lastStatus", "last_status")):
        if key in fields:
            assert None is getattr(seen, name)


def test_a_time_that_cannot_be_read_is_not_known() -> None:
    """A bill is null rather than wrong."""
    assert None is wire.task_snapshot(task(stoppedAt="yesterday")).stopped_at


def test_an_exit_code_of_a_container_that_has_not_ended_is_not_believed() -> None:
    """moto gives every container the exit code 0 from the beginning; when its task has stopped, it counts."""
    containers = [{"name": "main", "lastStatus": "PENDING", "exitCode": 0}]
    running = wire.task_snapshot(task(lastStatus="RUNNING", containers=containers))
    stopped = wire.task_snapshot(task(lastStatus="STOPPED", containers=containers))
    assert ([None], [0]) == (
        [one.exit_code for one in running.containers],
        [one.exit_code for one in stopped.containers],
    )


def test_a_missing_exit_code_is_not_zero() -> None:
    """A container whose host was lost has none."""
    containers = [{"name": "main", "lastStatus": "STOPPED", "reason": "host lost"}]
    seen = wire.task_snapshot(task(lastStatus="STOPPED", containers=containers))
    assert (ContainerSnapshot(name="main", last_status="STOPPED", reason="host lost"),) == seen.containers


@pytest.mark.parametrize(
    ("fields", "architecture", "system"),
    [
        (
            {"attributes": [{"name": "ecs.cpu-architecture", "value": "arm64"}], "platformFamily": "Linux"},
            "arm64",
            "LINUX",
        ),
        ({"runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}}, "x86_64", "LINUX"),
        ({"platformFamily": "Windows Server 2019 Core"}, None, "WINDOWS_SERVER_2019_CORE"),
        ({"attributes": [{"name": "other"}], "platformFamily": ""}, None, None),
    ],
)
def test_the_platform_is_read_in_our_spelling(fields: Any, architecture: str | None, system: str | None) -> None:
    """The price depends on both; ECS says them in several places."""
    seen = wire.task_snapshot(task(**fields))
    assert (architecture, system) == (seen.architecture, seen.operating_system)


def test_only_our_variables_are_kept() -> None:
    """Overrides may carry secrets of the job; a snapshot carries the run's identity."""
    environment = [{"name": "JOBRUNNER_JOB", "value": "etl"}, {"name": "PASSWORD", "value": "secret"}]
    overrides = {"containerOverrides": [{"name": "main", "environment": environment}, {"name": "side"}]}
    assert {"JOBRUNNER_JOB": "etl"} == dict(wire.task_snapshot(task(overrides=overrides)).environment)


def test_failures_are_read_in_full() -> None:
    """`failures[]` comes with HTTP 200 and without a task."""
    answer = {"tasks": [], "failures": [{"reason": "RESOURCE:ENI", "arn": "a"}, {"reason": "AGENT", "detail": "d"}, {}]}
    expected = (
        PlacementFailure(reason="RESOURCE:ENI", arn="a"),
        PlacementFailure(reason="AGENT", detail="d"),
        PlacementFailure(reason="no reason given"),
    )
    assert (None, expected) == (wire.launch(answer).task, wire.launch(answer).failures)


def test_a_launch_with_a_task_is_no_failure() -> None:
    """With count 1 there is one task or there are failures."""
    launch = wire.launch({"tasks": [task()], "failures": []})
    assert launch.task is not None
    assert (ARN, ()) == (launch.task.task_arn, launch.failures)
    assert () == wire.launch({}).failures


# -- task definitions -----------------------------------------------------------------------------------------------


def test_a_definition_is_read() -> None:
    """Its size as values, the rest in ECS's own words."""
    containers = [{"name": "main", "image": "etl", "cpu": 0}]
    described = {
        "taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/etl:7",
        "containerDefinitions": containers,
        "family": "etl",
        "revision": 7,
        "status": "ACTIVE",
        "cpu": "1024",
        "memory": "2048",
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "ephemeralStorage": {"sizeInGiB": 50},
    }
    seen = wire.definition({"taskDefinition": described, "tags": [{"key": "jobrunner:hash", "value": "abc"}]})
    assert (1024, 2048, "arm64", 50) == (seen.cpu, seen.memory, seen.architecture, seen.ephemeral_storage)
    assert (described["taskDefinitionArn"], tuple(containers)) == (seen.arn, seen.containers)
    assert ("abc", True) == (seen.hash, seen.active)
    beside = {key: described[key] for key in described if key not in {"taskDefinitionArn", "containerDefinitions"}}
    assert beside == seen.members


@pytest.mark.parametrize("said", [{}, {"cpu": None, "memory": "", "runtimePlatform": None, "ephemeralStorage": None}])
def test_a_definition_that_says_little(said: dict[str, Any]) -> None:
    """One for EC2 need not have a size: what is not said is None, and no default of ours."""
    seen = wire.definition({"taskDefinition": {"taskDefinitionArn": "arn", **said}})
    assert (None, None, None, None) == (seen.cpu, seen.memory, seen.architecture, seen.ephemeral_storage)
    assert ((), None, True, said) == (seen.containers, seen.hash, seen.active, seen.members)


def test_whose_a_task_is() -> None:
    """Its group; and the container whose overrides hold the run's id, which sidecars know as well."""
    known = [{"name": "JOBRUNNER_RUN_ID", "value": "r"}]

    def overridden(*names: str, environment: object = known) -> Any:
        overrides = {"containerOverrides": [{"name": name, "environment": environment} for name in names]}
        return wire.task_snapshot(task(group="g", overrides=overrides))

    assert ("g", None) == (overridden().group, wire.task_snapshot(task(group="")).group)
    assert ["app", "main", "main", None, None] == [
        one.main
        for one in (
            overridden("app", "side"),
            overridden("main", "side"),
            overridden("a", "main"),
            overridden("main", environment=[]),
            overridden("", environment=known),
        )
    ]


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", 1e300, "soon"])
def test_a_time_that_cannot_be_is_not_known(value: object) -> None:
    """What somebody wrote into a log of events is no error."""
    assert None is wire.task_snapshot(task(stoppedAt=value)).stopped_at
