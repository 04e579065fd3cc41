"""Reading the pages of a long log: both readers read the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.aws import logs
from jobrunner.aws.log_page import parse_page
from jobrunner.core.follow import LogPage, ReadLater

times = st.integers(0, 10**13)
events = st.lists(st.fixed_dictionaries({"timestamp": times, "message": st.text(), "ingestionTime": times}))


def body_of(*messages: str, **more: Any) -> bytes:
    """An answer of GetLogEvents."""
    lines = [{"timestamp": number, "message": text, "ingestionTime": 1} for number, text in enumerate(messages)]
    return json.dumps({"events": lines, "nextForwardToken": "f/1", "nextBackwardToken": "b/0", **more}).encode()


@given(events, st.text(min_size=1))
def test_both_readers_read_the_same(some: list[dict[str, Any]], token: str) -> None:
    """The one for long pages and the one for short ones; members that nobody asked for are skipped."""
    body = json.dumps({"events": some, "nextForwardToken": token, "searchedLogStreams": []}).encode()

    page = parse_page(body)

    assert page == logs._page(json.loads(body))
    assert [event["message"] for event in some] == list(page.messages)
    assert page.token == token


@pytest.mark.parametrize("last", ["é", "\ud83d"])
def test_a_large_page_is_read_whatever_its_last_character(last: str) -> None:
    """Half a surrogate pair is no strict JSON text, and still a line of the log."""
    messages = ["x" * 100_000, "y" * 100_000, last]
    body = body_of(*messages)
    assert len(body) >= logs._LARGE

    page = logs._page_of_body(body)

    assert isinstance(page, LogPage)
    assert messages == list(page.messages)


@pytest.mark.parametrize("size", [10, 300_000])
def test_an_answer_without_a_token_may_not_be_awss(size: int) -> None:
    """It is asked for again, and the log is not called complete."""
    body = json.dumps({"events": [{"timestamp": 1, "message": "x" * size}]}).encode()

    assert isinstance(logs._page_of_body(body), ReadLater)
    assert isinstance(logs._page_of_body(b"<html>" + b" " * size), ReadLater)
