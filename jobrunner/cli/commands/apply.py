"""`jobrunner apply [JOB…]`: make the schedules at AWS those of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobrunner.cli import exits
from jobrunner.cli.options import job_names, over_budget_option, shared
from jobrunner.cli.plan_options import plan_options, yes_option

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation


@click.command("apply")
@click.argument("jobs", metavar="[JOB]...", nargs=-1, shell_complete=job_names)
@plan_options
@over_budget_option
@yes_option
@shared
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    jobs: tuple[str, ...],
    prune: bool,
    adopt: bool,
    verbose: bool,
    over_budget: bool,
    yes: bool,
) -> int:
    """Make the schedules at AWS those of the project.

    Shows the plan, asks, and carries out exactly that plan. A change that fails does not keep the others from being
    made. Ctrl-C stops before the next one. What jobrunner has not made stays as it is, unless --adopt says otherwise.

    Refused, before anything is changed, when a month of the schedules is expected to cost more than the budget of a job
    or of the project, or nobody knows what it costs.
    """
    from jobrunner.cli import applying, budgets, plans
    from jobrunner.cli.session import to_schedule
    from jobrunner.core.spend import exceeded, refuse

    applying.check_confirmable(invocation, yes=yes)
    with to_schedule(invocation, *jobs) as session:
        plan = session.runner.plan(jobs=jobs or None, prune=prune, adopt=adopt)
        if invocation.json:
            invocation.write_json({"event": "plan", **plan.to_json()})
        else:
            terminal = invocation.terminal
            terminal.write(plans.text(plan, colour=terminal.colour_out, local=session.local, verbose=verbose))
        if not plan.changed:
            budgets.warn(invocation, exceeded(plan.budgets))
            invocation.note("nothing to change")
            return exits.UNAVAILABLE if plan.foreign else exits.OK
        over = exceeded(plan.budgets)
        if not over_budget:
            refuse(over)
        budgets.going_on(invocation, over)
        if not applying.confirmed(invocation, "Apply?", yes=yes):
            return exits.INTERRUPTED
        return applying.carry_out(invocation, plan, session.runner.apply(plan, over_budget=over_budget))
