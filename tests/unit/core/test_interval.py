"""The bounds of an interval as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from jobrunner.core.interval import moment_of, parse_bound

LONDON = ["Europe/London"]


def moment(text: str, zones: list[str]) -> str:
    """The moment of a bound, in UTC."""
    found = moment_of(parse_bound(text), zones)
    assert timedelta(0) == found.utcoffset()
    return f"{found:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-07-01", date(2026, 7, 1)),
        ("2026-07-01T02:30", datetime(2026, 7, 1, 2, 30)),  # noqa: DTZ001  a local time
        ("2026-07-01 02:30:05", datetime(2026, 7, 1, 2, 30, 5)),  # noqa: DTZ001
        ("2026-07-01T02:30Z", datetime(2026, 7, 1, 2, 30, tzinfo=UTC)),
    ],
)
def test_a_day_a_local_time_or_a_moment(text: str, expected: date) -> None:
    """What is written says which of them it is."""
    read = parse_bound(text)
    assert (expected, type(expected)) == (read, type(read))


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "2026-07-01T25:00", "2026-07-01T02:30 London"])
def test_anything_else_is_no_bound(text: str) -> None:
    """The message quotes it."""
    with pytest.raises(ValueError, match="is neither a day nor a time of ISO 8601") as caught:
        parse_bound(text)
    assert str(caught.value).startswith(repr(text))


@pytest.mark.parametrize("text", ["1970-06-01", "2199-01-01T00:00Z", "0001-01-01", "9999-12-31T23:59-12:00"])
def test_years_in_which_no_schedule_fires_are_refused(text: str) -> None:
    """AWS's years are 1970 to 2199, and an offset may shift a time into a neighbour of the one that is written."""
    with pytest.raises(ValueError, match="out of range: the years 1971 to 2198"):
        parse_bound(text)


@pytest.mark.parametrize(
    ("text", "zones", "expected"),
    [
        ("2026-07-01", LONDON, "2026-06-30T23:00:00Z"),
        ("2026-12-01", LONDON, "2026-12-01T00:00:00Z"),
        ("2026-07-01T02:30", LONDON, "2026-07-01T01:30:00Z"),
        ("2026-07-01T02:30", ["UTC"], "2026-07-01T02:30:00Z"),
        ("2026-07-01T02:30+09:00", LONDON, "2026-06-30T17:30:00Z"),
        ("2026-07-01T02:30+09:00", ["UTC", "Asia/Tokyo"], "2026-06-30T17:30:00Z"),
    ],
)
def test_what_has_no_offset_is_in_the_zone_of_the_schedules(text: str, zones: list[str], expected: str) -> None:
    """A day is the moment at which it begins there; a time with an offset is the same moment everywhere."""
    assert expected == moment(text, zones)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-04-24", "Africa/Cairo", "2026-04-23T22:00:00Z"),  # at midnight the clocks go to 01:00
        ("2026-11-01", "America/Havana", "2026-11-01T04:00:00Z"),  # at 01:00 they go back to midnight
    ],
)
def test_a_day_begins_once(text: str, zone: str, expected: str) -> None:
    """Where its midnight is skipped, when the clocks skip it; where there are two, with the first."""
    assert expected == moment(text, [zone])


@pytest.mark.parametrize(
    ("text", "zones", "said"),
    [
        ("2026-03-29T01:30", LONDON, "does not exist in Europe/London: the clocks skip it"),
        (
            "2026-10-25T01:30",
            LONDON,
            "occurs twice in Europe/London; write 2026-10-25T01:30:00+01:00 or 2026-10-25T01:30:00+00:00",
        ),
        (
            "2026-11-01",
            ["UTC", "Asia/Tokyo"],
            "has no offset, and the schedules are in Asia/Tokyo and UTC; write for instance 2026-11-01T00:00:00Z",
        ),
        (
            "2026-11-01T02:30",
            ["UTC", "Asia/Tokyo", "Europe/London"],
            "the schedules are in Asia/Tokyo, Europe/London and UTC; write for instance 2026-11-01T02:30:00Z",
        ),
    ],
)
def test_what_may_mean_several_moments_or_none_is_refused(text: str, zones: list[str], said: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValueError, match=r".") as caught:
        moment_of(parse_bound(text), zones)
    assert str(caught.value).startswith(f"'{text}")
    assert str(caught.value).endswith(said)
