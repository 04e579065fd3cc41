"""Whether a run goes on after an attempt has failed, when, and on what capacity."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core.judgement import Judgement
from jobrunner.core.options import RunOptions
from jobrunner.core.outcome import Outcome, Verdict
from jobrunner.core.retry import (
    MAX_LAUNCHES,
    NO_RETRIES,
    ON_DEMAND,
    SPOT,
    SPOT_THEN_ON_DEMAND,
    START_WINDOW,
    Policy,
    Position,
    Retry,
    after_end,
    after_refusal,
    attempts_left,
    falls_back,
    launch_pause,
    policy_of,
)
from jobrunner.core.spec import job_spec

RUN_ID = "4r9k2m8p3w7x5t1q"
WORDS = ("infrastructure", "spot", "failure", "out_of_memory", "timeout")


def judgement(
    verdict: Verdict, exit_code: int | None = None, *, reason: str = "exit", transient: bool = False
) -> Judgement:
    """How a task ended."""
    return Judgement(verdict=verdict, reason=reason, exit_code=exit_code, detail="", transient=transient)


FAILED = judgement(Verdict.FAILED, 75)
KILLED = judgement(Verdict.OUT_OF_MEMORY, 137, reason="out_of_memory")
KILLED_UNSEEN = judgement(Verdict.OUT_OF_MEMORY, reason="out_of_memory")
TIMED_OUT = judgement(Verdict.TIMED_OUT, 143, reason="timeout")
SPOT_TAKEN = judgement(Verdict.STOPPED, 137, reason="spot_interruption", transient=True)
HOST_LOST = judgement(Verdict.LOST, reason="host_lost", transient=True)
NEVER_RAN = judgement(Verdict.NEVER_STARTED, reason="network_interface", transient=True)
NO_IMAGE = judgement(Verdict.NEVER_STARTED, reason="image_not_found")
STOPPED = judgement(Verdict.STOPPED, 143, reason="user")
REPLACED = judgement(Verdict.STOPPED, 143, reason="replaced")
VANISHED = judgement(Verdict.LOST, reason="vanished")
SUCCEEDED = judgement(Verdict.SUCCEEDED, 0)
SIDECAR = judgement(Verdict.FAILED, 143, reason="sidecar", transient=True)
NO_CAPACITY = judgement(Verdict.NEVER_STARTED, reason="capacity", transient=True)
TOO_LARGE = judgement(Verdict.NEVER_STARTED, reason="size_limit")


def earlier(how: Judgement, *, attempt: int = 1, capacity: str = ON_DEMAND) -> Outcome:
    """The outcome of an attempt before."""
    return Outcome(
        run_id=RUN_ID,
        job="etl",
        attempt=attempt,
        verdict=how.verdict,
        reason=how.reason,
        exit_code=how.exit_code,
        detail="",
        capacity=capacity,
    )


def next_after(how: Judgement, policy: Policy, at: Position | None = None, *before: Outcome) -> Retry | None:
    """What follows an end."""
    ran = how.verdict is not Verdict.NEVER_STARTED
    return after_end(policy, at or Position(), how, ran=ran, earlier=before, run_id=RUN_ID)


@pytest.mark.parametrize(
    ("how", "on"),
    [
        (FAILED, {75, "failure"}),
        (KILLED, {137, "out_of_memory"}),
        (KILLED_UNSEEN, {"out_of_memory"}),
        (TIMED_OUT, {"timeout"}),
        (SPOT_TAKEN, {"spot", "infrastructure"}),
        (HOST_LOST, {"infrastructure"}),
        (NEVER_RAN, {"infrastructure"}),
        (SIDECAR, {143, "failure", "infrastructure"}),
        (judgement(Verdict.FAILED), {"failure"}),
        (NO_IMAGE, set()),
        (STOPPED, set()),
        (REPLACED, set()),
        (judgement(Verdict.INTERRUPTED, 143, reason="interrupt"), set()),
        (VANISHED, set()),
        (SUCCEEDED, set()),
    ],
)
def test_only_what_a_rule_names_is_tried_again(how: Judgement, on: set[int | str]) -> None:
    """Each rule by itself: no other one covers the same end by chance."""
    tried = {rule for rule in (*WORDS, 0, 75, 137, 143) if next_after(how, Policy(attempts=2, on=(rule,)))}

    assert on == tried
    assert next_after(how, replace(NO_RETRIES, attempts=2)) is None


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_the_container_runs_as_often_as_there_are_attempts(attempts: int) -> None:
    """The first one counts: one attempt means no retry."""
    policy, at = Policy(attempts=attempts, on=("failure",)), Position()
    runs = 1
    while (retry := next_after(FAILED, policy, at)) is not None:
        assert (at.attempt + 1, 1, ON_DEMAND) == (
            retry.position.attempt,
            retry.position.launch,
            retry.position.capacity,
        )
        at, runs = retry.position, runs + 1

    assert attempts == runs


def test_what_never_ran_is_launched_again_in_the_same_attempt() -> None:
    """With a token of its own; also in the last attempt."""
    retry = next_after(NEVER_RAN, Policy(attempts=2, on=("infrastructure",)), Position(attempt=2, launch=3))

    assert retry is not None
    assert Position(attempt=2, launch=4) == retry.position


def test_launches_that_died_are_counted_and_refusals_are_not() -> None:
    """What dies five times in one attempt is no accident; what ECS did not place has not died."""
    policy, at = Policy(attempts=3, on=("infrastructure",)), Position(attempt=2, launch=40)
    died = [earlier(NEVER_RAN, attempt=2)] * (MAX_LAUNCHES - 2)

    assert next_after(NEVER_RAN, policy, at, earlier(FAILED), *died) is not None
    assert next_after(NEVER_RAN, policy, at, earlier(FAILED), *died, earlier(NEVER_RAN, attempt=2)) is None


def test_what_started_and_was_lost_uses_up_an_attempt() -> None:
    """The job may have done half of its work."""
    policy = Policy(attempts=2, on=("infrastructure",))

    retry = next_after(HOST_LOST, policy)
    assert retry is not None
    assert Position(attempt=2) == retry.position
    assert next_after(HOST_LOST, policy, Position(attempt=2)) is None


# -- pauses ----------------------------------------------------------------------------------------------------


def test_the_back_off_doubles_up_to_its_limit() -> None:
    """Each pause a fifth more or less; the limit is never passed."""
    policy = Policy(attempts=9, backoff=10, max_backoff=100, on=("failure",))

    waits = []
    for attempt in range(1, 8):
        retry = next_after(FAILED, policy, Position(attempt=attempt))
        assert retry is not None
        waits.append(retry.wait)

    for base, wait in zip((10, 20, 40, 80, 100, 100, 100), waits, strict=True):
        assert base * 0.8 <= wait <= min(base * 1.2, 100)
    assert len(set(waits)) > 4


def test_no_back_off_is_no_wait() -> None:
    """Some jobs are retried at once."""
    retry = next_after(FAILED, Policy(attempts=2, backoff=0, on=("failure",)))

    assert retry == Retry(position=Position(attempt=2), wait=0.0)


def test_a_very_late_attempt_has_a_back_off_too() -> None:
    """Two to the power of a thousand is more than a float can be."""
    retry = next_after(FAILED, Policy(attempts=2_000, on=("failure",)), Position(attempt=1_500))

    assert retry is not None
    assert 480.0 <= retry.wait <= 600.0


def test_the_pauses_between_launches_are_those_of_the_documentation() -> None:
    """A couple of seconds, then exponentially more, and at most half a minute; a fifth more or less."""
    for launch, base in enumerate((2, 4, 8, 16, 30, 30, 30), start=1):
        assert base * 0.8 <= launch_pause(RUN_ID, Position(launch=launch)) <= base * 1.2
    assert 24.0 <= launch_pause(RUN_ID, Position(launch=5_000)) <= 36.0


@given(st.text(max_size=20), st.integers(1, 9), st.integers(1, 9))
def test_two_processes_agree_on_a_pause(run_id: str, attempt: int, launch: int) -> None:
    """The jitter comes from the run and not from chance."""
    at = Position(attempt=attempt, launch=launch)

    assert launch_pause(run_id, at) == launch_pause(run_id, at)


def test_many_runs_do_not_come_back_at_once() -> None:
    """That is what the jitter is for."""
    waits = [launch_pause(f"run-{number}", Position()) for number in range(200)]

    assert len(set(waits)) > 150
    assert min(waits) < 1.7
    assert max(waits) > 2.3


# -- placement -------------------------------------------------------------------------------------------------


def test_a_refused_placement_is_asked_for_again_in_the_same_attempt() -> None:
    """As long as the pause fits into the start window, whatever the job's retries say."""
    at = Position(attempt=2, launch=3, capacity=SPOT)
    pause = launch_pause(RUN_ID, at)

    again = after_refusal(NO_RETRIES, at, NO_CAPACITY, left=pause, run_id=RUN_ID)
    assert again == Retry(position=Position(attempt=2, launch=4, capacity=SPOT), wait=pause)
    assert after_refusal(NO_RETRIES, at, NO_CAPACITY, left=pause - 0.001, run_id=RUN_ID) is None
    assert after_refusal(NO_RETRIES, at, TOO_LARGE, left=1e9, run_id=RUN_ID) is None


