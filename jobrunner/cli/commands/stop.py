"""`jobrunner stop RUN…`: stop runs, and wait until they have stopped."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from jobrunner.cli import exits, failure, summary
from jobrunner.cli.options import shared
from jobrunner.cli.session import to_find
from jobrunner.core.events import Finished
from jobrunner.errors import JobrunnerError

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation
    from jobrunner.ops.handle import Run


@click.command("stop")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--no-wait", is_flag=True, help="Return as soon as ECS has been told.")
@click.option("--reason", metavar="TEXT", help="Why; ECS keeps it with the task.")
@shared
@click.pass_obj
def command(invocation: Invocation, *, runs: tuple[str, ...], no_wait: bool, reason: str | None) -> int:
    """Stop runs.

    Each gets SIGTERM and, after the job's stop timeout, SIGKILL; no further attempt follows. The ids of the runs
    that have stopped are printed. A run that is over stays as it is.
    """
    codes: list[int] = []
    with ExitStack() as stack:
        stopping = []
        for name in dict.fromkeys(runs):
            try:
                stopping.append(_ask(invocation, stack, name, reason))
            except JobrunnerError as error:
                codes.append(failure.report(error, invocation))
        for run in stopping:
            try:
                _end(invocation, run, wait=not no_wait)
            except JobrunnerError as error:
                codes.append(failure.report(error, invocation))
    return codes[0] if codes else exits.OK


def _ask(invocation: Invocation, stack: ExitStack, name: str, reason: str | None) -> Run:
    session = stack.enter_context(to_find(invocation, name))
    run = session.runner.stop(name, reason=reason)
    if run.outcome is not None:
        # One that waited for its next attempt ended with this very call.
        already = "" if run.asked_to_stop else " is over already"
        invocation.note(f"run {run.run_id}{already}: {summary.headline(run.outcome)}")
    else:
        invocation.note(f"stopping run {run.run_id} of {run.record.job}")
    return run


def _end(invocation: Invocation, run: Run, *, wait: bool) -> None:
    outcome = run.outcome
    if wait and outcome is None:
        outcome = run.wait()
        invocation.note(f"run {run.run_id}: {summary.headline(outcome)}: {outcome.detail}")
    if not invocation.json:
        invocation.terminal.write(f"{run.run_id}\n")
    elif outcome is not None:
        invocation.write_json(Finished(outcome=outcome).to_json())
    else:
        invocation.write_json({"event": "stopping", "run_id": run.run_id, "task_arn": run.record.task_arn})
