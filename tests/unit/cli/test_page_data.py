"""What the charts and the list of the HTML report are made from."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from page_runs import NOON, run, running, skipped

from jobrunner.cli.page.data import CALENDAR_DAYS, CALENDAR_JOBS, POINTS, STACKED_JOBS, calendar, chart_data, stack
from jobrunner.cli.page.data import timeline as timeline_of
from jobrunner.cli.page.period import MOST_DAYS, Period
from jobrunner.cli.page.rows import run_rows
from jobrunner.core.figures import figures_of, microseconds
from jobrunner.core.outcome import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from jobrunner.core.figures import Figures
    from jobrunner.core.history import Entry

DAY = timedelta(days=1)


def figures(*runs: Entry) -> list[Figures]:
    """The figures of runs."""
    return [figures_of(one) for one in runs]


def period(
    some: Sequence[Figures], *, since: datetime | None = None, until: datetime | None = None, zone: tzinfo = UTC
) -> Period:
    """The period of a report of them."""
    return Period.of(since, until, some, zone)


def test_period_is_what_was_asked_for() -> None:
    """Days without a run at its ends are part of it; `until` itself is not."""
    since, until = datetime(2026, 11, 22, 8, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)
    assert ("2026-11-22", "2026-11-23", "2026-11-24") == period(figures(run()), since=since, until=until).days


def test_period_without_ends_is_that_of_the_runs() -> None:
    """With the days between that had none."""
    some = figures(run(due=NOON), run(due=NOON - 2 * DAY))
    assert ("2026-11-22", "2026-11-23", "2026-11-24") == period(some).days


def test_no_runs_and_no_beginning_are_no_period() -> None:
    """There is nothing to draw, and the page says so."""
    nothing = period([], until=NOON)
    assert () == nothing.days
    assert "No runs" == nothing.words()


def test_days_are_those_of_the_time_zone() -> None:
    """Half past ten in the evening in UTC is the next day in Paris, on the day that the clocks change too."""
    some = figures(
        run(due=datetime(2026, 10, 24, 22, 30, tzinfo=UTC)), run(due=datetime(2026, 10, 25, 22, 30, tzinfo=UTC))
    )
    assert ("2026-10-25", "2026-10-25") == period(some, zone=ZoneInfo("Europe/Paris")).day_of


def test_made_up_times_make_no_endless_chart() -> None:
    """Of a period of thousands of years only the days with a run are drawn."""
    far = run(due=datetime(9999, 12, 31, 23, tzinfo=UTC))
    found = period(figures(run(), far), zone=ZoneInfo("Asia/Tokyo"))
    assert ("2026-11-24", "9999-12-31") == found.days
    assert ("2026-11-24", "9999-12-31") == found.day_of


def test_a_long_period_is_drawn_day_by_day() -> None:
    """Up to ten years of it."""
    assert MOST_DAYS == len(period([], since=NOON, until=NOON + (MOST_DAYS - 1) * DAY + timedelta(hours=1)).days)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC), "24 November 2026"),
        (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), "1 to 30 November 2026"),
        (datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), "31 December 2025 to 1 January 2026"),
    ],
)
def test_words_of_the_period(since: datetime, until: datetime, expected: str) -> None:
    """As short as can be misread by nobody."""
    assert expected == period([], since=since, until=until).words()


def test_costs_are_added_up_by_day_and_job() -> None:
    """The costliest job first, in whole micro-dollars."""
    some = figures(
        run("a", NOON - DAY, cost="0.000003"),
        run("b", NOON, cost="0.1"),
        run("b", NOON + timedelta(hours=1), cost="0.2"),
    )
    expected = {
        "series": [
            {"name": "b", "jobs": 1, "days": [None, 300_000]},
            {"name": "a", "jobs": 1, "days": [3, None]},
        ],
        "unknown": [0, 0],
    }
    assert expected == stack(some, period(some))


def test_unknown_cost_is_counted_and_is_not_zero() -> None:
    """A day of which no cost is known has none; a run that is not over, or was skipped, is not unknown."""
    some = figures(run("a", NOON - DAY), run("a", NOON, cost=None), running("a"), skipped("a"))
    expected = {"series": [{"name": "a", "jobs": 1, "days": [1_000, None]}], "unknown": [0, 1]}
    assert expected == stack(some, period(some))


def test_as_many_jobs_as_colours_are_stacked_one_by_one() -> None:
    """No job is called another one while a colour is left for it."""
    some = figures(*(run(f"job-{number}") for number in range(STACKED_JOBS)))
    assert [1] * STACKED_JOBS == [one["jobs"] for one in stack(some, period(some))["series"]]


def test_the_cheapest_of_many_jobs_are_stacked_as_one() -> None:
    """It says how many they are, and they cost what they cost together."""
    some = figures(*(run(f"job-{number:02}", cost=f"0.0000{number:02}") for number in range(10, 40)))
    series = stack(some, period(some))["series"]
    assert ["job-39", "job-38", "job-37", "job-36", "job-35", "job-34", "24 other jobs"] == [
        one["name"] for one in series
    ]
    assert {"name": "24 other jobs", "jobs": 24, "days": [sum(range(10, 34))]} == series[-1]


def test_timeline_has_every_run() -> None:
    """The oldest first, with what is known of it; skipped and running ones have no duration."""
    some = figures(running("b"), run("a", NOON - DAY, seconds=1.5, before=[Verdict.FAILED]), skipped("b", NOON + DAY))
    due = microseconds(NOON) // 1_000
    day = 86_400_000
    expected = {
        "jobs": ["a", "b"],
        "points": [
            [due - day, 0, "succeeded", 61_500, 2_000, 2, "schedule"],
            [due, 1, "running", None, None, 1, "manual"],
            [due + day, 1, "skipped", None, None, 0, "schedule"],
        ],
        "left": 0,
    }
    assert expected == timeline_of(some)


def test_timeline_of_very_many_runs_has_the_newest() -> None:
    """And says how many it leaves out."""
    one = figures(run())[0]
    some = [one._replace(due=number * 1_000) for number in range(POINTS + 2)]
    found = timeline_of(some)
    assert (2, 2, POINTS) == (found["left"], found["points"][0][0], len(found["points"]))


def test_calendar_counts_by_job_and_day() -> None:
    """How many succeeded, failed, were skipped, and are running."""
    some = figures(
        run("a", NOON - DAY),
        run("a", NOON - DAY, verdict=Verdict.TIMED_OUT),
        skipped("a"),
        running("b"),
        run("b", verdict=Verdict.LOST),
    )
    expected = {
        "first": 0,
        "left": 0,
        "rows": [{"job": "a", "cells": {0: [1, 1, 0, 0], 1: [0, 0, 1, 0]}}, {"job": "b", "cells": {1: [0, 1, 0, 1]}}],
    }
    assert expected == calendar(some, period(some))


def test_calendar_of_many_jobs_and_days_has_the_newest_days_of_the_busiest_jobs() -> None:
    """And says what it leaves out; a job that ran only before has an empty row."""
    since = NOON - (CALENDAR_DAYS + 9) * DAY
    old = run("old", since)
    jobs = [run(f"job-{number:03}", NOON) for number in range(CALENDAR_JOBS)]
    some = figures(old, old, *jobs)
    found = calendar(some, period(some))
    assert (10, 1, CALENDAR_JOBS) == (found["first"], found["left"], len(found["rows"]))
    assert {"job": "old", "cells": {}} == found["rows"][-1]
    assert {CALENDAR_DAYS - 1: [1, 0, 0, 0]} == found["rows"][0]["cells"]


def test_no_runs_make_no_charts() -> None:
    """Nothing is drawn of nothing."""
    expected = {
        "days": (),
        "cost": {"series": [], "unknown": []},
        "timeline": {"jobs": [], "points": [], "left": 0},
        "calendar": {"first": 0, "left": 0, "rows": []},
    }
    assert expected == chart_data([], period([]))


def test_rows_are_the_newest_first_with_their_attempts() -> None:
    """A run has the bill of all its attempts; an attempt its own."""
    first, second = run_rows([run("a", NOON - DAY), run("a", verdict=Verdict.FAILED, before=[Verdict.STOPPED])])
    assert ("failed", 120, 2_000, 2) == (first["kind"], first["billed"] - 98 + 60, first["cost"], first["attempts"])
    assert [("stopped", 75, 60), ("failed", 0, 98)] == [
        (one["kind"], one["exit"], one["billed"]) for one in first["tries"]
    ]
    assert [1, 2] == [one["attempt"] for one in first["tries"]]
    assert microseconds(NOON - DAY) // 1_000 == second["due"]


def test_row_of_a_run_that_is_not_over() -> None:
    """What is not known yet is null, and the task has started."""
    [row] = run_rows([running()])
    assert ("running", None, None, None, None) == tuple(
        row[key] for key in ("kind", "duration", "billed", "cost", "reason")
    )
    [attempt] = row["tries"]
    assert ("running", None, microseconds(NOON) // 1_000 + 8_000) == tuple(
        attempt[key] for key in ("kind", "stopped", "started")
    )


def test_row_of_a_skipped_run_has_no_attempts() -> None:
    """It never began."""
    [row] = run_rows([skipped()])
    assert ("skipped", []) == (row["kind"], row["tries"])


def test_text_of_others_is_harmless() -> None:
    """Marks that reorder or hide what is read are visible, in names and details alike."""
    evil = run("a\u202eb", detail="one\u2028two\x1b[2J")
    [row] = run_rows([replace(evil, identity=replace(evil.identity, run_id="x\ny"))])
    assert ("a<U+202E>b", "one<U+2028>two^[[2J", "x^Jy") == (row["job"], row["detail"], row["run_id"])
    some = figures(evil)
    named = json.dumps(chart_data(some, period(some)), ensure_ascii=False)
    assert (3, 0) == (named.count("a<U+202E>b"), named.count("\u202e"))
