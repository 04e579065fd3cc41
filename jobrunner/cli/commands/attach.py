"""`jobrunner attach RUN`: follow a run that was started before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobrunner.cli import exits, follow
from jobrunner.cli.interrupts import Interrupts, Left
from jobrunner.cli.options import no_wait_bill_option, on_interrupt_option, shared
from jobrunner.cli.session import Session, to_find
from jobrunner.core.events import Finished, Started
from jobrunner.errors import AwsError, AwsUnreachableError

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.record import RunRecord
    from jobrunner.ops.handle import Run


@click.command("attach")
@click.argument("run")
@on_interrupt_option
@no_wait_bill_option
@click.option("--timestamps", is_flag=True, help="Begin each log line with its time.")
@shared
@click.pass_obj
def command(invocation: Invocation, *, run: str, on_interrupt: str | None, no_wait_bill: bool, timestamps: bool) -> int:
    """Follow a run that was started before, to its end.

    RUN is a run id, an unambiguous prefix of one, a task ARN or a jobrunner:// reference. The whole log is
    shown, and the exit code is the job's own. Ctrl-C stops the task, as in run.
    """
    with to_find(invocation, run) as session:
        if session.gone and session.record is not None:
            return _remembered(invocation, session.record)
        handle = session.runner.attach(run, wait_bill=not no_wait_bill)
        report = follow.Report(invocation, handle.record, timestamps=timestamps, local=session.local)
        if handle.outcome is not None:
            return report.code(exits.of_outcome(follow.show_all(handle.stream(), report) or handle.outcome))
        return _followed(invocation, session, handle, report, on_interrupt or session.runner.settings.on_interrupt)


def _followed(invocation: Invocation, session: Session, run: Run, report: follow.Report, on_interrupt: str) -> int:
    with Interrupts(invocation.terminal, on_interrupt) as interrupts:
        try:
            with interrupts.may_leave():
                return follow.follow(run, report, interrupts)
        except AwsError as error:
            # The local endpoint of another `jobrunner run` ends with that command, which has recorded the outcome.
            known = session.recall(run.run_id)
            if isinstance(error, AwsUnreachableError) and session.local and known is not None and known.outcome:
                return _remembered(invocation, known)
            report.say_goes_on()
            raise
        except Left as left:
            return follow.leave(invocation, run, left, interrupts)


def _remembered(invocation: Invocation, record: RunRecord) -> int:
    """Show the end of a run whose endpoint has gone, and with it the log."""
    if record.outcome is None:
        raise ValueError(f"run {record.run_id} is not over")
    invocation.note("the local endpoint that ran it has gone, and its log with it; this is what was recorded")
    report = follow.Report(invocation, record, local=True, log_readable=False)
    report.show(Started(run_id=record.run_id, task_arn=record.task_arn, attempt=record.attempt))
    report.show(Finished(outcome=record.outcome))
    return report.code(exits.of_outcome(record.outcome))