# -- Spot, then on demand --------------------------------------------------------------------------------------

FALLING = Policy(capacity=SPOT_THEN_ON_DEMAND)
ON_SPOT = Position(attempt=2, launch=2, capacity=SPOT)


@pytest.mark.parametrize(
    ("how", "falls"),
    [
        (SPOT_TAKEN, True),
        (HOST_LOST, True),
        (NEVER_RAN, True),
        (NO_CAPACITY, True),
        (FAILED, False),
        (SIDECAR, False),
        (KILLED, False),
        (TIMED_OUT, False),
        (STOPPED, False),
        (NO_IMAGE, False),
        (VANISHED, False),
        (SUCCEEDED, False),
    ],
)
def test_only_a_fault_of_the_infrastructure_leaves_spot(how: Judgement, falls: bool) -> None:  # noqa: FBT001  a table
    """A failure of the job never changes the capacity; other policies never do."""
    assert falls == falls_back(FALLING, ON_SPOT, how)
    assert not falls_back(FALLING, replace(ON_SPOT, capacity=ON_DEMAND), how)
    assert not falls_back(replace(FALLING, capacity=SPOT), ON_SPOT, how)


def test_the_fall_back_is_at_once_and_needs_no_rule() -> None:
    """What ran goes on in the next attempt, what did not in the same one; nothing is left of the start window."""
    ran = next_after(SPOT_TAKEN, FALLING, ON_SPOT)
    never_ran = next_after(NEVER_RAN, FALLING, ON_SPOT)
    refused = after_refusal(FALLING, ON_SPOT, NO_CAPACITY, left=-1.0, run_id=RUN_ID)

    assert Retry(position=Position(attempt=3, capacity=ON_DEMAND), wait=0.0) == ran
    assert Retry(position=Position(attempt=2, launch=3, capacity=ON_DEMAND), wait=0.0) == never_ran == refused


