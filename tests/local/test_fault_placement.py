"""RunTask that places no task, and tasks that ECS does not know yet, or not any more."""

from __future__ import annotations

import time
from typing import Any

import pytest
from endpoint_jobs import Jobs, container, of_run, refusal, until

from jobrunner.core import local_stage
from jobrunner.local.faults import FaultBook, Forgotten, Missing, RunTaskFailure

CLUSTER = local_stage.CLUSTER
SPOT = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
ON_DEMAND = [{"capacityProvider": "FARGATE", "weight": 1}]
CAPACITY = "Capacity is unavailable at this time. Please try again later or in a different availability zone"


@pytest.fixture(scope="session")
def definition(jobs: Jobs) -> str:
    """A task that ends at once."""
    return jobs.define(container("true"))


def placed(jobs: Jobs, definition: str, **members: Any) -> tuple[int, list[str]]:
    """How many tasks RunTask started, and the reasons of its failures."""
    answer = jobs.ecs.run_task(**jobs.request(definition, **members))
    return len(answer["tasks"]), [failure["reason"] for failure in answer["failures"]]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (RunTaskFailure(cause="capacity"), CAPACITY),
        (
            RunTaskFailure(cause="vcpu-limit"),
            "You've reached the limit on the number of vCPUs you can run concurrently",
        ),
        (
            RunTaskFailure(cause="vcpu-limit-typographic"),
            "You\u2019ve reached the limit on the number of vCPUs you can run concurrently",
        ),
        (RunTaskFailure(cause="eni"), "RESOURCE:ENI"),
        (RunTaskFailure(reason="RESOURCE:GPU"), "RESOURCE:GPU"),
    ],
)
def test_failures(jobs: Jobs, faults: FaultBook, definition: str, fault: RunTaskFailure, reason: str) -> None:
    """HTTP 200, no task and a failure; the next call, with another token, is placed."""
    (order,) = faults.order(fault)
    assert (0, [reason]) == placed(jobs, definition, startedBy="not-placed")
    assert (1, []) == placed(jobs, definition)
    assert 1 == order.struck
    for status in ("RUNNING", "STOPPED"):
        found = jobs.ecs.list_tasks(cluster=CLUSTER, startedBy="not-placed", desiredStatus=status)
        assert [] == found["taskArns"]


def test_same_token_same_failure(jobs: Jobs, faults: FaultBook, definition: str) -> None:
    """The token of a call that was not placed stands for that answer, also when there is capacity again."""
    (order,) = faults.order(RunTaskFailure(cause="capacity"))
    for _ in range(3):
        assert (0, [CAPACITY]) == placed(jobs, definition, clientToken="unplaced-1")
    assert (1, []) == placed(jobs, definition, clientToken="unplaced-2")
    assert (1, 1) == (order.matched, order.struck)
    conflict = refusal(jobs.ecs.run_task, **jobs.request(definition, clientToken="unplaced-1", startedBy="me"))
    assert "ConflictException" == conflict[0]


def test_capacity_of_spot_only(jobs: Jobs, faults: FaultBook, definition: str) -> None:
    """Who falls back from Spot to on-demand is placed there."""
    (order,) = faults.order(RunTaskFailure(cause="capacity", capacity_provider="FARGATE_SPOT", times="always"))
    assert (0, [CAPACITY]) == placed(jobs, definition, capacityProviderStrategy=SPOT)
    assert (1, []) == placed(jobs, definition, capacityProviderStrategy=ON_DEMAND)
    assert (1, []) == placed(jobs, definition, launchType="FARGATE")
    assert (0, [CAPACITY]) == placed(jobs, definition, capacityProviderStrategy=SPOT)
    assert 2 == order.struck


def test_some_of_several(jobs: Jobs, faults: FaultBook, definition: str) -> None:
    """Of the tasks of one call some may be placed and others not."""
    faults.order(RunTaskFailure(cause="capacity", skip=1, times=2))
    assert (2, [CAPACITY] * 2) == placed(jobs, definition, count=4)


