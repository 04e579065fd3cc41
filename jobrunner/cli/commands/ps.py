"""`jobrunner ps`: what runs now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from jobrunner.cli import words
from jobrunner.cli.harmless import harmless_line
from jobrunner.cli.looking_back import everywhere
from jobrunner.cli.options import shared
from jobrunner.core.naming import task_id

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation
    from jobrunner.ops.status import RunStatus

_HEADER = ("RUN", "JOB", "PHASE", "ATTEMPT", "TRIGGER", "AGE", "TASK")


@click.command("ps")
@shared
@click.pass_obj
def command(invocation: Invocation) -> int:
    """List what runs now.

    Every run of this project and stage that ECS knows to be running, whoever started it.
    """
    with everywhere(invocation) as runners:
        statuses = [status for runner in runners for status in runner.ps()]
    if invocation.json:
        invocation.write_json(*(status.to_json() for status in statuses))
    elif statuses:
        now = datetime.now(UTC)
        invocation.terminal.write(words.table(_HEADER, (_row(status, now) for status in statuses)))
    if not statuses:
        invocation.note("nothing runs now")
    return 0


def _row(status: RunStatus, now: datetime) -> tuple[str, ...]:
    record = status.record
    cells = (
        record.run_id,
        record.job,
        status.phase or "-",
        str(record.attempt),
        record.trigger,
        words.age(record.created_at, now),
        task_id(record.task_arn) if record.task_arn else "-",
    )
    return tuple(map(harmless_line, cells))
