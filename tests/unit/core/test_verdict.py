"""How a run ended: the table of cases, and what holds for all snapshots."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots import EXIT_CODES, EXITED_CODE, REASON, snapshots
from verdict_cases import CASES, EXITED, GUARD, MEMORY, PULL, SPOT, Case, container, failed, stopped

from jobrunner.core.lifecycle import (
    DEACTIVATING,
    DEPROVISIONING,
    PENDING,
    RUNNING,
    STOPPING,
    ContainerSnapshot,
    TaskSnapshot,
)
from jobrunner.core.outcome import Verdict
from jobrunner.core.stops import DID_NOT_START, REPLACED
from jobrunner.core.verdict import (
    FAIL_FAST,
    INTERRUPT,
    REASONS,
    START_TIMEOUT,
    STOP,
    TIMEOUT,
    Judgement,
    certain,
    injected,
    judge,
    stopped_by,
)

TOLD = "exit code 143 (ended by SIGTERM): ECS stopped the job's container"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.case)
def test_each_case_of_a_stopped_task(case: Case) -> None:
    """The verdict, the word for the cause, the exit code of the job's own container, and whether a retry may help."""
    judged = judge(case.task, "main")

    expected = (case.verdict, case.reason, case.exit_code, case.transient)
    assert expected == (judged.verdict, judged.reason, judged.exit_code, judged.transient)
    assert judged.detail


def test_the_table_has_every_word() -> None:
    """No word of a judgement is without a case, and no case has a word that is not listed."""
    assert {case.reason for case in CASES} == REASONS
    assert len(CASES) == len({case.case for case in CASES})


def test_a_job_container_that_is_not_there_never_started() -> None:
    """The exit code of another container is not the job's."""
    task = stopped(0, started=False)

    assert judge(task, "other").verdict is Verdict.NEVER_STARTED


def test_every_success_has_exit_code_0_of_the_job_itself() -> None:
    """Promise 2, over all cases."""
    successes = [judge(case.task, "main") for case in CASES]

    assert {0} == {one.exit_code for one in successes if one.verdict is Verdict.SUCCEEDED}


@pytest.mark.parametrize(
    ("exit_code", "detail"),
    [
        (1, "exit code 1"),
        (127, "exit code 127 (the command was not found)"),
        (132, "exit code 132 (crashed: SIGILL)"),
        (139, "exit code 139 (crashed: SIGSEGV)"),
    ],
)
def test_known_exit_codes_are_explained(exit_code: int, detail: str) -> None:
    """By the shell's conventions."""
    assert detail == judge(stopped(exit_code), "main").detail


def test_details_repeat_ecs_own_words_once() -> None:
    """The task's reason and the container's are joined, and not doubled."""
    both = stopped(None, code="TaskFailedToStart", reason="CannotPullX: a", container_reason="b", started=False)
    same = stopped(None, code="TaskFailedToStart", reason="CannotPullX: a", container_reason="CannotPullX: a")

    assert judge(both, "main") == Judgement(
        verdict=Verdict.NEVER_STARTED, reason="image_pull", exit_code=None, detail="CannotPullX: a / b"
    )
    assert judge(same, "main").detail == "CannotPullX: a"


@pytest.mark.parametrize(
    ("task", "detail"),
    [
        (
            failed("Task failed to start", containers=(container("db", 1, f"{PULL}no"), container("main"))),
            "Task failed to start / db: CannotPullContainerError: no",
        ),
        (
            failed("Task failed to start", containers=(container("db", 2), container("main"))),
            "Task failed to start: the sidecar db failed (exit code 2)",
        ),
        (
            stopped(143, others=(container("db", 2, MEMORY),)),
            f"{TOLD}, most likely because the sidecar db failed first (exit code 2, {MEMORY})",
        ),
        (
            stopped(0, code="Martian", reason="?"),
            "ECS stopped the task, and exit code 0 does not show that the job was done: Martian: ?",
        ),
        (stopped(None, code=None, reason=None), "the job's container has no exit code: its host was lost"),
        (stopped(1, code="UserInitiated", reason=None), "stopped from outside: no reason given"),
        (
            stopped(None, code="SpotInterruption", reason=SPOT, started=False),
            f"AWS took the Spot capacity back, before the job's container had started: {SPOT}",
        ),
        (
            stopped(1, code="InfrastructureHealth", reason=None),
            "AWS stopped the task for the health of the infrastructure under it",
        ),
        (failed(None), "the task stopped before the job's container started, and ECS gave no reason"),
        (failed(None, stop_code=None, containers=(container("app"),)), "the task has no container named main"),
    ],
)  # fmt: skip
def test_details_name_the_cause(task: TaskSnapshot, detail: str) -> None:
    """In a sentence that names the container, and ECS's own words."""
    assert detail == judge(task, "main").detail


