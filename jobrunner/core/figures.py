"""The figures of a run that reports add up, in whole numbers: a million of them are read at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from jobrunner.core.outcome import Verdict
from jobrunner.core.retry import SPOT

if TYPE_CHECKING:
    from jobrunner.core.history import Entry, LaunchNote

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MILLISECOND: Final = timedelta(milliseconds=1)
_SECOND: Final = timedelta(seconds=1)
_MICRODOLLARS: Final = Decimal(1_000_000)


class Figures(NamedTuple):
    """One run.

    Attributes:
        stage: Its stage, or None.
        job: Its job.
        trigger: Who started it.
        due: `Entry.due`, in microseconds since the epoch.
        verdict: How it ended; None while it is not over.
        skipped: Whether it never began because another run was under way; it counts neither as a success nor as a
            failure.
        duration: Milliseconds from the start of its first container that started to the end of its last task; None when
            none started, or not all is known of its tasks.
        attempts: How many it came to.
        billed: Seconds, of all attempts; None when unknown, or not over.
        minimum: Seconds of them that were paid only because AWS bills a minimum.
        pull: Milliseconds of image pulls; None when ECS did not say.
        cost: Micro-dollars, of all attempts; None when unknown, or not over.
        retried: Micro-dollars of the launches before the last; None as above.
        saving: Micro-dollars that Spot saved against on-demand; None when a price is unknown, or not over.
    """

    stage: str | None
    job: str
    trigger: str
    due: int
    verdict: str | None
    skipped: bool
    duration: int | None
    attempts: int
    billed: int | None
    minimum: int
    pull: int | None
    cost: int | None
    retried: int | None
    saving: int | None


def figures_of(entry: Entry) -> Figures:
    """Give the figures of a run."""
    outcome, complete = entry.outcome, entry.complete
    earlier = [] if outcome is None else [_micro(one.cost_usd) for one in outcome.earlier]
    return Figures(
        stage=entry.source.stage,
        job=entry.identity.job,
        trigger=entry.identity.trigger,
        due=microseconds(entry.due),
        verdict=None if outcome is None else str(outcome.verdict),
        skipped=entry.skipped,
        duration=_duration(entry) if complete else None,
        attempts=entry.attempts,
        billed=None if outcome is None else outcome.billed_seconds,
        minimum=sum(map(_minimum, entry.launches)),
        pull=_sum([_pull(one) for one in entry.launches]),
        cost=None if outcome is None else _micro(outcome.cost_usd),
        retried=_sum(earlier) if complete else None,
        saving=_sum([_saving(one) for one in entry.launches]) if complete else None,
    )


def succeeded(figures: Figures) -> bool:
    """Tell whether the run was a success."""
    return figures.verdict == Verdict.SUCCEEDED


def microseconds(moment: datetime) -> int:
    """Give a time in microseconds since the epoch."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(number: int) -> datetime:
    """Give the time, in UTC, that `microseconds` gave a number for."""
    return _EPOCH + number * _MICROSECOND


def _duration(entry: Entry) -> int | None:
    starts = [one.started_at for one in entry.launches if one.started_at is not None]
    stops = [one.stopped_at for one in entry.launches if one.stopped_at is not None]
    tasks = [one for one in entry.launches if one.task_arn is not None]
    if not starts or len(stops) < len(tasks):
        return None
    return max(0, (max(stops) - min(starts)) // _MILLISECOND)


def _minimum(note: LaunchNote) -> int:
    task, outcome = note.task, note.outcome
    if task is None or outcome is None or not outcome.billed_seconds:
        return 0
    if task.pull_started_at is None or task.stopped_at is None:
        return 0
    used = -((task.pull_started_at - task.stopped_at) // _SECOND)  # rounded up, as AWS does: `core.billing`
    return max(0, outcome.billed_seconds - used)


def _pull(note: LaunchNote) -> int | None:
    task = note.task
    if task is None:
        return 0 if note.task_arn is None else None
    if task.pull_started_at is None:
        return 0 if task.stopped and task.started_at is None else None
    if task.pull_stopped_at is None:
        return None
    return max(0, (task.pull_stopped_at - task.pull_started_at) // _MILLISECOND)


def _saving(note: LaunchNote) -> int | None:
    outcome = note.outcome
    if outcome is None or note.task_arn is None or outcome.capacity != SPOT:
        return 0
    if outcome.cost_usd is None or note.on_demand_usd is None:
        return None
    return _micro(note.on_demand_usd - outcome.cost_usd)


def _micro(usd: Decimal | None) -> int | None:
    return None if usd is None else int((usd * _MICRODOLLARS).to_integral_value())


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
