"""When schedules fire, by the rules of EventBridge Scheduler."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduling import schedule

from jobrunner.local import schedule_expression
from jobrunner.local.schedule_checks import created, updated
from jobrunner.local.schedule_expression import BEGINNING, Cron, Rate
from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from jobrunner.local.schedule_store import Schedule

NOW = dt.datetime(2026, 11, 23, 12, 0, 7, 500_000, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def made(expression: str, **members: Any) -> Schedule:
    """A schedule that is created now."""
    return created(schedule("s", ScheduleExpression=expression, **members), region="us-east-1", now=NOW)


def seconds(moment: dt.datetime) -> float:
    """A date as the protocol carries it."""
    return moment.timestamp()


@pytest.mark.parametrize(
    ("local", "zone", "utc"),
    [
        ("2026-12-01T09:00:00", "UTC", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01T09:00:00", "Asia/Kathmandu", "2026-12-01T03:15:00+00:00"),
        ("2026-07-01T09:00:00", "Europe/London", "2026-07-01T08:00:00+00:00"),
        ("2026-10-25T01:30:00", "Europe/London", "2026-10-25T00:30:00+00:00"),  # comes twice: the first
        ("2026-03-29T01:30:00", "Europe/London", None),  # does not come
        ("2026-03-29T02:00:00", "Europe/London", "2026-03-29T01:00:00+00:00"),
    ],
)
def test_a_local_time_is_one_moment(local: str, zone: str, utc: str | None) -> None:
    """User guide, "Daylight savings time": what does not exist is skipped, what comes twice fires once."""
    one = made(f"at({local})", ScheduleExpressionTimezone=zone)
    expected = None if utc is None else dt.datetime.fromisoformat(utc)
    assert expected == one.next_fire(BEGINNING)
    if expected is not None:
        assert expected == one.next_fire(expected - dt.timedelta(microseconds=1))
        assert None is one.next_fire(expected)


def test_a_rate_counts_from_its_creation() -> None:
    """At once, and then after every period; a fire that was missed is not made up for."""
    one = made("rate(5 minutes)")
    assert NOW == one.next_fire(BEGINNING)
    assert NOW + 5 * MINUTE == one.next_fire(NOW)
    assert NOW + 5 * MINUTE == one.next_fire(NOW + 4 * MINUTE)
    assert NOW + 60 * MINUTE == one.next_fire(NOW + 57 * MINUTE)


def test_a_rate_keeps_between_its_dates() -> None:
    """The first fire is at the start, the last one not after the end."""
    start, end = NOW + 60 * MINUTE, NOW + 180 * MINUTE
    one = made("rate(1 hour)", StartDate=seconds(start), EndDate=seconds(end))
    assert start == one.next_fire(BEGINNING)
    assert end == one.next_fire(NOW + 120 * MINUTE)
    assert None is one.next_fire(end)


def test_a_start_that_has_just_passed_does_not_fire_twice() -> None:
    """Up to five minutes ago is accepted; the rate then counts from its creation."""
    one = made("rate(1 hour)", StartDate=seconds(NOW - 2 * MINUTE))
    assert (NOW, NOW + 60 * MINUTE) == (one.next_fire(BEGINNING), one.next_fire(NOW))


def test_a_day_has_24_hours() -> None:
    """User guide: a rate of days is 24 hours also when the clocks change."""
    one = made("rate(1 day)", ScheduleExpressionTimezone="Europe/London")
    assert NOW + dt.timedelta(hours=24) == one.next_fire(NOW)


def test_an_update_that_changes_no_time_goes_on() -> None:
    """A rate counts on from where it began; with another period it begins anew."""
    old = made("rate(1 hour)")
    later = NOW + 10 * MINUTE
    described = created(schedule("s", ScheduleExpression="rate(1 hour)", Description="d"), region="r", now=later)
    faster = created(schedule("s", ScheduleExpression="rate(2 minutes)"), region="r", now=later)
    assert (NOW, later) == (updated(old, described).since, updated(old, faster).since)
    assert (NOW, later) == (updated(old, described).created_at, updated(old, described).modified_at)


@given(
    period=st.integers(1, 10_000),
    unit=st.sampled_from([("minute", MINUTE), ("hour", 60 * MINUTE), ("day", 1440 * MINUTE)]),
    passed=st.timedeltas(dt.timedelta(0), dt.timedelta(days=5000)),
)
def test_a_rate_fires_on_its_grid(period: int, unit: tuple[str, dt.timedelta], passed: dt.timedelta) -> None:
    """The next fire is a whole number of periods after the beginning, later than asked for, and the first of those."""
    one = made(f"rate({period} {unit[0]}{'s' * (period > 1)})")
    moment = one.next_fire(NOW + passed)
    assert moment is not None
    assert dt.timedelta(0) == (moment - NOW) % (period * unit[1])
    assert dt.timedelta(0) < moment - NOW - passed <= period * unit[1]


def test_a_rate_beyond_the_calendar_does_not_come() -> None:
    """A number that is too large for a date is no error of the endpoint."""
    rate = schedule_expression.parse("rate(999999999 days)")
    assert isinstance(rate, Rate)
    assert None is made("rate(999999999 days)").next_fire(NOW)


@pytest.mark.parametrize(
    "fields",
    [
        "0 2 * * ? *", "30 2 ? * MON-FRI *", "0/15 * * * ? *", "0-30/10 8-17 * * ? *", "*/5 20-2 ? * 2,4,6 *",
        "0 0 L * ? *", "0 0 15W * ? *", "0 0 ? * L *", "0 0 ? * 6L *", "0 0 ? * FRIL *", "0 0 ? JAN,jul 6#3 *",
        "0 0 1,15 1-6 ? 2026-2030", "0 0 1/2 * ? 2026/2", "5 5 ? 12 sun 2199",
    ],
)  # fmt: skip
def test_what_aws_s_cron_means_is_accepted(fields: str) -> None:
    """The table of the user guide, names in either case."""
    parsed = schedule_expression.parse(f"cron({fields})")
    assert isinstance(parsed, Cron)
    assert f"cron({fields})" == parsed.cron.text


@pytest.mark.parametrize(
    "fields",
    [
        "", "banana", "0 2 * * ?", "0 2 * * ? * *", "0 2 * * * *", "0 2 1 * 2 *", "0 2 ? * ? *", "60 2 * * ? *",
        "0 24 * * ? *", "0 2 0 * ? *", "0 2 32 * ? *", "0 2 * 13 ? *", "0 2 * JANUARY ? *", "0 2 ? * 0 *",
        "0 2 ? * 8 *", "0 2 ? * MON/2 *", "0 2 ? * 3#6 *", "0 2 ? * 3#1,6#3 *", "0 2 ? * XYZL *", "0 2 32W * ? *",
        "0 2 LW * ? *", "50-10 2 * * ? *", "0 2 ? * SAT-MON *", "0/0 2 * * ? *", "0/60 2 * * ? *", "0 2 * * ? 1969",
        "0 2 * * ? 2200", "0,,5 2 * * ? *", "? 2 * * ? *", "0 2 * * ? ?", "-5 2 * * ? *", "0 H * * ? *",
    ],
)  # fmt: skip
def test_what_aws_s_cron_does_not_mean_is_refused(fields: str) -> None:
    """And what the guide does not explain, as a range over the end of anything but hours."""
    with pytest.raises(ApiError, match="Invalid Schedule Expression"):
        schedule_expression.parse(f"cron({fields})")


def fires(one: Schedule, count: int) -> list[str]:
    """The first times at which a schedule fires, in UTC."""
    found, after = [], BEGINNING
    while len(found) < count and (moment := one.next_fire(after)) is not None:
        found.append(f"{moment:%m-%dT%H:%M:%S}")
        after = moment
    return found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("0 2 * * ? *", ["11-24T02:00:00", "11-25T02:00:00"]),
        ("0/20 12 * * ? *", ["11-23T12:20:00", "11-23T12:40:00", "11-24T12:00:00"]),  # 12:00 passed when it was made
        ("0 9 ? * 2 *", ["11-30T09:00:00", "12-07T09:00:00"]),  # 2 is Monday, and 9:00 of this one passed
        ("0 0 L * ? *", ["11-30T00:00:00", "12-31T00:00:00"]),
        ("0 0 ? * FRI#1 *", ["12-04T00:00:00", "01-01T00:00:00"]),
        ("59 23 31 12 ? 2026", ["12-31T23:59:00"]),
    ],
)
def test_a_cron_fires_from_its_creation_on(fields: str, expected: list[str]) -> None:
    """The days and times of the user guide's table, none of them before it was made; then no more, if it has years."""
    one = made(f"cron({fields})")
    assert expected == fires(one, len(expected))
    if "2026" in fields:
        assert expected == fires(one, 99)


