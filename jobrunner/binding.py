"""From settings to a connection, and from a connection to the ports: where the façade gets its outside."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jobrunner.core.connection import Connection
from jobrunner.errors import SpecError
from jobrunner.ops.clock import SystemClock
from jobrunner.ops.ports import Ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.aws import Gateways
    from jobrunner.core.billing import PriceTable
    from jobrunner.core.ports import PriceList
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
    from jobrunner.store import open_history, open_runs, open_told  # noqa: PLC0415
    from jobrunner.web.webhooks import HttpWebhooks  # noqa: PLC0415

    gateways = open_gateways(connection, audit_log_group=settings.audit_log_group)
    return Ports(
        connection=connection,
        tasks=gateways.tasks,
        definitions=gateways.definitions,
        deadlines=gateways.deadlines,
        schedules=gateways.schedules,
        executions=gateways.executions,
        identity=gateways.identity,
        logs=gateways.logs,
        events=gateways.events,
        runs=open_runs(Path(settings.state_dir).expanduser()),
        history=open_history(Path(settings.state_dir).expanduser()),
        clock=SystemClock(),
        audit=gateways.audit,
        prices=_prices(Path(settings.state_dir).expanduser()),
        topics=gateways.topics,
        webhooks=HttpWebhooks(),
        told=open_told(Path(settings.state_dir).expanduser()),
        release=gateways.close,
    )


def _prices(state_dir: Path) -> PriceTable:
    """Give the prices that this machine knows; of what it has kept and cannot read, log a warning."""
    from jobrunner.store import open_prices  # noqa: PLC0415  as in open_ports

    book = open_prices(state_dir)
    if book.trouble is not None:
        import logging  # noqa: PLC0415  milliseconds that nearly no call needs

        # Without a handler, Python writes warnings to stderr as they are.
        logging.getLogger("jobrunner").warning("jobrunner: warning: %s", book.trouble)
    return book.table


@contextmanager
def price_list(connection: Connection) -> Iterator[PriceList]:
    """Give AWS's Price List, for the credentials of a connection."""
    from jobrunner.aws.prices import open_price_list  # noqa: PLC0415  few ask for it

    opened = open_price_list(connection)
    try:
        yield opened
    finally:
        opened.close()


def open_gateways_once(connection: Connection) -> Gateways:
    """Bind the gateways to clients that try each call once."""
    from jobrunner.aws import open_gateways  # noqa: PLC0415  not before the spec is valid

    return open_gateways(connection, attempts=1)
