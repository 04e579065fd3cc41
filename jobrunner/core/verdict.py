"""How a run ended, from what ECS says of its stopped task. Pure: no further call, no clock.

The order of the questions is what matters; known runners get it wrong (a missing exit code read as 0, a
sidecar's exit code taken for the job's, a Spot interruption reported as a failure of the job):

1. Who stopped it? A stop from outside is not the job's doing, whatever the exit code.
2. Did the job's own container start at all?
3. Was it killed for its memory? The container's `reason` says so, also beside an exit code of 0.
4. Its exit code; a missing one is never a success.

Sources: Amazon ECS API reference, Task.stopCode and Container.exitCode; "Stopped tasks error messages",
Amazon ECS Developer Guide; aws/amazon-ecs-agent#2467 for the memory kill with exit code 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobrunner.core.outcome import Verdict

if TYPE_CHECKING:
    from jobrunner.core.lifecycle import ContainerSnapshot, TaskSnapshot

#: Beginnings of the `reason` that jobrunner gives to StopTask. ECS keeps it as `stoppedReason`, so whoever
#: looks later, on any machine, sees why the task was stopped.
TIMEOUT = "jobrunner: timed out"
INTERRUPT = "jobrunner: interrupted"
STOP = "jobrunner: stopped"

#: `stopCode`s of a stop that the job did not cause.
_STOPPED_BY_AWS = {
    "SpotInterruption": ("spot_interruption", "AWS took the Spot capacity back"),
    "TerminationNotice": ("spot_interruption", "AWS took the Spot capacity back"),
    "ServiceSchedulerInitiated": ("service_scheduler", "the ECS service scheduler stopped the task"),
}

#: Beginnings of a reason → our word. Long messages are cut by the platform, so only beginnings are compared.
#: The first word of an image pull failure varies: CannotPullContainerError, CannotPullImageManifestError, …
_CAUSES = (
    ("CannotPull", "image_pull"),
    ("ResourceInitializationError", "resource_initialization"),
    ("CannotStartContainerError", "cannot_start_container"),
    ("CannotCreateContainerError", "cannot_start_container"),
    ("CannotInspectContainerError", "container_runtime"),
    ("ContainerRuntime", "container_runtime"),
    ("CannotCreateVolumeError", "volume"),
    ("Timeout waiting for network interface", "network_interface"),
    ("Unexpected EC2 error while attempting to", "network_interface"),
    ("OutOfMemory", "out_of_memory"),
)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict with its cause.

    Attributes:
        verdict: How the run ended.
        reason: One stable word for programs.
        exit_code: Of the job's own container; None when there is none.
        detail: The cause in a sentence, with ECS's own words where it gave any.
    """

    verdict: Verdict
    reason: str
    exit_code: int | None
    detail: str


def judge(task: TaskSnapshot, main: str) -> Judgement:
    """Judge a stopped task.

    Args:
        task: What ECS says of it; its state must be STOPPED.
        main: The name of the job's own container. Others are never asked, whatever they did.
    """
    container = task.container(main)
    exit_code = container.exit_code if container else None
    reasons = " / ".join(dict.fromkeys(filter(None, (task.stopped_reason, container.reason if container else None))))
    return (
        _stopped_from_outside(task, exit_code)
        or _never_started(task, container, reasons)
        or _out_of_memory(container, exit_code)
        or _by_exit_code(exit_code, reasons)
    )


def _stopped_from_outside(task: TaskSnapshot, exit_code: int | None) -> Judgement | None:
    reason = task.stopped_reason or ""
    for beginning, verdict, word in (
        (TIMEOUT, Verdict.TIMED_OUT, "timeout"),
        (INTERRUPT, Verdict.INTERRUPTED, "interrupt"),
        (STOP, Verdict.STOPPED, "user"),
    ):
        # With another stop code, our StopTask came after the task had already begun to stop by itself.
        if reason.startswith(beginning) and task.stop_code in {None, "UserInitiated"}:
            detail = reason.removeprefix("jobrunner: ")
            return Judgement(verdict=verdict, reason=word, exit_code=exit_code, detail=detail)
    if task.stop_code in _STOPPED_BY_AWS:
        word, detail = _STOPPED_BY_AWS[task.stop_code]
        return Judgement(verdict=Verdict.STOPPED, reason=word, exit_code=exit_code, detail=detail)
    if "performing maintenance on the underlying infrastructure" in reason:
        return Judgement(verdict=Verdict.STOPPED, reason="task_retirement", exit_code=exit_code, detail=reason)
    if task.stop_code == "UserInitiated":
        detail = f"stopped from outside: {reason or 'no reason given'}"
        return Judgement(verdict=Verdict.STOPPED, reason="user", exit_code=exit_code, detail=detail)
    return None


def _never_started(task: TaskSnapshot, container: ContainerSnapshot | None, reasons: str) -> Judgement | None:
    if container is not None and container.exit_code is not None:
        return None
    if task.started_at is not None and task.stop_code != "TaskFailedToStart":
        return None
    detail = reasons or "the task stopped before the job's container started, and ECS gave no reason"
    return Judgement(verdict=Verdict.NEVER_STARTED, reason=_cause(task, container), exit_code=None, detail=detail)


def _cause(task: TaskSnapshot, container: ContainerSnapshot | None) -> str:
    texts = (task.stopped_reason, container.reason if container else None)
    for text in filter(None, texts):
        for beginning, word in _CAUSES:
            if text.startswith(beginning):
                return word
    return "task_failed_to_start"


def _out_of_memory(container: ContainerSnapshot | None, exit_code: int | None) -> Judgement | None:
    if container is None or "outofmemory" not in (container.reason or "").lower():
        return None
    detail = container.reason or ""
    return Judgement(verdict=Verdict.OUT_OF_MEMORY, reason="out_of_memory", exit_code=exit_code, detail=detail)


def _by_exit_code(exit_code: int | None, reasons: str) -> Judgement:
    if exit_code is None:
        detail = f"the job's container has no exit code: {reasons or 'its host was lost'}"
        return Judgement(verdict=Verdict.LOST, reason="no_exit_code", exit_code=None, detail=detail)
    if exit_code == 0:
        return Judgement(verdict=Verdict.SUCCEEDED, reason="exit", exit_code=0, detail="exit code 0")
    detail = f"exit code {exit_code}{_meaning(exit_code)}"
    return Judgement(verdict=Verdict.FAILED, reason="exit", exit_code=exit_code, detail=detail)


def _meaning(exit_code: int) -> str:
    """Say what the shell's conventions tell of an exit code."""
    known = {
        126: " (the command cannot be executed)",
        127: " (the command was not found)",
        137: " (killed by SIGKILL)",
        139: " (crashed: SIGSEGV)",
        143: " (ended by SIGTERM)",
    }
    return known.get(exit_code, "")
