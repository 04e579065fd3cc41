"""Tasks that do not start, that are stopped from outside, and that end without the truth about it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, get_args

import pytest
from endpoint_jobs import Jobs, container, exit_codes, of_run, until

from jobrunner.local.faults import (
    Fault,
    FaultBook,
    HostTerminated,
    NoExitCode,
    OutOfMemory,
    SlowStart,
    SlowStop,
    SpotInterruption,
    TaskFailedToStart,
    TaskRetirement,
)
from jobrunner.local.faults.start_up import _Cause

if TYPE_CHECKING:
    from pathlib import Path

SPOT = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


def script(text: str, name: str = "main", **members: Any) -> dict[str, Any]:
    """A container that runs a shell script; what the shell says of signals is not in its log."""
    return container("sh", "-c", f"exec 2>/dev/null; {text}", name=name, stopTimeout=2, **members)


#: A container that says "up" when it can be stopped, and ends with 9 when it is.
POLITE = script("trap 'echo stopped; exit 9' TERM; echo up; while :; do sleep 0.05; done")


def ended(task: dict[str, Any]) -> tuple[str | None, str | None]:
    """The stop code and the stopped reason."""
    return task.get("stopCode"), task.get("stoppedReason")


# -- tasks that do not start -----------------------------------------------------------------------------------

CAUSES = {
    "image-not-found": ("CannotPullContainerError", "example.com/none: not found"),
    "image-access-denied": ("CannotPullContainerError", "pull access denied for example.com/none"),
    "image-rate-limit": ("CannotPullContainerError", "toomanyrequests"),
    "image-timeout": ("CannotPullContainerError", "i/o timeout"),
    "image-platform": ("CannotPullContainerError", "matching platform"),
    "eni-timeout": ("Timeout waiting for network interface provisioning to complete.", ""),
    "eni-no-address": ("Unexpected EC2 error while attempting to Create Network Interface", "subnet-"),
    "log-group-missing": ("ResourceInitializationError", "The specified log group does not exist"),
    "secret-access-denied": ("ResourceInitializationError: unable to pull secrets or registry auth", "AccessDenied"),
    "cannot-start-container": ("CannotStartContainerError", "runc create failed"),
}


def test_every_cause_is_tried() -> None:
    """No cause is left out below."""
    assert set(get_args(_Cause)) == set(CAUSES)


@pytest.mark.parametrize("cause", CAUSES)
def test_failed_to_start(jobs: Jobs, faults: FaultBook, cause: Any) -> None:
    """The task stops in ECS's words, and nothing of it ran; the pull is billed once it has begun."""
    (order,) = faults.order(TaskFailedToStart(cause=cause))
    task = jobs.run(script("echo never"))
    begins, holds = CAUSES[cause]
    assert "TaskFailedToStart" == task["stopCode"]
    assert (True, True) == (task["stoppedReason"].startswith(begins), holds in task["stoppedReason"])
    assert ({"main": None}, [], 1) == (exit_codes(task), jobs.lines(task), order.struck)
    pulled = begins == "CannotPullContainerError"
    assert (pulled or cause == "cannot-start-container") == ("pullStartedAt" in task)
    assert pulled == (task["containers"][0].get("reason") == task["stoppedReason"])
    assert set() == {"startedAt", "executionStoppedAt"} & task.keys()
    assert ("connectivityAt" in task) == (not cause.startswith("eni"))


def test_failed_to_start_for_any_reason(jobs: Jobs, faults: FaultBook) -> None:
    """Any reason, in any status of the start-up."""
    faults.order(TaskFailedToStart(reason="CannotCreateVolumeError: no", at="PROVISIONING"))
    task = jobs.run(script("echo never"))
    assert ("TaskFailedToStart", "CannotCreateVolumeError: no") == ended(task)
    assert "connectivityAt" not in task


@pytest.mark.parametrize("status", ["PROVISIONING", "PENDING", "ACTIVATING"])
def test_stuck(jobs: Jobs, faults: FaultBook, status: Any) -> None:
    """A task that never starts stays where it is until somebody stops it."""
    (order,) = faults.order(SlowStart(at=status))
    arn = jobs.start(script("echo never"))
    until(lambda: order.struck)
    assert (status, "RUNNING") == ((task := jobs.describe(arn))["lastStatus"], task["desiredStatus"])
    jobs.stop(arn, reason="it does not start")
    task = jobs.reach(arn, "STOPPED")
    assert (("UserInitiated", "it does not start"), {"main": None}) == (ended(task), exit_codes(task))


