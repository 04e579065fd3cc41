"""The gateways of schedules and of the identity, on answers that no local endpoint gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from jobrunner.aws import Gateways, open_gateways
from jobrunner.core.connection import Connection
from jobrunner.core.ports import ROLE_NOT_TRUSTED
from jobrunner.core.schedule_group import ScheduleGroup
from jobrunner.errors import AwsRefusedError, AwsThrottledError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ARN = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/g"
BODY = {
    "Name": "nightly",
    "GroupName": "g",
    "ScheduleExpression": "cron(30 2 * * ? *)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask",
        "RoleArn": f"{ARN[:-16]}role/scheduler",
        "Input": "{}",
    },
}


@pytest.fixture
def unused() -> Iterator[Gateways]:
    """Gateways that are to reach nothing."""
    connection = Connection(
        region="us-east-1", endpoint_url="http://127.0.0.1:9", access_key_id="i", secret_access_key="s"
    )
    opened = open_gateways(connection)
    yield opened
    opened.clients.close()


@pytest.fixture
def scheduler(unused: Gateways) -> Iterator[Stubber]:
    """What EventBridge Scheduler answers, in order; and what it has to be asked."""
    with Stubber(unused.clients.client("scheduler")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_no_client_is_made_before_it_is_needed(unused: Gateways) -> None:
    """A run pays for neither."""
    assert unused.schedules is not None
    assert unused.identity is not None
    assert {} == unused.clients._clients


def test_a_group_that_is_being_deleted_says_so(unused: Gateways, scheduler: Stubber) -> None:
    """AWS takes a while to delete one, with all that is in it."""
    for state in ("ACTIVE", "DELETING"):
        scheduler.add_response("get_schedule_group", {"Arn": ARN, "Name": "g", "State": state}, {"Name": "g"})
        tags = {"Tags": [{"Key": "jobrunner:project", "Value": "etl"}]}
        scheduler.add_response("list_tags_for_resource", tags, {"ResourceArn": ARN})
        expected = ScheduleGroup(name="g", tags={"jobrunner:project": "etl"}, deleting=state == "DELETING")
        assert expected == unused.schedules.group("g")


def test_a_group_is_made_with_its_tags(unused: Gateways, scheduler: Stubber) -> None:
    """Also the one by which everybody sees that it is jobrunner's."""
    tags = [{"Key": "managed-by", "Value": "jobrunner"}, {"Key": "jobrunner:project", "Value": "etl"}]
    scheduler.add_response("create_schedule_group", {"ScheduleGroupArn": ARN}, {"Name": "g", "Tags": tags})
    assert unused.schedules.make_group("g", {"jobrunner:project": "etl"})


def test_every_page_is_asked_for(unused: Gateways, scheduler: Stubber) -> None:
    """With the token of the one before; the names are in their order whatever AWS's is."""
    first = {"Schedules": [{"Name": "b"}, {"Name": "c"}], "NextToken": "t"}
    scheduler.add_response("list_schedules", first, {"GroupName": "g"})
    scheduler.add_response("list_schedules", {"Schedules": [{"Name": "a"}]}, {"GroupName": "g", "NextToken": "t"})
    assert ["a", "b", "c"] == unused.schedules.names("g")


def test_a_schedule_is_what_creates_it(unused: Gateways, scheduler: Stubber) -> None:
    """Times are written as they are sent, in UTC; what CreateSchedule does not take is left out, all else is kept."""
    tokyo = datetime(2026, 12, 1, 9, 0, tzinfo=timezone(timedelta(hours=9)))
    now = datetime(2026, 11, 24, tzinfo=UTC)
    answer = {**BODY, "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1", "StartDate": tokyo, "EndDate": now}
    beside = {"Arn": ARN, "CreationDate": now, "LastModificationDate": now}
    scheduler.add_response("get_schedule", {**answer, **beside}, {"GroupName": "g", "Name": "nightly"})
    found = unused.schedules.get("g", "nightly")
    expected = {**answer, "StartDate": "2026-12-01T00:00:00Z", "EndDate": "2026-11-24T00:00:00Z"}
    assert expected == found
    scheduler.add_response("update_schedule", {"ScheduleArn": ARN}, expected)
    unused.schedules.update(expected)


