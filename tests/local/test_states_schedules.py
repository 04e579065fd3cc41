"""EventBridge Scheduler starts executions: as a templated target, and as a universal one."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import client_of, until
from scheduling import at, exists, schedule, target
from state_machines import DONE, StateMachines, only

from jobrunner.local.faults import ErrorAnswer

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint
    from jobrunner.local.faults import FaultBook

START = "arn:aws:scheduler:::aws-sdk:sfn:startExecution"


@pytest.fixture(scope="module")
def machines(endpoint: Endpoint) -> StateMachines:
    """Machines on the endpoint."""
    return StateMachines(endpoint.connection)


@pytest.fixture(scope="module")
def scheduler(endpoint: Endpoint) -> Any:
    """A client."""
    return client_of(endpoint.connection, "scheduler")


@pytest.fixture
def name() -> str:
    """A name that nothing has."""
    return f"s-{uuid.uuid4()}"


def started(machines: StateMachines, arn: str) -> list[dict[str, Any]]:
    """The executions of a machine."""
    found: list[dict[str, Any]] = machines.client.list_executions(stateMachineArn=arn)["executions"]
    return found


def test_a_templated_target(machines: StateMachines, scheduler: Any, name: str) -> None:
    """Its Input is the execution's, with the context attributes in their places; its name is Step Functions' own."""
    arn = machines.create(only(**DONE))
    asked = {"time": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>", "n": 1}
    made = scheduler.create_schedule(
        **schedule(
            name, ScheduleExpression=at(0.5), ActionAfterCompletion="DELETE", Target=target(Arn=arn, Input=asked)
        )
    )
    [one] = until(lambda: started(machines, arn))
    given = json.loads(machines.end(one["executionArn"])["input"])
    assert (made["ScheduleArn"], 1) == (given["by"], given["n"])
    assert given["time"].endswith("Z")
    assert abs(dt.datetime.fromisoformat(given["time"]) - one["startDate"]) < dt.timedelta(seconds=20)
    assert one["name"] == str(uuid.UUID(one["name"]))
    until(lambda: not exists(scheduler, name))


def test_a_target_without_an_input(machines: StateMachines, scheduler: Any, name: str) -> None:
    """Starts an execution with an empty object."""
    arn = machines.create(only(**DONE))
    scheduler.create_schedule(**schedule(name, ScheduleExpression=at(0), Target=target(Arn=arn, Input=None)))
    [one] = until(lambda: started(machines, arn))
    assert "{}" == machines.end(one["executionArn"])["input"]
    scheduler.delete_schedule(Name=name)


def test_a_universal_target(machines: StateMachines, scheduler: Any, name: str) -> None:
    """The whole StartExecution in PascalCase, with a name."""
    arn = machines.create(only(**DONE))
    asked = {"StateMachineArn": arn, "Name": "by-<aws.scheduler.attempt-number>", "Input": '{"u": 1}'}
    scheduler.create_schedule(**schedule(name, ScheduleExpression=at(0), Target=target(Arn=START, Input=asked)))
    [one] = until(lambda: started(machines, arn))
    assert ("by-1", '{"u": 1}') == (one["name"], machines.end(one["executionArn"])["input"])
    scheduler.delete_schedule(Name=name)


def test_a_refused_start_is_tried_again(machines: StateMachines, scheduler: Any, name: str, faults: FaultBook) -> None:
    """As the policy says, and one fire is one execution."""
    arn = machines.create(only(**DONE))
    faults.order(ErrorAnswer(operation="StartExecution", times=2))
    scheduler.create_schedule(
        **schedule(
            name,
            ScheduleExpression=at(0),
            ActionAfterCompletion="DELETE",
            Target=target(Arn=arn, Input={"attempt": "<aws.scheduler.attempt-number>"}),
        )
    )
    until(lambda: not exists(scheduler, name))
    [one] = started(machines, arn)
    assert {"attempt": "3"} == json.loads(machines.end(one["executionArn"])["input"])


@pytest.mark.parametrize("account", ["123456789012", "999999999999"])
def test_a_machine_that_is_not_there(
    endpoint: Endpoint, machines: StateMachines, scheduler: Any, name: str, account: str
) -> None:
    """After the attempts of the policy, a letter in the dead-letter queue."""
    sqs = client_of(endpoint.connection, "sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    arn = f"arn:aws:states:us-east-1:{account}:stateMachine:{name}"
    scheduler.create_schedule(
        **schedule(
            name,
            ScheduleExpression=at(0),
            Target=target(
                Arn=arn,
                Input={"a": "<aws.scheduler.attempt-number>"},
                RetryPolicy={"MaximumRetryAttempts": 1},
                DeadLetterConfig={"Arn": queue},
            ),
        )
    )

    def letters() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get(
            "Messages", []
        )
        return found

    [letter] = until(letters)
    told = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
    assert ("StateMachineDoesNotExist", "1", arn) == (told["ERROR_CODE"], told["RETRY_ATTEMPTS"], told["TARGET_ARN"])
    assert {"stateMachineArn": arn, "input": '{"a": "2"}'} == json.loads(letter["Body"])
    del machines
    scheduler.delete_schedule(Name=name)


def test_such_a_target_needs_no_words(
    machines: StateMachines, scheduler: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is called by this endpoint, so nothing is said at its creation."""
    arn = machines.create(only(**DONE))
    scheduler.create_schedule(**schedule(name, Target=target(Arn=arn, Input={})))
    assert [] == caplog.records
    scheduler.delete_schedule(Name=name)
