"""Durations."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core.durations import MAX_SECONDS, format_duration, parse_duration

EXAMPLES = "write for instance 30s, 90m, 2h, 1h30m, 1d, or a plain number of seconds"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("0", 0),
        ("45", 45),
        (" 30s ", 30),
        ("90m", 5400),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1h 30m 5s", 5405),
        ("1d", 86_400),
        ("2 hours", 7200),
        ("1 Minute 1 sec", 61),
        (90, 90),
        (timedelta(minutes=2), 120),
    ],
)
def test_spellings(written: object, seconds: int) -> None:
    """Each spelling gives its seconds."""
    assert seconds == parse_duration(written)


@pytest.mark.parametrize(
    "written",
    ["", "h", "2 weeks", "30m1h", "1h1h", "-1", "1.5h", "1e3", "٣s", "2h30", "0x10", "9" * 13, "9" * 13 + "s"],
)
def test_other_texts_are_no_durations(written: str) -> None:
    """The message quotes what was written and shows how to write it."""
    with pytest.raises(ValueError, match="is not a duration") as caught:
        parse_duration(written)
    assert f"{written!r} is not a duration; {EXAMPLES}" == str(caught.value)


@pytest.mark.parametrize("value", [True, -1, 1.5, None, [], timedelta(seconds=-1), timedelta(milliseconds=1)])
def test_other_values_are_no_durations(value: object) -> None:
    """Nor are Python's other values, of which True would be one second."""
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(value)


def test_the_longest() -> None:
    """A number that no limit allows is refused before it can overflow anything."""
    with pytest.raises(ValueError, match=r"^the duration '999999999d' is longer than ten years$"):
        parse_duration("999999999d")


@given(st.integers(0, MAX_SECONDS))
def test_what_is_shown_reads_back(seconds: int) -> None:
    """`format_duration` and `parse_duration` are inverse."""
    assert seconds == parse_duration(format_duration(seconds))


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0s"), (59, "59s"), (5400, "1h30m"), (86_400, "1d")])
def test_the_shortest_is_shown(seconds: int, shown: str) -> None:
    """Units that are zero are left out."""
    assert shown == format_duration(seconds)
