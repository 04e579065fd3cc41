"""The contract of `ports.Definitions`."""

from __future__ import annotations

from worlds import World, definition_request

from jobrunner.core.definition import HASH_TAG


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
