"""The fakes' own script: what the contract suite does not ask of a real endpoint."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from jobrunner.core.follow import LogPage, LogStream, ReadLater, ReadLog, StreamAbsent
from jobrunner.core.lifecycle import STATES
from jobrunner.core.naming import task_id
from jobrunner.core.ports import PlacementFailure
from jobrunner.core.request import RunRequest
from jobrunner.errors import AwsThrottledError, StoreError
from jobrunner.testing import (
    FakeAws,
    Line,
    MemoryAudit,
    MemoryRuns,
    ScriptedClock,
    TaskScript,
    running_task,
    stopped_task,
    task,
)

CLUSTER = "jobrunner"
OPTIONS = {"awslogs-group": "/g", "awslogs-stream-prefix": "p"}


@pytest.fixture
def clock() -> ScriptedClock:
    """A clock."""
    return ScriptedClock()


@pytest.fixture
def aws(clock: ScriptedClock) -> FakeAws:
    """An account with a definition `etl` that logs to `/g`."""
    made = FakeAws(clock)
    made.logs.ensure_group("/g", retention_days=1, tags={})
    container = {"name": "main", "logConfiguration": {"logDriver": "awslogs", "options": OPTIONS}}
    made.definitions.register({"family": "etl", "containerDefinitions": [container, {"name": "side"}]})
    return made


def run(aws: FakeAws, token: str = "t") -> str:  # noqa: S107  no secret
    """Start a task and give its ARN."""
    launch = aws.tasks.run(RunRequest(body={"cluster": CLUSTER, "taskDefinition": "etl", "clientToken": token}))
    assert launch.task is not None
    return launch.task.task_arn


def lines(aws: FakeAws, arn: str, token: str | None = None) -> LogPage:
    """Read a page of the task's log."""
    stream = LogStream(container="main", group="/g", name=f"p/main/{task_id(arn)}")
    answer = aws.logs.read(ReadLog(stream=stream, token=token))
    assert isinstance(answer, LogPage)
    return answer


def test_a_sleep_does_what_was_scheduled_at_its_time(clock: ScriptedClock) -> None:
    """In the order of time, each with the time at which it was due; what is later waits."""
    began, seen = clock.now(), []
    for after in (3.0, 1.0, 9.0):
        clock.after(after, lambda: seen.append((clock.now() - began).total_seconds()))
    clock.sleep(5)
    assert [1.0, 3.0] == seen
    assert began + timedelta(seconds=5) == clock.now()
    assert [5] == clock.slept


def test_a_sleep_ends_when_it_is_woken(clock: ScriptedClock) -> None:
    """At the moment at which the wake was set, or at once when it is set already."""
    began, wake = clock.now(), threading.Event()
    clock.after(2, wake.set)
    clock.sleep(60, wake)
    clock.sleep(60, wake)
    assert began + timedelta(seconds=2) == clock.now()


def test_the_shortest_sleep_passes(clock: ScriptedClock) -> None:
    """Whoever waits for a moment that a float puts a hair after a microsecond gets there; a sleep of 0 takes none."""
    began = clock.now()
    clock.sleep(0)
    assert began == clock.now()
    clock.sleep(1e-7)
    assert began < clock.now()


def test_a_task_goes_through_ecs_s_states_in_their_order(aws: FakeAws, clock: ScriptedClock) -> None:
    """Every state that is seen is later than the one before."""
    aws.script(TaskScript(startup=2, runs=2, deprovisioning=1, exit_codes={"main": 3}, reasons={"side": "why"}))
    arn = run(aws)
    seen: list[str] = []
    while not seen or seen[-1] != "STOPPED":
        seen.append(str(aws.tasks.describe(CLUSTER, [arn])[arn].last_status))
        clock.sleep(0.5)
    assert ["PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING", "STOPPED"] == list(dict.fromkeys(seen))
    assert sorted(seen, key=STATES.index) == seen
    over = aws.tasks.describe(CLUSTER, [arn])[arn]
    assert [("main", 3, None), ("side", 0, "why")] == [(one.name, one.exit_code, one.reason) for one in over.containers]


def test_a_task_that_never_starts_has_no_exit_code_and_no_log(aws: FakeAws, clock: ScriptedClock) -> None:
    """As when an image cannot be pulled."""
    aws.script(TaskScript(never_starts="CannotPullContainerError: no such image", lines=(Line(message="x"),)))
    arn = run(aws)
    clock.sleep(60)
    over = aws.tasks.describe(CLUSTER, [arn])[arn]
    assert ("TaskFailedToStart", None, None) == (over.stop_code, over.started_at, over.pull_started_at)
    assert [None, None] == [one.exit_code for one in over.containers]
    stream = LogStream(container="main", group="/g", name=f"p/main/{task_id(arn)}")
    assert StreamAbsent() == aws.logs.read(ReadLog(stream=stream, token=None))


