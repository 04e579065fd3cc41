"""The timeout of a run that holds when nobody watches, from its being set to its being cleared."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from course_process import Process, Store, end_of, kinds, live, one_life, warnings
from course_world import (
    BEGIN,
    FOREVER,
    GUARDED,
    INTERRUPTED,
    NEVER_RAN,
    QUIET,
    RUN_ID,
    SUCCESS,
    World,
    earlier_failure,
    exits,
    new_record,
    task_arn,
)

from jobrunner.core.course import Launches, Manner
from jobrunner.core.outcome import Verdict
from jobrunner.core.retry import Policy


def test_a_start_is_told_when_its_deadline_is_set() -> None:
    """Whoever is told may leave the run to itself."""
    world, store = World([FOREVER]), Store(new_record(timeout=90))
    process = Process(world, store, manner=GUARDED, fresh=True)

    process.turn()
    process.turn()
    assert (["LaunchTask"], [], False) == (world.calls, process.events, process.course.launched)
    process.turn()
    assert ["LaunchTask", "SetDeadline"] == world.calls
    assert ["Started", "PROVISIONING"] == kinds(process.events)
    assert process.course.launched

    (name,) = world.deadlines
    deadline = world.deadlines[name]
    assert f"jobrunner-timeout-{RUN_ID}-1" == name == store.record.guard
    assert ("jobs", "jobrunner-scheduler", BEGIN + timedelta(seconds=90), "jobrunner: timed out after 1m30s") == (
        deadline.group,
        deadline.role,
        deadline.at,
        deadline.reason,
    )
    assert (world.tasks[0].arn, "blue") == (deadline.task_arn, deadline.cluster)


def test_the_deadline_stops_a_task_that_nobody_follows() -> None:
    """Whoever looks later sees that it has timed out."""
    world, store = World([FOREVER]), Store(new_record(timeout=90))
    starter = Process(world, store, manner=GUARDED, fresh=True)
    for _ in range(3):
        starter.turn()

    world.advance_to(BEGIN + timedelta(minutes=10))
    later = Process(world, store, manner=replace(GUARDED, launches=Launches.DUE))
    live(world, later)

    outcome = end_of(later)
    assert (Verdict.TIMED_OUT, "timed out after 1m30s", 110) == (
        outcome.verdict,
        outcome.detail,
        outcome.billed_seconds,
    )
    assert [f"jobrunner-timeout-{RUN_ID}-1"] == world.fired
    assert later.course.record.guard is None


def test_the_deadline_is_cleared_as_soon_as_the_verdict_is_certain() -> None:
    """It would come between the container's end and STOPPED, and take the blame."""
    world = World()

    process = one_life(world, new_record(timeout=55), manner=GUARDED)

    assert (Verdict.SUCCEEDED, 70) == (end_of(process).verdict, end_of(process).billed_seconds)
    assert ({}, [], None) == (world.deadlines, world.fired, process.course.record.guard)
    cleared = world.calls.index("ClearDeadline")
    assert "DescribeTask" in world.calls[cleared:]
    assert process.course.verdict_known


@pytest.mark.parametrize("fault", ["refused", "throttled", "unreachable", "lost"])
def test_a_deadline_that_cannot_be_set_is_a_warning(fault: str) -> None:
    """The run goes on, and this process keeps the timeout."""
    world = World([FOREVER], faults={"SetDeadline": [fault]})

    process = one_life(world, new_record(timeout=90), manner=GUARDED)

    assert Verdict.TIMED_OUT is end_of(process).verdict
    (warning,) = warnings(process)
    assert warning.startswith("the timeout of 1m30s is kept by this process only, while it follows the run: ")
    assert 1 == world.calls.count("SetDeadline")
    assert ["Started", "Warning"] == [kind for kind in kinds(process.events) if kind in {"Started", "Warning"}]


@pytest.mark.parametrize("fault", ["refused", "throttled", "unreachable", "lost"])
def test_a_deadline_that_cannot_be_cleared_changes_nothing(fault: str) -> None:
    """It stops a task that has stopped, and deletes itself."""
    world = World([exits(75), SUCCESS], faults={"ClearDeadline": [fault]})

    process = one_life(world, new_record(Policy(attempts=2, on=(75,)), timeout=60), manner=GUARDED)

    assert (Verdict.SUCCEEDED, ["1", "2"]) == (end_of(process).verdict, world.tokens)
    assert [] == warnings(process)
    assert process.course.record.guard is None


def test_every_attempt_has_a_deadline_of_its_own() -> None:
    """Another launch is another task."""
    world = World([NEVER_RAN, exits(75), SUCCESS])

    process = one_life(world, new_record(Policy(attempts=2, on=(75, "infrastructure")), timeout=60), manner=GUARDED)

    assert Verdict.SUCCEEDED is end_of(process).verdict
    assert ["1", "1.2", "2"] == world.tokens
    assert (3, 3, {}) == (world.calls.count("SetDeadline"), world.calls.count("ClearDeadline"), world.deadlines)


def test_without_a_role_the_user_is_told_who_keeps_the_timeout() -> None:
    """No schedule is asked for."""
    world = World([FOREVER])

    process = one_life(world, new_record(timeout=90))

    assert Verdict.TIMED_OUT is end_of(process).verdict
    assert [
        "the timeout of 1m30s is kept by this process only, while it follows the run: scheduler_role is not set"
    ] == warnings(process)
    assert "SetDeadline" not in world.calls


