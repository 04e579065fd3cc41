"""From settings to a connection, and from a connection to the ports: where the façade gets its outside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jobrunner.core.connection import Connection
from jobrunner.errors import SpecError
from jobrunner.ops.clock import SystemClock
from jobrunner.ops.ports import Ports

if TYPE_CHECKING:
    from jobrunner.aws import Gateways
    from jobrunner.core.settings import Settings


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
    return patient(connection, settings)


def patient(connection: Connection, settings: Settings) -> Connection:
    """Give the connection with what the settings say of AWS's delays."""
    return replace(
        connection,
        log_settle=connection.log_settle if settings.log_settle is None else settings.log_settle,
        task_settle=connection.task_settle if settings.task_settle is None else settings.task_settle,
    )


def open_ports(settings: Settings, connection: Connection) -> Ports:
    """Bind the ports to AWS and to the store of this machine. boto3 is imported with the first call, not here."""
    from jobrunner.aws import open_gateways  # noqa: PLC0415  not before the spec is valid
    from jobrunner.store import load_prices, open_runs  # noqa: PLC0415

    gateways = open_gateways(connection, audit_log_group=settings.audit_log_group)
    return Ports(
        connection=connection,
        tasks=gateways.tasks,
        definitions=gateways.definitions,
        deadlines=gateways.deadlines,
        logs=gateways.logs,
        runs=open_runs(Path(settings.state_dir).expanduser()),
        clock=SystemClock(),
        audit=gateways.audit,
        prices=load_prices(),
        release=gateways.clients.close,
    )


def open_gateways_once(connection: Connection) -> Gateways:
    """Bind the gateways to clients that try each call once."""
    from jobrunner.aws import open_gateways  # noqa: PLC0415  not before the spec is valid

    return open_gateways(connection, attempts=1)
