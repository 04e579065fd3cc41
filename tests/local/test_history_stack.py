"""The rule that writes history, on endpoints that are there to stay."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import PATIENCE, Jobs, client_of, container, until
from state_machines import DONE, ROLE, StateMachines, only
from test_stack import alone

from jobrunner.core import local_stage
from jobrunner.core.connection import Connection
from jobrunner.core.naming import task_group
from jobrunner.local import serve
from jobrunner.local.registry import endpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = local_stage.HISTORY_LOG_GROUP
TEMPLATE = (Path(__file__).parents[2] / "deploy" / "history.yaml").read_text(encoding="utf-8")
OURS = task_group(project="shop", stage="prod")


@pytest.fixture(scope="module")
def lasting() -> Iterator[Jobs]:
    """An endpoint of the kind that `jobrunner local` serves; of its stack nothing is left behind."""
    with serve(history=True) as endpoint:
        jobs = Jobs(endpoint.connection)
        yield jobs
        client_of(endpoint.connection, "cloudformation").delete_stack(StackName="jobrunner-history")
        jobs.logs.delete_log_group(logGroupName=GROUP)


def told(jobs: Jobs, group: str = GROUP) -> list[dict[str, Any]]:
    """What is in history."""
    events = jobs.logs.filter_log_events(logGroupName=group)["events"]
    return [json.loads(event["message"]) for event in events]


def ends(jobs: Jobs, group: str = GROUP) -> list[str]:
    """The tasks whose ends are in history."""
    details = [event["detail"] for event in told(jobs, group) if event["source"] == "aws.ecs"]
    return [detail["taskArn"] for detail in details if detail["lastStatus"] == "STOPPED"]


def test_a_task_of_any_project_is_in_history_with_all_its_states(lasting: Jobs) -> None:
    """From its first state on; a task of somebody else is not."""
    theirs = lasting.run(container("true"))["taskArn"]
    mine = lasting.run(container("true"), group=OURS)["taskArn"]
    until(lambda: mine in ends(lasting))
    states = [event["detail"]["lastStatus"] for event in told(lasting) if event["detail"].get("taskArn") == mine]
    assert ["PENDING", "ACTIVATING", "RUNNING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"] == (
        states
    )
    assert theirs not in {event["detail"].get("taskArn") for event in told(lasting)}


def test_executions_of_the_state_machines_are_in_history(lasting: Jobs) -> None:
    """Start and end of each; those of other machines are not."""
    machines = StateMachines(lasting.connection)
    mine = machines.create(only(**DONE), name="jobrunner-shop-prod", roleArn=ROLE)
    theirs = machines.create(only(**DONE), name="shop-prod", roleArn=ROLE)
    machines.run(theirs)
    machines.run(mine)
    executions = until(lambda: found if len(found := of_executions(lasting)) > 1 else None)
    assert [(mine, "RUNNING"), (mine, "SUCCEEDED")] == executions


def of_executions(jobs: Jobs) -> list[tuple[str, str]]:
    """Machine and status of each event of an execution."""
    details = [event["detail"] for event in told(jobs) if event["source"] == "aws.states"]
    return [(detail["stateMachineArn"], detail["status"]) for detail in details]


def test_the_stack_is_one_like_a_users(lasting: Jobs) -> None:
    """Its output is the setting of the local stage; the retention is the template's."""
    [stack] = client_of(lasting.connection, "cloudformation").describe_stacks(StackName="jobrunner-history")["Stacks"]
    [output] = stack["Outputs"]
    assert ("CREATE_COMPLETE", GROUP) == (stack["StackStatus"], output["OutputValue"])
    [group] = lasting.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    assert 400 == group["retentionInDays"]


def test_what_happens_before_the_rule_is_there_is_in_history_too() -> None:
    """The endpoint serves before the stack is deployed; whoever asks for its log group waits for it."""
    code = f"""
import json
from endpoint_jobs import Jobs, container, until
with serve(history=True) as endpoint:
    jobs = Jobs(endpoint.connection)
    task = jobs.start(container("true"), group={OURS!r})
    print("moto.cloudformation.models" in sys.modules and endpoint._history._settled.is_set())
    def seen():
        events = jobs.logs.filter_log_events(logGroupName={GROUP!r})["events"]
        return [one["detail"]["lastStatus"] for one in map(json.loads, (event["message"] for event in events))]
    print(until(lambda: states if (states := seen())[-1:] == ["STOPPED"] else None)[0])
"""
    assert "False\nPENDING\n" == alone(code)


