"""The façade: what the command line, orchestrators and scripts call.

    with JobRunner.open("path/to/project", stage="prod") as runner:
        run = runner.start("nightly-etl", key="2026-11-23")
        for event in run.events():
            ...
        run.wait().raise_for_failure()

It prints nothing, installs no signal handler, and may be used from several threads.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from jobrunner.core import verdict
from jobrunner.core.connection import Connection
from jobrunner.core.events import Event, Finished, Started, WatchEvent, flatten
from jobrunner.core.options import RunOptions
from jobrunner.core.spec import JobSpec
from jobrunner.errors import SpecError, UnknownRunError
from jobrunner.ops import start as starting
from jobrunner.ops.clock import SystemClock
from jobrunner.ops.find import find, settle_launch
from jobrunner.ops.observe import Observer, StopSignal
from jobrunner.ops.ports import Ports
from jobrunner.ops.replay import read_log, replay
from jobrunner.ops.status import RunStatus, running, status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.naming import RunRef
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.record import RunRecord
    from jobrunner.core.settings import Settings
    from jobrunner.document import Project

__all__ = ["JobRunner", "Run"]


class JobRunner:
    """Runs the jobs of one project on one connection.

    Args:
        project: A loaded project.
        connection: Where AWS is; by default what the project's settings say.
        ports: Replaces everything outside, for tests; see `jobrunner.testing`.

    Raises:
        SpecError: The stage's endpoint is `local`, and no connection to a local endpoint is given.
    """

    def __init__(self, project: Project, *, connection: Connection | None = None, ports: Ports | None = None) -> None:
        self.project = project
        self._given_ports = ports
        self._lock = threading.Lock()
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
    ) -> JobRunner:
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
        """Write out the audit trail, within a bounded time, and release the store. May be called twice."""
        if "_bound" in self.__dict__:
            self._bound.close()

    @property
    def audit_trouble(self) -> str | None:
        """What could not be written to the audit trail, in one sentence, once `close` has been called."""
        return self._bound.audit.trouble if "_bound" in self.__dict__ else None

    def prepare(self, job: str | JobSpec, options: RunOptions | None = None) -> None:
        """Find everything that can be wrong with a run without asking AWS.

        Raises:
            SpecError: With what is wrong.
            UnknownJobError: The project has no such job.
        """
        starting.check(self._spec(job), self.settings, options or RunOptions())

    def start(self, job: str | JobSpec, options: RunOptions | None = None, **changes: Any) -> Run:
        """Start a run; return as soon as ECS has accepted it.

        The run is stored before ECS is asked. With a `key`, the run that the same key of the same job has
        started is given instead of a second one, also when it is already over.

        Args:
            job: A job's name, or a `JobSpec`.
            options: What to change for this run.
            **changes: Fields of `RunOptions`, for convenience: `key=…`, `params=…`.

        Raises:
            SpecError: Something is wrong; nothing was sent.
            UnknownJobError: The project has no such job.
            AwsError: AWS refused or did not answer. After `AwsUnreachableError` the task may run: `attach`.
            StoreError: The record could not be stored; nothing was sent.
        """
        options = replace(options or RunOptions(), **changes)
        return Run(self._ports, starting.start(self._ports, self._spec(job), self.settings, options))

    def run(self, job: str | JobSpec, options: RunOptions | None = None, **changes: Any) -> Outcome:
        """Start a run and wait for its end; see `start` and `Run.wait`."""
        return self.start(job, options, **changes).wait()

    def attach(self, name: str | RunRef) -> Run:
        """Give the handle of a run, wherever it was started; it may be over.

        Args:
            name: A run id or an unambiguous prefix, a task ARN, or a `RunRef` (as value or text).

        Raises:
            UnknownRunError: Nobody knows such a run.
            AmbiguousRunError: The prefix names several.
            LocalEndpointError: It ran on a local endpoint that has gone.
        """
        return Run(self._ports, settle_launch(self._ports, self._find(name)))

    def stop(self, name: str | RunRef, *, reason: str | None = None) -> Run:
        """Tell ECS to stop a run's task; does not wait for the end. A run that is over stays as it is."""
        run = self.attach(name)
        record = run.record
        if record.outcome is None and record.task_arn is not None:
            said = f"{verdict.STOP}: {reason}" if reason else f"{verdict.STOP} by request"
            self._ports.tasks.stop(record.cluster, record.task_arn, said)
            self._ports.audit.record("run_stopped", {"run_id": record.run_id, "job": record.job, "reason": said})
        return run

    def logs(self, name: str | RunRef, *, follow: bool = False) -> Iterator[WatchEvent]:
        """Give the log of a run: what there is now, or with `follow` everything until its end.

        Of a run that is over, the whole log, and `Finished` last. Of one that runs, without `follow`, what is
        readable now. Nothing is stopped when the iteration is left.
        """
        run = self.attach(name)
        now = status(self._ports, run.record)
        if now.outcome is not None:
            yield from replay(self._ports, now.record)
        elif follow:
            yield from run.stream()
        else:
            yield from read_log(self._ports, run.record, over_since=None, to_end=False)

    def status(self, name: str | RunRef) -> RunStatus:
        """Say where a run is; ECS is asked only while the end is not known."""
        return status(self._ports, settle_launch(self._ports, self._find(name)))

    def ps(self) -> Sequence[RunStatus]:
        """List what runs now of this project and stage, whoever started it, oldest first."""
        return running(self._ports, self.settings)

    def _find(self, name: str | RunRef) -> RunRecord:
        return find(self._ports, self.settings, name)

    def _spec(self, job: str | JobSpec) -> JobSpec:
        if isinstance(job, JobSpec):
            return job
        spec = self.project.jobs.get(job)
        if spec is None:
            from jobrunner.document.project import unknown_job  # noqa: PLC0415  only for the message

            raise unknown_job(job, self.project.directory / self.project.settings.jobs)
        return spec

    @property
    def _ports(self) -> Ports:
        with self._lock:
            return self._bound

    @cached_property
    def _bound(self) -> Ports:
        return self._given_ports or open_ports(self.settings, self.connection)


