"""A run for each time of an interval: order, repetition, failures, crashes, several processes and machines."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from shelljobs import shell, span_of

from jobrunner import PhaseChanged, SpecError, Started, UnknownJobError
from jobrunner.core.backfill import Action, key_at
from jobrunner.core.connection import Connection
from jobrunner.core.naming import keyed_run_id
from jobrunner.core.ports import PlacementFailure
from jobrunner.core.tally import Place
from jobrunner.ops.backfill import plan_backfill
from jobrunner.testing import TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner import JobRunner
    from jobrunner.ops.fleet import Fleet
    from jobrunner.testing import FakeAws
    from jobrunner.testing.task import FakeTask

    Machine = Callable[..., JobRunner]

HOUR = timedelta(hours=1)
START = datetime(2025, 11, 1, tzinfo=UTC)
HOURLY = shell("true", schedule={"cron": "0 * * * *"})
FAILS = TaskScript(exit_codes={"main": 3})


def hours(count: int) -> list[str]:
    """So many hours from the start on, as the job sees them."""
    return [f"{START + number * HOUR:%Y-%m-%dT%H:%M:%SZ}" for number in range(count)]


def backfill(runner: JobRunner, count: int, **how: object) -> Fleet:
    """A backfill of so many hours."""
    return runner.backfill(HOURLY, START, START + count * HOUR, **how)  # type: ignore[arg-type]  # as they are given


def environment(task: FakeTask) -> dict[str, str]:
    """What the job's container was told."""
    [override] = task.request["overrides"]["containerOverrides"]
    return {pair["name"]: pair["value"] for pair in override["environment"]}


def worked_on(aws: FakeAws) -> list[str]:
    """The times for which tasks have been started, in the order of their start."""
    return [environment(task)["JOBRUNNER_SCHEDULED_TIME"] for task in aws.started]


def run_id(runner: JobRunner, hour: int, number: int = 1) -> str:
    """The run for an hour: the same wherever it is asked for."""
    settings = runner.settings
    key = key_at(START + hour * HOUR, number)
    return keyed_run_id(project=settings.project, stage=settings.stage, job="job", key=key)


def ids(fleet: Fleet) -> list[str | None]:
    """The runs of a fleet."""
    return [None if one is None else one.run_id for one in fleet.outcomes]


def verdicts(fleet: Fleet) -> list[str | None]:
    """How they ended; None where there is no end."""
    return [None if one is None else str(one.verdict) for one in fleet.outcomes]


def places(fleet: Fleet) -> dict[Place, int]:
    """Where the runs are, without the places where there are none."""
    return {place: count for place, count in fleet.tally.counts.items() if count}


# -- order -----------------------------------------------------------------------------------------------------


def test_one_after_another_oldest_first(scripted: Machine, aws: FakeAws) -> None:
    """Each begins when the one before it is over, also if that one took longer; each is told its time and trigger."""
    aws.script(TaskScript(runs=300), TaskScript(runs=2), FAILS)
    fleet = backfill(scripted(), 6)
    labels = [event.label for event in fleet.stream() if isinstance(event.event, Started)]
    assert hours(6) == worked_on(aws) == labels
    assert 1 == span_of(task.snapshot(aws.clock.now()) for task in aws.started).most
    assert {("backfill", "1", "job")} == {
        tuple(environment(task)[f"JOBRUNNER_{name}"] for name in ("TRIGGER", "ATTEMPT", "JOB")) for task in aws.started
    }
    assert [run_id(scripted(), hour) for hour in range(6)] == ids(fleet)
    assert {Place.SUCCEEDED: 5, Place.FAILED: 1} == places(fleet)


def test_several_at_once_begin_oldest_first(scripted: Machine, aws: FakeAws) -> None:
    """No more than asked for; as one ends, the next of the queue begins."""
    aws.script(*(TaskScript(runs=5.0 + 7 * (number % 5)) for number in range(40)))
    fleet = backfill(scripted(), 40, parallel=7)
    most = 0
    for _ in fleet.stream():
        most = max(most, fleet.under_way)
    assert (7, hours(40)) == (most, worked_on(aws))
    assert 7 == span_of(task.snapshot(aws.clock.now()) for task in aws.started).most


