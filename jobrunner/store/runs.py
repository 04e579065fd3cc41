"""The records of runs, in a SQLite file of the user.

A record is on the disk before the call that starts its task, so it must survive the machine: `synchronous` is FULL.
In WAL mode NORMAL survives a killed process, but may lose the last commits when the power goes ("PRAGMA
synchronous", sqlite.org), and then a task would run that nobody knows of.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobrunner.core.record import RunRecord
from jobrunner.errors import StoreError
from jobrunner.store.sqlite_file import BUSY_SECONDS, UNWRITABLE, SqliteFile, hint_of, prefer_wal

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jobrunner.store.sqlite_file import Identity

FILE = "runs.sqlite"
#: Raised with every change of the tables; older versions of jobrunner then refuse the file.
SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    job TEXT NOT NULL,
    project TEXT NOT NULL,
    stage TEXT,
    created_at INTEGER NOT NULL, -- microseconds since the epoch
    task_arn TEXT,
    finished INTEGER NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX runs_by_time ON runs (created_at);
CREATE INDEX runs_by_job ON runs (job, created_at);
CREATE INDEX runs_by_task ON runs (task_arn) WHERE task_arn IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (created_at) WHERE finished = 0;
"""
_COLUMNS = "run_id, job, project, stage, created_at, task_arn, finished, record"
_VALUES = ":run_id, :job, :project, :stage, :created_at, :task_arn, :finished, :record"
_UPDATE = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ")[1:])
_REPLACE = f"INSERT INTO runs ({_COLUMNS}) VALUES ({_VALUES}) ON CONFLICT (run_id) DO UPDATE SET {_UPDATE}"  # noqa: S608
_NEWEST = "ORDER BY created_at DESC, rowid DESC LIMIT ?"
#: From a place in the order of `created_at` and `rowid`, which is that of an index; row ids begin with 1.
_BEGUN_SINCE = (
    "SELECT created_at, rowid, record FROM runs WHERE (created_at, rowid) > (?, ?) AND project = ? AND stage IS ? "
    "ORDER BY created_at, rowid LIMIT 500"
)
_MINUS_INFINITY = -(2**63)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def open_runs(state_dir: Path) -> SqliteRuns:
    """Give the store of a state directory. Nothing is created or read before it is used."""
    return SqliteRuns(state_dir / FILE)


