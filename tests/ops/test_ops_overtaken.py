"""One key on two machines: what the one has left, the other goes on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from shelljobs import lines, shell, tasks_of

from jobrunner import Finished, Verdict
from jobrunner.core.naming import keyed_run_id
from jobrunner.local.faults import RunTaskFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner import JobRunner
    from jobrunner.local.endpoint import Endpoint

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


def test_a_key_goes_on_with_another_version_of_a_job_that_was_not_placed(machine: Machine, endpoint: Endpoint) -> None:
    """ECS keeps the failure for the token, and says ConflictException to another request with it."""
    laptop, server = machine(), machine("server")
    settings = laptop.settings
    run_id = keyed_run_id(project=settings.project, stage=settings.stage, job="job", key="once")
    (order,) = endpoint.faults.order(RunTaskFailure(cause="capacity", run_id=run_id))
    assert "capacity" == laptop.run(shell("echo first", start_timeout="1s"), key="once").reason

    events = list(server.start(shell("echo second"), key="once").stream())

    assert (1, ["second"]) == (order.struck, lines(events))
    assert isinstance(events[-1], Finished)
    assert Verdict.SUCCEEDED is events[-1].outcome.verdict
    assert 1 == len(tasks_of(server, run_id))
