"""When a schedule fires, read from AWS's request: as the job's file says, and counted as if one walked through it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobrunner.core.fires import fires
from jobrunner.core.plan_times import Times, count_together, moment_of, moved, times_of
from jobrunner.core.schedule import Schedule

NOW = datetime(2026, 11, 24, 9, 37, 9, 5, tzinfo=UTC)
MONTH = timedelta(days=30)
ZONES = ["UTC", "Europe/London", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"]
CRONS = ["30 2 * * *", "*/5 * * * *", "30 1 * * *", "0 9 1 * *", "15 0-3 * * SUN", "0 0 29 2 *", "59 23 31 * *"]


def schedule(**fields: Any) -> Schedule:
    """A schedule, from text as in a document."""
    return Schedule(**fields)


def times(entry: Schedule) -> Times:
    """The times of its first expression, by way of the request."""
    dates = {"StartDate": entry.starts_at, "EndDate": entry.ends_at}
    known = {key: f"{moment:%Y-%m-%dT%H:%M:%SZ}" for key, moment in dates.items() if moment is not None}
    zone = {} if entry.timezone == "UTC" else {"ScheduleExpressionTimezone": entry.timezone}
    found = times_of({"ScheduleExpression": entry.expressions[0], **zone, **known})
    assert found is not None
    return found


def local(moment: datetime) -> datetime:
    """A local time for `start` and `end` of a schedule in UTC."""
    return moment.replace(tzinfo=None, microsecond=0)


@st.composite
def entries(draw: st.DrawFn) -> Schedule:
    """Schedules of one expression, some with a start or an end near `NOW`, some near a change of the clocks."""
    kind = draw(st.sampled_from(["cron", "rate", "at"]))
    if kind == "at":
        zone, at = draw(st.sampled_from(ZONES)), draw(st.integers(0, 24 * 60))
        return schedule(at=datetime(2026, 12, 5) + timedelta(minutes=at), timezone=zone)  # noqa: DTZ001  local
    when = {"cron": draw(st.sampled_from(CRONS))} if kind == "cron" else {"rate": draw(st.integers(1, 5000))}
    start = draw(st.none() | st.integers(-60 * 24 * 60, 40 * 24 * 60))
    if start is None:
        return schedule(**when, timezone=draw(st.sampled_from(ZONES)))
    begins = local(NOW) + timedelta(minutes=start)
    ends = draw(st.none() | st.integers(1, 60 * 24 * 60).map(lambda minutes: begins + timedelta(minutes=minutes)))
    return schedule(**when, start=begins, end=ends)


@settings(max_examples=200)
@given(entry=entries(), shift=st.integers(0, 366 * 24 * 60), length=st.integers(0, 40 * 24 * 60))
def test_as_the_file_says(entry: Schedule, shift: int, length: int) -> None:
    """The same fires as `core.fires`, and as many in any span of time, whatever the clocks do in it."""
    since = NOW + timedelta(minutes=shift)
    until = since + timedelta(minutes=length)
    expected = [fire.utc for fire in takewhile(lambda fire: fire.utc < until, fires([entry], since))]
    found = times(entry)
    assert expected == list(takewhile(until.__gt__, found.fires(since)))
    assert len(expected) == found.count(since, until)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2027-03-27T00:00", "2027-03-30T00:00", 2),  # skipped on the 28th
        ("2027-10-30T00:00", "2027-11-02T00:00", 3),  # twice on the 31st, once
        ("2027-10-31T01:00", "2027-10-31T02:00", 0),  # the second 01:30
        ("2027-10-31T00:30", "2027-10-31T00:30", 0),
        ("2027-10-31T00:30", "2027-10-31T00:31", 1),
    ],
)
def test_counted_where_the_clocks_change(since: str, until: str, expected: int) -> None:
    """User guide: what is skipped never comes, and what occurs twice fires once."""
    daily = times(schedule(cron="30 1 * * *", timezone="Europe/London"))
    one, other = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (since, until))
    assert expected == daily.count(one, other)


def test_a_minute_of_every_minute_of_a_month() -> None:
    """43,200 fires are counted in one go, and 44,640 with a change of the clocks among them."""
    every = times(schedule(cron="* * * * *", timezone="Europe/London"))
    assert 43_200 == every.count(NOW, NOW + MONTH)
    march = datetime(2027, 3, 1, tzinfo=UTC)
    assert 31 * 24 * 60 == every.count(march, march + timedelta(days=31))
    october = datetime(2027, 10, 1, tzinfo=UTC)
    # The hour that is shown again passes without a fire.
    assert 31 * 24 * 60 - 60 == every.count(october, october + timedelta(days=31))


def test_an_end_counts() -> None:
    """A fire at the very end is one; nothing comes after it."""
    hourly = times(schedule(cron="0 * * * *", end=datetime(2026, 11, 24, 12)))  # noqa: DTZ001  local
    assert 3 == hourly.count(NOW, NOW + MONTH)
    assert [10, 11, 12] == [fire.hour for fire in hourly.fires(NOW)]
    rated = times(schedule(rate=60, start=datetime(2026, 11, 24), end=datetime(2026, 11, 24, 12)))  # noqa: DTZ001
    assert 3 == rated.count(NOW, NOW + MONTH)
    assert 0 == rated.count(NOW + timedelta(days=1), NOW + MONTH)


def test_together() -> None:
    """For one moment a job has one run, whichever of its schedules fires."""
    hourly, daily = times(schedule(cron="0 * * * *")), times(schedule(cron="0 9 * * *"))
    odd = times(schedule(cron="30 9 * * *"))
    assert [720, 30, 720, 750] == [
        count_together(group, NOW, NOW + MONTH) for group in ((hourly,), (daily,), (hourly, daily), (hourly, odd))
    ]


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("banana", "UTC"),
        ("cron(0 2 * * * *)", "UTC"),
        ("rate(0 minutes)", "UTC"),
        ("rate(5 fortnights)", "UTC"),
        ("at(2026-12-01)", "UTC"),
        ("at(2026-13-01T00:00:00)", "UTC"),
        ("rate(5 minutes)", "Middle/Earth"),
        ("rate(5 minutes)", "../etc/passwd"),
    ],
)
def test_what_cannot_be_read(expression: str, zone: str) -> None:
    """What somebody has made by hand and nobody understands is unknown."""
    assert times_of({"ScheduleExpression": expression, "ScheduleExpressionTimezone": zone}) is None


def test_a_rate_to_the_end_of_time() -> None:
    """AWS knows the years to 2199."""
    rate = times(schedule(rate=24 * 60))
    assert [30, 31] == [fire.day for fire in islice(rate.fires(datetime(2199, 12, 30, tzinfo=UTC)), 5)]


def test_the_same_rhythm() -> None:
    """The next moment that is a whole number of periods away; a start that is to come is the first itself."""
    start, period = datetime(2026, 1, 1, 0, 7, tzinfo=UTC), timedelta(minutes=15)
    assert datetime(2026, 11, 24, 9, 52, tzinfo=UTC) == moved(NOW, start, period)
    assert NOW + period == moved(NOW, NOW + period, period)
    assert datetime(2026, 11, 24, 9, 52, tzinfo=UTC) == moved(datetime(2026, 11, 24, 9, 52, tzinfo=UTC), start, period)


def test_dates_of_requests() -> None:
    """ISO 8601 in UTC; none is none."""
    assert [None, datetime(2026, 11, 24, 2, 30, tzinfo=UTC)] == [moment_of(None), moment_of("2026-11-24T02:30:00Z")]
