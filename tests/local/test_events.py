"""ECS Task State Change events reach the targets of EventBridge rules."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from endpoint_jobs import Jobs, client_of, container, until

from jobrunner.core import local_stage

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint

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


def test_rule_to_log_group_and_a_broken_target(jobs: Jobs, endpoint: Endpoint) -> None:
    """Events in a log group are read like any other; a target that cannot be reached costs nobody else an event."""
    events = client_of(endpoint.connection, "events")
    prefix = f"arn:aws:{{}}:{local_stage.REGION}:{local_stage.ACCOUNT_ID}:"
    jobs.logs.create_log_group(logGroupName="/aws/events/states")
    pattern = json.dumps(PATTERN | {"detail": {"lastStatus": ["STOPPED"], "startedBy": ["log-test"]}})
    targets = {
        "a-broken": prefix.format("sqs") + "no-such-queue",
        "logged": prefix.format("logs") + "log-group:/aws/events/states",
    }
    for name, arn in targets.items():
        events.put_rule(Name=name, EventPattern=pattern)
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
    task = jobs.run(container("true"), startedBy="log-test")
    (event,) = until(lambda: jobs.logs.filter_log_events(logGroupName="/aws/events/states")["events"])
    assert task["taskArn"] == json.loads(event["message"])["detail"]["taskArn"]
