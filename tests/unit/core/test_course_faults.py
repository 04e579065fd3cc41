"""The promises of a course under any sequence of faults, crashes and requests to stop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from course_process import Process, Store
from course_world import (
    CAPACITY,
    GUARDED,
    HOST_LOST,
    INTERRUPTED,
    NEVER_RAN,
    NO_IMAGE,
    OUT_OF_MEMORY,
    QUIET,
    SPOT_LOST,
    SUCCESS,
    World,
    exits,
    new_record,
)
from hypothesis import event, given, settings
from hypothesis import strategies as st

from jobrunner.core.billing import billed_seconds
from jobrunner.core.course import Launches
from jobrunner.core.events import Finished
from jobrunner.core.outcome import Verdict
from jobrunner.core.retry import ON_DEMAND, SPOT, SPOT_THEN_ON_DEMAND, Policy
from jobrunner.core.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.core.course import Manner
    from jobrunner.core.outcome import Outcome
    from jobrunner.testing import TaskScript

tasks = st.builds(
    replace,
    st.sampled_from([SUCCESS, exits(1), exits(75), SPOT_LOST, HOST_LOST, NEVER_RAN, NO_IMAGE, OUT_OF_MEMORY]),
    startup=st.sampled_from([0.2, 5.0, 40.0, 500.0]),
    runs=st.sampled_from([0.5, 20.0, 300.0]),
    deprovisioning=st.sampled_from([0.1, 20.0]),
    missing_for=st.sampled_from([0.0, 3.0, 30.0]),
    stop_takes=st.sampled_from([0.0, 10.0]),
)
scripts = st.lists(tasks | st.just(CAPACITY) | st.just("RESOURCE:ENI"), max_size=8)
passing = st.lists(st.sampled_from(["ok", "throttled", "unreachable", "lost"]), max_size=8)
any_fault = st.lists(st.sampled_from(["ok", "throttled", "unreachable", "lost", "refused"]), max_size=4)
faults = st.fixed_dictionaries(
    {
        "LaunchTask": passing,
        "FindTask": passing,
        "DescribeTask": passing,
        "StopTask": passing,
        "SetDeadline": any_fault,
        "ClearDeadline": any_fault,
    }
)
policies = st.builds(
    Policy,
    attempts=st.integers(1, 3),
    backoff=st.sampled_from([0, 10]),
    on=st.lists(
        st.sampled_from([75, "failure", "infrastructure", "spot", "out_of_memory", "timeout"]), unique=True
    ).map(tuple),
    start_timeout=st.sampled_from([None, None, 30, 100]),
    capacity=st.sampled_from([ON_DEMAND, SPOT, SPOT_THEN_ON_DEMAND]),
)
manners = st.builds(replace, st.sampled_from([QUIET, GUARDED]), wait_bill=st.booleans())
crashes = st.dictionaries(
    st.integers(1, 60), st.sampled_from(["unasked", "unanswered", "unstored", "stored"]), max_size=4
)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What happens to a run.

    Attributes:
        policy: What it does about failures.
        timeout: Of each attempt.
        manner: How it is followed.
        scripts: What becomes of each launch.
        faults: What becomes of calls.
        crashes: In which turns the process dies, and where in the turn; another one goes on at once.
        stop: When the user asks for the stop, in seconds; each process after a crash is asked again.
    """

    policy: Policy
    timeout: int | None
    manner: Manner
    scripts: list[TaskScript | str]
    faults: dict[str, list[str]]
    crashes: dict[int, str]
    stop: float | None


troubles = st.builds(
    Trouble,
    policy=policies,
    timeout=st.sampled_from([None, None, 60, 1_000]),
    manner=manners,
    scripts=scripts,
    faults=faults,
    crashes=crashes,
    stop=st.none() | st.floats(0.0, 200.0) | st.floats(0.0, 2_000.0),
)


@dataclass
class Followed:
    """What became of it.

    Attributes:
        world: Where.
        followers: The processes that followed it to its end.
        tokens_at_stop: How many tokens ECS had taken when the stop was asked for; None if it was not.
    """

    world: World
    followers: list[Process]
    tokens_at_stop: int | None = None


