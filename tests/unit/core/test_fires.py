"""When schedules fire: time zones, rates, starts and ends, several schedules of one job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from jobrunner.core.fires import Fire, fires, oddities
from jobrunner.core.schedule import Schedule

LONDON = "Europe/London"
HERE = "counted from here: without a start, a rate counts from its creation"
TWICE = "occurs twice: fires once, the first"


def utc(text: str) -> datetime:
    """A moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(**fields: Any) -> Schedule:
    """A schedule, from text as in a document."""
    return Schedule(**fields)


def first(count: int, since: str, *schedules: Schedule) -> list[Fire]:
    """The first fires from a moment of UTC on."""
    return list(islice(fires(schedules, utc(since)), count))


def times(found: list[Fire]) -> list[str]:
    """Their moments, in UTC."""
    return [f"{fire.utc:%Y-%m-%dT%H:%M}" for fire in found]


def test_local_time_follows_the_clocks() -> None:
    """02:30 in London is another moment of UTC in summer; the local time carries its offset."""
    found = first(2, "2027-03-27T12:00", schedule(cron="30 2 * * *", timezone=LONDON))
    assert ["2027-03-28T01:30", "2027-03-29T01:30"] == times(found)
    assert ["2027-03-28T02:30:00+01:00", "2027-03-29T02:30:00+01:00"] == [fire.local.isoformat() for fire in found]
    assert [None, None] == [fire.note for fire in found]


def test_what_does_not_exist_is_skipped() -> None:
    """User guide: the invocation is skipped. The next fire says so, and only that one."""
    found = first(3, "2027-03-27T12:00", schedule(cron="30 1 * * *", timezone=LONDON))
    assert ["2027-03-29T00:30", "2027-03-30T00:30", "2027-03-31T00:30"] == times(found)
    assert ["2027-03-28 01:30 does not exist: skipped", None, None] == [fire.note for fire in found]


def test_what_occurs_twice_fires_once() -> None:
    """User guide: it runs only once, and does not repeat. The hour that is shown again passes without a fire."""
    found = first(4, "2027-10-30T23:30", schedule(cron="*/30 * * * *", timezone=LONDON))
    assert ["2027-10-30T23:30", "2027-10-31T00:00", "2027-10-31T00:30", "2027-10-31T02:00"] == times(found)
    assert [None, TWICE, TWICE, None] == [fire.note for fire in found]
    assert "2027-10-31T01:30:00+01:00" == found[2].local.isoformat()


def test_from_the_second_of_two() -> None:
    """Whoever asks while the clocks show an hour again hears of what comes after it."""
    assert ["2027-10-31T02:00"] == times(first(1, "2027-10-31T01:10", schedule(cron="*/30 * * * *", timezone=LONDON)))


def test_both_at_once() -> None:
    """On the last Sundays of March and October London's clocks change: what was skipped is said with the next fire."""
    [fire] = first(1, "2027-01-01T00:00", schedule(cron="30 1 * 3,10 L0", timezone=LONDON))
    assert ["2027-10-31T00:30"] == times([fire])
    assert f"2027-03-28 01:30 does not exist: skipped; {TWICE}" == fire.note


def test_the_moment_itself_counts() -> None:
    """A fire at the very moment is one of those from that moment on; one a second before is not."""
    daily = schedule(cron="0 9 * * *")
    assert ["2027-01-01T09:00"] == times(first(1, "2027-01-01T09:00", daily))
    assert ["2027-01-02T09:00"] == times(first(1, "2027-01-01T09:00:01", daily))


def test_common_days_fire_once() -> None:
    """Friday the 13th is one of the Fridays and one of the 13ths: two expressions, one fire."""
    friday = schedule(cron="0 9 13 * FRI")
    assert 2 == len(friday.expressions)
    expected = ["2026-11-13T09:00", "2026-11-20T09:00", "2026-11-27T09:00", "2026-12-04T09:00"]
    assert expected == times(first(4, "2026-11-13T00:00", friday))


def test_start_and_end() -> None:
    """Both are local times of the zone, and belong to it."""
    summer = schedule(cron="0 9 * * *", timezone=LONDON, start="2027-06-01T09:00", end="2027-06-03T09:00")
    expected = ["2027-06-01T08:00", "2027-06-02T08:00", "2027-06-03T08:00"]
    assert expected == times(first(9, "2027-01-01T00:00", summer))
    assert expected[2:] == times(first(9, "2027-06-02T12:00", summer))
    assert [] == first(9, "2027-07-01T00:00", summer)


def test_a_rate_counts_from_its_start() -> None:
    """And a day is 24 hours, also when the clocks change (user guide)."""
    daily = schedule(rate="1 day", timezone=LONDON, start="2027-03-27T09:00")
    found = first(2, "2027-03-27T09:00:01", daily)
    assert ["2027-03-28T09:00", "2027-03-29T09:00"] == times(found)
    assert ["2027-03-28T10:00:00+01:00", "2027-03-29T10:00:00+01:00"] == [fire.local.isoformat() for fire in found]
    assert ["2027-03-27T09:00"] == times(first(1, "2020-01-01T00:00", daily))
    assert ["2027-03-28T09:00"] == times(first(1, "2027-03-28T09:00", daily))


