"""Which times a backfill has, and what becomes of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from course_world import earlier_failure, new_record

from jobrunner.core.backfill import (
    MOST_FIRES,
    Action,
    Fill,
    action_for,
    fire_times,
    key_at,
)
from jobrunner.core.fires import Fire
from jobrunner.core.naming import keyed_run_id
from jobrunner.core.options import RunOptions, Trigger
from jobrunner.core.outcome import Outcome, Verdict
from jobrunner.core.spec import JobSpec, job_spec
from jobrunner.core.wall_clock import iso_seconds
from jobrunner.errors import SpecError

if TYPE_CHECKING:
    from jobrunner.core.record import RunRecord

ARN = "arn:aws:ecs:us-east-1:123456789012:task/default/1"


def utc(text: str) -> datetime:
    """A moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def scheduled(*schedules: dict[str, Any], **fields: Any) -> JobSpec:
    """A job with these schedules."""
    return job_spec(name="etl", image="busybox", schedule=list(schedules), **fields)


def times(spec: JobSpec, start: str, end: str) -> list[str]:
    """Its times in an interval, in UTC."""
    return [f"{fire.utc:%m-%dT%H:%M}" for fire in fire_times(spec, utc(start), utc(end))]


# -- the times -------------------------------------------------------------------------------------------------


def test_the_first_bound_is_in_the_interval_and_the_last_is_not() -> None:
    """Seven days of every hour are 168 times, and intervals that meet have none in common."""
    hourly = scheduled({"cron": "0 * * * *"})
    week = times(hourly, "2026-11-01", "2026-11-08")
    assert (168, "11-01T00:00", "11-07T23:00") == (len(week), week[0], week[-1])
    assert week == times(hourly, "2026-11-01", "2026-11-03T05:00") + times(hourly, "2026-11-03T05:00", "2026-11-08")
    assert [] == times(hourly, "2026-11-01T00:00:01", "2026-11-01T01:00")


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2027-03-27", "2027-03-30", ["03-27T01:30", "03-29T00:30"]),
        ("2027-10-30", "2027-11-02", ["10-30T00:30", "10-31T00:30", "11-01T01:30"]),
    ],
)
def test_the_clocks_of_the_zone_count(start: str, end: str, expected: list[str]) -> None:
    """A local time that they skip has no run, and one that they show twice has one, as when its schedule fires."""
    assert expected == times(scheduled({"cron": "30 1 * * *", "timezone": "Europe/London"}), start, end)


def test_a_time_that_several_expressions_share_is_one() -> None:
    """AWS needs two for days of the month or of the week; on a Monday that is the first, both fire."""
    either = scheduled({"cron": "0 12 1 * MON"}, {"at": "2027-03-08T12:00"})
    assert 2 == len(either.schedule[0].expressions)
    assert ["03-01T12:00", "03-08T12:00", "03-15T12:00"] == times(either, "2027-03-01", "2027-03-16")


def test_a_rate_counts_from_its_start_and_an_at_is_one_time() -> None:
    """All schedules of the job are merged, within their own start and end."""
    spec = scheduled(
        {"rate": "8 hours", "start": "2026-11-01T04:00", "end": "2026-11-02T12:00"},
        {"at": "2026-11-02T09:00"},
    )
    expected = ["11-01T04:00", "11-01T12:00", "11-01T20:00", "11-02T04:00", "11-02T09:00", "11-02T12:00"]
    assert expected == times(spec, "2026-10-01", "2026-12-01")


def test_a_paused_job_has_its_times() -> None:
    """Pausing is for what its schedules start."""
    assert ["11-01T00:00"] == times(scheduled({"cron": "@daily"}, paused=True), "2026-11-01", "2026-11-02")


@pytest.mark.parametrize(
    ("spec", "what", "hint"),
    [
        (scheduled(), "has no schedule", "run it once, with run --scheduled-time"),
        (scheduled({"rate": "1 hour"}), "a rate without a start", "{rate: 15 minutes, start: 2026-01-01T00:00}"),
        (scheduled({"cron": "@daily"}, {"rate": "1 hour"}), "a rate without a start", "Give it a start"),
    ],
)
def test_a_job_whose_times_nobody_knows_is_refused(spec: JobSpec, what: str, hint: str) -> None:
    """With the place in the file, and what to write there."""
    with pytest.raises(SpecError, match=what) as caught:
        fire_times(spec, utc("2026-11-01"), utc("2026-11-02"), where="jobs/etl.yaml:1:1")
    assert "jobs/etl.yaml:1:1" == caught.value.where
    assert hint in str(caught.value.hint)


def test_a_parameter_without_a_default_is_refused() -> None:
    """Nobody gives a backfill any, as nobody gives a schedule any."""
    with pytest.raises(SpecError, match="gives no value for day"):
        fire_times(scheduled({"cron": "@daily"}, params={"day": {}}), utc("2026-11-01"), utc("2026-11-02"))


