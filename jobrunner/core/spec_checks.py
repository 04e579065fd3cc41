"""What must hold between the keys of a job, and the readers that only a job needs.

Source of the limits: see each function; ECS and Scheduler models of botocore.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError

from jobrunner.core import naming, params, sizes
from jobrunner.core.fields import whole_number
from jobrunner.core.problems import Inconsistency
from jobrunner.core.wording import did_you_mean, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.core.schedule import Schedule
    from jobrunner.core.spec import JobSpec

#: RunTask overrides command, environment, cpu, memory, roles and storage of an existing definition, and nothing
#: of these (BC ecs TaskOverride, ContainerOverride): they need a new revision.
NOT_OVERRIDABLE = (
    "image",
    "entrypoint",
    "working_directory",
    "architecture",
    "secrets",
    "sidecars",
    "stop_timeout",
    "log_group",
)

#: Keys that make no sense as a default of all jobs.
NEVER_A_DEFAULT = ("name",)

MAX_SCHEDULES = 100

RETRY_WORDS = ("infrastructure", "spot", "failure", "out_of_memory", "timeout")

_PARAMETER = re.compile(r"\$\{\{\s*params\.")
_S3_FILE = re.compile(r"arn:aws[a-z-]*:s3:::[a-z0-9.-]{3,63}/\S+\.env")


def check_webhook(text: str) -> str:
    """The text, if it is the URL of a webhook. It is a secret: what is wrong is said without it."""
    if not (text.isascii() and text.isprintable() and " " not in text and _has_plain_host(text)):
        raise ValueError("webhook must be a URL, https://HOST/… or http://HOST/…, without a user in front of the host")
    return text


def _has_plain_host(url: str) -> bool:
    from urllib.parse import urlsplit  # noqa: PLC0415  milliseconds that few jobs need

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a port that is no number, brackets that do not match
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0 and "@" not in parts.netloc


def raise_if_inconsistent(spec: JobSpec) -> None:
    """Raise all inconsistencies as one pydantic error, of the type that `core.problems` takes apart again."""
    found = tuple(inconsistencies(spec))
    if found:
        raise PydanticCustomError("inconsistent", "; ".join(one.message for one in found), {"found": found})


def inconsistencies(spec: JobSpec) -> Iterator[Inconsistency]:
    """Everything in the spec that does not go together."""
    yield from _definition(spec)
    yield from _size(spec)
    yield from _variables(spec)
    yield from _parameters(spec)
    yield from _misplaced(spec)
    yield from _sidecars(spec)
    yield from _schedules(spec)


def _definition(spec: JobSpec) -> Iterator[Inconsistency]:
    if spec.task_definition is None:
        if spec.image is None:
            yield Inconsistency(
                at=(),
                message="a job needs an image (or a task_definition)",
                about=("image", "task_definition"),
            )
        if spec.container is not None:
            yield Inconsistency(
                at=("container",),
                message="container names the job's container in a task_definition; there is none here",
                about=("task_definition",),
            )
        return
    for key in NOT_OVERRIDABLE:
        if key in spec.model_fields_set:
            yield Inconsistency(
                at=(key,),
                message=f"{key} cannot be changed when an existing task_definition runs; "
                "take it out, or change the definition",
                about=("task_definition", key),
            )


def _size(spec: JobSpec) -> Iterator[Inconsistency]:
    # With an existing definition, the half that is not written is the definition's, which is not known here.
    if spec.task_definition is not None and not {"cpu", "memory"} <= spec.model_fields_set:
        return
    problem = sizes.size_problem(spec.cpu, spec.memory)
    if problem is not None:
        # A memory that nobody wrote goes with the cpu: it is always the written one that does not.
        yield Inconsistency(at=("memory",), message=problem, about=("cpu", "memory"))


def _variables(spec: JobSpec) -> Iterator[Inconsistency]:
    places: list[tuple[tuple[str | int, ...], Any]] = [((), spec)]
    places += [(("sidecars", name), sidecar) for name, sidecar in spec.sidecars.items()]
    for path, container in places:
        for name in container.secrets:
            if name in container.environment:
                yield Inconsistency(
                    at=(*path, "secrets", name),
                    message=f"{name!r} stands both in environment and in secrets; ECS refuses that",
                    about=("environment", "env_file", "secrets", "sidecars"),
                )


def _parameters(spec: JobSpec) -> Iterator[Inconsistency]:
    texts: list[tuple[tuple[str | int, ...], str]] = [
        (("command", index), word) for index, word in enumerate(spec.command or ())
    ]
    texts += [(("environment", name), value) for name, value in spec.environment.items()]
    for path, text in texts:
        if "${{" in text:
            yield from _references(spec, path, text)


def _misplaced(spec: JobSpec) -> Iterator[Inconsistency]:
    """A parameter where it would be passed on as it stands: only the job's own container has overrides for it."""
    texts: list[tuple[tuple[str | int, ...], str]] = [
        (("entrypoint", index), word) for index, word in enumerate(spec.entrypoint or ())
    ]
    for name, sidecar in spec.sidecars.items():
        words = (*(sidecar.entrypoint or ()), *(sidecar.command or ()), *sidecar.environment.values())
        texts += [(("sidecars", name), word) for word in words]
    for path, text in texts:
        if _PARAMETER.search(text):
            message = f"{quoted(text)} would not be replaced: parameters go into the job's own command and environment"
            yield Inconsistency(at=path, message=message)


def _references(spec: JobSpec, path: tuple[str | int, ...], text: str) -> Iterator[Inconsistency]:
    try:
        names = params.references(text)
    except ValueError as error:
        yield Inconsistency(at=path, message=str(error))
        return
    for name in names:
        if name not in spec.params:
            known = f"params has {listed(spec.params)}" if spec.params else "the job has no params"
            yield Inconsistency(at=path, message=f"unknown parameter {quoted(name)}; {known}", about=("params",))


