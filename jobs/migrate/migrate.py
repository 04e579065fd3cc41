"""Bring a SQLite database to the newest version of its schema; safe to repeat, and to run twice at once.

The versions are the files `0001_name.sql`, `0002_name.sql`, … beside this script. Each is applied once, in a
transaction of its own, together with the record that it was applied. The transaction takes SQLite's write
lock before it reads that record, so of two migrators one waits, and then finds the work done.

Environment:
    MIGRATE_DATABASE: the SQLite file, created as needed; `.jobrunner/app.sqlite` if not set.
    MIGRATE_LOCK_SECONDS: how long to wait for another writer; 60 if not set.
    MIGRATE_DIRECTORY: where the versions are; the folder of this script if not set.

Exit codes: 0 the newest version; 1 refused or failed, and the failed version is rolled back; 75 the database
stayed locked, which a later attempt may find otherwise.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

EX_TEMPFAIL = 75

FILE_NAME = re.compile(r"(?P<version>\d{4})_\w+\.sql")

RECORD = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        version    INTEGER PRIMARY KEY,
        name       TEXT NOT NULL,
        sha256     TEXT NOT NULL,
        applied_at TEXT NOT NULL,
        run_id     TEXT
    )
"""


class RefusedError(Exception):
    """The migration cannot go on; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One version of the schema."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """What tells whether the version was changed after it was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def main() -> int:
    database = Path(os.environ.get("MIGRATE_DATABASE") or ".jobrunner/app.sqlite")
    directory = Path(os.environ.get("MIGRATE_DIRECTORY") or Path(__file__).parent)
    try:
        patience = seconds(os.environ.get("MIGRATE_LOCK_SECONDS") or "60")
        migrate(database, read_migrations(directory), patience=patience)
    except (RefusedError, OSError) as error:
        print(f"migrate: {error}", file=sys.stderr)
        return 1
    except sqlite3.DatabaseError as error:
        print(f"migrate: {database}: {error}", file=sys.stderr)
        # The low byte: SQLite tells the kinds of "busy" apart in the others.
        return EX_TEMPFAIL if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY else 1
    return 0


def seconds(text: str) -> float:
    if not text.isascii() or not text.isdigit():
        raise RefusedError(f"MIGRATE_LOCK_SECONDS is {text!r}, not a whole number of seconds")
    return float(text)


def read_migrations(directory: Path) -> Sequence[Migration]:
    """The versions in the folder, in order: 1, 2, 3 without a gap, or `RefusedError`."""
    migrations = []
    for number, file in enumerate(sorted(directory.glob("*.sql")), start=1):
        match = FILE_NAME.fullmatch(file.name)
        if not match:
            raise RefusedError(f"{file.name} is not named like 0001_what_it_does.sql")
        if int(match["version"]) != number:
            raise RefusedError(f"{file.name} stands where version {number:04} should: versions count 0001, 0002, …")
        migrations.append(Migration(version=number, name=file.name, sql=text_of(file)))
    if not migrations:
        raise RefusedError(f"no 0001_….sql in {directory}")
    return migrations


def text_of(file: Path) -> str:
    # Text mode, so that a checkout with other line endings has the same checksum.
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(f"{file.name} is not UTF-8: bad byte at offset {error.start}") from None


def migrate(database: Path, migrations: Sequence[Migration], *, patience: float) -> None:
    """Apply what is missing; wait at most `patience` seconds for each lock."""
    database.parent.mkdir(parents=True, exist_ok=True)
    # Autocommit: left to itself, sqlite3 opens transactions late, and never an IMMEDIATE one.
    with closing(sqlite3.connect(database, timeout=patience, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        count = 0
        while applied_one(connection, migrations):
            count += 1
    print(f"migrate: {database} is at version {len(migrations):04}; {count} applied now")


def applied_one(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> bool:
    """Apply the oldest version that is missing; False when none is.

    The record is read again under the lock each time: another migrator may have been here in between.
    """
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        connection.execute(RECORD)
        applied = dict(connection.execute("SELECT version, sha256 FROM schema_migrations").fetchall())
        refuse_changed(applied, migrations)
        if len(applied) == len(migrations):
            return False
        migration = migrations[len(applied)]
        apply(connection, migration)
    print(f"migrate: applied {migration.name}")
    return True


def refuse_changed(applied: Mapping[int, str], migrations: Sequence[Migration]) -> None:
    """An applied version must be there as it was: a new database would differ from this one otherwise."""
    if len(applied) > len(migrations):
        raise RefusedError(
            f"the database is at version {len(applied):04}, but the newest file is {migrations[-1].name}: "
            "this is older code than the last migration's; deploy that, or a newer one"
        )
    for migration in migrations[: len(applied)]:
        if applied.get(migration.version) != migration.sha256:
            raise RefusedError(
                f"{migration.name} was changed after it was applied: restore it, and write the change as "
                f"version {len(migrations) + 1:04}"
            )


def apply(connection: sqlite3.Connection, migration: Migration) -> None:
    """Execute and record one version inside the caller's transaction."""
    connection.set_authorizer(forbid_transactions)
    try:
        for number, statement in enumerate(statements(migration.sql), start=1):
            execute(connection, migration.name, number, statement)
    finally:
        connection.set_authorizer(None)
    connection.execute(
        "INSERT INTO schema_migrations VALUES (?, ?, ?, ?, ?)",
        (
            migration.version,
            migration.name,
            migration.sha256,
            datetime.now(UTC).isoformat(timespec="seconds"),
            os.environ.get("JOBRUNNER_RUN_ID"),
        ),
    )


def execute(connection: sqlite3.Connection, name: str, number: int, statement: str) -> None:
    try:
        connection.execute(statement)
    except sqlite3.DatabaseError as error:
        reason = str(error)
        # An error of the module, and not of SQLite, has no code: a `?` for which there is no value, say.
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_AUTH:
            reason = "BEGIN, COMMIT and ROLLBACK are not allowed: each version is one transaction already"
        raise RefusedError(f"{name}, statement {number}: {reason}; the version is rolled back") from None


def forbid_transactions(action: int, *_: str | None) -> int:
    """A COMMIT inside a version would make its first half permanent, whatever the second does."""
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_TRANSACTION else sqlite3.SQLITE_OK


def statements(sql: str) -> Iterator[str]:
    """The statements of a script, one by one.

    `executescript` would commit the open transaction first; and a plain split at `;` would cut triggers and
    text. SQLite itself says where a statement is complete.
    """
    statement = ""
    for piece in sql.split(";")[:-1]:
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    rest = statement + sql.rpartition(";")[2]
    if rest.strip():
        yield rest


if __name__ == "__main__":
    sys.exit(main())
