# ruff: noqa: T201 - a script prints
"""By hand: the last event of each task, as it came, into a table: history_events_sqlite.py MESSAGES."""

import json
import sqlite3
import sys
import tempfile
from pathlib import Path

_PAGE = 500
messages = [json.loads(line)[1] for line in Path(sys.argv[1]).read_text().splitlines()]
with tempfile.TemporaryDirectory() as directory:
    connection = sqlite3.connect(Path(directory) / "events.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE events (task TEXT PRIMARY KEY, version INTEGER, message TEXT)")
    for start in range(0, len(messages), _PAGE):
        connection.execute("BEGIN IMMEDIATE")
        for message in messages[start : start + _PAGE]:
            detail = json.loads(message)["detail"]
            connection.execute(
                "INSERT INTO events VALUES (?, ?, ?) ON CONFLICT (task) DO UPDATE SET version = excluded.version,"
                " message = excluded.message WHERE excluded.version > version",
                (detail["taskArn"], detail["version"], message),
            )
        connection.execute("COMMIT")
    print(connection.execute("SELECT count(*) FROM events").fetchone()[0], "tasks")
    connection.close()
