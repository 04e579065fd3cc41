"""How a run ended, from what ECS says of its stopped task. Pure: no further call, no clock.

The order of the questions is what matters; known runners get it wrong (a missing exit code read as 0, a
sidecar's exit code taken for the job's, a Spot interruption reported as a failure of the job):

1. Who stopped it? A stop from outside is not the job's doing, whatever the exit code.
2. Did the job's own container start at all?
3. Was it killed for its memory? The container's `reason` says so, also beside an exit code of 0.
4. Its exit code; a missing one is never a success, and a 0 only if ECS says that the task ended by itself.

Decisions where a snapshot leaves room:

- `stopCode` says what came first. `EssentialContainerExited` beside the reason of our StopTask: the job had ended
  before the call, and its exit code counts. `UserInitiated` beside exit code 0: stopped, never a success. A program
  that handles SIGTERM may end with 0 after half of its work, and nothing in the snapshot tells it from one that is
  done.
- A stop code that is not known here may be a stop from outside (`InfrastructureHealth` came after six others), so
  exit code 0 beside it is no success; any other exit code is a failure either way.
- A sidecar never changes the verdict. When SIGTERM ended the job's container, nobody is known to have stopped the
  task, and a sidecar failed, then the sidecar is named as the cause: ECS stops all containers when an essential one
  exits. Not after SIGKILL, which may have been the memory. Exit code 0 of the job stays a success: sidecars often
  fail when they are told to stop.
- Spot, retirement and a lost host before the job's container had started are `never_started`: nothing ran.

Sources: Amazon ECS API reference, Task.stopCode and Container.exitCode; "Stopped tasks error messages" and "Task
lifecycle", Amazon ECS Developer Guide; aws/amazon-ecs-agent#2467 for the memory kill with exit code 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobrunner.core import stops
from jobrunner.core.judgement import Judgement
from jobrunner.core.lifecycle import STOPPED
from jobrunner.core.outcome import Verdict
from jobrunner.core.start_failure import START_REASONS, why_not_started
from jobrunner.core.stops import FAIL_FAST, INTERRUPT, START_TIMEOUT, STOP, TIMEOUT, stopped_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.core.lifecycle import ContainerSnapshot, TaskSnapshot

__all__ = [
    "FAIL_FAST",
    "INTERRUPT",
    "REASONS",
    "START_TIMEOUT",
    "STOP",
    "TIMEOUT",
    "Judgement",
    "certain",
    "injected",
    "judge",
    "stopped_by",
]

CONTAINER_EXITED: Final = "EssentialContainerExited"
#: How a process ends that ECS stops: by the image's STOPSIGNAL, SIGTERM by default, then by SIGKILL ("Task
#: lifecycle", STOPPING). These are SIGINT, SIGQUIT and SIGTERM.
TOLD_TO_STOP: Final = frozenset({130, 131, 143})
KILLED: Final = 137
ENDED_BY_SIGNAL: Final = TOLD_TO_STOP | {KILLED}
#: Parts of what ECS says of a container that was killed for its memory, in lower case.
OUT_OF_MEMORY: Final = ("outofmemory", "killed due to memory usage", "oom-killed")
#: The beginning of `stoppedReason` of a task that has ended by itself.
BY_ITSELF: Final = "Essential container in task exited"
#: The beginning of the names of containers that AWS adds to a task.
INJECTED: Final = "aws-guardduty-agent"

#: Every word that `judge` may give as the reason.
REASONS: Final = frozenset(
    {
        *stops.REASONS,
        *START_REASONS,
        "task_failed_to_start",
        "no_container",
        "out_of_memory",
        "unknown_stop",
        "exit",
        "sidecar",
        "no_exit_code",
    }
)


def judge(task: TaskSnapshot, main: str) -> Judgement:
    """Judge a stopped task.

    Args:
        task: What ECS says of it; its state must be STOPPED.
        main: The name of the job's own container. Others never change the verdict, whatever they did.
    """
    container = task.container(main)
    outside = stops.stopped_from_outside(task, container)
    if outside is not None:
        return outside
    if container is None:
        return _not_shown(task, main)
    if not stops.started(task, container):
        return _never_started(task, container)
    return _out_of_memory(task, container) or _stopped_otherwise(task, container) or _by_exit_code(task, container)


def certain(task: TaskSnapshot, main: str) -> Judgement | None:
    """Judge a task that is still on its way to STOPPED; None while anything could change the judgement.

    On Fargate the network interface keeps a task from STOPPED for some 20 seconds after its containers' end. What is
    relied on: a container's state, exit code and reason come together (SubmitContainerStateChange, Amazon ECS API),
    and the first stop code and reason are those that count. What is not: that the `OutOfMemoryError` of a killed
    container is there already, that other containers have ended, that a stop code unknown here means the same
    later. A missing exit code may still come.

    Args:
        task: What ECS says of it, in any state.
        main: The name of the job's own container.
    """
    if task.stopped:
        return judge(task, main)
    container = task.container(main)
    if container is None or container.last_status != STOPPED or container.exit_code is None:
        return None
    if task.desired_status != STOPPED or not task.stop_code or not task.stopped_reason:
        return None
    outside = stops.stopped_from_outside(task, container)
    if outside is not None or task.stop_code != CONTAINER_EXITED or not stops.started(task, container):
        return outside
    if container.exit_code in ENDED_BY_SIGNAL and not _says_out_of_memory(container.reason):
        return None
    return judge(task, main)


def injected(container: ContainerSnapshot) -> bool:
    """Tell whether AWS added the container to the task; such a one is reported, and blamed for nothing."""
    return container.name.startswith(INJECTED)


def _not_shown(task: TaskSnapshot, main: str) -> Judgement:
    """ECS lists all containers of a task; where it lists none, nothing is known of the job's."""
    failure = why_not_started((task.stopped_reason,))
    if task.stop_code == stops.FAILED_TO_START or (failure is not None and not stops.started(task, None)):
        return _never_started(task, None)
    if task.containers:
        verdict, detail = Verdict.NEVER_STARTED, f"the task has no container named {main}"
    else:
        verdict, detail = Verdict.LOST, "ECS does not show the containers of the task"
    return Judgement(verdict=verdict, reason="no_container", exit_code=None, detail=detail)


