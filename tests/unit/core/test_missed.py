"""What schedules were due for, held against what ran."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jobrunner.core.missed import GRACE, NO_RULE, Attendance, Duty, Missed, attendance

if TYPE_CHECKING:
    from collections.abc import Iterable

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
LONG_AGO = MIDNIGHT - timedelta(days=400)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
UNTIL = MIDNIGHT + 6 * HOUR + GRACE


def duty(expression: str = "cron(0 * * * ? *)", *, written: datetime = LONG_AGO, **members: Any) -> Duty:
    """A schedule of the job `etl`."""
    body = {"Name": "etl", "ScheduleExpression": expression, "State": "ENABLED", **members}
    return Duty.of("etl", body, written)


def hours(*numbers: int) -> list[datetime]:
    """Hours of the day."""
    return [MIDNIGHT + number * HOUR for number in numbers]


def held(*duties: Duty, ran: Iterable[datetime] = (), **how: Any) -> Attendance:
    """The attendance of the first six hours of the day, both ends included."""
    how = {"since": MIDNIGHT, "until": UNTIL, "kept_since": LONG_AGO, **how}
    return attendance("etl", duties, list(ran), **how)


def times(found: Attendance) -> list[datetime]:
    """When something was missed."""
    return [one.due for one in found.missed]


def test_what_has_a_run_is_not_missed() -> None:
    """A fire is known by its job and time; both ends of the interval count."""
    found = held(duty(), ran=hours(0, 1, 3, 4, 6))
    assert (7, hours(2, 5), ()) == (found.fires, times(found), found.unknown)
    assert held(duty(), ran=hours(*range(7))) == Attendance(job="etl", since=MIDNIGHT, watched=True, fires=7)


def test_a_missed_fire_has_the_id_that_its_run_would_have() -> None:
    """So that who finds the run after all can say so; with the schedules that were due."""
    [one] = held(duty(), ran=hours(0, 1, 3, 4, 5, 6)).missed
    assert {
        "job": "etl",
        "run_id": "etl@2026-11-24T02:00:00Z",
        "due": "2026-11-24T02:00:00.000Z",
        "missed": True,
        "reason": "the schedule etl was due, and no run of it is known",
    } == one.to_json()


def test_two_schedules_of_one_minute_are_one_fire() -> None:
    """For one scheduled time a job has one run."""
    found = held(duty(), duty("cron(0 0/2 * * ? *)", Name="etl.2"), ran=hours(1, 3, 4, 5, 6))
    assert 7 == found.fires
    assert (
        Missed(job="etl", due=MIDNIGHT, schedules=("etl", "etl.2")),
        Missed(job="etl", due=MIDNIGHT + 2 * HOUR, schedules=("etl", "etl.2")),
    ) == found.missed


@pytest.mark.parametrize(
    ("members", "grace", "fires"),
    [
        ({}, GRACE, 7),
        ({}, GRACE + MINUTE, 6),
        ({"FlexibleTimeWindow": {"Mode": "OFF"}}, GRACE, 7),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1}}, GRACE, 6),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60}}, timedelta(), 6),
        ({}, 24 * HOUR, 0),
    ],
)
def test_a_fire_counts_when_it_can_come_no_more(members: dict[str, Any], grace: timedelta, fires: int) -> None:
    """Its window and the grace must have passed."""
    found = held(duty(**members), grace=grace)
    assert (fires, fires) == (found.fires, len(found.missed))


def test_nobody_knows_what_a_schedule_said_before_it_was_written() -> None:
    """Nor whether a change was in time for a fire of the same minute."""
    written = MIDNIGHT + 3 * HOUR - timedelta(seconds=59)
    found = held(duty(written=written))
    assert (hours(4, 5, 6), written + MINUTE) == (times(found), found.since)
    assert hours(3, 4, 5, 6) == times(held(duty(written=written - timedelta(seconds=1))))


def test_of_several_schedules_the_last_written_says_since_when_all_is_known() -> None:
    """What is known of the others before counts all the same."""
    later = duty("cron(30 * * * ? *)", written=MIDNIGHT + 4 * HOUR, Name="etl.2")
    found = held(duty(), later)
    assert (9, MIDNIGHT + 4 * HOUR + MINUTE) == (found.fires, found.since)


def test_a_paused_schedule_promises_nothing() -> None:
    """Nor does one that is over, or has not begun."""
    nothing = Attendance(job="etl", since=MIDNIGHT, watched=False, fires=0)
    assert nothing == held(duty(State="DISABLED"))
    assert nothing == held(duty(State="DISABLED", expression="cron(garbage)"))
    assert nothing == held()
    watched = replace(nothing, watched=True)
    assert watched == held(duty(EndDate="2026-11-23T00:00:00Z"))
    assert watched == held(duty(StartDate="2026-11-25T00:00:00Z"))


def test_the_end_may_lie_before_the_beginning() -> None:
    """A schedule that has just been written was due for nothing yet."""
    assert 0 == held(duty(written=UNTIL + HOUR)).fires


def test_what_was_before_anybody_kept_what_happens_is_not_looked_at() -> None:
    """The rule of the log group may be younger than the schedules."""
    found = held(duty(), kept_since=MIDNIGHT + 5 * HOUR)
    assert (hours(5, 6), MIDNIGHT + 5 * HOUR) == (times(found), found.since)


def test_where_nobody_keeps_what_happens_a_fire_without_a_run_proves_nothing() -> None:
    """Unknown is not missed, and not well either; what is known to have run is."""
    assert ((), (NO_RULE,)) == (
        (found := held(duty(), ran=hours(0, 1), kept_since=None)).missed,
        found.unknown,
    )
    assert Attendance(job="etl", since=MIDNIGHT, watched=True, fires=7) == held(
        duty(), ran=hours(*range(7)), kept_since=None
    )
    assert (NO_RULE,) == held(duty("rate(1 hour)"), kept_since=None).unknown


def test_what_was_made_up_for_is_missed_no_more() -> None:
    """A backfill runs the job for a time that has passed."""
    found = held(duty(), ran=hours(0, 1, 4, 5, 6))
    assert (hours(3), 7) == (times(made_up := found.without(set(hours(2, 9)))), made_up.fires)


def test_what_cannot_be_read_is_unknown() -> None:
    """Somebody has written it by hand; what can be read is looked at all the same."""
    found = held(duty(), duty("cron(0/5 8-17 ? * MON-FRI/2 *)", Name="etl.2"), ran=hours(*range(7)))
    assert (7, ("etl.2 cannot be read: cron(0/5 8-17 ? * MON-FRI/2 *)",)) == (found.fires, found.unknown)


def test_a_rate_with_a_start_counts_from_it() -> None:
    """It is as exact as a cron."""
    found = held(duty("rate(2 hours)", StartDate="2026-11-23T01:00:00Z"), ran=hours(1, 5))
    assert (3, hours(3)) == (found.fires, times(found))


QUARTER = 15 * MINUTE


@pytest.mark.parametrize(
    ("ran", "fires", "missed"),
    [
        (hours(0, 2, 4, 6), 4, []),
        (hours(0, 6), 4, hours(2, 4)),
        (hours(4), 4, hours(0, 2, 6)),
        (hours(1, 3, 5), 3, []),
        ([MIDNIGHT + QUARTER, MIDNIGHT + QUARTER + 4 * HOUR], 3, [MIDNIGHT + QUARTER + 2 * HOUR]),
        ([MIDNIGHT, MIDNIGHT + 2 * HOUR + MINUTE, MIDNIGHT + 4 * HOUR, MIDNIGHT + 6 * HOUR], 4, []),
        ([MIDNIGHT + 6 * HOUR + MINUTE], 3, [MIDNIGHT + MINUTE + number * HOUR for number in (0, 2, 4)]),
    ],
)
def test_a_rate_without_a_start_shows_gaps(ran: list[datetime], fires: int, missed: list[datetime]) -> None:
    """It counts from wherever AWS began: from one of its runs, the others are known."""
    found = held(duty("rate(2 hours)"), ran=ran)
    assert (fires, missed, ()) == (found.fires, times(found), found.unknown)


def test_a_gap_that_may_still_be_filled_is_none() -> None:
    """Between a run of this minute and one that was due a moment before, within the grace."""
    found = held(duty("rate(1 minute)"), ran=[UNTIL - 2 * MINUTE], until=UNTIL, since=UNTIL - 8 * MINUTE)
    assert [UNTIL - number * MINUTE for number in (8, 7, 6, 5)] == times(found)


def test_a_rate_without_a_start_that_starts_nothing() -> None:
    """At least one fire was missed; when it was due is not known."""
    found = held(duty("rate(6 hours)"))
    assert (0, (), ("etl, rate(6 hours), has started nothing since 2026-11-24T00:00:00Z",)) == (
        found.fires,
        found.missed,
        found.unknown,
    )
    assert () == held(duty("rate(7 hours)")).unknown
    assert () == held(duty("rate(1 minute)", written=UNTIL)).unknown


def test_a_rate_beside_another_schedule() -> None:
    """A run at a time of both is the other's; where that was missed, it is not missed twice."""
    both = duty("cron(0 0/3 * * ? *)"), duty("rate(2 hours)", Name="etl.2")
    assert (5, []) == ((found := held(*both, ran=hours(0, 2, 3, 4, 6))).fires, times(found))
    assert hours(3, 4, 6) == times(held(*both, ran=hours(0, 2)))
    assert hours(0, 2, 3, 6) == times(held(*both, ran=hours(4)))


def test_two_rates_without_a_start_cannot_be_told_apart() -> None:
    """Which of them a run is of is not known."""
    found = held(duty("rate(2 hours)"), duty("rate(3 hours)", Name="etl.2"), ran=hours(1, 2, 3))
    assert ("etl and etl.2 are rates without a start, whose runs cannot be told apart",) == found.unknown
