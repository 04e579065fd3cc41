"""The fake of timeouts: what the contract suite does not ask of a real endpoint."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from jobrunner.core.deadline import Deadline
from jobrunner.core.request import RunRequest
from jobrunner.errors import AwsRefusedError
from jobrunner.testing import FakeAws, ScriptedClock, TaskScript

CLUSTER = "jobrunner"


@pytest.fixture
def aws() -> FakeAws:
    """An account with a definition `etl` whose tasks run for ten minutes."""
    made = FakeAws(ScriptedClock(), default=TaskScript(startup=0, runs=600, deprovisioning=0))
    made.definitions.register({"family": "etl", "containerDefinitions": [{"name": "main"}]})
    return made


def deadline(aws: FakeAws, seconds: float, **changes: str) -> Deadline:
    """Start a task and give a deadline of it, in so many seconds."""
    token = f"t-{len(aws.started)}"
    launch = aws.tasks.run(RunRequest(body={"cluster": CLUSTER, "taskDefinition": "etl", "clientToken": token}))
    assert launch.task is not None
    texts = {"name": "n", "group": "g", "role": "r", "cluster": CLUSTER, "reason": "too long"} | changes
    return Deadline(at=aws.clock.now() + timedelta(seconds=seconds), task_arn=launch.task.task_arn, **texts)


def test_only_the_deadline_s_own_task_is_stopped(aws: FakeAws) -> None:
    """At the very moment, inside a sleep that goes on; stopping is Scheduler's call and none of the tool's."""
    first, other = deadline(aws, 60), deadline(aws, 0)
    aws.deadlines.set(first)
    aws.clock.sleep(100)
    seen = aws.tasks.describe(CLUSTER, [first.task_arn, other.task_arn])
    assert (True, first.at) == (seen[first.task_arn].stopped, seen[first.task_arn].stopping_at)
    assert "RUNNING" == seen[other.task_arn].last_status
    assert ({}, [first]) == (aws.deadlines.pending, aws.deadlines.fired)
    assert "stop" not in aws.tasks.calls


def test_a_deadline_that_has_passed_fires_with_the_next_sleep(aws: FakeAws) -> None:
    """Nothing happens inside `set` itself."""
    overdue = deadline(aws, -5)
    aws.deadlines.set(overdue)
    assert [] == aws.deadlines.fired
    aws.clock.sleep(0)
    assert [overdue] == aws.deadlines.fired


def test_names_of_two_groups_are_two_deadlines(aws: FakeAws) -> None:
    """A name is unique within its group."""
    aws.deadlines.set(deadline(aws, 10))
    aws.deadlines.set(deadline(aws, 20, group="h"))
    aws.deadlines.clear("n", "g")
    aws.clock.sleep(30)
    assert ["h"] == [one.group for one in aws.deadlines.fired]


def test_failures_come_as_ordered(aws: FakeAws) -> None:
    """A call that fails sets nothing."""
    aws.deadlines.fail("set", AwsRefusedError("no"))
    with pytest.raises(AwsRefusedError):
        aws.deadlines.set(deadline(aws, 10))
    assert ({}, ["set"]) == (aws.deadlines.pending, aws.deadlines.calls)


def test_a_clock_that_schedules_nothing_is_a_mistake() -> None:
    """A deadline that silently never comes would make a test pass for nothing."""

    class RealClock:
        def now(self) -> datetime:
            return datetime.now(UTC)

        def sleep(self, seconds: float, wake: object = None) -> None:
            del wake
            time.sleep(seconds)

    aws = FakeAws(RealClock())
    aws.definitions.register({"family": "etl", "containerDefinitions": [{"name": "main"}]})
    with pytest.raises(TypeError, match="ScriptedClock"):
        aws.deadlines.set(deadline(aws, 10))
