"""What EventBridge Scheduler refuses, in AWS's words where they are known."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from endpoint_jobs import client_of
from scheduling import CLUSTER, refused, schedule, target

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint


@pytest.fixture(scope="module")
def scheduler(endpoint: Endpoint) -> Any:
    """A client that validates nothing itself."""
    return client_of(endpoint.connection, "scheduler")


@pytest.mark.parametrize(
    "expression",
    [
        "banana", "cron(banana)", "cron(0 2 * * ?)", "cron(0 2 * * * *)", "cron(0 2 1 * MON *)", "cron(0 2 ? * ? *)",
        "rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "rate(30 seconds)", "at(2026-12-01 09:00:00)",
        "at(2026-12-01T09:00:00.5)", "at(2026-12-01T09:00:00Z)", "at(2026-02-30T09:00:00)",
    ],
)  # fmt: skip
def test_an_expression_that_means_nothing_is_refused(scheduler: Any, expression: str) -> None:
    """In AWS's words; nothing is kept."""
    message = refused("ValidationException", scheduler.create_schedule, **schedule("x", ScheduleExpression=expression))
    assert f"Invalid Schedule Expression {expression}." == message
    refused("ResourceNotFoundException", scheduler.get_schedule, Name="x")


ECS = {"TaskDefinitionArn": "etl:1"}
SPOT = {"CapacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}
NOW = dt.datetime.now(dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
RATE = {"ScheduleExpression": "rate(1 hour)"}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"FlexibleTimeWindow": None}, "Value null at 'flexibleTimeWindow' failed to satisfy constraint: Member must"),
        ({"Target": None, "ScheduleExpression": None}, "2 validation errors detected"),
        ({"FlexibleTimeWindow": {"Mode": "ON"}}, "at 'flexibleTimeWindow.mode'.*enum value set: [OFF, FLEXIBLE]"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes must be provided"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1441}}, "less than or equal to 1440"),
        ({"Name": "not/legal"}, "at 'name'.*Member must satisfy regular expression pattern"),
        ({"Name": "n" * 65}, "at 'name'.*Member must have length less than or equal to 64"),
        ({"Name": "a b"}, "at 'name'.*Member must satisfy regular expression pattern"),
        ({"State": "ON"}, "at 'state'"),
        ({"ActionAfterCompletion": "KEEP"}, "at 'actionAfterCompletion'"),
        ({"ClientToken": "a b"}, "at 'clientToken'"),
        ({"Description": "d" * 513}, "at 'description'"),
        ({"ScheduleExpression": "cron(" + " " * 260}, "at 'scheduleExpression'"),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"ScheduleExpressionTimezone": "posix/Europe/London"}, "posix/Europe/London"),
        ({"ScheduleExpressionTimezone": "../etc/passwd"}, "passwd"),
        ({"ScheduleExpressionTimezone": ""}, "at 'scheduleExpressionTimezone'"),
        ({"Target": target(RoleArn=None)}, "Value null at 'target.roleArn'"),
        ({"Target": target(RoleArn="jobrunner-scheduler")}, "at 'target.roleArn'.*regular expression"),
        ({"Target": target(RetryPolicy={"MaximumRetryAttempts": 186})}, "at 'target.retryPolicy.maximumRetryAttempts'"),
        ({"Target": target(RetryPolicy={"MaximumEventAgeInSeconds": 59})}, "greater than or equal to 60"),
        ({"Target": target(DeadLetterConfig={"Arn": "queue"})}, "at 'target.deadLetterConfig.arn'"),
        ({"Target": target(Arn="queue")}, "Provided Arn is not in correct format."),
        ({"Target": target("stop")}, "ECS has no operation Stop."),
        ({"Target": target("describeTasks")}, "read-only operations such as DescribeTasks"),
        ({"Target": target(Input="{")}, "is a JSON object"),
        ({"Target": target(Input="[]")}, "is a JSON object"),
        ({"Target": target(Input=None)}, "missing the following field(s): Task."),
        ({"Target": target(Input={"task": "x"})}, "missing the following field(s): Task."),
        ({"Target": target(Input={"Task": "x", "cluster": "y"})}, "cluster is not one of Cluster, Task, Reason"),
        ({"Target": target("runTask", Input={"Cluster": "x"})}, "missing the following field(s): TaskDefinition."),
        (
            {"Target": target("runTask", Input={"TaskDefinition": "x", "Tags": [{"key": "a"}]})},
            "Tags.key is not one of Key, Value",
        ),
        ({"Target": target(Arn="arn:aws:scheduler:::aws-sdk:sqs:sendMessage", Input="{")}, "is a JSON object"),
        ({"Target": target(Arn=CLUSTER)}, "needs EcsParameters"),
        ({"Target": target(EcsParameters=ECS)}, "need a target that is an ECS cluster"),
        ({"Target": target(Arn=CLUSTER, EcsParameters={})}, "at 'target.ecsParameters.taskDefinitionArn'"),
        ({"Target": target(Arn=CLUSTER, EcsParameters=ECS | {"TaskCount": 11})}, "at 'target.ecsParameters.taskCount'"),
        (
            {"Target": target(Arn=CLUSTER, EcsParameters=ECS | SPOT | {"LaunchType": "FARGATE"})},
            "not both",
        ),
        (
            {"Target": target(Arn=CLUSTER, EcsParameters=ECS | {"CapacityProviderStrategy": [{"weight": 1}]})},
            "at 'target.ecsParameters.capacityProviderStrategy.1.member.capacityProvider'",
        ),
        (RATE | {"StartDate": NOW - HOUR}, "cannot be earlier than 5 minutes ago"),
        (RATE | {"EndDate": NOW - HOUR}, "in the past"),
        (RATE | {"StartDate": NOW + 2 * DAY, "EndDate": NOW + DAY}, "after the StartDate"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:60],
)  # fmt: skip
def test_what_aws_refuses_is_refused(scheduler: Any, members: dict[str, Any], words: str) -> None:
    """When it is created, and when it is updated."""
    asked = schedule("refused", **members)
    message = refused("ValidationException", scheduler.create_schedule, **asked)
    assert re.search(re.escape(words).replace(r"\.\*", ".*"), message), message
    scheduler.create_schedule(**schedule("refused"))
    assert message == refused("ValidationException", scheduler.update_schedule, **asked)
    scheduler.delete_schedule(Name="refused")