@pytest.mark.parametrize(
    ("fields", "start", "expected"),
    [
        # 2027-03-28 01:00 to 01:59 do not exist in London, and 2026-10-25 01:00 to 01:59 occur twice.
        ("30 1 * * ? *", "2027-03-27T01:30:00+00:00", ["03-27T01:30:00", "03-29T00:30:00"]),
        ("0/30 0-2 * * ? *", "2027-03-28T00:30:00+00:00", ["03-28T00:30:00", "03-28T01:00:00", "03-28T01:30:00"]),
        ("0/30 * * * ? *", "2027-10-31T00:30:00+00:00", ["10-31T00:30:00", "10-31T02:00:00", "10-31T02:30:00"]),
        ("30 1 * * ? *", "2027-10-31T00:31:00+00:00", ["11-01T01:30:00"]),  # its first 1:30 has passed
        ("30 1 * * ? *", "2027-10-31T01:00:00+00:00", ["11-01T01:30:00"]),  # the second one does not count
    ],
)
def test_cron_is_local_time(fields: str, start: str, expected: list[str]) -> None:
    """User guide, "Daylight savings time": what does not exist is skipped, what comes twice fires once, the first."""
    since = seconds(dt.datetime.fromisoformat(start))
    one = made(f"cron({fields})", ScheduleExpressionTimezone="Europe/London", StartDate=since)
    assert expected == fires(one, len(expected))


