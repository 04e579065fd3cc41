"""A machine that went away before it knew its task, while another one took the run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from shelljobs import lines, shell, tasks_of

from jobrunner import Finished, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner import JobRunner

    Machine = Callable[..., JobRunner]


@pytest.mark.parametrize("again", ["attach", "key"])
def test_who_comes_back_to_a_run_that_has_gone_on_sees_all_of_it(machine: Machine, again: str) -> None:
    """From the attempt on that it had stored, with its log and its bill; nothing is started twice."""
    laptop, server = machine(), machine("server")
    retries = {"attempts": 2, "backoff": "0s", "on": [75]}
    spec = shell('echo "attempt $JOBRUNNER_ATTEMPT"; test $JOBRUNNER_ATTEMPT -ge 2 || exit 75', retries=retries)
    run_id = laptop.begin(spec, key="once").run_id  # stored, and killed before RunTask was answered
    assert Verdict.SUCCEEDED is server.run(spec, key="once").verdict

    back = laptop.attach(run_id) if again == "attach" else laptop.begin(spec, key="once")
    events = list(back.stream())

    assert ["attempt 1", "attempt 2"] == lines(events)
    assert isinstance(events[-1], Finished)
    outcome = events[-1].outcome
    assert (Verdict.SUCCEEDED, 2, 120, 2) == (
        outcome.verdict,
        outcome.attempt,
        outcome.billed_seconds,
        len(tasks_of(laptop, run_id)),
    )
