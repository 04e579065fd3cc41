"""The contract of `ports.Executions`."""

from __future__ import annotations

import json
import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from worlds import World

    from jobrunner.core.execution import Execution

    Begin = Callable[..., str]


@pytest.fixture
def name() -> str:
    """A name that no execution has; a colon would not be allowed in it."""
    return f"{uuid.uuid4().hex[:16]}-2026-11-24T02.30.00Z"


@pytest.fixture
def begin(world: World, name: str) -> Begin:
    """Start an execution of that name that ends as is said; the ARN of its state machine."""

    def begun(**ending: Any) -> str:
        if not world.place.states_role:
            pytest.skip("JOBRUNNER_CONTRACT_STATES_ROLE names no role")
        return world.execute(name, json.dumps(ending))

    return begun


def until(world: World, machine: str, name: str, status: str) -> Execution:
    """Wait until an execution has that status; give it."""
    limit = time.monotonic() + world.place.bound
    while (found := world.executions.describe(machine, name)) is None or found.status != status:
        assert time.monotonic() < limit, found
        world.wait()
    return found


def test_an_execution_that_runs(world: World, name: str, begin: Begin) -> None:
    """With what it was started with, and when."""
    machine = begin()
    found = until(world, machine, name, "RUNNING")
    assert (machine, name, "{}", True) == (found.machine, found.name, found.input, found.running)
    assert (None, None, None) == (found.output, found.error, found.cause)
    assert abs(found.started_at - world.now()) < timedelta(minutes=5)
    assert world.executions.stop(machine, name, error="end", cause="of the test")


def test_an_execution_that_has_succeeded(world: World, name: str, begin: Begin) -> None:
    """With its output, which is JSON."""
    output = {"run_id": "nightly@2026-11-24T02:30:00Z", "attempt": 1, "said": "é"}
    found = until(world, begin(output=output), name, "SUCCEEDED")
    assert (output, None, None) == (json.loads(found.output or ""), found.error, found.cause)


def test_an_execution_that_has_failed(world: World, name: str, begin: Begin) -> None:
    """With error and cause, as its state machine has written them."""
    cause = json.dumps({"verdict": "failed", "exit_code": 75})
    found = until(world, begin(error="jobrunner.failed", cause=cause), name, "FAILED")
    assert (None, "jobrunner.failed", cause) == (found.output, found.error, found.cause)


def test_an_execution_is_stopped(world: World, name: str, begin: Begin) -> None:
    """It says by whom and why; a second stop, or one after the end, changes nothing and is no error."""
    machine = begin()
    assert world.executions.stop(machine, name, error="jobrunner.stopped", cause="jobrunner: stopped: é")
    stopped = until(world, machine, name, "ABORTED")
    assert ("jobrunner.stopped", "jobrunner: stopped: é") == (stopped.error, stopped.cause)
    assert world.executions.stop(machine, name, error="other", cause="later")
    assert stopped == world.executions.describe(machine, name)


def test_an_end_stays(world: World, name: str, begin: Begin) -> None:
    """Whatever is stopped afterwards."""
    machine = begin(output={})
    ended = until(world, machine, name, "SUCCEEDED")
    world.executions.stop(machine, name, error="too", cause="late")
    assert ended == world.executions.describe(machine, name)


def test_an_execution_that_does_not_exist(world: World, name: str, begin: Begin) -> None:
    """It cannot be described or stopped, and that is no error."""
    machine = begin()
    other = f"{name}.2"
    assert (None, False) == (
        world.executions.describe(machine, other),
        world.executions.stop(machine, other, error="e", cause="c"),
    )
    assert world.executions.stop(machine, name, error="end", cause="of the test")


def test_a_state_machine_that_does_not_exist(world: World, name: str, begin: Begin) -> None:
    """It has no executions."""
    machine = f"{begin(output={}).rpartition(':')[0]}:{uuid.uuid4().hex}"
    assert (None, False) == (
        world.executions.describe(machine, name),
        world.executions.stop(machine, name, error="e", cause="c"),
    )
