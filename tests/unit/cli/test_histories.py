"""Past runs, missed fires and jobs that are not well, as a person reads them."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from remembering import DAY, HOUR, MINUTE, NOON, identity, launch, skipped

from jobrunner.cli import histories
from jobrunner.cli.invocation import Invocation
from jobrunner.cli.terminal import Terminal
from jobrunner.core.history import Source, entry_of
from jobrunner.core.missed import Attendance, Missed
from jobrunner.core.outcome import Verdict
from jobrunner.errors import AwsUnreachableError
from jobrunner.ops.history import Synced
from jobrunner.ops.missed import Health

if TYPE_CHECKING:
    from jobrunner.core.history import Entry, Note

ONE = "4r9k2m8p3w7x5t1q"
NIGHT = "etl@2026-01-01T02:30:00Z"
SOURCE = Source(project="shop", stage=None, region="us-east-1")
GREEN, RED, RESET = "\x1b[32m", "\x1b[31m", "\x1b[0m"


def entry(*notes: Note) -> Entry:
    """One run."""
    return entry_of(SOURCE, notes)


def flaky() -> Entry:
    """A run of two attempts."""
    return entry(launch(NIGHT, NOON, 75), launch(NIGHT, NOON + 5 * MINUTE, attempt=2, number=2))


def table(*entries: Entry, colour: bool = False, now: datetime = NOON) -> list[str]:
    """The lines of the table."""
    return histories.table(entries, now=now, colour=colour).splitlines()


def cells(line: str) -> list[str]:
    """The cells of a line that has no empty ones."""
    return [cell.strip() for cell in line.split("   ") if cell.strip()]


def test_a_run_is_a_line_and_its_attempts_stand_under_it() -> None:
    """One attempt needs no line of its own."""
    expected = """\
RUN                        JOB   DUE                    VERDICT            ATTEMPTS   DURATION   BILLED   ESTIMATE    TRIGGER
4r9k2m8p3w7x5t1q           etl   2026-01-01 13:00:00Z   succeeded          1          1m45s      110 s    $0.000377   manual
etl@2026-01-01T02:30:00Z   etl   2026-01-01 02:30:00Z   succeeded          2          6m45s      220 s    $0.000754   schedule
├ attempt 1 on on-demand         2026-01-01 12:00:00Z   failed (exit 75)              1m45s      110 s    $0.000377
└ attempt 2 on on-demand         2026-01-01 12:05:00Z   succeeded                     1m45s      110 s    $0.000377
"""  # noqa: E501  as wide as it is
    assert expected == histories.table([entry(launch(ONE, NOON + HOUR, number=3)), flaky()], now=NOON, colour=False)


def test_only_verdicts_are_coloured() -> None:
    """Colours take no room: without them, the table is the same."""
    plain, coloured = table(flaky(), entry(skipped(NIGHT))), table(flaky(), entry(skipped(NIGHT)), colour=True)
    assert [line.replace(GREEN, "").replace(RED, "").replace(RESET, "") for line in coloured] == plain
    marks = [GREEN in line for line in coloured], [RED in line for line in coloured]
    assert ([False, True, False, True, False], [False, False, True, False, False]) == marks
    assert f"{RED}failed (exit 75){RESET}" in coloured[2]


@pytest.mark.parametrize(
    ("notes", "shown"),
    [
        ([launch(ONE, over=False)], ["running", "1", "9m50s", "-", "-", "manual"]),
        ([launch(ONE, over=False, last_status="PENDING", started_at=None)], ["pending", "1", "-", "-", "-", "manual"]),
        ([launch(ONE, over=False, last_status=None)], ["waiting", "1", "9m50s", "-", "-", "manual"]),
        ([skipped(NIGHT)], ["skipped", "-", "-", "-", "-", "schedule"]),
        ([replace(skipped(NIGHT), running=True, end=None)], ["waiting", "-", "-", "-", "-", "schedule"]),
        ([launch(ONE, exit_code=None, started_at=None)], ["never_started (image_pull)", "1"]),
    ],
)
def test_what_is_not_over_or_never_began_is_shown_as_that(notes: list[Note], shown: list[str]) -> None:
    """A run that goes on has taken as long as it has by now; the bill comes with its end."""
    [_, line] = table(entry(*notes), now=NOON + 10 * MINUTE)
    assert shown == cells(line)[3 : 3 + len(shown)]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"verdict": Verdict.TIMED_OUT, "reason": "timeout"}, "timed_out"),
        ({"verdict": Verdict.STOPPED, "reason": "user"}, "stopped (user)"),
        ({"verdict": Verdict.OUT_OF_MEMORY, "reason": "oom", "exit_code": 137}, "out_of_memory"),
        ({"verdict": Verdict.FAILED, "reason": "exit", "exit_code": None}, "failed (exit)"),
        ({"verdict": Verdict.LOST, "reason": "forgotten"}, "lost (forgotten)"),
    ],
)
def test_a_verdict_has_the_reason_that_it_does_not_tell_itself(changes: dict[str, Any], shown: str) -> None:
    """Or the exit code."""
    note = launch(ONE)
    assert note.outcome is not None
    [_, line] = table(entry(replace(note, outcome=replace(note.outcome, **changes))))
    assert shown == cells(line)[3]


def test_what_is_unknown_is_called_so() -> None:
    """A bill is never a guess."""
    note = launch(ONE)
    assert note.outcome is not None
    outcome = replace(note.outcome, billed_seconds=None, cost_usd=None)
    [_, line] = table(entry(replace(note, outcome=outcome)))
    assert ["unknown", "unknown"] == cells(line)[6:8]


def test_names_cannot_write_on_the_screen() -> None:
    """Whoever may start tasks may call them anything."""
    [_, line] = table(entry(launch(identity(ONE, "et\x1b[2Jl"))))
    assert "\x1b" not in line


def missed(*numbers: int) -> tuple[Missed, ...]:
    """Fires of these hours after noon."""
    return tuple(Missed(job="etl", due=NOON + number * HOUR, schedules=("etl",)) for number in numbers)


def test_missed_fires_are_lines() -> None:
    """With the id that the run would have."""
    expected = """\