def test_a_run_that_is_tried_again_keeps_the_next_waiting(scripted: Machine, aws: FakeAws) -> None:
    """What builds on it begins after its last attempt."""
    aws.script(TaskScript(), TaskScript(exit_codes={"main": 75}), TaskScript())
    spec = shell("true", schedule={"cron": "0 * * * *"}, retries={"attempts": 2, "backoff": "1m", "on": 75})
    fleet = scripted().backfill(spec, START, START + 3 * HOUR)
    fleet.wait()
    first, second, third = hours(3)
    assert [first, second, second, third] == worked_on(aws)
    assert fleet.tally.succeeded


# -- again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["laptop", "server"])
def test_the_same_again_starts_nothing(scripted: Machine, aws: FakeAws, where: str) -> None:
    """On the same machine and on another one; a longer interval, or one that overlaps, starts what is new in it."""
    aws.script(TaskScript(), FAILS)
    first = backfill(scripted(), 4)
    first.wait()
    again = backfill(scripted(where), 4)
    assert list(first.wait()) == list(again.wait())
    assert 4 == len(aws.started)
    scripted(where).backfill(HOURLY, START + 2 * HOUR, START + 6 * HOUR).wait()
    assert hours(6) == worked_on(aws)


@pytest.mark.parametrize("survivor", ["laptop", "server"])
@pytest.mark.parametrize("seen", [1, 3, 30, 60])
@pytest.mark.parametrize("parallel", [1, 8])
def test_it_goes_on_where_its_process_died(
    scripted: Machine, aws: FakeAws, survivor: str, seen: int, parallel: int
) -> None:
    """Every run is started once, whatever was known when the process died."""
    aws.default = TaskScript(runs=30.0)
    for number, _ in enumerate(backfill(scripted(), 20, parallel=parallel).stream(), 1):
        if number == seen:
            break
    fleet = backfill(scripted(survivor), 20, parallel=parallel)
    fleet.wait()
    assert (hours(20), True) == (sorted(worked_on(aws)), fleet.tally.succeeded)


def test_what_an_interrupt_broke_off_is_run_again(scripted: Machine, aws: FakeAws) -> None:
    """It is still to do: as another run, since the first one is over. What a colleague has stopped stays so."""
    aws.default = TaskScript(runs=30.0)
    fleet = backfill(scripted(), 6, parallel=2)
    aws.clock.after(45, lambda: scripted().stop(run_id(scripted(), 2)))
    aws.clock.after(50, lambda: fleet.stop("jobrunner: interrupted by SIGINT"))
    fleet.wait()
    broken_off = [index for index, verdict in enumerate(verdicts(fleet)) if verdict == "interrupted"]
    assert ["succeeded", "succeeded", "stopped"] == verdicts(fleet)[:3]
    assert 3 in broken_off
    again = backfill(scripted(), 6, parallel=2)
    again.wait()
    assert ["succeeded", "succeeded", "stopped", *["succeeded"] * 3] == verdicts(again)
    numbers = [2 if hour in broken_off else 1 for hour in range(6)]
    assert [run_id(scripted(), hour, number) for hour, number in enumerate(numbers)] == ids(again)
    assert len(aws.started) == 6 + len(broken_off)


def test_what_was_never_placed_is_launched_again(scripted: Machine, aws: FakeAws) -> None:
    """By its own key, which finds it on another machine too: it never had a task."""
    aws.tasks.refuse(PlacementFailure(reason="MISSING"))
    first = backfill(scripted(), 2)
    first.wait()
    assert ["never_started", "succeeded"] == verdicts(first)
    again = backfill(scripted(), 2)
    again.wait()
    assert (ids(first), ["succeeded", "succeeded"]) == (ids(again), verdicts(again))


# -- failures --------------------------------------------------------------------------------------------------


