"""Where a run is now, and what runs now."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.billing import MINIMUM_SECONDS
from jobrunner.core.ending import conclude, unread
from jobrunner.core.outcome import Outcome, Verdict, iso
from jobrunner.core.retry import after_end
from jobrunner.core.stops import started
from jobrunner.core.verdict import judge
from jobrunner.errors import AwsError
from jobrunner.ops.executions import waits
from jobrunner.ops.from_ecs import record_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.record import RunRecord
    from jobrunner.core.settings import Settings
    from jobrunner.core.verdict import Judgement
    from jobrunner.ops.ports import Ports

#: The phase of a scheduled run between two attempts; none of ECS's states is called so.
WAITING: Final = "WAITING"


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """Where a run is.

    Attributes:
        record: The run.
        task: What ECS says now; None when it was not asked or no longer knows the task.
        outcome: The end; None while there is none, or while nobody has observed it.
        trouble: Of a scheduled run: why it is not known whether another attempt follows; None when it is.
    """

    record: RunRecord
    task: TaskSnapshot | None
    outcome: Outcome | None
    trouble: AwsError | None = None

    @property
    def phase(self) -> str | None:
        """ECS's word for where the task is; STOPPED for a run that is known to be over.

        WAITING for a scheduled run that has no task and waits for its next one, which the state machine launches.
        """
        if waits(self.record):
            return WAITING
        if self.task is not None and self.task.last_status:
            return self.task.last_status
        return "STOPPED" if self.outcome is not None else None

    def to_json(self) -> dict[str, Any]:
        """Give the outcome's keys, null where there is no outcome yet, plus phase, trigger and scheduled time."""
        record, task = self.record, self.task
        known = self.outcome.to_json() if self.outcome else dict.fromkeys(field.name for field in fields(Outcome))
        running = {
            "run_id": record.run_id,
            "job": record.job,
            "attempt": record.attempt,
            "task_arn": record.task_arn,
            "created_at": iso(task.created_at if task and task.created_at else record.created_at),
            "pull_started_at": iso(task.pull_started_at) if task else None,
            "started_at": iso(task.started_at) if task else None,
        }
        return {
            **(known if self.outcome else {**known, **running}),
            "phase": self.phase,
            "trigger": record.trigger,
            "scheduled_time": iso(record.scheduled_time),
        }


def billed_so_far(task: TaskSnapshot | None, now: datetime) -> int | None:
    """Give the seconds that a running task would be billed if it stopped now; None before the image pull."""
    if task is None or task.pull_started_at is None:
        return None
    elapsed = (task.stopped_at or now) - task.pull_started_at
    return max(int(elapsed.total_seconds()), MINIMUM_SECONDS)


def status(ports: Ports, record: RunRecord) -> RunStatus:
    """Say where a run is; ECS is asked only if the end, or a bill, is not known."""
    if record.outcome is not None:
        return _over(ports, record, record.outcome)
    if record.task_arn is None:
        return RunStatus(record=record, task=None, outcome=None)
    task = ports.tasks.describe(record.cluster, [record.task_arn]).get(record.task_arn)
    if task is None or not task.stopped:
        return RunStatus(record=record, task=task, outcome=None)
    # Nobody has observed the end: it is judged now, before ECS forgets the task.
    judgement = judge(task, record.main)
    ended = conclude(judgement, task, record.subject(logs=False), prices=ports.prices, logs=unread(task))
    outcome = ended.after(record.earlier)
    if not goes_on(record, judgement, task):
        record = ports.runs.advance(record.with_ended(task).with_outcome(outcome))
    return RunStatus(record=record, task=task, outcome=outcome)


def _over(ports: Ports, record: RunRecord, outcome: Outcome) -> RunStatus:
    """Ask for the bills that nobody waited for, with `--no-wait-bill`; those of all attempts are one sum."""
    attempts = (*outcome.earlier, outcome)
    if not any(map(_unbilled, attempts)):
        return RunStatus(record=record, task=None, outcome=outcome)
    try:
        found = ports.tasks.describe(record.cluster, [one.task_arn for one in attempts if one.task_arn])
    except AwsError:  # the end is known all the same, and says of its bill that it is not
        return RunStatus(record=record, task=None, outcome=outcome)
    earlier = [_billed(ports, record, one, found) for one in outcome.earlier]
    known = _billed(ports, record, outcome.alone(), found).after(earlier)
    if known.billed_seconds is not None:
        outcome = replace(known, logs=outcome.logs)
        for task in found.values():
            record = record.with_ended(task)
        record = ports.runs.advance(record.with_outcome(outcome))
    return RunStatus(record=record, task=found.get(record.task_arn or ""), outcome=outcome)


def _unbilled(outcome: Outcome) -> bool:
    """Tell whether an attempt was left before ECS had reached STOPPED, which gives the bill.

    Of one that only the state machine knows, ECS has nothing more to say: its times are not known either.
    """
    left = outcome.created_at is not None and outcome.stopped_at is None
    return left and outcome.task_arn is not None and outcome.verdict is not Verdict.LOST


def _billed(ports: Ports, record: RunRecord, outcome: Outcome, found: Mapping[str, TaskSnapshot]) -> Outcome:
    """Conclude an attempt again, from what ECS says of its task now."""
    task = found.get(outcome.task_arn or "")
    if task is None or not task.stopped:
        return outcome
    then = replace(
        record, attempt=outcome.attempt, capacity=outcome.capacity or record.capacity, task_arn=outcome.task_arn
    )
    judgement = judge(task, record.main)
    return conclude(judgement, task, then.subject(logs=False), prices=ports.prices, logs=outcome.logs)


def goes_on(record: RunRecord, judgement: Judgement, task: TaskSnapshot) -> bool:
    """Tell whether another attempt is to follow: by who follows the run, or by who repeats its key."""
    ran = started(task, task.container(record.main))
    at, earlier = record.position, record.earlier
    return after_end(record.policy, at, judgement, ran=ran, earlier=earlier, run_id=record.run_id) is not None


def running(ports: Ports, settings: Settings) -> Sequence[RunStatus]:
    """List what runs now of this project and stage, whoever started it, oldest first."""
    arns = ports.tasks.find(settings.cluster, stopped=False)
    found = ports.tasks.describe(settings.cluster, arns) if arns else {}
    statuses = [_running(ports, settings, task) for task in found.values() if not task.stopped]
    ours = [one for one in statuses if one is not None]
    return sorted(ours, key=lambda one: one.record.created_at)


def _running(ports: Ports, settings: Settings, task: TaskSnapshot) -> RunStatus | None:
    from jobrunner.core.history_events import is_of  # noqa: PLC0415  `run` lists nothing

    record = ports.runs.by_task(task.task_arn)
    if record is None and is_of(task, project=settings.project, stage=settings.stage):
        record = record_of(ports, settings, settings.cluster, task)
    if record is None or (record.project, record.stage) != (settings.project, settings.stage):
        return None
    return RunStatus(record=record, task=task, outcome=None)
