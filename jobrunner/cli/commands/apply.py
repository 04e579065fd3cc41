"""`jobrunner apply [JOB…]`: make the schedules at AWS those of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobrunner.cli import exits
from jobrunner.cli.options import job_names, shared
from jobrunner.cli.plan_options import plan_options, yes_option

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation


@click.command("apply")
@click.argument("jobs", metavar="[JOB]...", nargs=-1, shell_complete=job_names)
@plan_options
@yes_option
@shared
@click.pass_obj
def command(
    invocation: Invocation, *, jobs: tuple[str, ...], prune: bool, adopt: bool, verbose: bool, yes: bool
) -> int:
    """Make the schedules at AWS those of the project.

    Shows the plan, asks, and carries out exactly that plan. A change that fails does not keep the others from being
    made. Ctrl-C stops before the next one. What jobrunner has not made stays as it is, unless --adopt says otherwise.
    """
    from jobrunner.cli import applying, plans
    from jobrunner.cli.session import to_schedule

    applying.check_confirmable(invocation, yes=yes)
    with to_schedule(invocation, *jobs) as session:
        plan = session.runner.plan(jobs=jobs or None, prune=prune, adopt=adopt)
        if invocation.json:
            invocation.write_json({"event": "plan", **plan.to_json()})
        else:
            terminal = invocation.terminal
            terminal.write(plans.text(plan, colour=terminal.colour_out, local=session.local, verbose=verbose))
        if not plan.changed:
            invocation.note("nothing to change")
            return exits.UNAVAILABLE if plan.foreign else exits.OK
        if not applying.confirmed(invocation, "Apply?", yes=yes):
            return exits.INTERRUPTED
        return applying.carry_out(invocation, plan, session.runner.apply(plan))
