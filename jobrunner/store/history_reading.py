"""What is read of history's tables."""

from __future__ import annotations

import heapq
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.figures import Figures, moment_of
from jobrunner.core.history import entry_of
from jobrunner.store.history_rows import FIGURES, UnreadableError, figures_from, task_number, tasks_of, unpacked
from jobrunner.store.history_tables import NEWEST, owner_of, places_of, source_of, where

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from jobrunner.core.history import Entry, Query, Source

_FIGURES: Final = ", ".join(FIGURES)


def entries(connection: sqlite3.Connection, query: Query) -> list[Entry]:
    """Give the runs of a query; see `ports.History.entries`."""
    chosen = (connection.execute(*newest_of(query, place)) for place, _ in places_of(connection, query))
    newest = heapq.merge(*chosen, reverse=True)
    return _loaded(connection, ((run, source) for _, _, source, run in islice(newest, query.limit)))


def newest_of(query: Query, place: int) -> tuple[str, list[Any]]:
    """Give the question for the runs of a place, newest first, with its values."""
    clause, values = where(query, place)
    sql = f"SELECT due, run_id, source, run FROM runs {clause} {NEWEST} LIMIT ?"  # noqa: S608
    return sql, [*values, -1 if query.limit is None else query.limit]


def named(connection: sqlite3.Connection, prefix: str, limit: int) -> list[Entry]:
    """Give the runs whose id begins so; see `ports.History.named`."""
    sql = f"SELECT run, source FROM runs WHERE run_id >= ? AND run_id < ? {NEWEST} LIMIT ?"  # noqa: S608
    return _loaded(connection, connection.execute(sql, (prefix, prefix + "\U0010ffff", limit)))


def by_task(connection: sqlite3.Connection, task_arn: str) -> Entry | None:
    """Give the run of a task; see `ports.History.by_task`."""
    sql = f"SELECT run, source FROM tasks JOIN runs USING (run) WHERE task = ? {NEWEST}"  # noqa: S608
    found = _loaded(connection, connection.execute(sql, (task_number(task_arn),)))
    return next((entry for entry in found if task_arn in tasks_of(entry.launches)), None)


def _loaded(connection: sqlite3.Connection, runs: Iterable[tuple[int, int]]) -> list[Entry]:
    sources: dict[int, Source] = {}
    loaded = []
    for run, source in runs:
        if source not in sources:
            sources[source] = source_of(connection, source)
        row = connection.execute("SELECT notes FROM notes WHERE run = ?", (run,)).fetchone()
        if row is None:
            raise UnreadableError("the notes of a run are missing")
        loaded.append(entry_of(sources[source], unpacked(row[0])))
    return loaded


def figures(connection: sqlite3.Connection, query: Query) -> Iterator[Figures]:
    """Give the figures of a query's runs, one by one as SQLite finds them; see `ports.History.figures`."""
    for place, stage in places_of(connection, query):
        clause, values = where(query, place)
        rows: Iterable[tuple[Any, ...]] = connection.execute(f"SELECT {_FIGURES} FROM runs {clause}", values)  # noqa: S608
        for row in rows:
            yield figures_from(stage, row)


def read_to(connection: sqlite3.Connection, source: Source, group: str) -> datetime | None:
    """Say how far a log group has been read; see `ports.History.read_to`."""
    owner = owner_of(connection, source)
    if owner is None:
        return None
    sql = "SELECT read_to FROM progress WHERE source = ? AND log_group = ?"
    row = connection.execute(sql, (owner[0], group)).fetchone()
    if row is not None and type(row[0]) is not int:
        raise UnreadableError(f"how far a log was read cannot be read: {row[0]!r}")
    return None if row is None else moment_of(row[0])


def made(connection: sqlite3.Connection) -> str:
    """Tell which file it is: another one of the same name says something else."""
    row = connection.execute("SELECT id FROM made").fetchone()
    if row is None:
        raise UnreadableError("it does not say which file it is")
    return str(row[0])
