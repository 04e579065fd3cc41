"""One endpoint for all tests of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from endpoint_jobs import Jobs, until

from jobrunner.local import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.endpoint import Endpoint
    from jobrunner.local.faults import FaultBook


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    """An endpoint without simulated times."""
    with serve() as served:
        yield served


@pytest.fixture(scope="session")
def jobs(endpoint: Endpoint) -> Jobs:
    """Jobs on the endpoint."""
    return Jobs(endpoint.connection)


@pytest.fixture
def faults(endpoint: Endpoint) -> Iterator[FaultBook]:
    """What is ordered at the endpoint: nothing yet, no task runs, and nothing any more when the test has ended."""
    for task in endpoint.store.all():
        endpoint.engine.stop(task, "left behind by another test")
    until(lambda: endpoint.engine.running == 0)
    yield endpoint.faults
    endpoint.faults.clear()
