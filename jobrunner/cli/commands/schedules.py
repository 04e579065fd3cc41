"""`jobrunner schedules [JOB…]`: what EventBridge Scheduler has of this project."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from jobrunner.cli import words
from jobrunner.cli.harmless import harmless_line
from jobrunner.cli.options import job_names, shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobrunner.cli.invocation import Invocation
    from jobrunner.ops.overview import LastRun, ScheduleStatus

_HEADER: Final = ("NAME", "STATE", "SCHEDULE", "ZONE", "NEXT", "LAST")


@click.command("schedules")
@click.argument("jobs", metavar="[JOB]...", nargs=-1, shell_complete=job_names)
@shared
@click.pass_obj
def command(invocation: Invocation, *, jobs: tuple[str, ...]) -> int:
    """List the schedules at AWS, with their next fire and their last run.

    Those that jobrunner has made for this project and stage, or for the named jobs. The next fire is in UTC. ECS
    forgets a run about an hour after its end.
    """
    from jobrunner.cli.session import load, on_schedules
    from jobrunner.ops.pause import unscheduled

    # Without the jobs' files: what is at AWS is to be seen whatever is wrong with them.
    project = load(invocation)
    with on_schedules(invocation, project) as session:
        found = session.runner.schedules(*jobs)
    if invocation.json:
        invocation.write_json(*(one.to_json() for one in found))
    elif found:
        invocation.terminal.write(_table(found, datetime.now(UTC)))
    known = {one.job for one in found}
    for job in jobs:
        if job not in known:
            raise unscheduled(job, project.settings)
    if not found:
        invocation.note(f"no schedules; `{invocation.command('apply')}` creates those that the jobs' files say")
    return 0


def _table(found: Sequence[ScheduleStatus], now: datetime) -> str:
    rows = [
        (
            one.name,
            one.state,
            one.expression,
            one.timezone,
            _next(one),
            "-" if one.last is None else _last(one.last, now),
        )
        for one in found
    ]
    return words.table(_HEADER, [tuple(map(harmless_line, row)) for row in rows])


def _next(one: ScheduleStatus) -> str:
    if one.next is None and one.state == "enabled":
        return "unknown"
    return words.moment(one.next)


def _last(last: LastRun, now: datetime) -> str:
    """Give how the last run ended and how long ago; of one that runs, since when it does."""
    task, judgement = last.task, last.judgement
    if judgement is None:
        return _since(f"{(task.last_status or 'unknown').lower()} for", task.created_at, now)
    code = f" ({judgement.exit_code})" if judgement.exit_code else ""
    ended = task.stopped_at or task.execution_stopped_at or task.created_at
    return f"{_since(f'{judgement.verdict}{code}', ended, now)} ago"


def _since(said: str, moment: datetime | None, now: datetime) -> str:
    return f"{said} {'?' if moment is None else words.age(moment, now)}"