def test_a_task_may_be_missing_at_first(aws: FakeAws, clock: ScriptedClock) -> None:
    """ECS is eventually consistent."""
    aws.script(TaskScript(missing_for=5, runs=60))
    arn = run(aws)
    assert ({}, []) == (aws.tasks.describe(CLUSTER, [arn]), list(aws.tasks.find(CLUSTER)))
    clock.sleep(5)
    assert [arn] == list(aws.tasks.describe(CLUSTER, [arn]))


def test_a_stop_takes_its_time(aws: FakeAws, clock: ScriptedClock) -> None:
    """A container that handles SIGTERM ends with its own exit code, one that does not with 143."""
    aws.script(TaskScript(startup=0, runs=600, stop_takes=7, deprovisioning=0, exit_codes={"side": 9}))
    arn = run(aws)
    clock.sleep(1)
    aws.tasks.stop(CLUSTER, arn, "why")
    assert "STOPPING" == aws.tasks.describe(CLUSTER, [arn])[arn].last_status
    clock.sleep(7)
    over = aws.tasks.describe(CLUSTER, [arn])[arn]
    assert (True, "why", [143, 9]) == (over.stopped, over.stopped_reason, [one.exit_code for one in over.containers])


def test_lines_come_late_and_in_pages(aws: FakeAws, clock: ScriptedClock) -> None:
    """A line that comes late is after the ones that were shown before, whatever its time."""
    written = (Line(message="late", delay=5), Line(message="a", after=0.1), Line(message="b", after=0.2))
    aws.script(TaskScript(startup=0, runs=1, log_delay=1, lines=written))
    arn = run(aws)
    aws.logs.page_size, aws.logs.empty_pages = 1, True
    clock.sleep(2)
    first = lines(aws, arn)
    empty = lines(aws, arn, first.token)
    second = lines(aws, arn, empty.token)
    end = lines(aws, arn, second.token)
    assert (["a"], [], ["b"], []) == tuple(list(page.messages) for page in (first, empty, second, end))
    assert empty.token != first.token
    assert second.token == end.token
    clock.sleep(10)
    gap = lines(aws, arn, end.token)
    assert ["late"] == list(lines(aws, arn, gap.token).messages)


def test_failures_come_as_ordered(aws: FakeAws) -> None:
    """Each ordered failure meets one call; a refusal is repeated for its token, as ECS does."""
    aws.tasks.fail("run", AwsThrottledError("slow down"))
    aws.tasks.refuse(PlacementFailure(reason="Capacity is unavailable at this time"))
    with pytest.raises(AwsThrottledError):
        run(aws)
    request = RunRequest(body={"cluster": CLUSTER, "taskDefinition": "etl", "clientToken": "t-1"})
    for _ in range(2):
        assert ["Capacity is unavailable at this time"] == [one.reason for one in aws.tasks.run(request).failures]
    assert run(aws, "t-2")
    aws.logs.answer(ReadLater(reason="throttled"))
    stream = LogStream(container="main", group="/g", name="p/main/x")
    assert ReadLater(reason="throttled") == aws.logs.read(ReadLog(stream=stream, token=None))
    assert ["run"] * 4 == aws.tasks.calls


def test_the_memory_store_fails_as_ordered() -> None:
    """So that a test sees what a full disk does."""
    runs = MemoryRuns()
    runs.fail("recent", StoreError("full"))
    with pytest.raises(StoreError, match="full"):
        runs.recent()
    assert [] == list(runs.recent())
    runs.fail("advance_all", StoreError("full"))
    with pytest.raises(StoreError, match="full"):
        runs.advance_all([])
    assert ["recent", "recent", "advance_all"] == runs.calls


def test_the_memory_audit_keeps_what_was_noted() -> None:
    """In order."""
    audit = MemoryAudit()
    audit.record("run_started", {"job": "etl"})
    audit.close()
    assert ([("run_started", {"job": "etl"})], True) == (audit.records, audit.closed)


def test_snapshots_are_complete_by_default() -> None:
    """A test says only what it is about."""
    assert (None, False) == (task().last_status, task().stopped)
    assert (False, "RUNNING") == (running_task().containers_over, running_task().last_status)
    over = stopped_task(3, stop_code="UserInitiated")
    assert (True, 3, "UserInitiated") == (over.stopped, over.containers[0].exit_code, over.stop_code)