def test_an_endpoint_of_one_command_has_no_history() -> None:
    """Its log group does not exist, and nobody has paid for CloudFormation."""
    code = f"""
from endpoint_jobs import Jobs, container
with serve() as endpoint:
    jobs = Jobs(endpoint.connection)
    jobs.run(container("true"), group={OURS!r})
    print(refusal(jobs.logs.filter_log_events, logGroupName={GROUP!r})[0])
    print("moto.cloudformation.models" in sys.modules)
"""
    assert "ResourceNotFoundException\nFalse\n" == alone(code)


def test_a_stack_that_cannot_be_deployed_costs_nothing_else() -> None:
    """A log group of that name is there already: it is said, tasks run, and rules get their events."""
    code = f"""
from moto.logs.models import logs_backends
logs_backends[{local_stage.ACCOUNT_ID!r}][{local_stage.REGION!r}].create_log_group({GROUP!r}, {{}})
from endpoint_jobs import Jobs, container
import logging
said = []
logging.getLogger("jobrunner.local.history_stack").addHandler(h := logging.Handler())
h.emit = lambda record: said.append(record.getMessage())
with serve(history=True) as endpoint:
    jobs = Jobs(endpoint.connection)
    print(jobs.run(container("true"), group={OURS!r})["lastStatus"])
    print(jobs.logs.filter_log_events(logGroupName={GROUP!r})["events"])
print(said)
"""
    assert "STOPPED\n[]\n['history is not written: its stack could not be deployed']\n" == alone(code)


@pytest.mark.parametrize(
    ("parameters", "group"),
    [
        ({"Project": "shop", "Stage": "prod"}, "/aws/events/jobrunner-shop-prod"),
        ({"Project": "shop"}, "/aws/events/jobrunner-shop"),
        ({"Project": "shop", "Name": "mine"}, "/aws/events/mine"),
    ],
)
def test_the_stack_of_one_project_keeps_what_is_its_own(jobs: Jobs, parameters: dict[str, str], group: str) -> None:
    """Tasks and executions of the project and stage, and no others; the log group outlives the stack."""
    cloudformation = client_of(jobs.connection, "cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    given.append({"ParameterKey": "Cluster", "ParameterValue": local_stage.CLUSTER})
    stage = parameters.get("Stage")
    cloudformation.create_stack(StackName="mine", TemplateBody=TEMPLATE, Parameters=given)
    other = jobs.run(container("true"), group=task_group(project="shop", stage="other"))["taskArn"]
    mine = jobs.run(container("true"), group=task_group(project="shop", stage=stage))["taskArn"]
    until(lambda: mine in ends(jobs, group))
    assert other not in ends(jobs, group)

    changed = [*given, {"ParameterKey": "RetentionInDays", "ParameterValue": "30"}]
    cloudformation.update_stack(StackName="mine", TemplateBody=TEMPLATE, Parameters=changed)
    shown = jobs.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [30] == [one["retentionInDays"] for one in shown if one["logGroupName"] == group]

    cloudformation.delete_stack(StackName="mine")
    assert [] == client_of(jobs.connection, "events").list_rules(NamePrefix="mine-")["Rules"]
    policies = jobs.logs.describe_resource_policies()["resourcePolicies"]
    assert "mine-events" not in [policy["policyName"] for policy in policies]
    assert mine in ends(jobs, group)
    jobs.logs.delete_log_group(logGroupName=group)


def test_jobrunner_local_has_it(tmp_path: Path) -> None:
    """The command that serves until it is interrupted; its start does not wait for the stack."""
    (tmp_path / "jobrunner.yaml").write_text("project: shop\n", encoding="utf-8")
    state = tmp_path / "state"
    command = [sys.executable, "-m", "jobrunner", "local"]
    environment = os.environ | {"JOBRUNNER_STATE_DIR": str(state)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline()
            [info] = endpoints(state)
            connection = Connection(
                region=info.region, endpoint_url=info.url, access_key_id="id", secret_access_key="secret"
            )
            jobs = Jobs(connection)
            task = jobs.run(container("true"), group=OURS)["taskArn"]
            until(lambda: task in ends(jobs))
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=PATIENCE)
