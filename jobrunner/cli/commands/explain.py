"""`jobrunner explain RUN`: cause, evidence and remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobrunner.cli import summary, words
from jobrunner.cli.harmless import harmless
from jobrunner.cli.options import shared
from jobrunner.cli.session import to_find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.cli.invocation import Invocation
    from jobrunner.ops.explain import ExplainedAttempt, Explanation


@click.command("explain")
@click.argument("run")
@shared
@click.pass_obj
def command(invocation: Invocation, *, run: str) -> int:
    """Say why a run ended as it did, and what to do.

    RUN is a run id, an unambiguous prefix of one, a task ARN or a jobrunner:// reference. For each attempt: the
    cause, the evidence (ECS's words, every container, the timeline, the last lines of the log) and the remedy.
    """
    with to_find(invocation, run) as session:
        if session.gone:
            invocation.note("the local endpoint that ran it has gone, and its log with it; this is what was recorded")
        explanation = session.runner.explain(run, log=not session.gone)
        if invocation.json:
            invocation.write_json(explanation.to_json())
        else:
            invocation.terminal.write("\n".join(_parts(explanation, invocation)))
    return 0


def _parts(explanation: Explanation, invocation: Invocation) -> Iterator[str]:
    """Give one block of rows for each attempt that has ended, and one for a run that goes on."""
    record = explanation.status.record
    several = len(explanation.attempts) > 1 or record.attempt > 1
    for one in explanation.attempts:
        rows = [("run", f"{record.run_id} of {harmless(record.job)}"), *_rows(one, several=several)]
        yield words.fields(rows)
    if explanation.status.outcome is None:
        where = explanation.status.phase or "waits for its next launch"
        rows = [
            ("run", f"{record.run_id} of {harmless(record.job)}"),
            ("verdict", f"none yet: attempt {record.attempt} {where}"),
            ("next", invocation.command("attach", record.run_id)),
        ]
        yield words.fields(rows)


def _rows(attempt: ExplainedAttempt, *, several: bool) -> Iterator[tuple[str, str]]:
    known = attempt.diagnosis
    if several:
        yield "attempt", str(attempt.outcome.attempt)
    yield "verdict", summary.headline(attempt.outcome).removeprefix(f"{harmless(attempt.outcome.job)} ")
    yield "cause", harmless(known.cause)
    yield "evidence", harmless("\n".join(known.evidence)) or "none is left"
    if attempt.last_lines:
        yield "log", harmless("\n".join(attempt.last_lines))
    elif attempt.unread is not None:
        yield "log", harmless(f"cannot be read: {attempt.unread}")
    yield "remedy", harmless(known.remedy)
    yield "again", "may succeed unchanged" if known.transient else "would most likely end in the same way"
