"""`jobrunner next JOB`: when its schedules fire."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click

from jobrunner.cli import words
from jobrunner.cli.options import job_names, read_by, read_time, shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.fires import Fire
    from jobrunner.core.schedule import Schedule

_MOST: Final = 100_000
_A_YEAR: Final = timedelta(days=365)


def _checked(check: Callable[[str], str]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Give the callback of an option whose refusal says itself what to write instead."""

    def callback(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
        try:
            return None if value is None else check(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


def _check_cron(text: str) -> str:
    from jobrunner.core.schedule import check_cron

    return check_cron(text)


def _check_zone(name: str) -> str:
    from jobrunner.core.schedule import check_zone

    return check_zone(name)


def _read_from(text: str) -> datetime:
    from jobrunner.core.aws_cron import YEARS

    moment = read_time(text)
    if not YEARS[0] < moment.year < YEARS[-1]:
        raise ValueError(f"{text!r} is out of range: the years {YEARS[0] + 1} to {YEARS[-1] - 1}")
    return moment


@click.command("next")
@click.argument("job", required=False, shell_complete=job_names)
@click.option("--cron", metavar="CRON", callback=_checked(_check_cron), help="A Unix cron expression instead of a job.")
@click.option(
    "--timezone",
    metavar="ZONE",
    callback=_checked(_check_zone),
    help="The time zone of --cron (default: UTC); of a job, the one that its local times are shown in.",
)
@click.option("-n", "count", type=click.IntRange(1, _MOST), default=10, metavar="N", help="So many. [default: 10]")
@click.option(
    "--from",
    "since",
    metavar="TIME",
    callback=read_by(_read_from, "--from 2026-11-23T02:30Z"),
    help="From this time on, ISO 8601 with an offset. [default: now]",
)
@shared
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    job: str | None,
    cron: str | None,
    timezone: str | None,
    count: int,
    since: datetime | None,
) -> int:
    """Print when a job's schedules fire next, offline.

    By the rules of EventBridge Scheduler: a local time that the clocks skip never comes, and one that occurs twice
    fires once, the first time. What the clocks do to the schedules within twelve months is said on stderr.
    """
    from jobrunner.core.fires import fires
    from jobrunner.core.schedule import Schedule
    from jobrunner.core.wall_clock import zone_of

    if (job is None) == (cron is None):
        raise click.UsageError("name a job, or give --cron, and not both", ctx)
    invocation: Invocation = ctx.obj
    start = _whole_second(since or datetime.now(UTC))
    if job is None:
        schedules: tuple[Schedule, ...] = (Schedule(cron=cron, timezone=timezone or "UTC"),)
    else:
        schedules = _schedules_of(invocation, job)
    found = [*islice(fires(schedules, start), count)]
    if job is not None and timezone is not None:
        found = [replace(fire, local=fire.utc.astimezone(zone_of(timezone))) for fire in found]
    if invocation.json:
        invocation.write_json(*(fire.to_json() for fire in found))
    elif found:
        invocation.terminal.write(_table(found))
    if not found:
        invocation.note(f"nothing fires from {words.moment(start)} on")
    elif len(found) < count:
        invocation.note("that is all: nothing fires later")
    _explain(invocation, schedules, start)
    return 0


def _whole_second(moment: datetime) -> datetime:
    """Round up: what a second has begun with is over."""
    return (moment + timedelta(seconds=1, microseconds=-1)).replace(microsecond=0)


def _schedules_of(invocation: Invocation, job: str) -> tuple[Schedule, ...]:
    from jobrunner.cli.session import load
    from jobrunner.errors import SpecError

    project = load(invocation, job)
    spec = project.jobs[job]
    if not spec.schedule:
        raise SpecError(
            f"the job {job} has no schedule",
            where=project.sources[job],
            hint='add one, for instance: schedule: {cron: "30 2 * * *", timezone: Europe/London}',
        )
    if spec.paused:
        invocation.note(f"{job} is paused: its schedules do not fire until it is resumed")
    if spec.jitter is not None:
        invocation.note(f"each run starts at a random moment within {words.duration(spec.jitter)} of its time")
    return spec.schedule


def _table(found: Sequence[Fire]) -> str:
    rows = [(f"{fire.local:%a %Y-%m-%d %H:%M:%S %Z}", words.moment(fire.utc), fire.note or "") for fire in found]
    noted = any(note for *_, note in rows)
    header = ("LOCAL", "UTC", "NOTE")
    return words.table(header, rows) if noted else words.table(header[:2], [row[:2] for row in rows])


def _explain(invocation: Invocation, schedules: Iterable[Schedule], start: datetime) -> None:
    """Say what AWS is asked for, and what is easily overlooked."""
    from jobrunner.core.fires import oddities

    for schedule in schedules:
        invocation.note(f"AWS: {', '.join(schedule.expressions)} in {schedule.timezone}")
        if schedule.cron is not None and "*" not in schedule.cron.split()[2::2]:
            invocation.note(f"{schedule.cron!r} fires on days that match either of its day fields, as every cron does")
        for oddity in oddities(schedule, start, start + _A_YEAR):
            invocation.note(f"{schedule.timezone}: {oddity}")
