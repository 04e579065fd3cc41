"""Lines that become readable late, together, out of order, or behind empty pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import LOG_GROUP, Jobs, client_of, container, exit_codes, until

from jobrunner.core.connection import LOG_SETTLE_SECONDS, TASK_SETTLE_SECONDS
from jobrunner.local import connection_for, discover
from jobrunner.local.faults import FaultBook, LateLogs, Missing
from jobrunner.local.faults.held_lines import HeldLines
from jobrunner.local.faults.subject import Subject
from jobrunner.local.log_chunk import SEPARATOR
from jobrunner.local.log_store import EventLog
from jobrunner.local.registry import register

if TYPE_CHECKING:
    from pathlib import Path

    from jobrunner.local.endpoint import Endpoint


def script(text: str, **members: Any) -> dict[str, Any]:
    """A container that runs a shell script."""
    return container("sh", "-c", text, **members)


def stream_of(arn: str, name: str = "main") -> str:
    """The log stream of a container."""
    return f"test/{name}/{arn.rpartition('/')[2]}"


class Follower:
    """Reads a stream by its forward tokens, as AWS says it is done."""

    def __init__(self, jobs: Jobs, arn: str) -> None:
        self._jobs = jobs
        self._stream = stream_of(arn)
        self.token: str | None = None
        self.lines: list[str] = []
        self.pages: list[int] = []

    def read(self) -> bool:
        """One page; False at the end, which is a page with the token that it was asked with."""
        asked = {} if self.token is None else {"nextToken": self.token}
        page = self._jobs.logs.get_log_events(
            logGroupName=LOG_GROUP, logStreamName=self._stream, startFromHead=True, **asked
        )
        more = self.token != page["nextForwardToken"]
        self.token = page["nextForwardToken"]
        self.lines += [event["message"] for event in page["events"]]
        if more:
            self.pages.append(len(page["events"]))
        return more

    def follow(self, count: int) -> list[str]:
        """Read until so many lines have come."""
        until(lambda: (self.read() or True) and len(self.lines) >= count)
        return self.lines


def test_late(jobs: Jobs, faults: FaultBook) -> None:
    """The exit code is known before the lines are; then they come, in order, to whoever has kept the token."""
    (order,) = faults.order(LateLogs(seconds=1))
    task = jobs.run(script("echo one; echo two; exit 3"))
    assert ({"main": 3}, []) == (exit_codes(task), jobs.lines(task))
    follower = Follower(jobs, task["taskArn"])
    follower.read()
    assert (["one", "two"], 1) == (follower.follow(2), order.struck)
    assert not follower.read()
    assert ["one", "two"] == jobs.lines(task)


def test_late_lines_of_one_container(jobs: Jobs, faults: FaultBook) -> None:
    """Only the container that is named is late."""
    faults.order(LateLogs(seconds=60, container="main"))
    side = script("echo side; sleep 0.1", name="side", essential=False)
    needs = [{"containerName": "side", "condition": "COMPLETE"}]
    task = jobs.run(script("echo main", dependsOn=needs), side)
    assert ([], ["side"]) == (jobs.lines(task), jobs.lines(task, "side"))


def test_filter_log_events_is_late_too(jobs: Jobs, faults: FaultBook) -> None:
    """FilterLogEvents shows nothing sooner than GetLogEvents does."""
    faults.order(LateLogs(seconds=1))
    task = jobs.run(script("echo one"))

    def found() -> list[str]:
        page = jobs.logs.filter_log_events(logGroupName=LOG_GROUP, logStreamNames=[stream_of(task["taskArn"])])
        return [event["message"] for event in page["events"]]

    assert [] == found()
    assert ["one"] == until(found)


def test_empty_pages(jobs: Jobs, faults: FaultBook) -> None:
    """Empty pages with new tokens stand before each page of lines, and the end is the same token, as ever."""
    (order,) = faults.order(LateLogs(empty_pages=2))
    task = jobs.run(script("echo one; echo two"))
    follower = Follower(jobs, task["taskArn"])
    assert [True, True, True, False] == [follower.read() for _ in range(4)]
    assert ([0, 0, 2], ["one", "two"], 1) == (follower.pages, follower.lines, order.struck)
    newest = jobs.logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream_of(task["taskArn"]))
    assert ["one", "two"] == [event["message"] for event in newest["events"]]


def test_empty_pages_of_filter_log_events(jobs: Jobs, faults: FaultBook) -> None:
    """An empty page of FilterLogEvents has a token, another one each time, and paginators go on."""
    faults.order(LateLogs(empty_pages=2))
    task = jobs.run(script("seq 5"))
    pages = jobs.logs.get_paginator("filter_log_events").paginate(
        logGroupName=LOG_GROUP, logStreamNames=[stream_of(task["taskArn"])], PaginationConfig={"PageSize": 3}
    )
    assert [[], [], ["1", "2", "3"], [], [], ["4", "5"]] == [
        [event["message"] for event in page["events"]] for page in pages
    ]


def test_overtaken_lines_are_found(jobs: Jobs, faults: FaultBook) -> None:
    """Lines that others have overtaken come behind them, and a forward token finds them: none is lost or doubled."""
    faults.order(LateLogs(seconds=0.4, every=2))
    task = jobs.run(script("seq 6"))
    assert ["1", "3", "5", "2", "4", "6"] == Follower(jobs, task["taskArn"]).follow(6)
    assert ["1", "3", "5", "2", "4", "6"] == jobs.lines(task)


def test_overtaken_lines_are_missed(jobs: Jobs, faults: FaultBook) -> None:
    """Lines that keep their timestamps stand where a forward token has passed; who begins anew finds all, in order."""
    faults.order(LateLogs(seconds=1, every=2, overtaken="missed"))
    task = jobs.run(script("seq 6"))
    follower = Follower(jobs, task["taskArn"])
    assert ["1", "3", "5"] == follower.follow(3)
    until(lambda: ["1", "2", "3", "4", "5", "6"] == jobs.lines(task))
    while follower.read():
        pass
    assert ["1", "3", "5", "6"] == follower.lines  # the last one has been overtaken by none


def test_clear_lets_go(jobs: Jobs, faults: FaultBook) -> None:
    """When the fault is cleared, what it held back is readable."""
    faults.order(LateLogs(seconds=60))
    task = jobs.run(script("echo one"))
    assert [] == jobs.lines(task)
    faults.clear()
    assert ["one"] == jobs.lines(task)


def test_the_rest_of_logs_sees_the_same(jobs: Jobs, faults: FaultBook) -> None:
    """DescribeLogStreams knows of a late line when it is readable."""
    faults.order(LateLogs(seconds=1))
    task = jobs.run(script("echo four"))

    def described() -> dict[str, Any]:
        (found,) = jobs.logs.describe_log_streams(
            logGroupName=LOG_GROUP, logStreamNamePrefix=stream_of(task["taskArn"])
        )["logStreams"]
        return found

    assert "lastEventTimestamp" not in described()
    assert 4 == until(lambda: (found := described()).get("lastEventTimestamp") and found)["storedBytes"]


# -- when lines become readable, by a clock of our own ---------------------------------------------------------


def held_by(fault: LateLogs) -> tuple[HeldLines, EventLog]:
    """Who holds lines back as a fault says, and the log."""
    deal = FaultBook([fault]).deal("logs", Subject(names=frozenset()), "task")
    assert deal is not None
    return HeldLines(deal), EventLog()


def readable(held: HeldLines, log: EventLog, now: int) -> list[tuple[int, str]]:
    """Timestamps and messages at a moment."""
    held.release(log, now)
    return [(event.timestamp, event.message.decode()) for event in log.events()]


def test_bursts() -> None:
    """The lines of a burst become readable together, when it is over and as much later as they are late."""
    held, log = held_by(LateLogs(burst=1, seconds=0.5))
    for now, line in ((1_000, b"a"), (1_400, b"b"), (1_999, b"c"), (2_000, b"d")):
        held.write(log, line, now)
    first = [(1_000, "a"), (1_400, "b"), (1_999, "c")]
    assert [[], first, first, [*first, (2_000, "d")]] == [
        readable(held, log, now) for now in (2_499, 2_500, 3_499, 3_500)
    ]


@pytest.mark.parametrize(
    ("overtaken", "expected"),
    [
        ("found", [(10, "1"), (12, "3"), (1_020, "2"), (1_020, "4"), (1_021, "5")]),
        ("missed", [(10, "1"), (11, "2"), (12, "3"), (13, "4"), (1_021, "5")]),
    ],
)
def test_out_of_order(overtaken: Any, expected: list[tuple[int, str]]) -> None:
    """Every other line is late; each has a millisecond of its own, so its place is certain."""
    held, log = held_by(LateLogs(seconds=1, every=2, overtaken=overtaken))
    held.write(log, SEPARATOR.join((b"1", b"2", b"3", b"4")), 10)
    assert [(10, "1"), (12, "3")] == readable(held, log, 1_009)
    readable(held, log, 1_020)
    held.write(log, b"5", 1_020 if overtaken == "found" else 1_021)
    assert expected == readable(held, log, 1_021)


# -- promises --------------------------------------------------------------------------------------------------


def test_promises_are_not_kept_and_not_given(endpoint: Endpoint, faults: FaultBook, tmp_path: Path) -> None:
    """An endpoint whose lines or tasks may be late asks its clients for the patience that AWS needs."""

    def patience() -> list[tuple[float, float]]:
        found = discover(tmp_path, endpoint_id=endpoint.id)
        assert found is not None
        return [(one.log_settle, one.task_settle) for one in (endpoint.connection, connection_for(found))]

    register(tmp_path, endpoint.info)
    assert [(0, 0)] * 2 == patience()
    faults.order(LateLogs(seconds=1))
    assert [(LOG_SETTLE_SECONDS, 0)] * 2 == patience()
    faults.order(Missing(seconds=1))
    assert [(LOG_SETTLE_SECONDS, TASK_SETTLE_SECONDS)] * 2 == patience()
    faults.clear()
    assert [(0, 0)] * 2 == patience()
    assert client_of(endpoint.connection, "logs")
