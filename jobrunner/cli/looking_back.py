"""Where a command about the past looks: what this machine has read of it, and whom it can ask for more."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobrunner.binding import patient
from jobrunner.cli.session import connection_elsewhere, load, serving_endpoint
from jobrunner.core import local_stage
from jobrunner.core.connection import Connection
from jobrunner.errors import LocalEndpointError, SpecError
from jobrunner.local.registry import connection_for, endpoints
from jobrunner.runner import JobRunner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobrunner.cli.invocation import Invocation
    from jobrunner.document import Project


@dataclass(frozen=True, kw_only=True)
class LookBack:
    """One command's hold on the past.

    Attributes:
        project: Whose.
        runner: A façade that has all that this machine has read of the stage's history, wherever it happened.
        living: A façade for each place that can be asked for more: one, or every living local endpoint.
    """

    project: Project
    runner: JobRunner
    living: Sequence[JobRunner]

    @property
    def local(self) -> bool:
        """Whether the stage is the local one, where nothing costs anything."""
        return self.project.settings.is_local

    def scheduling(self) -> JobRunner:
        """Give the façade where the project's schedules are.

        Raises:
            LocalEndpointError: It is the local stage, and no endpoint serves this directory.
        """
        serving = serving_endpoint(self.project) if self.local else None
        for one in self.living:
            if not self.local or (serving is not None and one.connection.endpoint_id == serving.id):
                return one
        raise LocalEndpointError(
            "no local endpoint serves this project, so there are no schedules to be looked at",
            hint="`jobrunner local` starts one that stays.",
        )

    def check_known(self, invocation: Invocation, job: str) -> None:
        """Make sure that a job of which nothing is shown is one: of the past, or of the project.

        Raises:
            UnknownJobError: Neither knows it.
        """
        if self.runner.history(job, limit=1, sync=False).entries:
            return
        with suppress(SpecError):  # then the project has it; what is wrong with it is not asked here
            load(invocation, job)


@contextmanager
def to_look_back(invocation: Invocation, project: Project | None = None) -> Iterator[LookBack]:
    """Give a façade on the past of a stage; that of local endpoints that have gone included, if it was read in time."""
    project = load(invocation) if project is None else project
    # Of what ran at endpoints that have gone, this machine's records tell: an endpoint that is none of them has them.
    anywhere = Connection(region=project.settings.region or local_stage.REGION, endpoint_id="gone")
    with everywhere(invocation, project) as living, JobRunner(project, connection=anywhere) as unasked:
        yield LookBack(project=project, runner=living[0] if living else unasked, living=living)


@contextmanager
def everywhere(invocation: Invocation, project: Project | None = None) -> Iterator[list[JobRunner]]:
    """Give a façade for each place where runs of this stage may be: one, or every living local endpoint."""
    project = load(invocation) if project is None else project
    settings = project.settings
    if settings.is_local:
        connections = [patient(connection_for(info), settings) for info in endpoints(Path(settings.state_dir))]
    else:
        connections = [connection_elsewhere(settings)]
    with ExitStack() as stack:
        yield [stack.enter_context(JobRunner(project, connection=connection)) for connection in connections]
