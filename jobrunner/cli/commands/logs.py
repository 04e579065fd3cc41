"""`jobrunner logs RUN`: the log of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobrunner.cli import collector, exits, follow
from jobrunner.cli.options import shared
from jobrunner.cli.session import gone_log, to_find
from jobrunner.core.events import Finished, LogBatch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.events import WatchEvent


@click.command("logs")
@click.argument("run")
@click.option(
    "-f",
    "--follow",
    "following",
    is_flag=True,
    help="Go on until the end of the attempt that runs, or of a scheduled run. Ctrl-C stops nothing.",
)
@click.option("--timestamps", is_flag=True, help="Begin each log line with its time.")
@shared
@click.pass_obj
def command(invocation: Invocation, *, run: str, following: bool, timestamps: bool) -> int:
    """Print the log of a run.

    RUN is a run id, an unambiguous prefix of one, a task ARN or a jobrunner:// reference. Of a run that goes
    on, what can be read now, unless -f is given.
    """
    with to_find(invocation, run) as session:
        if session.gone and session.record is not None:
            raise gone_log(session.record)
        handle = session.runner.attach(run)
        if handle.record.task_arn is None and not handle.record.earlier and not handle.waiting:
            invocation.note(f"run {handle.run_id} never became a task, and has no log")
            return exits.OK
        writer = follow.Lines(invocation, handle.record, timestamps=timestamps)
        collector.work()
        _print(session.runner.logs(run, follow=following), writer, invocation)
    return exits.OK


def _print(events: Iterable[WatchEvent], writer: follow.Lines, invocation: Invocation) -> None:
    for event in events:
        if isinstance(event, LogBatch):
            writer.write(event)
        elif isinstance(event, Finished):
            logs = event.outcome.logs
            if not logs.complete:
                invocation.note(f"warning: the log is not complete: {logs.reason or 'no reason is known'}")
