"""Whom a request or a task concerns: job, run, attempt."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.naming import run_id_of
from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.ecs_api import TaskStore
    from jobrunner.local.task import Task
    from jobrunner.local.wire import Request

_JOB, _RUN_ID, _ATTEMPT = "JOBRUNNER_JOB", "JOBRUNNER_RUN_ID", "JOBRUNNER_ATTEMPT"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """Whom something concerns.

    Attributes:
        names: The job's name, and the family of the task definition.
        run_id: None when it is not known.
        attempt: As text; None when it is not known.
        capacity_provider: Of a task; FARGATE for the launch type FARGATE.
        status: Of a task, its `lastStatus`.
        containers: Of a task, the names.
    """

    names: frozenset[str]
    run_id: str | None = None
    attempt: str | None = None
    capacity_provider: str = "FARGATE"
    status: str = "PROVISIONING"
    containers: tuple[str, ...] = ()

    @classmethod
    def of(cls, task: Task) -> Subject:
        """Whom a task concerns, by the environment that its containers get: overrides are in it."""
        variables: dict[str, str] = {}
        for container in reversed(task.containers):
            variables |= {pair["name"]: pair["value"] for pair in container.definition.get("environment") or []}
        return cls(
            names=frozenset(filter(None, (variables.get(_JOB), task.family))),
            run_id=variables.get(_RUN_ID) or run_id_of(task.started_by),
            attempt=variables.get(_ATTEMPT),
            capacity_provider=task.capacity_provider or "FARGATE",
            status=task.last_status,
            containers=tuple(container.name for container in task.containers),
        )


def subjects_of(request: Request, store: TaskStore) -> Iterator[Subject]:
    """Everyone whom a request concerns.

    Itself, by the task definition, the `startedBy` and the environment that it gives, wherever in its JSON they
    stand: in RunTask's overrides, or in the Input of a schedule's target. And the tasks that it names, also by
    their log streams.
    """
    try:
        asked = request.json()
    except ApiError:  # another protocol than JSON's
        return
    found = _Mentions()
    found.read(asked)
    if found.names or found.variables:
        names = {*found.names, found.variables.get(_JOB, "")}
        yield Subject(
            names=frozenset(names), run_id=found.variables.get(_RUN_ID), attempt=found.variables.get(_ATTEMPT)
        )
    if found.task_ids:
        yield from (Subject.of(task) for task in store.all() if task.id in found.task_ids)


#: Members of requests by their lower-case names: Scheduler writes in PascalCase what ECS writes in camelCase.
_DEFINITIONS: Final = frozenset(("taskdefinition", "taskdefinitionarn", "family"))
_TASKS: Final = frozenset(("task", "tasks", "resourcearn", "logstreamname", "logstreamnames"))
#: Lines of a log mention nobody, and are many.
_NOT_READ: Final = frozenset(("logevents",))


@dataclass(kw_only=True)
class _Mentions:
    """What a document mentions."""

    names: set[str] = field(default_factory=set)
    variables: dict[str, str] = field(default_factory=dict)
    task_ids: set[str] = field(default_factory=set)

    def read(self, value: Any) -> None:
        """Read a value and all that is in it."""
        if isinstance(value, list):
            for item in value:
                self.read(item)
        elif isinstance(value, dict):
            self._pair({key.lower(): inner for key, inner in value.items()})
            for key, inner in value.items():
                self._member(key.lower(), inner)

    def _pair(self, lowered: dict[str, Any]) -> None:
        name, value = lowered.get("name"), lowered.get("value")
        if isinstance(name, str) and isinstance(value, str):
            self.variables[name] = value

    def _member(self, key: str, inner: Any) -> None:
        texts = [text for text in (inner if isinstance(inner, list) else [inner]) if isinstance(text, str)]
        if key in _DEFINITIONS:
            self.names |= {text.rpartition("/")[2].partition(":")[0] for text in texts}
        elif key in _TASKS:
            self.task_ids |= {text.rpartition("/")[2] for text in texts}
        elif key == "startedby" and texts:
            self.variables.setdefault(_RUN_ID, run_id_of(texts[0]) or "")
        elif key == "input" and texts:
            self.read(_document(texts[0]))
        if key not in _NOT_READ:
            self.read(inner)


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
