"""The contract of `ports.Definitions`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from strategies import job_specs
from worlds import World, definition_request

from jobrunner.core.definition import HASH_TAG, task_definition
from jobrunner.core.plan_definition import definition_differences
from jobrunner.core.settings import Settings

if TYPE_CHECKING:
    from jobrunner.core.spec import JobSpec


def test_what_does_not_exist_is_none(world: World, family: str) -> None:
    """A family without revisions is no error: the first run of a job registers it."""
    assert None is world.definitions.describe(family)
    assert None is world.definitions.describe(f"{family}:1")
    assert [] == list(world.definitions.revisions(family, 10))


def test_a_revision_is_described_as_registered(world: World, family: str) -> None:
    """Family, family:revision and ARN name the same revision, with its containers and its content hash."""
    request = definition_request(world, family, tags=[{"key": HASH_TAG, "value": "abc"}, {"key": "a", "value": "b"}])
    registered = world.definitions.register(request)
    assert registered.arn.endswith(f"/{family}:1")
    for name in (family, f"{family}:1", registered.arn):
        described = world.definitions.describe(name)
        assert described is not None
        assert (registered.arn, "abc", True) == (described.arn, described.hash, described.active)
        assert ["main"] == [container["name"] for container in described.containers]
        wanted = request["containerDefinitions"][0]["logConfiguration"]
        assert wanted == described.containers[0]["logConfiguration"]


def test_a_definition_of_somebody_else_has_no_hash(world: World, family: str) -> None:
    """Without our tag, nothing is known of the content."""
    world.definitions.register(definition_request(world, family))
    described = world.definitions.describe(family)
    assert described is not None
    assert None is described.hash


def test_revisions_come_newest_first(world: World, family: str) -> None:
    """The newest revision answers to the family's name; a family whose name begins alike is another one."""
    arns = [world.definitions.register(definition_request(world, family)).arn for _ in range(3)]
    world.definitions.register(definition_request(world, f"{family}-more"))
    assert arns[::-1] == list(world.definitions.revisions(family, 10))
    assert arns[:0:-1] == list(world.definitions.revisions(family, 2))
    newest = world.definitions.describe(family)
    assert newest is not None
    assert arns[-1] == newest.arn


def test_the_size_of_tasks_is_described(world: World, family: str) -> None:
    """As values; what the registration left out is not known, and there are more members than it had."""
    registered = world.definitions.register(definition_request(world, family))
    assert (256, 512, None, None) == (
        registered.cpu,
        registered.memory,
        registered.architecture,
        registered.ephemeral_storage,
    )
    more = {
        "cpu": "1024",
        "memory": "2048",
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "ephemeralStorage": {"sizeInGiB": 50},
    }
    world.definitions.register(definition_request(world, family, **more))
    described = world.definitions.describe(family)
    assert described is not None
    assert (1024, 2048, "arm64", 50) == (
        described.cpu,
        described.memory,
        described.architecture,
        described.ephemeral_storage,
    )
    expected = {"family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], **more}
    assert expected == {key: described.members[key] for key in expected}
    assert ["EC2", "FARGATE"] == sorted(described.members["compatibilities"])


@settings(max_examples=40)
@given(spec=job_specs())
def test_what_is_described_does_not_differ_from_what_was_registered(world: World, spec: JobSpec) -> None:
    """For generated jobs: what the service fills in, leaves out and sorts is no difference."""
    here = Settings(
        project="contract",
        region="us-east-1",
        execution_role=world.place.execution_role,
        schedule_group="contract",
        log_group="/contract",
        state_dir=Path("state"),
    )
    # An account refuses roles that it has not.
    definition = task_definition(spec.model_copy(update={"execution_role": None, "task_role": None}), here)
    assert definition is not None
    request = definition.request()
    described = world.definitions.describe(world.definitions.register(request).arn)
    assert described is not None
    assert () == definition_differences(described, request)
    assert definition.hash == described.hash
