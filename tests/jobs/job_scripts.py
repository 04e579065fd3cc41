"""What the tests of `jobs/` share: the types of the fixtures, and waiting for a condition."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]

#: No script takes seconds; this only keeps a hanging one from hanging the tests.
LIMIT_SECONDS = 60.0


class Start(Protocol):
    """Start a script of `jobs/` with these arguments and variables; it is killed when the test ends."""

    def __call__(self, script: str, *args: str, **env: str) -> subprocess.Popen[str]:
        """As `subprocess.Popen`, with pipes for stdout and stderr."""


class Run(Protocol):
    """Run a script of `jobs/` to its end."""

    def __call__(self, script: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run`, with stdout and stderr as text."""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return as soon as the condition holds; fail, naming it, when it does not within the limit."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {LIMIT_SECONDS} s in vain for: {what}"
        time.sleep(0.005)


def query(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


def dump(database: Path) -> list[str]:
    """The whole content of a database, schema included."""
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())
