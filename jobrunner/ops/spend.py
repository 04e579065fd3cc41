"""Compare what is about to be started with the budgets, by what history knows of the month.

Nothing is locked for it, on this machine or elsewhere: two that start something at the same moment may both be let
pass, and go above a budget together. What a schedule starts was compared when it was applied, and never again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from jobrunner.core import naming
from jobrunner.core.account import Account, month_of
from jobrunner.core.coming import AS_WRITTEN, coming_starts
from jobrunner.core.cost import Past, past_of
from jobrunner.core.history import Query, Source
from jobrunner.core.outcome import Verdict
from jobrunner.core.spend import Coming, Standing, exceeded, refuse, together
from jobrunner.core.task_size import TaskSize
from jobrunner.errors import StoreError
from jobrunner.ops import define

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jobrunner.core.options import RunOptions
    from jobrunner.core.plan import Plan
    from jobrunner.core.ports import History
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec
    from jobrunner.ops.history import Synced
    from jobrunner.ops.ports import Ports

#: How old a run may be of which a median tells how long the next one takes, and how many are enough.
PAST_DAYS: Final = 90
_PAST_RUNS: Final = 1_000
#: A run without a timeout that is not over after so long is taken for one whose end nobody has seen.
_LONGEST: Final = timedelta(days=1)
#: Places in which one key may have had a run: local endpoints come and go.
_PLACES: Final = 100
#: Between the attempts of a run there are pauses, and starts.
_SLACK: Final = timedelta(hours=1)


def past_runs(history: History, settings: Settings, job: str, *, now: datetime) -> Past | None:
    """Give how long a job's successful runs have taken, as far as this machine has read; None when it knows of none.

    Raises:
        StoreError: The cache of history cannot be read.
    """
    query = Query(
        project=settings.project,
        stage=settings.stage,
        job=job,
        since=now - timedelta(days=PAST_DAYS),
        verdict=Verdict.SUCCEEDED,
        limit=_PAST_RUNS,
    )
    return past_of(run.billed for run in history.figures(query) if run.billed is not None)


def past_of_jobs(history: History, settings: Settings, jobs: Iterable[str], *, now: datetime) -> dict[str, Past]:
    """Give the same of several jobs, of those that have a past.

    A cache that cannot be read is as good as an empty one here: an estimate then says what it says on a new machine.
    """
    try:
        found = {job: past_runs(history, settings, job, now=now) for job in jobs}
    except StoreError:
        return {}
    return {job: past for job, past in found.items() if past is not None}


def check_starts(ports: Ports, spec: JobSpec, settings: Settings, starts: Sequence[RunOptions]) -> tuple[Standing, ...]:
    """Make sure that runs which are about to be started stay within the budgets; without one, nothing is asked.

    Runs of a key that there are already are not started, and not counted.

    Returns:
        The budgets that are exceeded all the same, as every run that is new says `over_budget`; it is noted in the
        audit trail.

    Raises:
        BudgetError: A budget is exceeded, or nobody knows; nothing was stored or sent.
        AwsError: AWS refuses to describe the job's existing task definition, or does not answer.
        StoreError: The records or the cache of history cannot be read.
    """
    if spec.budget is None and settings.budget is None:
        return ()
    starts = [one for one in starts if not _recorded(ports, spec, settings, one)]
    if not starts:
        return ()
    from jobrunner.ops.history import sync  # noqa: PLC0415  only where there is a budget

    synced = sync(ports, settings)
    new = [one for one in starts if not _remembered(ports, spec, settings, one)]
    if not new:
        return ()
    over = exceeded(_standings(ports, spec, settings, new, synced))
    if not all(one.over_budget for one in new):
        refuse(over)
    if over:
        note_exceeded(ports, over, job=spec.name, runs=len(new))
    return over


def check_plan(ports: Ports, plan: Plan, *, over_budget: bool) -> tuple[Standing, ...]:
    """Make sure that what a plan schedules stays within the budgets; give those that it exceeds all the same.

    Raises:
        BudgetError: A budget is exceeded, or nobody knows, and that is not to be.
    """
    over = exceeded(plan.budgets) if plan.changed else ()
    if not over_budget:
        refuse(over)
    if over:
        note_exceeded(ports, over, group=plan.group)
    return over


def note_exceeded(ports: Ports, over: Sequence[Standing], **what: object) -> None:
    """Write into the audit trail that somebody goes above budgets."""
    ports.audit.record("budget_exceeded", {**what, "budgets": [one.to_json() for one in over]})


def _recorded(ports: Ports, spec: JobSpec, settings: Settings, options: RunOptions) -> bool:
    """Tell whether this machine has begun the run of a key, here."""
    if options.key is None:
        return False
    record = ports.runs.get(_run_id(spec, settings, options.key))
    return record is not None and record.at(ports.connection) and not record.unstarted


def _remembered(ports: Ports, spec: JobSpec, settings: Settings, options: RunOptions) -> bool:
    """Tell whether history has a task of the run of a key, here, whoever has started it."""
    if options.key is None:
        return False
    here = Source.at(ports.connection, project=settings.project, stage=settings.stage)
    found = ports.history.named(_run_id(spec, settings, options.key), limit=_PLACES)
    return any(one.source == here and any(launch.task_arn for launch in one.launches) for one in found)


def _run_id(spec: JobSpec, settings: Settings, key: str) -> str:
    return naming.keyed_run_id(project=settings.project, stage=settings.stage, job=spec.name, key=key)


def _standings(
    ports: Ports, spec: JobSpec, settings: Settings, new: Sequence[RunOptions], synced: Synced
) -> Iterator[Standing]:
    now = ports.clock.now()
    trouble = None if synced.trouble is None else f"what has run lately cannot be read: {synced.trouble.what}"
    account = Account(since=now - _longest(spec), job=spec.name)
    account.take(
        ports.history.figures(
            Query(
                project=settings.project,
                stage=settings.stage,
                job=spec.name if settings.budget is None else None,
                since=month_of(now),
            )
        )
    )
    coming = _coming(ports, spec, settings, new, under_way=account.under_way, now=now)
    for job, budget in ((spec.name, spec.budget), (None, settings.budget)):
        if budget is not None:
            yield Standing(
                job=job,
                project=settings.title,
                budget=budget,
                coming=coming,
                spent=account.spent(whole=job is None, partial=not synced.rule, trouble=trouble),
            )


def _coming(
    ports: Ports, spec: JobSpec, settings: Settings, new: Sequence[RunOptions], *, under_way: int, now: datetime
) -> Coming:
    """Estimate the runs that are to come, and those of the job that are under way."""
    existing = None if spec.task_definition is None else define.existing_definition(ports, spec.task_definition)
    described = None if existing is None else TaskSize.described(existing)
    past = past_runs(ports.history, settings, spec.name, now=now)

    def cost(starts: Sequence[RunOptions]) -> Coming:
        region = ports.connection.region
        return coming_starts(spec, starts, region=region, prices=ports.prices, past=past, described=described)

    return together([cost(new), replace(cost([AS_WRITTEN] * under_way), runs=0, under_way=under_way)])


def _longest(spec: JobSpec) -> timedelta:
    attempts = 1 if spec.retries is None else spec.retries.attempts
    return _LONGEST if spec.timeout is None else timedelta(seconds=spec.timeout) * attempts + _SLACK
