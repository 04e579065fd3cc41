"""CloudWatch Logs: GetLogEvents, and a log group with its retention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobrunner.aws import faults
from jobrunner.aws.collector import collector_paused
from jobrunner.aws.raw_json import answer_of, body_of, parse
from jobrunner.aws.read_ahead import ReadAhead
from jobrunner.core.follow import LogPage, ReadLater, StreamAbsent, Unreadable
from jobrunner.errors import AwsError, AwsRefusedError, AwsUnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_logs.type_defs import LogGroupTypeDef

    from jobrunner.aws.connection import Clients
    from jobrunner.core.follow import LogStream, ReadLog, ReadResult

#: "The maximum is 10,000 log events" or 1 MiB, whichever comes first (GetLogEvents, API reference).
_PAGE = 10_000
_READ = "logs:GetLogEvents"
#: Bytes of a page from which msgspec pays for its import, some 20 ms.
_LARGE = 200_000


class CloudWatchLogs:
    """`ports.Logs` on CloudWatch Logs."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._pages = ReadAhead(self._fetch, _page_of_body)

    def read(self, question: ReadLog) -> ReadResult:
        """Read a page; see `ports.Logs.read`. The next one may be fetched meanwhile, in another thread."""
        return self._pages.read(question)

    def _fetch(self, question: ReadLog) -> bytes | ReadResult:
        stream = question.stream
        # startFromHead also with a token: "If you are using a previous nextForwardToken value as the nextToken
        # …, you must specify true" (GetLogEvents, API reference). Without it, the first page is the newest one.
        request: dict[str, Any] = {
            "logGroupName": stream.group,
            "logStreamName": stream.name,
            "startFromHead": True,
            "limit": _PAGE,
        }
        if question.token is not None:
            request["nextToken"] = question.token
        try:
            response = self._clients.logs().get_log_events(**request)
        except Exception as error:
            ours = _unread(error, group=stream.group)
            if ours is None:
                raise
            return self._checked(ours, stream.group)
        body = body_of(response)
        return _page(response) if body is None else body

    def tail(self, stream: LogStream, limit: int) -> Sequence[str]:
        """Give the last messages of a stream; see `ports.Logs.tail`."""
        with faults.translated(_READ, f"read the log group {stream.group}"):
            try:
                answer = answer_of(
                    self._clients.logs().get_log_events(
                        logGroupName=stream.group, logStreamName=stream.name, startFromHead=False, limit=limit
                    )
                )
            except Exception as error:
                if faults.answered(error, "ResourceNotFoundException"):
                    return ()
                raise
        return [event["message"] for event in answer.get("events") or ()]

    def _checked(self, answer: ReadResult, group: str) -> ReadResult:
        """Make sure that it is the group that is absent: moto says so of a missing stream, too."""
        if not (isinstance(answer, StreamAbsent) and answer.group_absent):
            return answer
        try:
            return StreamAbsent(group_absent=class_of(self._clients, group) is None)
        except AwsError:
            return answer

    def ensure_group(self, group: str, *, retention_days: int, tags: Mapping[str, str]) -> bool:
        """Create the log group if it does not exist; see `ports.Logs.ensure_group`.

        The retention of a group that exists is its owner's, and is left alone.

        Raises:
            AwsRefusedError: Also for a group of the class INFREQUENT_ACCESS or DELIVERY, whose logs
                GetLogEvents does not give.
        """
        kind = class_of(self._clients, group)
        if kind is not None:
            check_class(group, kind, reader="GetLogEvents")
            return False
        client = self._clients.logs()
        request: dict[str, Any] = {"logGroupName": group, **({"tags": dict(tags)} if tags else {})}
        with faults.translated("logs:CreateLogGroup", f"create the log group {group}"):
            try:
                client.create_log_group(**request)
            except Exception as error:
                # Another run of the same job was a moment faster.
                if faults.answered(error, "ResourceAlreadyExistsException"):
                    return False
                raise
        with faults.translated("logs:PutRetentionPolicy", f"set the retention of the log group {group}"):
            client.put_retention_policy(logGroupName=group, retentionInDays=retention_days)
        return True

    def kept_since(self, group: str, now: datetime) -> datetime | None:
        """Say since when a log group has kept what was written; see `ports.Logs.kept_since`."""
        found = _described(self._clients, group)
        if found is None:
            return None
        made = datetime.fromtimestamp((found.get("creationTime") or 0) / 1000, UTC)
        days = found.get("retentionInDays")
        return made if days is None else max(made, now - timedelta(days=days))


def class_of(clients: Clients, group: str) -> str | None:
    """Give the class of a log group, or None if there is none of that name."""
    found = _described(clients, group)
    return None if found is None else str(found.get("logGroupClass") or "STANDARD")


def _described(clients: Clients, group: str) -> LogGroupTypeDef | None:
    with faults.translated("logs:DescribeLogGroups", f"look for the log group {group}"):
        pages = clients.logs().get_paginator("describe_log_groups")
        for page in pages.paginate(logGroupNamePrefix=group):
            for one in page.get("logGroups") or ():
                if one.get("logGroupName") == group:
                    return one
    return None


def check_class(group: str, kind: str, *, reader: str) -> None:
    """Make sure that a log group is of the class that can be read.

    Raises:
        AwsRefusedError: It is of the class INFREQUENT_ACCESS or DELIVERY.
    """
    if kind != "STANDARD":
        raise AwsRefusedError(
            f"the log group {group} has the class {kind}, and its logs cannot be read with {reader}",
            where="logs:DescribeLogGroups",
            hint="Use a log group of the class STANDARD: a group's class cannot be changed.",
        )


def _page_of_body(body: bytes) -> ReadResult:
    try:
        # 10,000 objects that are gone, without a cycle, when the page is made: the collector would look at the
        # whole program for nothing, a fifth of the time.
        with collector_paused():
            return _large_page(body) if len(body) >= _LARGE else _page(parse(body))
    except AwsUnreachableError as error:
        return ReadLater(reason=error.what)


def _large_page(body: bytes) -> ReadResult:
    from jobrunner.aws.log_page import parse_page  # noqa: PLC0415  its import costs more than it saves on a short log

    try:
        return parse_page(body)
    except ValueError:
        # What is not strict JSON (half a surrogate pair, which a cut line may end in) Python's parser may still read.
        return _page(parse(body))


def _page(answer: Mapping[str, Any]) -> ReadResult:
    token = answer.get("nextForwardToken")
    if not token:
        return ReadLater(reason=f"{_READ} answered without a token: what answered may not be AWS")
    events = answer.get("events") or ()
    return LogPage(
        timestamps=[event["timestamp"] for event in events],
        messages=[event["message"] for event in events],
        token=token,
    )


def _unread(error: Exception, *, group: str) -> ReadResult | None:
    """Give what an exception says of the log; None if it is not botocore's."""
    if faults.answered(error, "ResourceNotFoundException"):
        # "The specified log group does not exist." or "The specified log stream does not exist."
        return StreamAbsent(group_absent="log group" in faults.message_of(error).lower())
    ours = faults.translate(error, where=_READ, doing=f"read the log group {group}")
    if ours is None:
        return None
    if isinstance(ours, AwsRefusedError):
        return Unreadable(reason=ours.what)
    return ReadLater(reason=ours.what, silent=isinstance(ours, AwsUnreachableError))
