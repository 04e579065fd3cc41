"""A log stream of moto's whose events are kept in an `EventLog`.

moto keeps an object per event, and sorts all of them for every page. This class stands in for
`moto.logs.models.LogStream`, so that there is one state: what moto itself writes (a rule's target) is read here, and
what moto deletes or describes is what is written here.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from moto.core.utils import unix_time_millis
from moto.logs import models

from jobrunner.local.log_store import EventLog

if TYPE_CHECKING:
    from collections.abc import Sequence

_numbers = itertools.count(1)
_MotoStream: Any = models.LogStream


def now_millis() -> int:
    """The time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Stream(_MotoStream):  # type: ignore[misc]  # moto is not typed
    """One log stream.

    Attributes:
        log: Its events.
        number: Unique in this process; orders the events of several streams of the same millisecond.
    """

    def __init__(self, log_group: Any, name: str) -> None:
        self.log = EventLog()
        self.number = next(_numbers)
        super().__init__(log_group, name)

    def current(self) -> EventLog:
        """The events that are readable now."""
        if self.log.held is not None:
            self.log.held.release(self.log, now_millis())
        return self.log

    @property
    def events(self) -> list[Any]:
        """The events as moto's objects, for its Insights queries and exports."""
        return [
            models.LogEvent(event.ingestion, {"timestamp": event.timestamp, "message": event.message.decode()})
            for event in self.current().events()
        ]

    @events.setter
    def events(self, value: Sequence[Any]) -> None:
        """Ignored: the constructor of moto starts with an empty list."""

    @property
    def stored_bytes(self) -> int:
        """Bytes of all messages."""
        return self.log.stored_bytes

    @stored_bytes.setter
    def stored_bytes(self, value: int) -> None:
        """Ignored: the constructor of moto starts with 0."""

    def to_describe_dict(self) -> dict[str, Any]:
        """The stream as DescribeLogStreams shows it."""
        log = self.current()
        described = {
            "arn": self.arn,
            "creationTime": int(unix_time_millis(self.creation_time)),
            "logStreamName": self.log_stream_name,
            "storedBytes": self.stored_bytes,
        }
        if len(log):
            described["firstEventTimestamp"] = self.log.first_timestamp
            described["lastEventTimestamp"] = self.log.last_timestamp
            described["lastIngestionTime"] = self.log.last_ingestion
            described["uploadSequenceToken"] = str(self.upload_sequence_token)
        return described

    def put_log_events(self, log_events: list[dict[str, Any]]) -> str:
        """Add events in time order, and pass them to the group's subscriptions."""
        self.log.append_events(
            [(int(event["timestamp"]), event["message"].encode("utf-8", "replace")) for event in log_events],
            now_millis(),
        )
        self.upload_sequence_token += 1
        for subscription in self.log_group.subscription_filters.values():
            self._send_log_events(
                service=subscription.destination_arn.split(":")[2],
                destination_arn=subscription.destination_arn,
                filter_name=subscription.name,
                log_events=[{"id": str(next(_numbers)), **event} for event in log_events],
            )
        return f"{self.upload_sequence_token:056d}"
