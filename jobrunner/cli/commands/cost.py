"""`jobrunner cost JOB`: what a run and a month of a job will cost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from jobrunner.cli.options import job_names, read_by, read_duration, shared

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.cost import Estimate, Past
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec
    from jobrunner.store import PriceBook

#: More than a run for each second of the month.
_MOST: Final = 10_000_000


@click.command("cost")
@click.argument("job", shell_complete=job_names)
@click.option(
    "--runs",
    type=click.IntRange(0, _MOST),
    metavar="N",
    help="So many runs a month. [default: as many as the job's schedules start in the next 30 days]",
)
@click.option(
    "--duration",
    metavar="DURATION",
    callback=read_by(read_duration, "--duration 10m"),
    help="A run takes so long, from the pull of its image to its stop. "
    "[default: the median of past runs, the timeout, or the least billed]",
)
@shared
@click.pass_obj
def command(invocation: Invocation, *, job: str, runs: int | None, duration: int | None) -> int:
    """Estimate what a job costs a run and a month, offline.

    From the prices that `jobrunner prices` prints, line by line; and an EC2 instance that is always on beside it, with
    from how many hours a day on it would be cheaper. A month is the next 30 days. An unknown price stays unknown.

    A run is taken to be as long as the median of the job's successful runs of the last 90 days, as far as this machine
    has read its history.
    """
    from jobrunner.cli import costs
    from jobrunner.cli.session import load
    from jobrunner.core.cost import estimate
    from jobrunner.store import open_prices

    project = load(invocation, job)
    spec, settings = project.jobs[job], project.settings
    book = open_prices(Path(settings.state_dir))
    if book.trouble is not None:
        invocation.note(f"warning: {book.trouble}")
    now = datetime.now(UTC)
    past = None if duration is not None else _past(invocation, settings, job, now)
    found = estimate(spec, settings, book.table, now=now, duration=duration, past=past, runs=runs)
    if invocation.json:
        invocation.write_json(found.to_json())
    else:
        invocation.terminal.write(costs.text(found))
    _explain(invocation, spec, found, book, local=settings.is_local)
    return 0


def _past(invocation: Invocation, settings: Settings, job: str, now: datetime) -> Past | None:
    """Give how long the job's runs have taken, as far as this machine has read; nothing of AWS is asked."""
    from jobrunner.errors import StoreError
    from jobrunner.ops.spend import past_runs
    from jobrunner.store import open_history

    history = open_history(Path(settings.state_dir))
    try:
        return past_runs(history, settings, job, now=now)
    except StoreError as error:
        invocation.note(f"warning: {error.what}")
        return None
    finally:
        if history.trouble is not None:
            invocation.note(f"warning: {history.trouble}")
        history.close()


def _explain(invocation: Invocation, spec: JobSpec, found: Estimate, book: PriceBook, *, local: bool) -> None:
    """Say what the figures leave out, and what helps where one is missing."""
    from jobrunner.cli import costs

    if local:
        invocation.note(f"the local endpoint costs nothing: this is Fargate in {found.region}")
    if found.scheduled and not spec.schedule:
        invocation.note(f"{found.job} has no schedule; --runs says how often it runs a month")
    elif found.scheduled and spec.paused:
        invocation.note(f"{found.job} is paused: its schedules start nothing; --runs says how often it would run")
    if found.attempts > 1:
        invocation.note(f"a run that fails may have {found.attempts} attempts, each billed by itself")
    words = ("prices", "refresh", "--region", found.region)
    # The local endpoint has no price list, and which stage has one is not to be guessed.
    refresh = f"jobrunner {' '.join(words)} --stage NAME" if local else invocation.command(*words)
    for line in costs.missing(found, book.table, refresh=refresh):
        invocation.note(line)