def test_a_role_that_is_not_trusted_is_known_by_its_text(unused: Gateways, scheduler: Stubber) -> None:
    """Whoever waits for a new role finds it in the error, from create and update alike."""
    said = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
    for operation, call in (("create", unused.schedules.create), ("update", unused.schedules.update)):
        scheduler.add_client_error(f"{operation}_schedule", "ValidationException", said)
        with pytest.raises(AwsRefusedError) as caught:
            call(BODY)
        assert ROLE_NOT_TRUSTED in caught.value.what.lower()
        assert caught.value.hint is not None


CALLS: dict[str, tuple[str, Callable[[Gateways], Any]]] = {
    "get_schedule_group": ("GetScheduleGroup", lambda made: made.schedules.group("g")),
    "create_schedule_group": ("CreateScheduleGroup", lambda made: made.schedules.make_group("g", {})),
    "delete_schedule_group": ("DeleteScheduleGroup", lambda made: made.schedules.delete_group("g")),
    "list_schedules": ("ListSchedules", lambda made: made.schedules.names("g")),
    "get_schedule": ("GetSchedule", lambda made: made.schedules.get("g", "nightly")),
    "create_schedule": ("CreateSchedule", lambda made: made.schedules.create(BODY)),
    "update_schedule": ("UpdateSchedule", lambda made: made.schedules.update(BODY)),
    "delete_schedule": ("DeleteSchedule", lambda made: made.schedules.delete("g", "nightly")),
}


@pytest.mark.parametrize("operation", CALLS)
def test_every_error_is_ours_and_names_the_call(unused: Gateways, scheduler: Stubber, operation: str) -> None:
    """A permission that is missing is refused, throttling may be over later; neither is taken for absence."""
    name, call = CALLS[operation]
    for code, kind in (("AccessDeniedException", AwsRefusedError), ("ThrottlingException", AwsThrottledError)):
        scheduler.add_client_error(operation, code, "AWS's words")
        with pytest.raises(kind, match="AWS's words") as caught:
            call(unused)
        assert (f"scheduler:{name}", code) == (caught.value.where, caught.value.code)


def test_the_tags_of_a_group_may_be_refused(unused: Gateways, scheduler: Stubber) -> None:
    """Then it is not known whose it is: an error, and not a group without tags."""
    scheduler.add_response("get_schedule_group", {"Arn": ARN, "Name": "g", "State": "ACTIVE"})
    scheduler.add_client_error("list_tags_for_resource", "AccessDeniedException", "no")
    with pytest.raises(AwsRefusedError) as caught:
        unused.schedules.group("g")
    assert "scheduler:ListTagsForResource" == caught.value.where


def test_an_account_that_is_not_told_is_an_error(unused: Gateways) -> None:
    """With the call's name."""
    with Stubber(unused.clients.client("sts")) as sts:
        sts.add_response("get_caller_identity", {"Account": "210987654321"})
        assert "210987654321" == unused.identity.account()
        sts.add_client_error("get_caller_identity", "ExpiredToken", "The security token has expired")
        with pytest.raises(
            AwsRefusedError, match="cannot ask for the account: The security token has expired"
        ) as caught:
            unused.identity.account()
    assert "sts:GetCallerIdentity" == caught.value.where


@pytest.mark.parametrize("call", [*(call for _, call in CALLS.values()), lambda made: made.identity.account()])
def test_settings_that_make_no_client_are_our_error_too(call: Callable[[Gateways], Any]) -> None:
    """A profile that does not exist shows when the client is made."""
    made = open_gateways(Connection(region="us-east-1", profile="no-such-profile"))
    with pytest.raises(AwsRefusedError, match="no-such-profile"):
        call(made)