def _never_started(task: TaskSnapshot, container: ContainerSnapshot | None) -> Judgement:
    detail = _said(task, container) or "the task stopped before the job's container started, and ECS gave no reason"
    # Of an unknown cause: nothing has run, so that a retry does no harm.
    reason, transient = "task_failed_to_start", True
    failure = why_not_started(_texts(task))
    culprit = _failed_sidecar(task, container)
    if failure is not None:
        reason, transient = failure.reason, failure.transient
    elif culprit is not None:
        reason, transient = "sidecar", False
        detail = f"{detail}: the sidecar {culprit.name} failed ({_how(culprit)})"
    return Judgement(verdict=Verdict.NEVER_STARTED, reason=reason, exit_code=None, detail=detail, transient=transient)


def _out_of_memory(task: TaskSnapshot, container: ContainerSnapshot) -> Judgement | None:
    own = _says_out_of_memory(container.reason)
    # The task's reason may speak of a sidecar. Then the job's container was told to stop, so that its 0 is no success.
    if not own and not (_says_out_of_memory(task.stopped_reason) and container.exit_code in {None, 0, KILLED}):
        return None
    detail = (container.reason if own else task.stopped_reason) or ""
    return Judgement(
        verdict=Verdict.OUT_OF_MEMORY, reason="out_of_memory", exit_code=container.exit_code, detail=detail
    )


def _says_out_of_memory(text: str | None) -> bool:
    said = (text or "").lower()
    return any(part in said for part in OUT_OF_MEMORY)


