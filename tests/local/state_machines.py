"""State machines for the tests of Step Functions."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from endpoint_jobs import NETWORK, client_of, until

from jobrunner.core import local_stage

if TYPE_CHECKING:
    from jobrunner.core.connection import Connection

ROLE = f"arn:aws:iam::{local_stage.ACCOUNT_ID}:role/states"
SDK = "arn:aws:states:::aws-sdk:"
SYNC = "arn:aws:states:::ecs:runTask.sync"
DONE = {"Type": "Succeed"}


def jsonata(first: str, **states: Any) -> dict[str, Any]:
    """A JSONata machine that starts at a state."""
    return {"QueryLanguage": "JSONata", "StartAt": first, "States": states}


def only(**state: Any) -> dict[str, Any]:
    """A JSONata machine of one state, `A`, which ends it."""
    ends = state["Type"] in {"Succeed", "Fail", "Choice"}
    return jsonata("A", A=state if ends else {**state, "End": True})


def pascal(definition: str, **members: Any) -> dict[str, Any]:
    """A RunTask request as Step Functions spells it."""
    vpc = NETWORK["awsvpcConfiguration"]
    return {
        "Cluster": local_stage.CLUSTER,
        "TaskDefinition": definition,
        "LaunchType": "FARGATE",
        "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": vpc["subnets"], "AssignPublicIp": "ENABLED"}},
        **members,
    }


class StateMachines:
    """Makes and runs machines on an endpoint."""

    def __init__(self, connection: Connection) -> None:
        self.client = client_of(connection, "stepfunctions")

    def create(self, machine: dict[str, Any], **members: Any) -> str:
        """Make a machine; its ARN."""
        asked = {"name": f"m-{uuid.uuid4()}", "definition": json.dumps(machine), "roleArn": ROLE} | members
        arn: str = self.client.create_state_machine(**asked)["stateMachineArn"]
        return arn

    def start(self, machine: dict[str, Any] | str, value: Any = None, **members: Any) -> str:
        """Start an execution; its ARN."""
        arn = machine if isinstance(machine, str) else self.create(machine)
        asked = {"stateMachineArn": arn, "input": json.dumps({} if value is None else value)} | members
        execution: str = self.client.start_execution(**asked)["executionArn"]
        return execution

    def end(self, execution: str) -> dict[str, Any]:
        """Wait for its end; how it ended."""

        def ended() -> Any:
            found = self.client.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        return until(ended)  # type: ignore[no-any-return]  # it is what DescribeExecution gives

    def run(self, machine: dict[str, Any] | str, value: Any = None, **members: Any) -> dict[str, Any]:
        """Run an execution to its end; how it ended."""
        return self.end(self.start(machine, value, **members))

    def output(self, machine: dict[str, Any] | str, value: Any = None) -> Any:
        """Run an execution that succeeds; its output."""
        end = self.run(machine, value)
        assert "SUCCEEDED" == end["status"], end
        return json.loads(end["output"])

    def failure(self, machine: dict[str, Any] | str, value: Any = None) -> tuple[str | None, str | None]:
        """Run an execution that fails; the error and the cause."""
        end = self.run(machine, value)
        assert "FAILED" == end["status"], end
        return end.get("error"), end.get("cause")

    def events(self, execution: str, **members: Any) -> list[dict[str, Any]]:
        """The first page of its history."""
        found: list[dict[str, Any]] = self.client.get_execution_history(executionArn=execution, **members)["events"]
        return found

    def kinds(self, execution: str) -> list[str]:
        """The types of its events."""
        return [event["type"] for event in self.events(execution)]
