"""Who keeps time for schedules, on clocks that the tests wind up themselves."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import until
from scheduling import schedule

from jobrunner.local.schedule_checks import created
from jobrunner.local.schedule_clock import FastClock
from jobrunner.local.schedule_expression import BEGINNING
from jobrunner.local.schedule_store import ScheduleStore
from jobrunner.local.schedule_targets import Failure
from jobrunner.local.schedule_ticker import Ticker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobrunner.local.schedule_store import Schedule

NOW = dt.datetime(2027, 3, 27, 12, tzinfo=dt.UTC)
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
FAILURE = Failure(code="ThrottlingException", message="Rate exceeded", execution_id="0" * 16, body="{}")


class Calls:
    """Targets that note their calls: the scheduled time, the attempt, and when it was."""

    def __init__(self, clock: Callable[[], float], answer: Callable[[dt.datetime, int], Failure | None]) -> None:
        self._clock = clock
        self._answer = answer
        self.made: list[tuple[dt.datetime, int, dt.datetime]] = []

    def invoke(self, schedule: Schedule, *, scheduled: dt.datetime, attempt: int) -> Failure | None:
        del schedule
        self.made.append((scheduled, attempt, dt.datetime.fromtimestamp(self._clock(), dt.UTC)))
        return self._answer(scheduled, attempt)


def succeed(scheduled: dt.datetime, attempt: int) -> None:
    """Every call is a success."""
    del scheduled, attempt


def made(expression: str, *, now: dt.datetime = NOW, end: dt.datetime, **members: Any) -> Schedule:
    """A schedule that is gone after its last fire."""
    asked = schedule(
        "s", ScheduleExpression=expression, EndDate=end.timestamp(), ActionAfterCompletion="DELETE", **members
    )
    return created(asked, region="us-east-1", now=now)


def all_calls(
    one: Schedule, clock: Callable[[], float], speed: float, answer: Callable[[dt.datetime, int], Failure | None]
) -> list[tuple[dt.datetime, int, dt.datetime]]:
    """Keep a schedule's time until it is gone; the calls."""
    with keeping(clock, speed, answer) as (store, ticker, calls):
        store.add(one)
        ticker.arm(one, BEGINNING)
        until(lambda: not store.holds(one))
    return calls.made


@contextmanager
def keeping(
    clock: Callable[[], float], speed: float, answer: Callable[[dt.datetime, int], Failure | None]
) -> Iterator[tuple[ScheduleStore, Ticker, Calls]]:
    """A ticker of its own."""
    store, calls = ScheduleStore(), Calls(clock, answer)
    ticker = Ticker(store, calls, clock, speed=speed)  # type: ignore[arg-type]  # they are called as the real ones are
    try:
        yield store, ticker, calls
    finally:
        ticker.close()


def test_a_fast_clock() -> None:
    """It begins where it is told to, and goes so many times faster."""
    passed = [100.0]
    clock = FastClock(began=5_000.0, speed=60, passing=lambda: passed[0])
    assert 5_000.0 == clock()
    passed[0] += 1.5
    assert 5_090.0 == clock()


def test_days_pass_in_a_second() -> None:
    """Cron in London, over the night whose 1:30 does not exist: each fire once, never early, and then it is gone."""
    clock = FastClock(began=NOW.timestamp() - 11 * 3600, speed=200_000)
    since = NOW - 11 * HOUR
    one = made("cron(30 1 * * ? *)", now=since, end=NOW + 60 * HOUR, ScheduleExpressionTimezone="Europe/London")
    calls = all_calls(one, clock, 200_000, succeed)
    expected = ["2027-03-27T01:30:00+00:00", "2027-03-29T00:30:00+00:00"]
    assert expected == [scheduled.isoformat() for scheduled, _, _ in calls]
    assert all(at >= scheduled for scheduled, _, at in calls)


def test_a_flexible_window() -> None:
    """The call comes at a moment of the window, the same after each scheduled time; none is lost to a long window."""
    clock = FastClock(began=NOW.timestamp(), speed=3_600)
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    one = made("rate(1 minute)", end=NOW + 5 * MINUTE, FlexibleTimeWindow=window)
    assert 5 * MINUTE < one.delay < 15 * MINUTE
    calls = all_calls(one, clock, 3_600, succeed)
    assert [NOW + number * MINUTE for number in range(6)] == [scheduled for scheduled, _, _ in calls]
    # The window of each goes beyond the end, before which the target is called.
    assert all(at >= NOW + 5 * MINUTE for _, _, at in calls)