RUN                        JOB   DUE                    WHY
etl@2026-01-01T13:00:00Z   etl   2026-01-01 13:00:00Z   the schedule etl was due, and no run of it is known
"""
    assert expected == histories.missed_table(missed(1))


def health(*hours: int, unknown: tuple[str, ...] = (), exit_code: int | None = 0, watched: bool = True) -> Health:
    """A job that has missed fires, or whose last run failed."""
    attendance = Attendance(job="etl", since=NOON, watched=True, fires=1024, missed=missed(*hours), unknown=unknown)
    return Health(job="etl", attendance=attendance if watched else None, last=entry(launch(ONE, exit_code=exit_code)))


@pytest.mark.parametrize(
    ("sick", "said"),
    [
        (health(1, 3), "etl: missed 2 of 1,024 fires, the last at 2026-01-01 15:00:00Z"),
        (health(unknown=("nobody knows",)), "etl: not known: nobody knows"),
        (
            health(watched=False, exit_code=75),
            "etl: failed (exit 75) at 2026-01-01 12:01:55Z, run 4r9k2m8p3w7x5t1q; type this",
        ),
        (
            health(1, unknown=("nobody knows",), exit_code=75),
            (
                "etl: missed 1 of 1,024 fires, the last at 2026-01-01 13:00:00Z; not known: nobody knows; "
                "failed (exit 75) at 2026-01-01 12:01:55Z, run 4r9k2m8p3w7x5t1q; type this"
            ),
        ),
    ],
)
def test_a_job_that_is_not_well_is_one_line(sick: Health, said: str) -> None:
    """What it has missed, what is not known, and how its last run failed."""
    assert said == histories.complaint(sick, "type this")


def test_a_failure_without_a_time_has_that_of_its_run() -> None:
    """Of a run that never became a task, ECS says nothing."""
    note = launch(ONE, exit_code=3)
    assert note.outcome is not None
    known = entry(replace(note, task=None, outcome=replace(note.outcome, stopped_at=None)))
    assert " at 2026-01-01 12:00:00Z, " in histories.complaint(Health(job="etl", last=known), "type this")


def test_since_when_all_is_known_is_said_where_it_matters() -> None:
    """Not of a job of which all was known that was asked about."""
    early, late = (Attendance(job=job, since=at, watched=True, fires=1) for job, at in (("a", NOON), ("b", NOON + DAY)))
    assert [] == list(histories.cut([early], NOON))
    [said] = histories.cut([early, late], NOON)
    assert said.endswith("what was due is not known: b 2026-01-02 12:00:00Z")


def synced(**fields: Any) -> Synced:
    """What a sync came to."""
    return Synced(**{"events": 0, "changed": 0, "rule": True, "unreadable": 0, "trouble": None, **fields})


@pytest.mark.parametrize(
    ("all_synced", "troubles", "said"),
    [
        ([None, synced()], [None], []),
        ([synced(rule=False), synced(rule=False)], [], [histories.WITHOUT_RULE]),
        ([synced(unreadable=1), synced(unreadable=2)], [], ["warning: 3 messages of the log of events cannot be read"]),
        (
            [synced(trouble=AwsUnreachableError("no answer"))],
            ["the file was moved"] * 2,
            ["warning: the file was moved", "warning: no answer; this is what was read before"],
        ),
    ],
)
def test_what_is_wrong_with_history_is_said_once(
    all_synced: list[Synced | None], troubles: list[str | None], said: list[str]
) -> None:
    """However many local endpoints were asked."""
    out, err = (io.TextIOWrapper(io.BytesIO()) for _ in range(2))
    histories.say_synced(Invocation(terminal=Terminal(out, err)), all_synced, *troubles)
    err.seek(0)
    assert [f"jobrunner: {one}" for one in said] == err.read().splitlines()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("7d", timedelta(days=7)),
        ("36h", timedelta(hours=36)),
        ("90", timedelta(seconds=90)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T02:30", datetime(2026, 11, 1, 2, 30, tzinfo=UTC)),
        ("2026-11-01T02:30+02:00", datetime(2026, 11, 1, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_time_or_how_long_ago_it_was(text: str, read: datetime | timedelta) -> None:
    """Without an offset it is in UTC, in which all times are shown."""
    assert read == histories.read_moment(text)


@pytest.mark.parametrize("text", ["yesterday", "", "9999-01-01", "7 fortnights"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    """With both things that it might have been."""
    with pytest.raises(ValueError, match="nor how long ago"):
        histories.read_moment(text)


def test_a_moment_counts_from_now() -> None:
    """If it is how long ago something was."""
    assert [NOON - DAY, NOON + DAY] == [histories.moment_before(one, NOON) for one in (DAY, NOON + DAY)]
