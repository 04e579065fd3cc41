"""The log of events as CloudWatch Logs answers it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.aws import open_gateways
from jobrunner.aws.event_messages import events_of
from jobrunner.core.history import Source
from jobrunner.core.history_events import ExecutionEvent, TaskEvent, notes_of
from jobrunner.core.history_notes import note_from_json
from jobrunner.core.naming import task_group
from jobrunner.errors import AwsRefusedError, AwsThrottledError, AwsUnreachableError
from jobrunner.store import load_prices

if TYPE_CHECKING:
    from conftest import Canned

    from jobrunner.aws import Gateways
    from jobrunner.core.connection import Connection

GROUP = "/aws/events/jobrunner-shop"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MILLISECONDS = 1767268800000
ARN = "arn:aws:ecs:us-east-1:123456789012:task/batch/0123456789abcdef0123456789abcdef"
DETAIL: dict[str, Any] = {
    "taskArn": ARN,
    "lastStatus": "STOPPED",
    "desiredStatus": "STOPPED",
    "createdAt": "2026-01-01T12:00:00.5Z",
    "pullStartedAt": "2026-01-01T12:00:10Z",
    "stoppedAt": "2026-01-01T12:02:00.123Z",
    "updatedAt": "2026-01-01T12:02:01Z",
    "stopCode": "EssentialContainerExited",
    "stoppedReason": "Essential container in task exited",
    "containers": [{"name": "main", "lastStatus": "STOPPED", "exitCode": 0, "networkInterfaces": [{"x": 1}]}],
    "cpu": "256",
    "memory": "512",
    "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
    "ephemeralStorage": {"sizeInGiB": 20},
    "group": task_group(project="shop", stage=None),
    "overrides": {
        "containerOverrides": [
            {
                "name": "main",
                "environment": [
                    {"name": "JOBRUNNER_RUN_ID", "value": "0123456789abcdef"},
                    {"name": "JOBRUNNER_JOB", "value": "etl"},
                ],
            }
        ]
    },
    "version": 5,
}
EXECUTION: dict[str, Any] = {
    "executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:n",
    "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:m",
    "name": "n",
    "status": "FAILED",
    "startDate": MILLISECONDS,
    "stopDate": MILLISECONDS + 1500,
    "input": "{}",
    "inputDetails": {"included": True},
    "output": None,
    "outputDetails": None,
    "error": "E",
    "cause": "C",
}


def task_message(**changes: Any) -> dict[str, Any]:
    """An event of a task."""
    return {
        "version": "0",
        "id": "1",
        "detail-type": "ECS Task State Change",
        "source": "aws.ecs",
        "time": "2026-01-01T12:02:02Z",
        "detail": DETAIL | changes,
    }


def execution_message(**changes: Any) -> dict[str, Any]:
    """An event of an execution."""
    kind = "Step Functions Execution Status Change"
    return {"detail-type": kind, "source": "aws.states", "time": "2026-01-01T12:00:00Z", "detail": EXECUTION | changes}


def without(message: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A message whose detail lacks something."""
    return {**message, "detail": {key: value for key, value in message["detail"].items() if key not in keys}}


def answer(*messages: object, token: str | None = None) -> dict[str, Any]:
    """What FilterLogEvents answers: a message each second."""
    texts = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    return {
        "events": [
            {
                "logStreamName": "s",
                "timestamp": MILLISECONDS + 1000 * number,
                "message": text,
                "ingestionTime": MILLISECONDS,
                "eventId": str(number),
            }
            for number, text in enumerate(texts)
        ],
        "searchedLogStreams": [],
        **({} if token is None else {"nextToken": token}),
    }


