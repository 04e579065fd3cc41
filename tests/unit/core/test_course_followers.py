"""Whoever follows a run: after a crash, only to look, or beside another process."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from course_process import Process, Store, end_of, kinds, live, one_life, warnings
from course_world import (
    BEGIN,
    CAPACITY,
    FOREVER,
    GUARDED,
    INTERRUPTED,
    NEVER_RAN,
    RUN_ID,
    SUCCESS,
    World,
    earlier_failure,
    exits,
    new_record,
    planned_second,
    task_arn,
)

from jobrunner.core.course import Launches, Manner
from jobrunner.core.events import Started
from jobrunner.core.observations import LaunchTask
from jobrunner.core.outcome import Verdict
from jobrunner.core.retry import ON_DEMAND, SPOT_THEN_ON_DEMAND, Policy
from jobrunner.core.verdict import STOP

# -- beginning anew from what is stored ------------------------------------------------------------------------


@pytest.mark.parametrize("missing_for", [0.0, 30.0])
def test_whoever_goes_on_after_a_crash_finds_the_task(missing_for: float) -> None:
    """Also when ECS does not list it yet: then the same token gives it."""
    world, store = World([replace(SUCCESS, missing_for=missing_for)]), Store(new_record())
    process = Process(world, store, fresh=True)
    process.turn()
    process.turn(crash="unanswered")
    assert (1, None) == (len(world.tasks), store.record.task_arn)

    live(world, process)

    assert (Verdict.SUCCEEDED, ["1"]) == (end_of(process).verdict, world.tokens)
    assert "FindTask" == world.calls[1]


def test_whoever_goes_on_after_a_crash_before_the_call_makes_it() -> None:
    """The record says that it may have been made, ECS says that it was not."""
    world = World()
    process = Process(world, Store(new_record()))

    live(world, process)

    assert (Verdict.SUCCEEDED, ["1"]) == (end_of(process).verdict, world.tokens)


@pytest.mark.parametrize("stops", [(), ((0.0, INTERRUPTED),)])
def test_a_start_that_cannot_be_known_is_not_repeated(stops: tuple[tuple[float, str], ...]) -> None:
    """ECS may have forgotten the token and the task: another RunTask could be the second one. Nothing is guessed."""
    world = World()
    process = Process(world, Store(new_record(launched_at=BEGIN - timedelta(minutes=51))))

    live(world, process, stops=stops)

    outcome = end_of(process)
    assert (Verdict.LOST, "unknown_start", None, None) == (
        outcome.verdict,
        outcome.reason,
        outcome.billed_seconds,
        outcome.cost_usd,
    )
    assert not outcome.logs.complete
    assert ["FindTask"] == world.calls


def test_a_laptop_that_slept_between_two_calls_starts_no_second_task() -> None:
    """The first call was made and its answer lost; two hours later its token starts another task."""
    world = World(faults={"LaunchTask": ["lost"]})
    process = Process(world, Store(new_record()), fresh=True)
    process.turn()
    process.turn()
    world.advance_to(BEGIN + timedelta(hours=2))

    live(world, process)

    assert (Verdict.LOST, "unknown_start") == (end_of(process).verdict, end_of(process).reason)
    assert ["1"] == world.tokens


def test_a_start_window_does_not_pass_while_nobody_is_there() -> None:
    """The same key goes on with an attempt that was planned hours ago: it has all of its time to start."""
    policy = Policy(attempts=3, on=(75,), start_timeout=90)
    world = World([CAPACITY, SUCCESS])
    process = Process(world, Store(planned_second(policy, due=-timedelta(hours=8))))

    live(world, process)

    assert (Verdict.SUCCEEDED, 2) == (end_of(process).verdict, end_of(process).attempt)
    assert ["2", "2.2"] == world.tokens


def test_a_planned_launch_waits_for_its_time() -> None:
    """Whoever takes the run over keeps to the pause."""
    world = World()
    process = Process(world, Store(planned_second(due=timedelta(seconds=40))))

    live(world, process)

    assert BEGIN + timedelta(seconds=40) == world.tasks[0].created_at
    assert 140 == end_of(process).billed_seconds


def test_a_course_that_has_ended_is_not_advanced() -> None:
    """That would be a mistake of who drives it."""
    process = one_life(World(), new_record())

    with pytest.raises(ValueError, match=f"the course of run {RUN_ID} has ended"):
        process.course.advance(BEGIN)


# -- who only looks --------------------------------------------------------------------------------------------


def test_who_attaches_launches_what_is_due() -> None:
    """As the process that started the run would."""
    world = World()
    process = Process(world, Store(planned_second()), manner=Manner(logs=False, launches=Launches.DUE))

    live(world, process)

    assert (Verdict.SUCCEEDED, ["2"]) == (end_of(process).verdict, world.tokens)


@pytest.mark.parametrize(
    ("launches", "due"),
    [
        (Launches.DUE, timedelta(seconds=-61)),
        (Launches.NONE, timedelta(seconds=-61)),
        (Launches.NONE, timedelta(seconds=30)),
    ],
)
def test_who_only_looks_does_not_start_a_migration(launches: Launches, due: timedelta) -> None:
    """What there is is told, and nothing is stored: the same key goes on from here."""
    world, store = World(), Store(planned_second(due=due))
    before = store.record
    process = Process(world, store, manner=Manner(logs=False, launches=launches))

    live(world, process)

    outcome = end_of(process)
    assert (earlier_failure(), before, []) == (outcome, store.record, world.calls)
    assert ["another attempt is due, which is not started from here; the same key does that"] == warnings(process)


def test_who_only_looks_at_a_run_that_was_never_sent_says_so() -> None:
    """There is no earlier attempt whose end could be told."""
    record = replace(new_record(), sent=False, launched_at=BEGIN - timedelta(hours=1))
    process = Process(World(), Store(record), manner=Manner(logs=False, launches=Launches.DUE))

    live(World(), process)

    assert (Verdict.NEVER_STARTED, "not_sent") == (end_of(process).verdict, end_of(process).reason)


def test_who_only_reads_to_the_end_of_an_attempt_leaves_the_run_open() -> None:
    """The next attempt is for who follows the run."""
    world, store = World([exits(75)]), Store(new_record(Policy(attempts=2, on=(75,))))
    starter = Process(world, store, fresh=True)
    starter.turn()
    starter.turn(crash="stored")
    reader = Process(world, store, manner=Manner(logs=False, launches=Launches.NONE))

    live(world, reader)

    assert (Verdict.FAILED, ["1"]) == (end_of(reader).verdict, world.tokens)
    assert (None, False) == (store.record.outcome, "Retrying" in kinds(reader.events))

    live(world, starter)
    assert (Verdict.SUCCEEDED, ["1", "2"]) == (end_of(starter).verdict, world.tokens)


def test_who_only_reads_to_the_end_of_a_run_stores_it() -> None:
    """Before ECS forgets the task."""
    world, store = World([exits(75)]), Store(new_record())
    starter = Process(world, store, fresh=True)
    starter.turn()
    starter.turn()
    reader = Process(world, store, manner=Manner(logs=False, launches=Launches.NONE))

    live(world, reader)

    assert end_of(reader) == store.record.outcome


# -- two processes that follow one run -------------------------------------------------------------------------


@pytest.mark.parametrize("joins", [0.0, 10.0, 55.0, 75.0, 85.0, 110.0])
def test_two_processes_that_follow_one_run_agree(joins: float) -> None:
    """Whenever the second comes: each attempt is launched once, and both tell the same end."""
    world, store = (
        World([exits(75), NEVER_RAN, SUCCESS]),
        Store(new_record(Policy(attempts=2, on=(75, "infrastructure")))),
    )
    first = Process(world, store, fresh=True)
    first.turn()
    while not first.over and first.due <= BEGIN + timedelta(seconds=joins):
        world.advance_to(first.due)
        first.turn()
    world.advance_to(BEGIN + timedelta(seconds=joins))
    second = Process(world, store, manner=Manner(logs=False, launches=Launches.DUE))

    live(world, second, first)

    assert end_of(first) == end_of(second)
    assert (Verdict.SUCCEEDED, 140) == (end_of(first).verdict, end_of(first).billed_seconds)
    assert ["1", "2", "2.2"] == world.tokens
    assert not any(world.crowds)


def test_a_stop_between_attempts_is_the_end_for_the_other_process_too() -> None:
    """It learns it before it launches anything."""
    world, store = World([exits(75)]), Store(new_record(Policy(attempts=2, on=(75,), backoff=60)))
    first = Process(world, store, fresh=True)
    for _ in range(3):
        first.turn()
    second = Process(world, store)

    live(world, first, second, stops=((80.0, INTERRUPTED),))

    assert end_of(first) == end_of(second)
    assert (Verdict.INTERRUPTED, ["1"]) == (end_of(second).verdict, world.tokens)


def test_a_process_that_was_overtaken_goes_on_with_the_task_of_the_other() -> None:
    """Its own launch is not sent."""
    world, store = World([exits(1)]), Store(planned_second())
    first = Process(world, store)
    world.answer(LaunchTask(record=store.record), store.record)
    store.record = store.record.with_task(world.tasks[0].arn)

    first.turn()
    live(world, first)

    assert (["2"], 1) == (world.tokens, world.calls.count("LaunchTask"))
    assert world.tasks[0].arn == end_of(first).task_arn


def test_the_first_reason_of_a_stop_stays() -> None:
    """Also for the task that is found after the second."""
    world = World([FOREVER], faults={"LaunchTask": ["lost"]})
    process = Process(world, Store(new_record()), fresh=True)
    process.turn()
    process.turn()
    assert process.course.task is None

    process.course.request_stop(INTERRUPTED)
    process.course.request_stop(f"{STOP} later")
    live(world, process)

    assert (Verdict.INTERRUPTED, INTERRUPTED) == (end_of(process).verdict, world.tasks[0].stop_reason)
    assert process.course.task is not None
    assert "STOPPED" == process.course.task.last_status


def test_an_end_that_was_not_the_runs_is_not_told() -> None:
    """The other process has launched the next attempt: the one that was to stop the run goes on there, and does."""
    world, store = World([exits(75), FOREVER]), Store(new_record(Policy(attempts=2, on=(75,), backoff=0)))
    first = Process(world, store, fresh=True)
    while world.now < BEGIN + timedelta(seconds=75):
        world.advance_to(first.due)
        first.turn()
    assert (2, 2) == (store.record.attempt, len(world.tasks))
    slow = Process(world, store, known=new_record(store.record.policy).with_task(world.tasks[0].arn))
    slow.stop(INTERRUPTED)

    live(world, slow, first)

    assert end_of(slow) == end_of(first)
    assert (Verdict.INTERRUPTED, 2, ["1", "2"]) == (end_of(slow).verdict, end_of(slow).attempt, world.tokens)
    assert [1, 2] == [event.attempt for event in slow.events if isinstance(event, Started)]


def test_an_end_that_was_not_the_runs_is_not_told_while_the_launch_is_under_way() -> None:
    """There is no task to stop yet: it is looked for."""
    world, store = World([exits(75), FOREVER]), Store(new_record(Policy(attempts=2, on=(75,), backoff=0)))
    first = Process(world, store, fresh=True)
    while not (store.record.attempt == 2 and store.record.sent):
        world.advance_to(first.due)
        first.turn()
    slow = Process(world, store, known=new_record(store.record.policy).with_task(world.tasks[0].arn))
    slow.stop(INTERRUPTED)

    live(world, slow, first)

    assert end_of(slow) == end_of(first)
    assert (Verdict.INTERRUPTED, []) == (end_of(slow).verdict, world.alive)


def test_an_end_that_was_not_the_runs_is_not_told_between_two_attempts() -> None:
    """What the other process has planned is not launched any more."""
    world, store = World([exits(75)]), Store(new_record(Policy(attempts=2, on=(75,), backoff=60)))
    first = Process(world, store, fresh=True)
    while store.record.attempt == 1:
        world.advance_to(first.due)
        first.turn()
    slow = Process(world, store, known=new_record(store.record.policy).with_task(world.tasks[0].arn))
    slow.stop(INTERRUPTED)

    live(world, slow, first)

    assert end_of(slow) == end_of(first)
    assert (Verdict.INTERRUPTED, ["1"]) == (end_of(slow).verdict, world.tokens)


def test_a_task_that_another_process_has_given_up_is_watched_to_its_end() -> None:
    """Its end is the run's, and is stored: it knows more."""
    world, store = World(), Store(new_record(timeout=90))
    process = Process(world, store, manner=GUARDED, fresh=True)
    process.turn()
    process.turn()
    lost = earlier_failure(verdict=Verdict.LOST, reason="vanished", task_arn=task_arn(1), billed_seconds=None)
    store.record = store.record.with_outcome(lost)

    live(world, process)

    assert (Verdict.SUCCEEDED, 70) == (end_of(process).verdict, end_of(process).billed_seconds)
    assert end_of(process) == store.record.outcome


