"""Past runs as a person reads them: a line each, with its attempts under it; and a line for a job that is not well."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from jobrunner.cli import words
from jobrunner.cli.harmless import harmless_line
from jobrunner.core.figures import figures_of
from jobrunner.core.outcome import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.history import Entry, LaunchNote
    from jobrunner.core.missed import Attendance, Missed
    from jobrunner.core.outcome import Outcome
    from jobrunner.ops.history import Synced
    from jobrunner.ops.missed import Health

#: The cost is an estimate, and says so wherever a person reads it.
_HEADER: Final = ("RUN", "JOB", "DUE", "VERDICT", "ATTEMPTS", "DURATION", "BILLED", "ESTIMATE", "TRIGGER")
_MISSED: Final = ("RUN", "JOB", "DUE", "WHY")
_VERDICT: Final = _HEADER.index("VERDICT")
_GREEN, _RED, _RESET = "\x1b[32m", "\x1b[31m", "\x1b[0m"
_NOTHING, _UNKNOWN, _WAITING = "-", "unknown", "waiting"
WITHOUT_RULE: Final = (
    "without the rule of deploy/history.yaml, history is what this machine started and what ECS still knows"
)
_MILLISECONDS: Final = 1000


def read_moment(text: str) -> datetime | timedelta:
    """Read a time, or how long ago it was: `7d`, `36h`, `2026-11-01`, `2026-11-01T02:30Z`; without an offset, UTC."""
    from jobrunner.core.durations import parse_duration
    from jobrunner.core.interval import moment_of, parse_bound

    try:
        return moment_of(parse_bound(text), {"UTC"})
    except ValueError as error:
        try:
            return timedelta(seconds=parse_duration(text))
        except ValueError:
            raise ValueError(f"{error}, nor how long ago") from None


def moment_before(given: datetime | timedelta, now: datetime) -> datetime:
    """Give the moment that `read_moment` has read."""
    return now - given if isinstance(given, timedelta) else given


def say_synced(invocation: Invocation, all_synced: Iterable[Synced | None], *troubles: str | None) -> None:
    """Say once what is wrong with what is shown: it may be old, or not all."""
    known = [one for one in all_synced if one is not None]
    said = [f"warning: {trouble}" for trouble in troubles if trouble is not None]
    said += [f"warning: {one.trouble.what}; this is what was read before" for one in known if one.trouble is not None]
    said += [WITHOUT_RULE for one in known if not one.rule]
    if unreadable := sum(one.unreadable for one in known):
        said.append(f"warning: {words.counted(unreadable, 'message')} of the log of events cannot be read")
    for text in dict.fromkeys(said):
        invocation.note(text)


def table(entries: Sequence[Entry], *, now: datetime, colour: bool) -> str:
    """Give the table of runs."""
    verdicts: list[Outcome | None] = []
    rows: list[tuple[str, ...]] = []
    for entry in entries:
        rows.append(_run(entry, now))
        verdicts.append(None if entry.skipped else entry.outcome)
        if len(entry.launches) > 1:
            rows += _launches(entry.launches)
            verdicts += [one.outcome for one in entry.launches]
    rows = [tuple(map(harmless_line, row)) for row in rows]
    text = words.table(_HEADER, rows)
    return _coloured(text, rows, verdicts) if colour else text


def missed_table(missed: Sequence[Missed]) -> str:
    """Give the table of fires that nothing has come of."""
    rows = [(one.run_id, one.job, words.moment(one.due), one.reason) for one in missed]
    return words.table(_MISSED, [tuple(map(harmless_line, row)) for row in rows])


def complaint(health: Health, command: str | None) -> str:
    """Give the line for a job that is not well.

    Args:
        health: How it is.
        command: What to type about its last run, if that has failed.
    """
    said = [] if health.attendance is None else list(_absences(health.attendance))
    outcome = None if health.last is None else health.last.outcome
    if health.last is not None and outcome is not None and health.failed:
        at = words.moment(outcome.stopped_at or health.last.due)
        said.append(f"{_ended(outcome)} at {at}, run {outcome.run_id}; {command}")
    return harmless_line(f"{health.job}: {'; '.join(said)}")


def cut(found: Iterable[Attendance], since: datetime) -> Iterator[str]:
    """Say of which jobs it is not known what was due from the beginning on."""
    later = [one for one in found if one.since > since]
    if later:
        named = ", ".join(f"{one.job} {words.moment(one.since)}" for one in later)
        yield f"before the schedules were last written, or the rule was there, what was due is not known: {named}"


def _absences(attendance: Attendance) -> Iterator[str]:
    missed = attendance.missed
    if missed:
        last = words.moment(missed[-1].due)
        yield f"missed {len(missed):,} of {words.counted(attendance.fires, 'fire')}, the last at {last}"
    yield from (f"not known: {reason}" for reason in attendance.unknown)


def _run(entry: Entry, now: datetime) -> tuple[str, ...]:
    identity, outcome = entry.identity, entry.outcome
    return (
        identity.run_id,
        identity.job,
        words.moment(entry.due),
        _phase(entry) if outcome is None else "skipped" if entry.skipped else _ended(outcome),
        str(entry.attempts) if entry.attempts else _NOTHING,
        _duration(entry, now),
        *(("-", "-") if entry.skipped else _bill(outcome)),
        identity.trigger,
    )


def _launches(launches: Sequence[LaunchNote]) -> Iterator[tuple[str, ...]]:
    for one in launches:
        branch = "└" if one is launches[-1] else "├"
        capacity = None if one.outcome is None else one.outcome.capacity
        on = f" on {capacity}" if capacity is not None else ""
        began, ended = one.started_at, one.stopped_at
        yield (
            f"{branch} attempt {one.attempt}{on}",
            "",
            words.moment(one.at),
            _state(one) if one.outcome is None else _ended(one.outcome),
            "",
            _NOTHING if began is None or ended is None else words.duration((ended - began).total_seconds()),
            *_bill(one.outcome),
            "",
        )


def _phase(entry: Entry) -> str:
    """Say where a run is that is not over: with its last task, or between two."""
    last = entry.launches[-1] if entry.launches else None
    return _WAITING if last is None or last.outcome is not None else _state(last)


def _state(launch: LaunchNote) -> str:
    status = None if launch.task is None else launch.task.last_status
    return _WAITING if status is None else status.lower()


def _ended(outcome: Outcome) -> str:
    """Give the verdict with the exit code or, where that does not tell, the reason."""
    if outcome.verdict is Verdict.FAILED and outcome.exit_code is not None:
        return f"{outcome.verdict} (exit {outcome.exit_code})"
    told = {Verdict.SUCCEEDED: "exit", Verdict.TIMED_OUT: "timeout", Verdict.OUT_OF_MEMORY: outcome.reason}
    reason = "" if told.get(outcome.verdict) == outcome.reason else f" ({outcome.reason})"
    return f"{outcome.verdict}{reason}"


def _duration(entry: Entry, now: datetime) -> str:
    if entry.outcome is None:
        starts = [one.started_at for one in entry.launches if one.started_at is not None]
        return words.duration((now - min(starts)).total_seconds()) if starts else _NOTHING
    took = figures_of(entry).duration
    return _NOTHING if took is None else words.duration(took / _MILLISECONDS)


def _bill(outcome: Outcome | None) -> tuple[str, str]:
    if outcome is None:
        return _NOTHING, _NOTHING
    seconds, cost = outcome.billed_seconds, outcome.cost_usd
    return _UNKNOWN if seconds is None else f"{seconds} s", _UNKNOWN if cost is None else words.money(cost)


def _coloured(text: str, rows: Sequence[tuple[str, ...]], verdicts: Sequence[Outcome | None]) -> str:
    """Colour the verdicts of a table that is aligned already: colours take no room on the screen."""
    header, *lines = text.splitlines()
    start = header.index(_HEADER[_VERDICT])
    shown = [header]
    for line, row, outcome in zip(lines, rows, verdicts, strict=True):
        if outcome is None:
            shown.append(line)
            continue
        end = start + len(row[_VERDICT])
        colour = _GREEN if outcome.succeeded else _RED
        shown.append(f"{line[:start]}{colour}{line[start:end]}{_RESET}{line[end:]}")
    return "\n".join(shown) + "\n"