def _stopped_otherwise(task: TaskSnapshot, container: ContainerSnapshot) -> Judgement | None:
    """Judge an exit code 0 that may be the job's answer to a stop that is not understood."""
    if container.exit_code != 0 or _ended_by_itself(task):
        return None
    failure = why_not_started(_texts(task)) if task.stop_code == stops.FAILED_TO_START else None
    why = ": ".join(filter(None, (task.stop_code, _said(task, container))))
    return Judgement(
        verdict=Verdict.STOPPED,
        reason=failure.reason if failure else "unknown_stop",
        exit_code=0,
        detail=f"ECS stopped the task, and exit code 0 does not show that the job was done: {why}",
        transient=failure.transient if failure else False,
    )


def _ended_by_itself(task: TaskSnapshot) -> bool:
    if task.stop_code is None:
        # Endpoints other than AWS's say neither code nor reason when the containers have ended by themselves.
        return not task.stopped_reason or task.stopped_reason.startswith(BY_ITSELF)
    return task.stop_code == CONTAINER_EXITED


def _by_exit_code(task: TaskSnapshot, container: ContainerSnapshot) -> Judgement:
    exit_code = container.exit_code
    if exit_code is None:
        return _lost(task, container)
    if exit_code == 0:
        return Judgement(verdict=Verdict.SUCCEEDED, reason="exit", exit_code=0, detail="exit code 0")
    detail = f"exit code {exit_code}{_meaning(exit_code)}"
    culprit = _failed_sidecar(task, container) if exit_code in TOLD_TO_STOP else None
    if culprit is None:
        return Judgement(verdict=Verdict.FAILED, reason="exit", exit_code=exit_code, detail=detail)
    failure = why_not_started((culprit.reason,))
    return Judgement(
        verdict=Verdict.FAILED,
        reason="sidecar",
        exit_code=exit_code,
        detail=f"{detail}: ECS stopped the job's container, most likely because the sidecar {culprit.name} failed "
        f"first ({_how(culprit)})",
        transient=failure.transient if failure else False,
    )


def _lost(task: TaskSnapshot, container: ContainerSnapshot) -> Judgement:
    failure = why_not_started((container.reason,))
    return Judgement(
        verdict=Verdict.LOST,
        reason=failure.reason if failure else "no_exit_code",
        exit_code=None,
        detail=f"the job's container has no exit code: {_said(task, container) or 'its host was lost'}",
        transient=failure.transient if failure else True,
    )


def _failed_sidecar(task: TaskSnapshot, container: ContainerSnapshot | None) -> ContainerSnapshot | None:
    """Give the first sidecar that failed by itself, or None.

    Not one that ended with 0, or by a signal as well: it may have done its part, or been told to stop.
    """
    innocent = {None, 0, *ENDED_BY_SIGNAL}
    others = (one for one in task.containers if one is not container and not injected(one))
    return next((one for one in others if one.reason or one.exit_code not in innocent), None)


def _how(sidecar: ContainerSnapshot) -> str:
    code = None if sidecar.exit_code is None else f"exit code {sidecar.exit_code}"
    return ", ".join(filter(None, (code, sidecar.reason)))


def _texts(task: TaskSnapshot) -> tuple[str | None, ...]:
    """Give ECS's texts on the task and on its containers; those that AWS added are not asked."""
    return (task.stopped_reason, *(one.reason for one in task.containers if not injected(one)))


def _said(task: TaskSnapshot, container: ContainerSnapshot | None) -> str:
    return " / ".join(dict.fromkeys(_sentences(task, container)))


def _sentences(task: TaskSnapshot, container: ContainerSnapshot | None) -> Iterator[str]:
    own = [text for text in (task.stopped_reason, container.reason if container else None) if text]
    yield from own
    for one in task.containers:
        if one is not container and one.reason and one.reason not in own:
            yield f"{one.name}: {one.reason}"


def _meaning(exit_code: int) -> str:
    """Say what the shell's conventions tell of an exit code."""
    known = {
        126: " (the command cannot be executed)",
        127: " (the command was not found)",
        130: " (ended by SIGINT)",
        132: " (crashed: SIGILL)",
        134: " (aborted: SIGABRT)",
        137: " (killed by SIGKILL)",
        139: " (crashed: SIGSEGV)",
        143: " (ended by SIGTERM)",
    }
    return known.get(exit_code, "")
