"""`jobrunner backfill JOB --from T --to T`: one run for each time at which its schedules fire in an interval."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from jobrunner.cli import exits, words
from jobrunner.cli.options import MOST_RUNS, job_names, on_interrupt_option, over_budget_option, read_by, shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.backfill import Fill
    from jobrunner.core.spec import JobSpec
    from jobrunner.document import Project

#: Of more runs than these, a person is asked first: each is a task that somebody pays for.
_UNASKED: Final = 50


def _read_bound(text: str) -> date:
    from jobrunner.core.interval import parse_bound

    return parse_bound(text)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the command line asks for.

    Attributes:
        job: The job.
        start: The first moment of the interval, in UTC.
        end: The first moment after it.
        parallel: How many runs at once.
        failed: Whether what has failed is run again.
        fail_fast: Whether the first failure stops the rest.
        over_budget: Whether they are started although that exceeds a budget.
        on_interrupt: `stop`, `detach`, or None: as the settings say.
    """

    job: str
    start: datetime
    end: datetime
    parallel: int
    failed: bool
    fail_fast: bool
    over_budget: bool
    on_interrupt: str | None


@click.command("backfill")
@click.argument("job", shell_complete=job_names)
@click.option(
    "--from",
    "since",
    metavar="TIME",
    required=True,
    callback=read_by(_read_bound, "--from 2026-11-01 or --from 2026-11-01T02:30Z"),
    help="From this time on: a day, or a time of ISO 8601.",
)
@click.option(
    "--to",
    "until",
    metavar="TIME",
    callback=read_by(_read_bound, "--to 2026-12-01 or --to 2026-12-01T02:30Z"),
    help="Before this time. [default: now]",
)
@click.option(
    "--parallel",
    type=click.IntRange(1, MOST_RUNS),
    default=1,
    metavar="N",
    help="So many at once. [default: 1, each when the one before it is over]",
)
@click.option("--failed", is_flag=True, help="Run again what has failed.")
@click.option("--fail-fast", is_flag=True, help="Stop all when the first has failed.")
@click.option("--dry-run", is_flag=True, help="List the times, and start nothing.")
@click.option("--yes", is_flag=True, help=f"Do not ask, on a terminal, before over {_UNASKED} runs.")
@over_budget_option
@on_interrupt_option
@shared
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    job: str,
    since: date,
    until: date | None,
    dry_run: bool,
    yes: bool,
    **how: Any,
) -> int:
    """Run a job once for each time at which its schedules fire in an interval.

    Oldest first; the job sees its time as JOBRUNNER_SCHEDULED_TIME. --from is part of the interval and --to is not:
    --from 2026-11-01 --to 2026-12-01 is November. A time without an offset is in the time zone of the schedules. What
    the schedules themselves have run is not looked at.

    Repeated, it goes on where it was: each time is run once. What Ctrl-C has stopped is run again, what has failed only
    with --failed. Another machine knows these runs only as long as ECS does, until about an hour after their end, and
    would start them again later.

    The exit code is 0 only if all have succeeded.
    """
    from jobrunner.cli.session import load
    from jobrunner.core.backfill import check_times_known

    invocation: Invocation = ctx.obj
    project = load(invocation, job)
    spec = project.jobs[job]
    check_times_known(spec, where=project.sources[job])
    start, end = _interval(ctx, spec, since, until)
    asked = _Asked(job=job, start=start, end=end, **how)
    fills = _plan(project, spec, asked)
    _introduce(invocation, spec, asked, fills)
    if dry_run:
        _list(invocation, fills)
        return exits.OK
    if not fills:
        return _nothing(invocation, job)
    if not yes and not _agreed(invocation, asked, fills):
        invocation.note("nothing was started")
        return exits.INTERRUPTED
    return _run(invocation, project, asked, fills)


def _interval(ctx: click.Context, spec: JobSpec, since: date, until: date | None) -> tuple[datetime, datetime]:
    from jobrunner.core.interval import moment_of

    zones = {schedule.timezone for schedule in spec.schedule}
    try:
        start = moment_of(since, zones)
        end = datetime.now(UTC) if until is None else moment_of(until, zones)
    except ValueError as error:
        raise click.UsageError(str(error), ctx) from None
    if start >= end:
        said = f"--from, {words.moment(start)}, is not before --to, {words.moment(end)}"
        whole = until is not None and not isinstance(until, datetime)
        hint = "; a day is its beginning: to include it, write the next one after --to" if whole else ""
        raise click.UsageError(f"{said}{hint}", ctx)
    return start, end


def _plan(project: Project, spec: JobSpec, asked: _Asked) -> tuple[Fill, ...]:
    """Give the runs by what this machine knows; AWS is not asked, and no endpoint is started."""
    from jobrunner.cli.session import place_of_runs
    from jobrunner.ops.backfill import plan_backfill
    from jobrunner.store import open_runs

    runs = open_runs(Path(project.settings.state_dir))
    try:
        return plan_backfill(
            runs,
            spec,
            project.settings,
            asked.start,
            asked.end,
            place=place_of_runs(project),
            failed=asked.failed,
            where=project.sources[spec.name],
        )
    finally:
        runs.close()


