"""The schedules that are there, with what they do next and did last."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import naming
from jobrunner.core.outcome import iso
from jobrunner.core.plan_times import times_of
from jobrunner.core.request import RUN_ID_VARIABLE, SCHEDULED_TIME_VARIABLE
from jobrunner.core.verdict import judge
from jobrunner.core.wall_clock import iso_seconds
from jobrunner.ops.parallel import THREADS, in_order
from jobrunner.ops.patience import patiently
from jobrunner.ops.pause import is_over
from jobrunner.ops.perform import attempt_of
from jobrunner.ops.scheduled import read_ours
from jobrunner.ops.tasks_of import run_id_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from jobrunner.core.judgement import Judgement
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.settings import Settings
    from jobrunner.ops.ports import Ports

#: "A list of up to 100 task IDs or full ARN entries" (DescribeTasks, API reference).
_BATCH: Final = 100


@dataclass(frozen=True, kw_only=True)
class LastRun:
    """The last task that a job's schedules have started, as long as ECS knows it: about an hour after its end.

    Attributes:
        run_id: Of its run.
        scheduled_time: As EventBridge Scheduler has written it.
        attempt: Which attempt of the run it is.
        task: What ECS says of it.
        judgement: How it ended; None while it runs.
    """

    run_id: str
    scheduled_time: str | None
    attempt: int
    task: TaskSnapshot
    judgement: Judgement | None

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object."""
        judgement = self.judgement
        return {
            "run_id": self.run_id,
            "scheduled_time": self.scheduled_time,
            "attempt": self.attempt,
            "task_arn": self.task.task_arn,
            "phase": self.task.last_status,
            "verdict": None if judgement is None else str(judgement.verdict),
            "exit_code": None if judgement is None else judgement.exit_code,
            "created_at": iso(self.task.created_at),
            "stopped_at": iso(self.task.stopped_at),
        }


@dataclass(frozen=True, kw_only=True)
class ScheduleStatus:
    """One schedule of EventBridge Scheduler that jobrunner has made.

    Attributes:
        name: Its name.
        job: Whose it is; the project may not have that job any more.
        state: `enabled`, `paused`, or `over` when it can never fire again.
        expression: As AWS has it.
        timezone: Its time zone.
        next: When it fires next, in UTC; None when it does not, or when nobody but AWS knows: of a rate without a
            start, or of an expression that jobrunner cannot read.
        last: The job's last run; schedules of one job share it.
    """

    name: str
    job: str
    state: str
    expression: str
    timezone: str
    next: datetime | None
    last: LastRun | None

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object."""
        return {
            "name": self.name,
            "job": self.job,
            "state": self.state,
            "schedule": self.expression,
            "timezone": self.timezone,
            "next": None if self.next is None else iso_seconds(self.next),
            "last": None if self.last is None else self.last.to_json(),
        }


def overview(
    ports: Ports, settings: Settings, *, jobs: Collection[str] | None = None, threads: int = THREADS
) -> Sequence[ScheduleStatus]:
    """List the schedules of a project and stage that jobrunner has made, by name.

    The cluster is asked for its tasks once, however many jobs there are.

    Args:
        ports: The outside.
        settings: Whose they are.
        jobs: Only the schedules of these jobs; None for all.
        threads: Calls at once.
    """
    found = read_ours(ports, settings, jobs=jobs, threads=threads)
    last = _last_runs(ports, dict(found.values()), settings, threads) if found else {}
    now = ports.clock.now()
    return [_status(name, job, body, last.get(job), now) for name, (job, body) in found.items()]


def _status(name: str, job: str, body: Mapping[str, Any], last: LastRun | None, now: datetime) -> ScheduleStatus:
    enabled = "enabled" if body["State"] == "ENABLED" else "paused"
    state = "over" if is_over(body, now) else enabled
    return ScheduleStatus(
        name=name,
        job=job,
        state=state,
        expression=str(body["ScheduleExpression"]),
        timezone=str(body["ScheduleExpressionTimezone"]),
        next=_next_fire(body, now) if state == "enabled" else None,
        last=last,
    )


def _next_fire(body: Mapping[str, Any], now: datetime) -> datetime | None:
    times = times_of(body)
    # A rate without a start counts from its creation, or from whatever AWS counts it from after an update.
    if times is None or (times.period is not None and times.start is None):
        return None
    return next(times.fires(now), None)


def _last_runs(
    ports: Ports, bodies: Mapping[str, Mapping[str, Any]], settings: Settings, threads: int
) -> dict[str, LastRun]:
    """Give the last run of each job, by the job's name, of which one of the schedules is given."""
    project, stage = settings.project, settings.stage
    scopes = {naming.schedule_scope(project=project, stage=stage, job=job): job for job in bodies}
    jobs = {naming.started_by_schedule(scope): job for scope, job in scopes.items()}
    newest: dict[str, TaskSnapshot] = {}
    for task in _tasks(ports, settings, threads):
        job = jobs.get(task.started_by or "")
        if job is not None and (job not in newest or _order(newest[job]) < _order(task)):
            newest[job] = task
    return {job: _last_run(task, bodies[job]) for job, task in newest.items()}


def _tasks(ports: Ports, settings: Settings, threads: int) -> Sequence[TaskSnapshot]:
    cluster, clock = settings.cluster, ports.clock
    arns = list(patiently(clock, lambda: ports.tasks.find(cluster)))
    batches = [arns[start : start + _BATCH] for start in range(0, len(arns), _BATCH)]
    described = in_order(
        lambda batch: patiently(clock, lambda: ports.tasks.describe(cluster, batch)), batches, threads=threads
    )
    return [task for batch in described for task in batch.values()]


def _order(task: TaskSnapshot) -> tuple[float, str]:
    return (task.created_at.timestamp() if task.created_at else 0.0, task.task_arn)


def _last_run(task: TaskSnapshot, body: Mapping[str, Any]) -> LastRun:
    return LastRun(
        run_id=run_id_of(task) or naming.task_id(task.task_arn),
        scheduled_time=task.environment.get(SCHEDULED_TIME_VARIABLE),
        attempt=attempt_of(task),
        task=task,
        judgement=judge(task, _main(body)) if task.stopped else None,
    )


def _main(body: Mapping[str, Any]) -> str:
    """Give the job's own container: the one that the schedule tells which run it is of."""
    try:
        document = json.loads(body["Target"]["Input"])
        overrides = document.get("request", document)["Overrides"]["ContainerOverrides"]
        own = [one for one in overrides if any(pair["Name"] == RUN_ID_VARIABLE for pair in one["Environment"])]
        return str(own[0]["Name"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):  # somebody has changed it by hand
        return naming.MAIN_CONTAINER
