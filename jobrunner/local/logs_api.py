"""PutLogEvents, GetLogEvents and FilterLogEvents, as CloudWatch Logs answers them.

Source of the rules: botocore's model of logs 2014-03-28, and the API reference. Every other operation of Logs is
moto's, on the same streams.
"""

from __future__ import annotations

import heapq
import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local import filter_pattern
from jobrunner.local.log_store import PAGE_BYTES, PAGE_EVENTS, Position
from jobrunner.local.wire import ApiError, Reply, dumps, json_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.faults.held_lines import HeldLines
    from jobrunner.local.log_store import Event, Page
    from jobrunner.local.moto_state import MotoState
    from jobrunner.local.streams import Stream
    from jobrunner.local.wire import Request

_TOKEN: Final = re.compile(r"([fb])/(\d{20})(\d{10})(\d{26})/s")
_FILTER_TOKEN: Final = re.compile(r"(\d{20})(\d{12})(\d{10})(\d{14})")

#: PutLogEvents: events of a batch, its bytes with 26 for each event, and the hours that it may span.
_BATCH_EVENTS: Final = 10_000
_BATCH_BYTES: Final = 1_048_576
_EVENT_OVERHEAD: Final = 26
_BATCH_SPAN_MS: Final = 24 * 3600 * 1000
_TOO_OLD_MS: Final = 14 * 24 * 3600 * 1000
_TOO_NEW_MS: Final = 2 * 3600 * 1000


class LogsApi:
    """The hot operations of CloudWatch Logs."""

    def __init__(self, moto: MotoState) -> None:
        self._moto = moto
        self.operations = {
            "Logs_20140328.PutLogEvents": self.put_log_events,
            "Logs_20140328.GetLogEvents": self.get_log_events,
            "Logs_20140328.FilterLogEvents": self.filter_log_events,
        }

    # -- PutLogEvents ------------------------------------------------------------------------------------------

    def put_log_events(self, request: Request) -> Reply:
        """Add a batch of events."""
        asked = request.json()
        stream = self._stream(request, asked)
        events = _required(asked, "logEvents")
        _check_batch(events)
        from jobrunner.local.streams import now_millis  # noqa: PLC0415 - needs moto, which is loaded by now

        accepted, rejected = _split_by_age(events, now_millis())
        token = stream.put_log_events(accepted)
        answer = {"nextSequenceToken": token}
        return json_reply({**answer, "rejectedLogEventsInfo": rejected} if rejected else answer)

    # -- GetLogEvents ------------------------------------------------------------------------------------------

    def get_log_events(self, request: Request) -> Reply:
        """A page of one stream: the newest one unless `startFromHead`, or what a token points at."""
        asked = request.json()
        stream = self._stream(request, asked)
        limit = _limit(asked)
        window = (asked.get("startTime"), asked.get("endTime"))
        token = asked.get("nextToken")
        if token is None:
            direction, position, empty = "f" if asked.get("startFromHead") else "b", None, 0
        else:
            direction, position, empty = _parse_token(token)
        log = stream.current()
        page = (log.forward if direction == "f" else log.backward)(position, limit, *window)
        if log.held is not None and direction == "f":
            page, empty = _behind_empty_pages(log.held, page, empty)
        body = b'{"events":[%b],"nextForwardToken":"%b","nextBackwardToken":"%b"}' % (
            page.body,
            _token("f", page.after, empty),
            _token("b", page.before),
        )
        return Reply(body=body)

    # -- FilterLogEvents ---------------------------------------------------------------------------------------

    def filter_log_events(self, request: Request) -> Reply:
        """A page of several streams in time order. `endTime` is inclusive here, unlike in GetLogEvents."""
        asked = request.json()
        streams = self._streams(request, asked)
        matches = filter_pattern.compile_pattern(asked.get("filterPattern", ""))
        limit, end = _limit(asked), asked.get("endTime")
        found: list[dict[str, Any]] = []
        size, last, more = 0, None, False
        after, empty = _parse_filter_token(asked.get("nextToken"))
        for key, stream, event in _merged(streams, after, asked.get("startTime")):
            if end is not None and event.timestamp > end:
                break
            text = event.message.decode()
            if matches(text):
                size += len(event.message)
                if len(found) == limit or (found and size > PAGE_BYTES):
                    more = True
                    break
                found.append(_filtered(key, stream, event, text))
            last = key
        if found and any(stream.log.held is not None and stream.log.held.empty_page(empty) for stream in streams):
            found, last, more = [], _key(*(after or (0, 0, 0)), empty=empty + 1), True
        answer: dict[str, Any] = {"events": found, "searchedLogStreams": []}
        if more and last is not None:
            answer["nextToken"] = last
        return Reply(body=dumps(answer))

    # -- where -------------------------------------------------------------------------------------------------

    def _group(self, request: Request, asked: dict[str, Any]) -> Any:
        name = asked.get("logGroupName")
        identifier = asked.get("logGroupIdentifier")
        if (name is None) == (identifier is None):
            raise ApiError(
                "InvalidParameterException", "Exactly one of logGroupName and logGroupIdentifier is required."
            )
        if identifier is not None:
            name = identifier.partition(":log-group:")[2] or identifier
        group = self._moto.log_group(request.region, str(name))
        if group is None:
            raise ApiError("ResourceNotFoundException", "The specified log group does not exist.")
        return group

    def _stream(self, request: Request, asked: dict[str, Any]) -> Stream:
        stream = self._group(request, asked).streams.get(_required(asked, "logStreamName"))
        if stream is None:
            raise ApiError("ResourceNotFoundException", "The specified log stream does not exist.")
        found: Stream = stream
        return found

    def _streams(self, request: Request, asked: dict[str, Any]) -> list[Stream]:
        names, prefix = asked.get("logStreamNames"), asked.get("logStreamNamePrefix")
        if names and prefix:
            raise ApiError(
                "InvalidParameterException", "logStreamNamePrefix and logStreamNames are mutually exclusive."
            )
        streams = dict(self._group(request, asked).streams)
        if names:
            if any(name not in streams for name in names):
                raise ApiError("ResourceNotFoundException", "The specified log stream does not exist.")
            return [streams[name] for name in dict.fromkeys(names)]
        return [stream for name, stream in streams.items() if name.startswith(prefix or "")]


