"""Extract Seattle's daily weather, transform it into monthly statistics, load them into SQLite.

One scheduled time is one load. `JOBRUNNER_SCHEDULED_TIME` decides which days belong to it: all whole days
in Seattle before that instant, so that a backfill sees what the night it stands for would have seen. A load
replaces the rows of its own scheduled time, and only those, in one transaction: repeating it gives the same
table, and killing it leaves the old one. Without a scheduled time, everything in the file is one load with
the key `latest`.

Environment:
    JOBRUNNER_SCHEDULED_TIME: ISO 8601 with an offset; optional.
    ETL_DATABASE: the SQLite file, created as needed; `.jobrunner/etl.sqlite` if not set.
    ETL_LOCK_SECONDS: how long to wait for another writer; 30 if not set.
    ETL_SOURCE: the CSV file; the one beside this script if not set.

Exit codes: 0 loaded; 1 the load is impossible, and the table is as it was; 75 the database stayed locked,
which a later attempt may find otherwise.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

from extract import extract
from load import load
from transform import observed_before, summarise
from weather import BadInputError

BESIDE = Path(__file__).with_name("seattle-weather.csv")
EX_TEMPFAIL = 75


def main() -> int:
    try:
        scheduled = scheduled_time(os.environ.get("JOBRUNNER_SCHEDULED_TIME", ""))
        source = extract(Path(os.environ.get("ETL_SOURCE") or BESIDE))
        days = observed_before(scheduled, source.days)
        database = Path(os.environ.get("ETL_DATABASE") or ".jobrunner/etl.sqlite")
        patience = seconds(os.environ.get("ETL_LOCK_SECONDS") or "30")
        load(database, key_of(scheduled), source, days, summarise(days), patience=patience)
    except BadInputError as error:
        print(f"etl: {error}; nothing was loaded", file=sys.stderr)
        return 1
    except sqlite3.DatabaseError as error:
        print(f"etl: the database: {error}; nothing was loaded", file=sys.stderr)
        # The low byte: SQLite tells the kinds of "busy" apart in the others.
        return EX_TEMPFAIL if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY else 1
    return 0


def scheduled_time(text: str) -> datetime | None:
    """The logical time of this run in UTC, or None when nobody scheduled it."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInputError(f"JOBRUNNER_SCHEDULED_TIME is {text!r}, not an ISO 8601 time") from None
    if moment.tzinfo is None:
        raise BadInputError(f"JOBRUNNER_SCHEDULED_TIME is {text!r}, without an offset; {text}Z would be UTC")
    return moment.astimezone(UTC)


def key_of(scheduled: datetime | None) -> str:
    """What identifies the load: the same instant gives the same key, however it was spelled."""
    return scheduled.strftime("%Y-%m-%dT%H:%M:%SZ") if scheduled else "latest"


def seconds(text: str) -> float:
    if not text.isascii() or not text.isdigit():
        raise BadInputError(f"ETL_LOCK_SECONDS is {text!r}, not a whole number of seconds")
    return float(text)


if __name__ == "__main__":
    sys.exit(main())
