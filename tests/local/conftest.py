"""One endpoint for all tests of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from endpoint_jobs import Jobs

from jobrunner.local import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.endpoint import Endpoint


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    """An endpoint without simulated times."""
    with serve() as served:
        yield served


@pytest.fixture(scope="session")
def jobs(endpoint: Endpoint) -> Jobs:
    """Jobs on the endpoint."""
    return Jobs(endpoint.connection)
