"""ECS Task State Change events reach the targets of EventBridge rules."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import Jobs, client_of, container, until
from state_machines import DONE, StateMachines, only

from jobrunner.core import local_stage
from jobrunner.local import events as announcing
from jobrunner.local.states.execution import End, Started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.endpoint import Endpoint

ARN = f"arn:aws:{{}}:{local_stage.REGION}:{local_stage.ACCOUNT_ID}:"
PATTERN = {"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"]}


def test_rule_to_queue(jobs: Jobs, endpoint: Endpoint) -> None:
    """Every change of status is an event with the shape of AWS's, in order, with a version that rises."""
    events, sqs = client_of(endpoint.connection, "events"), client_of(endpoint.connection, "sqs")
    url = sqs.create_queue(QueueName="states")["QueueUrl"]
    events.put_rule(Name="states", EventPattern=json.dumps(PATTERN | {"detail": {"startedBy": ["events-test"]}}))
    target = f"arn:aws:sqs:{local_stage.REGION}:{local_stage.ACCOUNT_ID}:states"
    events.put_targets(Rule="states", Targets=[{"Id": "1", "Arn": target}])
    task = jobs.run(container("sh", "-c", "exit 3"), startedBy="events-test")
    jobs.run(container("true"), startedBy="somebody-else")
    received: list[dict[str, Any]] = []

    def stopped() -> bool:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        received.extend(json.loads(message["Body"]) for message in found)
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return any(event["detail"]["lastStatus"] == "STOPPED" for event in received)

    until(stopped)
    details = [event["detail"] for event in sorted(received, key=lambda event: event["detail"]["version"])]
    assert {task["taskArn"]} == {detail["taskArn"] for detail in details}
    order = ["PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]
    assert order == list(dict.fromkeys(detail["lastStatus"] for detail in details))
    versions = [detail["version"] for detail in details]
    assert sorted(set(versions)) == versions
    last = details[-1]
    assert (3, "EssentialContainerExited", "eni") == (
        last["containers"][0]["exitCode"],
        last["stopCode"],
        last["attachments"][0]["type"],
    )
    assert task["stoppedAt"] == dt.datetime.fromisoformat(last["stoppedAt"])
    assert last["updatedAt"].endswith("Z")
    envelope = received[0]
    assert ("0", "aws.ecs", [task["taskArn"]], local_stage.ACCOUNT_ID) == (
        envelope["version"],
        envelope["source"],
        envelope["resources"],
        envelope["account"],
    )


def let_write(jobs: Jobs, name: str, group: str) -> None:
    """Let EventBridge write into a log group."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": ARN.format("logs") + f"log-group:{group}:*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    jobs.logs.put_resource_policy(policyName=name, policyDocument=document)


def test_rule_to_log_group_and_a_broken_target(jobs: Jobs, endpoint: Endpoint) -> None:
    """Events in a log group are read like any other; a target that cannot be reached costs nobody else an event."""
    events = client_of(endpoint.connection, "events")
    jobs.logs.create_log_group(logGroupName="/aws/events/states")
    let_write(jobs, "states", "/aws/events/states")
    pattern = json.dumps(PATTERN | {"detail": {"lastStatus": ["STOPPED"], "startedBy": ["log-test"]}})
    targets = {
        "a-broken": ARN.format("sqs") + "no-such-queue",
        "logged": ARN.format("logs") + "log-group:/aws/events/states",
    }
    for name, arn in targets.items():
        events.put_rule(Name=name, EventPattern=pattern)
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
    task = jobs.run(container("true"), startedBy="log-test")
    (event,) = until(lambda: jobs.logs.filter_log_events(logGroupName="/aws/events/states")["events"])
    assert task["taskArn"] == json.loads(event["message"])["detail"]["taskArn"]


def test_rule_to_queue_with_a_transformer(jobs: Jobs, endpoint: Endpoint) -> None:
    """The queue gets the text that the template makes; a source may be a prefix."""
    events, sqs = client_of(endpoint.connection, "events"), client_of(endpoint.connection, "sqs")
    url = sqs.create_queue(QueueName="words")["QueueUrl"]
    pattern = {"source": [{"prefix": "aws."}], "detail": {"startedBy": ["words"], "lastStatus": ["STOPPED"]}}
    events.put_rule(Name="words", EventPattern=json.dumps(pattern))
    transformer = {
        "InputPathsMap": {"code": "$.detail.containers[0].exitCode", "why": "$.detail.stopCode"},
        "InputTemplate": '"<why>, exit code <code>"\n"by <aws.events.rule-name>"',
    }
    target = {"Id": "1", "Arn": ARN.format("sqs") + "words", "InputTransformer": transformer}
    events.put_targets(Rule="words", Targets=[target])
    jobs.run(container("sh", "-c", "exit 3"), startedBy="words")
    [message] = until(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    assert "EssentialContainerExited, exit code 3\nby words" == message["Body"]


@pytest.fixture
def lost(jobs: Jobs, endpoint: Endpoint) -> Iterator[str]:
    """A log group that only policies of others are about, and that a rule writes into."""
    name = "/aws/events/lost"
    jobs.logs.create_log_group(logGroupName=name)
    let_write(jobs, "lost", "/aws/events/los")
    events = client_of(endpoint.connection, "events")
    events.put_rule(Name="lost", EventPattern=json.dumps(PATTERN))
    events.put_targets(Rule="lost", Targets=[{"Id": "1", "Arn": ARN.format("logs") + f"log-group:{name}"}])
    yield name
    events.remove_targets(Rule="lost", Ids=["1"])
    events.delete_rule(Name="lost")
    jobs.logs.delete_resource_policy(policyName="lost")
    jobs.logs.delete_log_group(logGroupName=name)


def test_without_a_policy_events_are_lost(jobs: Jobs, endpoint: Endpoint, lost: str) -> None:
    """Nobody is told, and nothing comes later, as on AWS; with a policy the next events are there."""
    first = jobs.run(container("true"))
    drained(jobs, endpoint)
    assert [] == jobs.logs.filter_log_events(logGroupName=lost)["events"]
    let_write(jobs, "lost", lost)
    second = jobs.run(container("true"))
    until(lambda: stopped_in(jobs, lost, second["taskArn"]))
    assert not stopped_in(jobs, lost, first["taskArn"])


def test_a_group_that_is_gone_costs_nobody_else_an_event(jobs: Jobs, endpoint: Endpoint, lost: str) -> None:
    """Its events are lost; once it is there again it gets those that happen then."""
    let_write(jobs, "lost", lost)
    jobs.logs.delete_log_group(logGroupName=lost)
    first = jobs.run(container("true"))
    drained(jobs, endpoint)
    jobs.logs.create_log_group(logGroupName=lost)
    second = jobs.run(container("true"))
    until(lambda: stopped_in(jobs, lost, second["taskArn"]))
    assert not stopped_in(jobs, lost, first["taskArn"])
    [stream] = jobs.logs.describe_log_streams(logGroupName=lost)["logStreams"]
    assert stream["storedBytes"] > 0


def stopped_in(jobs: Jobs, group: str, task: str) -> bool:
    """Whether the end of a task is in a log group."""
    told = [json.loads(event["message"]) for event in jobs.logs.filter_log_events(logGroupName=group)["events"]]
    return (task, "STOPPED") in [(one["detail"]["taskArn"], one["detail"]["lastStatus"]) for one in told]


def drained(jobs: Jobs, endpoint: Endpoint) -> None:
    """Wait until all events so far are delivered: those of a later task are, and they keep their order."""
    events, sqs = client_of(endpoint.connection, "events"), client_of(endpoint.connection, "sqs")
    url = sqs.create_queue(QueueName="drained")["QueueUrl"]
    events.put_rule(Name="z-drained", EventPattern=json.dumps(PATTERN | {"detail": {"startedBy": ["drained"]}}))
    events.put_targets(Rule="z-drained", Targets=[{"Id": "1", "Arn": ARN.format("sqs") + "drained"}])
    jobs.run(container("true"), startedBy="drained")
    until(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    events.remove_targets(Rule="z-drained", Ids=["1"])
    events.delete_rule(Name="z-drained")
    sqs.delete_queue(QueueUrl=url)


class Heard:
    """The events of the executions of one machine."""

    def __init__(self, endpoint: Endpoint, machine: str) -> None:
        self._sqs = client_of(endpoint.connection, "sqs")
        name = machine.rpartition(":")[2]
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        events = client_of(endpoint.connection, "events")
        events.put_rule(Name=name, EventPattern=json.dumps({"detail": {"stateMachineArn": [machine]}}))
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": ARN.format("sqs") + name}])

    def two(self) -> list[dict[str, Any]]:
        """The first two."""
        found: list[dict[str, Any]] = []

        def enough() -> bool:
            for message in self._sqs.receive_message(QueueUrl=self._url).get("Messages", []):
                found.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            return len(found) >= 2

        until(enough)
        return sorted(found, key=lambda event: bool(event["detail"]["stopDate"]))


FAILING = {"Type": "Fail", "Error": "jobrunner.failed", "Cause": "because"}
WAITING = {"Type": "Wait", "Seconds": 600}


def millis(moment: dt.datetime) -> int:
    """Whole milliseconds since 1970."""
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)


@pytest.mark.parametrize("language", ["JSONata", "JSONPath"])
@pytest.mark.parametrize(
    ("state", "status", "end"),
    [
        (DONE, "SUCCEEDED", ('{"a":1}', {"included": True}, None, None)),
        (FAILING, "FAILED", (None, None, "jobrunner.failed", "because")),
        (WAITING, "ABORTED", (None, None, "enough", "of it")),
        (WAITING, "TIMED_OUT", (None, None, None, None)),
    ],
)
def test_executions_tell_of_their_start_and_their_end(
    endpoint: Endpoint, language: str, state: dict[str, Any], status: str, end: tuple[Any, ...]
) -> None:
    """In the format of the Step Functions guide, whoever interprets the machine; times are milliseconds."""
    machines = StateMachines(endpoint.connection)
    definition = only(**state) | {"QueryLanguage": language}
    machine = machines.create(definition | ({"TimeoutSeconds": 1} if status == "TIMED_OUT" else {}))
    heard = Heard(endpoint, machine)
    execution = machines.start(machine, input='{"a":1}', name="one")
    if status == "ABORTED":
        machines.client.stop_execution(executionArn=execution, error="enough", cause="of it")
    described = machines.end(execution)

    first, last = heard.two()
    detail = last["detail"]
    assert end == tuple(detail[name] for name in ("output", "outputDetails", "error", "cause"))
    assert {
        "executionArn": execution,
        "stateMachineArn": machine,
        "name": "one",
        "status": "RUNNING",
        "startDate": millis(described["startDate"]),
        "stopDate": None,
        "input": '{"a":1}',
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": None,
        "error": None,
        "cause": None,
    } == first["detail"]
    assert (status, millis(described["stopDate"])) == (detail["status"], detail["stopDate"])
    assert ("aws.states", "Step Functions Execution Status Change", [execution]) == (
        last["source"],
        last["detail-type"],
        last["resources"],
    )


@pytest.mark.parametrize(
    ("given", "made", "included"),
    [(1_000, 1_000, (True, True)), (200_000, 60_000, (False, True)), (1_000, 254_000, (False, False))],
)
def test_what_is_too_long_is_left_out(given: int, made: int, included: tuple[bool, bool]) -> None:
    """Over 248 KiB of both, escaped, without the input; over it of the output alone, without that too."""
    texts = [f'"{"x" * (size - 2)}"' for size in (given, made)]
    started = Started(
        arn="arn", name="n", machine_arn="m", machine_name="m", qualified=None, definition="{}", role="r",
        input=texts[0], at=1.5, region="us-east-1",
    )  # fmt: skip
    detail = announcing._execution(started, End(status="SUCCEEDED", at=2.5, output=texts[1]), 3.0)["detail"]
    assert included == (detail["inputDetails"]["included"], detail["outputDetails"]["included"])
    assert [text if shown else None for text, shown in zip(texts, included, strict=True)] == [
        detail["input"],
        detail["output"],
    ]


def test_express_workflows_tell_nothing(endpoint: Endpoint) -> None:
    """Only the Standard one is heard of ("EventBridge for Step Functions execution status changes")."""
    machines = StateMachines(endpoint.connection)
    express, standard = machines.create(only(**DONE), type="EXPRESS"), machines.create(only(**DONE))
    heard = Heard(endpoint, standard)
    both = json.dumps({"detail": {"stateMachineArn": [express, standard]}})
    client_of(endpoint.connection, "events").put_rule(Name=standard.rpartition(":")[2], EventPattern=both)
    machines.start(express)
    machines.run(standard)
    assert [standard] * 2 == [event["detail"]["stateMachineArn"] for event in heard.two()]
