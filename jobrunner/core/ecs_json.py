"""Pieces of ECS's JSON that the task definition and the RunTask request have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobrunner.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec

#: Tags of a task or a task definition (TagResource, API reference).
TAGS_LIMIT = 50
_TEMPLATE = "${{"


def is_templated(*texts: str) -> bool:
    """Tell whether a text refers to a parameter, so that its value belongs to a single run."""
    return any(_TEMPLATE in text for text in texts)


def needed(value: Any, key: str, settings: Settings) -> Any:
    """Give a setting that Fargate demands.

    Raises:
        SpecError: It is not set.
    """
    if value:
        return value
    where = f"stage {settings.stage}" if settings.stage else "this project (no stage is named)"
    variable = "JOBRUNNER_" + key.upper().replace(".", "__")
    hint = f"Set it in jobrunner.yaml, or as {variable}; `--local` needs none."
    raise SpecError(f"{key} is not set for {where}, and Fargate needs it", hint=hint)


def tags_of(spec: JobSpec, settings: Settings, more: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """Give the tags of a job: the project's, its own, ours.

    Raises:
        SpecError: They are more than ECS takes.
    """
    tags = {
        **settings.tags,
        **spec.tags,
        "jobrunner:project": settings.project,
        "jobrunner:job": spec.name,
        **present("jobrunner:stage", settings.stage),
        **(more or {}),
    }
    if len(tags) >= TAGS_LIMIT:
        raise SpecError(f"job {spec.name} has {len(tags)} tags with the project's; ECS takes {TAGS_LIMIT - 1}")
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def pairs(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """Write variables as ECS does, in a stable order."""
    return [{"name": name, "value": value} for name, value in sorted(environment.items())]


def present(key: str, value: Any) -> dict[str, Any]:
    """Give the entry, or nothing: ECS takes a missing key, and no null."""
    return {} if value is None or value == [] else {key: value}


def pascal(value: Any) -> Any:
    """Write a request of ECS's with the names that EventBridge Scheduler and Step Functions have for its members.

    None of RunTask's members is a map of the caller's own keys, so every key is a member's name.
    """
    if isinstance(value, dict):
        return {f"{key[:1].upper()}{key[1:]}": pascal(item) for key, item in value.items()}
    return [pascal(item) for item in value] if isinstance(value, list) else value
