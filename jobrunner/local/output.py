"""A container's output: one pipe, read by the event loop, that is empty before the container counts as ended."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from jobrunner.local.awslogs import LineSplitter

if TYPE_CHECKING:
    import asyncio

_PIPE_BYTES = 262_144


class Sink(Protocol):
    """Who gets the lines: a log driver."""

    def write(self, lines: bytes, count: int, now: int) -> None:
        """Take lines, joined by `log_chunk.SEPARATOR`, that were written now (milliseconds)."""


class Output:
    """The read end of the pipe that is a container's stdout and stderr.

    Args:
        loop: Reads whenever there is something.
        driver: Gets the lines; None discards them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, driver: Sink | None) -> None:
        self._loop = loop
        self._driver = driver
        self._splitter = LineSplitter(self._emit)
        self._read, self.write_end = os.pipe()
        os.set_blocking(self._read, False)
        if sys.platform == "linux":
            with suppress(OSError):  # fewer, larger reads; over the user's limit of pipe memory the default stays
                fcntl.fcntl(self._read, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._open = True
        loop.add_reader(self._read, self._readable)

    def _emit(self, lines: bytes, count: int) -> None:
        if self._driver is not None:
            self._driver.write(lines, count, time.time_ns() // 1_000_000)

    def _readable(self) -> bool:
        """Take one piece; False when there is none now, or never again."""
        try:
            data = os.read(self._read, _PIPE_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(self._read)
            return False
        self._splitter.feed(data)
        return True

    def finish(self) -> None:
        """Take what is still in the pipe, also when some process keeps it open, and close it."""
        if not self._open:
            return
        self._open = False
        # What the container wrote is in the pipe by now; a process that outlived it may write for ever.
        pieces = 2 * 1_048_576 // _PIPE_BYTES
        while pieces and self._readable():
            pieces -= 1
        self._splitter.flush()
        self._loop.remove_reader(self._read)
        os.close(self._read)
