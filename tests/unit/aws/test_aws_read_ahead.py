"""Fetching ahead: faster, and never another answer."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from jobrunner.aws.read_ahead import ReadAhead
from jobrunner.core.follow import LogPage, LogStream, ReadLater, ReadLog, ReadResult

STREAM = LogStream(container="main", group="/g", name="s")
#: Longer than what counts as a full page.
FULL = "x" * 250_000


def body(messages: list[str], token: str) -> bytes:
    """A page as CloudWatch Logs sends it."""
    events = [{"timestamp": 1, "message": message} for message in messages]
    return json.dumps({"events": events, "nextForwardToken": token, "nextBackwardToken": "b"}).encode()


def parse(page: bytes) -> ReadResult:
    """Read a page."""
    document = json.loads(page)
    messages = [event["message"] for event in document["events"]]
    return LogPage(timestamps=[1] * len(messages), messages=messages, token=document["nextForwardToken"])


@dataclass
class Source:
    """Pages by the token that they are asked with; tokens count pages, the last one repeats."""

    pages: list[list[str]]
    asked: list[str | None] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, question: ReadLog) -> bytes | ReadResult:
        """Answer from the pages that there are now."""
        with self.lock:
            self.asked.append(question.token)
            number = int(question.token or 0)
            if number >= len(self.pages):
                return body([], str(number))
            return body(self.pages[number], str(number + 1))


def read_all(ahead: ReadAhead) -> list[str]:
    """Read until a page repeats its token."""
    found: list[str] = []
    token: str | None = None
    while True:
        page = ahead.read(ReadLog(stream=STREAM, token=token))
        assert isinstance(page, LogPage)
        found += page.messages
        if page.token == token:
            return found
        token = page.token


@given(st.lists(st.lists(st.sampled_from([FULL, "short", '"nextForwardToken":"7"', "\\"]), max_size=3), max_size=6))
def test_nothing_is_lost_or_doubled(pages: list[list[str]]) -> None:
    """Whatever the pages hold, also what looks like a token, the lines are those of reading one by one."""
    source = Source(pages)
    assert [line for page in pages for line in page] == read_all(ReadAhead(source.fetch, parse))


def test_a_short_page_fetches_nothing_ahead() -> None:
    """Following a log at its end costs one call a question."""
    source = Source([["a"], ["b"]])
    read_all(ReadAhead(source.fetch, parse))
    assert [None, "1", "2"] == source.asked


def test_a_full_page_fetches_the_next_one_once() -> None:
    """What was fetched ahead is not asked for again, except for the proof of the end."""
    source = Source([[FULL], [FULL], [FULL]])
    read_all(ReadAhead(source.fetch, parse))
    assert [None, "1", "2", "3", "3"] == source.asked


def test_an_end_that_was_seen_early_is_asked_for_again() -> None:
    """An answer is as old as its question: lines may have come between the fetch and the question."""
    source = Source([[FULL]])
    ahead = ReadAhead(source.fetch, parse)
    first = ahead.read(ReadLog(stream=STREAM, token=None))
    assert isinstance(first, LogPage)
    while source.asked != [None, "1"]:  # the fetch ahead sees the end
        threading.Event().wait(0.001)
    with source.lock:
        source.pages.append(["late"])
    second = ahead.read(ReadLog(stream=STREAM, token=first.token))
    assert isinstance(second, LogPage)
    assert ["late"] == list(second.messages)


def test_trouble_ahead_is_asked_for_again() -> None:
    """An error that nobody asked for is nobody's."""
    source = Source([[FULL], ["next"]])
    troubles = [ReadLater(reason="throttled")]

    def fetch(question: ReadLog) -> bytes | ReadResult:
        return troubles.pop() if question.token == "1" and troubles else source.fetch(question)

    assert [FULL, "next"] == read_all(ReadAhead(fetch, parse))
    assert [] == troubles


def test_a_bug_ahead_is_raised_where_it_is_asked() -> None:
    """A thread's exception is not printed by the thread; the caller gets it with its own question."""
    source = Source([[FULL], ["next"]])
    broken = [KeyError("ours")]

    def fetch(question: ReadLog) -> bytes | ReadResult:
        if question.token == "1" and broken:
            raise broken.pop()
        return source.fetch(question)

    assert [FULL, "next"] == read_all(ReadAhead(fetch, parse))


def test_pages_that_nobody_comes_back_for_are_dropped() -> None:
    """A runner that follows thousands of runs for weeks keeps a handful of pages."""
    ahead = ReadAhead(Source([[FULL], [FULL]]).fetch, parse)
    for number in range(50):
        stream = LogStream(container="main", group="/g", name=str(number))
        ahead.read(ReadLog(stream=stream, token=None))
    assert 8 == len(ahead._ahead)
