"""Why a run ended as it did: the cause in plain words, the evidence in ECS's, and what to do. Pure.

The judgement has decided already; nothing here changes a verdict. The texts are in `jobrunner.core.advice`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jobrunner.core.advice import ADVICE, UNKNOWN, Advice
from jobrunner.core.advice_exit_codes import EXIT_CODES, OTHER_EXIT
from jobrunner.core.durations import format_duration
from jobrunner.core.lifecycle import STOPPED
from jobrunner.core.outcome import Verdict, iso
from jobrunner.core.sizes import nearest_legal, show_cpu, show_memory
from jobrunner.core.verdict import injected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from jobrunner.core.judgement import Judgement
    from jobrunner.core.lifecycle import ContainerSnapshot, TaskSnapshot

#: The fields of a snapshot in the order in which they are usually reached; `createdAt` is when the task "entered
#: PENDING" (Amazon ECS API reference, Task).
_MOMENTS: Final = (
    ("created_at", "created"),
    ("pull_started_at", "image pull started"),
    ("pull_stopped_at", "image pull ended"),
    ("started_at", "running"),
    ("stopping_at", "stopping"),
    ("execution_stopped_at", "containers ended"),
    ("stopped_at", "stopped"),
)
_WITH_TENTHS: Final = 10.0
#: Container images are named by Docker's words for processors.
_PLATFORMS: Final = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Why a run ended as it did.

    Attributes:
        verdict: As judged.
        reason: As judged.
        exit_code: As judged.
        cause: In one plain clause.
        evidence: Lines: ECS's words, every container, the times.
        remedy: What to do, in sentences.
        transient: As judged.
    """

    verdict: Verdict
    reason: str
    exit_code: int | None
    cause: str
    evidence: tuple[str, ...]
    remedy: str
    transient: bool


def diagnose(judgement: Judgement, task: TaskSnapshot | None, main: str) -> Diagnosis:
    """Explain a judgement.

    Args:
        judgement: What was judged.
        task: What ECS last said of the task; None when there was none.
        main: The name of the job's own container.
    """
    advice = _advice(judgement)
    words = {
        "detail": judgement.detail,
        "early": ", before the job's container had started" if judgement.verdict is Verdict.NEVER_STARTED else "",
        "exit_code": judgement.exit_code,
        "larger": _larger_memory(task),
        "platform": _platform(task),
    }
    return Diagnosis(
        verdict=judgement.verdict,
        reason=judgement.reason,
        exit_code=judgement.exit_code,
        cause=advice.cause.format_map(words) + _doubt(judgement),
        evidence=(judgement.detail,) if task is None else tuple(_evidence(task, main)),
        remedy=advice.remedy.format_map(words),
        transient=judgement.transient,
    )


def _advice(judgement: Judgement) -> Advice:
    if judgement.reason == "exit" and judgement.exit_code is not None:
        return EXIT_CODES.get(judgement.exit_code, OTHER_EXIT)
    return ADVICE.get(judgement.reason, UNKNOWN)


def _doubt(judgement: Judgement) -> str:
    """Say why an exit code 0 does not count as a success, where the cause has not said so."""
    stopped = judgement.verdict in {Verdict.STOPPED, Verdict.TIMED_OUT, Verdict.INTERRUPTED}
    if not stopped or judgement.exit_code != 0 or judgement.reason == "unknown_stop":
        return ""
    return "; its exit code 0 may be the answer to that, and is not taken for a success"


def _larger_memory(task: TaskSnapshot | None) -> str:
    if task is None or task.cpu is None or task.memory is None:
        return "a larger `memory`"
    cpu, memory = nearest_legal(task.cpu, task.memory + 1)
    if memory <= task.memory:
        return "nothing larger, which Fargate does not have"
    with_cpu = "" if cpu == task.cpu else f" and `cpu: {show_cpu(cpu)}`"
    return f"`memory: {show_memory(memory)}`{with_cpu}"


def _platform(task: TaskSnapshot | None) -> str:
    architecture = task.architecture if task else None
    return _PLATFORMS.get(architecture or "", "linux/amd64, or linux/arm64 with `architecture: arm64`")


def _evidence(task: TaskSnapshot, main: str) -> Iterator[str]:
    said = ": ".join(filter(None, (task.stop_code, task.stopped_reason)))
    yield f"ECS: {said or 'neither a stop code nor a reason'}"
    for container in task.containers:
        yield f"container {container.name}{_role(container, main)}: {_end(container)}"
    yield from _timeline(task)


def _role(container: ContainerSnapshot, main: str) -> str:
    if container.name == main:
        return " (the job's own)"
    return " (added by AWS)" if injected(container) else ""


def _end(container: ContainerSnapshot) -> str:
    code = "no exit code" if container.exit_code is None else f"exit code {container.exit_code}"
    state = None if container.last_status == STOPPED else container.last_status
    return ", ".join(filter(None, (code, state, container.reason)))


def _timeline(task: TaskSnapshot) -> Iterator[str]:
    """Give the moments that ECS named in the order of their times.

    That is not always the order of the states: `executionStoppedAt` may be before or after `stoppingAt`.
    """
    named = [(moment, name) for field, name in _MOMENTS if (moment := getattr(task, field)) is not None]
    named.sort(key=lambda one: one[0])
    before: datetime | None = None
    for moment, name in named:
        after = "" if before is None else f", {_duration((moment - before).total_seconds())} later"
        yield f"{iso(moment)} {name}{after}"
        before = moment


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < _WITH_TENTHS else format_duration(round(seconds))
