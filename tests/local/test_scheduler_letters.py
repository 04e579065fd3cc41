"""What a schedule has given up goes to its dead-letter queue."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import Jobs, client_of, container, until
from scheduling import ACCOUNT, CLUSTER, QUEUE, TASK, at, ecs_target, exists, schedule, target

from jobrunner.core import local_stage
from jobrunner.local.faults import ErrorAnswer, FaultBook
from jobrunner.local.schedule_checks import created
from jobrunner.local.schedule_letters import AGE, DeadLetter, deliver
from jobrunner.local.schedule_targets import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.endpoint import Endpoint

ONCE = {"MaximumRetryAttempts": 0}


@pytest.fixture(scope="module")
def scheduler(endpoint: Endpoint) -> Any:
    """A client."""
    return client_of(endpoint.connection, "scheduler")


@pytest.fixture(scope="module")
def sqs(endpoint: Endpoint) -> Any:
    """A client."""
    return client_of(endpoint.connection, "sqs")


@pytest.fixture
def queue(sqs: Any) -> Iterator[str]:
    """A queue of its own; its URL."""
    url: str = sqs.create_queue(QueueName=f"dead-{uuid.uuid4().hex}")["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def name() -> str:
    """A name that nobody else uses."""
    return f"s-{uuid.uuid4().hex}"


def arn_of(url: str) -> str:
    """The ARN of a queue."""
    return f"arn:aws:sqs:{local_stage.REGION}:{ACCOUNT}:{url.rpartition('/')[2]}"


def letter(sqs: Any, queue: str) -> dict[str, Any]:
    """The only message of a queue."""
    found = until(
        lambda: sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"], MaxNumberOfMessages=10).get(
            "Messages"
        )
    )
    [message] = found
    return dict(message)


def attributes(message: dict[str, Any]) -> dict[str, str]:
    """The message attributes, which are all texts."""
    assert {"String"} == {one["DataType"] for one in message["MessageAttributes"].values()}
    return {key: one["StringValue"] for key, one in message["MessageAttributes"].items()}


def test_a_call_that_is_refused(scheduler: Any, sqs: Any, queue: str, name: str) -> None:
    """Everything that the user guide names, and as the body the call that failed."""
    expression = at(0)
    made = scheduler.create_schedule(
        **schedule(
            name,
            ScheduleExpression=expression,
            ActionAfterCompletion="DELETE",
            Target=target(
                Input={"Cluster": CLUSTER, "Task": TASK, "Reason": "<aws.scheduler.execution-id>"},
                RetryPolicy=ONCE,
                DeadLetterConfig={"Arn": arn_of(queue)},
            ),
        )
    )
    message = letter(sqs, queue)
    found = attributes(message)
    execution_id = found.pop("EXECUTION_ID")
    assert {"cluster": CLUSTER, "task": TASK, "reason": execution_id} == json.loads(message["Body"])
    assert 16 == len(execution_id)
    expected = {
        "ERROR_CODE": "InvalidParameterException",
        "ERROR_MESSAGE": "The referenced task was not found.",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "RETRY_ATTEMPTS": "0",
        "SCHEDULED_TIME": f"{expression[3:-1]}Z",
        "SCHEDULE_ARN": made["ScheduleArn"],
        "TARGET_ARN": target()["Arn"],
    }
    assert expected == found
    until(lambda: not exists(scheduler, name))


def test_retries_are_counted(endpoint: Endpoint, faults: FaultBook, queue: str, name: str) -> None:
    """One letter for all attempts of a fire; a success sends none."""
    scheduler, sqs = (client_of(endpoint.connection, one) for one in ("scheduler", "sqs"))
    definition = Jobs(endpoint.connection).define(container("true"))
    (order,) = faults.order(ErrorAnswer(operation="RunTask", times=2))
    nightly = ecs_target(definition, RetryPolicy={"MaximumRetryAttempts": 1}, DeadLetterConfig={"Arn": arn_of(queue)})
    for one in (name, f"{name}-2"):
        scheduler.create_schedule(
            **schedule(one, ScheduleExpression=at(0), ActionAfterCompletion="DELETE", Target=nightly)
        )
        until(lambda one=one: not exists(scheduler, one))
    message = letter(sqs, queue)
    found = attributes(message)
    assert ("1", "MaximumRetryAttempts", 2) == (
        found["RETRY_ATTEMPTS"],
        found["EXHAUSTED_RETRY_CONDITION"],
        order.struck,
    )
    assert (CLUSTER, "ThrottlingException") == (found["TARGET_ARN"], found["ERROR_CODE"])
    assert (CLUSTER, definition) == tuple(json.loads(message["Body"])[key] for key in ("cluster", "taskDefinition"))


def test_an_input_that_is_none(scheduler: Any, sqs: Any, queue: str, name: str) -> None:
    """No call was made of it, so the letter holds it as it is."""
    broken = ecs_target("etl:1", Input="{", RetryPolicy=ONCE, DeadLetterConfig={"Arn": arn_of(queue)})
    scheduler.create_schedule(**schedule(name, ScheduleExpression=at(0), ActionAfterCompletion="DELETE", Target=broken))
    message = letter(sqs, queue)
    assert ("{", "ValidationException") == (message["Body"], attributes(message)["ERROR_CODE"])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, "given up after attempt 1: .*; no dead-letter queue"),
        ({"Arn": f"{QUEUE}-nowhere"}, f"the dead-letter queue {QUEUE}-nowhere does not exist"),
        ({"Arn": QUEUE.replace(ACCOUNT, "999999999999")}, "does not exist"),
        ({"Arn": QUEUE.replace("us-east-1", "mars-1")}, "does not exist"),
    ],
)
def test_a_letter_without_a_queue_is_logged(
    scheduler: Any, name: str, caplog: pytest.LogCaptureFixture, config: dict[str, str] | None, words: str
) -> None:
    """With what went wrong; the schedule is complete all the same."""
    call = target(RetryPolicy=ONCE, DeadLetterConfig=config)
    scheduler.create_schedule(**schedule(name, ScheduleExpression=at(0), ActionAfterCompletion="DELETE", Target=call))
    until(lambda: not exists(scheduler, name))
    [record] = [one for one in caplog.records if f"/{name}: given up" in one.getMessage()]
    assert "ClusterNotFoundException: Cluster not found.; " in record.getMessage()
    assert re.search(words, record.getMessage())


def test_no_answer_and_a_queue_that_takes_nothing(sqs: Any, queue: str) -> None:
    """Without an answer there is no code; a message that SQS refuses is not lost without a word."""
    now = dt.datetime(2026, 12, 1, 9, tzinfo=dt.UTC)
    made = created(schedule("s", Target=target(DeadLetterConfig={"Arn": arn_of(queue)})), region="r", now=now)
    failure = Failure(code=None, message="nothing answered", execution_id="0" * 16, body="{}")
    one = DeadLetter(schedule=made, scheduled=now, attempt=3, failure=failure, exhausted=AGE)
    assert f"sent to {arn_of(queue)}" == deliver(one)
    found = attributes(letter(sqs, queue))
    assert ("MaximumEventAgeInSeconds", "2", False) == (
        found["EXHAUSTED_RETRY_CONDITION"],
        found["RETRY_ATTEMPTS"],
        "ERROR_CODE" in found,
    )
    large = replace(one, failure=replace(failure, body="x" * 2_000_000))
    assert f"{arn_of(queue)} does not take it: " in deliver(large)