def test_a_page(canned: Canned, gateways: Gateways) -> None:
    """Events with what they tell, the log's time of the last one, and the token of the next page."""
    canned.answer(answer(task_message(), execution_message(), "no JSON", token="t"))
    page = gateways.events.read(GROUP, since=None)
    assert page is not None
    task, execution = page.events
    assert isinstance(task, TaskEvent)
    assert (ARN, "STOPPED", "main", 256, 5) == (
        task.task.task_arn,
        task.task.last_status,
        task.task.main,
        task.task.cpu,
        task.version,
    )
    assert NOON + timedelta(minutes=2, seconds=1) == task.at
    assert isinstance(execution, ExecutionEvent)
    assert ("n", "FAILED", NOON, "{}", None, "E", "C") == (
        execution.execution.name,
        execution.execution.status,
        execution.execution.started_at,
        execution.execution.input,
        execution.execution.output,
        execution.execution.error,
        execution.execution.cause,
    )
    assert NOON + timedelta(seconds=1.5) == execution.at
    assert (1, NOON + timedelta(seconds=2), "t") == (page.unreadable, page.newest, page.token)
    assert [("FilterLogEvents", {"logGroupName": GROUP, "limit": 10_000})] == canned.asked


def test_the_next_page(canned: Canned, gateways: Gateways) -> None:
    """It is asked for with the same start and the token; an empty page with a token is not the end."""
    canned.answer(answer(token="u"))
    page = gateways.events.read(GROUP, since=NOON + timedelta(microseconds=999), token="t")
    assert page is not None
    assert ((), 0, None, "u") == (tuple(page.events), page.unreadable, page.newest, page.token)
    asked = {"logGroupName": GROUP, "limit": 10_000, "startTime": MILLISECONDS, "nextToken": "t"}
    assert [("FilterLogEvents", asked)] == canned.asked


def test_a_page_that_only_python_can_read(canned: Canned, gateways: Gateways) -> None:
    """A message that was cut may end in half a surrogate pair: that one is unreadable, and the others are not."""
    body = json.dumps(answer("CUT", task_message())).replace("CUT", "\\ud800")
    canned.raw(body.encode())
    page = gateways.events.read(GROUP, since=None)
    assert page is not None
    assert (1, 1) == (len(page.events), page.unreadable)


def test_no_such_group(canned: Canned, gateways: Gateways) -> None:
    """The rule is not deployed."""
    canned.error("ResourceNotFoundException", "The specified log group does not exist.")
    assert None is gateways.events.read(GROUP, since=None)


def test_a_class_that_cannot_be_read(canned: Canned, gateways: Gateways) -> None:
    """FilterLogEvents is refused for INFREQUENT_ACCESS; the message says that this is why."""
    canned.error("InvalidParameterException", "Operation is not supported")
    canned.answer({"logGroups": [{"logGroupName": GROUP, "logGroupClass": "INFREQUENT_ACCESS"}]})
    with pytest.raises(AwsRefusedError, match=r"has the class INFREQUENT_ACCESS.*cannot be read with FilterLogEvents"):
        gateways.events.read(GROUP, since=None)


@pytest.mark.parametrize("kind", [[], [{"logGroupName": GROUP}], None])
def test_another_refusal(canned: Canned, gateways: Gateways, kind: object) -> None:
    """It stays what it was, also when the class of the group may not be asked for."""
    canned.error("AccessDeniedException", "not authorized to perform logs:FilterLogEvents")
    if kind is None:
        canned.error("AccessDeniedException", "not authorized to perform logs:DescribeLogGroups")
    else:
        canned.answer({"logGroups": kind})
    with pytest.raises(AwsRefusedError, match="logs:FilterLogEvents"):
        gateways.events.read(GROUP, since=None)


def test_later(canned: Canned, connection: Connection) -> None:
    """Throttling is another error than a refusal, and what is not AWS is a third."""
    gateways = open_gateways(connection, attempts=1)
    canned.error("ThrottlingException", "Rate exceeded")
    with pytest.raises(AwsThrottledError):
        gateways.events.read(GROUP, since=None)
    canned.raw(b"<html>")
    with pytest.raises(AwsUnreachableError):
        gateways.events.read(GROUP, since=None)
    gateways.clients.close()


