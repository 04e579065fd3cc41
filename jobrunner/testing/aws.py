"""The in-memory AWS that the fake ports share."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from jobrunner.core.local_stage import ACCOUNT_ID, CLUSTER, REGION
from jobrunner.testing.deadlines import FakeDeadlines
from jobrunner.testing.ecs import FakeDefinitions, FakeTasks
from jobrunner.testing.event_log import FakeEventLog
from jobrunner.testing.executions import FakeExecutions
from jobrunner.testing.identity import FakeIdentity
from jobrunner.testing.logs import FakeLogs
from jobrunner.testing.notices import FakeTopics, FakeWebhooks
from jobrunner.testing.schedules import FakeSchedules
from jobrunner.testing.task import FakeTask, TaskScript

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobrunner.core.ports import Clock


class FakeAws:
    """ECS, CloudWatch Logs, EventBridge Scheduler, Step Functions and STS of one account and region.

    Attributes:
        tasks: `ports.Tasks`.
        definitions: `ports.Definitions`.
        logs: `ports.Logs`.
        deadlines: `ports.Deadlines`; they are not among the schedules.
        schedules: `ports.Schedules`.
        executions: `ports.Executions`.
        events: `ports.EventLog`.
        identity: `ports.Identity`.
        topics: `ports.Topics`.
        webhooks: `ports.Webhooks`, which are nobody's in particular.
        started: Every task, in the order of its start.
        default: The script of tasks for which `script` ordered no other.

    Args:
        clock: Moves the tasks.
        clusters: Those that exist.
        default: The script of tasks for which `script` ordered no other.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        clusters: Iterable[str] = (CLUSTER,),
        default: TaskScript | None = None,
    ) -> None:
        self.clock = clock
        self.clusters = set(clusters)
        self.started: list[FakeTask] = []
        self.default = default or TaskScript()
        self._scripts: deque[TaskScript] = deque()
        self.definitions = FakeDefinitions()
        self.logs = FakeLogs(self)
        self.tasks = FakeTasks(self)
        self.deadlines = FakeDeadlines(self)
        self.schedules = FakeSchedules(clock)
        self.executions = FakeExecutions(clock)
        self.events = FakeEventLog()
        self.identity = FakeIdentity()
        self.topics = FakeTopics()
        self.webhooks = FakeWebhooks()

    def script(self, *scripts: TaskScript) -> None:
        """Order what the next tasks do, one script for each."""
        self._scripts.extend(scripts)

    def start(self, cluster: str, request: Mapping[str, Any], definition: Mapping[str, Any]) -> FakeTask:
        """Start a task, whatever the request says of its count and capacity."""
        script = self._scripts.popleft() if self._scripts else self.default
        task = FakeTask(
            arn=f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}:task/{cluster}/{len(self.started) + 1:032x}",
            request=request,
            definition=definition,
            script=script,
            created_at=self.clock.now(),
        )
        self.started.append(task)
        return task
