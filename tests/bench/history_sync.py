"""Read a log of events into an empty history, once: history_sync.py MESSAGES RUNS."""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jobrunner.core.connection import Connection
from jobrunner.core.history import Query
from jobrunner.core.settings import Settings
from jobrunner.ops.history import sync
from jobrunner.ops.ports import Ports
from jobrunner.store import load_prices, open_history
from jobrunner.testing import FakeAws, MemoryAudit, MemoryRuns, MemoryTold, ScriptedClock

#: About as many events as fit into the megabyte that FilterLogEvents gives at once.
_PAGE = 500


def main(messages: Path, runs: int) -> None:
    """Sync, and look whether every run is there."""
    settings = Settings(
        project="bench",
        stage="prod",
        history_log_group="/events",
        schedule_group="jobrunner-bench-prod",
        log_group="/jobrunner/bench/prod",
        state_dir="",
    )
    aws = FakeAws(ScriptedClock(datetime.now(UTC) + timedelta(days=1)))
    aws.events.page_size = _PAGE
    aws.events.groups["/events"] = [(at, message) for at, message in map(json.loads, messages.read_text().splitlines())]
    with tempfile.TemporaryDirectory() as directory:
        ports = Ports(
            connection=Connection(region="eu-west-1"),
            tasks=aws.tasks,
            definitions=aws.definitions,
            deadlines=aws.deadlines,
            schedules=aws.schedules,
            executions=aws.executions,
            identity=aws.identity,
            logs=aws.logs,
            events=aws.events,
            runs=MemoryRuns(),
            history=open_history(Path(directory)),
            clock=aws.clock,
            audit=MemoryAudit(),
            prices=load_prices(),
            topics=aws.topics,
            webhooks=aws.webhooks,
            told=MemoryTold(),
        )
        synced = sync(ports, settings)
        found = sum(1 for _ in ports.history.figures(Query(project="bench", stage="prod")))
        ports.close()
    assert runs == found, f"{found} runs of {runs}"
    sys.stdout.write(f"{synced.events} events, {synced.unreadable} unreadable, {found} runs\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
