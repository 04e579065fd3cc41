"""`AWS::StepFunctions::StateMachine` in a template is a machine that runs."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import client_of
from state_machines import DONE, ROLE, StateMachines, jsonata, only

from jobrunner.local.states.cloudformation import machine_request
from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint


@pytest.fixture(scope="module")
def machines(endpoint: Endpoint) -> StateMachines:
    """Machines on the endpoint."""
    return StateMachines(endpoint.connection)


@pytest.fixture(scope="module")
def stacks(endpoint: Endpoint) -> Any:
    """A client of CloudFormation."""
    return client_of(endpoint.connection, "cloudformation")


def template(**properties: Any) -> str:
    """A template of one machine; its name and its ARN are outputs."""
    resource = {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"RoleArn": ROLE, **properties}}
    outputs = {"Name": {"Value": {"Fn::GetAtt": ["Machine", "Name"]}}, "Arn": {"Value": {"Ref": "Machine"}}}
    return json.dumps(
        {"Parameters": {"Word": {"Type": "String"}}, "Resources": {"Machine": resource}, "Outputs": outputs}
    )


def made(stacks: Any, call: str, name: str, body: str) -> dict[str, str]:
    """Make or change a stack; its outputs."""
    parameters = [{"ParameterKey": "Word", "ParameterValue": "hello"}]
    getattr(stacks, call)(StackName=name, TemplateBody=body, Parameters=parameters)
    [stack] = stacks.describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_a_stack(machines: StateMachines, stacks: Any) -> None:
    """A JSONata machine from a Definition object is made, runs, is changed, and goes with its stack."""
    name = f"stack-{uuid.uuid4()}"
    machine = only(**DONE, Output={"said": "${word}", "n": "{% 1 + 1 %}"})
    properties = {
        "StateMachineName": name,
        "StateMachineType": "STANDARD",
        "Definition": machine,
        "DefinitionSubstitutions": {"word": {"Ref": "Word"}},
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    outputs = made(stacks, "create_stack", name, template(**properties))
    arn = f"arn:aws:states:us-east-1:123456789012:stateMachine:{name}"
    assert {"Name": name, "Arn": arn} == outputs
    assert {"said": "hello", "n": 2} == machines.output(arn)
    assert [{"key": "a", "value": "b"}] == machines.client.list_tags_for_resource(resourceArn=arn)["tags"]
    changed = {**properties, "Definition": only(**DONE, Output="changed"), "Tags": []}
    made(stacks, "update_stack", name, template(**changed))
    assert "changed" == machines.output(arn)
    stacks.delete_stack(StackName=name)
    listed = machines.client.list_state_machines()["stateMachines"]
    assert name not in [one["name"] for one in listed]


def test_a_string_in_either_language(machines: StateMachines, stacks: Any) -> None:
    """DefinitionString is JSON; without a StateMachineName one is made up."""
    path = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "path", "End": True}}}
    for machine, expected in ((path, "path"), (only(**DONE, Output="ata"), "ata")):
        name = f"stack-{uuid.uuid4()}"
        arn = made(stacks, "create_stack", name, template(DefinitionString=json.dumps(machine)))["Arn"]
        assert expected == machines.output(arn)
        stacks.delete_stack(StackName=name)


def test_a_wrong_definition_is_refused(stacks: Any) -> None:
    """The stack fails with the words of Step Functions."""
    body = template(Definition=jsonata("A", A={"Type": "Pass", "Next": "B"}))
    with pytest.raises(Exception, match="MISSING_TRANSITION_TARGET"):
        made(stacks, "create_stack", f"stack-{uuid.uuid4()}", body)


def test_the_request_that_a_resource_stands_for() -> None:
    """Names as the API spells them; what has no substitution stays."""
    found = machine_request(
        {
            "DefinitionString": "${a} ${b}",
            "DefinitionSubstitutions": {"a": 1},
            "RoleArn": ROLE,
            "StateMachineType": "EXPRESS",
            "TracingConfiguration": {"Enabled": True},
            "LoggingConfiguration": {
                "Level": "ALL",
                "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": "x"}}],
            },
        },
        "made-up",
    )
    expected = {
        "name": "made-up",
        "definition": "1 ${b}",
        "roleArn": ROLE,
        "type": "EXPRESS",
        "tags": [],
        "tracingConfiguration": {"enabled": True},
        "loggingConfiguration": {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "x"}}]},
    }
    assert expected == found


@pytest.mark.parametrize(
    "properties", [{}, {"Definition": {}, "DefinitionString": "{}"}, {"DefinitionS3Location": {"Bucket": "b"}}]
)
def test_one_definition(properties: dict[str, Any]) -> None:
    """Exactly one, and one that can be read here."""
    with pytest.raises(ApiError, match="exactly one of Definition and DefinitionString"):
        machine_request(properties, "m")
