"""`jobrunner validate [JOB…]`: what is wrong with the project, offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobrunner.cli import exits, failure, words
from jobrunner.cli.harmless import harmless
from jobrunner.cli.options import job_names, shared
from jobrunner.core.options import RunOptions
from jobrunner.core.schedule_request import cautions, check_schedulable
from jobrunner.document import load_project
from jobrunner.errors import Problem, SpecError
from jobrunner.ops.check import check

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobrunner.cli.invocation import Invocation
    from jobrunner.document import Project


@click.command("validate")
@click.argument("jobs", metavar="[JOB]...", nargs=-1, shell_complete=job_names)
@shared
@click.pass_obj
def command(invocation: Invocation, *, jobs: tuple[str, ...]) -> int:
    """Check the project and its jobs, offline.

    Every problem of every file goes to stdout as file:line:column: message, and the exit code is 65. Without a
    problem, stdout stays empty. When a stage is in effect, the AWS requests of each job are built as well.
    """
    try:
        project = load_project(invocation.directory, stage=invocation.stage_named, jobs=jobs or None)
    except SpecError as error:
        if not error.problems:
            raise
        return _invalid(invocation, error.problems)
    if problems := [*_of_schedules(project), *_of_requests(project)]:
        return _invalid(invocation, problems)
    for warning in (*project.warnings, *cautions(project.jobs)):
        invocation.note(f"warning: {warning}")
    if invocation.json:
        invocation.write_json({"valid": True, "problems": []})
    stage = f" on stage {project.settings.stage}" if project.settings.stage else ""
    verb = "is" if len(project.jobs) == 1 else "are"
    names = f": {', '.join(sorted(project.jobs))}" if project.jobs else ""
    invocation.note(f"{words.counted(len(project.jobs), 'job')} {verb} valid{stage}{names}")
    return exits.OK


def _of_schedules(project: Project) -> Iterator[Problem]:
    """Give the jobs that a schedule cannot start, because a run of theirs needs to be given something."""
    for name, spec in project.jobs.items():
        try:
            if spec.schedule:
                check_schedulable(spec)
        except SpecError as error:
            yield from _problems(error, project, name)


def _of_requests(project: Project) -> Iterator[Problem]:
    """Give what the request builder refuses. Without a stage there is nowhere to run, and nothing to build."""
    settings = project.settings
    if settings.stage is None:
        return
    for name, spec in project.jobs.items():
        # A parameter without a default is not a problem of the document: every run brings a value.
        params = {key: param.default if param.default is not None else "" for key, param in spec.params.items()}
        try:
            check(spec, settings, RunOptions(params=params))
        except SpecError as error:
            yield from _problems(error, project, name)


def _problems(error: SpecError, project: Project, job: str) -> Sequence[Problem]:
    hint = f"; {error.hint}" if error.hint else ""
    return error.problems or [_placed(f"{error.what}{hint}", project.sources.get(job, job))]


def _placed(message: str, source: str) -> Problem:
    """Put a message at `file:line:column`, as `Project.sources` gives it."""
    parts = source.rsplit(":", 2)
    if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():  # noqa: PLR2004  file, line, column
        return Problem(message, file=parts[0], line=int(parts[1]), column=int(parts[2]))
    return Problem(message, file=source)


def _invalid(invocation: Invocation, problems: Sequence[Problem]) -> int:
    if invocation.json:
        invocation.write_json({"valid": False, "problems": failure.problems_json(problems)})
    else:
        invocation.terminal.write(_lines(problems, shown=invocation.terminal.out_is_terminal))
    invocation.terminal.say(f"error: {words.counted(len(problems), 'problem')}")
    return exits.INVALID


def _lines(problems: Sequence[Problem], *, shown: bool) -> str:
    text = "".join(f"{problem}\n" for problem in problems)
    return harmless(text) if shown else text
