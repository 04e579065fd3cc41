"""`jobrunner show JOB`: the AWS requests of a job, without sending them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from jobrunner.cli.options import Arguments, job_names, options_of, run_options, shared
from jobrunner.cli.session import load
from jobrunner.core import naming, request
from jobrunner.core.definition import task_definition
from jobrunner.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec

#: Stands where each run has an id of its own.
PLACEHOLDER: Final = "0" * naming.RUN_ID_LENGTH
#: Stands for the account while nobody is asked: twelve digits, as every account has.
NO_ACCOUNT: Final = "0" * 12


@click.command("show", cls=Arguments)
@click.argument("job", shell_complete=job_names)
@run_options
@shared
@click.pass_context
def command(ctx: click.Context, /, *, job: str, **given: Any) -> int:
    """Print the exact AWS requests of a job, offline.

    One JSON object: task_definition (RegisterTaskDefinition, null when the job names an existing one), run_task
    (RunTask) and schedules (CreateSchedule). The options of run are taken too, to see what that run would send.
    """
    invocation: Invocation = ctx.obj
    options = options_of(ctx, given)
    project = load(invocation, job)
    spec, settings = project.jobs[job], project.settings
    definition = task_definition(spec, settings)
    key = options.key
    run_id = (
        PLACEHOLDER
        if key is None
        else naming.keyed_run_id(project=settings.project, stage=settings.stage, job=spec.name, key=key)
    )
    run = request.run_request(
        spec,
        settings,
        options,
        request.RunIdentity.of_run(run_id),
        task_definition=definition.family if definition else str(spec.task_definition),
        container=spec.container or naming.MAIN_CONTAINER,
    )
    schedules, notes = _schedules(spec, settings, str(run.body["taskDefinition"]))
    document: dict[str, Any] = {
        "task_definition": definition.request() if definition else None,
        "run_task": run.body,
        "schedules": schedules,
    }
    if invocation.json:
        invocation.write_json(document)
    else:
        invocation.terminal.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        _explain(invocation, keyed=key is not None, registered=definition is not None)
    for note in notes:
        invocation.note(note)
    return 0


def _explain(invocation: Invocation, *, keyed: bool, registered: bool) -> None:
    if not keyed:
        invocation.note(f"{PLACEHOLDER} stands for the id that each run gets")
    if registered:
        invocation.note("a run names the revision that ECS has registered: family:revision")


def _schedules(spec: JobSpec, settings: Settings, task_definition: str) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Give the CreateSchedule requests that `apply` sends where there are no schedules yet, and what to say of them."""
    from jobrunner.core.forecast import Assumptions
    from jobrunner.core.place import Place, account_of
    from jobrunner.core.plan import make_plan
    from jobrunner.core.schedule_request import schedule_requests

    if not spec.schedule:
        return [], []
    known = account_of(settings)
    place = Place(region=str(settings.region), account=known or NO_ACCOUNT)
    container = spec.container or naming.MAIN_CONTAINER
    try:
        desired = schedule_requests(spec, settings, place, task_definition=task_definition, container=container)
    except SpecError as error:
        return [], [f"no schedules: {error.what}{f'; {error.hint}' if error.hint else ''}"]
    assumed = Assumptions(now=datetime.now(UTC), region=settings.region)
    plan = make_plan(desired, {}, settings=settings, assumptions=assumed, prune=False, adopt=False, only=None)
    notes = [f"schedule {change.name}: {change.note}" for change in plan.changes if change.note]
    if known is None:
        notes.append(f"{NO_ACCOUNT} stands for the account, which no setting names: apply asks AWS for it")
    return [change.body for change in plan.changes if change.body is not None], notes