@pytest.mark.parametrize("how", [SPOT_TAKEN, HOST_LOST])
def test_the_fall_back_costs_no_attempt(how: Judgement) -> None:
    """The job's own failures are counted, and its back-off begins with the first of them."""
    policy = Policy(attempts=2, backoff=10, on=("failure",), capacity=SPOT_THEN_ON_DEMAND)
    taken = earlier(how, capacity=SPOT)

    second = next_after(FAILED, policy, Position(attempt=2), taken)
    assert second is not None
    assert (Position(attempt=3), True) == (second.position, second.wait <= 12.0)
    assert next_after(FAILED, policy, Position(attempt=3), taken, earlier(FAILED, attempt=2)) is None
    assert [1, 0] == [attempts_left(policy, Position(attempt=at), [taken]) for at in (2, 3)]


def test_a_failure_on_spot_costs_an_attempt() -> None:
    """It stays on Spot."""
    policy = Policy(attempts=2, on=("failure",), capacity=SPOT_THEN_ON_DEMAND)

    retry = next_after(FAILED, policy, Position(capacity=SPOT))
    assert retry is not None
    assert Position(attempt=2, capacity=SPOT) == retry.position
    assert next_after(FAILED, policy, retry.position, earlier(FAILED, capacity=SPOT)) is None


