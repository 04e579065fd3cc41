"""`jobrunner resume JOB…`: let the schedules of paused jobs fire again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobrunner.cli.options import job_names, shared

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation


@click.command("resume")
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True, shell_complete=job_names)
@shared
@click.pass_obj
def command(invocation: Invocation, *, jobs: tuple[str, ...]) -> int:
    """Let the schedules of paused jobs fire again.

    What would have fired meanwhile is not made up for: `backfill` does that. If the job's file says `paused: true`, the
    next `apply` pauses it again.
    """
    from jobrunner.cli.pausing import set_paused

    return set_paused(invocation, jobs, paused=False)
