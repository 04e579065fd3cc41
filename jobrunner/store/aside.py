"""A store's file that is of no use is moved aside with the files beside it, by one of the processes that find it."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from jobrunner.store.sqlite_file import identity_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobrunner.store.sqlite_file import Identity

#: The file itself is the last: whoever looks for it finds it until all is done.
_BESIDE: Final = ("-wal", "-shm", "-journal", "")
#: Result codes (sqlite.org/rescode.html) of a file that is no database, or whose content contradicts itself: ERROR is
#: left to `_SAID`. What is there is looked for before it is written, so that only a damaged index finds it twice.
_CODES: Final = frozenset({11, 24, 26})  # CORRUPT, FORMAT, NOTADB
_SAID: Final = ("no such ", "already exists", "malformed", "could not decode", "has no column", "unique constraint")


class UnusableError(Exception):
    """A file that is not to be used as it is.

    Attributes:
        identity: Which file.
        name: What is written behind its name when it is moved aside, `{now}` for the time; None when it may be deleted.
    """

    def __init__(self, why: str, *, identity: Identity, name: str | None) -> None:
        super().__init__(why)
        self.identity = identity
        self.name = name


def is_damage(error: Exception) -> bool:
    """Tell whether an error of SQLite says that its file is damaged, or somebody else's."""
    code = getattr(error, "sqlite_errorcode", None)
    said = str(error).lower()
    return (code is not None and code & 0xFF in _CODES) or any(part in said for part in _SAID)


def take_away(path: Path, found: UnusableError, *, now: str) -> Path | None:
    """Move a file aside, or delete it; give where it is. None when it is deleted, or has gone already.

    Processes that have it open go on with it where it is then: SQLite neither checkpoints nor deletes a log by the old
    name ("databaseIsUnmoved" in its pager), and `SqliteFile` tells them apart by `identity_of`.
    """
    with _alone(path.parent):
        if identity_of(path) != found.identity:
            return None
        target = None if found.name is None else _free(path, found.name.format(now=now))
        for ending in _BESIDE:
            with suppress(FileNotFoundError):
                old = path.with_name(path.name + ending)
                old.unlink() if target is None else old.rename(target.with_name(target.name + ending))
    return target


def _free(path: Path, name: str) -> Path:
    number, target = 1, path.with_name(f"{path.name}.{name}")
    while any(os.path.lexists(f"{target}{ending}") for ending in _BESIDE):
        number += 1
        target = path.with_name(f"{path.name}.{name}-{number}")
    return target


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep other processes from doing the same meanwhile. A lock of the directory leaves no file behind."""
    import fcntl  # noqa: PLC0415  few files are damaged

    opened = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
