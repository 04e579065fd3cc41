"""The course of a run: whole lives, from the first launch over all attempts to the end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from course_process import Process, Store, end_of, kinds, live, one_life, warnings
from course_world import (
    BEGIN,
    CAPACITY,
    FOREVER,
    HOST_LOST,
    INTERRUPTED,
    NEVER_RAN,
    NO_IMAGE,
    OUT_OF_MEMORY,
    SPOT_LOST,
    SUCCESS,
    World,
    earlier_failure,
    exits,
    new_record,
    planned_second,
)

from jobrunner.core.course import Manner
from jobrunner.core.events import Retrying, Started
from jobrunner.core.logs import LogSource
from jobrunner.core.outcome import LogReport, Verdict
from jobrunner.core.retry import ON_DEMAND, SPOT, SPOT_THEN_ON_DEMAND, Policy
from jobrunner.core.verdict import STOP
from jobrunner.errors import AwsRefusedError, AwsThrottledError, AwsUnreachableError

if TYPE_CHECKING:
    from jobrunner.testing import TaskScript


# -- whole lives -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A policy and what befalls the run; then what is to come of it."""

    policy: Policy
    scripts: tuple[TaskScript | str, ...]
    tokens: list[str]
    verdict: Verdict
    reason: str
    attempt: int
    billed: int | None
    capacities: list[str | None]
    timeout: int | None = None


