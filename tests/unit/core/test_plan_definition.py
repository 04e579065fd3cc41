"""A revision as ECS describes it, beside the task definition that a job makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning import SETTINGS, job
from strategies import job_documents

from jobrunner.core.definition import task_definition
from jobrunner.core.plan_definition import definition_differences
from jobrunner.core.ports import Definition
from jobrunner.core.spec import job_spec

if TYPE_CHECKING:
    from jobrunner.core.spec import JobSpec

MAIN = "TaskDefinition.Containers[main]"
#: What ECS says of every revision, and nobody has registered.
ADDED: dict[str, Any] = {
    "revision": 7,
    "status": "ACTIVE",
    "volumes": [],
    "placementConstraints": [],
    "compatibilities": ["EC2", "FARGATE"],
    "requiresAttributes": [{"name": "ecs.capability.task-eni"}],
    "registeredBy": "arn:aws:iam::123456789012:role/somebody",
    "enableFaultInjection": False,
    "proxyConfiguration": None,
    "aMemberOfNextYear": {"a": 1},
}
FILLED_IN: dict[str, Any] = {
    "cpu": 0,
    "essential": True,
    "portMappings": [],
    "environment": [],
    "mountPoints": [],
    "volumesFrom": [],
    "systemControls": [],
    "secrets": None,
    "versionConsistency": "enabled",
    "readonlyRootFilesystem": False,
}


def request(spec: JobSpec) -> dict[str, Any]:
    """The RegisterTaskDefinition request of a job."""
    definition = task_definition(spec, SETTINGS)
    assert definition is not None
    return definition.request()


def described(registered: dict[str, Any], **changes: Any) -> Definition:
    """What was registered as it is, and with what differs now."""
    members = {**registered, **changes}
    containers = members.pop("containerDefinitions")
    return Definition(
        arn="arn:aws:ecs:eu-west-1:123456789012:task-definition/x:7", containers=containers, members=members
    )


def by_ecs(registered: dict[str, Any]) -> Definition:
    """What was registered, with all that ECS adds, and with its lists in another order."""
    containers = [
        {**FILLED_IN, **one, "environment": one["environment"][::-1], "linuxParameters": {
            **one["linuxParameters"], "capabilities": {"add": [], "drop": []}, "devices": []}}
        for one in registered["containerDefinitions"]
    ]  # fmt: skip
    for one in containers:
        if "healthCheck" in one:
            one["healthCheck"] = {"interval": 30, "timeout": 5, "retries": 3, "startPeriod": None, **one["healthCheck"]}
    roles = {
        key: name if name.startswith("arn:") else f"arn:aws:iam::123456789012:role/{name}"
        for key in ("executionRoleArn", "taskRoleArn")
        if (name := registered.get(key)) is not None
    }
    return described(registered, containerDefinitions=containers[::-1], tags=[], **roles, **ADDED)


def differing(old: Definition, new: dict[str, Any]) -> dict[str, tuple[object, object]]:
    """What differs, by its path."""
    return {one.path: (one.old, one.new) for one in definition_differences(old, new)}


def between(old: JobSpec, new: JobSpec) -> dict[str, tuple[object, object]]:
    """What differs between two versions of a job."""
    return differing(by_ecs(request(old)), request(new))


# -- what is a difference, and what is none -------------------------------------------------------------------------


def test_what_a_person_has_changed() -> None:
    """Each member is named as in the request of a schedule; numbers are numbers."""
    old = job(image="etl:1.4.1", environment={"LOG_LEVEL": "info", "OLD": "1"}, cpu="256", memory="1024")
    new = job(image="etl:1.4.2", environment={"LOG_LEVEL": "debug", "NEW": "2"}, cpu="512", memory="1024")
    assert {
        f"{MAIN}.Image": ("etl:1.4.1", "etl:1.4.2"),
        f"{MAIN}.Environment[LOG_LEVEL]": ("info", "debug"),
        f"{MAIN}.Environment[NEW]": (None, "2"),
        f"{MAIN}.Environment[OLD]": ("1", None),
        "TaskDefinition.Cpu": (256, 512),
    } == between(old, new)


def test_what_people_look_for_comes_first() -> None:
    """The containers before the size, and what has gone last."""
    old = job(environment={"OLD": "1"}, task_role="app")
    new = job(image="other", cpu="1024", memory="2048")
    assert [
        f"{MAIN}.Image",
        "TaskDefinition.Cpu",
        "TaskDefinition.Memory",
        f"{MAIN}.Environment[OLD]",
        "TaskDefinition.TaskRoleArn",
    ] == [*between(old, new)]


def test_tags_are_no_difference() -> None:
    """A new version of a job always has another hash, and that is one."""
    assert {} == between(job(tags={"a": "1"}), job(tags={"a": "2", "b": "3"}))


def test_aws_s_defaults_are_shown_when_something_else_is_wanted() -> None:
    """20 GiB and x86_64 are what a definition has that says nothing; so is what is essential."""
    bare = {"family": "x", "containerDefinitions": [{"name": "main", "image": "a", "healthCheck": {"command": ["x"]}}]}
    changed = {
        "family": "x",
        "containerDefinitions": [
            {"name": "main", "image": "a", "essential": False, "cpu": 16, "healthCheck": {
                "command": ["x"], "interval": 10, "startPeriod": 5}}
        ],
        "ephemeralStorage": {"sizeInGiB": 50},
        "runtimePlatform": {"cpuArchitecture": "ARM64"},
    }  # fmt: skip
    expected = {
        f"{MAIN}.Essential": (True, False),
        f"{MAIN}.HealthCheck.Interval": (30, 10),
        f"{MAIN}.HealthCheck.StartPeriod": (0, 5),
        f"{MAIN}.Cpu": (None, 16),
        "TaskDefinition.EphemeralStorage.SizeInGiB": (20, 50),
        "TaskDefinition.RuntimePlatform.CpuArchitecture": ("X86_64", "ARM64"),
    }
    assert expected == differing(described(bare), changed)
    assert {path: values[::-1] for path, values in expected.items()} == differing(described(changed), bare)
    assert {} == differing(described(bare, runtimePlatform=None, ephemeralStorage=None), bare)


def test_what_somebody_has_registered_beside_jobrunner() -> None:
    """A revision made by hand has what a new one will not have; text that is no number stays text."""
    wanted = request(job())
    volumes = [{"name": "data", "dockerVolumeConfiguration": {"labels": {"a-b": "c"}}}]
    mounted = [{**wanted["containerDefinitions"][0], "privileged": True, "dockerLabels": {"team.x": "y"}}]
    by_hand = described(wanted, volumes=volumes, containerDefinitions=mounted, pidMode="task", cpu=".25 vCPU")
    assert {
        "TaskDefinition.Cpu": (".25 vCPU", 256),
        f"{MAIN}.Privileged": (True, None),
        f"{MAIN}.DockerLabels.team.x": ("y", None),
        "TaskDefinition.Volumes[data].DockerVolumeConfiguration.Labels.a-b": ("c", None),
        "TaskDefinition.PidMode": ("task", None),
    } == differing(by_hand, wanted)


def test_sidecars_and_what_waits_for_them() -> None:
    """By their names; the options of a log driver are somebody's own words."""
    old = job(sidecars={"db": {"image": "postgres:16", "wait_for": "started"}})
    new = job(sidecars={"db": {"image": "postgres:17", "wait_for": "success"}}, log_group="/team")
    group = "LogConfiguration.Options.awslogs-group"
    assert {
        f"{MAIN}.DependsOn[db].Condition": ("START", "SUCCESS"),
        f"{MAIN}.{group}": (SETTINGS.log_group, "/team"),
        "TaskDefinition.Containers[db].Image": ("postgres:16", "postgres:17"),
        f"TaskDefinition.Containers[db].{group}": (SETTINGS.log_group, "/team"),
    } == between(old, new)


