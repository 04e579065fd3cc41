"""What AWS is sent fires at exactly the minutes of the Unix expression: over years, minute by minute, in any zone."""

from __future__ import annotations

import heapq
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
import unix_cron
from croniter import croniter
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from jobrunner.core.aws_cron import AwsCron, may_coincide
from jobrunner.core.cron import parse_cron
from jobrunner.core.cron_conversion import aws_crons
from jobrunner.core.fires import fires
from jobrunner.core.schedule import Schedule

#: Six years, of which 2024 and 2028 are leap years.
FIRST, AFTER = date(2023, 1, 1), date(2029, 1, 1)
YEARS = range(FIRST.year, AFTER.year)
DAYS = [FIRST + timedelta(days=number) for number in range((AFTER - FIRST).days)]
MINUTE = timedelta(minutes=1)
#: Of both hemispheres; half an hour, a quarter, and none of daylight saving time; negative daylight saving time.
ZONES = (
    "UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo",
    "Pacific/Chatham", "Europe/Dublin", "Africa/Casablanca", "America/St_Johns",
)  # fmt: skip
#: Why an expression that croniter takes may be refused; test_cron.py has the whole sentences.
REFUSALS = ("some crons", "different crons", "crons read", "never fires", "cannot stand beside")


def converted(text: str) -> tuple[AwsCron, ...]:
    """The expressions for AWS; one that is refused for a known reason is no example."""
    try:
        return aws_crons(parse_cron(text))
    except ValueError as error:
        if any(reason in str(error) for reason in REFUSALS):
            reject()
        raise


def days_of(cron: AwsCron) -> list[date]:
    """The days of the six years on which it fires."""
    return [date(year, month, day) for year in YEARS for month in range(1, 13) for day in cron.days_in(year, month)]


def times_of(cron: AwsCron) -> set[time]:
    """The minutes of such a day."""
    return {time(hour, minute) for hour in cron.hours for minute in cron.minutes}


def starts() -> st.SearchStrategy[datetime]:
    """Any local time of the first years."""
    dates = st.dates(date(2022, 12, 1), date(2025, 1, 1))
    return st.builds(datetime.combine, dates, st.times())


@given(unix_cron.crons())
def test_every_minute_of_six_years(text: str) -> None:
    """AWS's expressions together fire at the minutes of cron's manual and at no other, and say so if two may coincide.

    Every expression is the same set of minutes on each of its days: so the minutes of a day are compared, and the days.
    """
    crons = converted(text)
    due = Counter(day for cron in crons for day in days_of(cron))
    assert [unix_cron.times(text)] * len(crons) == [times_of(cron) for cron in crons]
    assert [day for day in DAYS if unix_cron.day_matches(text, day)] == sorted(due)
    assert may_coincide(crons) or due.total() == len(due)


@given(unix_cron.crons(), starts())
def test_one_after_the_other(text: str, start: datetime) -> None:
    """The local times come in order, from any time on, none left out."""
    crons = converted(text)
    expected = (local for local in unix_cron.local_times(text, start.date(), AFTER) if local >= start)
    found = dict.fromkeys(heapq.merge(*(islice(cron.local_times(start), 200) for cron in crons)))
    assert list(islice(expected, 100)) == [local for local in islice(found, 100) if local.date() < AFTER]


@given(unix_cron.crons(), starts())
def test_croniter_agrees(text: str, start: datetime) -> None:
    """A reader of Unix cron that somebody else wrote fires at the same times."""
    crons = converted(text)
    start = start.replace(second=0, microsecond=0)
    found = dict.fromkeys(heapq.merge(*(islice(cron.local_times(start), 40) for cron in crons)))
    theirs = croniter(text, start - MINUTE)
    assert [theirs.get_next(datetime) for _ in range(20)] == list(found)[:20]


# -- in time zones -----------------------------------------------------------------------------------------------


def shown(zone: ZoneInfo, first: datetime, after: datetime) -> list[tuple[datetime, datetime]]:
    """Every minute of UTC, with what the clocks of a zone show then, without what they show for the second time."""
    minutes = [first + number * MINUTE for number in range((after - first) // MINUTE)]
    local = [(utc, utc.astimezone(zone)) for utc in minutes]
    return [(utc, one.replace(tzinfo=None)) for utc, one in local if one.fold == 0]


@cache
def around_changes(name: str) -> list[list[tuple[datetime, datetime]]]:
    """Every minute of two days around each change of a zone's clocks in six years; of two days in spring, if none."""
    zone = ZoneInfo(name)
    midnights = [datetime.combine(day, time(), UTC) for day in DAYS]
    offsets = [one.astimezone(zone).utcoffset() for one in midnights]
    changed = [one for one, before, after in zip(midnights, offsets, offsets[1:], strict=False) if before != after]
    return [shown(zone, one - timedelta(hours=12), one + timedelta(hours=36)) for one in changed or midnights[90:91]]


@pytest.mark.parametrize("zone", ZONES)
@given(text=unix_cron.crons())
@settings(max_examples=15)
def test_every_minute_around_a_change(zone: str, text: str) -> None:
    """Walking through UTC: it fires when the clocks show a minute that matches, for the first time."""
    converted(text)
    schedule = Schedule(cron=text, timezone=zone)
    for minutes in around_changes(zone):
        (first, _), (last, _) = minutes[0], minutes[-1]
        expected = [(utc, local) for utc, local in minutes if unix_cron.matches(text, local)]
        found = takewhile(lambda fire, last=last: fire.utc <= last, fires([schedule], first))
        assert expected == [(fire.utc, fire.local.replace(tzinfo=None)) for fire in found]


@pytest.mark.parametrize("zone", ["Europe/London", "Australia/Lord_Howe", "Africa/Casablanca"])
def test_every_half_hour_of_six_years(zone: str) -> None:
    """The same without a pause: each half hour of weekdays, and of each first day of a month."""
    text = "*/30 * 1 * MON-FRI"
    first, after = datetime.combine(FIRST, time(), UTC), datetime.combine(AFTER, time(), UTC)
    halves = [first + number * 30 * MINUTE for number in range((after - first) // (30 * MINUTE))]
    local = [(utc, utc.astimezone(ZoneInfo(zone))) for utc in halves]
    expected = [utc for utc, one in local if one.fold == 0 and unix_cron.day_matches(text, one.date())]
    found = takewhile(lambda fire: fire.utc < after, fires([Schedule(cron=text, timezone=zone)], first))
    assert expected == [fire.utc for fire in found]