SCENARIOS = {
    "a success": Scenario(
        policy=Policy(),
        scripts=(SUCCESS,),
        tokens=["1"],
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        attempt=1,
        billed=70,
        capacities=[ON_DEMAND],
    ),
    "a failure without retries": Scenario(
        policy=Policy(),
        scripts=(exits(75),),
        tokens=["1"],
        verdict=Verdict.FAILED,
        reason="exit",
        attempt=1,
        billed=70,
        capacities=[ON_DEMAND],
    ),
    "an exit code that is named is tried again": Scenario(
        policy=Policy(attempts=3, on=(75,)),
        scripts=(exits(75), exits(75), SUCCESS),
        tokens=["1", "2", "3"],
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        attempt=3,
        billed=210,
        capacities=[ON_DEMAND] * 3,
    ),
    "another exit code is not": Scenario(
        policy=Policy(attempts=3, on=(75,)),
        scripts=(exits(75), exits(76)),
        tokens=["1", "2"],
        verdict=Verdict.FAILED,
        reason="exit",
        attempt=2,
        billed=140,
        capacities=[ON_DEMAND] * 2,
    ),
    "attempts come to an end": Scenario(
        policy=Policy(attempts=2, on=("failure",)),
        scripts=(exits(1), exits(2), SUCCESS),
        tokens=["1", "2"],
        verdict=Verdict.FAILED,
        reason="exit",
        attempt=2,
        billed=140,
        capacities=[ON_DEMAND] * 2,
    ),
    "a kill for memory is tried again by its own rule": Scenario(
        policy=Policy(attempts=2, on=("out_of_memory",)),
        scripts=(OUT_OF_MEMORY, OUT_OF_MEMORY),
        tokens=["1", "2"],
        verdict=Verdict.OUT_OF_MEMORY,
        reason="out_of_memory",
        attempt=2,
        billed=140,
        capacities=[ON_DEMAND] * 2,
    ),
    "a kill for memory is no failure": Scenario(
        policy=Policy(attempts=2, on=("failure",)),
        scripts=(OUT_OF_MEMORY,),
        tokens=["1"],
        verdict=Verdict.OUT_OF_MEMORY,
        reason="out_of_memory",
        attempt=1,
        billed=70,
        capacities=[ON_DEMAND],
    ),
    "a timeout is tried again by its own rule, and each attempt has all of its time": Scenario(
        policy=Policy(attempts=2, on=("timeout",)),
        scripts=(FOREVER, FOREVER),
        tokens=["1", "2"],
        verdict=Verdict.TIMED_OUT,
        reason="timeout",
        attempt=2,
        billed=160,
        capacities=[ON_DEMAND] * 2,
        timeout=60,
    ),
    "a refused placement is asked for again, with a token of its own": Scenario(
        policy=Policy(),
        scripts=(CAPACITY, CAPACITY, SUCCESS),
        tokens=["1", "1.2", "1.3"],
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        attempt=1,
        billed=70,
        capacities=[ON_DEMAND],
    ),
    "a placement that no repetition changes is given up": Scenario(
        policy=Policy(attempts=5, on=("infrastructure",)),
        scripts=("The requested CPU configuration is above your limit",),
        tokens=["1"],
        verdict=Verdict.NEVER_STARTED,
        reason="size_limit",
        attempt=1,
        billed=0,
        capacities=[ON_DEMAND],
    ),
    "a placement is given up at the end of the start window": Scenario(
        policy=Policy(start_timeout=20),
        scripts=(CAPACITY,) * 9,
        tokens=["1", "1.2", "1.3", "1.4"],
        verdict=Verdict.NEVER_STARTED,
        reason="capacity",
        attempt=1,
        billed=0,
        capacities=[ON_DEMAND],
    ),
    "what dies before the container runs does not use up an attempt": Scenario(
        policy=Policy(attempts=1, on=("infrastructure",)),
        scripts=(NEVER_RAN, NEVER_RAN, SUCCESS),
        tokens=["1", "1.2", "1.3"],
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        attempt=1,
        billed=70,
        capacities=[ON_DEMAND] * 3,
    ),
    "refusals do not count among the launches that died": Scenario(
        policy=Policy(attempts=1, on=("infrastructure",), start_timeout=600),
        scripts=(CAPACITY, CAPACITY, CAPACITY, CAPACITY, CAPACITY, NEVER_RAN, SUCCESS),
        tokens=["1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"],
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        attempt=1,
        billed=70,
        capacities=[ON_DEMAND] * 2,
    ),
    "what always dies before the container runs is no accident": Scenario(
        policy=Policy(attempts=2, on=("infrastructure",)),
        scripts=(NEVER_RAN,) * 9,
        tokens=["1", "1.2", "1.3", "1.4", "1.5"],
        verdict=Verdict.NEVER_STARTED,
        reason="network_interface",
        attempt=1,
        billed=0,
        capacities=[ON_DEMAND] * 5,
    ),
    "nothing is tried again after a task that died, unless retries say so": Scenario(
        policy=Policy(attempts=3, on=("failure",)),
        scripts=(NEVER_RAN,),
        tokens=["1"],
        verdict=Verdict.NEVER_STARTED,
        reason="network_interface",
        attempt=1,
        billed=0,
        capacities=[ON_DEMAND],
    ),
    "an image that is not there stays so": Scenario(
        policy=Policy(attempts=3, on=("infrastructure", "failure")),
        scripts=(NO_IMAGE,),
        tokens=["1"],
        verdict=Verdict.NEVER_STARTED,
        reason="image_not_found",
        attempt=1,
        billed=0,
        capacities=[ON_DEMAND],
    ),
    "a task that does not start in time is stopped, and launched again": Scenario(
        policy=Policy(attempts=1, on=("infrastructure",), start_timeout=90),
        scripts=(replace(SUCCESS, startup=1e6), SUCCESS),
        tokens=["1", "1.2"],
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        attempt=1,
        billed=70,
        capacities=[ON_DEMAND] * 2,
    ),
    "a Spot interruption uses up an attempt": Scenario(
        policy=Policy(attempts=2, on=("spot",), capacity=SPOT),
        scripts=(SPOT_LOST, SPOT_LOST, SUCCESS),
        tokens=["1", "2"],
        verdict=Verdict.STOPPED,
        reason="spot_interruption",
        attempt=2,
        billed=140,
        capacities=[SPOT] * 2,
    ),
    "Spot that is refused becomes on demand": Scenario(
        policy=Policy(capacity=SPOT_THEN_ON_DEMAND),
        scripts=(CAPACITY, SUCCESS),
        tokens=["1", "1.2"],
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        attempt=1,
        billed=70,
        capacities=[ON_DEMAND],
    ),
    "Spot that is taken back becomes on demand, which costs no attempt": Scenario(
        policy=Policy(attempts=2, on=(75,), capacity=SPOT_THEN_ON_DEMAND),
        scripts=(SPOT_LOST, exits(75), SUCCESS),
        tokens=["1", "2", "3"],
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        attempt=3,
        billed=210,
        capacities=[SPOT, ON_DEMAND, ON_DEMAND],
    ),
    "Spot that never ran becomes on demand in the same attempt": Scenario(
        policy=Policy(capacity=SPOT_THEN_ON_DEMAND),
        scripts=(NEVER_RAN, SUCCESS),
        tokens=["1", "1.2"],
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        attempt=1,
        billed=70,
        capacities=[SPOT, ON_DEMAND],
    ),
    "a failure of the job stays on Spot": Scenario(
        policy=Policy(attempts=2, on=("failure",), capacity=SPOT_THEN_ON_DEMAND),
        scripts=(exits(1), SUCCESS),
        tokens=["1", "2"],
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        attempt=2,
        billed=140,
        capacities=[SPOT] * 2,
    ),
    "on demand is tried again as on demand": Scenario(
        policy=Policy(attempts=2, on=("infrastructure",), capacity=SPOT_THEN_ON_DEMAND),
        scripts=(CAPACITY, CAPACITY, NEVER_RAN, SUCCESS),
        tokens=["1", "1.2", "1.3", "1.4"],
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        attempt=1,
        billed=70,
        capacities=[ON_DEMAND] * 2,
    ),
    "a host that was lost is infrastructure": Scenario(
        policy=Policy(attempts=2, on=("infrastructure",)),
        scripts=(HOST_LOST, SUCCESS),
        tokens=["1", "2"],
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        attempt=2,
        billed=140,
        capacities=[ON_DEMAND] * 2,
    ),
    "a task that ECS never shows is lost, and not repeated": Scenario(
        policy=Policy(attempts=5, on=("infrastructure", "failure")),
        scripts=(replace(FOREVER, missing_for=1e9),),
        tokens=["1"],
        verdict=Verdict.LOST,
        reason="vanished",
        attempt=1,
        billed=None,
        capacities=[ON_DEMAND],
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_life(scenario: Scenario) -> None:
    """What befalls a run decides which launches there are, how it ends, and what it costs."""
    world = World(scenario.scripts)

    process = one_life(world, new_record(scenario.policy, timeout=scenario.timeout))

    outcome = end_of(process)
    assert scenario.tokens == world.tokens
    assert (scenario.verdict, scenario.reason) == (outcome.verdict, outcome.reason)
    assert (scenario.attempt, scenario.billed) == (outcome.attempt, outcome.billed_seconds)
    assert scenario.capacities == [one.capacity for one in (*outcome.earlier, outcome)]
    assert not any(world.crowds)
    assert process.course.record.outcome == outcome


def test_what_is_told_of_a_life_with_two_attempts() -> None:
    """Each attempt begins with `Started`; between them stands what has ended, its own bill, and when it goes on."""
    world = World([exits(75), SUCCESS])

    process = one_life(world, new_record(Policy(attempts=2, on=(75,), backoff=30)))

    attempt = ["Started", "PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING", "VerdictKnown", "STOPPED"]
    assert [*attempt, "Retrying", *attempt, "Finished"] == kinds(process.events)
    started = [event for event in process.events if isinstance(event, Started)]
    assert [(1, world.tasks[0].arn), (2, world.tasks[1].arn)] == [(one.attempt, one.task_arn) for one in started]
    (retrying,) = (event for event in process.events if isinstance(event, Retrying))
    assert (2, ON_DEMAND) == (retrying.attempt, retrying.capacity)
    assert (75, 70, Decimal("0.070000")) == (
        retrying.ended.exit_code,
        retrying.ended.billed_seconds,
        retrying.ended.cost_usd,
    )
    pause = (world.tasks[1].created_at - world.tasks[0].stopped_at).total_seconds()
    assert retrying.wait <= pause <= retrying.wait + 2.0  # it is seen a little after its end
    outcome = end_of(process)
    assert (140, Decimal("0.140000")) == (outcome.billed_seconds, outcome.cost_usd)
    assert (retrying.ended,) == outcome.earlier
    assert [task.arn for task in world.tasks] == [task.task_arn for task in process.course.record.tasks]


def test_spot_and_on_demand_are_priced_apart_and_added_up() -> None:
    """Each attempt at its own price."""
    process = one_life(World([SPOT_LOST, SUCCESS]), new_record(Policy(capacity=SPOT_THEN_ON_DEMAND)))

    outcome = end_of(process)
    assert Decimal("0.023333") + Decimal("0.070000") == outcome.cost_usd
    assert [Decimal("0.023333")] == [one.cost_usd for one in outcome.earlier]


@pytest.mark.parametrize("scripts", [(CAPACITY, SUCCESS), (SPOT_LOST, SUCCESS), (NEVER_RAN, SUCCESS)])
def test_the_fall_back_to_on_demand_is_at_once(scripts: tuple[TaskScript | str, ...]) -> None:
    """Nothing is waited for: there is capacity of another kind."""
    world = World(scripts)

    process = one_life(world, new_record(Policy(capacity=SPOT_THEN_ON_DEMAND, backoff=600)))

    ended = world.tasks[0].stopped_at if len(world.tasks) == 2 else BEGIN
    assert world.tasks[-1].created_at - ended < timedelta(seconds=2)
    waits = [event.wait for event in process.events if isinstance(event, Retrying)]
    assert [0.0] * (len(world.tasks) - 1) == waits


def test_a_timeout_counts_from_the_launch_that_made_the_task() -> None:
    """A refused placement takes nothing of the job's time."""
    world = World([CAPACITY, CAPACITY, FOREVER])

    outcome = end_of(one_life(world, new_record(timeout=60)))

    assert (Verdict.TIMED_OUT, "timed out after 1m") == (outcome.verdict, outcome.detail)
    (task,) = world.tasks
    assert task.created_at > BEGIN + timedelta(seconds=4)
    assert timedelta(seconds=60) <= task.ended_at - task.created_at < timedelta(seconds=61)


def test_as_long_as_aws_asks_for_patience_the_jobs_time_does_not_pass() -> None:
    """The timeout counts from when ECS has made the task."""
    world = World([FOREVER], faults={"LaunchTask": ["throttled"] * 6})

    outcome = end_of(one_life(world, new_record(timeout=60)))

    (task,) = world.tasks
    assert Verdict.TIMED_OUT is outcome.verdict
    assert task.created_at > BEGIN + timedelta(seconds=20)
    assert timedelta(seconds=60) <= task.ended_at - task.created_at < timedelta(seconds=61)


def test_a_task_that_was_made_late_is_not_missed_too_soon() -> None:
    """ECS may not show it for a minute after it has made it, whenever RunTask was called first."""
    late = replace(SUCCESS, missing_for=30.0)
    world, store = (
        World([late], faults={"LaunchTask": ["throttled"] * 11}),
        Store(new_record(Policy(start_timeout=300))),
    )
    process = Process(world, store, fresh=True)
    while store.record.task_arn is None:
        world.advance_to(process.due)
        process.turn()
    assert world.now > BEGIN + timedelta(seconds=60)
    process.open()

    live(world, process)

    assert Verdict.SUCCEEDED is end_of(process).verdict


# -- the answers of RunTask ------------------------------------------------------------------------------------


def test_a_run_is_named_before_anything_is_said_of_it() -> None:
    """Also while ECS does not place its task: whoever reads on may have to stop it. With its task, again."""
    process = one_life(World([CAPACITY, SUCCESS]), new_record())

    assert ["Started", "Warning", "Started"] == kinds(process.events)[:3]
    arns = [event.task_arn for event in process.events if isinstance(event, Started)]
    assert [None, end_of(process).task_arn] == arns


def test_a_lost_answer_is_asked_for_again_with_the_same_token() -> None:
    """ECS had started the task: there is one."""
    world = World(faults={"LaunchTask": ["lost", "throttled", "unreachable"]})

    process = one_life(world, new_record())

    assert Verdict.SUCCEEDED is end_of(process).verdict
    assert (["1"], 1) == (world.tokens, len(world.tasks))
    assert ["the connection was closed; still trying"] == warnings(process)


def test_the_answer_to_a_repeated_token_is_no_look_at_a_task_that_has_stopped() -> None:
    """ECS gives hardly more than its ARN then; what happened is asked for."""
    quick = replace(SUCCESS, startup=0.1, runs=0.1, deprovisioning=0.1, exit_codes={"main": 3})
    world = World([quick], faults={"LaunchTask": ["lost"]})

    process = one_life(world, new_record())

    assert (Verdict.FAILED, 3) == (end_of(process).verdict, end_of(process).exit_code)
    assert ["Started", "Warning", "Started", "STOPPED", "Finished"] == kinds(process.events)


def test_a_refusal_is_the_end_of_the_run_and_an_error_of_the_tool() -> None:
    """It is stored, and raised instead of told."""
    process = one_life(World(faults={"LaunchTask": ["refused"]}), new_record())

    assert isinstance(process.error, AwsRefusedError)
    assert [] == process.events
    stored = process.course.record.outcome
    assert stored is not None
    assert (Verdict.NEVER_STARTED, "refused", 0) == (stored.verdict, stored.reason, stored.billed_seconds)


def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_runs() -> None:
    """The first call may have started the task: the run stays open, for whoever finds out."""
    world = World(faults={"LaunchTask": ["lost", "refused"]})

    process = one_life(world, new_record())

    assert isinstance(process.error, AwsRefusedError)
    assert (None, True, None) == (
        process.course.record.outcome,
        process.course.record.sent,
        process.course.record.task_arn,
    )
    process.open()
    process.error = None
    live(world, process)
    assert (Verdict.SUCCEEDED, ["1"]) == (end_of(process).verdict, world.tokens)


@pytest.mark.parametrize(
    ("fault", "error", "calls"), [("unreachable", AwsUnreachableError, 5), ("throttled", AwsThrottledError, 12)]
)
def test_no_answer_is_raised_in_the_end(fault: str, error: type[Exception], calls: int) -> None:
    """Five times no answer, or a start window full of requests for patience; the run can be attached to."""
    world = World(faults={"LaunchTask": [fault] * 99})

    process = one_life(world, new_record())

    assert isinstance(process.error, error)
    assert ["LaunchTask"] * calls == world.calls
    assert process.course.record.outcome is None


# -- requests to stop ------------------------------------------------------------------------------------------

EAGER = Policy(attempts=5, on=("failure", "infrastructure", "timeout"), backoff=30)
STOPS = {
    "before anything was sent": (0.0, (), {}, [], Verdict.INTERRUPTED),
    "between two placements": (1.0, (CAPACITY, SUCCESS), {}, ["1"], Verdict.INTERRUPTED),
    "before the container runs": (10.0, (SUCCESS,), {}, ["1"], Verdict.INTERRUPTED),
    "while it runs": (30.0, (SUCCESS,), {}, ["1"], Verdict.INTERRUPTED),
    "after it has failed": (55.0, (exits(1), SUCCESS), {}, ["1"], Verdict.FAILED),
    "after it has succeeded": (55.0, (SUCCESS,), {}, ["1"], Verdict.SUCCEEDED),
    "between two attempts": (80.0, (exits(1), SUCCESS), {}, ["1"], Verdict.INTERRUPTED),
    "in the second attempt": (125.0, (exits(1), FOREVER), {}, ["1", "2"], Verdict.INTERRUPTED),
    "while the answer of RunTask is unknown": (0.3, (FOREVER,), {"LaunchTask": ["lost"]}, ["1"], Verdict.INTERRUPTED),
    "when nothing arrived, but nobody knows": (0.3, (), {"LaunchTask": ["unreachable"]}, [], Verdict.INTERRUPTED),
    "before ECS shows the task": (1.0, (replace(FOREVER, missing_for=9.0),), {}, ["1"], Verdict.INTERRUPTED),
    "while AWS has no time for it": (30.0, (FOREVER,), {"StopTask": ["throttled"] * 3}, ["1"], Verdict.INTERRUPTED),
    "long after the first answer was lost": (
        55.0,
        (FOREVER,),
        {"LaunchTask": ["lost", *["throttled"] * 20], "FindTask": ["throttled"] * 4},
        ["1"],
        Verdict.INTERRUPTED,
    ),
}


@pytest.mark.parametrize(("at", "scripts", "faults", "tokens", "verdict"), STOPS.values(), ids=STOPS)
def test_a_stop_in_any_state_launches_nothing_more_and_leaves_no_task(
    at: float, scripts: tuple[TaskScript | str, ...], faults: dict[str, list[str]], tokens: list[str], verdict: Verdict
) -> None:
    """Whatever the retries say; the first reason stays."""
    world = World(scripts, faults=faults)

    process = one_life(world, new_record(EAGER), stops=((at, INTERRUPTED), (at, f"{STOP} later")))

    assert verdict is end_of(process).verdict
    assert tokens == world.tokens
    assert [] == world.alive
    assert {None, INTERRUPTED} >= {task.stop_reason for task in world.tasks}


def test_a_run_that_is_stopped_between_attempts_is_billed_for_those_that_were() -> None:
    """And is over: nothing of the planned attempt exists."""
    process = one_life(World([exits(1)]), new_record(EAGER), stops=((80.0, INTERRUPTED),))

    outcome = end_of(process)
    assert (Verdict.INTERRUPTED, None, 2, 70) == (
        outcome.verdict,
        outcome.task_arn,
        outcome.attempt,
        outcome.billed_seconds,
    )
    assert [Verdict.FAILED] == [one.verdict for one in outcome.earlier]


def test_a_stop_of_a_launch_that_nobody_knows_waits_until_ecs_would_show_the_task() -> None:
    """One look is not enough: a young task may not be listed yet."""
    late = replace(FOREVER, missing_for=40.0)
    world = World([late], faults={"LaunchTask": ["lost"]})

    process = one_life(world, new_record(EAGER), stops=((0.3, INTERRUPTED),))

    assert Verdict.INTERRUPTED is end_of(process).verdict
    assert [] == world.alive
    assert INTERRUPTED == world.tasks[0].stop_reason
    assert 35 < world.calls.count("FindTask") < 45


# -- the bill that nobody waits for ----------------------------------------------------------------------------


def test_without_waiting_for_the_bill_the_run_ends_when_its_verdict_is_certain() -> None:
    """Twenty seconds earlier; what it costs is not known, and not guessed."""
    world = World()

    process = one_life(world, new_record(), manner=Manner(logs=False, wait_bill=False))

    outcome = end_of(process)
    assert (Verdict.SUCCEEDED, 0, None, None) == (
        outcome.verdict,
        outcome.exit_code,
        outcome.billed_seconds,
        outcome.cost_usd,
    )
    assert timedelta(seconds=50) <= world.now - BEGIN < timedelta(seconds=57)
    assert "STOPPED" not in kinds(process.events)


def test_one_unknown_bill_makes_the_whole_unknown() -> None:
    """The sum of the others would be a guess."""
    world = World([exits(75), SUCCESS])

    process = one_life(world, new_record(Policy(attempts=2, on=(75,))), manner=Manner(logs=False, wait_bill=False))

    outcome = end_of(process)
    assert (None, None) == (outcome.billed_seconds, outcome.cost_usd)
    assert not any(world.crowds)


def test_the_bill_is_waited_for_without_haste_past_the_timeout() -> None:
    """A timeout that passes after the container's end is no reason to ask all the time."""
    process = one_life(World(), new_record(timeout=55))

    assert (Verdict.SUCCEEDED, 70) == (end_of(process).verdict, end_of(process).billed_seconds)
    assert one_life(World(), new_record()).turns == process.turns


# -- the log ---------------------------------------------------------------------------------------------------


def test_the_log_is_read_and_its_gaps_are_warned_of_once() -> None:
    """Not with every attempt."""
    sources = (LogSource(container="main", group="/jobs", prefix="etl", caution="lines may be dropped"),)

    process = one_life(
        World([exits(75), SUCCESS]), new_record(Policy(attempts=2, on=(75,)), logs=sources), manner=Manner()
    )

    assert ["Started", "Warning", "PROVISIONING"] == kinds(process.events)[:3]
    assert ["lines may be dropped"] == warnings(process)
    assert LogReport(complete=True, events=0) == end_of(process).logs


@pytest.mark.parametrize("launched", [False, True])
def test_what_was_read_of_earlier_logs_is_in_the_outcome(launched: bool) -> None:  # noqa: FBT001  a parameter
    """Whether the next attempt runs already, or is still to be launched."""
    world, store = World(), Store(planned_second())
    process = Process(world, store)
    for _ in range(2 if launched else 0):
        process.turn()
    assert launched == process.course.launched

    process.course.know_earlier([earlier_failure(logs=LogReport(complete=True, events=7))])
    live(world, process)

    (first,) = end_of(process).earlier
    assert LogReport(complete=True, events=7) == first.logs
    assert 7 == end_of(process).logs.events