def test_a_role_by_name_and_by_arn() -> None:
    """ECS may describe a role by its ARN that was registered by its name; another role is another one."""
    wanted = request(job(task_role="app"))
    assert {} == differing(described(wanted, taskRoleArn="arn:aws:iam::123456789012:role/app"), wanted)
    other = "arn:aws:iam::123456789012:role/other-app"
    assert {"TaskDefinition.TaskRoleArn": (other, "app")} == differing(described(wanted, taskRoleArn=other), wanted)


def test_secrets_are_hidden() -> None:
    """What is one, what looks like one, what shows one; the name of a container says nothing."""
    old = job(
        environment={"API_TOKEN": "hunter1", "DATABASE_URL": "postgres://a:hunter1@db"},
        secrets={"DB": "/hunter/1"},
        command=["--password", "hunter1"],
        sidecars={"auth": {"image": "a:1"}},
    )
    new = job(
        environment={"API_TOKEN": "hunter2", "DATABASE_URL": "postgres://a:hunter2@db"},
        secrets={"DB": "/hunter/2"},
        command=["--password", "hunter2"],
        sidecars={"auth": {"image": "a:2"}},
    )
    hidden, found = ("(hidden)", "(hidden, changed)"), between(old, new)
    assert {
        f"{MAIN}.Command": (["--password", "(hidden)"], "(hidden, changed)"),
        f"{MAIN}.Environment[API_TOKEN]": hidden,
        f"{MAIN}.Environment[DATABASE_URL]": hidden,
        f"{MAIN}.Secrets[DB].ValueFrom": hidden,
        "TaskDefinition.Containers[auth].Image": ("a:1", "a:2"),
    } == found
    assert "hunter" not in str(found)