def test_spot_alone_pays_for_its_interruptions() -> None:
    """Without the fall back an interruption is an attempt like any other."""
    policy = Policy(attempts=2, on=("spot",), capacity=SPOT)
    at = Position(attempt=2, capacity=SPOT)

    assert next_after(SPOT_TAKEN, policy, at, earlier(SPOT_TAKEN, capacity=SPOT)) is None
    assert [1, 0, 0] == [attempts_left(policy, Position(attempt=number), ()) for number in (1, 2, 3)]


ENDS = [FAILED, KILLED, TIMED_OUT, SPOT_TAKEN, HOST_LOST, NEVER_RAN, SIDECAR]


@given(
    ends=st.lists(st.sampled_from(ENDS), min_size=60, max_size=60),
    attempts=st.integers(1, 5),
    on=st.lists(st.sampled_from(WORDS), unique=True).map(tuple),
    capacity=st.sampled_from([ON_DEMAND, SPOT, SPOT_THEN_ON_DEMAND]),
)
def test_every_run_comes_to_its_end(
    ends: list[Judgement], attempts: int, on: tuple[int | str, ...], capacity: str
) -> None:
    """Whatever befalls it: the container runs no more often than it may, and capacity changes at most once."""
    policy = Policy(attempts=attempts, on=on, capacity=capacity)
    at = Position(capacity=policy.first_capacity)
    before: list[Outcome] = []
    positions = [at]
    for how in ends:
        retry = next_after(how, policy, at, *before)
        before.append(earlier(how, attempt=at.attempt, capacity=at.capacity))
        if retry is None:
            break
        at = retry.position
        positions.append(at)
    else:
        raise AssertionError("it goes on for ever")

    ran = sum(one.verdict is not Verdict.NEVER_STARTED for one in before)
    assert ran <= attempts + (capacity == SPOT_THEN_ON_DEMAND)
    assert len({(one.attempt, one.launch) for one in positions}) == len(positions)
    places = [one.capacity for one in positions]
    assert places == sorted(places, reverse=True)  # Spot before on demand


# -- the policy ------------------------------------------------------------------------------------------------


def test_a_job_that_says_nothing_is_run_once() -> None:
    """But its placement is asked for again for a minute."""
    policy = policy_of(job_spec(name="etl", image="python"), RunOptions())

    assert NO_RETRIES == policy
    assert (1, (), ON_DEMAND, START_WINDOW) == (
        policy.attempts,
        policy.on,
        policy.first_capacity,
        policy.start_window,
    )


def test_the_policy_is_as_the_job_says() -> None:
    """The caller may change the capacity only."""
    spec = job_spec(
        name="etl",
        image="python",
        capacity="spot",
        start_timeout="10m",
        retries={"attempts": 3, "backoff": "30s", "max_backoff": "5m", "on": ["infrastructure", 75]},
    )

    said = Policy(attempts=3, backoff=30, max_backoff=300, on=("infrastructure", 75), start_timeout=600, capacity=SPOT)
    assert said == policy_of(spec, RunOptions())
    assert replace(said, capacity=SPOT_THEN_ON_DEMAND) == policy_of(spec, RunOptions(capacity=SPOT_THEN_ON_DEMAND))
    assert 600 == said.start_window
    assert [SPOT, SPOT] == [said.first_capacity, replace(said, capacity=SPOT_THEN_ON_DEMAND).first_capacity]


def test_a_start_timeout_without_retries_is_kept() -> None:
    """It says for how long a placement is asked for."""
    spec = job_spec(name="etl", image="python", start_timeout="10m")

    assert Policy(start_timeout=600) == policy_of(spec, RunOptions())


policies = st.builds(
    Policy,
    attempts=st.integers(1, 20),
    backoff=st.integers(0, 86_400),
    max_backoff=st.integers(0, 86_400),
    on=st.lists(st.sampled_from(WORDS) | st.integers(1, 255), unique=True).map(tuple),
    start_timeout=st.none() | st.integers(1, 86_400),
    capacity=st.sampled_from([ON_DEMAND, SPOT, SPOT_THEN_ON_DEMAND]),
)


@given(policies)
def test_a_policy_survives_json(policy: Policy) -> None:
    """A run goes on as it was begun, whatever the job's file says by then."""
    assert policy == Policy.from_json(json.loads(json.dumps(policy.to_json())))