def test_what_has_failed_is_repeated_when_asked_for(scripted: Machine, aws: FakeAws) -> None:
    """And nothing else: each time as another run, until it succeeds."""
    aws.script(TaskScript(), FAILS, TaskScript(), FAILS)
    runner = scripted()
    backfill(runner, 4).wait()

    aws.script(TaskScript(), FAILS)
    second = backfill(runner, 4, failed=True)
    second.wait()
    assert ["succeeded", "succeeded", "succeeded", "failed"] == verdicts(second)
    assert [run_id(runner, hour, number) for hour, number in enumerate([1, 2, 1, 2])] == ids(second)

    shown = backfill(runner, 4)
    assert list(second.outcomes) == list(shown.wait())
    third = backfill(runner, 4, failed=True)
    third.wait()
    assert [run_id(runner, hour, number) for hour, number in enumerate([1, 2, 1, 3])] == ids(third)
    assert third.tally.succeeded
    first, *_ = hours(4)
    assert {first: 1, hours(4)[1]: 2, hours(4)[2]: 1, hours(4)[3]: 3} == Counter(worked_on(aws))
    assert list(third.outcomes) == list(backfill(runner, 4, failed=True).wait())


def test_a_repetition_that_was_cut_off_is_gone_on_with(scripted: Machine, aws: FakeAws) -> None:
    """With `failed` or without: what was begun again is that time's run now."""
    aws.script(FAILS, FAILS)
    backfill(scripted(), 3).wait()
    aws.default = TaskScript(runs=30)
    events = (event for event in backfill(scripted(), 3, failed=True).stream() if isinstance(event.event, PhaseChanged))
    assert 1 == len(list(islice(events, 1)))
    alone = backfill(scripted(), 3)
    alone.wait()
    assert ["succeeded", "failed", "succeeded"] == verdicts(alone)
    failed = backfill(scripted(), 3, failed=True)
    failed.wait()
    assert [run_id(scripted(), hour, number) for hour, number in enumerate([2, 2, 1])] == ids(failed)
    assert (True, 5) == (failed.tally.succeeded, len(aws.started))


def test_the_first_failure_may_stop_the_rest(scripted: Machine, aws: FakeAws) -> None:
    """So that nothing is built on it: also when it is repeated, until the failure is repaired."""
    aws.script(TaskScript(runs=5), TaskScript(exit_codes={"main": 3}, runs=10), TaskScript(runs=100))
    fleet = backfill(scripted(), 5, parallel=2, fail_fast=True)
    fleet.wait()
    assert ["succeeded", "failed", "stopped", None, None] == verdicts(fleet)
    again = backfill(scripted(), 5, fail_fast=True)
    again.wait()
    assert ["succeeded", "failed", None, None, None] == verdicts(again)
    assert 3 == len(aws.started)
    others = backfill(scripted(), 5)
    others.wait()
    assert ["succeeded", "failed", "succeeded", "succeeded", "succeeded"] == verdicts(others)
    repaired = backfill(scripted(), 5, fail_fast=True, failed=True)
    repaired.wait()
    assert repaired.tally.succeeded
    assert [1, 2, 2, 1, 1] == [Counter(worked_on(aws))[time] for time in hours(5)]


def test_another_machine_meets_what_was_repeated(scripted: Machine, aws: FakeAws) -> None:
    """It takes what ECS shows for its own: first the failure, and when that is to be repeated, the repetition."""
    aws.script(FAILS)
    backfill(scripted(), 2).wait()
    backfill(scripted(), 2, failed=True).wait()
    seen = backfill(scripted("server"), 2, failed=True)
    seen.wait()
    assert ["failed", "succeeded"] == verdicts(seen)
    again = backfill(scripted("server"), 2, failed=True)
    again.wait()
    assert (True, 3) == (again.tally.succeeded, len(aws.started))


# -- several at once -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["laptop", "server"])
@pytest.mark.parametrize("late", [0, 1, 7])
@pytest.mark.parametrize("before", ["nothing", "failures"])
def test_two_processes_start_each_run_once(scripted: Machine, aws: FakeAws, other: str, late: int, before: str) -> None:
    """On one machine or on two, begun together or one later; repeating what has failed as well."""
    failed = before == "failures"
    if failed:
        aws.default = FAILS
        for name in dict.fromkeys(["laptop", other]):
            backfill(scripted(name), 12, parallel=4).wait()
    aws.default = TaskScript(runs=20.0)
    known = len(aws.started)
    first = backfill(scripted(), 12, parallel=4, failed=failed)
    second = backfill(scripted(other), 12, parallel=4, failed=failed)
    head = first.stream()
    for _ in range(late):
        next(head)
    streams = [head, second.stream()]
    while streams:
        streams = [stream for stream in streams if next(stream, None) is not None]
    assert hours(12) == sorted(worked_on(aws)[known:])
    assert (True, True) == (first.tally.succeeded, second.tally.succeeded)
    assert ids(first) == ids(second)


