"""`jobrunner pause JOB…`: let the schedules of jobs fire no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobrunner.cli.options import job_names, shared

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation


@click.command("pause")
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True, shell_complete=job_names)
@shared
@click.pass_obj
def command(invocation: Invocation, *, jobs: tuple[str, ...]) -> int:
    """Let the schedules of jobs fire no more.

    What runs goes on. `resume` lets them fire again, and so does `apply` if the job's file says `paused: false`; a
    file that says nothing of it leaves them paused.
    """
    from jobrunner.cli.pausing import set_paused

    return set_paused(invocation, jobs, paused=True)
