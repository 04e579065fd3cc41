"""The messages of EventBridge in a log group → events. Pure, and never an error: what AWS would not write is counted.

Whoever may write to the log group may write anything into it. So the shape is checked, of every field that is read,
while msgspec parses the text and skips what nobody reads: that is also a third of the time of the standard library.

Sources: "Amazon ECS task state change events", Amazon ECS Developer Guide; "Automating AWS Step Functions event
delivery with Amazon EventBridge", Step Functions developer guide.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, TypedDict

import msgspec

from jobrunner.aws.wire import task_snapshot, time_of
from jobrunner.core.execution import Execution
from jobrunner.core.history_events import EventPage, ExecutionEvent, TaskEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jobrunner.core.history_events import Event

_TASK: Final = ("aws.ecs", "ECS Task State Change")
_EXECUTION: Final = ("aws.states", "Step Functions Execution Status Change")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ARN_PARTS: Final = 8

#: What no store and no sum has trouble with; ECS's own numbers are far below it.
_Whole = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
_Code = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
#: Milliseconds up to the year 9999.
_Time = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
#: ECS writes cpu and memory of a task as text.
_Size = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,9}\Z")] | _Whole | None
_Name = Annotated[str, msgspec.Meta(min_length=1)]


class _Pair(TypedDict, total=False):
    name: str
    value: str | None


class _Override(TypedDict, total=False):
    name: str | None
    environment: list[_Pair] | None


class _Overrides(TypedDict, total=False):
    containerOverrides: list[_Override] | None  # AWS's names, here and below


class _Container(TypedDict, total=False):
    name: str | None
    lastStatus: str | None
    exitCode: _Code | None
    reason: str | None


class _Storage(TypedDict, total=False):
    sizeInGiB: _Whole | None


class _TaskDetail(TypedDict, total=False):
    taskArn: _Name
    lastStatus: str | None
    desiredStatus: str | None
    createdAt: str | None
    pullStartedAt: str | None
    pullStoppedAt: str | None
    startedAt: str | None
    stoppingAt: str | None
    executionStoppedAt: str | None
    stoppedAt: str | None
    updatedAt: str | None
    stopCode: str | None
    stoppedReason: str | None
    containers: list[_Container] | None
    taskDefinitionArn: str | None
    startedBy: str | None
    cpu: _Size
    memory: _Size
    ephemeralStorage: _Storage | None
    attributes: list[_Pair] | None
    platformFamily: str | None
    launchType: str | None
    capacityProviderName: str | None
    group: str | None
    overrides: _Overrides | None
    version: _Whole


class _ExecutionDetail(msgspec.Struct, gc=False):
    executionArn: str  # noqa: N815  AWS's names, as far as `rename` does not help
    stateMachineArn: str  # noqa: N815
    name: _Name
    status: _Name
    startDate: _Time  # noqa: N815
    stopDate: _Time | None = None  # noqa: N815
    input: str | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None


class _Envelope(msgspec.Struct, gc=False):
    source: str
    kind: str = msgspec.field(name="detail-type")
    detail: msgspec.Raw
    time: Any = None


class _Logged(msgspec.Struct, gc=False):
    timestamp: int
    message: str


class _Answer(msgspec.Struct, gc=False):
    events: list[_Logged]
    nextToken: str | None = None  # noqa: N815


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_TASK_DETAIL: Final = msgspec.json.Decoder(_TaskDetail)
_EXECUTION_DETAIL: Final = msgspec.json.Decoder(_ExecutionDetail)


def page_of(answer: Mapping[str, Any]) -> EventPage:
    """Read an answer of FilterLogEvents, as botocore or `json` gave it."""
    logged = [_Logged(one["timestamp"], one["message"]) for one in answer.get("events") or ()]
    return _page(logged, answer.get("nextToken"))


def page_of_body(body: bytes) -> EventPage:
    """Read the body of an answer of FilterLogEvents.

    Raises:
        ValueError: It is not such an answer, or not strict JSON.
    """
    answer = _ANSWER.decode(body)
    return _page(answer.events, answer.nextToken)


def _page(logged: Sequence[_Logged], token: str | None) -> EventPage:
    events, unreadable = events_of(one.message for one in logged)
    newest = max((one.timestamp for one in logged), default=None)
    return EventPage(
        events=events,
        unreadable=unreadable,
        newest=None if newest is None else _moment(newest),
        token=token or None,
    )


def events_of(messages: Iterable[str]) -> tuple[list[Event], int]:
    """Read messages, and count those that are no event that can be read."""
    read = [_read(message) for message in messages]
    events = [event for event in read if event is not None]
    return events, len(read) - len(events)


def _read(message: str) -> Event | None:
    try:
        envelope = _ENVELOPE.decode(message)
        kind = (envelope.source, envelope.kind)
        if kind == _TASK:
            return _task_event(_TASK_DETAIL.decode(envelope.detail), envelope.time)
        return _execution_event(_EXECUTION_DETAIL.decode(envelope.detail)) if kind == _EXECUTION else None
    except (ValueError, RecursionError):  # msgspec's own errors and those of Unicode are ValueErrors
        return None


def _task_event(detail: Mapping[str, Any], time: object) -> TaskEvent | None:
    at = time_of(detail, "updatedAt") or time_of({"time": time}, "time")
    if "taskArn" not in detail or "version" not in detail or at is None:
        return None
    return TaskEvent(task=task_snapshot(detail), version=detail["version"], at=at)


def _execution_event(detail: _ExecutionDetail) -> ExecutionEvent | None:
    # Too long an input is left out ("inputDetails": {"included": false}), and nothing else tells whose run it is.
    if detail.input is None:
        return None
    began = _moment(detail.startDate)
    return ExecutionEvent(
        execution=Execution(
            machine=detail.stateMachineArn,
            name=detail.name,
            status=detail.status,
            started_at=began,
            input=detail.input,
            output=detail.output,
            error=detail.error,
            cause=detail.cause,
        ),
        at=began if detail.stopDate is None else _moment(detail.stopDate),
    )


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
