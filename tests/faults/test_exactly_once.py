"""`run --key` is killed at any moment, beside faults and beside another machine: the job runs exactly once.

JOBRUNNER_FAULT_ROUNDS says how many rounds there are, JOBRUNNER_FAULT_SEED which: `make faults` plays 200.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
from rounds import Finding, Plan, Round

from jobrunner import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from laboratory import Laboratory
    from ways import View

SEED: Final = int(os.environ.get("JOBRUNNER_FAULT_SEED") or secrets.randbelow(2**32))
ROUNDS: Final = int(os.environ.get("JOBRUNNER_FAULT_ROUNDS") or 16)
_AT_ONCE: Final = 3


@pytest.fixture(scope="module")
def findings(request: pytest.FixtureRequest, laboratory: Laboratory) -> Iterator[dict[int, Future[Finding]]]:
    """The findings of all rounds that were chosen, a few at a time; at the end, what they came to."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    chosen = [item.callspec.params["number"] for item in items if hasattr(item, "callspec")]
    pool = ThreadPoolExecutor(_AT_ONCE)
    futures = {
        number: pool.submit(lambda plan: Round(laboratory, plan).play(), Plan.draw(SEED, number)) for number in chosen
    }
    yield futures
    pool.shutdown(cancel_futures=True)
    played = [future.result() for future in futures.values() if future.done() and future.exception() is None]
    print(f"\nJOBRUNNER_FAULT_SEED={SEED}: {len(played)} rounds")  # noqa: T201 - for `make faults`
    for what, count in Counter(one.left for one in played).most_common():
        print(f"{count:5} left {what}")  # noqa: T201 - as above


def _right(plan: Plan, view: View) -> None:
    """The run's true end, and its whole log."""
    assert view.outcome is not None, view.error
    verdict = Verdict.FAILED if plan.exit_code else Verdict.SUCCEEDED
    assert (plan.exit_code, verdict, plan.exit_code, plan.attempts) == (
        view.code,
        view.outcome.verdict,
        view.outcome.exit_code,
        view.outcome.attempt,
    )
    assert (plan.case.lines, True) == (view.lines, view.outcome.logs.complete)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_round(findings: dict[int, Future[Finding]], number: int) -> None:
    """One task for each attempt, never a wrong verdict, the whole log, and nothing that goes on."""
    plan = Plan.draw(SEED, number)
    with _noted(f"JOBRUNNER_FAULT_SEED={SEED}: {plan}"):
        found = findings[number].result()
    with _noted(f"JOBRUNNER_FAULT_SEED={SEED}: {plan}\n{found}"):
        assert tuple(str(attempt) for attempt in range(1, plan.attempts + 1)) == found.attempts
        assert plan.case.lines == found.lines
        assert ((), ()) == (found.running, found.processes)
        _right(plan, found.again)
        if found.rival is not None:
            _right(plan, found.rival)
        if found.attached is not None:
            _right_or_never_sent(plan, found.attached, found.tasks_then)


def _right_or_never_sent(plan: Plan, view: View, tasks: int) -> None:
    """As `_right`; or ECS was never asked, and has nothing."""
    if view.outcome is not None and view.outcome.reason == "not_sent":
        assert (125, Verdict.NEVER_STARTED, (), 0) == (view.code, view.outcome.verdict, view.lines, tasks)
    else:
        _right(plan, view)


@contextmanager
def _noted(text: str) -> Iterator[None]:
    """Let a failure say how to repeat it."""
    try:
        yield
    except BaseException as error:
        error.add_note(text)
        raise
