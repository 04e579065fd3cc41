"""`jobrunner show JOB`: the AWS requests of a job, without sending them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from jobrunner.cli.options import Arguments, job_names, options_of, run_options, shared
from jobrunner.cli.session import load
from jobrunner.core import naming, request
from jobrunner.core.definition import task_definition

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation

#: Stands where each run has an id of its own.
PLACEHOLDER: Final = "0" * naming.RUN_ID_LENGTH


@click.command("show", cls=Arguments)
@click.argument("job", shell_complete=job_names)
@run_options
@shared
@click.pass_context
def command(ctx: click.Context, /, *, job: str, **given: Any) -> int:
    """Print the exact AWS requests of a job, offline.

    One JSON object: task_definition (RegisterTaskDefinition, null when the job names an existing one), run_task
    (RunTask) and schedules. The options of run are taken too, to see what that run would send.
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
        request.RunIdentity(run_id=run_id),
        task_definition=definition.family if definition else str(spec.task_definition),
        container=spec.container or naming.MAIN_CONTAINER,
    )
    document: dict[str, Any] = {
        "task_definition": definition.request() if definition else None,
        "run_task": run.body,
        "schedules": [],
    }
    if invocation.json:
        invocation.write_json(document)
    else:
        invocation.terminal.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        _explain(invocation, keyed=key is not None, registered=definition is not None)
    return 0


def _explain(invocation: Invocation, *, keyed: bool, registered: bool) -> None:
    if not keyed:
        invocation.note(f"{PLACEHOLDER} stands for the id that each run gets")
    if registered:
        invocation.note("a run names the revision that ECS has registered: family:revision")