def _required(asked: dict[str, Any], name: str) -> Any:
    if asked.get(name) is None:
        message = (
            f"1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        )
        raise ApiError("InvalidParameterException", message)
    return asked[name]


def _limit(asked: dict[str, Any]) -> int:
    limit = asked.get("limit")
    if limit is None:
        return PAGE_EVENTS
    if not 1 <= limit <= PAGE_EVENTS:
        side = "less than or equal to 10000" if limit > PAGE_EVENTS else "greater than or equal to 1"
        message = (
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            f"Member must have value {side}"
        )
        raise ApiError("InvalidParameterException", message)
    return int(limit)


def _token(direction: str, position: Position, empty: int = 0) -> bytes:
    """56 digits, as AWS's own tokens have. Each empty page that was ordered at a position makes another token of it."""
    return f"{direction}/{position.timestamp:020d}{empty:010d}{position.ordinal:026d}/s".encode()


def _parse_token(token: str) -> tuple[str, Position | None, int]:
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise ApiError("InvalidParameterException", "The specified nextToken is invalid.")
    return found[1], Position(int(found[2]), int(found[4])), int(found[3])


def _behind_empty_pages(held: HeldLines, page: Page, empty: int) -> tuple[Page, int]:
    """The page, or one of the empty pages that were ordered before it, and how many there have been."""
    if not page.body:
        return page, empty  # the end: the token that was asked with
    if held.empty_page(empty):
        return replace(page, body=b"", after=page.before), empty + 1
    return page, 0


def _check_batch(events: list[dict[str, Any]]) -> None:
    if not 1 <= len(events) <= _BATCH_EVENTS:
        raise ApiError(
            "InvalidParameterException",
            "1 validation error detected: Value at 'logEvents' failed to satisfy constraint: "
            f"Member must have length between 1 and {_BATCH_EVENTS}",
        )
    if any(not event.get("message") for event in events):
        raise ApiError("InvalidParameterException", "Log event message must have length greater than or equal to 1")
    if sum(len(event["message"].encode("utf-8", "replace")) + _EVENT_OVERHEAD for event in events) > _BATCH_BYTES:
        raise ApiError("InvalidParameterException", f"Upload too large: it exceeds the limit of {_BATCH_BYTES} bytes")
    times = [event["timestamp"] for event in events]
    if any(earlier > later for earlier, later in pairwise(times)):
        raise ApiError(
            "InvalidParameterException",
            "Log events in a single PutLogEvents request must be in chronological order.",
        )
    if times[-1] - times[0] > _BATCH_SPAN_MS:
        raise ApiError(
            "InvalidParameterException",
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        )


def _split_by_age(events: list[dict[str, Any]], now: int) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """What is kept, and `rejectedLogEventsInfo`: two weeks old at most, two hours in the future at most."""
    old = sum(event["timestamp"] < now - _TOO_OLD_MS for event in events)
    new = sum(event["timestamp"] > now + _TOO_NEW_MS for event in events)
    rejected = {}
    if old:
        rejected["tooOldLogEventEndIndex"] = old
    if new:
        rejected["tooNewLogEventStartIndex"] = len(events) - new
    return events[old : len(events) - new], rejected


def _merged(
    streams: list[Stream], after: tuple[int, int, int] | None, start_time: int | None
) -> Iterator[tuple[str, Stream, Event]]:
    """The events of all streams in time order, with a key that is the event's id; those behind a key only."""

    def of(stream: Stream) -> Iterator[tuple[tuple[int, int, int], Stream, Event]]:
        begin = start_time if after is None else max(after[0], start_time or 0)
        for event in stream.current().events(start_time=begin):
            key = (event.timestamp, stream.number, event.ordinal)
            if after is None or key > after:
                yield key, stream, event

    for key, stream, event in heapq.merge(*map(of, streams), key=lambda found: found[0]):
        yield _key(*key), stream, event


def _key(timestamp: int, stream: int, ordinal: int, *, empty: int = 0) -> str:
    """56 digits, as an event's id has; as a token, also with the number of empty pages that were ordered there."""
    return f"{timestamp:020d}{stream:012d}{empty:010d}{ordinal:014d}"


def _parse_filter_token(token: str | None) -> tuple[tuple[int, int, int] | None, int]:
    if token is None:
        return None, 0
    found = _FILTER_TOKEN.fullmatch(token)
    if found is None:
        raise ApiError("InvalidParameterException", "The specified nextToken is invalid.")
    return (int(found[1]), int(found[2]), int(found[4])), int(found[3])


def _filtered(key: str, stream: Stream, event: Event, text: str) -> dict[str, Any]:
    return {
        "logStreamName": stream.log_stream_name,
        "timestamp": event.timestamp,
        "message": text,
        "ingestionTime": event.ingestion,
        "eventId": key,
    }
