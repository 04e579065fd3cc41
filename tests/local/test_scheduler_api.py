"""EventBridge Scheduler's operations, as boto3 sees them."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import client_of
from scheduling import ACCOUNT, CLUSTER, QUEUE, refused, schedule, target

from jobrunner.core import local_stage
from jobrunner.local import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.endpoint import Endpoint

ARN = f"arn:aws:scheduler:{local_stage.REGION}:{ACCOUNT}:schedule"
GROUP_ARN = f"arn:aws:scheduler:{local_stage.REGION}:{ACCOUNT}:schedule-group"


@pytest.fixture(scope="module")
def scheduler(endpoint: Endpoint) -> Any:
    """A client that validates nothing itself."""
    return client_of(endpoint.connection, "scheduler")


@pytest.fixture
def group(scheduler: Any) -> Iterator[str]:
    """A group of its own."""
    name = f"group-{uuid.uuid4().hex[:8]}"
    scheduler.create_schedule_group(Name=name)
    yield name
    scheduler.delete_schedule_group(Name=name)


# -- schedules -------------------------------------------------------------------------------------------------


def test_a_schedule_is_shown_as_it_was_made(scheduler: Any, group: str) -> None:
    """Everything that was said, and AWS's defaults for what was not."""
    before = dt.datetime.now(dt.UTC)
    asked = schedule("one", GroupName=group, ScheduleExpression="at(2030-01-02T03:04:05)", Description="why")
    assert f"{ARN}/{group}/one" == scheduler.create_schedule(**asked)["ScheduleArn"]
    shown = scheduler.get_schedule(Name="one", GroupName=group)
    del shown["ResponseMetadata"]
    created, modified = shown.pop("CreationDate"), shown.pop("LastModificationDate")
    assert before <= created <= dt.datetime.now(dt.UTC)
    assert created == modified
    expected = {
        **asked,
        "Arn": f"{ARN}/{group}/one",
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "ActionAfterCompletion": "NONE",
        "Target": target(RetryPolicy={"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}),
    }
    assert expected == shown


def test_every_member_is_kept(scheduler: Any, group: str) -> None:
    """The templated ECS target with all that it has, dates, window, key, dead letters."""
    start = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    asked = schedule(
        "full",
        GroupName=group,
        ScheduleExpression="cron(30 2 ? * MON-FRI *)",
        ScheduleExpressionTimezone="Europe/London",
        StartDate=start,
        EndDate=start + dt.timedelta(days=365),
        State="DISABLED",
        KmsKeyArn=f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        ActionAfterCompletion="DELETE",
        Target={
            "Arn": CLUSTER,
            "RoleArn": local_stage.SCHEDULER_ROLE,
            "Input": json.dumps({"containerOverrides": [{"name": "main", "command": ["x"]}]}),
            "DeadLetterConfig": {"Arn": QUEUE},
            "RetryPolicy": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0},
            "EcsParameters": {
                "TaskDefinitionArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/etl:1",
                "TaskCount": 2,
                "CapacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}],
                "NetworkConfiguration": {
                    "awsvpcConfiguration": {"Subnets": list(local_stage.SUBNETS), "AssignPublicIp": "DISABLED"}
                },
                "PropagateTags": "TASK_DEFINITION",
                "EnableECSManagedTags": True,
                "Tags": [{"key": "a", "value": "b"}],
            },
        },
    )
    scheduler.create_schedule(**asked)
    shown = scheduler.get_schedule(Name="full", GroupName=group)
    assert asked == {name: shown[name] for name in asked}


def test_an_update_replaces_everything(scheduler: Any, group: str) -> None:
    """What an update leaves out has its default again, as AWS does; the date of the creation stays."""
    scheduler.create_schedule(
        **schedule("one", GroupName=group, State="DISABLED", Description="why", ActionAfterCompletion="DELETE")
    )
    before = scheduler.get_schedule(Name="one", GroupName=group)
    changed = schedule("one", GroupName=group, ScheduleExpression="at(2031-01-01T00:00:00)")
    assert before["Arn"] == scheduler.update_schedule(**changed)["ScheduleArn"]
    after = scheduler.get_schedule(Name="one", GroupName=group)
    assert ("ENABLED", "NONE", False) == (after["State"], after["ActionAfterCompletion"], "Description" in after)
    assert "at(2031-01-01T00:00:00)" == after["ScheduleExpression"]
    assert before["CreationDate"] == after["CreationDate"] < after["LastModificationDate"]
    message = refused("ResourceNotFoundException", scheduler.update_schedule, **{**changed, "Name": "two"})
    assert "Schedule two does not exist." == message


def test_what_does_not_exist_is_not_found(scheduler: Any) -> None:
    """Schedules and groups, whatever is done to them."""
    for call in (scheduler.get_schedule, scheduler.delete_schedule):
        assert "Schedule no-one does not exist." == refused("ResourceNotFoundException", call, Name="no-one")
        message = refused("ResourceNotFoundException", call, Name="no-one", GroupName="nowhere")
        assert "Schedule group nowhere does not exist." == message
    create = schedule("one", GroupName="nowhere")
    refused("ResourceNotFoundException", scheduler.create_schedule, **create)
    refused("ResourceNotFoundException", scheduler.update_schedule, **create)
    refused("ResourceNotFoundException", scheduler.list_schedules, GroupName="nowhere")
    for call in (scheduler.get_schedule_group, scheduler.delete_schedule_group):
        refused("ResourceNotFoundException", call, Name="nowhere")
    refused("ResourceNotFoundException", scheduler.list_tags_for_resource, ResourceArn=f"{GROUP_ARN}/nowhere")


def test_a_name_is_taken_once_in_its_group(scheduler: Any, group: str) -> None:
    """And free again when its schedule is deleted."""
    asked = schedule("one", GroupName=group)
    scheduler.create_schedule(**asked)
    assert "Schedule one already exists." == refused("ConflictException", scheduler.create_schedule, **asked)
    scheduler.create_schedule(**schedule("one"))
    scheduler.delete_schedule(Name="one")
    scheduler.delete_schedule(Name="one", GroupName=group)
    scheduler.create_schedule(**asked)


def test_a_repeated_token_is_the_same_call(scheduler: Any, group: str) -> None:
    """The same call with its token succeeds again; with other parameters, or another token, it is a conflict."""
    asked = schedule("one", GroupName=group, ClientToken="t-1")
    arns = {scheduler.create_schedule(**asked)["ScheduleArn"] for _ in range(3)}
    assert {f"{ARN}/{group}/one"} == arns
    refused("ConflictException", scheduler.create_schedule, **{**asked, "ClientToken": "t-2"})
    refused("ConflictException", scheduler.create_schedule, **{**asked, "Description": "other"})
    name = f"{group}-more"
    for _ in range(2):
        scheduler.create_schedule_group(Name=name, ClientToken="t-3")
    refused("ConflictException", scheduler.create_schedule_group, Name=name, ClientToken="t-4")
    scheduler.delete_schedule_group(Name=name)


def test_schedules_are_listed_in_pages(scheduler: Any, group: str) -> None:
    """By name, none twice and none left out; summaries say neither when nor with which Input."""
    names = [f"s-{number:02d}" for number in range(7)]
    for name in reversed(names):
        scheduler.create_schedule(**schedule(name, GroupName=group))
    pages = list(scheduler.get_paginator("list_schedules").paginate(GroupName=group, PaginationConfig={"PageSize": 3}))
    assert [3, 3, 1] == [len(page["Schedules"]) for page in pages]
    listed = [one for page in pages for one in page["Schedules"]]
    assert names == [one["Name"] for one in listed]
    assert {"Arn", "Name", "GroupName", "State", "CreationDate", "LastModificationDate", "Target"} == set(listed[0])
    assert {"Arn": target()["Arn"]} == listed[0]["Target"]
    refused("ValidationException", scheduler.list_schedules, NextToken="§")
    refused("ValidationException", scheduler.list_schedules, MaxResults=101)


def test_pages_go_through_all_groups(endpoint: Endpoint) -> None:
    """Whatever the groups are called: one name may be the beginning of another."""
    scheduler = client_of(endpoint.connection, "scheduler", region_name="ap-south-1")
    wanted = [(group, name) for group in ("a", "a-", "a.b", "aa") for name in ("x", "y")]
    for group in dict(wanted):
        scheduler.create_schedule_group(Name=group)
    for group, name in wanted:
        scheduler.create_schedule(**schedule(name, GroupName=group))
    pages = scheduler.get_paginator("list_schedules").paginate(PaginationConfig={"PageSize": 1})
    listed = [(one["GroupName"], one["Name"]) for page in pages for one in page["Schedules"]]
    assert wanted == listed


def test_schedules_are_filtered(scheduler: Any, group: str) -> None:
    """By group, prefix and state, and all of them together."""
    for name, state in (("a-1", "ENABLED"), ("a-2", "DISABLED"), ("b-1", "ENABLED")):
        scheduler.create_schedule(**schedule(name, GroupName=group, State=state))

    def listed(**filters: str) -> list[str]:
        return [one["Name"] for one in scheduler.list_schedules(**filters)["Schedules"] if one["GroupName"] == group]

    assert ["a-1", "a-2", "b-1"] == listed()
    assert ["a-1", "a-2"] == listed(GroupName=group, NamePrefix="a-")
    assert ["a-1", "b-1"] == listed(State="ENABLED")
    assert ["a-2"] == listed(GroupName=group, NamePrefix="a", State="DISABLED")
    assert [] == listed(GroupName="default")


def test_regions_are_apart(endpoint: Endpoint, scheduler: Any, group: str) -> None:
    """A schedule belongs to the region that its request was signed for."""
    scheduler.create_schedule(**schedule("one", GroupName=group))
    elsewhere = client_of(endpoint.connection, "scheduler", region_name="eu-west-1")
    assert [] == elsewhere.list_schedules()["Schedules"]
    assert ["default"] == [one["Name"] for one in elsewhere.list_schedule_groups()["ScheduleGroups"]]
    elsewhere.create_schedule(**schedule("one"))
    assert f"arn:aws:scheduler:eu-west-1:{ACCOUNT}:schedule/default/one" == elsewhere.get_schedule(Name="one")["Arn"]


def test_dates_of_a_one_time_schedule_are_ignored(scheduler: Any, group: str) -> None:
    """API reference: "EventBridge Scheduler ignores StartDate for one-time schedules", and EndDate."""
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    scheduler.create_schedule(**schedule("one", GroupName=group, StartDate=past, EndDate=past))
    assert past == scheduler.get_schedule(Name="one", GroupName=group)["StartDate"]


# -- groups ----------------------------------------------------------------------------------------------------


def test_a_group_goes_with_its_schedules(scheduler: Any) -> None:
    """Deleting a group deletes what is in it, and nothing else."""
    made = scheduler.create_schedule_group(Name="goes")
    assert f"{GROUP_ARN}/goes" == made["ScheduleGroupArn"]
    scheduler.create_schedule(**schedule("one", GroupName="goes"))
    scheduler.create_schedule(**schedule("stays"))
    shown = scheduler.get_schedule_group(Name="goes")
    assert ("goes", "ACTIVE", made["ScheduleGroupArn"]) == (shown["Name"], shown["State"], shown["Arn"])
    scheduler.delete_schedule_group(Name="goes")
    scheduler.create_schedule_group(Name="goes")
    assert [] == scheduler.list_schedules(GroupName="goes")["Schedules"]
    scheduler.delete_schedule_group(Name="goes")
    scheduler.delete_schedule(Name="stays")


def test_the_default_group_is_always_there(scheduler: Any) -> None:
    """It can be neither made nor deleted."""
    assert "default" == scheduler.get_schedule_group(Name="default")["Name"]
    refused("ConflictException", scheduler.create_schedule_group, Name="default")
    refused("ValidationException", scheduler.delete_schedule_group, Name="default")


def test_groups_are_listed(scheduler: Any) -> None:
    """By prefix, in pages."""
    names = [f"listed-{number}" for number in range(3)]
    for name in names:
        scheduler.create_schedule_group(Name=name)
    paginator = scheduler.get_paginator("list_schedule_groups")
    pages = list(paginator.paginate(NamePrefix="listed-", PaginationConfig={"PageSize": 2}))
    assert [names[:2], names[2:]] == [[one["Name"] for one in page["ScheduleGroups"]] for page in pages]
    for name in names:
        scheduler.delete_schedule_group(Name=name)


def test_groups_have_tags(scheduler: Any, group: str) -> None:
    """Only groups have any: added, replaced and taken away by key."""
    arn = f"{GROUP_ARN}/{group}"
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b/c", "Value": "1"}])
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "d", "Value": "3"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["b/c", "d"])
    assert [{"Key": "a", "Value": "2"}] == scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"]
    reserved = [{"Key": "aws:x", "Value": "1"}]
    assert "reserved" in refused("ValidationException", scheduler.tag_resource, ResourceArn=arn, Tags=reserved)
    schedule_arn = f"{ARN}/{group}/one"
    refused("ValidationException", scheduler.list_tags_for_resource, ResourceArn=schedule_arn)