# -- what holds for every job ---------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(document=job_documents())
def test_a_job_does_not_differ_from_itself(document: dict[str, Any]) -> None:
    """Neither as it was registered nor as ECS describes it."""
    wanted = request(job_spec(**document))
    assert () == definition_differences(described(wanted), wanted)
    assert () == definition_differences(by_ecs(wanted), wanted)


#: Another value for a key of a job, or a second one if the job has the first; and where the difference must be.
CHANGES: list[tuple[str, list[Any], str]] = [
    ("image", ["changed:1"], f"{MAIN}.Image"),
    ("entrypoint", [["changed", "by", "a", "test"]], f"{MAIN}.EntryPoint"),
    ("command", [["changed", "by", "a", "test", "of", "mine", "all"]], f"{MAIN}.Command"),
    ("working_directory", ["/changed"], f"{MAIN}.WorkingDirectory"),
    ("environment", [{"CHANGED_BY_A_TEST": "1"}], f"{MAIN}.Environment[CHANGED_BY_A_TEST]"),
    ("env_file", [["arn:aws:s3:::bucket/changed.env"]], f"{MAIN}.EnvironmentFiles[0].Value"),
    ("secrets", [{"CHANGED_BY_A_TEST": "/app/x"}], f"{MAIN}.Secrets[CHANGED_BY_A_TEST].ValueFrom"),
    ("stop_timeout", ["119s", "120s"], f"{MAIN}.StopTimeout"),
    ("cpu", ["16 vCPU", "32 vCPU"], "TaskDefinition.Cpu"),
    ("architecture", ["arm64", "x86_64"], "TaskDefinition.RuntimePlatform.CpuArchitecture"),
    ("ephemeral_storage", ["199 GiB", "200 GiB"], "TaskDefinition.EphemeralStorage.SizeInGiB"),
    ("execution_role", ["changed"], "TaskDefinition.ExecutionRoleArn"),
    ("task_role", ["changed"], "TaskDefinition.TaskRoleArn"),
    ("log_group", ["/changed"], f"{MAIN}.LogConfiguration.Options.awslogs-group"),
    ("sidecars", [{"changed-by-a-test": {"image": "busybox"}}], "TaskDefinition.Containers[changed-by-a-test].Image"),
]


@pytest.mark.parametrize(("key", "values", "path"), CHANGES)
@settings(max_examples=20)
@given(data=st.data())
def test_a_key_that_has_changed_is_named(data: st.DataObject, key: str, values: list[Any], path: str) -> None:
    """Whatever the job has beside it; and both ways."""
    document = data.draw(job_documents())
    # The memory that goes with it is the smallest then.
    rest = {name: value for name, value in document.items() if (key, name) != ("cpu", "memory")}
    old = job_spec(**rest)
    given_now = document.get(key)
    new = next(
        spec
        for value in values
        if getattr(spec := job_spec(**rest | {key: _added(given_now, value)}), key) != getattr(old, key)
    )
    assert path in between(old, new)
    assert path in between(new, old)


def _added(old: Any, value: Any) -> Any:
    return {**(old or {}), **value} if isinstance(value, dict) else value
