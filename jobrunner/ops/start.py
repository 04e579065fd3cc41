"""Begin a run: once, whatever happens.

The order is the promise. First everything that can be wrong is found without AWS. Then the record is stored,
with the request as it will be sent. Only then does its course call RunTask, with a token that belongs to the
record: a repeated call, by this process or by another one that finds the record, gives the same task.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobrunner.core import naming, request
from jobrunner.core.definition import task_definition
from jobrunner.core.logs import log_sources
from jobrunner.core.record import RunRecord
from jobrunner.core.retry import Position, policy_of
from jobrunner.ops import define
from jobrunner.ops.check import check
from jobrunner.ops.from_ecs import joined
from jobrunner.ops.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.options import RunOptions
    from jobrunner.core.ports import Definition
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec
    from jobrunner.ops.ports import Ports


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A run that is stored.

    Attributes:
        record: The run; with an outcome when the same key has brought it to its end before.
        fresh: Whether nobody can have sent its launch.
    """

    record: RunRecord
    fresh: bool = False


class Beginner:
    """Begins runs of one job: stores each before anything is started, or finds the one that its key has begun.

    The task definition is made sure of once, with the first run.

    Args:
        ports: The outside.
        spec: The job.
        settings: Where it runs.
    """

    def __init__(self, ports: Ports, spec: JobSpec, settings: Settings) -> None:
        self._ports = ports
        self._spec = spec
        self._settings = settings
        self._definition: Definition | None = None
        self._tasks: Mapping[str, Sequence[TaskSnapshot]] | None = None

    def begin(self, options: RunOptions) -> Begun:
        """Store a new run, or find the one that the same key has begun, on this machine or on another.

        Raises:
            SpecError: Something is wrong with the job, the settings or the options; nothing was sent.
            AwsError: AWS refused, or did not answer, when it was asked for the task definition or the key's tasks.
            StoreError: The run could not be stored; nothing was sent.
        """
        check(self._spec, self._settings, options)
        return self._stored([self._plan(options, self._of_key)])[0]

    def begin_all(self, options: Sequence[RunOptions]) -> Sequence[Begun]:
        """Begin several runs, as `begin` does each, in one transaction and with one look at what ECS has."""
        for one in options:
            check(self._spec, self._settings, one)
        return self._stored([self._plan(one, self._of_family) for one in options])

    def _plan(self, options: RunOptions, tasks_of: Callable[[str], Sequence[TaskSnapshot]]) -> Begun:
        """Find a key's run, or build the record of a new one."""
        if options.key is None:
            return Begun(record=self._build(naming.run_id_from(secrets.token_bytes(10)), options), fresh=True)
        settings, ports = self._settings, self._ports
        project, stage, job = settings.project, settings.stage, self._spec.name
        run_id = naming.keyed_run_id(project=project, stage=stage, job=job, key=options.key)
        known = ports.runs.get(run_id)
        if known is None or not known.at(ports.connection):
            tasks = tasks_of(run_id)
            record = self._build(run_id, options)
            return Begun(record=joined(record, tasks, ports.prices)) if tasks else Begun(record=record, fresh=True)
        if known.unstarted:
            # The next launch needs its own token: ECS would answer the old one with the old failure.
            return Begun(record=self._build(run_id, options, launch=known.launch + 1), fresh=True)
        return Begun(record=known)

    def _stored(self, planned: Sequence[Begun]) -> Sequence[Begun]:
        """Store what is new. Another process of this machine may have been a moment faster with the same key."""
        stored = self._ports.runs.add_all([one.record for one in planned])
        return [
            Begun(record=there, fresh=one.fresh and there is one.record)
            for one, there in zip(planned, stored, strict=True)
        ]

    def _of_key(self, run_id: str) -> Sequence[TaskSnapshot]:
        """Ask ECS for the tasks of a run that this machine knows nothing of."""
        cluster, tasks = self._settings.cluster, self._ports.tasks
        return self._found(lambda: tasks.find(cluster, started_by=naming.started_by(run_id)))

    def _found(self, find: Callable[[], Sequence[str]]) -> Sequence[TaskSnapshot]:
        cluster, tasks, clock = self._settings.cluster, self._ports.tasks, self._ports.clock
        found = patiently(clock, find)
        return list(patiently(clock, lambda: tasks.describe(cluster, found)).values()) if found else ()

    def _of_family(self, run_id: str) -> Sequence[TaskSnapshot]:
        """The same, with one look at all tasks of the job: for many runs that is fewer calls."""
        if self._tasks is None:
            cluster, tasks, family = self._settings.cluster, self._ports.tasks, _family(self._known_definition())
            by_run: dict[str, list[TaskSnapshot]] = {}
            for task in self._found(lambda: tasks.find(cluster, family=family)):
                by_run.setdefault(naming.run_id_of(task.started_by) or "", []).append(task)
            self._tasks = by_run
        return self._tasks.get(run_id, ())

    def _known_definition(self) -> Definition:
        if self._definition is None:
            definition = task_definition(self._spec, self._settings)
            if definition is None:
                self._definition = define.existing_definition(self._ports, str(self._spec.task_definition))
            else:
                self._definition = define.ensure_definition(self._ports, definition, self._spec, self._settings)
        return self._definition

    def _build(self, run_id: str, options: RunOptions, *, launch: int = 1) -> RunRecord:
        """Build the record of a run, with the request as it will be sent."""
        spec, settings, connection = self._spec, self._settings, self._ports.connection
        definition = self._known_definition()
        main = define.own_container(definition, spec.container) if spec.task_definition else naming.MAIN_CONTAINER
        identity = request.RunIdentity.of_run(run_id)
        built = request.run_request(spec, settings, options, identity, task_definition=definition.arn, container=main)
        policy = policy_of(spec, options)
        at = Position(launch=launch, capacity=policy.first_capacity)
        now = self._ports.clock.now()
        return RunRecord(
            run_id=run_id,
            job=spec.name,
            project=settings.project,
            stage=settings.stage,
            trigger=str(options.trigger),
            created_at=now,
            region=connection.region,
            cluster=settings.cluster,
            endpoint_url=connection.endpoint_url,
            endpoint_id=connection.endpoint_id,
            launch=launch,
            capacity=at.capacity,
            policy=policy,
            requested_at=now,
            launched_at=now,
            request=request.relaunched(built.body, run_id, at) if launch > 1 else built.body,
            main=main,
            logs=log_sources(definition.containers, region=connection.region),
            architecture=spec.architecture,
            timeout=spec.timeout if options.timeout is None else options.timeout or None,
            scheduled_time=options.scheduled_time,
            key=options.key,
        )


def _family(definition: Definition) -> str:
    return definition.arn.rpartition("/")[2].partition(":")[0]
