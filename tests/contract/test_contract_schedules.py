"""The contract of `ports.Schedules` and `ports.Identity`."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jobrunner.core.ports import CONFLICT, NOT_FOUND
from jobrunner.errors import AwsRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worlds import World

INPUT = '{"Cluster":"c","TaskDefinition":"none","Group":"<aws.scheduler.scheduled-time> é \\"quoted\\""}'


@pytest.fixture
def group(world: World) -> Iterator[str]:
    """A group of the test's own."""
    if not world.place.scheduler_role:
        pytest.skip("JOBRUNNER_CONTRACT_SCHEDULER_ROLE names no role")
    name = f"jobrunner-contract-{uuid.uuid4().hex[:12]}"
    assert world.schedules.make_group(name, {"jobrunner:project": "contract"})
    yield name
    world.schedules.delete_group(name)


@pytest.fixture
def body(world: World, group: str) -> Callable[..., dict[str, Any]]:
    """The smallest schedules that AWS takes: of that name, with what is given besides."""

    def made(name: str, **more: Any) -> dict[str, Any]:
        return {
            "Name": name,
            "GroupName": group,
            "ScheduleExpression": "cron(0 0 1 1 ? 2199)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask",
                "RoleArn": world.place.scheduler_role,
                "Input": INPUT,
            },
            **more,
        }

    return made


def gone(world: World, group: str) -> bool:
    """Wait until a group is described no more."""
    limit = time.monotonic() + world.place.bound
    while (seen := world.schedules.group(group)) is not None:
        assert seen.deleting
        assert time.monotonic() < limit
        world.wait()
    return True


def test_a_group_is_described_with_its_tags(world: World, group: str) -> None:
    """With those that it was made with, and the one that says that jobrunner made it."""
    found = world.schedules.group(group)
    assert found is not None
    expected = (group, {"jobrunner:project": "contract", "managed-by": "jobrunner"}, False)
    assert expected == (found.name, dict(found.tags), found.deleting)


def test_the_default_group_exists(world: World) -> None:
    """Every region has it, and it says nothing of any project."""
    found = world.schedules.group("default")
    assert found is not None
    assert ("default", False) == (found.name, found.deleting)


def test_a_group_is_made_once(world: World, group: str) -> None:
    """The second time says so, and changes no tag."""
    assert not world.schedules.make_group(group, {"jobrunner:project": "another"})
    found = world.schedules.group(group)
    assert found is not None
    assert "contract" == found.tags["jobrunner:project"]


def test_what_does_not_exist_is_none(world: World, group: str) -> None:
    """A group and a schedule that are not there are no errors: a first plan finds neither."""
    unknown = f"{group}-unknown"
    assert None is world.schedules.group(unknown)
    assert [] == list(world.schedules.names(unknown))
    assert None is world.schedules.get(unknown, "nightly")
    assert None is world.schedules.get(group, "nightly")
    assert [] == list(world.schedules.names(group))


def test_a_deleted_group_takes_its_schedules_with_it(world: World, body: Callable[..., dict[str, Any]]) -> None:
    """Deleting it again is no error."""
    first = body("nightly")
    world.schedules.create(first)
    world.schedules.delete_group(first["GroupName"])
    assert gone(world, first["GroupName"])
    assert [] == list(world.schedules.names(first["GroupName"]))
    assert None is world.schedules.get(first["GroupName"], "nightly")
    world.schedules.delete_group(first["GroupName"])


def test_a_schedule_is_given_as_it_was_created(world: World, body: Callable[..., dict[str, Any]]) -> None:
    """All that was said, times to the second in UTC; nothing that CreateSchedule would not take."""
    start = (world.now() + timedelta(days=1)).replace(microsecond=0)
    whole = body(
        "nightly.2",
        Description="Made by a test",
        ScheduleExpressionTimezone="Europe/London",
        State="DISABLED",
        ActionAfterCompletion="DELETE",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10},
        StartDate=f"{start:%Y-%m-%dT%H:%M:%SZ}",
        EndDate=f"{start + timedelta(days=3650):%Y-%m-%dT%H:%M:%SZ}",
    )
    whole["Target"]["RetryPolicy"] = {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 5}
    world.schedules.create(whole)
    assert whole == world.schedules.get(whole["GroupName"], "nightly.2")


def test_what_was_left_out_has_its_default(world: World, body: Callable[..., dict[str, Any]]) -> None:
    """As EventBridge Scheduler shows it."""
    small = body("nightly")
    world.schedules.create(small)
    policy = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
    expected = {
        **small,
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "ActionAfterCompletion": "NONE",
        "Target": {**small["Target"], "RetryPolicy": policy},
    }
    assert expected == world.schedules.get(small["GroupName"], "nightly")


