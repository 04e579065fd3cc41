"""The runs that the page lists one by one, with their attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobrunner.cli.harmless import harmless, harmless_line
from jobrunner.cli.page.data import RUNNING, kind_of
from jobrunner.core.figures import figures_of, microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from jobrunner.core.history import Entry, LaunchNote


def run_rows(runs: Iterable[Entry]) -> list[dict[str, Any]]:
    """Give the runs, the newest first, ready for `json.dumps`; what others wrote is harmless."""
    return [_row(one) for one in sorted(runs, key=lambda one: one.due, reverse=True)]


def _row(entry: Entry) -> dict[str, Any]:
    figures, outcome = figures_of(entry), entry.outcome
    return {
        "run_id": harmless_line(entry.identity.run_id),
        "job": harmless_line(entry.identity.job),
        "trigger": harmless_line(entry.identity.trigger),
        "kind": kind_of(figures),
        "due": _milliseconds(entry.due),
        "scheduled": _milliseconds(entry.identity.scheduled_time),
        "duration": figures.duration,
        "billed": figures.billed,
        "cost": figures.cost,
        "attempts": figures.attempts,
        "reason": None if outcome is None else harmless_line(outcome.reason),
        "exit": None if outcome is None else outcome.exit_code,
        "detail": None if outcome is None else harmless(outcome.detail),
        "tries": [_attempt(one) for one in entry.launches],
    }


def _attempt(note: LaunchNote) -> dict[str, Any]:
    outcome, arn = note.outcome, note.task_arn
    return {
        "attempt": note.attempt,
        "kind": RUNNING if outcome is None else str(outcome.verdict),
        "at": _milliseconds(note.at),
        "started": _milliseconds(note.started_at),
        "stopped": _milliseconds(note.stopped_at),
        "exit": None if outcome is None else outcome.exit_code,
        "detail": None if outcome is None else harmless(outcome.detail),
        "billed": None if outcome is None else outcome.billed_seconds,
        "capacity": None if outcome is None else outcome.capacity,
        "task": None if arn is None else harmless_line(arn.rpartition("/")[2]),
    }


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment) // 1_000
