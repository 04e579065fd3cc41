"""Runs that history has, whoever started them, for the tests of what is made of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jobrunner.core import local_stage
from jobrunner.core.history import ExecutionNote, Identity, LaunchNote, Source
from jobrunner.core.outcome import Outcome, Verdict
from jobrunner.testing.snapshots import container, running_task, stopped_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobrunner import JobRunner
    from jobrunner.core.history import Note
    from jobrunner.core.ports import History
    from jobrunner.testing import FakeAws

#: The scripted clock begins then.
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
GROUP = local_stage.HISTORY_LOG_GROUP
_VERDICTS = {0: Verdict.SUCCEEDED, None: Verdict.NEVER_STARTED}


def deploy_rule(aws: FakeAws) -> None:
    """Let there be the log group that the rule writes to, from long ago on."""
    aws.events.groups.setdefault(GROUP, [])
    aws.logs.groups[GROUP] = None


def history_of(runner: JobRunner) -> History:
    """What a machine has read of history."""
    return runner._ports.history


def task_arn(number: int) -> str:
    """The ARN of a task."""
    return f"arn:aws:ecs:us-east-1:123456789012:task/jobrunner/{number:032x}"


def identity(run_id: str, job: str = "etl", trigger: str = "manual") -> Identity:
    """Which run; of a scheduled one, its id says it."""
    name, _, time = run_id.partition("@")
    if not time:
        return Identity(run_id=run_id, job=job, trigger=trigger)
    return Identity(run_id=run_id, job=name, trigger="schedule", scheduled_time=datetime.fromisoformat(time))


def launch(
    run: Identity | str,
    at: datetime = NOON,
    exit_code: int | None = 0,
    *,
    attempt: int = 1,
    number: int = 1,
    over: bool = True,
    **task: Any,
) -> LaunchNote:
    """One launch: of 90 seconds, or one that runs; without an exit code, one whose container never started."""
    run = identity(run) if isinstance(run, str) else run
    moved = at - NOON
    make = stopped_task(exit_code) if over else running_task()
    times = {name: time + moved for name, time in vars(make).items() if isinstance(time, datetime)}
    told = {"containers": (container(last_status="STOPPED", exit_code=exit_code),)} if over else {}
    snapshot = replace(make, **{"task_arn": task_arn(number), **times, **told, **task})
    outcome = Outcome(
        run_id=run.run_id,
        job=run.job,
        attempt=attempt,
        verdict=_VERDICTS.get(exit_code, Verdict.FAILED),
        reason="exit" if exit_code is not None else "image_pull",
        exit_code=exit_code,
        detail=f"exit code {exit_code}",
        task_arn=snapshot.task_arn,
        created_at=snapshot.created_at,
        pull_started_at=snapshot.pull_started_at,
        started_at=snapshot.started_at,
        stopped_at=snapshot.stopped_at,
        billed_seconds=110,
        cost_usd=Decimal("0.000377"),
        capacity="on-demand",
    )
    return LaunchNote(
        identity=run, attempt=attempt, at=at, main="main", task=snapshot, outcome=outcome if over else None, version=5
    )


def skipped(run_id: str, at: datetime = NOON) -> ExecutionNote:
    """A scheduled run that another one has held back."""
    run = identity(run_id)
    end = Outcome(
        run_id=run_id,
        job=run.job,
        attempt=1,
        verdict=Verdict.NEVER_STARTED,
        reason="skipped",
        exit_code=None,
        detail="was skipped: another run was under way",
        billed_seconds=0,
        cost_usd=Decimal("0.000000"),
    )
    return ExecutionNote(identity=run, name=run_id.replace(":", "."), at=at, running=False, end=end)


def remember(runner: JobRunner, *notes: Note, **source: Any) -> None:
    """Let a machine have read these notes; of another source, if it is said."""
    settings = runner.settings
    own = Source.at(runner.connection, project=settings.project, stage=settings.stage)
    history_of(runner).add(replace(own, **source), notes)


def forget(aws: FakeAws) -> None:
    """Let ECS forget all tasks that there are, as it does an hour after their end."""
    for task in aws.started:
        task.script = replace(task.script, missing_for=1e9)


def ids(entries: Sequence[Any]) -> list[str]:
    """The ids of runs, in their order."""
    return [one.identity.run_id for one in entries]