def test_a_schedule_is_known_by_when_it_was_last_written(world: World, body: Callable[..., dict[str, Any]]) -> None:
    """To create it is to write it, and so is an update; others of its group are not touched by that."""
    small = body("nightly")
    group = small["GroupName"]
    assert {} == world.schedules.written(group)
    for made in (small, body("hourly")):
        world.schedules.create(made)
    first = world.schedules.written(group)
    assert {"nightly", "hourly"} == first.keys()
    assert {timedelta()} == {at.utcoffset() for at in first.values()}
    limit = time.monotonic() + world.place.bound
    while (later := world.schedules.written(group))["nightly"] == first["nightly"]:
        assert time.monotonic() < limit
        world.wait()
        world.schedules.update(small)
    assert (True, first["hourly"]) == (first["nightly"] < later["nightly"], later["hourly"])
    assert {} == world.schedules.written(f"{group}-none")


def test_a_name_that_is_taken_is_refused(world: World, body: Callable[..., dict[str, Any]]) -> None:
    """What is there stays as it is."""
    first = body("nightly", Description="the first")
    world.schedules.create(first)
    with pytest.raises(AwsRefusedError) as caught:
        world.schedules.create({**first, "Description": "the second"})
    assert (CONFLICT, "scheduler:CreateSchedule") == (caught.value.code, caught.value.where)
    found = world.schedules.get(first["GroupName"], "nightly")
    assert found is not None
    assert "the first" == found["Description"]


def test_a_schedule_needs_its_group(world: World, body: Callable[..., dict[str, Any]]) -> None:
    """Nobody makes it in passing."""
    made = body("nightly", GroupName=f"jobrunner-contract-{uuid.uuid4().hex[:12]}")
    with pytest.raises(AwsRefusedError) as caught:
        world.schedules.create(made)
    assert (NOT_FOUND, "scheduler:CreateSchedule") == (caught.value.code, caught.value.where)


def test_an_update_replaces_the_whole(world: World, body: Callable[..., dict[str, Any]]) -> None:
    """What it leaves out has its default again."""
    first = body("nightly", Description="the first", State="DISABLED")
    world.schedules.create(first)
    world.schedules.update(body("nightly", ScheduleExpressionTimezone="Asia/Tokyo"))
    found = world.schedules.get(first["GroupName"], "nightly")
    assert found is not None
    seen = (found.get("Description"), found["State"], found["ScheduleExpressionTimezone"])
    assert (None, "ENABLED", "Asia/Tokyo") == seen


def test_what_is_given_can_be_written_back(world: World, body: Callable[..., dict[str, Any]]) -> None:
    """An update with what `get` gave changes nothing."""
    first = body("nightly", Description="the first", EndDate="2199-01-01T00:00:00Z")
    world.schedules.create(first)
    found = world.schedules.get(first["GroupName"], "nightly")
    assert found is not None
    world.schedules.update(found)
    assert found == world.schedules.get(first["GroupName"], "nightly")


def test_what_does_not_exist_is_not_updated(world: World, body: Callable[..., dict[str, Any]]) -> None:
    """It is not created either."""
    made = body("nightly")
    with pytest.raises(AwsRefusedError) as caught:
        world.schedules.update(made)
    assert (NOT_FOUND, "scheduler:UpdateSchedule") == (caught.value.code, caught.value.where)
    assert None is world.schedules.get(made["GroupName"], "nightly")


def test_a_deletion_says_whether_there_was_a_schedule(world: World, body: Callable[..., dict[str, Any]]) -> None:
    """The others stay."""
    for name in ("nightly", "nightly.2"):
        world.schedules.create(body(name))
    group = body("")["GroupName"]
    assert world.schedules.delete(group, "nightly")
    assert not world.schedules.delete(group, "nightly")
    assert ["nightly.2"] == list(world.schedules.names(group))


def test_all_pages_are_listed(world: World, body: Callable[..., dict[str, Any]]) -> None:
    """ListSchedules gives at most 100 a page; names come in their order, and those of other groups do not."""
    names = [f"job-{number:03}" for number in range(203)]
    for name in reversed(names):
        world.schedules.create(body(name))
    other = f"{body('')['GroupName']}-other"
    world.schedules.make_group(other, {})
    try:
        world.schedules.create(body("elsewhere", GroupName=other))
        assert names == list(world.schedules.names(body("")["GroupName"]))
        assert ["elsewhere"] == list(world.schedules.names(other))
    finally:
        world.schedules.delete_group(other)


def test_the_account_has_twelve_digits(world: World) -> None:
    """It is asked for only when no setting names one."""
    account = world.identity.account()
    assert (12, True) == (len(account), account.isdecimal())
