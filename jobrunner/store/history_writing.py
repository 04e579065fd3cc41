"""What is written into history's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobrunner.core.figures import microseconds
from jobrunner.core.history import LaunchNote
from jobrunner.store.history_rows import merged, packed, row_of, task_number, tasks_of, unpacked
from jobrunner.store.history_tables import INSERT, STORED, UNPRICED, UPDATE, new_owner, owner_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from jobrunner.core.history import Note, Source

#: Runs that are priced again in one transaction.
PAGE: Final = 1000
_PROGRESS: Final = (
    "INSERT INTO progress VALUES (?, ?, ?)"
    " ON CONFLICT (source, log_group) DO UPDATE SET read_to = max(read_to, excluded.read_to)"
)


def add(connection: sqlite3.Connection, source: Source, notes: Iterable[Note]) -> int:
    """Take notes of a source; give how many runs have changed. See `ports.History.add`."""
    runs: dict[str, list[Note]] = {}
    for note in notes:
        runs.setdefault(note.identity.run_id, []).append(note)
    desk = _Desk(connection, source)
    changed = 0
    for run_id, fresh in runs.items():
        run, stored = connection.execute(STORED, (run_id, desk.owner)).fetchone() or (None, None)
        changed += desk.put(run, [] if run is None else unpacked(stored), fresh)
    return changed


def advance(connection: sqlite3.Connection, source: Source, group: str, to: datetime) -> None:
    """Store how far a log group has been read; that never goes back."""
    number, _ = owner_of(connection, source) or new_owner(connection, source)
    connection.execute(_PROGRESS, (number, group, microseconds(to)))


def reprice(
    connection: sqlite3.Connection, source: Source, price: Callable[[LaunchNote], LaunchNote], after: int
) -> tuple[int, int | None]:
    """Price the launches of runs again whose cost is not known, at most `PAGE` runs.

    Args:
        connection: In a transaction.
        source: Whose runs.
        price: Gives a launch with what is known of its cost now.
        after: The last run of the page before, 0 in the beginning.

    Returns:
        How many runs have changed, and the last one of this page; None when there are no more.
    """
    desk = _Desk(connection, source)
    rows = connection.execute(UNPRICED, (desk.owner, after, PAGE)).fetchall()
    changed = 0
    for run, stored in rows:
        notes = unpacked(stored)
        priced = [price(note) for note in notes if isinstance(note, LaunchNote) and note.outcome is not None]
        changed += desk.put(run, notes, priced)
    return changed, rows[-1][0] if len(rows) == PAGE else None


class _Desk:
    """Where the runs of a source are written."""

    def __init__(self, connection: sqlite3.Connection, source: Source) -> None:
        self._connection = connection
        self._source = source
        self.owner, self._place = owner_of(connection, source) or new_owner(connection, source)

    def put(self, run: int | None, stored: Iterable[Note], fresh: Iterable[Note]) -> bool:
        """Store what is new of a run, if anything is; tell whether."""
        before = list(stored)
        notes = merged(before, fresh)
        if notes is None:
            return False
        row = {**row_of(self._source, notes), "run": run, "source": self.owner, "place": self._place}
        written = self._connection.execute(INSERT if run is None else UPDATE, row)
        number = written.lastrowid if run is None else run
        self._connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (number, packed(notes)))
        new = [(task_number(arn), number) for arn in tasks_of(notes) - tasks_of(before)]
        self._connection.executemany("INSERT OR IGNORE INTO tasks VALUES (?, ?)", new)
        return True