def test_slow_start(jobs: Jobs, faults: FaultBook) -> None:
    """A start-up takes longer, in the status that it was ordered for, and the job runs then."""
    faults.order(SlowStart(at="ACTIVATING", seconds=0.4))
    task = jobs.run(script("echo ran"))
    assert (task["startedAt"] - task["pullStoppedAt"]).total_seconds() >= 0.4
    assert ["ran"] == jobs.lines(task)


def test_slow_start_and_misfortune(jobs: Jobs, faults: FaultBook) -> None:
    """A task may get a slow start and a misfortune: of each group one."""
    orders = faults.order(SlowStart(seconds=0.2), TaskFailedToStart(cause="image-timeout"), SlowStop(seconds=0.2))
    task = jobs.run(script("echo never"))
    assert "TaskFailedToStart" == task["stopCode"]
    assert [1, 1, 1] == [order.struck for order in orders]


def test_slow_stop(jobs: Jobs, faults: FaultBook) -> None:
    """The container has ended and its exit code is known, but the task takes its time to be STOPPED."""
    faults.order(SlowStop(seconds=0.5))
    arn = jobs.start(script("exit 3"))
    assert {"main": 3} == exit_codes(jobs.reach(arn, "DEPROVISIONING"))
    task = jobs.reach(arn, "STOPPED")
    assert (task["stoppedAt"] - task["executionStoppedAt"]).total_seconds() >= 0.5


# -- tasks that are stopped from outside -----------------------------------------------------------------------


def test_spot_interruption(jobs: Jobs, faults: FaultBook, tmp_path: Path) -> None:
    """The warning is seen while the task is RUNNING, with SIGTERM; the container may end as it likes."""
    go = tmp_path / "go"
    wait = f"echo warned; until [ -e {go} ]; do sleep 0.02; done; exit 4"
    text = f"trap '{wait}' TERM; echo up; while :; do sleep 0.05; done"
    (order,) = faults.order(SpotInterruption(line="up"))
    arn = jobs.start({**script(text), "stopTimeout": 60}, capacityProviderStrategy=SPOT)
    until(lambda: ["up", "warned"] == jobs.lines(arn))
    task = jobs.describe(arn)
    assert ("RUNNING", "STOPPED") == (task["lastStatus"], task["desiredStatus"])
    assert ("SpotInterruption", "Your Spot Task was interrupted.") == ended(task)
    go.touch()
    task = jobs.reach(arn, "STOPPED")
    assert ({"main": 4}, 1) == (exit_codes(task), order.struck)
    assert ("SpotInterruption", "Your Spot Task was interrupted.") == ended(task)
    assert task["stoppingAt"] <= task["executionStoppedAt"] <= task["stoppedAt"]


def test_spot_interruption_ends_with_sigkill(jobs: Jobs, faults: FaultBook) -> None:
    """A container that does not heed the warning is killed after its stop timeout; an older stop code may be shown."""
    faults.order(SpotInterruption(line="up", stop_code="TerminationNotice"))
    stubborn = {**script("trap '' TERM; echo up; sleep 60 & wait; sleep 60"), "stopTimeout": 1}
    task = jobs.run(stubborn, capacityProviderStrategy=SPOT)
    assert ({"main": 137}, "TerminationNotice") == (exit_codes(task), task["stopCode"])
    assert (task["executionStoppedAt"] - task["stoppingAt"]).total_seconds() >= 1


def test_spot_interruption_is_of_spot(jobs: Jobs, faults: FaultBook) -> None:
    """A task that is not on Spot capacity is not interrupted, unless somebody wants just that."""
    (order,) = faults.order(SpotInterruption())
    assert {"main": 0} == exit_codes(jobs.run(script("echo up")))
    assert (0, 0) == (order.matched, order.struck)
    faults.order(SpotInterruption(capacity_provider="FARGATE", line="up"))
    assert "SpotInterruption" == jobs.run(POLITE)["stopCode"]


