"""What has been told, so that it is told once, whichever processes of this machine follow the same run.

It is worth nothing but that: the file may be deleted, and what is old is forgotten.
"""

from __future__ import annotations

import os
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from jobrunner.errors import StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

FILE: Final = "told.sqlite"
#: A check that looks further back than this may tell again.
KEPT_DAYS: Final = 100
_BUSY_SECONDS: Final = 5.0
_TABLE: Final = "CREATE TABLE IF NOT EXISTS told (what TEXT PRIMARY KEY, at REAL NOT NULL)"


def open_told(state_dir: Path) -> SqliteTold:
    """Give what has been told on this machine. Nothing is created or read before it is used."""
    return SqliteTold(state_dir / FILE)


class SqliteTold:
    """`ports.Told` in a SQLite file. Safe from several threads and processes: each question opens the file.

    Args:
        path: The file; it is created (0600) with its directory (0700) when it is first used.
        busy_seconds: How long another process is waited for.
    """

    def __init__(self, path: Path, *, busy_seconds: float = _BUSY_SECONDS) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._lock = threading.Lock()

    def claim(self, what: str, now: datetime) -> bool:
        """Take it upon oneself to tell something; see `ports.Told.claim`."""
        at = now.timestamp()
        with self._opened() as connection:
            taken = connection.execute("INSERT OR IGNORE INTO told VALUES (?, ?)", (what, at)).rowcount == 1
            if taken:
                connection.execute("DELETE FROM told WHERE at < ?", (at - KEPT_DAYS * 86_400,))
        return taken

    def forget(self, what: str) -> None:
        """Give a claim back; see `ports.Told.forget`."""
        with self._opened() as connection:
            connection.execute("DELETE FROM told WHERE what = ?", (what,))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        import sqlite3  # noqa: PLC0415  few jobs tell anybody

        try:
            with self._lock, closing(self._connect()) as connection:
                connection.execute(_TABLE)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"what has been told cannot be stored: {error}",
                where=str(self._path),
                hint="The file may be deleted: no more hangs on it than that nothing is told twice.",
            ) from error

    def _connect(self) -> sqlite3.Connection:
        import sqlite3  # noqa: PLC0415  as in _opened

        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        return sqlite3.connect(self._path, timeout=self._busy_seconds, isolation_level=None)