def send(endpoint: Endpoint, method: str, path: str, body: bytes = b"") -> tuple[int, str, Any]:
    """A request that no SDK would send: status, code and document of the answer."""
    address = urlsplit(endpoint.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    scope = "Credential=local/20261123/us-east-1/scheduler/aws4_request"
    connection.request(method, path, body=body, headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}, Signature=0"})
    response = connection.getresponse()
    document = json.loads(response.read())
    connection.close()
    return response.status, response.headers.get("x-amzn-ErrorType", ""), document


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/schedules/x", b"{", "SerializationException"),
        ("POST", "/schedules/x", b'{"State": 1}', "SerializationException"),
        ("POST", "/schedules/x", b'{"FlexibleTimeWindow": {"MaximumWindowInMinutes": true}}', "SerializationException"),
        ("GET", "/schedules?MaxResults=many", b"", "SerializationException"),
        ("PATCH", "/schedules/x", b"", "UnknownOperationException"),
        ("GET", "/nothing", b"", "UnknownOperationException"),
    ],
)  # fmt: skip
def test_what_is_no_request_at_all(endpoint: Endpoint, method: str, path: str, body: bytes, code: str) -> None:
    """The code is in the header of REST services, the words are in `Message`."""
    _, found, document = send(endpoint, method, path, body)
    assert (code, ["Message"]) == (found, list(document))
