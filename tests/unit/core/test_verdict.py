"""How a run ended: one row per case of the stopped task."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jobrunner.core.lifecycle import ContainerSnapshot, TaskSnapshot
from jobrunner.core.outcome import Verdict
from jobrunner.core.verdict import INTERRUPT, STOP, TIMEOUT, Judgement, judge

STARTED = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
EXITED = "Essential container in task exited"


def stopped(
    exit_code: int | None = None,
    *,
    code: str | None = "EssentialContainerExited",
    reason: str | None = EXITED,
    container_reason: str | None = None,
    started: bool = True,
    others: tuple[ContainerSnapshot, ...] = (),
) -> TaskSnapshot:
    """A stopped task; by default its essential container exited."""
    main = ContainerSnapshot(name="main", last_status="STOPPED", exit_code=exit_code, reason=container_reason)
    return TaskSnapshot(
        task_arn="arn",
        last_status="STOPPED",
        stop_code=code,
        stopped_reason=reason,
        started_at=STARTED if started else None,
        containers=(*others, main),
    )


CASES = {
    "exit 0": (stopped(0), Verdict.SUCCEEDED, "exit", 0),
    "exit 3": (stopped(3), Verdict.FAILED, "exit", 3),
    "sidecar failed, job did not": (
        stopped(0, others=(ContainerSnapshot(name="proxy", exit_code=1),)), Verdict.SUCCEEDED, "exit", 0
    ),
    "sidecar fine, job failed": (
        stopped(1, others=(ContainerSnapshot(name="aws-guardduty-agent-x", exit_code=0),)), Verdict.FAILED, "exit", 1
    ),
    "no exit code after the start": (stopped(None), Verdict.LOST, "no_exit_code", None),
    "memory kill with 137": (
        stopped(137, container_reason="OutOfMemoryError: Container killed due to memory usage"),
        Verdict.OUT_OF_MEMORY, "out_of_memory", 137,
    ),
    "memory kill with 0": (
        stopped(0, container_reason="OutOfMemoryError: container killed"), Verdict.OUT_OF_MEMORY, "out_of_memory", 0
    ),
    "137 without a reason is no memory kill": (stopped(137), Verdict.FAILED, "exit", 137),
    "our timeout": (
        stopped(143, code="UserInitiated", reason=f"{TIMEOUT} after 2h"), Verdict.TIMED_OUT, "timeout", 143
    ),
    "our timeout, and the job ended well": (
        stopped(0, code="UserInitiated", reason=f"{TIMEOUT} after 2h"), Verdict.TIMED_OUT, "timeout", 0
    ),
    "our timeout came after the end": (stopped(0, reason=f"{TIMEOUT} after 2h"), Verdict.SUCCEEDED, "exit", 0),
    "our interrupt, no stop code": (
        stopped(None, code=None, reason=f"{INTERRUPT} by SIGINT"), Verdict.INTERRUPTED, "interrupt", None
    ),
    "our stop": (stopped(143, code="UserInitiated", reason=f"{STOP} by request"), Verdict.STOPPED, "user", 143),
    "somebody's stop": (stopped(0, code="UserInitiated", reason="maintenance"), Verdict.STOPPED, "user", 0),
    "somebody's stop without a word": (stopped(0, code="UserInitiated", reason=None), Verdict.STOPPED, "user", 0),
    "spot": (
        stopped(143, code="SpotInterruption", reason="Your Spot Task was interrupted."),
        Verdict.STOPPED, "spot_interruption", 143,
    ),
    "spot, old word, exit 0": (stopped(0, code="TerminationNotice"), Verdict.STOPPED, "spot_interruption", 0),
    "retirement": (
        stopped(
            0, code="ServiceSchedulerInitiated2",
            reason="ECS is performing maintenance on the underlying infrastructure hosting the task",
        ),
        Verdict.STOPPED, "task_retirement", 0,
    ),
    "service scheduler": (stopped(0, code="ServiceSchedulerInitiated"), Verdict.STOPPED, "service_scheduler", 0),
    "image pull": (
        stopped(None, code="TaskFailedToStart", reason="CannotPullContainerError: not found", started=False),
        Verdict.NEVER_STARTED, "image_pull", None,
    ),
    "container cannot start, said by the container": (
        stopped(
            None, code="TaskFailedToStart", reason="Task failed to start", started=True,
            container_reason="CannotStartContainerError: no such file",
        ),
        Verdict.NEVER_STARTED, "cannot_start_container", None,
    ),
    "log group missing": (
        stopped(None, code="TaskFailedToStart", reason="ResourceInitializationError: failed", started=False),
        Verdict.NEVER_STARTED, "resource_initialization", None,
    ),
    "network interface": (
        stopped(None, code=None, reason="Timeout waiting for network interface provisioning to", started=False),
        Verdict.NEVER_STARTED, "network_interface", None,
    ),
    "nothing is said": (
        stopped(None, code=None, reason=None, started=False), Verdict.NEVER_STARTED, "task_failed_to_start", None
    ),
    "unknown stop code, no exit code": (stopped(None, code="Martian", reason="?"), Verdict.LOST, "no_exit_code", None),
    "unknown stop code, exit 0": (stopped(0, code="Martian", reason="?"), Verdict.SUCCEEDED, "exit", 0),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_case_of_a_stopped_task(case: str) -> None:
    """The verdict, the word for the cause and the exit code of the job's own container."""
    task, verdict, reason, exit_code = CASES[case]

    judged = judge(task, "main")

    assert (verdict, reason, exit_code) == (judged.verdict, judged.reason, judged.exit_code)
    assert judged.detail


def test_a_job_container_that_is_not_there_never_started() -> None:
    """The exit code of another container is not the job's."""
    task = stopped(0, started=False)

    assert judge(task, "other").verdict is Verdict.NEVER_STARTED


def test_every_success_has_exit_code_0_of_the_job_itself() -> None:
    """Promise 2, over all cases."""
    successes = [judge(task, "main") for task, *_ in CASES.values()]

    assert {0} == {one.exit_code for one in successes if one.verdict is Verdict.SUCCEEDED}


@pytest.mark.parametrize(
    ("exit_code", "detail"),
    [(1, "exit code 1"), (127, "exit code 127 (the command was not found)"), (139, "exit code 139 (crashed: SIGSEGV)")],
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
