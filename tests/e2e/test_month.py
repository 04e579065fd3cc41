"""A month of ten scheduled jobs and some runs by hand: every figure of history and report, from the raw events."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from month import BY_HAND, DAY, Month, Told, group_of, runs_of
from playing import client, fast_project, play_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from console import Console

#: A day in three seconds.
SPEED = 28_800
#: Of Scheduler's time, between the first request of `apply` and the beginning of the month: 21 seconds.
AHEAD = timedelta(days=7)
LOG_GROUP = "/aws/events/jobrunner"


@pytest.fixture(scope="module")
def month() -> Month:
    """The month; always in the future, as the first time of a schedule has to be."""
    return Month.after(datetime.now(UTC))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, month: Month) -> Iterator[Console]:
    """A console in the project, after its month."""
    directory = tmp_path_factory.mktemp("month", numbered=False)
    with fast_project(directory, month.jobs(), speed=SPEED, begins=month.begin - AHEAD) as console:
        play(console)
        yield console


def play(console: Console) -> None:
    """Apply the project, run a job by hand in between, and wait until nothing but the two last ones goes on."""
    began = time.monotonic()
    console.run("apply", "--yes")
    for words, code in BY_HAND:
        console.run("run", *words, code=code)
    ends = began + (AHEAD + 30 * DAY).total_seconds() / SPEED
    play_until(console, ends, left=2)


@pytest.fixture(scope="module")
def told(played: Console) -> dict[str, Told]:
    """What the log group's raw events come to."""
    pages = client(played, "logs").get_paginator("filter_log_events").paginate(logGroupName=LOG_GROUP)
    return runs_of(event["message"] for page in pages for event in page["events"])


def test_history(played: Console, told: dict[str, Told]) -> None:
    """`history` shows every run once, with the figures that its events give."""
    rows = played.run("history", "--limit", "0", "--since", "90d", "--output", "json").json
    assert sorted(told) == sorted(row["run_id"] for row in rows)
    assert [] == [
        (row["run_id"], expected, found) for row in rows for expected, found in differences(told[row["run_id"]], row)
    ]