def test_moments_of_a_window() -> None:
    """Inside of it, spread by schedule, and not after the end; a one-time schedule has no end."""
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 2}
    delays = set()
    for number in range(500):
        asked = schedule(f"s-{number}", FlexibleTimeWindow=window, ScheduleExpression="rate(1 day)")
        one = created(asked, region="us-east-1", now=NOW)
        assert NOW + one.delay == one.due(NOW)
        delays.add(one.delay)
    assert dt.timedelta(0) <= min(delays) <= max(delays) < 2 * MINUTE
    assert len(delays) > 100
    assert dt.timedelta(0) == created(schedule("s"), region="us-east-1", now=NOW).delay
    ends = made("rate(1 minute)", end=NOW + MINUTE, FlexibleTimeWindow={**window, "MaximumWindowInMinutes": 1440})
    assert NOW + MINUTE == ends.due(NOW)
    once = made("at(2027-03-27T12:00:00)", end=NOW, FlexibleTimeWindow={**window, "MaximumWindowInMinutes": 1440})
    assert NOW + once.delay == once.due(NOW) > NOW


@pytest.mark.parametrize(
    ("speed", "expected"), [(1, [0, 1, 6, 11, 16]), (10, [0, 1, 2, 3, 16, 17, 18])], ids=["time", "fast"]
)
def test_what_was_missed_is_done_once(speed: float, expected: list[int]) -> None:
    """A machine that is a minute of real time late has slept; one that is less late is busy, and loses nothing."""
    now = [NOW.timestamp()]

    def sleep(scheduled: dt.datetime, attempt: int) -> None:
        del scheduled, attempt
        now[0] += 300

    calls = all_calls(made("rate(1 minute)", end=NOW + 20 * MINUTE), lambda: now[0], speed, sleep)
    assert expected == [(scheduled - NOW) // MINUTE for scheduled, _, _ in calls]


def test_what_is_still_in_its_window_was_not_missed() -> None:
    """A machine that slept does not lose the calls whose moment is yet to come, though their scheduled times passed."""
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    one = made("rate(1 minute)", end=NOW + HOUR, FlexibleTimeWindow=window)
    now = [(one.due(NOW) + 5 * MINUTE).timestamp()]

    def pass_a_minute(scheduled: dt.datetime, attempt: int) -> None:
        del attempt
        now[0] += 60 if scheduled < NOW + 7 * MINUTE else 0

    with keeping(lambda: now[0], 1, pass_a_minute) as (store, ticker, calls):
        store.add(one)
        ticker.arm(one, BEGINNING)
        until(lambda: len(calls.made) == 3)
    assert [0, 6, 7] == [(scheduled - NOW) // MINUTE for scheduled, _, _ in calls.made]


def test_a_schedule_is_complete_when_nothing_is_left_to_try() -> None:
    """Its last fire has succeeded, and an attempt of the one before is still to come: it stays for that."""
    clock = FastClock(began=NOW.timestamp(), speed=300)

    def answer(scheduled: dt.datetime, attempt: int) -> Failure | None:
        return FAILURE if scheduled == NOW and attempt < 7 else None

    calls = all_calls(made("rate(1 minute)", end=NOW + MINUTE), clock, 300, answer)
    expected = [(NOW, number) for number in range(1, 7)] + [(NOW + MINUTE, 1), (NOW, 7)]
    assert expected == [(scheduled, attempt) for scheduled, attempt, _ in calls]
    pauses = [(later[2] - earlier[2]).total_seconds() for earlier, later in pairwise(calls[:6])]
    assert all(pause >= 2**number for number, pause in enumerate(pauses))


def test_a_disabled_schedule_does_not_fire() -> None:
    """Nor is it complete."""
    clock = FastClock(began=NOW.timestamp(), speed=3_600)
    with keeping(clock, 3_600, succeed) as (store, ticker, calls):
        off = made("rate(1 minute)", end=NOW + HOUR, State="DISABLED")
        on = created(schedule("on", ScheduleExpression="at(2027-03-27T12:10:00)"), region="us-east-1", now=NOW)
        for one in (off, on):
            store.add(one)
            ticker.arm(one, BEGINNING)
        until(lambda: calls.made)
        assert [NOW + 10 * MINUTE] == [scheduled for scheduled, _, _ in calls.made]
        assert store.holds(off)
