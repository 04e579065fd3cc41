"""Bind the façade for one command: load the project, find or start the endpoint, say where the run is.

The local endpoint is found or started here, and nowhere else: for everything below it is a connection.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jobrunner.binding import connection_of, patient
from jobrunner.core import local_stage
from jobrunner.core.connection import Connection
from jobrunner.document import load_project
from jobrunner.errors import LocalEndpointError, UnknownRunError
from jobrunner.local.registry import EndpointInfo, connection_for, discover, endpoints
from jobrunner.ops import find
from jobrunner.runner import JobRunner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.options import RunOptions
    from jobrunner.core.record import RunRecord
    from jobrunner.core.settings import Settings
    from jobrunner.document import Project
    from jobrunner.local.process import OwnedEndpoint

#: How long an endpoint that this command started stays after its last task and the last question, when its run
#: is left to itself: long enough to attach, look, and read the log.
LINGER_SECONDS: Final = 600.0


@dataclass(kw_only=True)
class Session:
    """One command's hold on the façade.

    Attributes:
        runner: The façade.
        record: The run that the command is about, if this machine has a record of it.
        gone: Whether the local endpoint that had the run has gone: only the record is left.
    """

    runner: JobRunner
    record: RunRecord | None = None
    gone: bool = False
    _owned: OwnedEndpoint | None = None

    @property
    def local(self) -> bool:
        """Whether this is a local endpoint, where nothing costs anything."""
        return self.runner.connection.endpoint_id is not None

    @property
    def log_readable(self) -> bool:
        """Whether logs can still be read when this command has ended."""
        return self._owned is None

    def recall(self, run_id: str) -> RunRecord | None:
        """Give what this machine knows of a run by now: another process may have followed it to its end."""
        return recorded(Path(self.runner.settings.state_dir), run_id)

    def linger(self, invocation: Invocation) -> None:
        """Let an endpoint that was started for this command outlive it: its run goes on."""
        if self._owned is not None:
            owned, self._owned = self._owned, None
            owned.linger(LINGER_SECONDS)
            url = owned.info.url
            minutes = int(LINGER_SECONDS // 60)
            invocation.note(f"the local endpoint {url} stays until the run is over and {minutes} minutes are quiet")


def load(invocation: Invocation, *jobs: str, stage: str | None = None) -> Project:
    """Load the project with the named jobs only; say what looks like a slip.

    Raises:
        SpecError: With all problems.
        UnknownJobError: There is no such job.
    """
    project = load_project(invocation.directory, stage=invocation.stage_named or stage, jobs=jobs)
    for warning in project.warnings:
        invocation.note(f"warning: {warning}")
    return project


@contextmanager
def to_start(invocation: Invocation, job: str, options: RunOptions) -> Iterator[Session]:
    """Give a session for starting a run; everything that can be checked offline has been.

    Raises:
        SpecError: Something is wrong; nothing was started, not even the local endpoint.
        LocalEndpointError: It does not start.
    """
    with to_start_many(invocation, job, (options,)) as session:
        yield session


@contextmanager
def to_start_many(invocation: Invocation, job: str, options: Sequence[RunOptions]) -> Iterator[Session]:
    """Give a session for starting runs of one job with these options; as `to_start`."""
    project = load(invocation, job)
    settings = project.settings
    anywhere = Connection(region=settings.region or local_stage.REGION)
    connection = anywhere if settings.is_local else _elsewhere(settings)
    checker = JobRunner(project, connection=connection)
    for one in options:
        checker.prepare(job, one)
    with ExitStack() as stack:
        owned = None
        if settings.is_local:
            info, owned = _local_endpoint(project, stack)
            connection = patient(connection_for(info), settings)
            shared = "" if owned else f" {info.url}"
            invocation.note(f"local endpoint{shared}: tasks run as local processes, images are not pulled")
        runner = stack.enter_context(_opened(invocation, project, connection))
        yield Session(runner=runner, _owned=owned)


@contextmanager
def _opened(invocation: Invocation, project: Project, connection: Connection) -> Iterator[JobRunner]:
    """Give a façade; say at its end what could not be written to the audit trail."""
    runner = JobRunner(project, connection=connection)
    try:
        yield runner
    finally:
        runner.close()
        if runner.audit_trouble is not None:
            invocation.note(f"warning: {runner.audit_trouble}")


def _elsewhere(settings: Settings) -> Connection:
    """Give the connection of a stage that is not local; of a local endpoint named by its URL, all that is known.

    `eval "$(jobrunner local --exports)"` points every stage at it, and its logs need no time to settle.
    """
    connection = connection_of(settings)
    url = settings.endpoint or os.environ.get("AWS_ENDPOINT_URL")
    known = [info for info in endpoints(Path(settings.state_dir)) if info.url == url] if url else []
    return patient(replace(connection_for(known[0]), region=connection.region), settings) if known else connection


def _local_endpoint(project: Project, stack: ExitStack) -> tuple[EndpointInfo, OwnedEndpoint | None]:
    """Find a living endpoint that serves this directory, or start one for the duration of this command.

    Containers run in the endpoint's directory: one that serves another project would run another's files. Whoever
    has exported its URL wants it all the same.
    """
    from jobrunner.local.process import start_owned

    exported = os.environ.get("AWS_ENDPOINT_URL")
    settings = project.settings
    state_dir, workdir = usable(Path(settings.state_dir)), project.directory.absolute()
    for info in endpoints(state_dir):
        if not info.owned and (Path(info.workdir) == workdir or info.url == exported):
            return info, None
    owned = start_owned(
        state_dir,
        workdir,
        region=settings.region or local_stage.REGION,
        startup=settings.local_startup or 0.0,
        deprovision=settings.local_deprovision or 0.0,
    )
    stack.enter_context(owned)
    return owned.info, owned


def usable(state_dir: Path) -> Path:
    """Make sure that runs can be recorded in the directory, before an endpoint registers there.

    Raises:
        StoreError: They cannot.
    """
    from jobrunner.store import open_runs

    runs = open_runs(state_dir)
    try:
        runs.recent(limit=1)  # the file is opened, or made, with the first question
    finally:
        runs.close()
    return state_dir


@contextmanager
def to_find(invocation: Invocation, name: str) -> Iterator[Session]:
    """Give a session on the endpoint that has the run of that name, wherever this machine's record says it is.

    Raises:
        UnknownRunError: On the local stage, this machine has no record of such a run and no endpoint lives.
        AmbiguousRunError: The prefix names several.
        LocalEndpointError: The run was on a local endpoint that has gone, and its end is not known.
    """
    project = load(invocation)
    record = recorded(Path(project.settings.state_dir), name)
    # A run is found on its own stage, unless another one is named: somebody named that one when it was started.
    if record is not None and record.stage != project.settings.stage and record.project == project.settings.project:
        project = load(invocation, stage=record.stage)
    connection, gone = _where(project.settings, record, name)
    with _opened(invocation, project, connection) as runner:
        yield Session(runner=runner, record=record, gone=gone)


def recorded(state_dir: Path, name: str) -> RunRecord | None:
    """Give this machine's record of a run, if the name is clear and there is one."""
    from jobrunner.store import open_runs

    runs = open_runs(state_dir)
    try:
        found = find.recorded(runs, name, 2)
        return found[0] if len(found) == 1 else None
    finally:
        runs.close()


