"""What is not as it should be yet: each of these fails, and says so when it no longer does."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from fault_case import SIX_LINES, Case, works_for_a_while
from laboratory import Trial
from ways import run

from jobrunner.local.faults import LateLogs

if TYPE_CHECKING:
    from laboratory import Laboratory

_LATE = (
    Case(
        name="log-overtaken",
        happens="Every other line comes late, within log_settle, and stands before newer ones that have been read.",
        faults=(LateLogs(seconds=0.4, every=2, overtaken="missed"),),
        job=works_for_a_while(),
        lines=SIX_LINES,
        log_settle=1,
    ),
)


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="a forward token misses what comes late with an older timestamp"
)
@pytest.mark.parametrize("case", _LATE, ids=str)
def test_a_log_is_complete_or_not_said_to_be(laboratory: Laboratory, case: Case) -> None:
    """Every line, or `complete: false`."""
    with closing(Trial(laboratory, case, "gap")) as trial:
        view = run(trial)
        trial.truth()
    assert view.outcome is not None
    assert not view.outcome.logs.complete or case.lines == view.lines