def test_what_aws_adds_to_a_task_is_known_by_its_name() -> None:
    """GuardDuty's agent is no container of the job."""
    assert [True, False] == [injected(GUARD), injected(container("main"))]


@pytest.mark.parametrize(
    ("reason", "verdict", "word", "detail", "transient"),
    [
        (f"{STOP} by request", Verdict.STOPPED, "user", "stopped by request", False),
        (FAIL_FAST, Verdict.STOPPED, "fail_fast", "stopped with the others", False),
        (f"{REPLACED} by the next", Verdict.STOPPED, "replaced", "replaced by the next", False),
        (f"{INTERRUPT} by SIGINT", Verdict.INTERRUPTED, "interrupt", "interrupted by SIGINT", False),
        (f"{TIMEOUT} after 2h", Verdict.TIMED_OUT, "timeout", "timed out after 2h", False),
        (f"{START_TIMEOUT} within 5m", Verdict.NEVER_STARTED, "start_timeout", "did not start within 5m", True),
        ("enough", Verdict.STOPPED, "user", "enough", False),
    ],
)
def test_a_launch_that_is_given_up_ends_as_its_task_would_have(
    reason: str, verdict: Verdict, word: str, detail: str, *, transient: bool
) -> None:
    """With the reason that StopTask would have been told, and no exit code."""
    expected = Judgement(verdict=verdict, reason=word, exit_code=None, detail=detail, transient=transient)

    assert expected == stopped_by(reason)


# -- what holds for all snapshots -----------------------------------------------------------------------------------


@settings(max_examples=500)
@given(task=snapshots())
def test_every_snapshot_is_judged_with_a_known_word(task: TaskSnapshot) -> None:
    """Whatever is missing, there is a verdict with a reason and a sentence, and never an exception."""
    judged = judge(task, "main")

    assert judged.reason in REASONS
    assert judged.detail


def is_memory(text: str | None) -> bool:
    """Whether ECS speaks of the memory."""
    return any(word in (text or "").lower() for word in ("outofmemory", "due to memory", "oom-killed"))


@settings(max_examples=500)
@given(task=snapshots())
def test_a_run_succeeded_if_its_container_ended_by_itself_with_0_and_only_then(task: TaskSnapshot) -> None:
    """Exit code 0, an end by itself, no word of memory, AWS, or a container that could not start."""
    own, said = task.container("main"), task.stopped_reason or ""
    by_itself = task.stop_code == EXITED_CODE or (task.stop_code is None and (not said or said.startswith(EXITED)))
    by_aws = any(part in said.lower() for part in ("performing maintenance on the underlying infrastructure",
                                                   "host ec2 (instance", "spot task was interrupted"))  # fmt: skip
    expected = (
        own is not None
        and own.exit_code == 0
        and by_itself
        and not by_aws
        and not is_memory(own.reason)
        and not is_memory(said)
        and not (own.reason or "").startswith(("CannotPull", "CannotStart", "CannotCreate"))
    )

    assert expected == (judge(task, "main").verdict is Verdict.SUCCEEDED)


@settings(max_examples=500)
@given(task=snapshots(), ends=st.tuples(EXIT_CODES, REASON))
def test_other_containers_never_change_the_verdict(task: TaskSnapshot, ends: tuple[int | None, str | None]) -> None:
    """They may be named as the cause, in reason and detail; verdict and exit code are the job's own."""
    others = tuple(
        one if one.name == "main" else replace(one, exit_code=ends[0], reason=ends[1]) for one in task.containers
    )
    before, after = judge(task, "main"), judge(replace(task, containers=others), "main")

    assert (before.verdict, before.exit_code) == (after.verdict, after.exit_code)


