"""Exit codes: of outcomes, errors and signals."""

from __future__ import annotations

import signal

import pytest

from jobrunner import errors
from jobrunner.cli import exits
from jobrunner.core.outcome import Outcome, Verdict


def _outcome(verdict: Verdict, exit_code: int | None) -> Outcome:
    return Outcome(
        run_id="0" * 16, job="etl", attempt=1, verdict=verdict, reason="exit", exit_code=exit_code, detail="as it ended"
    )


@pytest.mark.parametrize(
    ("verdict", "exit_code", "expected"),
    [
        (Verdict.SUCCEEDED, 0, 0),
        (Verdict.FAILED, 1, 1),
        (Verdict.FAILED, 123, 123),
        (Verdict.FAILED, 255, 255),
        (Verdict.FAILED, 256, 1),
        (Verdict.FAILED, -1, 1),
        (Verdict.FAILED, None, 1),
        (Verdict.TIMED_OUT, 143, 124),
        (Verdict.TIMED_OUT, 0, 124),
        (Verdict.NEVER_STARTED, None, 125),
        (Verdict.LOST, None, 125),
        (Verdict.STOPPED, 143, 143),
        (Verdict.STOPPED, 0, 143),
        (Verdict.STOPPED, None, 143),
        (Verdict.STOPPED, 7, 7),
        (Verdict.OUT_OF_MEMORY, 0, 137),
        (Verdict.OUT_OF_MEMORY, 137, 137),
        (Verdict.OUT_OF_MEMORY, None, 137),
        (Verdict.INTERRUPTED, 0, 130),
    ],
)
def test_of_outcome(verdict: Verdict, exit_code: int | None, expected: int) -> None:
    """The container's own code where there is one that fits in a byte; never 0 unless the run succeeded."""
    assert expected == exits.of_outcome(_outcome(verdict, exit_code))


def test_every_verdict_has_a_code() -> None:
    """No verdict is without an exit code, and only success is 0."""
    codes = {verdict: exits.of_outcome(_outcome(verdict, 0)) for verdict in Verdict}
    assert [Verdict.SUCCEEDED] == [verdict for verdict, code in codes.items() if code == 0]


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (None, 130)])
def test_interrupted_says_by_which_signal(number: int | None, expected: int) -> None:
    """An interrupted run ends as a program does that the signal ended."""
    assert expected == exits.of_outcome(_outcome(Verdict.INTERRUPTED, 143), number)


def test_run_that_ended_before_the_signal_keeps_its_code() -> None:
    """A signal that came too late to stop the run changes nothing."""
    assert 0 == exits.of_outcome(_outcome(Verdict.SUCCEEDED, 0), signal.SIGINT)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.SpecError("x"), 65),
        (errors.BudgetError("x", exceeded=()), 65),
        (errors.UnknownJobError("x"), 65),
        (errors.UnknownRunError("x"), 65),
        (errors.AmbiguousRunError("x"), 65),
        (errors.AwsUnreachableError("x"), 69),
        (errors.AwsRefusedError("x"), 69),
        (errors.AwsThrottledError("x"), 69),
        (errors.LocalEndpointError("x"), 69),
        (errors.StoreError("x"), 69),
        (errors.JobrunnerError("x"), 70),
    ],
)
def test_of_error(error: errors.JobrunnerError, expected: int) -> None:
    """The user's input 65, the outside 69, anything else is a bug."""
    assert expected == exits.of_error(error)
