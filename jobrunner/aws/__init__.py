"""AWS behind the ports of `core.ports`: the only package that imports boto3 and botocore.

`connection` makes clients, `tasks`, `definitions`, `deadlines`, `schedules`, `executions`, `identity`, `logs`,
`event_log`, `topics`, `prices` and `audit` are the gateways, `wire` turns documents into values, `faults` is the one
table of errors, `raw_json` makes the frequent answers fast to read.
Importing any of them imports nothing of boto3: that happens with the first call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobrunner.aws.connection import ATTEMPTS, Clients, open_clients
from jobrunner.aws.deadlines import SchedulerDeadlines
from jobrunner.aws.definitions import EcsDefinitions
from jobrunner.aws.event_log import CloudWatchEventLog
from jobrunner.aws.executions import SfnExecutions
from jobrunner.aws.identity import StsIdentity
from jobrunner.aws.logs import CloudWatchLogs
from jobrunner.aws.schedules import SchedulerSchedules
from jobrunner.aws.tasks import EcsTasks
from jobrunner.aws.topics import SnsTopics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.aws.audit import WatchtowerAudit
    from jobrunner.core.connection import Connection


class NoAudit:
    """`ports.Audit` when there is no audit log group."""

    trouble: str | None = None

    def record(self, action: str, fields: Mapping[str, object]) -> None:
        """Note nothing."""

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Gateways:
    """AWS's side of the ports, on one connection.

    Attributes:
        audit: Writes nothing when there is no audit log group; `audit.trouble` says afterwards what went wrong.
        clients: What the others share.
    """

    tasks: EcsTasks
    definitions: EcsDefinitions
    deadlines: SchedulerDeadlines
    schedules: SchedulerSchedules
    executions: SfnExecutions
    identity: StsIdentity
    logs: CloudWatchLogs
    events: CloudWatchEventLog
    topics: SnsTopics
    audit: WatchtowerAudit | NoAudit
    clients: Clients

    def close(self) -> None:
        """Close the connections that are kept open."""
        self.clients.close()
        self.topics.close()


def open_gateways(connection: Connection, *, audit_log_group: str | None = None, attempts: int = ATTEMPTS) -> Gateways:
    """Bind the ports to a connection; nothing is imported from boto3, read or called yet.

    Args:
        connection: Where AWS is.
        audit_log_group: Where the audit trail goes, if anywhere.
        attempts: All tries of one call; 1 where the caller repeats calls itself.
    """
    clients = open_clients(connection, attempts=attempts)
    return Gateways(
        tasks=EcsTasks(clients),
        definitions=EcsDefinitions(clients),
        deadlines=SchedulerDeadlines(clients),
        schedules=SchedulerSchedules(clients),
        executions=SfnExecutions(clients),
        identity=StsIdentity(clients),
        logs=CloudWatchLogs(clients),
        events=CloudWatchEventLog(clients),
        topics=SnsTopics(connection),
        audit=_audit(clients, audit_log_group) if audit_log_group else NoAudit(),
        clients=clients,
    )


def _audit(clients: Clients, group: str) -> WatchtowerAudit:
    from jobrunner.aws.audit import WatchtowerAudit  # noqa: PLC0415  few have an audit log group

    return WatchtowerAudit(clients, group)
