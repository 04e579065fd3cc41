"""Tasks that ECS does not place, and Spot: what is asked for again, for how long, and on what."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from shelljobs import lines, record_of, shell

from jobrunner import Finished, LogBatch, Started, Verdict
from jobrunner.core.events import Retrying
from jobrunner.core.events import Warning as WarningEvent
from jobrunner.core.ports import PlacementFailure
from jobrunner.local.faults import RunTaskFailure, SpotInterruption
from jobrunner.testing import Line, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobrunner import JobRunner, JobSpec
    from jobrunner.core.events import WatchEvent
    from jobrunner.local.endpoint import Endpoint
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]

CAPACITY = PlacementFailure(reason="Capacity is unavailable at this time. Please try again later")
SPOT_LOST = TaskScript(
    runs=100.0, exit_codes={"main": 137}, stop_code="SpotInterruption", stopped_reason="Your Spot Task was interrupted."
)


def tokens(aws: FakeAws) -> list[str]:
    """What follows the run's id in the tokens of every RunTask, in order."""
    return [token.partition("-")[2] for _, token in aws.tasks._by_token]


def asked_for(aws: FakeAws) -> list[str]:
    """On what capacity each task was asked for."""
    return ["on-demand" if "launchType" in task.request else "spot" for task in aws.started]


def warnings(events: Iterable[WatchEvent]) -> list[str]:
    """What was warned of."""
    return [event.message for event in events if isinstance(event, WarningEvent)]


def test_a_refused_placement_is_asked_for_again(scripted: Machine, aws: FakeAws) -> None:
    """With a token of its own, because ECS answers the old one with the old refusal; the job does not notice."""
    aws.tasks.refuse(CAPACITY)
    aws.tasks.refuse(CAPACITY)
    began = aws.clock.now()

    run = scripted().start(shell("true"))
    events = list(run.stream())

    assert ["1", "1.2", "1.3"] == tokens(aws)
    assert ["1"] == [task.snapshot(began).environment["JOBRUNNER_ATTEMPT"] for task in aws.started]
    assert 4.8 <= (aws.started[0].created_at - began).total_seconds() <= 7.2
    said = warnings(events)
    assert 2 == len(said)
    assert all("Capacity is unavailable at this time" in one and "; again in " in one for one in said)
    assert isinstance(events[-1], Finished)
    assert (Verdict.SUCCEEDED, 1, ()) == (
        events[-1].outcome.verdict,
        events[-1].outcome.attempt,
        events[-1].outcome.earlier,
    )


@pytest.mark.parametrize(("fields", "window"), [({}, 60), ({"start_timeout": "10m"}, 600)])
def test_a_placement_is_given_up_when_the_start_window_is_over(
    scripted: Machine, aws: FakeAws, fields: dict[str, Any], window: int
) -> None:
    """A minute, or the job's `start_timeout`; the run never started, costs nothing, and the same key tries again."""
    for _ in range(100):
        aws.tasks.refuse(CAPACITY)
    began = aws.clock.now()

    run = scripted().start(shell("true", **fields), key="monday")

    assert run.outcome is not None
    assert (Verdict.NEVER_STARTED, "capacity", Decimal(0)) == (
        run.outcome.verdict,
        run.outcome.reason,
        run.outcome.cost_usd,
    )
    assert window - 40 <= (aws.clock.now() - began).total_seconds() <= window
    assert run.outcome == record_of(run, scripted()).outcome == run.wait()
    before = tokens(aws)
    aws.tasks._refusals.clear()
    assert (Verdict.SUCCEEDED, 1) == (scripted().run(shell("true", **fields), key="monday").verdict, len(aws.started))
    assert before == tokens(aws)[:-1]


def test_a_refusal_that_lasts_is_not_repeated(scripted: Machine, aws: FakeAws) -> None:
    """Asking again for a size that is above the account's limit only takes time."""
    aws.tasks.refuse(PlacementFailure(reason="The requested CPU configuration is above your limit"))
    outcome = scripted().run(shell("true"))
    assert (Verdict.NEVER_STARTED, "size_limit", ["1"]) == (outcome.verdict, outcome.reason, tokens(aws))


def test_a_stop_ends_the_asking(scripted: Machine, aws: FakeAws) -> None:
    """Nothing is started, and nothing is left behind."""
    for _ in range(100):
        aws.tasks.refuse(CAPACITY)
    run = scripted().begin(shell("true", start_timeout="1h", timeout="10m"))
    aws.clock.after(100, run.stop)
    outcome = run.wait()
    assert (Verdict.STOPPED, None, 0) == (outcome.verdict, outcome.task_arn, len(aws.started))
    assert {} == aws.deadlines.pending