def _introduce(invocation: Invocation, spec: JobSpec, asked: _Asked, fills: Sequence[Fill]) -> None:
    """Say what is about to be done, and what is easily overlooked."""
    from jobrunner.core.backfill import Action
    from jobrunner.core.outcome import Verdict

    if spec.paused:
        invocation.note(f"{spec.name} is paused: its schedules do not fire, and a backfill runs it all the same")
    if not fills:
        bounded = any(schedule.start or schedule.end for schedule in spec.schedule)
        why = "; the start and end of its schedules count here too" if bounded else ""
        span = f"from {words.moment(asked.start)} until {words.moment(asked.end)}"
        invocation.note(f"{spec.name} does not fire {span}{why}")
        return
    counts = Counter(fill.action for fill in fills)
    said = {Action.START: "to start", Action.CONTINUE: "to go on with", Action.KEEP: "over already"}
    parts = [f"{counts[action]:,} {what}" for action, what in said.items() if counts[action]]
    failed = sum(fill.action is Action.KEEP and fill.state != Verdict.SUCCEEDED for fill in fills)
    parts += [f"{failed:,} of them failed"] if failed else []
    span = f"from {words.moment(fills[0].fire.utc)} to {words.moment(fills[-1].fire.utc)}"
    invocation.note(f"{spec.name}: {words.counted(len(fills), 'time')} {span}: {', '.join(parts)}")
    coming = _still_to_come(fills)
    if coming:
        verb = "is" if coming == 1 else "are"
        runs = words.counted(coming, "time")
        invocation.note(f"warning: {runs} {verb} still to come: the schedules start a run of their own then")


def _still_to_come(fills: Sequence[Fill]) -> int:
    now = datetime.now(UTC)
    return sum(fill.fire.utc > now for fill in fills)


def _list(invocation: Invocation, fills: Sequence[Fill]) -> None:
    if invocation.json:
        invocation.write_json(*(fill.to_json() for fill in fills))
    elif fills:
        invocation.terminal.write(_table(fills))


def _table(fills: Sequence[Fill]) -> str:
    rows = [
        (
            f"{fill.fire.local:%a %Y-%m-%d %H:%M:%S %Z}",
            words.moment(fill.fire.utc),
            fill.run_id,
            fill.state or "-",
            str(fill.action),
            fill.fire.note or "",
        )
        for fill in fills
    ]
    header = ("LOCAL", "UTC", "RUN", "STATE", "ACTION", "NOTE")
    noted = any(note for *_, note in rows)
    return words.table(header, rows) if noted else words.table(header[:-1], [row[:-1] for row in rows])


def _nothing(invocation: Invocation, job: str) -> int:
    if invocation.json:
        from jobrunner.cli.many import summary
        from jobrunner.core.tally import Tally

        invocation.write_json(summary(job, Tally(0)))
    return exits.OK


def _agreed(invocation: Invocation, asked: _Asked, fills: Sequence[Fill]) -> bool:
    """Ask a person, if there is one, before many runs, or runs of times that are still to come."""
    from jobrunner.core.backfill import Action

    starting = sum(fill.action is Action.START for fill in fills)
    if not starting or not (starting > _UNASKED or _still_to_come(fills)):
        return True
    if not (sys.stdin is not None and sys.stdin.isatty() and invocation.terminal.err_is_terminal):
        return True
    pace = "one at a time" if asked.parallel == 1 else f"{asked.parallel:,} at a time"
    try:
        return click.confirm(f"Start {words.counted(starting, 'run')}, {pace}?", err=True)
    except click.Abort:
        invocation.terminal.say("")  # the shell's prompt stands on a line of its own
        raise


def _run(invocation: Invocation, project: Project, asked: _Asked, fills: Sequence[Fill]) -> int:
    from jobrunner.cli import many
    from jobrunner.cli.session import on_runs

    options = [one.variation().options for one in fills[:1]]  # they differ in their times only
    with on_runs(invocation, project, asked.job, options) as session:
        if not session.log_readable:
            stays = invocation.command("local")
            invocation.note(f"it ends with this command, and a repetition would begin anew; `{stays}` stays")
        fleet = session.runner.backfill(
            asked.job,
            asked.start,
            asked.end,
            parallel=asked.parallel,
            failed=asked.failed,
            fail_fast=asked.fail_fast,
            over_budget=asked.over_budget,
        )
        code = many.follow_all(invocation, session, asked.job, fleet, on_interrupt=asked.on_interrupt)
        if code != exits.OK and session.log_readable:
            _say_again(invocation, asked, failed=code == exits.FAILED)
    return code


def _say_again(invocation: Invocation, asked: _Asked, *, failed: bool) -> None:
    """Say what to type: it goes on where this one was."""
    from jobrunner.core.wall_clock import iso_seconds

    more = ["--parallel", str(asked.parallel)] if asked.parallel > 1 else []
    more += ["--fail-fast"] if asked.fail_fast else []
    more += ["--failed"] if failed or asked.failed else []
    more += ["--over-budget"] if asked.over_budget else []
    again = invocation.command(
        "backfill", asked.job, "--from", iso_seconds(asked.start), "--to", iso_seconds(asked.end), *more
    )
    invocation.terminal.say(f"  again     {again}")
