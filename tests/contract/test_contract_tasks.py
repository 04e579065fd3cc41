"""The contract of `ports.Tasks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from worlds import GROUP, Job, World, definition_request, run_request, started, until

from jobrunner.core.lifecycle import STOPPED, TaskSnapshot
from jobrunner.errors import AwsRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = "f" * 32


@pytest.fixture
def definition(world: World, family: str) -> str:
    """A registered task definition."""
    world.logs.ensure_group(GROUP, retention_days=1, tags={})
    return world.definitions.register(definition_request(world, family)).arn


@pytest.fixture
def long_task(world: World, definition: str) -> Iterator[TaskSnapshot]:
    """A task that would run for ten minutes."""
    task = started(world, run_request(world, definition, Job(runs=600)))
    yield task
    world.tasks.stop(world.place.cluster, task.task_arn, "end of the test")
    until(world, task.task_arn, lambda seen: seen.stopped)


def test_a_task_is_described_under_the_name_that_was_asked(world: World, long_task: TaskSnapshot) -> None:
    """A task's ARN and its id both name it, and the answer's keys are what was asked with."""
    arn = until(world, long_task.task_arn, lambda _: True).task_arn
    short = arn.rsplit("/", 1)[-1]
    seen = world.tasks.describe(world.place.cluster, [short, arn])
    assert [short, arn] == list(seen)
    assert {arn} == {one.task_arn for one in seen.values()}


def test_a_task_that_ecs_does_not_know_is_left_out(world: World, long_task: TaskSnapshot) -> None:
    """MISSING is no error; more than one batch of 100 is asked for as many batches."""
    until(world, long_task.task_arn, lambda _: True)
    asked = [f"{number:032x}" for number in range(0xF00, 0xF00 + 150)]
    seen = world.tasks.describe(world.place.cluster, [*asked, long_task.task_arn])
    assert [long_task.task_arn] == list(seen)
    assert {} == world.tasks.describe(world.place.cluster, [])


def test_a_repeated_token_gives_the_first_task(world: World, definition: str) -> None:
    """A call that is repeated with its token starts nothing, and gives the task that it started before."""
    request = run_request(world, definition, Job())
    first = started(world, request)
    assert first.task_arn == started(world, request).task_arn
    assert [first.task_arn] == list(
        world.tasks.find(world.place.cluster, started_by=request.body["startedBy"]),
    )
    until(world, first.task_arn, lambda seen: seen.stopped)
    assert first.task_arn == started(world, request).task_arn


def test_a_repeated_token_with_other_parameters_gives_the_first_task(world: World, definition: str) -> None:
    """A ConflictException is the answer to a call that this run has made before: its task is the run's task."""
    request = run_request(world, definition, Job())
    first = started(world, request)
    other = run_request(world, definition, Job(exit_code=1), clientToken=request.body["clientToken"])
    assert first.task_arn == started(world, other).task_arn


def test_another_token_starts_another_task(world: World, definition: str) -> None:
    """Two runs are two tasks."""
    tasks = [started(world, run_request(world, definition, Job())).task_arn for _ in range(2)]
    assert 2 == len(set(tasks))


@pytest.mark.parametrize("exit_code", [0, 3])
def test_a_task_ends_with_the_exit_code_of_its_container(world: World, definition: str, exit_code: int) -> None:
    """The exit code, the stop code and every time of a task are known when it is STOPPED."""
    task = started(world, run_request(world, definition, Job(exit_code=exit_code)))
    seen = until(world, task.task_arn, lambda one: one.stopped)
    container = seen.container("main")
    assert container is not None
    assert exit_code == container.exit_code
    assert "EssentialContainerExited" == seen.stop_code
    assert STOPPED == seen.desired_status
    times = [seen.created_at, seen.pull_started_at, seen.pull_stopped_at, seen.started_at, seen.stopped_at]
    assert sorted(filter(None, times)) == times
    assert seen.execution_stopped_at is not None


def test_a_running_container_has_no_exit_code(world: World, long_task: TaskSnapshot) -> None:
    """No exit code is not the exit code 0."""
    seen = until(world, long_task.task_arn, lambda one: one.last_status == "RUNNING")
    assert [None] == [one.exit_code for one in seen.containers]
    assert not seen.containers_over
    assert None is seen.stopped_at


