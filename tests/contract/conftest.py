"""One world per kind of outside: the fakes, the local endpoint and, when asked for, another endpoint or AWS itself.

`JOBRUNNER_CONTRACT_ENDPOINT` asks for the latter: the URL of an endpoint, or `aws` for whatever boto3's settings
say. The other `JOBRUNNER_CONTRACT_*` variables say where tasks run there; see `_elsewhere`.
"""

from __future__ import annotations

import os
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from worlds import EndpointWorld, FakeWorld, Place, World

from jobrunner.core import local_stage
from jobrunner.core.connection import Connection
from jobrunner.local import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ASKED = os.environ.get("JOBRUNNER_CONTRACT_ENDPOINT")


@contextmanager
def _local(workdir: Path) -> Iterator[World]:
    place = Place(
        cluster=local_stage.CLUSTER,
        subnets=local_stage.SUBNETS,
        security_groups=local_stage.SECURITY_GROUPS,
        execution_role=local_stage.EXECUTION_ROLE,
        image="python:3.12-slim",
        python=sys.executable,
        assign_public_ip=False,
        bound=30.0,
    )
    with serve(workdir=workdir) as endpoint:
        yield EndpointWorld(endpoint.connection, place)


@contextmanager
def _elsewhere() -> Iterator[World]:
    """An endpoint or account that somebody has prepared: a cluster, subnets, a security group, an execution role."""
    named = {key.removeprefix("JOBRUNNER_CONTRACT_"): value for key, value in os.environ.items()}
    place = Place(
        cluster=named["CLUSTER"],
        subnets=tuple(named["SUBNETS"].split(",")),
        security_groups=tuple(named["SECURITY_GROUPS"].split(",")),
        execution_role=named["EXECUTION_ROLE"],
        image=named.get("IMAGE", "public.ecr.aws/docker/library/python:3.12-slim"),
        python="python",
        assign_public_ip=named.get("ASSIGN_PUBLIC_IP", "true") == "true",
        bound=300.0,
        scheduler_role=named.get("SCHEDULER_ROLE", ""),
        states_role=named.get("STATES_ROLE", ""),
    )
    url = None if _ASKED == "aws" else _ASKED
    yield EndpointWorld(Connection(region=named["REGION"], endpoint_url=url), place)


@pytest.fixture(scope="session", params=["fake", "local", *(["elsewhere"] if _ASKED else [])])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The outside, behind its ports."""
    if request.param == "fake":
        yield FakeWorld()
        return
    opened = _local(tmp_path_factory.mktemp("work")) if request.param == "local" else _elsewhere()
    with opened as found:
        yield found
        found.close()


@pytest.fixture
def family() -> str:
    """A task definition family that nobody else uses."""
    return f"jobrunner-contract-{uuid.uuid4().hex[:12]}"
