"""The contract of `ports.Deadlines`."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from worlds import GROUP, Job, World, definition_request, run_request, started, until

from jobrunner.core.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobrunner.core.lifecycle import TaskSnapshot

#: Every account has it.
SCHEDULES = "default"


@pytest.fixture
def task(world: World, family: str) -> Iterator[TaskSnapshot]:
    """A task that would run for ten minutes."""
    if not world.place.scheduler_role:
        pytest.skip("JOBRUNNER_CONTRACT_SCHEDULER_ROLE names no role")
    world.logs.ensure_group(GROUP, retention_days=1, tags={})
    definition = world.definitions.register(definition_request(world, family)).arn
    begun = started(world, run_request(world, definition, Job(runs=600)))
    until(world, begun.task_arn, lambda seen: seen.last_status == "RUNNING")
    yield begun
    world.tasks.stop(world.place.cluster, begun.task_arn, "end of the test")
    until(world, begun.task_arn, lambda seen: seen.stopped)


@pytest.fixture
def plan(world: World, task: TaskSnapshot) -> Iterator[Callable[[float, str], Deadline]]:
    """Deadlines of one name for the task, in so many seconds and for that reason."""
    name = f"jobrunner-contract-{uuid.uuid4().hex}"

    def planned(seconds: float, reason: str) -> Deadline:
        return Deadline(
            name=name,
            group=SCHEDULES,
            at=world.now() + timedelta(seconds=seconds),
            role=world.place.scheduler_role,
            cluster=world.place.cluster,
            task_arn=task.task_arn,
            reason=reason,
        )

    yield planned
    world.deadlines.clear(name, SCHEDULES)


def gone(world: World, name: str) -> bool:
    """Wait until a schedule does not exist any more."""
    deadline = time.monotonic() + world.place.bound
    while world.has_deadline(name, SCHEDULES):
        assert time.monotonic() < deadline
        world.wait()
    return True


def test_a_deadline_stops_its_task_and_is_gone(
    world: World, task: TaskSnapshot, plan: Callable[[float, str], Deadline]
) -> None:
    """At its time, not before, with its reason; nobody needs to delete it, and its name is free again."""
    deadline = plan(1.5, "jobrunner: timed out after 1.5s")
    world.deadlines.set(deadline)
    assert world.has_deadline(deadline.name, SCHEDULES)
    seen = until(world, task.task_arn, lambda one: one.stopped)
    assert ("UserInitiated", "jobrunner: timed out after 1.5s") == (seen.stop_code, seen.stopped_reason)
    assert seen.stopping_at is not None
    assert deadline.at <= seen.stopping_at
    assert gone(world, deadline.name)
    world.deadlines.set(plan(3600, "another"))
    assert world.has_deadline(deadline.name, SCHEDULES)


def test_the_first_deadline_of_a_name_stays(
    world: World, task: TaskSnapshot, plan: Callable[[float, str], Deadline]
) -> None:
    """Setting it again is no error and changes nothing: a run that is taken over keeps its deadline."""
    first = plan(1.0, "the first")
    world.deadlines.set(first)
    world.deadlines.set(first)
    world.deadlines.set(plan(3600, "the second"))
    seen = until(world, task.task_arn, lambda one: one.stopped)
    assert "the first" == seen.stopped_reason
    assert gone(world, first.name)


def test_a_deadline_that_is_cleared_never_comes(
    world: World, task: TaskSnapshot, plan: Callable[[float, str], Deadline]
) -> None:
    """The task runs on after its time; clearing it again is no error."""
    deadline = plan(1.0, "too late")
    world.deadlines.set(deadline)
    world.deadlines.clear(deadline.name, SCHEDULES)
    assert not world.has_deadline(deadline.name, SCHEDULES)
    world.deadlines.clear(deadline.name, SCHEDULES)
    passed = deadline.at + timedelta(seconds=2)
    until(world, task.task_arn, lambda _: world.now() > passed)
    assert "RUNNING" == until(world, task.task_arn, lambda _: True).last_status


def test_a_cleared_name_can_be_set_again(
    world: World, task: TaskSnapshot, plan: Callable[[float, str], Deadline]
) -> None:
    """The later deadline counts, not the one that was cleared."""
    world.deadlines.set(plan(1.0, "the first"))
    world.deadlines.clear(plan(0, "").name, SCHEDULES)
    second = plan(2.5, "the second")
    world.deadlines.set(second)
    seen = until(world, task.task_arn, lambda one: one.stopped)
    assert "the second" == seen.stopped_reason
    assert seen.stopping_at is not None
    assert second.at <= seen.stopping_at


def test_what_was_never_set_can_be_cleared(world: World) -> None:
    """A run that ends before its deadline was set clears it all the same."""
    world.deadlines.clear(f"jobrunner-contract-{uuid.uuid4().hex}", SCHEDULES)


def test_the_deadline_of_a_task_that_has_ended_changes_nothing(
    world: World, task: TaskSnapshot, plan: Callable[[float, str], Deadline]
) -> None:
    """A watcher that died before it could clear the deadline has done no harm."""
    deadline = plan(1.0, "too late")
    world.deadlines.set(deadline)
    world.tasks.stop(world.place.cluster, task.task_arn, "by hand")
    until(world, task.task_arn, lambda one: one.stopped)
    assert gone(world, deadline.name)
    assert "by hand" == until(world, task.task_arn, lambda _: True).stopped_reason