# -- the built-in role ----------------------------------------------------------------------------------------


def test_the_built_in_role_trusts_scheduler(endpoint: Endpoint) -> None:
    """And allows what Scheduler does for jobrunner."""
    iam = client_of(endpoint.connection, "iam")
    name = local_stage.SCHEDULER_ROLE.rpartition("/")[2]
    role = iam.get_role(RoleName=name)["Role"]
    assert local_stage.SCHEDULER_ROLE == role["Arn"]
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert {"Service": "scheduler.amazonaws.com"} == trust["Principal"]
    allowed = set()
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        allowed |= {statement["Action"] for statement in document["Statement"]}
    assert {"ecs:StopTask", "ecs:RunTask", "iam:PassRole", "states:StartExecution"} <= allowed


def test_the_roles_of_a_second_endpoint_are_those_of_the_first(endpoint: Endpoint) -> None:
    """Endpoints of one process share moto's state; each makes sure that the roles are there."""
    roles = []
    with serve() as other:
        for one in (endpoint, other):
            listed = client_of(one.connection, "iam").list_roles()["Roles"]
            roles.append(sorted(role["Arn"] for role in listed if "jobrunner" in role["RoleName"]))
    machine = f"{local_stage.SCHEDULER_ROLE.removesuffix('scheduler')}states"
    ours = sorted([local_stage.EXECUTION_ROLE, local_stage.TASK_ROLE, local_stage.SCHEDULER_ROLE, machine])
    assert [ours] * 2 == roles


def test_the_start_of_an_endpoint_does_not_pay_for_schedules() -> None:
    """Neither our modules of EventBridge Scheduler nor botocore's models are imported before somebody asks."""
    code = (
        "import sys, jobrunner.local.endpoint as e; e.Endpoint;"
        "print([name for name in ('jobrunner.local.scheduler_api', 'botocore') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout
