"""`jobrunner status RUN`: where a run is, or how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from jobrunner.cli import summary, words
from jobrunner.cli.harmless import harmless
from jobrunner.cli.options import shared
from jobrunner.cli.session import Session, to_find
from jobrunner.core.lifecycle import STOPPED
from jobrunner.ops.status import WAITING, billed_so_far

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.cli.invocation import Invocation
    from jobrunner.ops.status import RunStatus


@click.command("status")
@click.argument("run")
@shared
@click.pass_obj
def command(invocation: Invocation, *, run: str) -> int:
    """Say where a run is, or how it ended.

    RUN is a run id, an unambiguous prefix of one, a task ARN or a jobrunner:// reference.
    """
    with to_find(invocation, run) as session:
        status = session.runner.status(run)
        if status.trouble is not None:
            invocation.note(f"warning: whether another attempt follows is not known: {status.trouble.what}")
        if invocation.json:
            invocation.write_json(status.to_json())
        else:
            rows = ((label, harmless(value)) for label, value in _rows(status, session, invocation))
            invocation.terminal.write(words.fields(rows))
    return 0


def _rows(status: RunStatus, session: Session, invocation: Invocation) -> Iterator[tuple[str, str]]:
    record, task, outcome = status.record, status.task, status.outcome
    place = f"project {record.project}, stage {record.stage}" if record.stage else f"project {record.project}"
    if outcome is None:
        yield "run", record.run_id
    yield "job", f"{record.job} ({place})"
    waiting = outcome is None and record.task_arn is None
    if status.phase == WAITING:
        yield "phase", f"{WAITING}: waits for its next attempt, which the state machine launches"
    else:
        yield "phase", status.phase or ("waits to be launched" if waiting else "unknown to ECS")
    yield "attempt", str(record.attempt)
    yield "trigger", record.trigger
    if record.scheduled_time is not None:
        yield "scheduled", words.moment(record.scheduled_time)
    yield "task", record.task_arn or "none"
    yield "created", words.moment((task and task.created_at) or record.created_at)
    if outcome is not None:
        yield "verdict", summary.headline(outcome).removeprefix(f"{harmless(outcome.job)} ")
        if record.outcome is None:
            yield "retries", "another attempt is to follow: by who follows the run, or repeats its key"
        step = summary.next_step(
            outcome, invocation.command, log_readable=not session.gone, task=None, timeout=record.timeout
        )
        yield from summary.ending(outcome, local=session.local, next_command=None if "status" in step else step)
        return
    if task is not None:
        yield "started", words.moment(task.started_at)
        seconds = billed_so_far(task, datetime.now(UTC))
        yield "billed", "nothing yet" if seconds is None else f"{words.billed(seconds)}, so far"
    if status.phase == STOPPED:
        yield "verdict", "not judged yet: nobody has followed it to its end"
    yield "next", invocation.command("attach", record.run_id)