def test_spot_interruption_during_start_up(jobs: Jobs, faults: FaultBook) -> None:
    """Capacity may be taken back before the containers run."""
    faults.order(SlowStart(), SpotInterruption(at="PENDING"))
    task = jobs.run(script("echo never"), capacityProviderStrategy=SPOT)
    assert ("SpotInterruption", {"main": None}, []) == (task["stopCode"], exit_codes(task), jobs.lines(task))


def test_ordered_while_the_task_runs(jobs: Jobs, faults: FaultBook) -> None:
    """A misfortune that is ordered now befalls a task that runs already, the oldest that it concerns."""
    first, second = (jobs.start(POLITE, overrides=of_run("late-order")) for _ in range(2))
    for arn in (first, second):
        until(lambda arn=arn: ["up"] == jobs.lines(arn))
    (order,) = faults.order(TaskRetirement(job="late-order", times=1))
    task = jobs.reach(first, "STOPPED")
    assert {"main": 9} == exit_codes(task)
    assert "ECS is performing maintenance on the underlying infrastructure hosting the task" in task["stoppedReason"]
    assert ("RUNNING", [first], 1) == (
        jobs.describe(second)["desiredStatus"],
        [strike.at for strike in faults.struck],
        order.struck,
    )
    jobs.stop(second)


def test_task_retirement(jobs: Jobs, faults: FaultBook) -> None:
    """AWS stops the task for maintenance: SIGTERM, and no stop code unless one is wanted."""
    faults.order(TaskRetirement(line="up", times=1), TaskRetirement(line="up", stop_code="ServiceSchedulerInitiated"))
    for code in (None, "ServiceSchedulerInitiated"):
        task = jobs.run(POLITE)
        assert (code, {"main": 9}, ["up", "stopped"]) == (task.get("stopCode"), exit_codes(task), jobs.lines(task))


def test_host_terminated(jobs: Jobs, faults: FaultBook, tmp_path: Path) -> None:
    """The processes are dead, and nobody says with which exit codes."""
    (order,) = faults.order(HostTerminated(line="up"))
    side = script(f"trap 'echo stopped' TERM; echo $$; touch {tmp_path}/up; sleep 60 & wait; sleep 60", name="side")
    needs = [{"containerName": "side", "condition": "HEALTHY"}]
    check = {"command": ["CMD-SHELL", f"[ -e {tmp_path}/up ]"], "interval": 1}
    main = script("echo $$; echo up; sleep 60", dependsOn=needs)
    task = jobs.run(main, side | {"healthCheck": check})
    assert ({"main": None, "side": None}, 1) == (exit_codes(task), order.struck)
    assert (None, "Host EC2 (instance i-0123456789abcdef0) terminated.") == ended(task)
    assert "executionStoppedAt" not in task
    (side_pid,), (main_pid, _) = jobs.lines(task, "side"), jobs.lines(task)  # "stopped" was not written
    for pid in (main_pid, side_pid):
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


# -- the truth about the end -----------------------------------------------------------------------------------


def test_out_of_memory_137(jobs: Jobs, faults: FaultBook) -> None:
    """The process really is killed, and the container's reason says for what."""
    faults.order(OutOfMemory(line="up"))
    task = jobs.run(script("trap 'echo stopped' TERM; echo up; sleep 60"))
    assert ({"main": 137}, OUT_OF_MEMORY) == (exit_codes(task), task["containers"][0]["reason"])
    assert (("EssentialContainerExited", "Essential container in task exited"), ["up"]) == (
        ended(task),
        jobs.lines(task),
    )


def test_out_of_memory_0(jobs: Jobs, faults: FaultBook) -> None:
    """A child was killed, the container went on, and ECS shows the exit code 0 with the reason."""
    (order,) = faults.order(OutOfMemory(exit_code=0))
    task = jobs.run(script("echo done; exit 3"))
    assert ({"main": 0}, OUT_OF_MEMORY, ["done"], 1) == (
        exit_codes(task),
        task["containers"][0]["reason"],
        jobs.lines(task),
        order.struck,
    )


def test_out_of_memory_of_a_sidecar(jobs: Jobs, faults: FaultBook) -> None:
    """The container that is named is killed, and a task that does not have it is left alone."""
    (order,) = faults.order(OutOfMemory(container="side"))
    assert {"main": 0} == exit_codes(jobs.run(script("true")))
    needs = [{"containerName": "side", "condition": "COMPLETE"}]
    task = jobs.run(script("exit 5", dependsOn=needs), script("sleep 60", name="side", essential=False))
    assert {"main": 5, "side": 137} == exit_codes(task)
    assert (1, 1) == (order.matched, order.struck)


