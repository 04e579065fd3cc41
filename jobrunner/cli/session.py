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
from jobrunner.cli.harmless import harmless_line
from jobrunner.core import local_stage, naming
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
    return _warned(invocation, load_project(invocation.directory, stage=invocation.stage_named or stage, jobs=jobs))


def load_whole(invocation: Invocation) -> Project:
    """Load the project with all its jobs; as `load`."""
    return _warned(invocation, load_project(invocation.directory, stage=invocation.stage_named))


def _warned(invocation: Invocation, project: Project) -> Project:
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
    with on_runs(invocation, load(invocation, job), job, options) as session:
        yield session


@contextmanager
def on_runs(invocation: Invocation, project: Project, job: str, options: Sequence[RunOptions]) -> Iterator[Session]:
    """The same, of a project that is loaded."""
    settings = project.settings
    anywhere = Connection(region=settings.region or local_stage.REGION)
    connection = anywhere if settings.is_local else connection_elsewhere(settings)
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


def place_of_runs(project: Project) -> Connection | None:
    """Say where runs that are started now would be, and start nothing; None for an endpoint that is still to start."""
    if not project.settings.is_local:
        return connection_elsewhere(project.settings)
    info = serving_endpoint(project)
    return None if info is None else connection_for(info)


@contextmanager
def to_schedule(invocation: Invocation, *jobs: str) -> Iterator[Session]:
    """Give a session for the schedules of the project's jobs, or of the named ones; see `on_schedules`.

    Raises:
        SpecError: With all problems of the jobs; not even the local endpoint was started.
        UnknownJobError: There is no such job.
    """
    project = load(invocation, *jobs) if jobs else load_whole(invocation)
    with on_schedules(invocation, project) as session:
        yield session


@contextmanager
def on_schedules(invocation: Invocation, project: Project) -> Iterator[Session]:
    """Give a session for what a project has at EventBridge Scheduler, whichever of its jobs are loaded.

    On the local stage that is the endpoint that serves this directory. If none runs, one is started that ends with this
    command, and its schedules with it.
    """
    settings = project.settings
    with ExitStack() as stack:
        owned = None
        if settings.is_local:
            info, owned = _local_endpoint(project, stack)
            connection = patient(connection_for(info), settings)
            if owned is not None:
                lasting = f"`{invocation.command('local')}` starts one that stays"
                invocation.note(f"local endpoint: it and its schedules end with this command; {lasting}")
        else:
            connection = connection_elsewhere(settings)
        runner = stack.enter_context(_opened(invocation, project, connection))
        yield Session(runner=runner, _owned=owned)


@contextmanager
def _opened(invocation: Invocation, project: Project, connection: Connection) -> Iterator[JobRunner]:
    """Give a façade; say at its end who could not be told, and what could not be written to the audit trail."""
    runner = JobRunner(project, connection=connection)
    try:
        yield runner
    finally:
        runner.close()
        for trouble in runner.untold:
            invocation.note(f"warning: {harmless_line(trouble)}")
        if runner.audit_trouble is not None:
            invocation.note(f"warning: {runner.audit_trouble}")


def connection_elsewhere(settings: Settings) -> Connection:
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

    settings = project.settings
    state_dir = usable(Path(settings.state_dir))
    if (serving := serving_endpoint(project)) is not None:
        return serving, None
    owned = start_owned(
        state_dir,
        project.directory.absolute(),
        region=settings.region or local_stage.REGION,
        startup=settings.local_startup or 0.0,
        deprovision=settings.local_deprovision or 0.0,
    )
    stack.enter_context(owned)
    return owned.info, owned


def serving_endpoint(project: Project) -> EndpointInfo | None:
    """Give the living endpoint that serves the project's directory, or that the environment names; or None."""
    exported = os.environ.get("AWS_ENDPOINT_URL")
    workdir = project.directory.absolute()
    for info in endpoints(Path(project.settings.state_dir)):
        if not info.owned and (Path(info.workdir) == workdir or info.url == exported):
            return info
    return None


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
    record = recorded(Path(project.settings.state_dir), name) or read_before(project.settings, name)
    if record is not None and not _meant(record, name, project.settings, invocation.stage_named):
        record = None
    # A run is found on its own stage, unless another one is named: somebody named that one when it was started.
    if record is not None and record.stage != project.settings.stage and record.project == project.settings.project:
        project = load(invocation, stage=record.stage)
    connection, gone = _where(project, record, name)
    with _opened(invocation, project, connection) as runner:
        yield Session(runner=runner, record=record, gone=gone)


def _meant(record: RunRecord, name: str, settings: Settings, stage: str | None) -> bool:
    """Tell whether a name means the run of that record: another project or stage may have one scheduled for then."""
    return naming.is_task_arn(name) or record.is_of(settings.project, record.stage if stage is None else stage)


def recorded(state_dir: Path, name: str) -> RunRecord | None:
    """Give this machine's record of a run, if the name is clear and there is one."""
    from jobrunner.store import open_runs

    runs = open_runs(state_dir)
    try:
        found = find.recorded(runs, name, 2)
        return found[0] if len(found) == 1 else None
    finally:
        runs.close()


def read_before(settings: Settings, name: str) -> RunRecord | None:
    """Give the record of a run from what this machine has read of history, if the name is clear and it is there."""
    from jobrunner.ops.from_history import entries_named, record_of_entry
    from jobrunner.store import open_history

    history = open_history(Path(settings.state_dir))
    try:
        found = entries_named(history, settings, name, place=None)
        return record_of_entry(found[0], settings) if len(found) == 1 else None
    finally:
        history.close()


def _where(project: Project, record: RunRecord | None, name: str) -> tuple[Connection, bool]:
    """Give the connection to look at, and whether the local endpoint there has gone."""
    settings = project.settings
    state_dir = Path(settings.state_dir)
    if record is not None and record.endpoint_id is not None:
        info = discover(state_dir, endpoint_id=record.endpoint_id)
        if info is not None:
            return patient(connection_for(info), settings), False
        if record.scheduled and (again := _again(project, name)) is not None:
            return again, False
        if record.outcome is None:
            raise _gone(record)
        # Nothing will be asked of it: what is known is in the record.
        return Connection(region=record.region, endpoint_url=record.endpoint_url, endpoint_id=record.endpoint_id), True
    if not settings.is_local:
        return connection_elsewhere(settings), False
    info = discover(state_dir, owned=True)
    if info is not None:
        return patient(connection_for(info), settings), False
    raise UnknownRunError(
        f"this machine knows no run {name!r}, and no local endpoint is running",
        hint="`jobrunner local` starts one that stays; a run on AWS is found with --stage NAME.",
    )


def _again(project: Project, name: str) -> Connection | None:
    """Give the living local endpoint at which the time of a scheduled run has come again, if that is so.

    `jobrunner local --from TIME` lets it come with every start.
    """
    info = discover(Path(project.settings.state_dir), owned=True) if project.settings.is_local else None
    if info is None:
        return None
    connection = patient(connection_for(info), project.settings)
    with JobRunner(project, connection=connection) as runner:
        try:
            return connection if runner.status(name).record.at(connection) else None
        except LocalEndpointError:  # this one does not know it
            return None


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