def _sidecars(spec: JobSpec) -> Iterator[Inconsistency]:
    for name, sidecar in spec.sidecars.items():
        path = ("sidecars", name)
        if name == naming.MAIN_CONTAINER:
            yield Inconsistency(at=path, message=f"{name!r} is the job's own container; choose another name")
        if sidecar.wait_for == "healthy" and sidecar.health_check is None:
            yield Inconsistency(at=(*path, "wait_for"), message="wait_for: healthy needs a health_check")
        if sidecar.wait_for in ("complete", "success") and sidecar.essential:
            # BC ecs ContainerDependency: COMPLETE and SUCCESS cannot be set on an essential container.
            yield Inconsistency(
                at=(*path, "wait_for"),
                message=f"wait_for: {sidecar.wait_for} needs essential: false; "
                "the end of an essential container ends the task",
            )
    yield from _shares(spec)


def _shares(spec: JobSpec) -> Iterator[Inconsistency]:
    """The containers of a Fargate task share its size; the job's own container needs a part of it."""
    cpu = sum(sidecar.cpu or 0 for sidecar in spec.sidecars.values())
    memory = sum(sidecar.memory or 0 for sidecar in spec.sidecars.values())
    if cpu > spec.cpu:
        message = f"the sidecars reserve {sizes.show_cpu(cpu)} of the task's {sizes.show_cpu(spec.cpu)}"
        yield Inconsistency(at=("sidecars",), message=message, about=("cpu", "sidecars"))
    if memory >= spec.memory:
        message = (
            f"the sidecars take {sizes.show_memory(memory)} of the task's {sizes.show_memory(spec.memory)}: "
            "nothing is left for the job's own container"
        )
        yield Inconsistency(at=("sidecars",), message=message, about=("cpu", "memory", "sidecars"))


def _schedules(spec: JobSpec) -> Iterator[Inconsistency]:
    if spec.schedule and spec.name.startswith(naming.TIMEOUT_PREFIX):
        message = f"a scheduled job cannot be called {naming.TIMEOUT_PREFIX}…: so begin the schedules that stop tasks"
        yield Inconsistency(at=("name",), message=message, about=("schedule",))
    used: set[str | None] = set()
    taken: set[str] = set()
    for number, schedule in enumerate(spec.schedule, 1):
        at: tuple[str | int, ...] = ("schedule", number - 1, *(["name"] if schedule.name else []))
        if schedule.name is not None and schedule.name in used:
            yield Inconsistency(at=at, message=f"the schedule name {schedule.name!r} is used twice")
            continue
        used.add(schedule.name)
        names = _names(spec, schedule, number)
        if both := sorted(taken.intersection(names)):
            message = f"two entries would give schedules of the name {both[0]!r}; rename one of them"
            yield Inconsistency(at=at, message=message)
        taken.update(names)


def _names(spec: JobSpec, schedule: Schedule, number: int) -> set[str]:
    """Give the names in AWS of the schedules of one entry; see `core.schedule_request`."""
    key = naming.schedule_key(schedule.name, number)
    count = len(schedule.expressions)
    return {naming.schedule_name(spec.name, entry=key, expression=index) for index in range(1, count + 1)}


def check_health_command(words: tuple[str, ...]) -> tuple[str, ...]:
    """ECS needs CMD or CMD-SHELL in front (BC ecs HealthCheck.command)."""
    if not words or words[0] not in ("CMD", "CMD-SHELL") or len(words) == 1:
        raise ValueError("a health check is [CMD, program, argument…] or [CMD-SHELL, 'a shell line']")
    return words


def check_env_file(text: str) -> str:
    """What is left of env_file after the loader has read the files of this machine."""
    if _S3_FILE.fullmatch(text) is None:
        raise ValueError(f"{quoted(text)} is not the ARN of a .env file in S3, arn:aws:s3:::bucket/path/name.env")
    return text


def storage(value: object) -> int:
    """GiB of disk. BC ecs EphemeralStorage: 21 to 200; 20 is what a task has anyway."""
    gib = whole_number(1, 1_000_000, "GiB", "gib|gb|g")(value)
    if gib == 20:  # noqa: PLR2004  # named in the message
        raise ValueError(
            "20 GiB is what every task has, and AWS refuses to be asked for it; leave ephemeral_storage out"
        )
    if not 21 <= gib <= 200:  # noqa: PLR2004
        raise ValueError(f"{gib} GiB is out of range: 21 to 200 GiB")
    return gib


def whole_minutes(seconds: int) -> int:
    """Scheduler's flexible window counts in minutes."""
    if seconds % 60:
        raise ValueError(f"{seconds}s is not a whole number of minutes, which is what Scheduler knows")
    return seconds


def retry_reason(value: object) -> int | str:
    """An exit code of 1 to 255, or one of RETRY_WORDS."""
    if isinstance(value, str) and value in RETRY_WORDS:
        return value
    try:
        return whole_number(1, 255)(value)
    except ValueError:
        hint = did_you_mean(value, RETRY_WORDS) if isinstance(value, str) else ""
        words = listed(RETRY_WORDS, "or")
        raise ValueError(f"{quoted(value)} is neither an exit code from 1 to 255 nor one of {words}{hint}") from None


def one_or_several(value: object) -> object:
    """A single schedule counts as a list of one; so does what is no schedule at all, for a clear message.

    A longer list is refused here, before its entries are looked at: pydantic would read them all first.
    """
    if not isinstance(value, list | tuple):
        return [value]
    if len(value) > MAX_SCHEDULES:
        raise ValueError(f"schedule has {len(value)} entries; at most {MAX_SCHEDULES} are allowed")
    return value
