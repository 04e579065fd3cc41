"""Stacks that users deploy on the local endpoint, with the aws command line from PyPI as `deploy/README.md` says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import client_of, refusal
from scheduling import refused, schedule

from jobrunner.core import local_stage
from jobrunner.local import exports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobrunner.local.endpoint import Endpoint

    Aws = Callable[..., str]
    Deploy = Callable[..., dict[str, str]]

TEMPLATE = str(Path(__file__).parents[2] / "deploy" / "jobrunner.yaml")
ETL = ("Project=etl", "Stage=prod", f"ExecutionRoleArn={local_stage.EXECUTION_ROLE}")
GROUP = local_stage.STATE_MACHINE.rpartition(":")[2]
QUEUE = local_stage.DEAD_LETTER_QUEUE.rpartition(":")[2]


@pytest.fixture(scope="module")
def aws(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Aws:
    """The aws command line with an empty home, and with what the endpoint tells to export; gives its stdout."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    told = dict(line.removeprefix("export ").split("=", 1) for line in exports(endpoint.info))
    home = str(tmp_path_factory.mktemp("home"))
    environment = {**inherited, **told, "HOME": home, "AWS_PAGER": "", "PYTHONWARNINGS": "ignore"}

    def call(*words: str) -> str:
        command = [sys.executable, str(Path(sys.executable).with_name("aws")), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert 0 == done.returncode, done.stderr
        return done.stdout

    return call


@pytest.fixture
def deploy(aws: Aws, endpoint: Endpoint) -> Iterator[Deploy]:
    """Deploys the template as the stack `etl`, as deploy/README.md says, and deletes it afterwards; its outputs."""
    stacks = client_of(endpoint.connection, "cloudformation")

    def deployed(*parameters: str, bucket: tuple[str, ...] = ()) -> dict[str, str]:
        where = ("--template-file", TEMPLATE, "--capabilities", "CAPABILITY_NAMED_IAM")
        words = ("--stack-name", "etl", "--no-fail-on-empty-changeset", "--parameter-overrides", *parameters)
        told = aws("cloudformation", "deploy", *where, *bucket, *words)
        [stack] = stacks.describe_stacks(StackName="etl")["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        return {**outputs, "status": stack["StackStatus"], "told": told}

    yield deployed
    stacks.delete_stack(StackName="etl")


def test_a_user_deploys_the_template(deploy: Deploy, endpoint: Endpoint) -> None:
    """With names of the project and stage, and a group that says whose it is."""
    outputs = deploy(*ETL)
    account = local_stage.ACCOUNT_ID
    assert "CREATE_COMPLETE" == outputs["status"]
    assert f"arn:aws:iam::{account}:role/jobrunner-etl-prod-scheduler" == outputs["SchedulerRoleArn"]
    assert f"arn:aws:states:us-east-1:{account}:stateMachine:jobrunner-etl-prod" == outputs["StateMachineArn"]
    assert f"arn:aws:sqs:us-east-1:{account}:jobrunner-etl-prod-dead-letters" == outputs["DeadLetterQueueArn"]
    scheduler = client_of(endpoint.connection, "scheduler")
    arn = scheduler.get_schedule_group(Name=outputs["ScheduleGroupName"])["Arn"]
    tags = {tag["Key"]: tag["Value"] for tag in scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"]}
    ours = {name: value for name, value in tags.items() if not name.startswith("aws:")}
    assert {"managed-by": "jobrunner", "jobrunner:project": "etl", "jobrunner:stage": "prod"} == ours
    assert "etl" == tags["aws:cloudformation:stack-name"]


def test_a_template_may_come_from_a_bucket(deploy: Deploy, aws: Aws) -> None:
    """As a larger one has to."""
    aws("s3", "mb", "s3://templates")
    assert "CREATE_COMPLETE" == deploy(*ETL, bucket=("--s3-bucket", "templates"))["status"]


def test_the_queue_of_a_stack_has_its_policy(deploy: Deploy, endpoint: Endpoint) -> None:
    """And is encrypted, with 14 days."""
    name = deploy(*ETL)["DeadLetterQueueArn"].rpartition(":")[2]
    sqs = client_of(endpoint.connection, "sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    [statement] = json.loads(attributes["Policy"])["Statement"]
    assert ("Deny", "1209600") == (statement["Effect"], attributes["MessageRetentionPeriod"])


def test_deploying_the_same_again_changes_nothing(deploy: Deploy) -> None:
    """As in AWS, whether the parameters are repeated or not."""
    deploy(*ETL)
    for parameters in (ETL, ("Stage=prod",)):
        outputs = deploy(*parameters)
        assert "No changes to deploy" in outputs["told"]
        assert "CREATE_COMPLETE" == outputs["status"]


def resources(endpoint: Endpoint, role: str) -> set[str]:
    """What the policies of a role are about."""
    iam = client_of(endpoint.connection, "iam")
    found: set[str] = set()
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        for statement in document["Statement"]:
            one: Any = statement["Resource"]
            found |= set(one if isinstance(one, list) else [one])
    return found


def test_parameters_of_a_stack_change(deploy: Deploy, endpoint: Endpoint) -> None:
    """A cluster, roles and definitions that are added reach the policies of both roles; schedules stay."""
    group = deploy(*ETL)["ScheduleGroupName"]
    scheduler = client_of(endpoint.connection, "scheduler")
    scheduler.create_schedule(**schedule("stays", GroupName=group))
    legacy = f"arn:aws:ecs:us-east-1:{local_stage.ACCOUNT_ID}:task-definition/legacy:*"
    outputs = deploy("Cluster=batch", f"TaskRoleArn={local_stage.TASK_ROLE}", f"TaskDefinitionArn={legacy}")
    assert "UPDATE_COMPLETE" == outputs["status"]
    for role in ("jobrunner-etl-prod-scheduler", "jobrunner-etl-prod-states"):
        about = resources(endpoint, role)
        assert {local_stage.EXECUTION_ROLE, local_stage.TASK_ROLE, legacy} <= about
        assert f"arn:aws:ecs:us-east-1:{local_stage.ACCOUNT_ID}:task/batch/*" in about
        assert not [one for one in about if "task/default" in one]
    assert "stays" == scheduler.get_schedule(Name="stays", GroupName=group)["Name"]


def test_another_stage_is_other_resources(deploy: Deploy, endpoint: Endpoint) -> None:
    """CloudFormation replaces what has a name: the old group goes with its schedules."""
    old = deploy(*ETL)
    scheduler = client_of(endpoint.connection, "scheduler")
    scheduler.create_schedule(**schedule("goes", GroupName=old["ScheduleGroupName"]))
    new = deploy("Stage=test")
    assert "jobrunner-etl-test" == new["ScheduleGroupName"]
    assert new["StateMachineArn"].endswith(":jobrunner-etl-test")
    refused("ResourceNotFoundException", scheduler.get_schedule_group, Name=old["ScheduleGroupName"])
    names = [role["RoleName"] for role in client_of(endpoint.connection, "iam").list_roles()["Roles"]]
    assert ["jobrunner-etl-test-scheduler", "jobrunner-etl-test-states"] == sorted(n for n in names if "etl" in n)
    machines = client_of(endpoint.connection, "stepfunctions").list_state_machines()["stateMachines"]
    assert ["jobrunner-etl-test"] == [one["name"] for one in machines if "etl" in one["name"]]


def test_a_stack_goes_with_all_that_is_in_it(deploy: Deploy, aws: Aws, endpoint: Endpoint) -> None:
    """The group with its schedules, the roles, the queue and the machine; the endpoint's own stay."""
    outputs = deploy(*ETL)
    scheduler = client_of(endpoint.connection, "scheduler")
    scheduler.create_schedule(**schedule("goes", GroupName=outputs["ScheduleGroupName"]))
    aws("cloudformation", "delete-stack", "--stack-name", "etl")
    aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", "etl")
    assert [] == [one for one in scheduler.list_schedules()["Schedules"] if one["Name"] == "goes"]
    refused("ResourceNotFoundException", scheduler.get_schedule_group, Name=outputs["ScheduleGroupName"])
    names = [role["RoleName"] for role in client_of(endpoint.connection, "iam").list_roles()["Roles"]]
    assert [] == [name for name in names if "etl" in name]
    assert f"{GROUP}-scheduler" in names
    urls = client_of(endpoint.connection, "sqs").list_queues()["QueueUrls"]
    assert [QUEUE] == [url.rpartition("/")[2] for url in urls if "jobrunner" in url]
    machines = client_of(endpoint.connection, "stepfunctions").list_state_machines()["stateMachines"]
    assert [] == [one["name"] for one in machines if "etl" in one["name"]]


def test_a_group_that_is_there_already_is_refused(endpoint: Endpoint) -> None:
    """By CloudFormation, with Scheduler's own words."""
    scheduler = client_of(endpoint.connection, "scheduler")
    scheduler.create_schedule_group(Name="jobrunner-web")
    stacks = client_of(endpoint.connection, "cloudformation")
    resource = {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": "jobrunner-web"}}
    body = json.dumps({"Resources": {"Group": resource}})
    code, message, _ = refusal(stacks.create_stack, StackName="web", TemplateBody=body)
    assert ("ValidationError", True) == (code, "Schedule group jobrunner-web already exists" in message)
    scheduler.delete_schedule_group(Name="jobrunner-web")


def test_a_group_that_somebody_has_deleted_is_no_obstacle(endpoint: Endpoint) -> None:
    """The stack goes all the same."""
    stacks = client_of(endpoint.connection, "cloudformation")
    body = json.dumps({"Resources": {"Group": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": "g"}}}})
    stacks.create_stack(StackName="gone", TemplateBody=body)
    scheduler = client_of(endpoint.connection, "scheduler")
    scheduler.delete_schedule_group(Name="g")
    stacks.delete_stack(StackName="gone")
    assert [] == [one for one in scheduler.list_schedule_groups()["ScheduleGroups"] if one["Name"] == "g"]