@settings(max_examples=500)
@given(task=snapshots(), ends=st.tuples(EXIT_CODES, REASON))
def test_injected_containers_decide_nothing(task: TaskSnapshot, ends: tuple[int | None, str | None]) -> None:
    """Verdict, reason, exit code and transience stay; only the sentence may quote them."""
    others = tuple(replace(one, exit_code=ends[0], reason=ends[1]) if injected(one) else one for one in task.containers)
    before, after = judge(task, "main"), judge(replace(task, containers=others), "main")

    assert replace(before, detail="") == replace(after, detail="")


# -- before STOPPED -------------------------------------------------------------------------------------------------


@st.composite
def lives(draw: st.DrawFn) -> tuple[TaskSnapshot, TaskSnapshot]:
    """A task on its way down, and the same task when it is STOPPED.

    A container's end comes whole, with its exit code and its reason; the reason of a killed one may come later, and
    one that could not start was not killed. The
    stop code and the stopped reason come together or one after the other, and stay.
    """
    late = draw(snapshots())
    rarely = st.sampled_from([False, False, False, True])

    def earlier(one: ContainerSnapshot) -> ContainerSnapshot:
        if draw(rarely):
            return ContainerSnapshot(name=one.name, last_status=draw(st.sampled_from([None, PENDING, RUNNING])))
        killed = one.exit_code == 137 and not (one.reason or "").startswith(DID_NOT_START)
        return replace(one, reason=draw(st.sampled_from([None, one.reason]))) if killed else one

    early = replace(
        late,
        last_status=draw(st.sampled_from([None, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING])),
        stop_code=None if draw(rarely) else late.stop_code,
        stopped_reason=None if draw(rarely) else late.stopped_reason,
        containers=tuple(map(earlier, late.containers)),
    )
    return early, late


@settings(max_examples=500)
@given(life=lives())
def test_what_is_certain_is_what_is_judged_at_the_end(life: tuple[TaskSnapshot, TaskSnapshot]) -> None:
    """A judgement before STOPPED never differs from that of the STOPPED task, in no field."""
    early, late = life
    known = certain(early, "main")

    assert known in {None, judge(late, "main")}


@given(task=snapshots())
def test_a_stopped_task_is_always_certain(task: TaskSnapshot) -> None:
    """There is nothing left to come."""
    assert judge(task, "main") == certain(task, "main")


def ending(exit_code: int | None = 0, **fields: object) -> TaskSnapshot:
    """A Fargate task whose containers have ended and whose network interface has not gone yet."""
    return replace(stopped(exit_code), **({"last_status": DEPROVISIONING} | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("task", "verdict"),
    [
        (ending(0), Verdict.SUCCEEDED),
        (ending(3), Verdict.FAILED),
        (ending(0, last_status=RUNNING), Verdict.SUCCEEDED),
        (ending(143, stop_code="UserInitiated", stopped_reason=f"{TIMEOUT} after 2h"), Verdict.TIMED_OUT),
        (ending(137, stop_code="SpotInterruption", stopped_reason=SPOT), Verdict.STOPPED),
        (ending(0, containers=(container("main", 137, MEMORY),)), Verdict.OUT_OF_MEMORY),
    ],
)
def test_an_end_is_certain_as_soon_as_ecs_says_why(task: TaskSnapshot, verdict: Verdict) -> None:
    """On Fargate that is some 20 seconds before STOPPED."""
    judged = certain(task, "main")

    assert judged is not None
    assert verdict is judged.verdict


@pytest.mark.parametrize(
    "task",
    [
        ending(0, desired_status=RUNNING),
        ending(0, stop_code=None),
        ending(0, stopped_reason=None),
        ending(0, stop_code="Martian"),
        ending(None),
        ending(0, containers=(ContainerSnapshot(name="main", last_status=RUNNING, exit_code=0),)),
        ending(0, containers=()),
        ending(137),
        ending(143),
        ending(127, containers=(container("main", 127, "CannotStartContainerError: x"),)),
        ending(None, stop_code="TaskFailedToStart", stopped_reason=f"{PULL}not found"),
    ],
    ids=["not going down", "no stop code", "no reason", "unknown stop code", "no exit code", "not stopped",
         "not shown", "killed", "told to stop", "could not start", "failed to start"],
)  # fmt: skip
def test_any_doubt_waits_for_the_end(task: TaskSnapshot) -> None:
    """Something could still come that changes the judgement."""
    assert certain(task, "main") is None
