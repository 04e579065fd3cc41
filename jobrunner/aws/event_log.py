"""CloudWatch Logs, as the place where a rule of EventBridge keeps what happens to tasks: FilterLogEvents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from jobrunner.aws import faults
from jobrunner.aws.collector import collector_paused
from jobrunner.aws.logs import check_class, class_of
from jobrunner.aws.raw_json import answer_of, body_of
from jobrunner.errors import AwsError, AwsRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.aws.connection import Clients
    from jobrunner.core.history_events import EventPage

#: "The default is 10,000 events", and the most; or 1 MiB, whichever comes first (FilterLogEvents, API reference).
_PAGE: Final = 10_000
_READ: Final = "logs:FilterLogEvents"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class CloudWatchEventLog:
    """`ports.EventLog` on CloudWatch Logs. The client is made with the first call."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def read(self, group: str, *, since: datetime | None, token: str | None = None) -> EventPage | None:
        """Read a page of events, oldest first; see `ports.EventLog.read`.

        Raises:
            AwsRefusedError: Also for a group of the class INFREQUENT_ACCESS or DELIVERY, whose logs FilterLogEvents
                does not give.
        """
        request: dict[str, Any] = {"logGroupName": group, "limit": _PAGE}
        if since is not None:
            request["startTime"] = max(0, (since - _EPOCH) // _MILLISECOND)
        if token is not None:
            request["nextToken"] = token
        try:
            response = self._asked(request, group)
        except AwsRefusedError as error:
            self._check_class(group, error)
            raise
        return None if response is None else _page_of(response)

    def _asked(self, request: Mapping[str, Any], group: str) -> Mapping[str, Any] | None:
        with faults.translated(_READ, f"read the log group {group}"):
            try:
                return self._clients.logs().filter_log_events(**request)
            except Exception as error:
                if faults.answered(error, "ResourceNotFoundException"):
                    return None
                raise

    def _check_class(self, group: str, refused: AwsRefusedError) -> None:
        """Say so if it is the class of the group that its events cannot be read for."""
        try:
            kind = class_of(self._clients, group)
        except AwsError:
            raise refused from None
        if kind is not None:
            check_class(group, kind, reader="FilterLogEvents")


def _page_of(response: Mapping[str, Any]) -> EventPage:
    from jobrunner.aws.event_messages import page_of, page_of_body  # noqa: PLC0415  msgspec costs 20 ms

    body = body_of(response)
    # As for a page of a log: thousands of objects without a cycle, which the collector would look at for nothing.
    with collector_paused():
        if body is not None:
            try:
                return page_of_body(body)
            except ValueError:
                pass  # what is not strict JSON, as half a surrogate pair is not, Python's parser may still read
        return page_of(answer_of(response))
