"""The log store: pages lose nothing, double nothing, and keep the order, however they are read and written."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jobrunner.local.log_chunk import CHUNK_EVENTS, SEPARATOR, escape
from jobrunner.local.log_store import PAGE_BYTES, START, EventLog, Position

messages = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
batches = st.lists(st.lists(st.tuples(st.integers(0, 30), messages), min_size=1, max_size=8), max_size=8)


def filled(written: list[list[tuple[int, str]]]) -> tuple[EventLog, list[tuple[int, str]]]:
    """A log, and what must be in it."""
    log, expected = EventLog(), []
    for batch in written:
        ordered = sorted(batch, key=lambda event: event[0])
        log.append_events([(timestamp, message.encode()) for timestamp, message in ordered], 99)
        expected += ordered
    return log, sorted(expected, key=lambda event: event[0])


def parsed(body: bytes) -> list[tuple[int, str]]:
    """The events of a page."""
    return [(event["timestamp"], event["message"]) for event in json.loads(b"[" + body + b"]")]


def forwards(log: EventLog, limit: int, start: Position | None = None) -> list[tuple[int, str]]:
    """Everything from a position on, page by page."""
    found: list[tuple[int, str]] = []
    while True:
        page = log.forward(start, limit, None, None)
        if page.after == start or not page.body:
            return found
        found += parsed(page.body)
        start = page.after


@given(batches, st.integers(1, 5))
def test_forwards(written: list[list[tuple[int, str]]], limit: int) -> None:
    """Forward pages of any size give every event once, sorted by time, then by arrival."""
    log, expected = filled(written)
    assert expected == forwards(log, limit)


@given(batches, st.integers(1, 5))
def test_backwards(written: list[list[tuple[int, str]]], limit: int) -> None:
    """Backward pages from the newest one give the same events."""
    log, expected = filled(written)
    found: list[tuple[int, str]] = []
    end = None
    while (page := log.backward(end, limit, None, None)).body:
        found = parsed(page.body) + found
        end = page.before
    assert expected == found


@given(batches, batches, st.integers(1, 5))
def test_late_events_double_nothing(
    early: list[list[tuple[int, str]]], late: list[list[tuple[int, str]]], limit: int
) -> None:
    """Events that arrive behind a reader's position move no event to its other side."""
    log, _ = filled(early)
    page = log.forward(None, limit, None, None)
    seen = parsed(page.body)
    marked = [[(timestamp, f"late {number}") for timestamp, _ in batch] for number, batch in enumerate(late)]
    for batch in marked:
        ordered = sorted(batch, key=lambda event: event[0])
        log.append_events([(timestamp, message.encode()) for timestamp, message in ordered], 99)
    rest = forwards(log, 3, page.after)
    old = [event for event in [*seen, *rest] if not event[1].startswith("late ")]
    assert [event for event in forwards(log, 100) if not event[1].startswith("late ")] == old


@given(batches, st.integers(0, 31), st.integers(0, 31))
def test_window(written: list[list[tuple[int, str]]], start: int, end: int) -> None:
    """startTime is inclusive, endTime exclusive, in both directions."""
    log, expected = filled(written)
    inside = [event for event in expected if start <= event[0] < end]
    assert (
        inside == parsed(log.forward(None, 1000, start, end).body) == parsed(log.backward(None, 1000, start, end).body)
    )


@given(batches)
def test_events_as_values(written: list[list[tuple[int, str]]]) -> None:
    """Iterating gives the same events; time and ordinal name each of them once."""
    log, expected = filled(written)
    events = list(log.events())
    assert expected == [(event.timestamp, event.message.decode()) for event in events]
    assert len(expected) == len({(event.timestamp, event.ordinal) for event in events})


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_escape(text: str) -> None:
    """Escaped text between quotes is the text in JSON."""
    assert text == json.loads(b'"' + escape(text.encode()) + b'"')


def test_polling_at_the_end() -> None:
    """At the end the same token comes back; with it, only what is new is read."""
    log = EventLog()
    empty = log.forward(None, 10, None, None)
    assert (b"", START) == (empty.body, empty.after)
    log.append_lines(b"a" + SEPARATOR + b"b", 2, 5)
    first = log.forward(empty.after, 10, None, None)
    again = log.forward(first.after, 10, None, None)
    assert ([(5, "a"), (5, "b")], b"", first.after) == (parsed(first.body), again.body, again.after)
    log.append_lines(b"c", 1, 5)
    assert [(5, "c")] == parsed(log.forward(first.after, 10, None, None).body)


def test_time_never_goes_back_for_lines() -> None:
    """A container's lines stay in the order of writing, though the clock is set back."""
    log = EventLog()
    log.append_lines(b"a", 1, 10)
    log.append_lines(b"b", 1, 3)
    assert [(10, "a"), (10, "b")] == parsed(log.forward(None, 10, None, None).body)


def sized(count: int, size: int) -> EventLog:
    """A log of equal messages, a millisecond each."""
    log = EventLog()
    for number in range(count):
        log.append_events([(number, b"x" * size)], 0)
    return log


def test_page_of_bytes() -> None:
    """A page holds no more than 1 MiB of messages, in both directions, but at least one event."""
    log = sized(30, 100_000)
    assert 10 == PAGE_BYTES // 100_000
    for page in (log.forward(None, 10_000, None, None), log.backward(None, 10_000, None, None)):
        assert 10 == len(parsed(page.body))
    huge = sized(2, PAGE_BYTES + 1)
    for page in (huge.forward(None, 10, None, None), huge.backward(None, 10, None, None)):
        assert 1 == len(parsed(page.body))


def test_small_events_are_packed() -> None:
    """A line at a time makes no object for each line."""
    log = EventLog()
    for number in range(3 * CHUNK_EVENTS):
        log.append_lines(b"line", 1, number)
    assert 3 == len(log._chunks)


def test_stored_bytes() -> None:
    """The bytes of all messages are counted, also after late events."""
    log: Any = EventLog()
    log.append_events([(5, b"abc"), (6, b"de")], 0)
    log.append_events([(1, b"f")], 0)
    assert (6, 3, 1, 6) == (log.stored_bytes, len(log), log.first_timestamp, log.last_timestamp)