class SqliteRuns:
    """`ports.Runs` in a SQLite file.

    Safe from several threads (one connection behind a lock), from several processes, and after a fork.

    Args:
        path: The file; it is created (0600) with its directory (0700) when it is first used.
        busy_seconds: How long another process's commit is waited for.
    """

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._path = path
        self._file = SqliteFile(path, busy_seconds=busy_seconds, synchronous="FULL", prepare=self._prepare)

    def add(self, record: RunRecord) -> RunRecord:
        """Store a new record durably; see `ports.Runs.add`."""
        with self._transaction() as connection:
            row = connection.execute("SELECT record FROM runs WHERE run_id = ?", (record.run_id,)).fetchone()
            if row is None:
                connection.execute(f"INSERT INTO runs ({_COLUMNS}) VALUES ({_VALUES})", _row(record))  # noqa: S608
        return record if row is None else self._record(row)

    def add_all(self, records: Sequence[RunRecord]) -> Sequence[RunRecord]:
        """Store many in one transaction; see `ports.Runs.add_all`."""
        with self._transaction() as connection:
            return [self._added(connection, record) for record in records]

    def _added(self, connection: sqlite3.Connection, record: RunRecord) -> RunRecord:
        row = connection.execute("SELECT record FROM runs WHERE run_id = ?", (record.run_id,)).fetchone()
        stored = None if row is None else self._record(row)
        if stored is not None and not record.replaces(stored):
            return stored
        connection.execute(_REPLACE, _row(record))
        return record

    def save(self, record: RunRecord) -> None:
        """Replace the record of that run id; see `ports.Runs.save`."""
        with self._transaction() as connection:
            connection.execute(_REPLACE, _row(record))

    def advance(self, record: RunRecord) -> RunRecord:
        """Store a record unless what is stored knows more; see `ports.Runs.advance`."""
        return self.advance_all((record,))[0]

    def advance_all(self, records: Sequence[RunRecord]) -> Sequence[RunRecord]:
        """Store many in one transaction; see `ports.Runs.advance_all`."""
        with self._transaction() as connection:
            return [self._advanced(connection, record) for record in records]

    def _advanced(self, connection: sqlite3.Connection, record: RunRecord) -> RunRecord:
        row = connection.execute("SELECT record FROM runs WHERE run_id = ?", (record.run_id,)).fetchone()
        if row is not None and record.is_behind(stored := self._record(row)):
            return stored
        connection.execute(_REPLACE, _row(record))
        return record

    def get(self, run_id: str) -> RunRecord | None:
        """Give the record of a run id, or None."""
        return next(iter(self._select("WHERE run_id = ?", run_id)), None)

    def find(self, prefix: str, limit: int = 10) -> Sequence[RunRecord]:
        """Give records whose run id starts so, newest first."""
        return self._select(f"WHERE run_id >= ? AND run_id < ? {_NEWEST}", prefix, prefix + "\U0010ffff", limit)

    def by_task(self, task_arn: str) -> RunRecord | None:
        """Give the record of a task, or None."""
        return next(iter(self._select(f"WHERE task_arn = ? {_NEWEST}", task_arn, 1)), None)

    def recent(self, *, job: str | None = None, unfinished: bool = False, limit: int = 100) -> Sequence[RunRecord]:
        """Give records, newest first."""
        terms = [*(["job = ?"] if job is not None else []), *(["finished = 0"] if unfinished else [])]
        where = f"WHERE {' AND '.join(terms)} " if terms else ""
        return self._select(f"{where}{_NEWEST}", *([job] if job is not None else []), limit)

    def begun_since(self, moment: datetime | None, *, project: str, stage: str | None) -> Iterator[RunRecord]:
        """Give records, oldest first, some at a time; see `ports.Runs.begun_since`."""
        place = (_MINUS_INFINITY if moment is None else _microseconds(moment), 0)
        while True:
            with self._file.lock, self._errors():
                rows = self._connection().execute(_BEGUN_SINCE, (*place, project, stage)).fetchall()
            if not rows:
                return
            yield from (self._record((text,)) for *_, text in rows)
            place = rows[-1][:2]

    def close(self) -> None:
        """Release the file; the next use opens it again."""
        self._file.close()

    def _select(self, clause: str, *values: object) -> Sequence[RunRecord]:
        with self._file.lock, self._errors():
            rows = self._connection().execute(f"SELECT record FROM runs {clause}", values).fetchall()  # noqa: S608
        return [self._record(row) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors(), self._file.transaction() as connection:
            yield connection

    def _connection(self) -> sqlite3.Connection:
        return self._file.connection()[0]

    def _prepare(self, connection: sqlite3.Connection, _: Identity) -> None:
        if self._version(connection) == SCHEMA_VERSION:
            return
        prefer_wal(connection)
        connection.execute("BEGIN IMMEDIATE")
        # Asked again inside: another process may have just made the tables.
        if self._version(connection) == 0:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")

    def _version(self, connection: sqlite3.Connection) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"the run store was written by a newer jobrunner (schema {version}, known here: {SCHEMA_VERSION})",
                where=str(self._path),
                hint="Upgrade jobrunner, or set JOBRUNNER_STATE_DIR to another directory.",
            )
        return version

    def _record(self, row: tuple[str]) -> RunRecord:
        try:
            return RunRecord.from_json(json.loads(row[0]))
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"a record in the run store cannot be read: {error!r}", where=str(self._path), hint=self._aside()
            ) from error

    @contextmanager
    def _errors(self) -> Iterator[None]:
        import sqlite3  # noqa: PLC0415  `--help` and `validate` do without

        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if not isinstance(error, (OSError, sqlite3.OperationalError)):
                self.close()
            raise StoreError(
                f"the run store cannot be used: {error}", where=str(self._path), hint=self._hint(error)
            ) from error

    def _hint(self, error: Exception) -> str:
        import sqlite3  # noqa: PLC0415  `--help` and `validate` do without

        if (hint := hint_of(error, busy_seconds=self._file.busy_seconds)) is not None:
            return hint
        said = str(error).lower()
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        if damaged or "no such" in said or "already exists" in said:
            return self._aside()
        return UNWRITABLE

    def _aside(self) -> str:
        return (
            f"It is damaged, or not jobrunner's. `mv {self._path} {self._path}.damaged` moves it aside, and a new "
            "one is made; runs that ECS still knows can be named by their task ARN."
        )


def _row(record: RunRecord) -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "job": record.job,
        "project": record.project,
        "stage": record.stage,
        "created_at": _microseconds(record.created_at),
        "task_arn": record.task_arn,
        "finished": record.outcome is not None,
        "record": json.dumps(record.to_json(), separators=(",", ":")),
    }


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
