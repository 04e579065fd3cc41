"""The runs of the past, in a SQLite file of the user: a cache of what AWS's log of events and this machine have told.

It may be deleted at any time, so `synchronous` is NORMAL: in WAL mode that keeps the file whole when the power goes,
and may lose the last commits ("PRAGMA synchronous", sqlite.org). How far a log was read is part of the commit that
holds what was read: what is lost is read again. OFF would gain little, and may leave a damaged file.

A file that is damaged, or of another version, is replaced by whichever process finds it first (`store.aside`).
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from jobrunner.errors import StoreError
from jobrunner.store.aside import UnusableError, take_away
from jobrunner.store.sqlite_file import BUSY_SECONDS, UNWRITABLE, SqliteFile, hint_of, identity_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from jobrunner.core.figures import Figures
    from jobrunner.core.history import Entry, LaunchNote, Note, Query, Source
    from jobrunner.store.sqlite_file import Identity

T = TypeVar("T")

FILE: Final = "history.sqlite"
#: A file that is damaged is replaced; and once more, if another process has put a bad one there meanwhile.
_TRIES: Final = 3


def open_history(state_dir: Path) -> SqliteHistory:
    """Give the history of a state directory. Nothing is created, read or imported before it is used."""
    return SqliteHistory(state_dir / FILE)


class SqliteHistory:
    """`ports.History` in a SQLite file.

    Safe from several threads (one connection behind a lock), from several processes, and after a fork. When another
    process has replaced the file, or somebody has deleted it, the next call goes on with the new one.

    Attributes:
        trouble: What was wrong with the file, and what was done, in one sentence; None when nothing was wrong.

    Args:
        path: The file; it is created (0600) with its directory (0700) when it is first used.
        busy_seconds: How long another process's commit is waited for.
        now: Gives the time, for the name of a file that is moved aside.
    """

    def __init__(
        self, path: Path, *, busy_seconds: float = BUSY_SECONDS, now: Callable[[], datetime] | None = None
    ) -> None:
        self.trouble: str | None = None
        self._path = path
        self._now = now or (lambda: datetime.now(UTC))
        self._file = SqliteFile(path, busy_seconds=busy_seconds, synchronous="NORMAL", prepare=_prepare)
        self._asked: dict[tuple[Source, str], str] = {}

    def add(
        self, source: Source, notes: Sequence[Note], *, group: str | None = None, to: datetime | None = None
    ) -> int:
        """Take notes in one transaction; see `ports.History.add`.

        When the file was replaced since `read_to` was asked, `to` is not stored: the new one lacks what was added
        before, so the whole log is to be read for it.
        """
        from jobrunner.store import history_reading, history_writing  # noqa: PLC0415  `run` does without

        def work(connection: sqlite3.Connection) -> int:
            changed = history_writing.add(connection, source, notes)
            if group is not None and to is not None:
                made = history_reading.made(connection)
                if self._asked.setdefault((source, group), made) == made:
                    history_writing.advance(connection, source, group, to)
            return changed

        return self._use(work, writing=True) if notes or to is not None else 0

    def read_to(self, source: Source, group: str) -> datetime | None:
        """Say how far a log group has been read for a source; see `ports.History.read_to`."""
        from jobrunner.store import history_reading  # noqa: PLC0415  as in add

        def work(connection: sqlite3.Connection) -> datetime | None:
            self._asked[source, group] = history_reading.made(connection)
            return history_reading.read_to(connection, source, group)

        return self._use(work)

    def reprice(self, source: Source, price: Callable[[LaunchNote], LaunchNote]) -> int:
        """Price what has no known cost again, as newer prices may know it; see `ports.History.reprice`."""
        from jobrunner.store import history_writing  # noqa: PLC0415  as in add

        changed, last = 0, 0
        while True:
            page, after = self._use(
                lambda connection, last=last: history_writing.reprice(connection, source, price, last),  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                writing=True,
            )
            changed += page
            if after is None:
                return changed
            last = after

    def entries(self, query: Query) -> Sequence[Entry]:
        """Give runs, the one that was due last first."""
        from jobrunner.store.history_reading import entries  # noqa: PLC0415  as in add

        return self._use(lambda connection: entries(connection, query))

    def named(self, prefix: str, *, limit: int) -> Sequence[Entry]:
        """Give the runs, of all sources, whose id begins so, newest first."""
        from jobrunner.store.history_reading import named  # noqa: PLC0415  as in add

        return self._use(lambda connection: named(connection, prefix, limit))

    def by_task(self, task_arn: str) -> Entry | None:
        """Give the run that a task belongs to."""
        from jobrunner.store.history_reading import by_task  # noqa: PLC0415  as in add

        return self._use(lambda connection: by_task(connection, task_arn))

    def figures(self, query: Query) -> Iterator[Figures]:
        """Give the figures of runs, as they are when the first one is asked for, without holding them all.

        They are read on a connection of their own: nobody waits for whoever reads slowly.

        Raises:
            StoreError: Among others, the file turned out to be damaged after some had been given. It has been moved
                aside then.
        """
        given = False
        for _ in range(_TRIES):
            try:
                for one in self._figures(query):
                    given = True
                    yield one
            except UnusableError as found:
                self._replace(found)
                if given:
                    hint = "Run the command again: history is read anew from AWS, as far back as its log goes."
                    raise StoreError(f"{self.trouble}", where=str(self._path), hint=hint) from found
            else:
                return
        raise self._hopeless()

    def close(self) -> None:
        """Release the file; the next use opens it again."""
        self._file.close()

    def _figures(self, query: Query) -> Iterator[Figures]:
        from jobrunner.store.history_reading import figures  # noqa: PLC0415  as in add
        from jobrunner.store.history_tables import damage  # noqa: PLC0415  as in add

        with self._errors():
            connection, identity = self._file.connect()
            with closing(connection), damage(identity):
                connection.execute("BEGIN")
                yield from figures(connection, query)

    def _use(self, work: Callable[[sqlite3.Connection], T], *, writing: bool = False) -> T:
        """Do something in one transaction; on a new file, if this one turns out to be of no use."""
        for _ in range(_TRIES):
            with self._file.lock:
                try:
                    return self._once(work, writing=writing)
                except UnusableError as found:
                    self._replace(found)
        raise self._hopeless()

    def _once(self, work: Callable[[sqlite3.Connection], T], *, writing: bool) -> T:
        from jobrunner.store.history_tables import damage  # noqa: PLC0415  as in add

        with self._errors():
            if self._file.identity != identity_of(self._path):
                self._file.close()
            _, identity = self._file.connection()
            with damage(identity), self._file.transaction(writing=writing) as connection:
                return work(connection)

    def _replace(self, found: UnusableError) -> None:
        self._file.close()
        now = f"{self._now().astimezone(UTC):%Y-%m-%dT%H.%M.%SZ}"
        try:
            target = take_away(self._path, found, now=now)
        except OSError as error:
            raise StoreError(
                f"history cannot be used: {found}; and it cannot be moved aside: {error}",
                where=str(self._path),
                hint="Move it away, or delete it: it is a cache, and is read anew from AWS.",
            ) from error
        if found.name is not None:
            moved = "another process has moved it aside" if target is None else f"it was moved to {target}"
            self.trouble = f"history in {self._path} was of no use: {found}; {moved}, and history is read anew from AWS"

    def _hopeless(self) -> StoreError:
        hint = "Set JOBRUNNER_STATE_DIR to a directory on another disk; history is a cache, and is read anew from AWS."
        return StoreError(f"{self.trouble}, again and again", where=str(self._path), hint=hint)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        import sqlite3  # noqa: PLC0415  `--help` and `validate` do without

        try:
            yield
        except (sqlite3.Error, OSError) as error:
            hint = hint_of(error, busy_seconds=self._file.busy_seconds) or UNWRITABLE
            raise StoreError(f"history cannot be used: {error}", where=str(self._path), hint=hint) from error


def _prepare(connection: sqlite3.Connection, identity: Identity) -> None:
    from jobrunner.store.history_tables import prepare  # noqa: PLC0415  as in SqliteHistory.add

    prepare(connection, identity)
