"""Budgets on the command line: what is refused, with which code and words, and how to go on all the same."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from console import console_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from console import Console, Result

#: A run on the local endpoint takes no minute, and is billed for one: $0.000206 on Fargate in us-east-1.
JOBS = """
name: etl
image: busybox
command: [echo, hello]
budget: $0.0003
schedule: {cron: "30 2 * * *"}
---
name: load
image: busybox
command: [echo, hello]
schedule: {cron: "0 * * * *"}
"""
MINUTE = Decimal("0.000206")


@pytest.fixture
def budgets(tmp_path: Path) -> Iterator[Console]:
    """A console in a project with a budget of a job."""
    (tmp_path / "jobrunner.yaml").write_text("project: money\ndefault_stage: local\n", encoding="utf-8")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "all.yaml").write_text(JOBS, encoding="utf-8")
    with console_in(tmp_path) as console:
        yield console


def told(result: Result) -> str:
    """What stderr says; whether the endpoint has the rule of history, and so how much is known, is another matter."""
    return result.err.replace(" that this machine knows of", "")


def test_run(budgets: Console) -> None:
    """The first run is within the budget, the second one is refused, and --over-budget goes on and says so."""
    assert "hello\n" == budgets.run("run", "etl").text
    result = budgets.run("run", "etl", code=65)
    assert "" == result.text
    said = "job etl: $0.000206 this month (1 run), and about $0.000206 for 1 run to come"
    above = "$0.000412 is above its budget of $0.0003 a month"
    assert f"error: {said}; {above}\n  hint: --over-budget goes on all the same\n" in told(result)
    again = budgets.run("run", "etl", "--over-budget")
    assert "hello\n" == again.text
    assert f"jobrunner: warning: {said}; {above}; going on, as --over-budget says\n" in told(again)
    [error] = budgets.run("run", "etl", "--detach", "--output", "json", code=65).json
    [budget] = error["budgets"]
    assert ("error", "etl", "0.000412", 2, True) == (
        error["event"],
        budget["job"],
        budget["spent_usd"],
        budget["spent_runs"],
        budget["exceeded"],
    )


def test_the_first_json_line_is_the_start_all_the_same(budgets: Console) -> None:
    """Whoever reads the events of a run finds nothing before its identity."""
    budgets.env = {"JOBRUNNER_BUDGET": "0.0001"}
    first, *_ = budgets.run("run", "load", "--over-budget", "--output", "json").json
    assert "started" == first["event"]


def test_many_runs(budgets: Console) -> None:
    """All of them count, of the project as well, and a key that is there does not."""
    budgets.env = {"JOBRUNNER_BUDGET": f"{2 * MINUTE + 1}"}
    assert "all succeeded" in budgets.run("run", "load", "--count", "2", "--key", "monday").err
    budgets.env = {"JOBRUNNER_BUDGET": f"{2 * MINUTE}"}
    result = budgets.run("run", "load", "--count", "3", code=65)
    assert "project money/local: $0.000412 this month (2 runs), and about $0.000617 for 3 runs to come" in told(result)
    going = budgets.run("run", "load", "--count", "3", "--over-budget")
    assert "going on, as --over-budget says" in going.err
    assert 3 == len(going.lines)


def test_backfill(budgets: Console) -> None:
    """Each time is a run; what to type again keeps the option."""
    budgets.env = {"JOBRUNNER_BUDGET": "0.0001"}
    words = ("backfill", "load", "--from", "2026-01-01T00:00Z", "--to", "2026-01-01T02:00Z")
    assert "for 2 runs to come" in budgets.run(*words, code=65).err
    assert "going on, as --over-budget says" in budgets.run(*words, "--over-budget").err


def test_plan_and_apply(budgets: Console) -> None:
    """A plan warns; apply shows it and refuses, with every budget that is exceeded, before anything is changed."""
    budgets.env = {"JOBRUNNER_BUDGET": "0.1"}
    etl = (
        "job etl: at least $0.006171 for 30 runs in the next 30 days; $0.006171 is above its budget of $0.0003 a month"
    )
    both = "project money/local: at least $0.154281 for 750 runs in the next 30 days; $0.154281 is above its budget of"
    planned = budgets.run("plan")
    assert f"jobrunner: warning: {etl}\njobrunner: warning: {both} $0.10 a month\n" in planned.err
    [document] = budgets.run("plan", "--output", "json").json
    assert [("etl", "0.006171", True), (None, "0.154281", True)] == [
        (one["job"], one["coming_usd"], one["exceeded"]) for one in document["summary"]["budget"]
    ]
    refused = budgets.run("apply", "--yes", code=65)
    assert f"error: {etl}\n  and: {both} $0.10 a month\n" in refused.err
    assert "Plan: 2 to create" in refused.text
    assert "✓" not in refused.text
    applied = budgets.run("apply", "--yes", "--over-budget")
    assert 2 == applied.text.count("✓ create")
    assert 2 == applied.err.count("going on, as --over-budget says")


def test_cost_knows_the_past(budgets: Console) -> None:
    """What this machine has read of history, and how many runs that rests on; somebody's word goes before it."""
    [before] = budgets.run("cost", "load", "--output", "json").json
    assert (60, "minimum", 0) == tuple(before["run"][key] for key in ("seconds", "basis", "past_runs"))
    budgets.env = {"JOBRUNNER_BUDGET": "1"}
    budgets.run("run", "load")
    budgets.run("run", "load", "--over-budget")
    [after] = budgets.run("cost", "load", "--output", "json").json
    assert (60, "history", 1) == tuple(after["run"][key] for key in ("seconds", "basis", "past_runs"))
    assert "1m, the median of 1 past run in the last 90 days" in budgets.run("cost", "load").text
    [given] = budgets.run("cost", "load", "--duration", "5m", "--output", "json").json
    assert (300, "given", 0) == tuple(given["run"][key] for key in ("seconds", "basis", "past_runs"))
    assert "by the median of 1 past run" in budgets.run("plan").text


def test_a_budget_that_cannot_be_read(budgets: Console) -> None:
    """It is told where it stands, with what can be written."""
    (budgets.directory / "jobs" / "all.yaml").write_text("name: a\nimage: b\nbudget: 25 EUR\n", encoding="utf-8")
    result = budgets.run("validate", code=65)
    said = "budget: '25 EUR' is not an amount of US dollars; write for instance 25 USD, $25, 25 or 0.50"
    assert "jobs/all.yaml:3:9: " in result.err + result.text
    assert said.partition(": ")[2] in result.err + result.text
    shown = budgets.run("settings", "--output", "json")
    assert {"value": None, "origin": "default"} == shown.json[0]["budget"]