def test_who_attaches_finds_the_task_of_a_launch_that_was_sent_long_ago() -> None:
    """Only what was never sent can be overdue."""
    world, store = World([FOREVER]), Store(new_record(timeout=600))
    starter = Process(world, store, fresh=True)
    starter.turn()
    starter.turn(crash="unanswered")
    world.advance_to(BEGIN + timedelta(minutes=5))

    looking = Process(world, store, manner=Manner(logs=False, launches=Launches.DUE))
    live(world, looking)

    assert (Verdict.TIMED_OUT, ["1"]) == (end_of(looking).verdict, world.tokens)


def test_a_task_that_is_found_for_an_earlier_launch_is_given_its_own() -> None:
    """Its launch is known to the store: what follows from it, the capacity above all, is decided by that."""
    policy = Policy(attempts=2, on=(75,), capacity=SPOT_THEN_ON_DEMAND)
    world, store = World([CAPACITY, exits(75), SUCCESS]), Store(new_record(policy))
    begun = store.record
    first = Process(world, store, fresh=True)
    for _ in range(3):
        first.turn()
    assert (["1", "1.2"], "1.2") == (world.tokens, store.record.token.removeprefix(f"{RUN_ID}-"))
    late = Process(world, store, known=begun)

    live(world, late, first)

    assert end_of(late) == end_of(first)
    assert [ON_DEMAND, ON_DEMAND] == [one.capacity for one in (*end_of(late).earlier, end_of(late))]
    assert ["1", "1.2", "2"] == world.tokens
