"""Which tasks are a run's, as long as ECS knows them.

`startedBy` is what ListTasks filters by. That of a scheduled run is the same for all that the schedules of its job
start: which run a task belongs to is in the environment of its overrides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.core import naming
from jobrunner.core.request import RUN_ID_VARIABLE
from jobrunner.ops.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.ops.ports import Ports


def tasks_named(ports: Ports, cluster: str, name: str, *, project: str, stage: str | None) -> Sequence[TaskSnapshot]:
    """Give the tasks of the run of that id; or of all scheduled runs whose ids begin so.

    Args:
        ports: The outside.
        cluster: Where they run, name or ARN.
        name: A complete id, or the beginning of a scheduled run's: `JOB@`, and as much of the time as is known.
        project: Whose job it is; only the id of a scheduled run does not say so.
        stage: As above.
    """
    job, scheduled, _ = name.partition("@")
    if not scheduled:
        return tasks_started_by(ports, cluster, naming.started_by(name))
    scope = naming.schedule_scope(project=project, stage=stage, job=job)
    tasks = tasks_started_by(ports, cluster, naming.started_by_schedule(scope))
    return [task for task in tasks if (run_id_of(task) or "").startswith(name)]


def siblings_of(ports: Ports, cluster: str, task: TaskSnapshot) -> Sequence[TaskSnapshot]:
    """Give all tasks of the run that a task belongs to; the task alone if it is no run's."""
    run_id = run_id_of(task)
    if run_id is None or task.started_by is None:
        return [task]
    others = tasks_started_by(ports, cluster, task.started_by)
    # ECS may not list a task yet that it describes.
    return [one for one in others if run_id_of(one) == run_id] or [task]


def tasks_started_by(ports: Ports, cluster: str, started_by: str) -> Sequence[TaskSnapshot]:
    """Give the tasks that ECS lists under a `startedBy`."""
    found = patiently(ports.clock, lambda: ports.tasks.find(cluster, started_by=started_by))
    return list(patiently(ports.clock, lambda: ports.tasks.describe(cluster, found)).values()) if found else []


def run_id_of(task: TaskSnapshot) -> str | None:
    """Give the id of the run that a task belongs to; None when jobrunner did not start it."""
    if not naming.is_started_by_schedule(task.started_by):
        return naming.run_id_of(task.started_by)
    run_id = task.environment.get(RUN_ID_VARIABLE, "")
    return None if naming.scheduled_of(run_id) is None else run_id
