"""A week of a project with ten scheduled jobs, played in two minutes: what fired, how often, and how it ended."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playing import client, fast_project, play_until
from week import Attempt, Week

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console import Console

SPEED = 4_800
#: Of Scheduler's time, between the first request of `apply` and the beginning of the week: 18 seconds.
AHEAD = timedelta(hours=24)


@pytest.fixture(scope="module")
def week() -> Week:
    """The week; always in the future, as the first time of a schedule has to be."""
    return Week.after(datetime.now(UTC))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, week: Week) -> Iterator[Console]:
    """A console in the project, after its week."""
    directory = tmp_path_factory.mktemp("week", numbered=False)
    with fast_project(directory, week.jobs(), speed=SPEED, begins=week.sunday - AHEAD) as console:
        play(console)
        yield console


def play(console: Console) -> None:
    """Apply the project once, and wait until nothing fires any more and nothing but the two last ones runs."""
    console.run("apply", "--yes")
    console.run("plan", "--exit-code")  # nothing is left to do
    began = time.monotonic()
    ends = began + (AHEAD + timedelta(days=7)).total_seconds() / SPEED
    play_until(console, ends, left=2)


def attempts(console: Console) -> Counter[Attempt]:
    """Every task that ECS knows, as the environment of its container and its end tell."""
    ecs = client(console, "ecs")
    found: Counter[Attempt] = Counter()
    for status in ("RUNNING", "STOPPED"):
        for page in ecs.get_paginator("list_tasks").paginate(cluster="jobrunner", desiredStatus=status):
            if page["taskArns"]:
                tasks = ecs.describe_tasks(cluster="jobrunner", tasks=page["taskArns"])["tasks"]
                found.update(attempt_of(task) for task in tasks)
    return found


def attempt_of(task: dict[str, Any]) -> Attempt:
    """Read a task."""
    pairs = task["overrides"]["containerOverrides"][0]["environment"]
    environment = {pair["name"]: pair["value"] for pair in pairs}
    reason, code = task.get("stoppedReason", ""), task["containers"][0].get("exitCode")
    end = reason.partition(" by ")[0].partition(" after ")[0] if reason.startswith("jobrunner: ") else f"exit {code}"
    return Attempt(
        job=environment["JOBRUNNER_JOB"],
        scheduled=datetime.fromisoformat(environment["JOBRUNNER_SCHEDULED_TIME"]),
        attempt=int(environment["JOBRUNNER_ATTEMPT"]),
        end=task["lastStatus"] if task["lastStatus"] != "STOPPED" else end,
    )


def test_the_week(played: Console, week: Week) -> None:
    """Each scheduled minute has its task once, and no other has one; attempts and ends are those that were ordered."""
    expected, found = Counter(week.expected()), attempts(played)
    assert (Counter(), Counter()) == (expected - found, found - expected)


def test_what_was_not_to_overlap(played: Console, week: Week) -> None:
    """Each time at which `forbid` held a run back is an execution that says so, and what it was held back by."""
    states = client(played, "stepfunctions")
    [machine] = states.list_state_machines()["stateMachines"]
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=machine["stateMachineArn"], statusFilter="SUCCEEDED"
    )
    outputs = [
        json.loads(states.describe_execution(executionArn=one["executionArn"])["output"])
        for page in pages
        for one in page["executions"]
    ]
    skipped = [one["run_id"] for one in outputs if isinstance(one, dict) and "skipped" in one]
    times = [week.sunday + number * timedelta(hours=6) for number in range(1, 28)]
    assert sorted(f"forbidding@{time:%Y-%m-%dT%H:%M:%SZ}" for time in times) == sorted(skipped)


def test_schedules_after_the_week(played: Console) -> None:
    """`schedules` names each schedule with its last run; the one-off has gone."""
    rows = {row["job"]: row for row in played.run("schedules", "--output", "json").json}
    assert {"often", "london", "sydney", "either", "rated", "forbidding", "replacing", "flaky", "slow"} == set(rows)
    ends = {job: row["last"]["verdict"] for job, row in rows.items()}
    assert {"often": "succeeded", "slow": "timed_out", "flaky": "succeeded"}.items() <= ends.items()