def _where(settings: Settings, record: RunRecord | None, name: str) -> tuple[Connection, bool]:
    """Give the connection to look at, and whether the local endpoint there has gone."""
    state_dir = Path(settings.state_dir)
    if record is not None and record.endpoint_id is not None:
        info = discover(state_dir, endpoint_id=record.endpoint_id)
        if info is not None:
            return patient(connection_for(info), settings), False
        if record.outcome is None:
            raise _gone(record)
        # Nothing will be asked of it: what is known is in the record.
        return Connection(region=record.region, endpoint_url=record.endpoint_url, endpoint_id=record.endpoint_id), True
    if not settings.is_local:
        return _elsewhere(settings), False
    info = discover(state_dir, owned=True)
    if info is not None:
        return patient(connection_for(info), settings), False
    raise UnknownRunError(
        f"this machine knows no run {name!r}, and no local endpoint is running",
        hint="`jobrunner local` starts one that stays; a run on AWS is found with --stage NAME.",
    )


def _gone(record: RunRecord) -> LocalEndpointError:
    return LocalEndpointError(
        f"the local endpoint that ran {record.run_id} ({record.job}) has gone, and the run with it",
        hint="`jobrunner local` starts an endpoint that stays.",
    )


def gone_log(record: RunRecord) -> LocalEndpointError:
    """Give the error for a log that went with its endpoint."""
    return LocalEndpointError(
        f"the local endpoint that ran {record.run_id} ({record.job}) has gone, and its log with it",
        hint="`jobrunner local` starts an endpoint that stays; `jobrunner status` knows how the run ended.",
    )


@contextmanager
def everywhere(invocation: Invocation) -> Iterator[list[JobRunner]]:
    """Give a façade for each place where runs of this stage may be: one, or every living local endpoint."""
    project = load(invocation)
    settings = project.settings
    if settings.is_local:
        connections = [patient(connection_for(info), settings) for info in endpoints(Path(settings.state_dir))]
    else:
        connections = [_elsewhere(settings)]
    with ExitStack() as stack:
        yield [stack.enter_context(JobRunner(project, connection=connection)) for connection in connections]
