"""The tables of history's file, and how runs are chosen in them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.figures import microseconds
from jobrunner.core.history import Source
from jobrunner.store.aside import UnusableError, is_damage
from jobrunner.store.history_rows import FIGURES, UnreadableError
from jobrunner.store.sqlite_file import prefer_wal

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from jobrunner.core.history import Query
    from jobrunner.store.sqlite_file import Identity

#: Raised with every change of the tables, or of what stands in them: an older file is then made anew.
SCHEMA_VERSION = 1
#: "jobr": the file is ours ("PRAGMA application_id", sqlite.org).
_APPLICATION: Final = 0x6A6F6272
#: See `UnusableError.name`.
DAMAGED: Final = "damaged-{now}"

# The figures of a run are narrow and apart from its notes, which no report reads. A place is a stage of a project, at
# whichever endpoints; both indexes by time hold all that a query asks for.
_SCHEMA: Final = """
CREATE TABLE made (
    id TEXT NOT NULL -- which file it is: another one of the same name has another
);
CREATE TABLE sources (
    source INTEGER PRIMARY KEY,
    place INTEGER NOT NULL,
    project TEXT NOT NULL,
    stage TEXT,
    region TEXT NOT NULL,
    endpoint_url TEXT,
    endpoint_id TEXT
);
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    source INTEGER NOT NULL,
    place INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    job TEXT NOT NULL,
    trigger TEXT NOT NULL,
    due INTEGER NOT NULL, -- microseconds since the epoch; the others as in core.figures
    verdict TEXT,
    skipped INTEGER NOT NULL,
    duration INTEGER,
    attempts INTEGER NOT NULL,
    billed INTEGER,
    minimum INTEGER NOT NULL,
    pull INTEGER,
    cost INTEGER,
    retried INTEGER,
    saving INTEGER,
    UNIQUE (run_id, source)
);
CREATE INDEX runs_by_time ON runs (place, due, verdict, trigger);
CREATE INDEX runs_by_job ON runs (place, job, due, verdict, trigger);
CREATE INDEX runs_unpriced ON runs (source) WHERE cost IS NULL AND verdict IS NOT NULL;
CREATE TABLE notes (run INTEGER PRIMARY KEY, notes BLOB NOT NULL);
CREATE TABLE tasks (task INTEGER NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (task, run)) WITHOUT ROWID;
CREATE TABLE progress (
    source INTEGER NOT NULL,
    log_group TEXT NOT NULL,
    read_to INTEGER NOT NULL, -- microseconds since the epoch
    PRIMARY KEY (source, log_group)
) WITHOUT ROWID;
INSERT INTO made VALUES (hex(randomblob(16)));
"""
_SOURCE: Final = "project = ? AND stage IS ?"
_PLACE: Final = "region = ? AND endpoint_url IS ? AND endpoint_id IS ?"
_RUN: Final = ("source", "place", "run_id", *FIGURES)
INSERT: Final = f"INSERT INTO runs ({', '.join(_RUN)}) VALUES ({', '.join(f':{name}' for name in _RUN)})"  # noqa: S608
UPDATE: Final = f"UPDATE runs SET {', '.join(f'{name} = :{name}' for name in FIGURES)} WHERE run = :run"  # noqa: S608
STORED: Final = "SELECT run, notes FROM runs LEFT JOIN notes USING (run) WHERE run_id = ? AND source = ?"
UNPRICED: Final = (
    "SELECT run, notes FROM runs LEFT JOIN notes USING (run)"
    " WHERE source = ? AND run > ? AND cost IS NULL AND verdict IS NOT NULL ORDER BY run LIMIT ?"
)
#: Of runs that were due at one moment, always the same one is the newest.
NEWEST: Final = "ORDER BY due DESC, run_id DESC, source DESC"


def prepare(connection: sqlite3.Connection, identity: Identity) -> None:
    """Make the tables in an empty file.

    Raises:
        UnusableError: It has other ones.
    """
    with damage(identity):
        if _version(connection, identity) == SCHEMA_VERSION:
            return
        prefer_wal(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Asked again inside: another process may have just made the tables.
            if _version(connection, identity) == 0:
                _make(connection, identity)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection, identity: Identity) -> int:
    version, application = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("user_version", "application_id")
    )
    if version == 0 and application == 0:
        return 0
    if application != _APPLICATION:
        raise UnusableError("it is not jobrunner's", identity=identity, name=DAMAGED)
    if version > SCHEMA_VERSION:
        why = f"a newer jobrunner has written it (schema {version}, known here: {SCHEMA_VERSION})"
        raise UnusableError(why, identity=identity, name=f"newer-{version}")
    if version < SCHEMA_VERSION:
        raise UnusableError(f"an older jobrunner has written it (schema {version})", identity=identity, name=None)
    return version


def _make(connection: sqlite3.Connection, identity: Identity) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise UnusableError("it is not jobrunner's", identity=identity, name=DAMAGED)
    for statement in _SCHEMA.split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextmanager
def damage(identity: Identity) -> Iterator[None]:
    """Whatever shows that a file is damaged becomes an `UnusableError`."""
    import sqlite3  # noqa: PLC0415  `--help` and `validate` do without

    try:
        yield
    except UnreadableError as error:
        raise UnusableError(str(error), identity=identity, name=DAMAGED) from error
    except sqlite3.Error as error:
        if is_damage(error):
            raise UnusableError(str(error), identity=identity, name=DAMAGED) from error
        raise


def owner_of(connection: sqlite3.Connection, source: Source) -> tuple[int, int] | None:
    """Give the numbers of a source and of its place; None when nothing is stored of it."""
    values = (source.project, source.stage, source.region, source.endpoint_url, source.endpoint_id)
    found = connection.execute(f"SELECT source, place FROM sources WHERE {_SOURCE} AND {_PLACE}", values)  # noqa: S608
    row: tuple[int, int] | None = found.fetchone()
    return row


def new_owner(connection: sqlite3.Connection, source: Source) -> tuple[int, int]:
    """Store a source, and give its numbers."""
    whose = (source.project, source.stage)
    number = int(connection.execute("SELECT ifnull(max(source), 0) + 1 FROM sources").fetchone()[0])
    same = connection.execute(f"SELECT place FROM sources WHERE {_SOURCE} LIMIT 1", whose).fetchone()  # noqa: S608
    place = number if same is None else int(same[0])
    where = (source.region, source.endpoint_url, source.endpoint_id)
    connection.execute("INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?)", (number, place, *whose, *where))
    return number, place


def source_of(connection: sqlite3.Connection, number: int) -> Source:
    """Give the source of a number.

    Raises:
        UnreadableError: There is none.
    """
    row = connection.execute(
        "SELECT project, stage, region, endpoint_url, endpoint_id FROM sources WHERE source = ?", (number,)
    ).fetchone()
    if row is None:
        raise UnreadableError("the source of a run is missing")
    project, stage, region, endpoint_url, endpoint_id = row
    return Source(project=project, stage=stage, region=region, endpoint_url=endpoint_url, endpoint_id=endpoint_id)


def places_of(connection: sqlite3.Connection, query: Query) -> list[tuple[int, str | None]]:
    """Give the places that a query is about, with their stages."""
    sql, values = "SELECT DISTINCT place, stage FROM sources WHERE project = ?", [query.project]
    if query.every_stage:
        return connection.execute(sql, values).fetchall()
    return connection.execute(f"{sql} AND stage IS ?", [*values, query.stage]).fetchall()


def where(query: Query, place: int) -> tuple[str, list[Any]]:
    """Give the clause that chooses a query's runs of a place, with its values."""
    asked = {
        "place = ?": place,
        "job = ?": query.job,
        "due >= ?": None if query.since is None else microseconds(query.since),
        "due < ?": None if query.until is None else microseconds(query.until),
        "verdict = ?": None if query.verdict is None else str(query.verdict),
        "trigger = ?": query.trigger,
    }
    terms = {term: value for term, value in asked.items() if value is not None}
    return f"WHERE {' AND '.join(terms)}", list(terms.values())
