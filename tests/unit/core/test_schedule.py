"""Schedules: cron, rate, one moment; time zones."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from jobrunner.core.schedule import Schedule, parse_local_time, parse_rate


@pytest.mark.parametrize(
    ("written", "minutes"), [("15 minutes", 15), ("1 hour", 60), ("2 days", 2880), ("90m", 90), (5, 5)]
)
def test_rates(written: object, minutes: int) -> None:
    """A rate is a number of minutes."""
    assert minutes == parse_rate(written)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("15", "'15' is not a rate: the unit is missing; write for instance 15 minutes"),
        ("often", "'often' is not a rate; write for instance 15 minutes, 1 hour or 2 days"),
        ("30s", "a rate is a whole number of minutes from one minute to 366 days, not '30s'"),
        ("0m", "a rate is a whole number of minutes from one minute to 366 days, not '0m'"),
        ("400 days", "a rate is a whole number of minutes from one minute to 366 days, not '400 days'"),
        (True, "True is not a rate: the unit is missing; write for instance 15 minutes"),
    ],
)
def test_rates_refused(written: object, message: str) -> None:
    """AWS knows no finer rate than a minute."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_rate(written)


@pytest.mark.parametrize(
    "written", ["2026-12-01T09:00", "2026-12-01 09:00:00", datetime.fromisoformat("2026-12-01T09:00")]
)  # local
def test_local_times(written: object) -> None:
    """A local time is read without a zone, with or without seconds."""
    assert "2026-12-01T09:00:00" == parse_local_time(written).isoformat()


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("2026-12-01T09:00Z", "'2026-12-01T09:00Z' carries an offset; write the local time and set timezone"),
        ("2026-12-01T09:00+01:00", "'2026-12-01T09:00+01:00' carries an offset; write the local time and set timezone"),
        ("tomorrow", "'tomorrow' is not a local time; write for instance 2026-12-01T09:00"),
        ("2026-12-01", "'2026-12-01' is not a local time; write for instance 2026-12-01T09:00"),
        (5, "5 is not a local time; write for instance 2026-12-01T09:00"),
        ("0001-01-01T00:00", "'0001-01-01T00:00' is out of range: the years 1970 to 2199"),
        (
            datetime(2026, 12, 1, tzinfo=UTC),
            "'2026-12-01T00:00:00+00:00' carries an offset; write the local time and set timezone",
        ),
    ],
)
def test_local_times_refused(written: object, message: str) -> None:
    """An offset is not ignored."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_local_time(written)


def test_impossible_dates() -> None:
    """The calendar is checked."""
    with pytest.raises(ValueError, match=r"^'2026-02-30T09:00' is not a time: day "):
        parse_local_time("2026-02-30T09:00")


def _message(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Schedule(**fields)
    (error,) = caught.value.errors()
    return str(error["ctx"]["error"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "a schedule has exactly one of cron, rate and at; found none of them"),
        ({"cron": "@daily", "rate": "1h"}, "a schedule has exactly one of cron, rate and at; found cron and rate"),
        (
            {"cron": "@daily", "start": "2027-01-01T00:00", "end": "2027-01-01T00:00"},
            "a schedule's start must be before its end",
        ),
        (
            {"at": "2027-01-01T00:00", "end": "2028-01-01T00:00"},
            "start and end make no sense with at, which is one moment",
        ),
        (
            {"at": "2026-03-29T01:30", "timezone": "Europe/London"},
            "2026-03-29T01:30:00 does not exist in Europe/London: the clocks skip it, and so would AWS",
        ),
        (
            {"cron": "@daily", "timezone": "Europe/London", "start": "2027-03-28T01:30"},
            "2027-03-28T01:30:00 does not exist in Europe/London: the clocks skip it, and so would AWS",
        ),
        (
            {"cron": "@daily", "timezone": "Europe/London", "end": "2027-03-28T01:30"},
            "2027-03-28T01:30:00 does not exist in Europe/London: the clocks skip it, and so would AWS",
        ),
        (
            {"cron": "0 0 1W * *"},
            (
                "'1W' is at the edge of a month of cron '0 0 1W * *', where crons read it differently and AWS does not "
                "say how it does; write 2W to 27W, or a day without W"
            ),
        ),
        (
            {"cron": "@daily", "timezone": "Europe/Londn"},
            "'Europe/Londn' is not a time zone; did you mean 'Europe/London'?",
        ),
        (
            {"cron": "@daily", "timezone": "posix/UTC"},
            "'posix/UTC' is not a time zone; write an IANA name such as Europe/London",
        ),
        ({"cron": "@daily", "timezone": "../x"}, "'../x' is not a time zone; write an IANA name such as Europe/London"),
        (
            {"cron": "@daily", "timezone": "x" * 51},
            f"{'x' * 51!r} is not a time zone; write an IANA name such as Europe/London",
        ),
    ],
)
def test_schedules_refused(fields: dict[str, str], message: str) -> None:
    """What makes no sense together is refused, and so is a moment that the clocks skip."""
    assert message == _message(**fields)


def test_schedules() -> None:
    """A schedule keeps its cron as text, its rate in minutes and its moment as local time; UTC is the default zone."""
    daily = Schedule(cron="@daily", timezone="Europe/London", start="2027-01-01T00:00", end="2028-01-01T00:00")  # type: ignore[arg-type]
    once = Schedule(at="2026-12-01T09:00", timezone="Europe/London")  # type: ignore[arg-type]
    assert ("0 0 * * *", "Europe/London") == (daily.cron, daily.timezone)
    assert timedelta(days=365) == daily.end - daily.start  # type: ignore[operator]
    assert once.at == Schedule(at=once.at).at
    assert "UTC" == Schedule(at=once.at).timezone == Schedule(at=once.at, timezone="UTC").timezone


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"cron": "@daily"}, ["cron(0 0 * * ? *)"]),
        ({"cron": "30 2 13 * FRI"}, ["cron(30 2 13 * ? *)", "cron(30 2 ? * FRI *)"]),
        ({"rate": "1 minute"}, ["rate(1 minute)"]),
        ({"rate": "90 minutes"}, ["rate(90 minutes)"]),
        ({"rate": "1h"}, ["rate(1 hour)"]),
        ({"rate": "36 hours"}, ["rate(36 hours)"]),
        ({"rate": "24h"}, ["rate(1 day)"]),
        ({"rate": "2880m"}, ["rate(2 days)"]),
        ({"at": "2026-12-01T09:00"}, ["at(2026-12-01T09:00:00)"]),
        ({"at": "2026-12-01 09:00:30", "timezone": "Asia/Tokyo"}, ["at(2026-12-01T09:00:30)"]),
    ],
)
def test_expressions(fields: dict[str, str], expected: list[str]) -> None:
    """What AWS is asked for, in the schedule's zone; a rate in its largest unit, which is singular when it is one."""
    schedule = Schedule(**fields)  # type: ignore[arg-type]
    assert tuple(expected) == schedule.expressions
    assert [text for text in expected if text.startswith("cron(")] == [cron.text for cron in schedule.aws_crons]


def test_start_and_end_are_moments() -> None:
    """Local times of the zone; of two moments that look the same, the first."""
    schedule = Schedule(cron="@daily", timezone="Europe/London", start="2027-07-01T00:00", end="2027-10-31T01:30")  # type: ignore[arg-type]
    expected = [datetime(2027, 6, 30, 23, tzinfo=UTC), datetime(2027, 10, 31, 0, 30, tzinfo=UTC)]
    assert expected == [schedule.starts_at, schedule.ends_at]
    daily = Schedule(cron="@daily")
    assert (None, None, UTC) == (daily.starts_at, daily.ends_at, daily.zone)