def follow(
    trouble: Trouble,
    *,
    joins: float | None = None,
    both_stop: bool = False,
    sleeps: Mapping[int, float] = MappingProxyType({}),
) -> Followed:
    """Follow a run through its trouble to its end.

    Args:
        trouble: What befalls it; crashes befall the first process.
        joins: When a second process attaches, in seconds, or as soon as it can then; None for never.
        both_stop: Whether the stop is asked of both, and not only of the first.
        sleeps: In which turns of the first process the machine sleeps, and for how many seconds.
    """
    world = World(trouble.scripts, trouble.faults)
    store = Store(new_record(trouble.policy, timeout=trouble.timeout))
    first = Process(world, store, manner=trouble.manner, fresh=True)
    run = Followed(world, [first])
    stop = trouble.stop
    for _ in range(40_000):
        for process in run.followers:
            process.attach_again()
        active = [process for process in run.followers if not process.over]
        if not active:
            return run
        process = min(active, key=lambda one: one.due)
        if joins is not None and world.at(joins) <= process.due and store.settled:
            world.advance_to(world.at(joins))
            joins = None
            run.followers.append(Process(world, store, manner=replace(trouble.manner, launches=Launches.DUE)))
        elif stop is not None and world.at(stop) <= process.due:
            world.advance_to(world.at(stop))
            stop, run.tokens_at_stop = None, len(world.tokens)
            for one in run.followers if both_stop else [first]:
                one.stop(INTERRUPTED)
        else:
            turn = process.turns + 1 if process is first else 0
            world.advance_to(process.due)
            process.turn(crash=trouble.crashes.get(turn), sleep=sleeps.get(turn, 0.0))
    raise AssertionError("the run never ended")


@settings(max_examples=250)
@given(troubles)
def test_whatever_happens_the_promises_are_kept(trouble: Trouble) -> None:
    """Started once, stopped for good, ended always, and told truly."""
    run = follow(trouble)
    (process,) = run.followers
    event(f"{len(run.world.tasks)} tasks")

    check_world(run.world)
    assert run.tokens_at_stop in {None, len(run.world.tokens)}, "nothing is launched after a request to stop"
    assert sum(isinstance(one, Finished) for one in process.events) <= 1
    assert process.course.record.guard is None
    assert process.outcome is not None
    check_outcome(trouble, run.world, process.outcome)


@settings(max_examples=150)
@given(trouble=troubles, joins=st.floats(0.0, 400.0), both_stop=st.booleans())
def test_whatever_happens_two_processes_that_follow_one_run_agree(
    trouble: Trouble, joins: float, *, both_stop: bool
) -> None:
    """Each launch is made once, both tell the same end, and a stop of one of them is the end for both."""
    run = follow(trouble, joins=joins, both_stop=both_stop)

    check_world(run.world)
    assert 1 == len({told(one) for one in run.followers})


@settings(max_examples=100)
@given(
    trouble=troubles,
    sleeps=st.dictionaries(st.integers(1, 40), st.sampled_from([90.0, 4_000.0, 20_000.0]), min_size=1, max_size=2),
)
def test_a_machine_that_sleeps_starts_nothing_twice_and_knows_what_it_does_not_know(
    trouble: Trouble, sleeps: dict[int, float]
) -> None:
    """ECS forgets tokens and tasks meanwhile: what cannot be known any more is lost, and never told otherwise."""
    run = follow(trouble, sleeps=sleeps)
    (process,) = run.followers

    check_world(run.world)
    assert process.outcome is not None
    tasks_told = {one.task_arn: one for one in (*process.outcome.earlier, process.outcome)}
    for task in run.world.tasks:
        told_of_it = tasks_told.get(task.arn, process.outcome)
        truth = judge(task.snapshot(task.stopped_at), "main").verdict
        assert told_of_it.verdict in {truth, Verdict.LOST}
        assert told_of_it.verdict is not Verdict.LOST or truth is Verdict.LOST or told_of_it.billed_seconds is None


def check_world(world: World) -> None:
    """What a user may rely on at AWS."""
    assert len(set(world.tokens)) == len(world.tokens), "a token starts one task"
    assert not any(world.crowds), "no task is started beside another that runs"
    assert [] == [task for task in world.tasks if task.ended_at > world.now], "no task is left behind"


def check_outcome(trouble: Trouble, world: World, outcome: Outcome) -> None:
    """The outcome is that of the last task, and knows of every other one."""
    all_of_it = (*outcome.earlier, outcome)
    tasks_told = {one.task_arn: one for one in all_of_it if one.task_arn is not None}
    assert [task.arn for task in world.tasks] == list(tasks_told)
    assert {one.verdict for one in all_of_it if one.task_arn is None} <= {Verdict.NEVER_STARTED, Verdict.INTERRUPTED}
    for task in world.tasks:
        assert judge(task.snapshot(task.stopped_at), "main").verdict is tasks_told[task.arn].verdict
    bill = sum(billed_seconds(task.snapshot(task.stopped_at)) or 0 for task in world.tasks)
    assert outcome.billed_seconds in ({bill} if trouble.manner.wait_bill else {bill, None})
    ran = sum(one.verdict is not Verdict.NEVER_STARTED for one in tasks_told.values())
    assert ran <= trouble.policy.attempts + (trouble.policy.capacity == SPOT_THEN_ON_DEMAND)


def told(process: Process) -> tuple[object, ...]:
    """What two processes agree on; who saw STOPPED first may know a bill that the other did not wait for."""
    outcome = process.outcome
    assert outcome is not None
    return tuple((one.verdict, one.reason, one.attempt, one.task_arn) for one in (*outcome.earlier, outcome))
