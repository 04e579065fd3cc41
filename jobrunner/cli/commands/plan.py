"""`jobrunner plan [JOB…]`: what `apply` would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobrunner.cli import exits
from jobrunner.cli.options import job_names, shared
from jobrunner.cli.plan_options import plan_options

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation


@click.command("plan")
@click.argument("jobs", metavar="[JOB]...", nargs=-1, shell_complete=job_names)
@plan_options
@click.option("--exit-code", is_flag=True, help=f"End with {exits.CHANGES} when there is something to change.")
@shared
@click.pass_obj
def command(
    invocation: Invocation, *, jobs: tuple[str, ...], prune: bool, adopt: bool, verbose: bool, exit_code: bool
) -> int:
    """Show what apply would change at AWS.

    The schedules of the project's jobs, or of the named ones, beside those that are there: what is created, updated
    field by field, deleted with --prune; and an estimate of a month, with a warning where it exceeds a budget. Nothing
    is written. What looks like a secret is hidden.
    """
    from jobrunner.cli import budgets, plans
    from jobrunner.cli.session import to_schedule
    from jobrunner.core.schedule_request import cautions
    from jobrunner.core.spend import exceeded

    with to_schedule(invocation, *jobs) as session:
        for caution in cautions(session.runner.project.jobs):
            invocation.note(f"warning: {caution}")
        plan = session.runner.plan(jobs=jobs or None, prune=prune, adopt=adopt)
        if invocation.json:
            invocation.write_json(plan.to_json())
        else:
            terminal = invocation.terminal
            terminal.write(plans.text(plan, colour=terminal.colour_out, local=session.local, verbose=verbose))
        budgets.warn(invocation, exceeded(plan.budgets))
    return exits.CHANGES if exit_code and (plan.changed or plan.foreign) else exits.OK
