"""The contract of `ports.EventLog`."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from jobrunner.aws import open_gateways
from jobrunner.core.history_events import TaskEvent
from jobrunner.local import serve
from jobrunner.testing import FakeEventLog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobrunner.aws import Gateways
    from jobrunner.core.history_events import EventPage
    from jobrunner.core.ports import EventLog

SECOND = timedelta(seconds=1)
#: More than a page of FilterLogEvents holds.
MANY = 10_001


class Log(Protocol):
    """A log group into which a test writes as EventBridge does."""

    events: EventLog
    group: str

    def write(self, at: datetime, *messages: str) -> None:
        """Write messages that came at one time."""


class FakeLog:
    """The fake."""

    def __init__(self) -> None:
        self.events = FakeEventLog()
        self.group = "/aws/events/contract"
        self.events.groups[self.group] = []

    def write(self, at: datetime, *messages: str) -> None:
        """Write messages."""
        self.events.write(self.group, at, *messages)


class LocalLog:
    """A log group of an endpoint, with one stream a call: EventBridge makes streams as it likes."""

    def __init__(self, gateways: Gateways) -> None:
        self.events = gateways.events
        self.group = f"/aws/events/contract-{uuid.uuid4().hex}"
        self._client: Any = gateways.clients.logs()
        gateways.logs.ensure_group(self.group, retention_days=1, tags={})

    def write(self, at: datetime, *messages: str) -> None:
        """Write messages."""
        stream, time = uuid.uuid4().hex, int(at.timestamp() * 1000)
        self._client.create_log_stream(logGroupName=self.group, logStreamName=stream)
        for start in range(0, len(messages), 1000):
            batch = [{"timestamp": time, "message": message} for message in messages[start : start + 1000]]
            self._client.put_log_events(logGroupName=self.group, logStreamName=stream, logEvents=batch)


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    """The local endpoint's."""
    with serve(workdir=tmp_path_factory.mktemp("work")) as endpoint:
        opened = open_gateways(endpoint.connection)
        yield opened
        opened.close()


@pytest.fixture(params=["fake", "local"])
def log(request: pytest.FixtureRequest) -> Log:
    """An empty log group."""
    return FakeLog() if request.param == "fake" else LocalLog(request.getfixturevalue("gateways"))


@pytest.fixture
def now() -> datetime:
    """A time of late, in whole milliseconds, as a log keeps them."""
    return datetime.now(UTC).replace(microsecond=125_000) - timedelta(minutes=10)


def event(number: int) -> str:
    """A task that has been made."""
    detail = {"taskArn": f"arn:aws:ecs:us-east-1:123456789012:task/c/{number:032x}", "version": number}
    when = {"time": "2026-01-01T12:00:00Z"}
    return json.dumps({"source": "aws.ecs", "detail-type": "ECS Task State Change", **when, "detail": detail})


def pages(log: Log, since: datetime | None = None) -> list[EventPage]:
    """All pages of it."""
    found: list[EventPage] = []
    token: str | None = None
    while not found or token is not None:
        page = log.events.read(log.group, since=since, token=token)
        assert page is not None
        found.append(page)
        token = page.token
    return found


def numbers(found: Sequence[EventPage]) -> list[int]:
    """Which events they hold, in their order."""
    events = [one for page in found for one in page.events]
    return [one.version for one in events if isinstance(one, TaskEvent)]


def test_no_log_group(log: Log) -> None:
    """That is how the rule not being there shows."""
    assert None is log.events.read("/aws/events/nowhere", since=None)


def test_a_log_group_without_events(log: Log) -> None:
    """It is there, and nothing has happened."""
    assert [] == numbers(pages(log))
    assert {None} == {page.newest for page in pages(log)}


def test_the_oldest_comes_first(log: Log, now: datetime) -> None:
    """By the log's time, whichever stream it is in and whenever it was written; what is no event is counted."""
    for number in (3, 1, 2):
        log.write(now + number * SECOND, event(number))
    log.write(now, "no event")
    found = pages(log)
    assert [1, 2, 3] == numbers(found)
    assert 1 == sum(page.unreadable for page in found)
    assert now + 3 * SECOND == max(page.newest for page in found if page.newest is not None)


def test_from_a_time_on(log: Log, now: datetime) -> None:
    """That time included: a sync meets the last event that it read again, and never misses one of the same time."""
    for number in (1, 2, 3):
        log.write(now + number * SECOND, event(number))
    assert [2, 3] == numbers(pages(log, now + 2 * SECOND))
    assert [3] == numbers(pages(log, now + 2 * SECOND + timedelta(milliseconds=1)))
    assert [] == numbers(pages(log, now + 4 * SECOND))


def test_many_pages(log: Log, now: datetime) -> None:
    """Each event once, in order, over as many pages as they take."""
    log.write(now, *(event(number) for number in range(MANY)))
    found = pages(log)
    assert len(found) > 1
    assert list(range(MANY)) == numbers(found)
