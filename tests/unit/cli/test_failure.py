"""Errors as people and programs read them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

from jobrunner.cli import failure
from jobrunner.cli.invocation import Invocation
from jobrunner.core.spend import Coming, Standing
from jobrunner.errors import AwsRefusedError, BudgetError, Problem, SpecError

if TYPE_CHECKING:
    import pytest


def test_what_where_hint() -> None:
    """What happened first, then where, then what to do."""
    error = AwsRefusedError("access denied", where="ecs:RunTask", hint="Ask for ecs:RunTask.")
    assert ["error: access denied", "  at: ecs:RunTask", "  hint: Ask for ecs:RunTask."] == failure.error_lines(error)


def test_problems_come_as_compilers_print_them() -> None:
    """Each problem on a line of its own, with its place first; then how many."""
    error = SpecError([Problem("wrong", file="a.yaml", line=2, column=3), Problem("bad", file="b.yaml")])
    assert ["a.yaml:2:3: wrong", "b.yaml: bad", "error: 2 problems; nothing was sent to AWS"] == failure.error_lines(
        error
    )
    assert ["error: --stage: no"] == failure.error_lines(SpecError([Problem("no", file="--stage")]))


def test_each_budget_has_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    """All that are exceeded, in words and as objects."""
    over = [
        Standing(job=job, project="shop", budget=Decimal(1), coming=Coming(runs=1, usd=Decimal(2)))
        for job in ("etl", None)
    ]
    error = BudgetError("one\ntwo", exceeded=over, hint="do")
    assert ["error: one", "  and: two", "  hint: do"] == failure.error_lines(error)
    code = failure.report(error, Invocation(output="json"))
    document = json.loads(capfd.readouterr().out)
    assert (65, ["etl", None]) == (code, [one["job"] for one in document["budgets"]])


def test_json_line(capfd: pytest.CaptureFixture[str]) -> None:
    """With JSON on stdout, the error is its last line; stderr has it all the same."""
    code = failure.report(SpecError("no", hint="do"), Invocation(output="json"))
    out, err = capfd.readouterr()
    assert {"event": "error", "message": "no", "hint": "do"} == json.loads(out)
    assert (65, "error: no\n  hint: do\n") == (code, err)


def test_bug_has_no_traceback_unless_asked(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug says so in a line, and how to see where; 70."""
    monkeypatch.delenv(failure.DEBUG, raising=False)
    assert 70 == failure.report_bug(KeyError("x"), Invocation())
    short = capfd.readouterr().err
    assert "error: this is a bug in jobrunner: KeyError: 'x'\n" == short[: short.index("\n") + 1]
    assert (False, True) == ("Traceback" in short, "JOBRUNNER_DEBUG=1" in short)
    monkeypatch.setenv(failure.DEBUG, "1")
    try:
        {}["x"]
    except KeyError as error:
        failure.report_bug(error, Invocation())
    assert "Traceback (most recent call last)" in capfd.readouterr().err