class Run:
    """The handle of one run. Give `str(run.ref)` to whoever may want to find it again.

    Attributes:
        record: What this machine knows of the run.
    """

    def __init__(self, ports: Ports, record: RunRecord) -> None:
        self.record = record
        self._ports = ports
        self._stop = StopSignal()
        self._observer: Observer | None = None
        self._outcome = record.outcome

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.record.run_id

    @property
    def ref(self) -> RunRef:
        """The run's printable identity."""
        return self.record.ref

    @property
    def outcome(self) -> Outcome | None:
        """The end, once it is known."""
        return self._outcome

    @property
    def task(self) -> TaskSnapshot | None:
        """The latest that ECS said of the task while it is streamed; readable from any thread."""
        return self._observer.task if self._observer else None

    def stream(self) -> Iterator[WatchEvent]:
        """Give what happens until the end, log lines in batches; `Started` first, `Finished` last.

        Blocks between events. A run that is over gives its log again. Leaving the iteration leaves the task
        running.

        Raises:
            AwsError: AWS refuses to describe the task, or has not answered for longer than the connection's
                patience. The run goes on; `JobRunner.attach` finds it.
        """
        return self._keep_outcome(self._replayed if self.record.outcome is not None else self._observed)

    def events(self) -> Iterator[Event]:
        """Give what `stream` gives, log lines one by one."""
        return flatten(self.stream())

    def wait(self) -> Outcome:
        """Block until the end; the log is read to its end as well, so that the outcome can say so.

        Raises:
            AwsError: As `stream`.
        """
        for _ in self.stream():
            pass
        if self._outcome is None:
            raise UnknownRunError(f"run {self.run_id} ended without an outcome; this is a bug in jobrunner")
        return self._outcome

    def stop(self, reason: str = f"{verdict.STOP} by request") -> None:
        """Ask for the stop of the task; whoever iterates `stream`, `events` or `wait` sends it.

        May be called from another thread or from a signal handler: it only sets a flag and wakes the stream.
        """
        self._stop.set(reason)

    def _observed(self) -> Iterator[WatchEvent]:
        self._observer = Observer(self._ports, self.record, self._stop)
        return self._observer.stream()

    def _replayed(self) -> Iterator[WatchEvent]:
        yield Started(run_id=self.run_id, task_arn=self.record.task_arn)
        yield from replay(self._ports, self.record)

    def _keep_outcome(self, source: Callable[[], Iterator[WatchEvent]]) -> Iterator[WatchEvent]:
        for event in source():
            if isinstance(event, Finished):
                self._outcome = event.outcome
            yield event


def connection_of(settings: Settings) -> Connection:
    """Give the connection that a project's settings describe.

    Raises:
        SpecError: The endpoint is `local`: whoever calls must bring the connection to one; or no region is set.
    """
    if settings.is_local:
        raise SpecError(
            f"stage {settings.stage} is on the local endpoint, which the library does not start by itself",
            hint="Give JobRunner a connection: `with jobrunner.local.serve() as endpoint: … endpoint.connection`.",
        )
    if settings.region is None:
        raise SpecError(
            "region is not set", hint="Set it in jobrunner.yaml, or as JOBRUNNER_REGION or AWS_REGION, or with a stage."
        )
    connection = Connection(region=settings.region, endpoint_url=settings.endpoint, profile=settings.profile)
    return connection if settings.log_settle is None else replace(connection, log_settle=settings.log_settle)


def open_ports(settings: Settings, connection: Connection) -> Ports:
    """Bind the ports to AWS and to the store of this machine. boto3 is imported with the first call, not here."""
    from jobrunner.aws import open_gateways  # noqa: PLC0415  not before the spec is valid
    from jobrunner.store import load_prices, open_runs  # noqa: PLC0415

    gateways = open_gateways(connection, audit_log_group=settings.audit_log_group)
    return Ports(
        connection=connection,
        tasks=gateways.tasks,
        definitions=gateways.definitions,
        logs=gateways.logs,
        runs=open_runs(Path(settings.state_dir).expanduser()),
        clock=SystemClock(),
        audit=gateways.audit,
        prices=load_prices(),
        release=gateways.clients.close,
    )