BROKEN: tuple[object, ...] = (
    "",
    "null",
    "[]",
    "{}",
    "[" * 100_000,
    '{"source":"aws.ecs","detail-type":"ECS Task State Change","detail":' + "[" * 100_000,
    '{"source":"aws.ecs","detail-type":"ECS Task State Change","detail":{"taskArn":"\\ud800"}}',
    {**task_message(), "source": "me"},
    {**task_message(), "detail-type": "ECS Container Instance State Change"},
    {**task_message(), "detail": None},
    without(task_message(), "taskArn"),
    without(task_message(), "version"),
    {**without(task_message(), "updatedAt"), "time": "noon"},
    task_message(taskArn=""),
    task_message(version="5"),
    task_message(version=2**40),
    task_message(containers=5),
    task_message(containers=[None]),
    task_message(containers=[{"name": "main", "exitCode": 2**70}]),
    task_message(overrides="x"),
    task_message(overrides={"containerOverrides": [{"environment": [1]}]}),
    task_message(cpu="9" * 5000),
    task_message(memory=-1),
    task_message(createdAt=1767268800),
    task_message(lastStatus={}),
    execution_message(input=None),
    execution_message(name=""),
    execution_message(startDate="2026-01-01T12:00:00Z"),
    execution_message(startDate=10**18),
    execution_message(output={}),
    without(execution_message(), "status"),
)


@pytest.mark.parametrize("message", BROKEN, ids=lambda message: str(message)[:60])
def test_what_is_no_event_is_counted(message: object) -> None:
    """Whoever may write to the log group may write anything: it is never an error, and never believed."""
    text = message if isinstance(message, str) else json.dumps(message)
    assert ([], 1) == events_of([text])


def test_what_aws_may_leave_out() -> None:
    """Of a task that has just been made little is known; a time that cannot be read is one that is not known."""
    little = {**task_message(), "detail": {"taskArn": ARN, "version": 0, "createdAt": "0001-01-01T00:00:00+23:59"}}
    events, unreadable = events_of([json.dumps(little), json.dumps(without(execution_message(), "stopDate", "error"))])
    task, execution = events
    assert 0 == unreadable
    assert isinstance(task, TaskEvent)
    assert (None, NOON + timedelta(minutes=2, seconds=2)) == (task.task.created_at, task.at)
    assert isinstance(execution, ExecutionEvent)
    assert (NOON, None) == (execution.at, execution.execution.error)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["STOPPED", ARN]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_EXTREMES = st.sampled_from(
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-01-01T12:00:00", "999999999", 2**31 - 1, "\x00", "٣"]
)


@given(st.dictionaries(st.sampled_from(sorted(DETAIL)), _JSON | _EXTREMES, max_size=4))
def test_no_task_is_too_strange(changes: dict[str, Any]) -> None:
    """What is read of it is judged and billed, and can be stored and read back."""
    _check(json.dumps(task_message(**changes)))


@given(st.dictionaries(st.sampled_from(sorted(EXECUTION)), _JSON | _EXTREMES, max_size=4))
def test_no_execution_is_too_strange(changes: dict[str, Any]) -> None:
    """As above."""
    _check(json.dumps(execution_message(**changes)))


@given(_JSON | st.text())
def test_no_text_is_too_strange(value: Any) -> None:
    """Whatever it is."""
    _check(json.dumps(value))
    _check(str(value))


PRICES = load_prices()


def _check(text: str) -> None:
    events, unreadable = events_of([text])
    assert 1 == len(events) + unreadable
    for event in events:
        source = Source(project="shop", stage=None, region="us-east-1")
        note = notes_of(event, source=source, prices=PRICES)
        if note is not None:
            assert note == note_from_json(json.loads(json.dumps(note.to_json())))
