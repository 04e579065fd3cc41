"""Load: months into SQLite, one transaction a load, repeatable."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

from weather import BadInputError, Day, Extract, Month, total_precipitation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS loads (
        scheduled_time   TEXT PRIMARY KEY,  -- UTC, or 'latest'
        first_day        TEXT NOT NULL,
        last_day         TEXT NOT NULL,
        days             INTEGER NOT NULL,
        rejected         INTEGER NOT NULL,  -- rows of the source that could not be used
        precipitation_mm REAL NOT NULL,
        source_sha256    TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS monthly_weather (
        scheduled_time   TEXT NOT NULL REFERENCES loads ON DELETE CASCADE,
        month            TEXT NOT NULL,     -- YYYY-MM, a calendar month in Seattle
        days             INTEGER NOT NULL,
        wet_days         INTEGER NOT NULL,
        precipitation_mm REAL NOT NULL,
        warmest_c        REAL NOT NULL,
        coldest_c        REAL NOT NULL,
        mean_c           REAL NOT NULL,     -- of (maximum + minimum) / 2, as climatologists do
        mean_wind_ms     REAL NOT NULL,
        PRIMARY KEY (scheduled_time, month)
    )
    """,
)


def load(
    path: Path, key: str, source: Extract, days: Sequence[Day], months: Sequence[Month], *, patience: float
) -> None:
    """Replace the rows of this load; they are checked before the commit.

    Args:
        path: The database; created with its folder as needed.
        key: What identifies the load.
        source: Where the days are from.
        days: The days of this load, in order of date.
        months: Their statistics.
        patience: Seconds to wait for a lock that another process holds.

    Raises:
        BadInputError: the folder cannot be created, or the totals differ.
        sqlite3.OperationalError: the database cannot be written, or stayed locked.
    """
    create_folder(path)
    # Autocommit: left to itself, sqlite3 opens transactions late, and never an IMMEDIATE one.
    with closing(sqlite3.connect(path, timeout=patience, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        # IMMEDIATE takes the write lock now: two loads wait for each other here instead of failing halfway.
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            for statement in SCHEMA:
                connection.execute(statement)
            replaced = delete(connection, key)
            insert(connection, key, source, days, months)
            check(connection, key, days)
            print(f"load: {key}: {len(months)} months written, {replaced} replaced; committing", flush=True)
    print(f"load: {key}: committed to {path}")


def create_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(f"cannot create the folder of the database {path}: {error.strerror}") from None


def delete(connection: sqlite3.Connection, key: str) -> int:
    """Remove what an earlier run of the same load wrote; returns how many months that was."""
    months = connection.execute("DELETE FROM monthly_weather WHERE scheduled_time = ?", (key,)).rowcount
    connection.execute("DELETE FROM loads WHERE scheduled_time = ?", (key,))
    return months


def insert(
    connection: sqlite3.Connection, key: str, source: Extract, days: Sequence[Day], months: Sequence[Month]
) -> None:
    first, last = days[0].date.isoformat(), days[-1].date.isoformat()
    precipitation = float(total_precipitation(days))
    connection.execute(
        "INSERT INTO loads VALUES (?, ?, ?, ?, ?, ?, ?)",
        (key, first, last, len(days), source.rejected, precipitation, source.sha256),
    )
    connection.executemany(
        "INSERT INTO monthly_weather VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(key, *columns(month)) for month in months],
    )


def columns(month: Month) -> tuple[str | float, ...]:
    measured = (month.precipitation, month.warmest, month.coldest, month.mean, month.mean_wind)
    return (month.month, month.days, month.wet_days, *map(float, measured))


def check(connection: sqlite3.Connection, key: str, days: Sequence[Day]) -> None:
    """What stands in the table must add up to what was read; the caller's transaction is undone if not."""
    query = "SELECT sum(days), sum(precipitation_mm) FROM monthly_weather WHERE scheduled_time = ?"
    loaded_days, loaded_mm = connection.execute(query, (key,)).fetchone()
    read_mm = total_precipitation(days)
    # The column holds binary floats: half of the last digit is the most that their sum may stray.
    if loaded_days != len(days) or abs(Decimal(loaded_mm) - read_mm) > Decimal("0.05"):
        loaded = f"{loaded_days} days, {loaded_mm:.1f} mm"
        raise BadInputError(f"the totals differ: read {len(days)} days, {read_mm} mm; loaded {loaded}")
