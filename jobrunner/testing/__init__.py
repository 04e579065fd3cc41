"""Fakes of everything outside, for tests of jobrunner and of what stands on it. No network, no real time.

    clock = ScriptedClock()
    aws = FakeAws(clock)
    aws.script(TaskScript(runs=2.5, exit_codes={"main": 3}, lines=(Line(message="hello", after=1.0),)))
    # aws.tasks, .definitions, .logs, .events, .deadlines, .schedules, .executions and .identity are ports;
    # MemoryRuns(), MemoryAudit(), MemoryTold(), FakeTopics() and FakeWebhooks() are others.

`ScriptedClock.sleep` advances the time at once, so a run of two hours takes milliseconds. Tasks advance with the
clock through ECS's states, and their log lines become readable with a delay. Failures are ordered with `fail`:

    aws.tasks.fail("run", AwsThrottledError("slow down"))
    aws.tasks.refuse(PlacementFailure(reason="Capacity is unavailable at this time"))
    aws.logs.answer(ReadLater(reason="throttled"))

The fakes keep the ports' contract: the suite in `tests/contract` runs on them and on real endpoints alike.
"""

from __future__ import annotations

from jobrunner.testing.aws import FakeAws
from jobrunner.testing.clock import ScriptedClock
from jobrunner.testing.deadlines import FakeDeadlines
from jobrunner.testing.ecs import FakeDefinitions, FakeTasks
from jobrunner.testing.event_log import FakeEventLog
from jobrunner.testing.executions import FakeExecutions
from jobrunner.testing.identity import FakeIdentity
from jobrunner.testing.logs import FakeLogs
from jobrunner.testing.memory import MemoryAudit, MemoryRuns, MemoryTold
from jobrunner.testing.notices import FakeTopics, FakeWebhooks
from jobrunner.testing.prices import FakePriceList
from jobrunner.testing.schedules import FakeSchedules
from jobrunner.testing.snapshots import container, running_task, stopped_task, task
from jobrunner.testing.task import FakeTask, Line, TaskScript

__all__ = [
    "FakeAws",
    "FakeDeadlines",
    "FakeDefinitions",
    "FakeEventLog",
    "FakeExecutions",
    "FakeIdentity",
    "FakeLogs",
    "FakePriceList",
    "FakeSchedules",
    "FakeTask",
    "FakeTasks",
    "FakeTopics",
    "FakeWebhooks",
    "Line",
    "MemoryAudit",
    "MemoryRuns",
    "MemoryTold",
    "ScriptedClock",
    "TaskScript",
    "container",
    "running_task",
    "stopped_task",
    "task",
]