def test_a_rate_without_a_start() -> None:
    """AWS counts from its creation; nothing here knows when that was, and the first fire says so."""
    found = first(3, "2027-01-01T00:10", schedule(rate="90 minutes", end="2027-01-01T03:00"))
    assert ["2027-01-01T00:10", "2027-01-01T01:40"] == times(found)
    assert [HERE, None] == [fire.note for fire in found]


def test_a_rate_ends_with_the_years() -> None:
    """No date is beyond the years that AWS knows."""
    assert ["2199-12-31T12:00"] == times(first(9, "2199-12-31T12:00", schedule(rate="1 day")))


@pytest.mark.parametrize(
    ("at", "expected", "note"),
    [
        ("2027-07-01T09:00:30", "2027-07-01T08:00", None),
        ("2027-10-31T01:30", "2027-10-31T00:30", TWICE),
    ],
)
def test_one_moment(at: str, expected: str, note: str | None) -> None:
    """An at fires once, to the second, and is then over."""
    once = schedule(at=at, timezone=LONDON)
    found = first(9, "2027-01-01T00:00", once)
    assert ([expected], [note]) == (times(found), [fire.note for fire in found])
    assert [once.at] == [fire.local.replace(tzinfo=None) for fire in found]
    assert [] == first(9, "2027-11-01T00:00", once)


def test_several_schedules_are_merged() -> None:
    """In order of time, each with the local time of its own zone."""
    morning = schedule(cron="0 9 * * *", timezone=LONDON)
    tokyo = schedule(cron="0 9 * * *", timezone="Asia/Tokyo")
    found = first(3, "2027-01-01T00:00", morning, tokyo, schedule(at="2027-01-01T20:00"))
    assert ["2027-01-01T00:00", "2027-01-01T09:00", "2027-01-01T20:00"] == times(found)
    expected = ["2027-01-01T09:00:00+09:00", "2027-01-01T09:00:00+00:00", "2027-01-01T20:00:00+00:00"]
    assert expected == [fire.local.isoformat() for fire in found]


def test_one_moment_of_several_schedules() -> None:
    """What they have in common is one fire, with the notes of both: a run is known by its scheduled time."""
    daily, rate = schedule(cron="0 0 * * *", timezone=LONDON), schedule(rate="1 day")
    found = first(2, "2027-10-31T00:00", schedule(cron="0 1 * * *", timezone=LONDON), rate, daily)
    assert ["2027-10-31T00:00", "2027-11-01T00:00"] == times(found)
    assert [f"{TWICE}; {HERE}", None] == [fire.note for fire in found]


def test_nothing_at_all() -> None:
    """A job without schedules has no fires."""
    assert [] == first(1, "2027-01-01T00:00")


# -- oddities ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"cron": "30 1 * * *", "timezone": LONDON},
            ["2027-03-28 01:30 does not exist: skipped", f"2027-10-31 01:30 {TWICE}"],
        ),
        (
            {"cron": "*/20 * * * *", "timezone": LONDON},
            [
                "2027-03-28 01:00 to 01:40 do not exist: 3 skipped",
                "2027-10-31 01:00 to 01:40 occur twice: 3 fire once, the first",
            ],
        ),
        (
            {"cron": "0 2 * * *", "timezone": "Australia/Lord_Howe"},
            ["2027-10-03 02:00 does not exist: skipped"],
        ),
        ({"cron": "30 2 * * *", "timezone": LONDON}, []),
        ({"cron": "30 1 * * *", "timezone": "Asia/Kolkata"}, []),
        ({"cron": "30 1 * * MON", "timezone": LONDON}, []),
        ({"rate": "1 hour", "timezone": LONDON}, []),
        ({"at": "2027-10-31T01:30", "timezone": LONDON}, [f"2027-10-31 01:30 {TWICE}"]),
        ({"at": "2027-07-01T09:00", "timezone": LONDON}, []),
        ({"cron": "30 1 * * *", "timezone": LONDON, "start": "2027-06-01T00:00"}, [f"2027-10-31 01:30 {TWICE}"]),
        (
            {"cron": "30 1 * * *", "timezone": LONDON, "end": "2027-06-01T00:00"},
            ["2027-03-28 01:30 does not exist: skipped"],
        ),
        ({"cron": "*/20 1 31 10 *", "timezone": LONDON, "start": "2027-10-31T01:40"}, [f"2027-10-31 01:40 {TWICE}"]),
    ],
)
def test_oddities(fields: dict[str, str], expected: list[str]) -> None:
    """What the clocks do to a schedule within a year, between its start and its end, by name."""
    since = utc("2027-01-01T00:00")
    assert expected == [str(one) for one in oddities(schedule(**fields), since, since + timedelta(days=365))]


def test_an_oddity_of_a_whole_day() -> None:
    """Samoa left out 30 December 2011."""
    since = utc("2011-12-01T00:00")
    found = [*oddities(schedule(cron="0 */12 * * *", timezone="Pacific/Apia"), since, since + timedelta(days=60))]
    assert ["2011-12-30 00:00 to 12:00 do not exist: 2 skipped"] == [str(one) for one in found]


def test_an_oddity_of_two_days() -> None:
    """Newfoundland put its clocks back over midnight until 2011: from 00:01 to 23:01 of the day before."""
    since = utc("2010-10-01T00:00")
    found = [*oddities(schedule(cron="*/30 * * * *", timezone="America/St_Johns"), since, since + timedelta(days=60))]
    assert ["2010-11-06 23:30 to 2010-11-07 00:00 occur twice: 2 fire once, the first"] == [str(one) for one in found]
