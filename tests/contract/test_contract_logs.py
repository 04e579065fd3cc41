"""The contract of `ports.Logs`."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

import pytest
from worlds import GROUP, Job, World, definition_request, run_request, started, stream_of, until

from jobrunner.core.follow import LogPage, LogStream, ReadLog, StreamAbsent

UNKNOWN = "f" * 32


@pytest.fixture
def definition(world: World, family: str) -> str:
    """A registered task definition that logs to a group that exists."""
    world.logs.ensure_group(GROUP, retention_days=1, tags={})
    return world.definitions.register(definition_request(world, family)).arn


def whole(world: World, stream: LogStream) -> list[tuple[int, str]]:
    """Read a stream to its end: a page whose token is the one that was asked with."""
    found: list[tuple[int, str]] = []
    token: str | None = None
    deadline = time.monotonic() + world.place.bound
    while time.monotonic() < deadline:
        page = world.logs.read(ReadLog(stream=stream, token=token))
        if not isinstance(page, LogPage):
            world.wait()
            continue
        found += zip(page.timestamps, page.messages, strict=True)
        if page.token == token:
            return found
        token = page.token
    raise AssertionError("the stream does not end")


def test_a_missing_group_is_told_from_a_missing_stream(world: World) -> None:
    """awslogs creates a stream with its first line, but never a group."""
    world.logs.ensure_group(GROUP, retention_days=1, tags={})
    nowhere = f"/jobrunner/contract/{uuid.uuid4().hex}"
    missing_group = ReadLog(stream=stream_of(UNKNOWN, nowhere), token=None)
    missing_stream = ReadLog(stream=stream_of(UNKNOWN), token=None)
    assert StreamAbsent(group_absent=True) == world.logs.read(missing_group)
    assert StreamAbsent(group_absent=False) == world.logs.read(missing_stream)


def test_lines_come_in_their_order_and_once(world: World, definition: str) -> None:
    """What the container wrote is read as it was written, from the first line on, with its time."""
    lines = [f'line {number} \u00e4\u4e2d\U0001f600 "quoted" \\ \t' for number in range(60)]
    task = started(world, run_request(world, definition, Job(lines=lines)))
    seen = until(world, task.task_arn, lambda one: one.stopped)
    found = whole(world, stream_of(task.task_arn))
    assert lines == [message for _, message in found]
    times = [at for at, _ in found]
    assert sorted(times) == times
    assert seen.created_at is not None
    assert seen.stopped_at is not None
    assert seen.created_at.timestamp() * 1000 - 1 <= times[0] <= seen.stopped_at.timestamp() * 1000 + 1


def test_the_end_of_a_stream_is_its_own_token(world: World, definition: str) -> None:
    """At the end, the answer has no line and the token that was asked with, as often as it is asked."""
    task = started(world, run_request(world, definition, Job(lines=["only"])))
    until(world, task.task_arn, lambda one: one.stopped)
    stream = stream_of(task.task_arn)
    assert ["only"] == [message for _, message in whole(world, stream)]
    first = world.logs.read(ReadLog(stream=stream, token=None))
    assert isinstance(first, LogPage)
    for _ in range(2):
        end = world.logs.read(ReadLog(stream=stream, token=first.token))
        assert isinstance(end, LogPage)
        assert ([], first.token) == (list(end.messages), end.token)


def test_a_log_of_several_pages_is_whole(world: World, definition: str) -> None:
    """A page has 10,000 events at most; the next one goes on after it."""
    lines = [f"{number:06d} {'x' * 90}" for number in range(25_000)]
    task = started(world, run_request(world, definition, Job(lines=["first"])))
    until(world, task.task_arn, lambda one: one.stopped)
    many = started(world, run_request(world, definition, _Counting(lines=lines)))
    until(world, many.task_arn, lambda one: one.stopped)
    assert lines == [message for _, message in whole(world, stream_of(many.task_arn))]


class _Counting(Job):
    """Writes numbered lines: 25,000 lines of text would be too long for the overrides."""

    @property
    def program(self) -> str:
        return f"for number in range({len(self.lines)}): print(f'{{number:06d}} ' + 'x' * 90)"


def test_a_group_is_created_once(world: World) -> None:
    """Only the call that created the group says so."""
    group = f"/jobrunner/contract/{uuid.uuid4().hex}"
    created = [world.logs.ensure_group(group, retention_days=1, tags={"a": "b"}) for _ in range(2)]
    assert [True, False] == created


def test_a_group_is_not_taken_for_one_whose_name_goes_on(world: World) -> None:
    """DescribeLogGroups finds by prefix; a group is created although a longer name exists."""
    group = f"/jobrunner/contract/{uuid.uuid4().hex}"
    assert world.logs.ensure_group(f"{group}/more", retention_days=1, tags={})
    assert world.logs.ensure_group(group, retention_days=1, tags={})


def test_a_group_keeps_what_was_written_since_it_was_created(world: World) -> None:
    """Or for as long as its retention is; not one of a longer name."""
    group = f"/jobrunner/contract/{uuid.uuid4().hex}"
    world.logs.ensure_group(f"{group}/more", retention_days=1, tags={})
    now = world.now()
    assert None is world.logs.kept_since(group, now)
    world.logs.ensure_group(group, retention_days=1, tags={})
    made = world.logs.kept_since(group, now)
    assert made is not None
    assert made == world.logs.kept_since(group, made + timedelta(hours=23))
    assert made + timedelta(days=2) == world.logs.kept_since(group, made + timedelta(days=3))


def test_a_tail_is_the_last_lines_in_their_order(world: World, definition: str) -> None:
    """At most as many as asked for, the oldest first, whatever was read before; without changing what `read` gives."""
    lines = [f"line {number}" for number in range(30)]
    task = started(world, run_request(world, definition, Job(lines=lines)))
    until(world, task.task_arn, lambda one: one.stopped)
    stream = stream_of(task.task_arn)
    assert lines[-3:] == list(world.logs.tail(stream, 3))
    assert lines == [message for _, message in whole(world, stream)]
    assert lines == list(world.logs.tail(stream, 100))


def test_the_tail_of_what_does_not_exist_is_empty(world: World) -> None:
    """A task that wrote nothing has no stream, and an explanation of it is no error."""
    world.logs.ensure_group(GROUP, retention_days=1, tags={})
    nowhere = f"/jobrunner/contract/{uuid.uuid4().hex}"
    assert [[], []] == [
        list(world.logs.tail(stream, 5)) for stream in (stream_of(UNKNOWN), stream_of(UNKNOWN, nowhere))
    ]
