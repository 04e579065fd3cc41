"""What the state machine does about a failure is what `run` does: for generated policies, positions and ends."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonata_world import evaluate

from jobrunner.core import state_machine_retry
from jobrunner.core.judgement import Judgement
from jobrunner.core.outcome import Outcome, Verdict
from jobrunner.core.retry import (
    MAX_LAUNCHES,
    ON_DEMAND,
    SPOT,
    SPOT_THEN_ON_DEMAND,
    Policy,
    Position,
    Retry,
    after_end,
    after_refusal,
)
from jobrunner.core.state_machine_text import block

AFTER_END = block(state_machine_retry.after_end(), "$after_end($judged)")
AFTER_REFUSAL = block(state_machine_retry.after_refusal(), "$after_refusal($judged, $left)")
RELAUNCHED = block(state_machine_retry.relaunching(), "$relaunched()")
RUN_ID = "nightly@2026-11-24T02:30:00Z"

WORDS = st.sampled_from(["infrastructure", "spot", "failure", "out_of_memory", "timeout", 1, 75, 137])
POLICIES = st.builds(
    Policy,
    attempts=st.integers(1, 6),
    backoff=st.integers(0, 700),
    max_backoff=st.integers(0, 700),
    on=st.lists(WORDS, max_size=4, unique=True).map(tuple),
    start_timeout=st.none() | st.integers(1, 600),
    capacity=st.sampled_from([ON_DEMAND, SPOT, SPOT_THEN_ON_DEMAND]),
)
REASONS = st.sampled_from(["exit", "spot_interruption", "host_lost", "network_interface", "sidecar", "timeout"])


@dataclass(frozen=True)
class End:
    """How a task ended, and whether the job had run."""

    judgement: Judgement
    ran: bool

    @property
    def words(self) -> dict[str, Any]:
        """As the machine has it."""
        judgement = self.judgement
        return {
            "verdict": str(judgement.verdict),
            "reason": judgement.reason,
            "exit_code": judgement.exit_code,
            "detail": judgement.detail,
            "transient": judgement.transient,
            "ran": self.ran,
        }


ENDS = st.builds(
    End,
    st.builds(
        Judgement,
        verdict=st.sampled_from([one for one in Verdict if one is not Verdict.SUCCEEDED]),
        reason=REASONS,
        exit_code=st.sampled_from([None, 1, 75, 137, 143]),
        detail=st.just(""),
        transient=st.booleans(),
    ),
    st.booleans(),
)
#: What makes a run long: it is tried again whatever the policy says of most others.
PASSING = st.builds(
    End,
    st.builds(
        Judgement,
        verdict=st.sampled_from([Verdict.STOPPED, Verdict.LOST, Verdict.NEVER_STARTED]),
        reason=st.just("spot_interruption"),
        exit_code=st.none(),
        detail=st.just(""),
        transient=st.just(True),  # noqa: FBT003 - a value of a strategy
    ),
    st.booleans(),
)


def variables(policy: Policy, at: Position, *, died: int = 0, fallbacks: int = 0) -> dict[str, Any]:
    """The variables of the machine."""
    return {
        "run": {"run_id": RUN_ID, "policy": policy.to_json()},
        "attempt": at.attempt,
        "launch": at.launch,
        "capacity": at.capacity,
        "died": died,
        "fallbacks": fallbacks,
    }


def as_retry(found: dict[str, Any] | None) -> Retry | None:
    """A decision of the machine as `core` has it."""
    if found is None:
        return None
    position = Position(attempt=found["attempt"], launch=found["launch"], capacity=found["capacity"])
    return Retry(position=position, wait=found["wait"])


def outcome(end: End, at: Position) -> Outcome:
    """What `core` remembers of a task that has ended."""
    how = end.judgement
    return Outcome(
        run_id=RUN_ID,
        job="nightly",
        attempt=at.attempt,
        verdict=how.verdict,
        reason=how.reason,
        exit_code=how.exit_code,
        detail="",
        capacity=at.capacity,
        billed_seconds=0,
        cost_usd=Decimal(0),
    )


@settings(max_examples=60, deadline=None)
@given(policy=POLICIES, ends=st.lists(st.one_of(PASSING, ENDS), min_size=1, max_size=10))
def test_a_run_of_failures_is_tried_again_as_by_run(policy: Policy, ends: list[End]) -> None:
    """From the first launch on: where, when, and when no more; the machine counts, `core` has the outcomes."""
    at, died, fallbacks = Position(capacity=policy.first_capacity), 0, 0
    earlier: list[Outcome] = []
    for end in ends:
        expected = after_end(policy, at, end.judgement, ran=end.ran, earlier=earlier, run_id=RUN_ID)
        known = variables(policy, at, died=died, fallbacks=fallbacks)

        found = evaluate(AFTER_END, {**known, "judged": end.words})

        assert expected == as_retry(found)
        if expected is None:
            return
        earlier.append(outcome(end, at))
        at, died, fallbacks = expected.position, found["died"], found["fallbacks"]


def test_the_launches_of_an_attempt_are_counted() -> None:
    """What dies so often before the job's container runs is no accident."""
    end = End(
        Judgement(verdict=Verdict.NEVER_STARTED, reason="capacity", exit_code=None, detail="", transient=True),
        ran=False,
    )
    policy = Policy(attempts=2, on=("infrastructure",))
    last = Position(launch=MAX_LAUNCHES)

    assert None is evaluate(AFTER_END, {**variables(policy, last, died=MAX_LAUNCHES - 1), "judged": end.words})
    assert None is not evaluate(AFTER_END, {**variables(policy, last, died=MAX_LAUNCHES - 2), "judged": end.words})


@settings(max_examples=60, deadline=None)
@given(
    policy=POLICIES,
    at=st.builds(
        Position, attempt=st.integers(1, 6), launch=st.integers(1, 12), capacity=st.sampled_from([ON_DEMAND, SPOT])
    ),
    end=ENDS,
    left=st.floats(-1, 60),
)
def test_a_refused_placement_is_asked_for_again_as_by_run(policy: Policy, at: Position, end: End, left: float) -> None:
    """Until the start window is over; at once on demand."""
    expected = after_refusal(policy, at, end.judgement, left=left, run_id=RUN_ID)

    found = evaluate(AFTER_REFUSAL, {**variables(policy, at), "judged": end.words, "left": left})

    assert expected == as_retry(found)