# -- the interval ----------------------------------------------------------------------------------------------


def test_daylight_saving(scripted: Machine, aws: FakeAws) -> None:
    """A local time that the clocks skip has no run, and one that they show twice has one."""
    spec = shell("true", schedule={"cron": "30 1 * * *", "timezone": "Europe/London"})
    scripted().backfill(spec, datetime(2025, 3, 29, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)).wait()
    scripted().backfill(spec, datetime(2025, 10, 25, tzinfo=UTC), datetime(2025, 10, 28, tzinfo=UTC)).wait()
    spring = ["2025-03-29T01:30:00Z", "2025-03-31T00:30:00Z"]
    autumn = ["2025-10-25T00:30:00Z", "2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z"]
    assert [*spring, *autumn] == worked_on(aws)


def test_a_time_that_two_expressions_share_is_one_run(scripted: Machine, aws: FakeAws) -> None:
    """`0 12 1 * MON` needs two schedules of AWS's, and on a Monday that is the first both fire."""
    spec = shell("true", schedule={"cron": "0 12 1 * MON"})
    assert 2 == len(spec.schedule[0].expressions)
    scripted().backfill(spec, datetime(2025, 9, 1, tzinfo=UTC), datetime(2025, 9, 9, tzinfo=UTC)).wait()
    assert ["2025-09-01T12:00:00Z", "2025-09-08T12:00:00Z"] == worked_on(aws)


def test_no_times_are_no_failure(scripted: Machine, aws: FakeAws) -> None:
    """Nothing is asked of AWS."""
    fleet = scripted().backfill(HOURLY, START + timedelta(minutes=1), START + HOUR)
    assert ([], True, []) == (list(fleet.wait()), fleet.tally.succeeded, aws.definitions.calls)


@pytest.mark.parametrize(("parallel", "zone", "said"), [(0, UTC, "parallel"), (1, None, "time zone")])
def test_what_makes_no_sense_is_a_mistake(scripted: Machine, parallel: int, zone: None, said: str) -> None:
    """Of the program that calls."""
    with pytest.raises(ValueError, match=said):
        scripted().backfill(HOURLY, START.replace(tzinfo=zone), START + HOUR, parallel=parallel)


def test_what_is_wrong_is_found_before_anything_is_sent(scripted: Machine, aws: FakeAws) -> None:
    """An unknown job, a job without a schedule."""
    with pytest.raises(UnknownJobError):
        scripted().backfill("nobody", START, START + HOUR)
    with pytest.raises(SpecError, match="has no schedule"):
        scripted().backfill(shell("true"), START, START + HOUR)
    assert ([], []) == (aws.tasks.calls, list(scripted()._ports.runs.recent()))


def test_what_a_backfill_would_do_is_known_without_aws(scripted: Machine, aws: FakeAws) -> None:
    """From the records of this machine; a local endpoint that has gone has taken its runs with it."""
    aws.script(TaskScript(), FAILS, TaskScript(runs=1e5))
    runner = scripted()
    for event in backfill(runner, 4).stream():
        if event.index == 2 and isinstance(event.event, PhaseChanged):
            break
    calls = len(aws.tasks.calls)
    ports = runner._ports

    def plan(place: Connection | None, *, failed: bool = False) -> list[tuple[str | None, Action]]:
        fills = plan_backfill(ports.runs, HOURLY, runner.settings, START, START + 4 * HOUR, place=place, failed=failed)
        return [(fill.state, fill.action) for fill in fills]

    keep, start = Action.KEEP, Action.START
    known = [("succeeded", keep), ("failed", keep), ("unfinished", Action.CONTINUE), (None, start)]
    assert known == plan(ports.connection)
    assert [known[0], ("failed", start), *known[2:]] == plan(ports.connection, failed=True)
    for elsewhere in (None, Connection(region="us-east-1", endpoint_url="http://127.0.0.1:1", endpoint_id="another")):
        assert [(None, start)] * 4 == plan(elsewhere)
    assert calls == len(aws.tasks.calls)