def test_a_run_that_is_found_without_its_deadline_gets_one_before_its_start_is_told() -> None:
    """The process that launched it ended between RunTask and CreateSchedule."""
    world, store = World([FOREVER]), Store(new_record(timeout=90))
    starter = Process(world, store, manner=GUARDED, fresh=True)
    starter.turn()
    starter.turn(crash="stored")
    assert (world.tasks[0].arn, None, {}) == (store.record.task_arn, store.record.guard, world.deadlines)

    starter.turn()
    assert ([], False) == (starter.events, starter.course.launched)
    live(world, starter)

    assert ["LaunchTask", "DescribeTask", "SetDeadline"] == world.calls[:3]
    assert ["Started", "PROVISIONING"] == kinds(starter.events)[:2]
    assert Verdict.TIMED_OUT is end_of(starter).verdict


def test_a_run_whose_deadline_has_passed_is_stopped_although_nobody_stays() -> None:
    """The process that launched it died too soon, and whoever finds it by its key leaves when it has started."""
    world, store = World([FOREVER]), Store(new_record(timeout=90))
    starter = Process(world, store, manner=GUARDED, fresh=True)
    starter.turn()
    starter.turn(crash="stored")
    world.advance_to(BEGIN + timedelta(seconds=100))
    while not starter.course.launched:
        starter.turn()

    world.advance_to(BEGIN + timedelta(seconds=105))

    assert ("jobrunner: timed out after 1m30s", []) == (world.tasks[0].stop_reason, world.alive)


def test_a_run_whose_deadline_has_passed_is_stopped_at_once_by_who_follows_it() -> None:
    """The schedule is for the case that this process dies."""
    world, store = World([FOREVER]), Store(new_record(timeout=90))
    starter = Process(world, store, manner=GUARDED, fresh=True)
    starter.turn()
    starter.turn(crash="stored")
    world.advance_to(BEGIN + timedelta(seconds=100))

    live(world, starter)

    assert Verdict.TIMED_OUT is end_of(starter).verdict
    assert ["LaunchTask", "DescribeTask", "SetDeadline", "StopTask"] == world.calls[:4]
    assert world.tasks[0].ended_at < BEGIN + timedelta(seconds=101)
    assert ({}, []) == (world.deadlines, world.fired)


@pytest.mark.parametrize("manner", [QUIET, GUARDED])
def test_a_run_that_has_ended_needs_no_deadline(manner: Manner) -> None:
    """Nor a warning that there is none."""
    world, store = World(), Store(new_record(timeout=90))
    starter = Process(world, store, manner=GUARDED, fresh=True)
    starter.turn()
    starter.turn(crash="stored")
    world.advance_to(BEGIN + timedelta(seconds=80))

    later = Process(world, store, manner=manner)
    live(world, later)

    assert ["LaunchTask", "DescribeTask"] == world.calls
    assert ["Started", "STOPPED", "Finished"] == kinds(later.events)


def test_a_stop_before_the_deadline_was_asked_for_does_without() -> None:
    """What was to be asked was left out for the stop; the start is told all the same."""
    world, store = World([FOREVER]), Store(new_record(timeout=90))
    process = Process(world, store, manner=GUARDED, fresh=True)
    process.turn()
    process.turn()
    assert [] == process.events

    process.stop(INTERRUPTED)
    live(world, process)

    assert Verdict.INTERRUPTED is end_of(process).verdict
    assert "SetDeadline" not in world.calls
    assert ["Started", "PROVISIONING"] == kinds(process.events)[:2]


def test_a_deadline_is_asked_for_again_when_that_was_left_out() -> None:
    """Another process was a step ahead: the step's asks were not made."""
    world, store = World([FOREVER]), Store(new_record(timeout=90))
    process = Process(world, store, manner=GUARDED, fresh=True)
    process.turn()
    store.record = replace(store.record, attempt=2, earlier=(earlier_failure(task_arn=task_arn(1)),))
    process.turn()
    store.record = process.course.record
    live(world, process)

    assert Verdict.TIMED_OUT is end_of(process).verdict
    assert 1 == world.calls.count("SetDeadline")
    assert ["Started", "PROVISIONING"] == kinds(process.events)[:2]


def test_a_deadline_is_cleared_although_a_stop_came_between() -> None:
    """The request was left out for the stop, and made after it."""
    world, store = World(), Store(new_record(timeout=90))
    process = Process(world, store, manner=replace(GUARDED, wait_bill=False), fresh=True)
    while not process.course.verdict_known:
        world.advance_to(process.due)
        process.turn()
    assert 1 == len(world.deadlines)

    process.stop(INTERRUPTED)
    live(world, process)

    assert Verdict.SUCCEEDED is end_of(process).verdict
    assert ({}, None) == (world.deadlines, process.course.record.guard)


def test_who_follows_may_leave_when_nothing_is_under_way() -> None:
    """Not while RunTask is to be answered, nor before the deadline is set; but between two attempts."""
    world, store = World([exits(75), FOREVER]), Store(new_record(Policy(attempts=2, on=(75,)), timeout=90))
    process = Process(world, store, manner=GUARDED, fresh=True)
    leavable = [process.course.leavable]
    for _ in range(3):
        process.turn()
        leavable.append(process.course.leavable)
    assert [False, False, False, True] == leavable

    while store.record.attempt == 1:
        world.advance_to(process.due)
        process.turn()
    assert process.course.leavable

    live(world, process)
    assert process.course.leavable