def test_a_cron_keeps_between_its_dates() -> None:
    """A time that is the start, or the end, is still one; a date after the calendar of cron has none."""
    start, end = dt.datetime(2026, 12, 1, 2, tzinfo=dt.UTC), dt.datetime(2026, 12, 3, 2, tzinfo=dt.UTC)
    one = made("cron(0 2 * * ? *)", StartDate=seconds(start), EndDate=seconds(end))
    assert ["12-01T02:00:00", "12-02T02:00:00", "12-03T02:00:00"] == fires(one, 9)
    late = dt.datetime(9999, 12, 31, 23, tzinfo=dt.UTC)
    zone = "Pacific/Kiritimati"
    assert [] == fires(made("cron(0 2 * * ? *)", StartDate=seconds(late), ScheduleExpressionTimezone=zone), 1)
    assert [] == fires(made("cron(0 2 31 2 ? *)"), 1)


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    zone=st.sampled_from(["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    passed=st.timedeltas(dt.timedelta(0), dt.timedelta(days=5000)),
)
def test_the_next_fire_of_a_cron_has_its_local_time(minute: int, hour: int, zone: str, passed: dt.timedelta) -> None:
    """It is later than asked for, shows the time on the wall, and is at most one skipped day away."""
    one = made(f"cron({minute} {hour} * * ? *)", ScheduleExpressionTimezone=zone)
    moment = one.next_fire(NOW + passed)
    assert moment is not None
    local = moment.astimezone(one.zone)
    assert (hour, minute, 0) == (local.hour, local.minute, local.fold)
    assert dt.timedelta(0) < moment - NOW - passed <= dt.timedelta(hours=49)


@pytest.mark.parametrize("expression", ["at(1969-12-31T23:59:59)", "at(2200-01-01T00:00:00)", "cron(0 2 * * ? *", ""])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    """Also a moment that no schedule can mean."""
    with pytest.raises(ApiError, match="Invalid Schedule Expression"):
        schedule_expression.parse(expression)


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "America/Argentina/Buenos_Aires", "Etc/GMT+3"])
def test_iana_names_are_time_zones(zone: str) -> None:
    """With the name that was written."""
    assert zone == schedule_expression.parse_zone(zone).key


@pytest.mark.parametrize(
    "zone", ["", "Mars/Olympus", "+01:00", "right/UTC", "posix/UTC", "localtime", "/etc/localtime", "Europe", "\0"]
)
def test_other_names_are_not(zone: str) -> None:
    """This machine's own files are not AWS's names."""
    with pytest.raises(ApiError, match="not an IANA time zone"):
        schedule_expression.parse_zone(zone)
