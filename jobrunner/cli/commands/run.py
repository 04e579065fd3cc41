"""`jobrunner run JOB`: start, follow, verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jobrunner.cli import follow
from jobrunner.cli.interrupts import Interrupts, Left
from jobrunner.cli.options import Arguments, job_names, on_interrupt_option, options_of, run_options, shared
from jobrunner.cli.session import Session, to_start
from jobrunner.core.durations import format_duration
from jobrunner.core.events import Started
from jobrunner.errors import AwsError

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.options import RunOptions
    from jobrunner.runner import Run


@click.command("run", cls=Arguments)
@click.argument("job", shell_complete=job_names)
@run_options
@click.option("-d", "--detach", is_flag=True, help="Print the run id and do not wait.")
@on_interrupt_option
@click.option("--timestamps", is_flag=True, help="Begin each log line with its time.")
@shared
@click.pass_context
def command(
    ctx: click.Context, /, *, job: str, detach: bool, on_interrupt: str | None, timestamps: bool, **given: Any
) -> int:
    """Start a job, follow it, and end as it ends.

    Words after -- replace the job's command. The exit code is the job's own; 124 when it timed out, 125 when
    it never started. Ctrl-C stops the task.
    """
    invocation: Invocation = ctx.obj
    options = options_of(ctx, given)
    with to_start(invocation, job, options) as session:
        if detach:
            return _detached(invocation, session, job, options)
        return _followed(invocation, session, job, options, on_interrupt=on_interrupt, timestamps=timestamps)


def _followed(
    invocation: Invocation,
    session: Session,
    job: str,
    options: RunOptions,
    *,
    on_interrupt: str | None,
    timestamps: bool,
) -> int:
    runner = session.runner
    run: Run | None = None
    report: follow.Report | None = None
    try:
        with Interrupts(invocation.terminal, on_interrupt or runner.settings.on_interrupt) as interrupts:
            run = runner.start(job, options)
            report = follow.Report(
                invocation,
                run.record,
                timestamps=timestamps,
                local=session.local,
                log_readable=session.log_readable,
            )
            return follow.follow(run, report, interrupts)
    except AwsError:
        if report is not None:
            report.say_goes_on()
        raise
    except Left as left:
        session.linger(invocation)
        return follow.leave(invocation, run, left)


def _detached(invocation: Invocation, session: Session, job: str, options: RunOptions) -> int:
    with Interrupts(invocation.terminal, "detach") as interrupts:
        run = session.runner.start(job, options)
        if run.outcome is not None:  # ECS did not place it, or the key belongs to a run that is over
            report = follow.Report(invocation, run.record, local=session.local, log_readable=session.log_readable)
            return follow.follow(run, report, interrupts)
    session.linger(invocation)
    if invocation.json:
        invocation.write_json(Started(run_id=run.run_id, task_arn=run.record.task_arn).to_json())
    else:
        invocation.terminal.write(f"{run.run_id}\n")
    if run.record.timeout is not None:
        kept = format_duration(run.record.timeout)
        invocation.note(f"warning: its timeout of {kept} is kept by whoever follows it, and nobody does now")
    if not invocation.json:
        invocation.terminal.say(f"  next  {invocation.command('attach', run.run_id)}")
    return 0
