"""The task definitions that a plan promises: registered when the first schedule needs them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobrunner.core.definition import task_definition
from jobrunner.errors import AwsError
from jobrunner.ops import define

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.core.definition import TaskDefinition
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec
    from jobrunner.ops.ports import Ports


def new_revision(family: str) -> str:
    """Give what stands in a plan for a revision that is to be registered; no task definition can have that name."""
    return f"{family}:(new revision)"


def with_revision(body: Mapping[str, Any], family: str, arn: str) -> Mapping[str, Any]:
    """Give the request of a schedule with a revision's ARN where the plan has only promised one; all else stays.

    In the text of the input, so that not a letter of it changes besides. Quotes inside of its values are escaped: what
    is looked for can only be the member itself.

    Raises:
        ValueError: The request promises no revision of that family: it is not of this plan.
    """
    promised, given = (f'"TaskDefinition":{json.dumps(name)}' for name in (new_revision(family), arn))
    target = body["Target"]
    before, found, after = target["Input"].partition(promised)
    if not found:
        raise ValueError(f"the schedule {body['Name']} promises no new revision of {family}")
    return {**body, "Target": {**target, "Input": f"{before}{given}{after}"}}


class Revisions:
    """Registers what a plan promises, each once, whatever comes of it.

    Args:
        ports: The outside.
        jobs: The jobs that the plan was drawn from.
        settings: As above.
        promised: The jobs that the plan registers a task definition for.
    """

    def __init__(
        self, ports: Ports, jobs: Mapping[str, JobSpec], settings: Settings, promised: tuple[str, ...]
    ) -> None:
        self._ports = ports
        self._jobs = jobs
        self._settings = settings
        self._promised = frozenset(promised)
        self._log_groups: set[str] = set()
        self._known: dict[str, str | AwsError] = {}

    def filled_in(self, body: Mapping[str, Any], job: str | None) -> Mapping[str, Any]:
        """Give the request of a job's schedule as it is to be sent.

        Raises:
            AwsError: The task definition could not be registered; the same for every schedule of the job.
        """
        if job is None or job not in self._promised:
            return body
        definition = task_definition(self._jobs[job], self._settings)
        if definition is None:
            raise ValueError(f"the job {job} names a task definition, and a plan promises a new one")
        return with_revision(body, definition.family, self._arn(job, definition))

    def _arn(self, job: str, definition: TaskDefinition) -> str:
        if job not in self._known:
            try:
                self._known[job] = self._registered(job, definition)
            except AwsError as error:
                self._known[job] = error
        known = self._known[job]
        if isinstance(known, AwsError):
            raise known
        return known

    def _registered(self, job: str, definition: TaskDefinition) -> str:
        """Register it, unless somebody has done so since the plan was drawn."""
        ports, settings = self._ports, self._settings
        found = define.registered_definition(ports, definition)
        if found is not None:
            return found.arn
        log_group = self._jobs[job].log_group or settings.log_group
        if log_group not in self._log_groups:
            define.ensure_log_group(ports, log_group, settings)
            self._log_groups.add(log_group)
        return define.register_definition(ports, definition, job).arn
