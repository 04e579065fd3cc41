"""A project bound to what is outside: what all parts of the façade stand on."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from jobrunner.binding import connection_of, open_gateways_once, open_ports
from jobrunner.core.spec import JobSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from jobrunner.core.connection import Connection
    from jobrunner.core.parts import Notify
    from jobrunner.core.settings import Settings
    from jobrunner.document import Project
    from jobrunner.ops.notify import Telling
    from jobrunner.ops.ports import Ports


class BoundProject:
    """A project on one connection; see `JobRunner`."""

    def __init__(self, project: Project, *, connection: Connection | None = None, ports: Ports | None = None) -> None:
        self.project = project
        self._given_ports = ports
        self._lock = threading.Lock()
        #: The jobs that were given as values, for whom they tell.
        self._inline: dict[str, JobSpec] = {}
        if ports is not None:
            connection = ports.connection
        self.connection = connection or connection_of(project.settings)
        #: The settings in effect; the region is the connection's.
        self.settings: Settings = replace(project.settings, region=self.connection.region)

    @classmethod
    def open(
        cls,
        directory: str | Path = ".",
        *,
        stage: str | None = None,
        connection: Connection | None = None,
        overrides: Mapping[str, object] | None = None,
    ) -> Self:
        """Load the project in a directory and bind it. Calls AWS for nothing.

        Args:
            directory: The project's, or one below it.
            stage: A stage of the project; by default JOBRUNNER_STAGE, then the file's `default_stage`.
            connection: Where AWS is; `jobrunner.local.serve()` gives one. By default what the settings say.
            overrides: Settings that win over everything, such as `{"cluster": "blue"}`.

        Raises:
            SpecError: With all problems of all files.
        """
        from jobrunner.document import find_project, load_project  # noqa: PLC0415  YAML only when a project is read

        project = load_project(find_project(Path(directory)), stage=stage, overrides=overrides)
        return cls(project, connection=connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Tell whom a job notifies, write out the audit trail, each within a bounded time, and release the store.

        May be called twice.
        """
        if "_teller" in self.__dict__:
            self._teller.close()
        if "_unrepeated" in self.__dict__:
            self._unrepeated.release()
        if "_bound" in self.__dict__:
            self._bound.close()

    @property
    def audit_trouble(self) -> str | None:
        """What could not be written to the audit trail, in one sentence, once `close` has been called."""
        return self._bound.audit.trouble if "_bound" in self.__dict__ else None

    @property
    def untold(self) -> Sequence[str]:
        """Whom a job notifies and who could not be told, in one sentence each; complete once `close` was called."""
        return self._teller.troubles if "_teller" in self.__dict__ else ()

    def _spec(self, job: str | JobSpec) -> JobSpec:
        if isinstance(job, JobSpec):
            self._inline[job.name] = job
            return job
        spec = self.project.jobs.get(job)
        if spec is None:
            from jobrunner.document.project import unknown_job  # noqa: PLC0415  only for the message

            raise unknown_job(job, self.project.directory / self.project.settings.jobs)
        return spec

    @property
    def _telling(self) -> Telling:
        with self._lock:
            return self._teller

    def _telling_of(self, spec: JobSpec) -> Telling | None:
        return None if spec.notify is None else self._telling

    @cached_property
    def _teller(self) -> Telling:
        from jobrunner.ops.notify import Telling  # noqa: PLC0415  few jobs tell anybody

        return Telling(self._bound, self.settings, self._notify_of, threaded=self._given_ports is None)

    def _notify_of(self, job: str) -> Notify | None:
        """Give whom a job tells, also one that was not loaded: `attach` knows its run before its job."""
        known = self._inline.get(job) or self.project.jobs.get(job)
        if known is None and self.project.partial:
            from jobrunner.document import load_project  # noqa: PLC0415  YAML only when a project is read

            known = load_project(self.project.directory, stage=self.settings.stage, jobs=[job]).jobs[job]
        return None if known is None else known.notify

    @property
    def _threads(self) -> int | None:
        """How many calls may be made at once; None for as many as AWS allows."""
        return None if self._given_ports is None else 1

    @property
    def _ports(self) -> Ports:
        with self._lock:
            return self._bound

    @cached_property
    def _bound(self) -> Ports:
        return self._given_ports or open_ports(self.settings, self.connection)

    @property
    def _many(self) -> Ports:
        """The ports of many runs: their budget repeats what AWS throttles, so botocore itself must not."""
        with self._lock:
            return self._unrepeated

    @cached_property
    def _unrepeated(self) -> Ports:
        bound = self._bound
        if self._given_ports is not None:
            return bound
        gateways = open_gateways_once(self.connection)
        return replace(
            bound,
            tasks=gateways.tasks,
            logs=gateways.logs,
            deadlines=gateways.deadlines,
            release=gateways.clients.close,
        )
