"""How many of many runs are where, and what they cost together."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core.events import Finished, LogBatch, PhaseChanged, Retrying, Started
from jobrunner.core.outcome import Outcome, Verdict
from jobrunner.core.tally import Place, Tally

AT = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
SUCCESS = Outcome(
    run_id="4r9k2m8p3w7x5t1q",
    job="etl",
    attempt=1,
    verdict=Verdict.SUCCEEDED,
    reason="exit",
    exit_code=0,
    detail="exit code 0",
    billed_seconds=61,
    cost_usd=Decimal("0.000823"),
)
FAILURE = replace(SUCCESS, verdict=Verdict.FAILED, exit_code=1)
RETRYING = Retrying(ended=FAILURE, attempt=2, capacity="on-demand", wait=10.0)


def phase(name: str) -> PhaseChanged:
    """A task reached a state."""
    return PhaseChanged(phase=name, at=AT)


def places(tally: Tally) -> dict[str, int]:
    """Where the runs are; places without any are left out."""
    return {str(place): count for place, count in tally.counts.items() if count}


def test_a_run_goes_from_place_to_place() -> None:
    """It is in exactly one at a time, and what says nothing of its place moves it nowhere."""
    tally = Tally(3)
    assert {"queued": 3} == places(tally)
    assert set(Place) == set(tally.counts)

    tally.begun(1)
    assert {"queued": 2, "starting": 1} == places(tally)
    for event in (Started(run_id="x", task_arn=None), phase("PROVISIONING"), phase("PENDING")):
        tally.take(1, event)
    assert {"queued": 2, "starting": 1} == places(tally)
    tally.take(1, phase("RUNNING"))
    tally.take(1, LogBatch(container="main", timestamps=[0], messages=["a"]))
    assert {"queued": 2, "running": 1} == places(tally)
    tally.take(1, RETRYING)
    assert {"queued": 2, "starting": 1} == places(tally)
    tally.take(1, phase("RUNNING"))
    tally.take(1, Finished(outcome=SUCCESS))
    assert {"queued": 2, "succeeded": 1} == places(tally)
    tally.begun(0)
    tally.lost(0)
    tally.begun(2)
    tally.take(2, Finished(outcome=FAILURE))
    assert {"succeeded": 1, "failed": 1, "lost": 1} == places(tally)


def test_every_verdict_but_one_is_a_failure() -> None:
    """Unknown is never a success."""
    tally = Tally(len(Verdict))
    for index, verdict in enumerate(Verdict):
        tally.take(index, Finished(outcome=replace(SUCCESS, verdict=verdict)))

    assert {"succeeded": 1, "failed": len(Verdict) - 1} == places(tally)
    assert not tally.succeeded


def test_all_have_succeeded_when_each_has() -> None:
    """One that is missing is enough for no; no run at all is a yes."""
    tally = Tally(2)
    tally.take(0, Finished(outcome=SUCCESS))
    assert not tally.succeeded
    tally.lost(1)
    assert not tally.succeeded
    tally.take(1, Finished(outcome=SUCCESS))
    assert tally.succeeded
    assert Tally(0).succeeded


def test_bills_add_up_and_unknown_ones_are_counted() -> None:
    """What is known is a part of the whole, and it is said how many are missing. An attempt is in its run's bill."""
    tally = Tally(4)
    tally.take(0, Finished(outcome=SUCCESS))
    tally.take(1, RETRYING)
    tally.take(1, Finished(outcome=replace(FAILURE, billed_seconds=120, cost_usd=Decimal("0.001"))))
    tally.take(2, Finished(outcome=replace(SUCCESS, billed_seconds=60, cost_usd=None)))
    tally.take(3, Finished(outcome=replace(FAILURE, billed_seconds=None, cost_usd=None)))

    assert (241, 1) == (tally.billed_seconds, tally.unbilled)
    assert (Decimal("0.001823"), 2) == (tally.cost_usd, tally.unpriced)


events = st.sampled_from(
    [
        Started(run_id="x", task_arn=None),
        phase("PENDING"),
        phase("RUNNING"),
        phase("STOPPED"),
        RETRYING,
        Finished(outcome=SUCCESS),
        Finished(outcome=FAILURE),
    ]
)


@given(st.integers(1, 6), st.lists(st.tuples(st.integers(0, 5), events)))
def test_no_run_is_lost_or_doubled(total: int, happened: list[tuple[int, object]]) -> None:
    """Whatever happens, in whatever order: every run is in one place, the one of its last news."""
    tally = Tally(total)
    known = [Place.QUEUED] * total
    for index, event in happened:
        if index < total:
            tally.take(index, event)  # type: ignore[arg-type]  # events all
            known[index] = _place_after(event, known[index])

    assert dict.fromkeys(Place, 0) | Counter(known) == tally.counts


def _place_after(event: object, before: Place) -> Place:
    match event:
        case PhaseChanged(phase="RUNNING" | "STOPPED"):
            return Place.RUNNING
        case Retrying():
            return Place.STARTING
        case Finished(outcome=outcome):
            return Place.SUCCEEDED if outcome.succeeded else Place.FAILED
        case _:
            return before