def test_failure_of_one_job(jobs: Jobs, faults: FaultBook, definition: str) -> None:
    """Only the job, and of it only the attempt, that it was ordered for is not placed."""
    faults.order(RunTaskFailure(reason="RESOURCE:CPU", job="mine", attempt=2, times="always"))
    outcomes = [
        placed(jobs, definition, overrides=of_run(job, attempt=attempt))[0]
        for job, attempt in (("mine", 1), ("mine", 2), ("other", 2), ("mine", 2))
    ]
    assert [1, 0, 1, 0] == outcomes


# -- not known yet ---------------------------------------------------------------------------------------------


def test_missing_at_first(jobs: Jobs, faults: FaultBook) -> None:
    """For a while DescribeTasks says MISSING and ListTasks leaves the task out; then it is there, and was all along."""
    (order,) = faults.order(Missing(seconds=1.2, times=1))
    definition = jobs.define(container("sleep", "60"))
    hidden, shown = (
        jobs.ecs.run_task(**jobs.request(definition, startedBy="late"))["tasks"][0]["taskArn"] for _ in range(2)
    )
    answer = jobs.ecs.describe_tasks(cluster=CLUSTER, tasks=[hidden, shown])
    assert ([shown], [{"arn": hidden, "reason": "MISSING"}]) == (
        [task["taskArn"] for task in answer["tasks"]],
        answer["failures"],
    )
    assert [shown] == jobs.ecs.list_tasks(cluster=CLUSTER, startedBy="late")["taskArns"]
    task = until(lambda: jobs.ecs.describe_tasks(cluster=CLUSTER, tasks=[hidden])["tasks"])[0]
    assert time.time() - task["createdAt"].timestamp() >= 1.2
    assert {hidden, shown} == set(jobs.ecs.list_tasks(cluster=CLUSTER, startedBy="late")["taskArns"])
    assert (1, [hidden]) == (order.struck, [strike.at for strike in faults.struck])
    for arn in (hidden, shown):
        jobs.stop(arn)


def test_missing_task_can_be_stopped(jobs: Jobs, faults: FaultBook) -> None:
    """StopTask finds a task that DescribeTasks does not show yet."""
    faults.order(Missing(seconds=60))
    arn = jobs.start(container("sleep", "60"))
    assert "STOPPED" == jobs.stop(arn)["desiredStatus"]
    assert [] == jobs.ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"]


# -- not known any more ----------------------------------------------------------------------------------------


def known(jobs: Jobs, arn: str) -> bool:
    """Whether ECS knows a task."""
    return bool(jobs.ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"])


def test_forgotten_when_stopped(jobs: Jobs, faults: FaultBook) -> None:
    """ECS forgets a task after its end, sooner than the hour: nothing of it is found, except its log."""
    (order,) = faults.order(Forgotten(after=0.3))
    arn = jobs.start(container("echo", "hello"))
    until(lambda: not known(jobs, arn))
    assert 1 == order.struck
    assert "InvalidParameterException" == refusal(jobs.ecs.stop_task, cluster=CLUSTER, task=arn)[0]
    assert arn not in jobs.ecs.list_tasks(cluster=CLUSTER, desiredStatus="STOPPED")["taskArns"]
    assert ["hello"] == jobs.lines(arn)


def test_forgotten_while_running(jobs: Jobs, faults: FaultBook) -> None:
    """A task that ECS has forgotten runs on."""
    faults.order(Forgotten(line="up"))
    arn = jobs.start(container("sh", "-c", "echo up; sleep 0.5; echo done"))
    until(lambda: not known(jobs, arn))
    assert ["up"] == jobs.lines(arn)[:1]
    until(lambda: ["up", "done"] == jobs.lines(arn))


def test_forgotten_task_and_its_token(jobs: Jobs, faults: FaultBook, definition: str) -> None:
    """The token of a forgotten task starts no other."""
    faults.order(Forgotten())
    request = jobs.request(definition, clientToken="forgotten")
    arn = jobs.ecs.run_task(**request)["tasks"][0]["taskArn"]
    until(lambda: not known(jobs, arn))
    assert [arn] == [task["taskArn"] for task in jobs.ecs.run_task(**request)["tasks"]]
