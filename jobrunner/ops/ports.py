"""The ports that the use cases share, bound to one connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.core.billing import PriceTable
    from jobrunner.core.connection import Connection
    from jobrunner.core.ports import (
        Audit,
        Clock,
        Deadlines,
        Definitions,
        EventLog,
        Executions,
        History,
        Identity,
        Logs,
        Runs,
        Schedules,
        Tasks,
        Told,
        Topics,
        Webhooks,
    )


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Everything outside, as the use cases see it.

    Attributes:
        release: Closes the connections that the ports keep open.
    """

    connection: Connection
    tasks: Tasks
    definitions: Definitions
    deadlines: Deadlines
    schedules: Schedules
    executions: Executions
    identity: Identity
    logs: Logs
    events: EventLog
    runs: Runs
    history: History
    clock: Clock
    audit: Audit
    prices: PriceTable
    topics: Topics
    webhooks: Webhooks
    told: Told
    release: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Write out the audit trail, within a bounded time, and release store and connections. May be called twice."""
        self.audit.close()
        self.runs.close()
        self.history.close()
        self.release()