def test_spot_that_is_not_there_falls_back_to_on_demand(scripted: Machine, aws: FakeAws) -> None:
    """At once, and at no attempt's cost; the outcome says what it ran on, and its price is that one's."""
    on_demand = scripted().run(shell("true", cpu="1 vCPU", capacity="on-demand"))
    spot = scripted().run(shell("true", cpu="1 vCPU", capacity="spot"))
    aws.tasks.refuse(CAPACITY)

    events = list(scripted().start(shell("true", cpu="1 vCPU", capacity="spot-then-on-demand")).stream())

    assert isinstance(events[-1], Finished)
    outcome = events[-1].outcome
    assert ("on-demand", 1, on_demand.cost_usd) == (outcome.capacity, outcome.attempt, outcome.cost_usd)
    assert spot.cost_usd is not None
    assert on_demand.cost_usd is not None
    assert spot.cost_usd < on_demand.cost_usd
    assert [f"ECS did not place the task: {CAPACITY.reason}; on demand now"] == warnings(events)
    assert ["on-demand", "spot", "on-demand"] == asked_for(aws)
    assert ["1", "1.2"] == tokens(aws)[-2:]
    there = scripted().run(shell("true", capacity="spot-then-on-demand"))
    assert ("spot", "spot") == (there.capacity, asked_for(aws)[-1])


def test_spot_that_is_taken_away_falls_back_to_on_demand(scripted: Machine, aws: FakeAws) -> None:
    """Without `retries`, and without using up one of them; what was lost on Spot is in the bill, at Spot's price."""
    aws.script(SPOT_LOST, TaskScript(runs=100.0))
    run = scripted().start(shell("true", cpu="1 vCPU", capacity="spot-then-on-demand"))
    events = list(run.stream())
    (retrying,) = [event for event in events if isinstance(event, Retrying)]
    assert (2, "on-demand", 0.0) == (retrying.attempt, retrying.capacity, retrying.wait)
    outcome = run.wait()
    (lost,) = outcome.earlier
    assert ("spot", "on-demand", 2) == (lost.capacity, outcome.capacity, outcome.attempt)
    assert None not in (lost.cost_usd, outcome.cost_usd)
    assert lost.cost_usd + outcome.alone().cost_usd == outcome.cost_usd
    assert lost.cost_usd < outcome.alone().cost_usd
    assert lost.billed_seconds + outcome.alone().billed_seconds == outcome.billed_seconds


def test_a_failure_of_the_job_does_not_leave_spot(scripted: Machine, aws: FakeAws) -> None:
    """Its retries stay where they are cheap."""
    aws.script(TaskScript(exit_codes={"main": 1}), TaskScript())
    spec = shell("true", capacity="spot-then-on-demand", retries={"attempts": 2, "backoff": "1s", "on": "failure"})
    assert ("spot", ["spot", "spot"]) == (scripted().run(spec).capacity, asked_for(aws))


def test_spot_on_an_endpoint_that_executes(runner: JobRunner, endpoint: Endpoint) -> None:
    """The refusal of Spot, then nothing else; and an interruption in the middle, which the job may see."""
    refused, taken = spot_job("refused"), spot_job("taken")
    endpoint.faults.order(
        RunTaskFailure(job="refused", cause="capacity", capacity_provider="FARGATE_SPOT", times="always"),
        SpotInterruption(job="taken", line="attempt 1", times=1),
    )
    assert ("on-demand", 1, 0) == (
        (outcome := runner.run(refused)).capacity,
        outcome.attempt,
        outcome.exit_code,
    )
    run = runner.start(taken)
    assert ["attempt 1", "attempt 2"] == lines(run.stream())
    outcome = run.wait()
    assert [("spot", "stopped"), ("on-demand", "succeeded")] == [
        (one.capacity, str(one.verdict)) for one in (*outcome.earlier, outcome)
    ]


def spot_job(name: str) -> JobSpec:
    """A job that waits to be interrupted on Spot, and ends on demand."""
    script = 'echo "attempt $JOBRUNNER_ATTEMPT"; test $JOBRUNNER_JOB.$JOBRUNNER_ATTEMPT != taken.1 || exec sleep 60'
    return shell(script, name=name, capacity="spot-then-on-demand", stop_timeout="2s")


def test_a_launch_that_fails_after_an_attempt_keeps_what_that_attempt_was(scripted: Machine, aws: FakeAws) -> None:
    """The second attempt is never placed: the log is the first one's, and is counted once, however often it is read."""
    aws.script(TaskScript(exit_codes={"main": 75}, lines=(Line(message="fails"),)))
    run = scripted().start(shell("true", retries={"attempts": 2, "backoff": "1s", "on": 75}))
    for event in run.stream():
        if isinstance(event, LogBatch):
            for _ in range(100):
                aws.tasks.refuse(CAPACITY)
    outcome = run.outcome
    assert outcome is not None
    assert (Verdict.NEVER_STARTED, 2, 60, 1) == (
        outcome.verdict,
        outcome.attempt,
        outcome.billed_seconds,
        outcome.logs.events,
    )
    for _ in range(2):
        events = list(scripted().attach(run.run_id).stream())
        assert (["fails"], Finished(outcome=outcome)) == (lines(events), events[-1])
        assert [1] == [event.attempt for event in events if isinstance(event, Started)]
