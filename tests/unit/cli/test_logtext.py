"""Batches of log events as text and as JSON lines."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from jobrunner.cli.logtext import LogJson, LogText
from jobrunner.core.events import LogBatch

NOON = 1_795_435_200_000  # 2026-11-23T12:00:00Z


def _batch(*messages: str, container: str = "main") -> LogBatch:
    times = [NOON + 1500 * number for number in range(len(messages))]
    return LogBatch(container=container, timestamps=times, messages=messages)


def test_one_container_has_no_prefix() -> None:
    """Lines of the only container are the bytes that it wrote."""
    assert "a\n\x1b[1mb\r\n\n" == LogText(["main"]).text(_batch("a", "\x1b[1mb\r", ""))


def test_names_are_aligned() -> None:
    """With more containers, each line carries the name of its own, aligned to the longest."""
    text = LogText(["main", "collector"])
    assert "main      | a\n" == text.text(_batch("a"))
    assert "collector | b\n" == text.text(_batch("b", container="collector"))


def test_each_line_of_an_event_has_the_name() -> None:
    """An event of several lines carries the name on each."""
    assert "a | one\na | two\n" == LogText(["a", "b"]).text(_batch("one\ntwo", container="a"))


def test_timestamps_are_exact() -> None:
    """Times are RFC 3339 in UTC with CloudWatch's milliseconds."""
    text = LogText(["main"], timestamps=True).text(_batch("a", "b"))
    assert "2026-11-23T12:00:00.000Z a\n2026-11-23T12:00:01.500Z b\n" == text
    both = LogText(["a", "b"], timestamps=True).text(_batch("x\ny", container="a"))
    assert "a | 2026-11-23T12:00:00.000Z x\na | y\n" == both


def test_terminal_is_spared() -> None:
    """On a terminal, and only there, control sequences are made visible; a CR at a line's end is dropped."""
    assert "^[[2Jx\n" == LogText(["main"], terminal=True).text(_batch("\x1b[2Jx\r"))


def test_colour_is_on_the_name_alone() -> None:
    """Colour ends before the line begins."""
    assert "\x1b[33mb | \x1b[0mx\n" == LogText(["a", "b"], colour=True).text(_batch("x", container="b"))


@given(st.lists(st.tuples(st.integers(0, 4_102_444_800_000), st.text()), min_size=1), st.text(min_size=1))
def test_json_lines_are_those_of_the_events(lines: list[tuple[int, str]], container: str) -> None:
    """The fast writer gives what `LogLine.to_json` gives, one line to an event, whatever is in it."""
    batch = LogBatch(
        container=container, timestamps=[time for time, _ in lines], messages=[message for _, message in lines]
    )
    text = LogJson().text(batch)
    assert text.isascii()
    written = [json.loads(line) for line in text.splitlines()]
    assert [line.to_json() for line in batch.lines()] == written
    assert list(next(batch.lines()).to_json()) == list(written[0])
