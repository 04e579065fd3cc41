"""`jobrunner report [JOB]`: what past runs came to, and what they cost."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from jobrunner.cli import exits, words
from jobrunner.cli.options import job_names, read_by, shared_and_csv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from jobrunner.cli.invocation import Invocation
    from jobrunner.cli.looking_back import LookBack
    from jobrunner.core.report import Grouping
    from jobrunner.document import Project
    from jobrunner.ops.history import Synced
    from jobrunner.ops.report import Reported

_MONTH: Final = timedelta(days=30)
#: Runs that the page lists one by one.
_LISTED: Final = 2_000
_STDOUT: Final = Path("-")


def _checked(read: Callable[[str], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Give the callback of an option whose refusal says itself what to write instead."""

    def callback(_ctx: click.Context, _param: click.Parameter, value: str) -> Any:
        try:
            return read(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


def _read_grouping(text: str) -> Grouping:
    from jobrunner.core.report import parse_grouping

    return parse_grouping(text)


def _read_zone(text: str) -> str:
    from jobrunner.core.schedule import check_zone

    return check_zone(text)


def _read_when(text: str) -> date | timedelta:
    """Read a day, a time, or how long ago it was."""
    from jobrunner.core.durations import parse_duration
    from jobrunner.core.interval import parse_bound

    try:
        return parse_bound(text)
    except ValueError as error:
        try:
            return timedelta(seconds=parse_duration(text))
        except ValueError:
            raise ValueError(f"{error}, nor how long ago") from None


def _file(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Path | None:
    """Find out before the work what would be in vain."""
    if value is None or value == str(_STDOUT):
        return None if value is None else _STDOUT
    path = Path(value)
    if not value or path.is_dir():
        raise click.BadParameter(f"{value!r} is a directory; name a file in it, report.html for instance")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no directory {str(path.parent)!r} to write it to")
    return path


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the command line asks for."""

    job: str | None
    since: datetime
    until: datetime | None
    by: Grouping
    timezone: str
    html: Path | None
    offline: bool


@click.command("report")
@click.argument("job", required=False, shell_complete=job_names)
@click.option(
    "--since",
    metavar="WHEN",
    callback=read_by(_read_when, "30d, 36h or 2026-11-01T02:30Z"),
    help="From then on: how long ago, as 36h, or a day or time, of --timezone without an offset. [default: 30d]",
)
@click.option(
    "--until",
    metavar="WHEN",
    callback=read_by(_read_when, "7d, 36h or 2026-12-01"),
    help="Before then; as --since. [default: now]",
)
@click.option(
    "--by",
    metavar="WHAT",
    default="job",
    show_default=True,
    callback=_checked(_read_grouping),
    help="job, day, month, stage, trigger, tag or tag:KEY.",
)
@click.option(
    "--timezone",
    metavar="ZONE",
    default="UTC",
    show_default=True,
    callback=_checked(_read_zone),
    help="Whose days and months.",
)
@click.option("--html", metavar="FILE", callback=_file, help="Also write one self-contained page; - is stdout.")
@click.option("--offline", is_flag=True, help="Only what this machine has read before; AWS is not asked.")
@shared_and_csv
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Add up past runs: how they ended, how long they took, what they cost.

    Costs are estimates from the prices that `jobrunner prices` prints. What is unknown is not guessed: a sum with ≥ is
    of what is known. Median and 95th percentile are of the runs that are over and started, by the nearest rank: each is
    the duration of a run. A run of a schedule counts for the time that it was due.

    The tags of --by tag are those that the jobs have in the project now: AWS's events tell none. A run counts in the
    group of each, and once in the total. --by stage reads all stages of the project.

    JSON is one object, CSV a line for each group, without the total.
    """
    invocation: Invocation = ctx.obj
    asked = _read(ctx, given)
    if asked.html == _STDOUT and (invocation.json or invocation.csv):
        raise click.UsageError(f"--html - and --output {invocation.output} both write to stdout", ctx)
    with ExitStack() as stack:
        backs = [stack.enter_context(back) for back in _looking_back(invocation, asked)]
        with invocation.terminal.status(lambda: "jobrunner: reading history"):
            found, synced = _report(backs, asked)
        if asked.job is not None and not found.report.groups:
            backs[0].check_known(invocation, asked.job)
    code = _write_page(invocation, asked, found)
    if asked.html != _STDOUT:
        _show(invocation, backs[0], found)
    _explain(invocation, asked, found, synced)
    return code


def _read(ctx: click.Context, given: dict[str, Any]) -> _Asked:
    now, zone = datetime.now(UTC), given["timezone"]
    try:
        since = _moment(given["since"] or _MONTH, now, zone)
        until = None if given["until"] is None else _moment(given["until"], now, zone)
    except ValueError as error:
        raise click.UsageError(str(error), ctx) from None
    if until is not None and until <= since:
        raise click.UsageError(f"--until, {words.moment(until)}, is not after --since, {words.moment(since)}", ctx)
    return _Asked(**{**given, "since": since, "until": until})


def _moment(given: date | timedelta, now: datetime, zone: str) -> datetime:
    from jobrunner.core.interval import moment_of

    return now - given if isinstance(given, timedelta) else moment_of(given, {zone})


def _looking_back(invocation: Invocation, asked: _Asked) -> Iterator[AbstractContextManager[LookBack]]:
    """Give what opens the past of the stage; by stage, that of all stages of the project."""
    from jobrunner.cli.looking_back import to_look_back
    from jobrunner.cli.session import load, load_whole
    from jobrunner.core.report import By

    project = load_whole(invocation) if asked.by.by is By.TAG else load(invocation)
    yield to_look_back(invocation, project)
    if asked.by.by is By.STAGE and not asked.offline:
        for other in _other_stages(invocation, project):
            yield to_look_back(invocation, other)


def _other_stages(invocation: Invocation, project: Project) -> Iterator[Project]:
    """Give the project as its other stages have it; of one that cannot be asked, say so."""
    from jobrunner.binding import connection_of
    from jobrunner.core import local_stage
    from jobrunner.document import load_project, stage_names
    from jobrunner.errors import SpecError

    for stage in dict.fromkeys((*stage_names(project.directory), local_stage.STAGE)):
        if stage == project.settings.stage:
            continue
        try:
            other = load_project(project.directory, stage=stage, jobs=())
            if not other.settings.is_local:
                connection_of(other.settings)
        except SpecError as error:
            invocation.note(f"warning: stage {stage} is not asked: {error.what}")
            continue
        if other.settings.state_dir != project.settings.state_dir:
            invocation.note(f"warning: stage {stage} is left out: its history is in {other.settings.state_dir}")
            continue
        yield other


def _report(backs: Sequence[LookBack], asked: _Asked) -> tuple[Reported, list[Synced | None]]:
    """Read on wherever there is somebody to ask, and add up all that was read."""
    runner, living = backs[0].runner, [one for back in backs for one in back.living]
    synced = [] if asked.offline else [one.sync() for one in living if one is not runner]
    found = runner.report(
        asked.job,
        since=asked.since,
        until=asked.until,
        by=str(asked.by),
        timezone=asked.timezone,
        newest=0 if asked.html is None else _LISTED,
        sync=runner in living and not asked.offline,
    )
    return found, [*synced, found.synced]


def _write_page(invocation: Invocation, asked: _Asked, found: Reported) -> int:
    if asked.html is None:
        return exits.OK
    from jobrunner.cli.page import page
    from jobrunner.cli.whole_file import write_whole

    report = found.report
    parts = [report.project, f"stage {report.stage}" if report.stage else "", f"job {asked.job}" if asked.job else ""]
    html = page(
        title=", ".join(filter(None, parts)),
        report=report,
        figures=found.figures,
        runs=found.entries,
        made_at=datetime.now(UTC),
    )
    if asked.html == _STDOUT:
        invocation.terminal.write(html)
        return exits.OK
    try:
        size = write_whole(asked.html, html)
    except OSError as error:
        invocation.terminal.say(f"error: {asked.html} cannot be written: {error.strerror or error}")
        return exits.UNWRITABLE
    invocation.note(f"the page is in {asked.html}, {size / 1_000_000:.1f} MB")
    return exits.OK


def _show(invocation: Invocation, back: LookBack, found: Reported) -> None:
    from jobrunner.cli import reports
    from jobrunner.cli.harmless import harmless

    terminal = invocation.terminal
    if invocation.json:
        invocation.write_json(found.report.to_json())
    elif invocation.csv:
        text = reports.csv_text(found.report)
        terminal.write(harmless(text) if terminal.out_is_terminal else text)
    else:
        terminal.write(reports.text(found.report, region=back.runner.settings.region, local=back.local))


def _explain(invocation: Invocation, asked: _Asked, found: Reported, synced: Sequence[Synced | None]) -> None:
    """Say what is wrong with the report; of an empty one, what would help."""
    from jobrunner.cli.histories import say_synced

    say_synced(invocation, synced, found.trouble)
    if not found.report.groups:
        unasked = "; without --offline AWS is asked" if asked.offline else ""
        invocation.note(f"no runs since {words.moment(asked.since)}{unasked}; `jobrunner history` shows what ran")
