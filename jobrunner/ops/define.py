"""Make sure that the job's task definition exists; register one only if none has the same content."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jobrunner.core import naming
from jobrunner.errors import AwsRefusedError, SpecError
from jobrunner.ops.noting import noted
from jobrunner.ops.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobrunner.core.definition import TaskDefinition
    from jobrunner.core.ports import Definition, Definitions
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec
    from jobrunner.ops.ports import Ports

#: How many older revisions are compared before a new one is registered. A job that goes back to a content
#: older than that registers it again: harmless, and cheaper than describing hundreds of revisions.
_REVISIONS_COMPARED = 20


def ensure_definition(ports: Ports, definition: TaskDefinition, spec: JobSpec, settings: Settings) -> Definition:
    """Give the active revision with this content, registering it if there is none.

    The log group is made sure of only together with a new revision: a second run of an unchanged job makes
    no call that could write.
    """
    known = registered_definition(ports, definition)
    if known is not None:
        return known
    ensure_log_group(ports, spec.log_group or settings.log_group, settings)
    return register_definition(ports, definition, spec.name)


def existing_definition(ports: Ports, name: str) -> Definition:
    """Give the task definition that a job names.

    Raises:
        SpecError: There is none, or it is inactive.
    """
    found = _described(ports, name)
    if found is None or not found.active:
        state = "does not exist" if found is None else "is inactive"
        raise SpecError(
            f"task definition {name} {state} in {ports.connection.region}",
            hint="aws ecs list-task-definition-families shows those that exist.",
        )
    return found


def own_container(definition: Definition, wanted: str | None) -> str:
    """Find the job's own container in an existing task definition.

    Raises:
        SpecError: The wanted one does not exist, or none is wanted and several could be meant.
    """
    names = [container["name"] for container in definition.containers]
    if wanted is not None:
        if wanted not in names:
            raise SpecError(f"{definition.arn} has no container {wanted!r}", hint=f"It has {', '.join(names)}.")
        return wanted
    essential = [container["name"] for container in definition.containers if container.get("essential", True)]
    if naming.MAIN_CONTAINER in names:
        return naming.MAIN_CONTAINER
    if len(essential) == 1:
        return str(essential[0])
    raise SpecError(
        f"{definition.arn} has {len(essential)} essential containers: {', '.join(essential)}",
        hint="Name the job's own with container: in the job; its exit code is the run's.",
    )


def named_definition(ports: Ports, name: str) -> Definition | None:
    """Give the task definition that somebody's request names; None if there is none, or if ECS will not tell.

    What a schedule names may be of an account that we may not ask, or no name at all: that is no reason not to plan.
    """
    try:
        return _described(ports, name)
    except AwsRefusedError:
        return None


def registered_definition(ports: Ports, definition: TaskDefinition) -> Definition | None:
    """Give the active revision with this content; None if there is none, or if it is too old to be looked at."""
    newest = _described(ports, definition.family)
    if newest is None or newest.hash == definition.hash:
        return newest
    for arn in patiently(ports.clock, lambda: ports.definitions.revisions(definition.family, _REVISIONS_COMPARED)):
        revision = _described(ports, arn) if arn != newest.arn else None
        if revision is not None and revision.active and revision.hash == definition.hash:
            return revision
    return None


def register_definition(ports: Ports, definition: TaskDefinition, job: str) -> Definition:
    """Register a revision for a job.

    A try that has worked although AWS says that it has not leaves a revision more, which harms nobody.
    """
    with noted(ports.audit, "task_definition_registered", job=job, task_definition=definition.family) as note:
        registered = patiently(ports.clock, lambda: ports.definitions.register(definition.request()))
        note.add(task_definition=registered.arn)
    return registered


class AskedOnce:
    """`ports.Definitions` of one moment: what was described is not asked for again, by its name or by its ARN."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._found: dict[str, Definition | None] = {}

    def describe(self, name: str) -> Definition | None:
        """Describe a task definition; see `ports.Definitions.describe`. Two threads may both be the first to ask."""
        if name not in self._found:
            found = self._definitions.describe(name)
            self._found[name] = found
            if found is not None:
                self._found[found.arn] = found
        return self._found[name]

    def revisions(self, family: str, limit: int) -> Sequence[str]:
        """List active revisions; see `ports.Definitions.revisions`."""
        return self._definitions.revisions(family, limit)

    def register(self, request: Mapping[str, Any]) -> Definition:
        """Register a revision, which is the newest of its family then."""
        self._found.pop(str(request["family"]), None)
        return self._definitions.register(request)


def _described(ports: Ports, name: str) -> Definition | None:
    return patiently(ports.clock, lambda: ports.definitions.describe(name))


def ensure_log_group(ports: Ports, group: str, settings: Settings) -> None:
    """Create the log group where we may; where we may not, the task will say if it is missing.

    A task whose log group does not exist fails to start, after a minute, with ResourceInitializationError.
    """
    tags: Mapping[str, Any] = {**settings.tags, "jobrunner:project": settings.project}
    days = settings.log_retention
    with (
        suppress(AwsRefusedError),
        noted(ports.audit, "log_group_created", log_group=group, retention_days=days) as note,
    ):
        note.only_if(patiently(ports.clock, lambda: ports.logs.ensure_group(group, retention_days=days, tags=tags)))
