"""Runs to make pages of: each with as much of a history as a test wants, and no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zlib import crc32

from jobrunner.cli.page import page
from jobrunner.core.figures import figures_of
from jobrunner.core.history import SKIPPED, Entry, Identity, LaunchNote, Source
from jobrunner.core.lifecycle import STOPPED
from jobrunner.core.outcome import Outcome, Verdict
from jobrunner.core.report import By, Grouping
from jobrunner.core.report_making import make_report
from jobrunner.testing.snapshots import task

if TYPE_CHECKING:
    from collections.abc import Sequence

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SOURCE = Source(project="demo", stage=None, region="eu-west-1")
_PULL = timedelta(seconds=8)


def run(
    job: str = "etl",
    due: datetime = NOON,
    *,
    verdict: Verdict = Verdict.SUCCEEDED,
    seconds: float = 90,
    cost: str | None = "0.001",
    number: int = 1,
    trigger: str = "schedule",
    detail: str = "exit code 0",
    reason: str = "exit",
    exit_code: int | None = 0,
    before: Sequence[Verdict] = (),
) -> Entry:
    """Give a run that is over, after attempts that ended as `before` says, a minute apart."""
    identity = Identity(run_id=f"{job}-{number:06d}", job=job, trigger=trigger, scheduled_time=due)
    notes: list[LaunchNote] = []
    for at, ended in enumerate((*before, verdict)):
        began = due + timedelta(minutes=at)
        last = at == len(before)
        notes.append(
            _launch(
                identity,
                at + 1,
                began,
                verdict=ended,
                seconds=seconds if last else 20,
                cost=cost,
                detail=detail if last else "it was tried",
                reason=reason,
                exit_code=exit_code if last else 75,
            )
        )
    ends = [one.outcome for one in notes if one.outcome is not None]
    return _entry(identity, due, tuple(notes), ends[-1].after(ends[:-1]))


def running(job: str = "etl", due: datetime = NOON, *, number: int = 1) -> Entry:
    """Give a run that is not over."""
    identity = Identity(run_id=f"{job}-{number:06d}", job=job, trigger="manual")
    note = LaunchNote(identity=identity, attempt=1, at=due, main="main", task=_task(number, due), outcome=None)
    return _entry(identity, due, (note,), None)


def skipped(job: str = "etl", due: datetime = NOON, *, number: int = 1) -> Entry:
    """Give a run that never began, because another one was under way."""
    identity = Identity(run_id=f"{job}-{number:06d}", job=job, trigger="schedule", scheduled_time=due)
    outcome = Outcome(
        run_id=identity.run_id,
        job=job,
        attempt=1,
        verdict=Verdict.NEVER_STARTED,
        reason=SKIPPED,
        exit_code=None,
        detail="another run was under way",
    )
    return _entry(identity, due, (), outcome)


def page_of(
    runs: Sequence[Entry],
    *,
    listed: int | None = None,
    title: str = "demo",
    by: By = By.JOB,
    **report: Any,
) -> str:
    """Give the page of these runs, of which so many are listed."""
    figures = [figures_of(one) for one in runs]
    newest = sorted(runs, key=lambda one: one.due, reverse=True)
    made = make_report(figures, by=Grouping(by=by), project="demo", **report)
    return page(title=title, report=made, figures=figures, runs=newest[:listed], made_at=NOON + timedelta(hours=1))


def _entry(identity: Identity, at: datetime, notes: tuple[LaunchNote, ...], outcome: Outcome | None) -> Entry:
    return Entry(source=SOURCE, identity=identity, launches=notes, outcome=outcome, at=at)


def _launch(
    identity: Identity,
    attempt: int,
    began: datetime,
    *,
    verdict: Verdict,
    seconds: float,
    cost: str | None,
    **ended: Any,
) -> LaunchNote:
    started = verdict is not Verdict.NEVER_STARTED
    snapshot = _task(crc32(f"{identity.run_id} {attempt}".encode()), began)
    stopped = began + _PULL + timedelta(seconds=seconds)
    snapshot = replace(
        snapshot, last_status=STOPPED, stopped_at=stopped, started_at=snapshot.started_at if started else None
    )
    if not started:
        ended["exit_code"] = None
    outcome = Outcome(
        run_id=identity.run_id,
        job=identity.job,
        attempt=attempt,
        verdict=verdict,
        task_arn=snapshot.task_arn,
        created_at=began,
        pull_started_at=snapshot.pull_started_at,
        started_at=snapshot.started_at,
        stopped_at=stopped,
        billed_seconds=None if cost is None else max(60, -(-(stopped - began) // timedelta(seconds=1))),
        cost_usd=None if cost is None else Decimal(cost),
        capacity="on-demand",
        **ended,
    )
    return LaunchNote(
        identity=identity, attempt=attempt, at=began, main="main", task=snapshot, outcome=outcome, version=5
    )


def _task(number: int, began: datetime) -> Any:
    return task(
        task_arn=f"arn:aws:ecs:eu-west-1:123456789012:task/demo/{number:032x}",
        created_at=began,
        pull_started_at=began,
        pull_stopped_at=began + _PULL,
        started_at=began + _PULL,
    )
