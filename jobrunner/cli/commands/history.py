"""`jobrunner history [JOB]`: what ran, and what did not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from jobrunner.cli import exits, histories, words
from jobrunner.cli.options import job_names, read_by, shared

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation

_WEEK: Final = timedelta(days=7)
_LIMIT: Final = 50
#: As `jobrunner.core.options.Trigger` and `jobrunner.ops.past.VERDICTS`, which are not imported for the help.
_TRIGGERS: Final = ("manual", "schedule", "backfill", "library")
_VERDICTS: Final = (
    *("succeeded", "failed", "timed_out", "stopped", "interrupted", "out_of_memory", "never_started", "lost"),
    *("skipped", "running"),
)
_read = read_by(histories.read_moment, "7d, 36h or 2026-11-01T02:30Z")


@click.command("history")
@click.argument("job", required=False, shell_complete=job_names)
@click.option(
    "--since",
    metavar="WHEN",
    callback=_read,
    help="From then on: how long ago, as 36h, or a day or time, in UTC without an offset. [default: 7d]",
)
@click.option("--until", metavar="WHEN", callback=_read, help="Before then; as --since. [default: now]")
@click.option(
    "--verdict",
    "verdicts",
    multiple=True,
    type=click.Choice(_VERDICTS),
    help="Only what ended so, was skipped, or goes on; may be repeated.",
)
@click.option("--trigger", type=click.Choice(_TRIGGERS), help="Only what was started so.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=None,
    metavar="N",
    help=f"The newest N; 0 for all. [default: {_LIMIT}]",
)
@click.option("--missed", is_flag=True, help="Instead, the fires of the schedules that nothing has come of.")
@click.option("--offline", is_flag=True, help="Only what this machine has read before; AWS is not asked.")
@shared
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """List past runs, newest first, whoever started them.

    With the rule of deploy/history.yaml, all of this project and stage; without it, what this machine started and what
    ECS still knows. The attempts of a run are shown under it. A run of a schedule counts for the time that it was due.
    """
    now = datetime.now(UTC)
    since = histories.moment_before(given["since"] or _WEEK, now)
    until = None if given["until"] is None else histories.moment_before(given["until"], now)
    if until is not None and until <= since:
        raise click.UsageError(f"--until, {words.moment(until)}, is not after --since, {words.moment(since)}", ctx)
    _check(ctx, given)
    limit = _LIMIT if given["limit"] is None else given["limit"] or None
    if given["missed"]:
        return _missed(ctx.obj, given["job"], since, until, limit)
    return _history(ctx.obj, given, since, until, limit)


def _check(ctx: click.Context, given: dict[str, Any]) -> None:
    if given["missed"] and given["offline"]:
        raise click.UsageError("--missed asks AWS for the schedules; it cannot be --offline", ctx)
    if given["missed"] and (given["verdicts"] or given["trigger"]):
        raise click.UsageError("what was missed has neither a --verdict nor a --trigger", ctx)


def _history(
    invocation: Invocation, given: dict[str, Any], since: datetime, until: datetime | None, limit: int | None
) -> int:
    from jobrunner.cli.looking_back import to_look_back

    job, asked = given["job"], None if limit is None else limit + 1
    with to_look_back(invocation) as back:
        runners = [back.runner] if given["offline"] or not back.living else back.living
        sync = bool(back.living) and not given["offline"]
        with invocation.terminal.status(lambda: "jobrunner: reading history"):
            # Each reads what its endpoint has to tell; what all have told, the last one shows.
            pasts = [
                one.history(
                    job,
                    since=since,
                    until=until,
                    verdict=given["verdicts"] or None,
                    trigger=given["trigger"],
                    limit=asked,
                    sync=sync,
                )
                for one in runners
            ]
        entries = pasts[-1].entries
        if job is not None and not entries:
            back.check_known(invocation, job)
    shown = entries[:limit]
    if invocation.json:
        invocation.write_json(*(one.to_json() for one in shown))
    elif shown:
        terminal = invocation.terminal
        terminal.write(histories.table(shown, now=datetime.now(UTC), colour=terminal.colour_out))
    histories.say_synced(invocation, [one.synced for one in pasts], *(one.trouble for one in pasts))
    if not entries:
        invocation.note(f"no runs since {words.moment(since)}")
    elif len(entries) > len(shown):
        invocation.note(f"that is the newest {len(shown)}, and there are more: --limit N shows N, --limit 0 all")
    if shown and back.local and not invocation.json:
        invocation.note("on the local endpoint nothing is billed: the estimates are what Fargate would charge")
    return exits.OK


def _missed(invocation: Invocation, job: str | None, since: datetime, until: datetime | None, limit: int | None) -> int:
    from jobrunner.cli.looking_back import to_look_back

    with to_look_back(invocation) as back:
        runner = back.scheduling()
        with invocation.terminal.status(lambda: "jobrunner: reading schedules and history"):
            found = runner.missed(*([job] if job else []), since=since, until=until)
            trouble = runner.history_trouble
        if job is not None and not found:
            back.check_known(invocation, job)
    missed = sorted((one for job in found for one in job.missed), key=lambda one: one.due, reverse=True)
    shown = missed[:limit]
    if invocation.json:
        invocation.write_json(*(one.to_json() for one in shown))
    elif shown:
        invocation.terminal.write(histories.missed_table(shown))
    histories.say_synced(invocation, (), trouble)
    for text in histories.cut(found, since):
        invocation.note(text)
    unknown = [f"{one.job}: not known: {reason}" for one in found for reason in one.unknown]
    for text in unknown:
        invocation.note(text)
    if len(missed) > len(shown):
        invocation.note(f"that is the newest {len(shown)} of {len(missed):,}: --limit N shows N, --limit 0 all")
    if not found:
        invocation.note(f"{job or 'the project'} has no schedules at AWS")
    elif not missed and not unknown:
        fires = sum(one.fires for one in found)
        invocation.note(f"nothing was missed of {words.counted(fires, 'fire')} since {words.moment(since)}")
    return exits.FAILED if unknown else exits.OK
