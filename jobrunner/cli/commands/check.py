"""`jobrunner check [JOB…]`: is everything well; for a monitor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from jobrunner.cli import exits, histories, words
from jobrunner.cli.options import job_names, read_by, read_duration, shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobrunner.cli.invocation import Invocation
    from jobrunner.ops.missed import Health

_DAY: Final = timedelta(days=1)
_read = read_by(histories.read_moment, "24h or 2026-11-01T02:30Z")


@click.command("check")
@click.argument("jobs", metavar="[JOB]...", nargs=-1, shell_complete=job_names)
@click.option(
    "--since",
    metavar="WHEN",
    callback=_read,
    help="Look for missed fires from then on: how long ago, or a day or time. [default: 24h]",
)
@click.option("--until", metavar="WHEN", callback=_read, help="As if it were then; as --since. [default: now]")
@click.option(
    "--grace",
    metavar="DURATION",
    callback=read_by(read_duration, "--grace 15m"),
    help="How long after its time, and its jitter, a run may begin before it counts as missed. [default: 5m]",
)
@click.option(
    "--notify",
    is_flag=True,
    help="Tell whom `notify` of the jobs names, once, of missed runs and of scheduled ones that have recovered.",
)
@shared
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    jobs: tuple[str, ...],
    since: datetime | timedelta | None,
    until: datetime | timedelta | None,
    grace: int | None,
    notify: bool,
) -> int:
    """Check that scheduled jobs have run, and that the last runs were successes; for a monitor.

    Ends with 0 if so; with 1 and a line for each job that has missed a fire, whose last run failed, or of which that
    is not known, as without the rule of deploy/history.yaml; and with 69 if AWS could not be asked. A run that was
    skipped because of another one is not missed.
    """
    from jobrunner.cli.looking_back import to_look_back

    invocation: Invocation = ctx.obj
    now = datetime.now(UTC)
    end = None if until is None else histories.moment_before(until, now)
    start = histories.moment_before(since or _DAY, end or now)
    if end is not None and end <= start:
        raise click.UsageError(f"--until, {words.moment(end)}, is not after --since, {words.moment(start)}", ctx)
    with to_look_back(invocation) as back:
        runner = back.scheduling()
        with invocation.terminal.status(lambda: "jobrunner: reading schedules and history"):
            patience = None if grace is None else timedelta(seconds=grace)
            found = runner.checkup(*jobs, since=start, until=end, grace=patience)
            trouble = runner.history_trouble
            told = runner.tell(found, since=start) if notify else 0
        for one in found:
            if one.attendance is None and one.last is None:
                back.check_known(invocation, one.job)
    if notify:
        invocation.note(f"{words.counted(told, 'notification')} sent")
        for text in runner.untold:
            invocation.note(f"warning: {text}")
    histories.say_synced(invocation, (), trouble)
    return _told(invocation, found, start)


def _told(invocation: Invocation, found: Sequence[Health], since: datetime) -> int:
    sick = [one for one in found if not one.ok]
    lines = [histories.complaint(one, _advice(invocation, one)) for one in sick]
    if not found:
        # A monitor that looks at nothing, of another stage for instance, must not say that all is well.
        lines = [f"not known: there are no schedules, and no runs since {words.moment(since)}"]
    elif not sick:
        fires = words.counted(sum(one.attendance.fires for one in found if one.attendance is not None), "fire")
        lines = [f"ok: {words.counted(len(found), 'job')}, {fires} since {words.moment(since)}"]
    if invocation.json:
        invocation.write_json(*(one.to_json() for one in found))
        for line in lines:
            invocation.note(line)
    else:
        invocation.terminal.write("".join(f"{line}\n" for line in lines))
    for text in histories.cut([one.attendance for one in found if one.attendance is not None], since):
        invocation.note(text)
    return exits.FAILED if sick or not found else exits.OK


def _advice(invocation: Invocation, health: Health) -> str | None:
    return None if health.last is None else invocation.command("explain", health.last.identity.run_id)
