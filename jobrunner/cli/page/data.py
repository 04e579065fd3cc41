"""What the charts of the page draw: figures added up by day and job, in whole micro-dollars and milliseconds."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from jobrunner.cli.harmless import harmless_line
from jobrunner.core.figures import succeeded
from jobrunner.core.history import SKIPPED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobrunner.cli.page.period import Period
    from jobrunner.core.figures import Figures

RUNNING: Final = "running"
#: More colours than this nobody tells apart; the others are stacked as one.
STACKED_JOBS: Final = 7
#: More marks than this make a browser slow.
POINTS: Final = 5_000
#: More cells than these make a browser slow.
CALENDAR_DAYS: Final = 400
CALENDAR_JOBS: Final = 100

_THOUSAND: Final = 1_000


def kind_of(figures: Figures) -> str:
    """Give how a run ended in one word: its verdict, `skipped`, or `running`."""
    if figures.skipped:
        return SKIPPED
    return RUNNING if figures.verdict is None else figures.verdict


def unpriced(figures: Figures) -> bool:
    """Tell whether the run is over and nobody knows what it cost."""
    return figures.cost is None and figures.verdict is not None and not figures.skipped


def chart_data(figures: Sequence[Figures], period: Period) -> dict[str, Any]:
    """Give what the charts draw, ready for `json.dumps`; names are harmless."""
    return {
        "days": period.days,
        "cost": stack(figures, period),
        "timeline": timeline(figures),
        "calendar": calendar(figures, period),
    }


def stack(figures: Sequence[Figures], period: Period) -> dict[str, Any]:
    """Give the cost of every day, of the costliest jobs one by one and of the others together.

    A day on which no cost is known has none, which is not zero.
    """
    by_job: defaultdict[str, Counter[str]] = defaultdict(Counter)
    unknown: Counter[str] = Counter()
    for one, day in zip(figures, period.day_of, strict=True):
        if one.cost is not None and not one.skipped:
            by_job[one.job][day] += one.cost
        unknown[day] += unpriced(one)
    ranked = sorted(by_job, key=lambda job: (-by_job[job].total(), job))
    own = ranked if len(ranked) <= STACKED_JOBS else ranked[: STACKED_JOBS - 1]
    others = ranked[len(own) :]
    series = [{"name": harmless_line(job), "jobs": 1, "days": _by_day([by_job[job]], period.days)} for job in own]
    if others:
        together = _by_day([by_job[job] for job in others], period.days)
        series.append({"name": f"{len(others)} other jobs", "jobs": len(others), "days": together})
    return {"series": series, "unknown": [unknown[day] for day in period.days]}


def timeline(figures: Sequence[Figures]) -> dict[str, Any]:
    """Give a point for every run, the oldest first; of very many only the newest."""
    newest = sorted(figures, key=lambda one: one.due)[-POINTS:]
    jobs = sorted({one.job for one in newest})
    number = {job: index for index, job in enumerate(jobs)}
    points = [
        [one.due // _THOUSAND, number[one.job], kind_of(one), one.duration, one.cost, one.attempts, one.trigger]
        for one in newest
    ]
    return {"jobs": [harmless_line(job) for job in jobs], "points": points, "left": len(figures) - len(newest)}


def calendar(figures: Sequence[Figures], period: Period) -> dict[str, Any]:
    """Give for every job and day how many runs succeeded, failed, were skipped, and are running, where any did.

    Of very many jobs those with the most runs, of very many days the newest.
    """
    shown = period.days[-CALENDAR_DAYS:]
    column = {day: index for index, day in enumerate(shown)}
    cells: defaultdict[str, dict[int, list[int]]] = defaultdict(dict)
    runs: Counter[str] = Counter()
    for one, day in zip(figures, period.day_of, strict=True):
        runs[one.job] += 1
        index = column.get(day)
        if index is not None:
            cells[one.job].setdefault(index, [0, 0, 0, 0])[_place(one)] += 1
    most = sorted(runs, key=lambda job: (-runs[job], job))[:CALENDAR_JOBS]
    return {
        "first": len(period.days) - len(shown),
        "left": len(runs) - len(most),
        "rows": [{"job": harmless_line(job), "cells": cells[job]} for job in sorted(most)],
    }


def _place(figures: Figures) -> int:
    if figures.skipped:
        return 2
    if figures.verdict is None:
        return 3
    return 0 if succeeded(figures) else 1


def _by_day(jobs: Sequence[Counter[str]], days: Sequence[str]) -> list[int | None]:
    return [sum(job[day] for job in jobs) if any(day in job for job in jobs) else None for day in days]
