"""What `pause` and `resume` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.cli.harmless import harmless_line
from jobrunner.cli.session import load, on_schedules
from jobrunner.document import load_project
from jobrunner.errors import SpecError, UnknownJobError

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation
    from jobrunner.ops.pause import Paused


def set_paused(invocation: Invocation, jobs: tuple[str, ...], *, paused: bool) -> int:
    """Pause the schedules of jobs, or resume them; say what has changed, and what the next `apply` will say to it.

    Only what is at AWS counts: a job that the project has no more can be paused, and one whose file is broken as well.

    Raises:
        UnknownJobError: A job has no schedules. The ones before it are done.
    """
    with on_schedules(invocation, load(invocation)) as session:
        for job in dict.fromkeys(jobs):
            found = session.runner.pause(job) if paused else session.runner.resume(job)
            if invocation.json:
                invocation.write_json(*(one.to_json() for one in found))
            else:
                invocation.terminal.write("".join(f"{harmless_line(_line(one))}\n" for one in found))
            _compare(invocation, job, paused=paused)
    return 0


def _line(one: Paused) -> str:
    state = "paused" if one.paused else "enabled"
    if one.over:
        return f"{one.name} can never fire any more: it stays {state}"
    return f"{one.name} {state}" if one.changed else f"{one.name} was {state} already"


def _compare(invocation: Invocation, job: str, *, paused: bool) -> None:
    try:
        project = load_project(invocation.directory, stage=invocation.stage_named, jobs=(job,))
    except UnknownJobError:
        invocation.note(f"{job} is not in the project any more")
        return
    except SpecError:
        invocation.note(f"warning: the file of {job} is not valid; `{invocation.command('validate', job)}` says why")
        return
    spec = project.jobs[job]
    if "paused" in spec.model_fields_set and spec.paused is not paused:
        says, does = ("false", "resumes") if paused else ("true", "pauses")
        invocation.note(f"warning: the file of {job} says paused: {says}, so the next `apply` {does} it again")
