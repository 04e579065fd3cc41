"""The end of a run in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from jobrunner.cli import summary
from jobrunner.core.events import Retrying
from jobrunner.core.judgement import Judgement
from jobrunner.core.lifecycle import ContainerSnapshot, TaskSnapshot
from jobrunner.core.outcome import LogReport, Outcome, Verdict

BEGIN = datetime(2026, 11, 23, 12, tzinfo=UTC)
SUCCESS = Outcome(
    run_id="4r9k2m8p3w7x5t1q",
    job="etl",
    attempt=1,
    verdict=Verdict.SUCCEEDED,
    reason="exit",
    exit_code=0,
    detail="exit code 0",
    created_at=BEGIN,
    started_at=BEGIN + timedelta(seconds=29),
    stopped_at=BEGIN + timedelta(seconds=101),
    billed_seconds=90,
    cost_usd=Decimal("0.000823"),
    logs=LogReport(complete=True, events=1042),
)
FAILURE = replace(SUCCESS, verdict=Verdict.FAILED, exit_code=3, detail="exit code 3")


def _rows(outcome: Outcome, **more: Any) -> dict[str, str]:
    return dict(summary.ending(outcome, local=False, **more))


def test_success() -> None:
    """Exit code, duration, bill, cost, log, run; and no next command."""
    expected = {
        "exit code": "0",
        "duration": "1m41s (start-up 29 s, then 1m12s)",
        "billed": "90 s",
        "cost": "about $0.000823 (estimate)",
        "log": "complete, 1,042 lines",
        "run": "4r9k2m8p3w7x5t1q",
    }
    assert expected == _rows(SUCCESS, next_command="jobrunner logs")


def test_failure_has_cause_evidence_and_what_to_type() -> None:
    """A failure begins with why, and ends with the next command."""
    task = TaskSnapshot(
        task_arn="arn",
        last_status="STOPPED",
        stop_code="EssentialContainerExited",
        stopped_reason="Essential container in task exited",
        containers=(
            ContainerSnapshot(name="main", exit_code=3),
            ContainerSnapshot(name="db", reason="CannotPullContainerError: no"),
        ),
    )
    rows = _rows(FAILURE, task=task, last_lines=("a", "boom\x1b[2J", " "), next_command="jobrunner logs x")
    assert ["cause", "evidence"] == list(rows)[:2]
    assert "the job's program ended with exit code 3" == rows["cause"]
    expected = [
        "ECS: EssentialContainerExited: Essential container in task exited",
        "container main: exit code 3",
        "container db: no exit code, CannotPullContainerError: no",
        "last line: boom^[[2J",
    ]
    assert expected == rows["evidence"].split("\n")
    assert "jobrunner logs x" == rows["next"]


def test_evidence_does_not_repeat_the_cause() -> None:
    """What is the cause already is not said again as evidence."""
    outcome = replace(FAILURE, verdict=Verdict.NEVER_STARTED, exit_code=None, detail="CannotPullContainerError: no")
    task = TaskSnapshot(
        task_arn="arn",
        last_status="STOPPED",
        stop_code="TaskFailedToStart",
        stopped_reason="CannotPullContainerError: no",
        containers=(ContainerSnapshot(name="main", reason="CannotPullContainerError: no"),),
    )
    rows = _rows(outcome, task=task)
    assert ["ECS: TaskFailedToStart", "container main: no exit code"] == rows["evidence"].split("\n")
    assert ["CannotPullContainerError: no", "none"] == [rows["cause"], rows["exit code"]]


def test_incomplete_log_says_why() -> None:
    """A log that is not complete is never called so."""
    outcome = replace(SUCCESS, logs=LogReport(complete=False, events=1, reason="the stream has gone"))
    assert "not complete, 1 line: the stream has gone" == _rows(outcome)["log"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stopped_at": None}, "unknown"),
        ({"started_at": None}, "1m41s, none of it running"),
    ],
)
def test_duration_is_not_guessed(changes: dict[str, Any], expected: str) -> None:
    """Times that AWS did not give are not made up."""
    assert expected == _rows(replace(SUCCESS, **changes))["duration"]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict.SUCCEEDED, "etl succeeded"),
        (Verdict.FAILED, "etl failed"),
        (Verdict.TIMED_OUT, "etl timed out"),
        (Verdict.STOPPED, "etl was stopped"),
        (Verdict.INTERRUPTED, "etl was interrupted"),
        (Verdict.OUT_OF_MEMORY, "etl ran out of memory"),
        (Verdict.NEVER_STARTED, "etl never started"),
        (Verdict.LOST, "etl was lost"),
    ],
)
def test_headline(verdict: Verdict, expected: str) -> None:
    """The verdict as a sentence."""
    assert expected == summary.headline(replace(SUCCESS, verdict=verdict))


def test_headline_in_colour() -> None:
    """Green is success, red is everything else."""
    assert "etl \x1b[1;32msucceeded\x1b[0m" == summary.headline(SUCCESS, colour=True)
    assert "etl \x1b[1;31mfailed\x1b[0m" == summary.headline(FAILURE, colour=True)


SMALL = TaskSnapshot(task_arn="arn", cpu=256, memory=512)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"verdict": Verdict.FAILED, "exit_code": 3}, "logs 4r9k2m8p3w7x5t1q"),
        ({"verdict": Verdict.FAILED, "exit_code": 127}, "show etl"),
        ({"verdict": Verdict.NEVER_STARTED}, "explain 4r9k2m8p3w7x5t1q"),
        ({"verdict": Verdict.TIMED_OUT}, "run etl --timeout 20m"),
        ({"verdict": Verdict.OUT_OF_MEMORY}, "run etl --memory 1 GB"),
        ({"verdict": Verdict.STOPPED, "reason": "spot_interruption"}, "run etl --capacity on-demand"),
        ({"verdict": Verdict.STOPPED, "reason": "user"}, "run etl"),
        ({"verdict": Verdict.INTERRUPTED}, "run etl"),
        ({"verdict": Verdict.LOST}, "explain 4r9k2m8p3w7x5t1q"),
    ],
)
def test_next_step(changes: dict[str, Any], expected: str) -> None:
    """Each cause leads to the command that a person would type."""
    outcome = replace(FAILURE, **changes)
    step = summary.next_step(outcome, lambda *w: " ".join(w), log_readable=True, task=SMALL, timeout=600)
    assert expected == step


def test_next_step_when_the_log_is_gone() -> None:
    """Nobody is sent to a log that ended with its endpoint."""
    step = summary.next_step(FAILURE, lambda *w: " ".join(w), log_readable=False, task=None, timeout=None)
    assert "status 4r9k2m8p3w7x5t1q" == step


LOST = replace(
    FAILURE,
    verdict=Verdict.STOPPED,
    reason="spot_interruption",
    exit_code=137,
    detail="AWS took the Spot capacity\nback",
    capacity="spot",
    task_arn="arn:1",
    billed_seconds=70,
    cost_usd=Decimal("0.000100"),
)
SECOND = replace(SUCCESS, attempt=2, capacity="on-demand", task_arn="arn:2").after([LOST])


def test_attempts_have_a_row_each() -> None:
    """How each ended, on what, and what it cost by itself; above them is the bill of all."""
    rows = _rows(SECOND)
    expected = [
        "1 on spot: stopped, AWS took the Spot capacity^Jback; 70 s, about $0.000100",
        "2 on on-demand: succeeded, exit code 0; 90 s, about $0.000823",
    ]
    assert expected == rows["attempts"].split("\n")
    assert ["160 s", "about $0.000923 (estimate)"] == [rows["billed"], rows["cost"]]
    assert "attempts" not in _rows(SUCCESS)


def test_an_attempt_whose_bill_is_not_known_says_so() -> None:
    """And the bill of the run is not known either."""
    unknown = replace(LOST, verdict=Verdict.LOST, billed_seconds=None, cost_usd=None, capacity=None, detail="gone")
    rows = _rows(replace(SUCCESS, attempt=2, task_arn="arn:2").after([unknown]))
    assert "1: lost, gone; bill unknown" == rows["attempts"].split("\n")[0]
    assert ["unknown: AWS did not say when the image pull began", "unknown: so is what is billed"] == [
        rows["billed"],
        rows["cost"],
    ]


def test_a_bill_that_was_not_waited_for_is_not_called_unknown() -> None:
    """It can be asked for later, and the row says with what."""
    early = replace(FAILURE, task_arn="arn:1", stopped_at=None, billed_seconds=None, cost_usd=None)
    said = "not known yet: ECS had not stopped the task; `jobrunner status` has it later"
    assert [said, said] == [_rows(early)["billed"], _rows(SUCCESS.after([early]))["billed"]]
    assert "0 s: nothing was pulled" == _rows(replace(early, task_arn=None, billed_seconds=0))["billed"]


@pytest.mark.parametrize(
    ("ended", "changes", "expected"),
    [
        (FAILURE, {"attempt": 2, "wait": 12.3}, "attempt 1 failed: exit code 3; attempt 2 in 12 s"),
        (FAILURE, {"attempt": 2, "wait": 0.0}, "attempt 1 failed: exit code 3; attempt 2 now"),
        (
            replace(LOST, detail="the image could not be pulled"),
            {"attempt": 1, "wait": 2.0, "capacity": "spot"},
            "attempt 1 stopped: the image could not be pulled; again in 2.0 s",
        ),
        (
            replace(LOST, detail="Spot"),
            {"attempt": 2, "wait": 0.0},
            "attempt 1 stopped: Spot; attempt 2 on on-demand now",
        ),
    ],
)
def test_what_ends_and_what_comes_next(ended: Outcome, changes: dict[str, Any], expected: str) -> None:
    """In one line, while the run goes on."""
    capacity = changes.pop("capacity", "on-demand")
    ended = replace(ended, capacity=ended.capacity or "on-demand")
    assert expected == summary.retrying(Retrying(ended=ended, capacity=capacity, **changes))


def test_the_words_for_an_end_that_is_certain() -> None:
    """Verdict and cause, harmless on a terminal."""
    known = Judgement(verdict=Verdict.OUT_OF_MEMORY, reason="x", exit_code=137, detail="killed\x1b[2J")
    assert "out of memory, killed^[[2J" == summary.short(known)
