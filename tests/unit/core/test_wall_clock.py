"""What the clocks of time zones show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from jobrunner.core.wall_clock import Change, changes, moments, zone_of

HOUR = timedelta(hours=1)


def utc(text: str) -> datetime:
    """A moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("local", "zone", "expected"),
    [
        ("2027-07-01T09:00", "UTC", ["2027-07-01T09:00"]),
        ("2027-07-01T09:00", "Europe/London", ["2027-07-01T08:00"]),
        ("2027-03-28T00:59", "Europe/London", ["2027-03-28T00:59"]),
        ("2027-03-28T01:00", "Europe/London", []),
        ("2027-03-28T01:59", "Europe/London", []),
        ("2027-03-28T02:00", "Europe/London", ["2027-03-28T01:00"]),
        ("2027-10-31T01:00", "Europe/London", ["2027-10-31T00:00", "2027-10-31T01:00"]),
        ("2027-10-31T02:00", "Europe/London", ["2027-10-31T02:00"]),
        ("2027-03-14T02:30", "America/New_York", []),
        ("2027-04-04T01:45", "Australia/Lord_Howe", ["2027-04-03T14:45", "2027-04-03T15:15"]),  # by half an hour
        ("2027-10-03T02:15", "Australia/Lord_Howe", []),
        (
            "2027-10-31T01:30",
            "Europe/Dublin",
            ["2027-10-31T00:30", "2027-10-31T01:30"],
        ),  # where winter is the exception
        ("2027-02-28T12:00", "Asia/Kolkata", ["2027-02-28T06:30"]),
        ("2011-12-30T12:00", "Pacific/Apia", []),  # a whole day was left out
    ],
)
def test_moments(local: str, zone: str, expected: list[str]) -> None:
    """A local time is one moment; none where the clocks are put forward over it, two where they are put back."""
    assert tuple(map(utc, expected)) == moments(datetime.fromisoformat(local), zone_of(zone))


def test_utc_needs_no_database() -> None:
    """UTC is Python's own; other names are looked up."""
    assert (UTC, ZoneInfo("Asia/Tokyo")) == (zone_of("UTC"), zone_of("Asia/Tokyo"))


@pytest.mark.parametrize(
    ("zone", "at", "before", "after", "span"),
    [
        ("Europe/London", "2027-03-28T01:00", 0, 1, ("2027-03-28T01:00", "2027-03-28T02:00")),
        ("Europe/London", "2027-10-31T01:00", 1, 0, ("2027-10-31T01:00", "2027-10-31T02:00")),
        ("Australia/Lord_Howe", "2027-04-03T15:00", 11, 10.5, ("2027-04-04T01:30", "2027-04-04T02:00")),
        ("Pacific/Apia", "2011-12-30T10:00", -10, 14, ("2011-12-30T00:00", "2011-12-31T00:00")),
    ],
)
def test_changes(zone: str, at: str, before: float, after: float, span: tuple[str, str]) -> None:
    """To the second, whenever the search begins; with the local times that are skipped, or occur twice."""
    change = Change(at=utc(at), before=before * HOUR, after=after * HOUR)
    for early in (timedelta(seconds=1), timedelta(seconds=2.5), 7 * HOUR, timedelta(days=1), 50 * HOUR):
        found = [*changes(zone_of(zone), change.at - early, change.at + timedelta(days=3, microseconds=5))]
        assert [change] == found
    assert span == tuple(local.isoformat(timespec="minutes") for local in change.span)


def test_changes_of_a_year() -> None:
    """In order, after the one moment and up to the other; none of a zone without daylight saving time."""
    spring, autumn = utc("2027-03-28T01:00"), utc("2027-10-31T01:00")
    london = zone_of("Europe/London")
    assert [spring, autumn] == [one.at for one in changes(london, utc("2027-01-01"), utc("2028-01-01"))]
    assert [autumn] == [one.at for one in changes(london, spring, autumn)]
    assert [] == [*changes(london, spring, autumn - timedelta(seconds=1))]
    assert [] == [*changes(zone_of("Asia/Kolkata"), utc("2027-01-01"), utc("2028-01-01"))]
