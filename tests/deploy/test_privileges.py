"""The policies of `deploy/jobrunner.yaml` allow what is needed and nothing beside it."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
from template import load, machine

from jobrunner.core.naming import family

if TYPE_CHECKING:
    from collections.abc import Iterator

RESOURCES: dict[str, Any] = load()["Resources"]
NOTHING = {"Ref": "AWS::NoValue"}
#: What AWS allows for no single resource, and then under which condition (Service authorization reference).
WITHOUT_RESOURCE = {"ecs:ListTasks": "ecs:cluster"}
CLUSTER = {
    "ArnEquals": {
        "ecs:cluster": {"Fn::Sub": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/${Cluster}"}
    }
}


def alternatives(value: Any) -> Iterator[Any]:
    """What a value may be, whatever the conditions are."""
    if isinstance(value, dict) and list(value) == ["Fn::If"]:
        for branch in value["Fn::If"][1:]:
            yield from alternatives(branch)
    elif value != NOTHING:
        yield value


def documents(role: str) -> Iterator[Any]:
    """The policies of a role: its own, and those that are attached to it."""
    for policy in RESOURCES[role]["Properties"]["Policies"]:
        yield policy["PolicyDocument"]
    for resource in RESOURCES.values():
        if resource["Type"] == "AWS::IAM::Policy" and {"Ref": role} in resource["Properties"]["Roles"]:
            yield resource["Properties"]["PolicyDocument"]


def statements(role: str) -> list[dict[str, Any]]:
    """All statements of a role."""
    return [one for document in documents(role) for entry in document["Statement"] for one in alternatives(entry)]


def actions(role: str) -> set[str]:
    """What a role may do at all."""
    return {one["Action"] for one in statements(role)}


ROLES = ("SchedulerRole", "StateMachineRole")
STATEMENTS = [(role, one["Sid"], one) for role in ROLES for one in statements(role)]
each_statement = pytest.mark.parametrize(
    "statement", [one for _, _, one in STATEMENTS], ids=[f"{role}.{sid}" for role, sid, _ in STATEMENTS]
)


def test_every_policy_is_looked_at() -> None:
    """The statements of this file are all that allow something in the template."""
    text = json.dumps(RESOURCES)
    inside = sum(len(RESOURCES[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]) for role in ROLES)
    shared = sum(text.count(f'"{one["Sid"]}"') for one in statements(ROLES[0]) if one in statements(ROLES[1]))
    assert text.count('"Effect": "Allow"') == len(STATEMENTS) + inside - shared
    assert set(ROLES) == {name for name, one in RESOURCES.items() if one["Type"] == "AWS::IAM::Role"}


@each_statement
def test_a_statement_is_about_one_action_of_named_resources(statement: dict[str, Any]) -> None:
    """No `*` but where AWS knows no resource, and then with the condition that takes its place."""
    assert "Allow" == statement["Effect"]
    assert "*" not in statement["Action"]
    assert not {"NotAction", "NotResource"} & statement.keys()
    for resource in alternatives(statement["Resource"]):
        if resource == "*":
            assert WITHOUT_RESOURCE[statement["Action"]] in statement["Condition"]["ArnEquals"]
        elif "Fn::Sub" in resource:
            assert ":${AWS::Region}:${AWS::AccountId}:" in resource["Fn::Sub"]
            assert "${" in resource["Fn::Sub"].rpartition(":${AWS::AccountId}:")[2]
        else:
            assert resource in (
                {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
                *({"Ref": name} for name in ("ExecutionRoleArn", "TaskRoleArn", "TaskDefinitionArn")),
            )


@each_statement
def test_what_can_be_narrowed_by_a_condition_is(statement: dict[str, Any]) -> None:
    """Roles go to ECS tasks, tasks start in the one cluster, and tags come with the start of a task."""
    wanted = {
        "iam:PassRole": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        "ecs:RunTask": CLUSTER,
        "ecs:ListTasks": CLUSTER,
        "ecs:TagResource": {"StringEquals": {"ecs:CreateAction": "RunTask"}},
    }
    assert wanted.get(statement["Action"]) == statement.get("Condition")


def test_scheduler_may_do_what_schedules_do() -> None:
    """Start a task or an execution, stop a task at its timeout, keep what was not delivered."""
    tasks = {"ecs:RunTask", "ecs:StopTask", "ecs:TagResource", "iam:PassRole"}
    assert tasks | {"states:StartExecution", "sqs:SendMessage"} == actions("SchedulerRole")


def test_the_state_machine_may_do_what_is_in_it() -> None:
    """Each of its calls is allowed, and beside them only what RunTask asks for: tags, and roles to pass on."""
    services = {"ecs": "ecs", "sfn": "states"}
    called = set()
    for state in machine()["States"].values():
        if state["Type"] == "Task":
            service, _, operation = state["Resource"]["Fn::Sub"].partition(":aws-sdk:")[2].partition(":")
            called.add(f"{services[service]}:{operation[0].upper()}{operation[1:]}")
    assert called | {"ecs:TagResource", "iam:PassRole"} == actions("StateMachineRole")


@pytest.mark.parametrize("stage", [None, "prod"])
def test_the_tasks_of_the_project_may_run(stage: str | None) -> None:
    """Of all its jobs, of every revision; those of another project may not."""
    [start] = [one for one in statements("SchedulerRole") if one["Sid"] == "StartTasks"]
    condition, with_stage, without = start["Resource"]["Fn::If"]
    assert "HasStage" == condition
    text = (with_stage if stage else without)["Fn::Sub"].replace("${Project}", "etl").replace("${Stage}", stage or "")
    pattern = text.rpartition("/")[2]
    assert fnmatchcase(f"{family(project='etl', stage=stage, job='nightly')}:12", pattern)
    assert not fnmatchcase(f"{family(project='web', stage=stage, job='nightly')}:12", pattern)


def test_scheduler_assumes_its_role_for_this_group_alone() -> None:
    """The source is the group's ARN, never a schedule's, or CreateSchedule refuses the role."""
    [trust] = RESOURCES["SchedulerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert {"Service": "scheduler.amazonaws.com"} == trust["Principal"]
    assert {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["ScheduleGroup", "Arn"]}},
    } == trust["Condition"]


def test_step_functions_assumes_its_role_for_this_account_alone() -> None:
    """As the Step Functions developer guide has it."""
    [trust] = RESOURCES["StateMachineRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert {"Service": "states.amazonaws.com"} == trust["Principal"]
    source = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:*"
    assert {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {"aws:SourceArn": {"Fn::Sub": source}},
    } == trust["Condition"]


def test_the_queue_speaks_tls_only() -> None:
    """Whoever may send to it: without TLS everything is denied."""
    [denied] = RESOURCES["DeadLetterQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert ("Deny", "*", "sqs:*") == (denied["Effect"], denied["Principal"], denied["Action"])
    assert {"Bool": {"aws:SecureTransport": "false"}} == denied["Condition"]
