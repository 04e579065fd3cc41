"""A project, an endpoint that executes it, and machines to run it from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from workshop import Workshop

from jobrunner import JobRunner
from jobrunner.core import local_stage
from jobrunner.core.connection import Connection
from jobrunner.document import load_project
from jobrunner.local import serve
from jobrunner.ops.ports import Ports
from jobrunner.store import load_prices, open_history
from jobrunner.testing import FakeAws, MemoryAudit, MemoryRuns, MemoryTold, ScriptedClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jobrunner.local.endpoint import Endpoint
    from jobrunner.store import SqliteHistory


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """One endpoint for the session; moto's state is shared, tasks are not mixed up."""
    with serve(workdir=tmp_path_factory.mktemp("work")) as served:
        yield served


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project with a name of its own, so that no two tests share families or log groups."""
    directory = tmp_path / "project"
    (directory / "jobs").mkdir(parents=True)
    unique = "t" + str(abs(hash(str(tmp_path))))[:12]
    (directory / "jobrunner.yaml").write_text(f"project: {unique}\ndefault_stage: local\n")
    return directory


@pytest.fixture
def machine(project: Path, endpoint: Endpoint, tmp_path: Path) -> Iterator[Callable[..., JobRunner]]:
    """Make runners: each name is a machine with a store of its own, on the same AWS."""
    opened: list[JobRunner] = []

    def make(name: str = "laptop", *, connection: Connection | None = None, **overrides: Any) -> JobRunner:
        settings = {"state_dir": str(tmp_path / name), **overrides}
        loaded = load_project(project, environ={}, overrides=settings)
        opened.append(JobRunner(loaded, connection=connection or endpoint.connection))
        return opened[-1]

    yield make
    for runner in opened:
        runner.close()


@pytest.fixture
def runner(machine: Callable[..., JobRunner]) -> JobRunner:
    """The runner of one machine."""
    return machine()


@pytest.fixture
def aws() -> FakeAws:
    """An AWS in memory, on a scripted clock."""
    return FakeAws(ScriptedClock())


@pytest.fixture
def scripted(project: Path, aws: FakeAws, tmp_path: Path) -> Iterator[Callable[..., JobRunner]]:
    """Make runners on the AWS in memory, with AWS's delays and quotas: each name is a machine with its own store."""
    stores: dict[str, MemoryRuns] = {}
    told: dict[str, MemoryTold] = {}
    histories: dict[str, SqliteHistory] = {}

    def make(name: str = "laptop", *, runs: MemoryRuns | None = None, **overrides: Any) -> JobRunner:
        settings = {"state_dir": str(tmp_path / name), **overrides}
        store = stores.setdefault(name, runs or MemoryRuns())
        ports = Ports(
            connection=Connection(region=local_stage.REGION),
            tasks=aws.tasks,
            definitions=aws.definitions,
            deadlines=aws.deadlines,
            schedules=aws.schedules,
            executions=aws.executions,
            identity=aws.identity,
            logs=aws.logs,
            events=aws.events,
            runs=store,
            history=histories.setdefault(name, open_history(tmp_path / name)),
            clock=aws.clock,
            audit=MemoryAudit(),
            prices=load_prices(),
            topics=aws.topics,
            webhooks=aws.webhooks,
            told=told.setdefault(name, MemoryTold()),
        )
        return JobRunner(load_project(project, environ={}, overrides=settings), ports=ports)

    yield make
    for history in histories.values():
        history.close()


@pytest.fixture
def workshop(project: Path, aws: FakeAws, scripted: Callable[..., JobRunner]) -> Workshop:
    """The project, for jobs that are scheduled on the AWS in memory."""
    return Workshop(directory=project, aws=aws, make=scripted)
