"""A connection to a SQLite file of the user: one a process, behind a lock, made when it is first used."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: How long a process waits for another one's commit.
BUSY_SECONDS = 15.0
#: A file's device and number there.
Identity: TypeAlias = tuple[int, int]

#: Held while a file is made. To close it lets go of all locks that this process has on it, those of SQLite's
#: connections too ("How to corrupt an SQLite database file", 2.2).
_making: Final = threading.Lock()


class SqliteFile:
    """One connection to a SQLite file.

    Safe from several threads (behind `lock`), from several processes, and after a fork. Raises what `sqlite3` and the
    system raise.

    Attributes:
        path: The file.
        busy_seconds: How long another process's commit is waited for.
        lock: Held while the connection is used.

    Args:
        path: The file; it is created (0600) with its directory (0700) when it is first used.
        busy_seconds: As above.
        synchronous: How durable a commit is, in SQLite's word.
        prepare: Makes the tables for a new connection, if there are none; it is told which file that one has open.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_seconds: float,
        synchronous: str,
        prepare: Callable[[sqlite3.Connection, Identity], None],
    ) -> None:
        self.path = path
        self.busy_seconds = busy_seconds
        self.lock = threading.RLock()
        self._synchronous = synchronous
        self._prepare = prepare
        self._open: tuple[int, sqlite3.Connection, Identity] | None = None
        self._inherited: tuple[int, sqlite3.Connection, Identity] | None = None

    def connection(self) -> tuple[sqlite3.Connection, Identity]:
        """Give this process's connection, and which file it has open.

        One that was open when the process forked may be neither used nor closed in the child ("How to corrupt
        an SQLite database file", 2.6): it is kept, so that nothing closes it.
        """
        if self._open is None or self._open[0] != os.getpid():
            self._inherited = self._open
            self._open = (os.getpid(), *self.connect())
        _, connection, identity = self._open
        return connection, identity

    def connect(self) -> tuple[sqlite3.Connection, Identity]:
        """Make another connection, the caller's own, for whoever reads for long; and give which file it has open."""
        import sqlite3  # noqa: PLC0415  `--help` and `validate` do without

        while True:
            identity = self._made()
            connection = sqlite3.connect(
                self.path, timeout=self.busy_seconds, isolation_level=None, check_same_thread=False
            )
            if identity is not None and identity == identity_of(self.path):
                break
            connection.close()  # another process has put another file there
        try:
            self._prepare(connection, identity)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        except BaseException:
            connection.close()
            raise
        return connection, identity

    def _made(self) -> Identity | None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _making, suppress(FileExistsError):
            # Created here for its mode; SQLite gives the same one to the files beside it (-wal, -shm).
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return identity_of(self.path)

    @property
    def identity(self) -> Identity | None:
        """Which file this process's connection has open; None when there is none."""
        return None if self._open is None or self._open[0] != os.getpid() else self._open[2]

    @contextmanager
    def transaction(self, *, writing: bool = True) -> Iterator[sqlite3.Connection]:
        """Do all of the block or nothing; if it only reads, on the state of one moment."""
        with self.lock:
            connection, _ = self.connection()
            # IMMEDIATE: a transaction that reads first and writes later fails when another one wrote in between.
            connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite ends it by itself when the disk is full
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Release the file; the next use opens it again."""
        with self.lock:
            if self._open is not None and self._open[0] == os.getpid():
                self._open[1].close()
                self._open = None


def identity_of(path: Path) -> Identity | None:
    """Tell which file a path leads to; None when there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def prefer_wal(connection: sqlite3.Connection) -> None:
    """Let readers and a writer not wait for each other; the file keeps the mode.

    It is no condition: on a network file system, or while another process opens the same new file, SQLite keeps
    its rollback journal, which is as durable.
    """
    import sqlite3  # noqa: PLC0415  as in connect

    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise


def hint_of(error: Exception, *, busy_seconds: float) -> str | None:
    """Say what helps when a store is locked, or its disk full; None when it is neither."""
    said = str(error).lower()
    if "locked" in said or "busy" in said:
        return f"Another process has held it for over {busy_seconds:g} s; look who uses it, and try again."
    if "full" in said or "no space" in said:
        return "Make room on the disk, or set JOBRUNNER_STATE_DIR to a directory that has some."
    return None


#: What helps when it is neither damaged nor locked, and there is room.
UNWRITABLE: Final = "Make the directory writable, or set JOBRUNNER_STATE_DIR to one that is."