def test_too_many_times_are_refused_with_where_to_split() -> None:
    """Exactly as many as allowed are not; what is named as the end of the first part makes just as many."""
    every_minute = scheduled({"cron": "* * * * *"})
    start = utc("2026-11-01")
    last = start + timedelta(minutes=MOST_FIRES)
    assert MOST_FIRES == len(fire_times(every_minute, start, last))
    with pytest.raises(SpecError, match="fire over 5,000 times from 2026-11-01T00:00:00Z to 2199-") as caught:
        fire_times(every_minute, start, utc("2199-01-01"))
    assert f"end the first part at {iso_seconds(last)}" in str(caught.value.hint)


@pytest.mark.parametrize("bounds", [(utc("2026-11-01").replace(tzinfo=None), utc("2026-11-02"))] * 2)
def test_bounds_need_a_time_zone(bounds: tuple[datetime, datetime]) -> None:
    """Of this machine's zone, or of the schedule's, nobody could tell which was meant."""
    for start, end in (bounds, bounds[::-1]):
        with pytest.raises(ValueError, match="time zone"):
            fire_times(scheduled({"cron": "@daily"}), start, end)


# -- what becomes of a time ------------------------------------------------------------------------------------


def ended(verdict: Verdict, **fields: Any) -> RunRecord:
    """A record of a run that is over."""
    known = {"run_id": "r", "job": "etl", "attempt": 1, "reason": "exit", "exit_code": 1, "detail": "", "task_arn": ARN}
    record = new_record(task_arn=ARN)
    return record.with_outcome(Outcome(verdict=verdict, **{**known, **fields}))


UNPLACED = new_record().with_outcome(
    replace(earlier_failure(), verdict=Verdict.NEVER_STARTED, reason="capacity", exit_code=None, task_arn=None)
)
CASES = {
    "unknown": (None, Action.START, Action.START),
    "under way": (new_record(task_arn=ARN), Action.CONTINUE, Action.CONTINUE),
    "not even sent": (new_record(), Action.CONTINUE, Action.CONTINUE),
    "succeeded": (ended(Verdict.SUCCEEDED, exit_code=0), Action.KEEP, Action.KEEP),
    "failed": (ended(Verdict.FAILED), Action.KEEP, Action.START),
    "timed out": (ended(Verdict.TIMED_OUT, reason="timeout"), Action.KEEP, Action.START),
    "lost": (ended(Verdict.LOST, reason="gone"), Action.KEEP, Action.START),
    "stopped by a colleague": (ended(Verdict.STOPPED, reason="user"), Action.KEEP, Action.START),
    "image missing": (ended(Verdict.NEVER_STARTED, reason="image_pull"), Action.KEEP, Action.START),
    "interrupted": (ended(Verdict.INTERRUPTED, reason="interrupt"), Action.START, Action.START),
    "stopped with the others": (ended(Verdict.STOPPED, reason="fail_fast"), Action.START, Action.START),
    "not placed": (UNPLACED, Action.START, Action.START),
}


@pytest.mark.parametrize("case", CASES)
def test_what_becomes_of_a_time(case: str) -> None:
    """What is over stays, but what the backfill itself broke off is to do; what has failed only if it is asked for."""
    last, alone, with_failed = CASES[case]
    assert (alone, with_failed) == (action_for(last, failed=False), action_for(last, failed=True))


def test_a_key_is_of_the_time_and_of_how_often() -> None:
    """The moment counts, however it is written; the same key is the same run on every machine."""
    tokyo = datetime.fromisoformat("2026-11-24T11:30+09:00")
    assert "backfill/2026-11-24T02:30:00Z" == key_at(tokyo) == key_at(utc("2026-11-24T02:30"), 1)
    assert "backfill/2026-11-24T02:30:00Z/3" == key_at(tokyo, 3)


def filled(last: RunRecord | None = None) -> Fill:
    """One time of a backfill."""
    fire = Fire(utc=utc("2026-11-24T02:30"), local=datetime.fromisoformat("2026-11-24T11:30+09:00"), note="odd")
    key = key_at(fire.utc)
    run_id = keyed_run_id(project="p", stage=None, job="etl", key=key)
    return Fill(fire=fire, key=key, run_id=run_id, action=action_for(last, failed=False), last=last)


def test_a_run_knows_its_time_and_that_it_is_a_backfill() -> None:
    """And is called by its time."""
    variation = filled().variation()
    moment, key = utc("2026-11-24T02:30"), "backfill/2026-11-24T02:30:00Z"
    assert "2026-11-24T02:30:00Z" == variation.label
    assert RunOptions(scheduled_time=moment, key=key, trigger=Trigger.BACKFILL) == variation.options


@pytest.mark.parametrize(
    ("case", "state", "action"),
    [("unknown", None, "start"), ("under way", "unfinished", "continue"), ("failed", "failed", "keep")],
)
def test_a_time_as_json(case: str, state: str | None, action: str) -> None:
    """The keys of `next`, then the run, what is known of the last one, and what is done."""
    fill = filled(CASES[case][0])
    expected = {
        "utc": "2026-11-24T02:30:00Z",
        "local": "2026-11-24T11:30:00+09:00",
        "note": "odd",
        "run_id": fill.run_id,
        "state": state,
        "action": action,
    }
    assert list(expected.items()) == list(fill.to_json().items())