def test_no_exit_code(jobs: Jobs, faults: FaultBook) -> None:
    """The container ends, however quickly, and its exit code is not known."""
    faults.order(NoExitCode(times=5), NoExitCode(reason="CannotInspectContainerError: no answer"))
    for _ in range(5):
        task = jobs.run(script("exit 0"))
        assert ({"main": None}, "EssentialContainerExited") == (exit_codes(task), task["stopCode"])
        assert "startedAt" in task
    assert "CannotInspectContainerError: no answer" == jobs.run(script("exit 0"))["containers"][0]["reason"]


# -- who gets what ---------------------------------------------------------------------------------------------


def test_script_for_attempts(jobs: Jobs, faults: FaultBook) -> None:
    """A list of misfortunes is a script: one for each task that follows, then all is well."""
    misfortunes: list[Fault] = [
        TaskFailedToStart(cause="image-timeout", times=1),
        SpotInterruption(line="up", times=1),
        OutOfMemory(line="up", times=1),
    ]
    orders = faults.order(*misfortunes)
    job = script("trap 'exit 9' TERM; echo up; [ $JOBRUNNER_ATTEMPT = 4 ] || while :; do sleep 0.05; done")
    definition = jobs.define(job)
    seen = []
    for attempt in (1, 2, 3, 4):
        request = jobs.request(definition, capacityProviderStrategy=SPOT, overrides=of_run("scripted", attempt=attempt))
        task = jobs.reach(jobs.ecs.run_task(**request)["tasks"][0]["taskArn"], "STOPPED")
        seen.append((task["stopCode"], exit_codes(task)["main"]))
    exited = "EssentialContainerExited"
    assert [("TaskFailedToStart", None), ("SpotInterruption", 9), (exited, 137), (exited, 0)] == seen
    assert [1, 1, 1] == [order.struck for order in orders]


def test_by_attempt(jobs: Jobs, faults: FaultBook) -> None:
    """A fault for an attempt, or a run, of a job leaves the others alone."""
    first, second = faults.order(
        TaskFailedToStart(reason="no", job="mine", attempt=1), TaskFailedToStart(reason="no", run_id="chosen")
    )
    runs = [("mine", 1, "a"), ("mine", 2, "a"), ("other", 1, "a"), ("other", 2, "chosen")]
    codes = [
        jobs.run(script("true"), overrides=of_run(job, attempt=attempt, run_id=run_id))["stopCode"]
        for job, attempt, run_id in runs
    ]
    exited = "EssentialContainerExited"
    assert ["TaskFailedToStart", exited, exited, "TaskFailedToStart"] == codes
    assert (1, 1) == (first.struck, second.struck)


def test_too_late(jobs: Jobs, faults: FaultBook) -> None:
    """A misfortune that comes after the task's end has not struck."""
    (order,) = faults.order(TaskRetirement(after=60), TaskRetirement(after=60))[:1]
    assert {"main": 0} == exit_codes(jobs.run(script("exit 0")))
    assert (1, 0) == (order.matched, order.struck)


def test_cleared(jobs: Jobs, faults: FaultBook, tmp_path: Path) -> None:
    """What is cleared does not strike, though a task had it before it already."""
    go = tmp_path / "go"
    (order,) = faults.order(TaskRetirement(line="gone"))
    arn = jobs.start(script(f"echo up; until [ -e {go} ]; do sleep 0.02; done; echo gone; sleep 0.2"))
    until(lambda: ["up"] == jobs.lines(arn))
    assert 1 == order.matched
    faults.clear()
    go.touch()
    assert {"main": 0} == exit_codes(jobs.reach(arn, "STOPPED"))
    assert (0, ()) == (order.struck, faults.struck)


def test_first_reason_counts(jobs: Jobs, faults: FaultBook) -> None:
    """A task that somebody has stopped is not interrupted as well."""
    (order,) = faults.order(SlowStart(at="PENDING"), SpotInterruption(at="RUNNING"))[1:]
    arn = jobs.start(script("echo never"), capacityProviderStrategy=SPOT)
    jobs.stop(arn, reason="mine")
    assert ("UserInitiated", "mine") == ended(jobs.reach(arn, "STOPPED"))
    assert 0 == order.struck
