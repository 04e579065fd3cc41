"""`jobrunner run JOB`: start, follow, verdict; one run, or with --count or --matrix many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from jobrunner.cli import budgets, follow
from jobrunner.cli.interrupts import Interrupts, Left
from jobrunner.cli.options import (
    Arguments,
    job_names,
    many_options,
    no_wait_bill_option,
    on_interrupt_option,
    options_of,
    over_budget_option,
    run_options,
    shared,
)
from jobrunner.cli.session import Session, to_start
from jobrunner.core.durations import format_duration
from jobrunner.core.events import Started
from jobrunner.errors import AwsError, StoreError

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.options import RunOptions
    from jobrunner.ops.handle import Run


@click.command("run", cls=Arguments)
@click.argument("job", shell_complete=job_names)
@run_options
@many_options
@over_budget_option
@click.option("-d", "--detach", is_flag=True, help="Print the run id and do not wait.")
@on_interrupt_option
@no_wait_bill_option
@click.option("--timestamps", is_flag=True, help="Begin each log line with its time.")
@shared
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    job: str,
    count: int | None,
    matrix: tuple[str, ...],
    parallel: int | None,
    fail_fast: bool,
    detach: bool,
    on_interrupt: str | None,
    no_wait_bill: bool,
    timestamps: bool,
    **given: Any,
) -> int:
    """Start a job, follow it, and end as it ends.

    Words after -- replace the job's command. The exit code is the job's own; 124 when it timed out, 125 when
    it never started. Ctrl-C stops the task.

    Refused when the month's runs and this one are expected to cost more than the budget of the job or of the project,
    or nobody knows what it costs.

    With --count or --matrix, many runs in one process: the exit code is 0 only if all have succeeded. Repeated
    with the same --key, it goes on where it was.
    """
    invocation: Invocation = ctx.obj
    options = options_of(ctx, given)
    several = count is not None or bool(matrix)
    _check_usage(ctx, several=several, of_one=detach or timestamps or no_wait_bill, of_many=bool(parallel) or fail_fast)
    if several:
        from jobrunner.cli import many

        group = many.Group(job=job, options=options, count=count, matrix=matrix, parallel=parallel, fail_fast=fail_fast)
        return many.run(invocation, group, on_interrupt=on_interrupt)
    with to_start(invocation, job, options) as session:
        if detach:
            return _detached(invocation, session, job, options)
        manner = _Manner(on_interrupt=on_interrupt, timestamps=timestamps, wait_bill=not no_wait_bill)
        return _followed(invocation, session, job, options, manner)


@dataclass(frozen=True, kw_only=True)
class _Manner:
    """How one run is followed here.

    Attributes:
        on_interrupt: `stop`, `detach`, or None: as the settings say.
        timestamps: Whether log lines begin with their time.
        wait_bill: Whether the bill is waited for.
    """

    on_interrupt: str | None
    timestamps: bool
    wait_bill: bool


def _check_usage(ctx: click.Context, *, several: bool, of_one: bool, of_many: bool) -> None:
    """Refuse options of a single run for many, and the other way round."""
    if several and of_one:
        raise click.UsageError("--detach, --timestamps and --no-wait-bill are for a single run", ctx)
    if of_many and not several:
        raise click.UsageError("--parallel and --fail-fast go with --count or --matrix", ctx)


def _followed(invocation: Invocation, session: Session, job: str, options: RunOptions, manner: _Manner) -> int:
    on_first = manner.on_interrupt or session.runner.settings.on_interrupt
    run: Run | None = None
    report: follow.Report | None = None
    with Interrupts(invocation.terminal, on_first) as interrupts:
        try:
            with interrupts.may_leave():
                run = session.runner.begin(job, options, wait_bill=manner.wait_bill)
                budgets.going_on(invocation, run.over_budget)
                report = follow.Report(
                    invocation,
                    run.record,
                    timestamps=manner.timestamps,
                    local=session.local,
                    log_readable=session.log_readable,
                )
                return follow.follow(run, report, interrupts)
        except (AwsError, StoreError):
            if report is not None and run is not None and run.outcome is None:
                report.say_goes_on()
            raise
        except Left as left:
            return _left(invocation, session, run, left, interrupts)


def _left(invocation: Invocation, session: Session, run: Run | None, left: Left, interrupts: Interrupts) -> int:
    session.linger(invocation)
    return follow.leave(invocation, run, left, interrupts)


def _detached(invocation: Invocation, session: Session, job: str, options: RunOptions) -> int:
    run: Run | None = None
    report: follow.Report | None = None
    with Interrupts(invocation.terminal, "stop", said="the task is stopped if it was started") as interrupts:
        try:
            with interrupts.may_leave():
                run = session.runner.begin(job, options)
                budgets.going_on(invocation, run.over_budget)
                report = follow.Report(invocation, run.record, local=session.local, log_readable=session.log_readable)
                follow.launch(run, interrupts)
                if run.outcome is not None or interrupts.received is not None:
                    # ECS did not place it, the key belongs to a run that is over, or it was stopped meanwhile.
                    return follow.follow(run, report, interrupts)
        except (AwsError, StoreError):
            if report is not None and run is not None and run.outcome is None:
                report.say_goes_on()
            raise
        except Left as left:
            return _left(invocation, session, run, left, interrupts)
    session.linger(invocation)
    _say_detached(invocation, run)
    return 0


def _say_detached(invocation: Invocation, run: Run) -> None:
    record = run.record
    if invocation.json:
        started = Started(run_id=record.run_id, task_arn=record.task_arn, attempt=record.attempt)
        invocation.write_json(started.to_json())
    else:
        invocation.terminal.write(f"{record.run_id}\n")
    if record.timeout is not None and record.guard is None:
        kept = format_duration(record.timeout)
        invocation.note(f"warning: its timeout of {kept} is kept by whoever follows it, and nobody does now")
    if record.policy.attempts > 1:
        invocation.note("warning: its retries are made by whoever follows it, and nobody does now")
    if not invocation.json:
        invocation.terminal.say(f"  next  {invocation.command('attach', record.run_id)}")
