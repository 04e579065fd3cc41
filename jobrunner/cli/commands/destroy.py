"""`jobrunner destroy`: delete all schedules of the project and stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobrunner.cli import exits, words
from jobrunner.cli.options import shared
from jobrunner.cli.plan_options import yes_option

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.plan import Plan
    from jobrunner.core.settings import Settings


@click.command("destroy")
@yes_option
@shared
@click.pass_obj
def command(invocation: Invocation, *, yes: bool) -> int:
    """Delete all schedules of the project and stage.

    And their schedule group, if nothing else is in it and no stack has made it. What runs goes on and keeps its
    timeout. Task definitions and logs stay.
    """
    from jobrunner.cli import applying, plans
    from jobrunner.cli.session import load, on_schedules

    applying.check_confirmable(invocation, yes=yes)
    # Without the jobs' files: the schedules can be deleted whatever is wrong with them.
    project = load(invocation)
    with on_schedules(invocation, project) as session:
        plan = session.runner.removal()
        if invocation.json:
            invocation.write_json({"event": "plan", **plan.to_json()})
        else:
            terminal = invocation.terminal
            terminal.write(plans.text(plan, colour=terminal.colour_out, local=session.local))
        if not applying.confirmed(invocation, f"Destroy {_what(plan)}?", yes=yes):
            return exits.INTERRUPTED
        code = applying.carry_out(invocation, plan, session.runner.destroy(plan))
        invocation.note(_stays(session.runner.settings))
    return code


def _what(plan: Plan) -> str:
    count = len(plan.to_do)
    return f"{words.counted(count, 'schedule')} in {plan.group}" if count else f"{plan.group}, which has no schedules"


def _stays(settings: Settings) -> str:
    from jobrunner.core import naming

    family = naming.family(project=settings.project, stage=settings.stage, job="")
    return f"the task definitions {family}-… and the log group {settings.log_group} stay"