def test_a_task_carries_what_identifies_its_run(world: World, definition: str) -> None:
    """JOBRUNNER_* variables, startedBy, size and definition are read back; other variables are not kept."""
    request = run_request(world, definition, Job())
    task = started(world, request)
    seen = until(world, task.task_arn, lambda one: one.stopped)
    assert {"JOBRUNNER_JOB": "contract"} == dict(seen.environment)
    assert request.body["startedBy"] == seen.started_by
    assert (256, 512) == (seen.cpu, seen.memory)
    assert definition == seen.task_definition_arn
    assert "FARGATE" == seen.launch_type


def test_spot_is_told_by_the_capacity_provider(world: World, definition: str) -> None:
    """A strategy instead of a launch type: the capacity provider says which capacity it became."""
    request = run_request(world, definition, Job())
    body = {key: value for key, value in request.body.items() if key != "launchType"}
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    task = started(world, type(request)(body=body | {"capacityProviderStrategy": strategy}))
    assert "FARGATE_SPOT" == until(world, task.task_arn, lambda one: one.stopped).capacity_provider


def test_tasks_are_found_by_who_started_them(world: World, definition: str) -> None:
    """A run's task is found by its startedBy while it runs and after it has stopped; then only if asked for."""
    request = run_request(world, definition, Job(runs=600))
    cluster, started_by = world.place.cluster, request.body["startedBy"]
    task = started(world, request)
    until(world, task.task_arn, lambda one: one.last_status == "RUNNING")
    assert [task.task_arn] == list(world.tasks.find(cluster, started_by=started_by, stopped=False))
    world.tasks.stop(cluster, task.task_arn, "enough")
    until(world, task.task_arn, lambda one: one.stopped)
    assert [] == list(world.tasks.find(cluster, started_by=started_by, stopped=False))
    assert [task.task_arn] == list(world.tasks.find(cluster, started_by=started_by))
    assert [] == list(world.tasks.find(cluster, started_by="jobrunner/nobody"))


def test_tasks_are_found_by_family(world: World, definition: str, family: str) -> None:
    """Running tasks come before stopped ones; those of other families are not listed."""
    short = started(world, run_request(world, definition, Job()))
    until(world, short.task_arn, lambda one: one.stopped)
    long = started(world, run_request(world, definition, Job(runs=600)))
    assert [long.task_arn, short.task_arn] == list(world.tasks.find(world.place.cluster, family=family))
    world.tasks.stop(world.place.cluster, long.task_arn, "end of the test")
    assert [] == list(world.tasks.find(world.place.cluster, family=f"{family}-other"))


def test_two_filters_are_a_mistake(world: World) -> None:
    """ECS refuses startedBy beside another filter, so the port does before it asks."""
    with pytest.raises(ValueError, match="not by both"):
        world.tasks.find(world.place.cluster, started_by="x", family="y")


def test_a_stop_says_who_and_why(world: World, long_task: TaskSnapshot) -> None:
    """The reason given to StopTask is the task's stoppedReason; a second stop is no error and changes nothing."""
    cluster = world.place.cluster
    until(world, long_task.task_arn, lambda one: one.last_status == "RUNNING")
    world.tasks.stop(cluster, long_task.task_arn, "jobrunner: timed out")
    seen = until(world, long_task.task_arn, lambda one: one.stopped)
    world.tasks.stop(cluster, long_task.task_arn, "too late")
    again = until(world, long_task.task_arn, lambda one: one.stopped)
    assert ("UserInitiated", "jobrunner: timed out") == (seen.stop_code, seen.stopped_reason)
    assert seen == again
    assert seen.container("main") is not None
    assert 0 != seen.containers[0].exit_code


def test_a_stop_of_an_unknown_task_is_no_error(world: World) -> None:
    """What ECS does not know does not run."""
    world.tasks.stop(world.place.cluster, UNKNOWN, "whatever")


def test_an_unknown_cluster_is_refused(world: World, definition: str) -> None:
    """AWS's code and words reach the user."""
    with pytest.raises(AwsRefusedError) as caught:
        world.tasks.run(run_request(world, definition, Job(), cluster="nowhere"))
    assert "ClusterNotFoundException" == caught.value.code
    assert "ecs:RunTask" == caught.value.where
    with pytest.raises(AwsRefusedError):
        world.tasks.describe("nowhere", [UNKNOWN])


def test_an_unknown_definition_is_refused(world: World, family: str) -> None:
    """Nothing is started without a definition."""
    with pytest.raises(AwsRefusedError):
        world.tasks.run(run_request(world, f"{family}:7", Job()))