def differences(run: Told, row: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Compare a line of history with what the events told."""
    over, last = run.over, run.tries[-1] if run.tries else None
    expected = {
        "job": run.job,
        "trigger": run.trigger,
        "verdict": run.verdict,
        "exit_code": last.exit_code if over and last else None,
        "attempt": last.number if last else 1,
        "task_arn": last.arn if last else None,
        "billed_seconds": run.billed if over else 0 if run.skipped else None,
        "scheduled_time": None if run.scheduled is None else run.scheduled.replace("Z", ".000Z"),
    }
    for key, value in expected.items():
        if row[key] != value:
            yield {key: value}, {key: row[key]}
    if over and f"{float(run.cost):.6f}" != row["cost_usd"]:
        yield run.cost, row["cost_usd"]
    if over and [one.billed for one in run.tries[:-1]] != [one["billed_seconds"] for one in row["earlier"]]:
        yield run.tries[:-1], row["earlier"]
    for key, moment in (("started_at", last and last.started), ("stopped_at", last and last.stopped)):
        if over and moment != datetime.fromisoformat(row[key]):
            yield moment, row[key]


def test_what_was_to_run_has_run(told: dict[str, Told], month: Month) -> None:
    """The month is the one that was ordered: so many runs of each job and each end."""
    ends = Counter((run.job, "skipped" if run.skipped else run.verdict) for run in told.values())
    mondays = [month.begin + number * DAY for number in range(30)]
    either = len([day for day in mondays if day.weekday() == 0 or day.day in {1, 15}])
    sundays = len([day for day in mondays if day.weekday() == 6])
    expected = {
        ("often", "succeeded"): 240,
        ("london", "succeeded"): 28,  # 29 nights, and 01:30 of the 29th of March does not exist
        ("sydney", "succeeded"): 29,
        ("either", "succeeded"): either,
        ("once", "succeeded"): 1,
        ("rated", "succeeded"): 60,
        ("forbidding", None): 1,
        ("forbidding", "skipped"): 59,
        ("replacing", "stopped"): sundays - 1,
        ("replacing", None): 1,
        ("flaky", "succeeded"): 30,
        ("slow", "timed_out"): 30,
        ("byhand", "succeeded"): 2,
        ("byhand", "failed"): 2,
    }
    assert expected == dict(ends)


@pytest.mark.parametrize("by", ["job", "day", "month", "trigger", "stage", "tag"])
def test_report(played: Console, told: dict[str, Told], by: str) -> None:
    """Each group of each report, and the total, has the figures that its events give; a day without runs has none."""
    [report] = played.run("report", "--since", "90d", "--by", by, "--output", "json").json
    groups = grouped(by, list(told.values()))
    found = {group["key"]: comparable(group) for group in report["groups"]}
    expected = {
        key: group_of(key, groups.get(key, [])) for key in {*groups, *(found if by in {"day", "month"} else {})}
    }
    assert expected == found
    assert group_of(None, list(told.values())) == comparable(report["total"])


TAGS = {"often": ["team=data"], "london": ["team=data", "tier=gold"]}


def grouped(by: str, runs: Sequence[Told]) -> dict[str, list[Told]]:
    """Divide runs as a report does."""
    groups: defaultdict[str, list[Told]] = defaultdict(list)
    for run in runs:
        keys = {
            "job": [run.job],
            "day": [f"{run.due:%Y-%m-%d}"],
            "month": [f"{run.due:%Y-%m}"],
            "trigger": [run.trigger],
            "stage": ["local"],
            "tag": TAGS.get(run.job, ["(none)"]),
        }[by]
        for key in keys:
            groups[key].append(run)
    return dict(groups)


def comparable(group: dict[str, Any]) -> dict[str, Any]:
    """Check what is to be known here, and leave it and the rounded share out."""
    assert (0, 0) == (group["unknown_billed_runs"], group["unknown_cost_runs"])
    kept = {key: value for key, value in group.items() if not key.startswith("unknown_")}
    waste = {key: value for key, value in group["waste"].items() if key != "pull_share"}
    return {**kept, "waste": waste}


def test_csv(played: Console, told: dict[str, Told]) -> None:
    """The CSV has the same figures."""
    text = played.run("report", "--since", "90d", "--by", "job", "--output", "csv").out.decode()
    rows = {row["key"]: row for row in csv.DictReader(io.StringIO(text)) if row["key"]}
    groups = {key: group_of(key, runs) for key, runs in grouped("job", list(told.values())).items()}
    assert {
        key: (str(group["runs"]), group["cost_usd"], str(group["billed_seconds"])) for key, group in groups.items()
    } == {key: (row["runs"], row["cost_usd"], row["billed_seconds"]) for key, row in rows.items() if key in groups}


def test_page(played: Console, told: dict[str, Told]) -> None:
    """The page holds the same figures, and every run."""
    played.run("report", "--since", "90d", "--html", "report.html")
    text = (played.directory / "report.html").read_text(encoding="utf-8")
    found = re.findall(r'<script[^>]* type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    data = json.loads(max(found, key=len))
    assert comparable(data["total"]) == group_of(None, list(told.values()))
    assert sorted(told) == sorted(run["run_id"] for run in data["runs"])


def test_nothing_was_missed(played: Console, month: Month) -> None:
    """Every fire of the month has its run, and `check` finds fault only with the job whose last run timed out."""
    span = ("--since", month.begin.isoformat(), "--until", month.end.isoformat(), "--output", "json")
    assert [] == played.run("history", "--missed", *span).json
    found = {row["job"]: row for row in played.run("check", *span, code=1).json}
    fires = {"often": 240, "rated": 60, "forbidding": 60, "flaky": 30, "slow": 30, "london": 28}
    assert fires == {job: found[job]["fires"] for job in fires}
    assert ["slow"] == [job for job, row in found.items() if not row["ok"]]


def test_history_without_its_cache(played: Console) -> None:
    """The cache may be deleted: the same history comes back from the log group."""
    words = ("history", "--limit", "0", "--since", "90d", "--output", "json")
    before = played.run(*words).json
    for path in played.state_dir.glob("history.sqlite*"):
        path.unlink()
    assert before == played.run(*words).json
