"""The one writer of stdout and stderr, and the status line that never mixes with either.

The status line stands below everything else, on stderr. Whatever is written next takes its place, and it is
drawn again underneath. The cursor is left at its beginning, so that "erase from here to the end of the screen"
removes all of it even after the terminal was made narrower and has wrapped it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Final, TextIO

from jobrunner.cli.harmless import harmless, harmless_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ERASE: Final = "\r\x1b[J"
#: DECAWM. A line that is on its way while the window is made narrower must not become two.
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_TICK_SECONDS: Final = 1.0
#: A run that is over at once should not make the screen flicker.
_FIRST_DRAW_SECONDS: Final = 0.1
_DEFAULT_COLUMNS: Final = 80


class OutputLostError(Exception):
    """Stdout cannot be written any more.

    Attributes:
        broken_pipe: Whether its reader has gone, as `head` does; then there is nothing to complain about.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"stdout cannot be written: {error.strerror or error}")
        self.broken_pipe = isinstance(error, BrokenPipeError)


class Terminal:
    """Writes results to stdout and narration to stderr, from any thread.

    Of all this a signal handler may call `say_now` only: the lock of the others may be held by the very
    thread that the handler has interrupted.

    Args:
        out: Where results go.
        err: Where narration goes.
    """

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self.out_is_terminal = _is_terminal(self._out)
        self.err_is_terminal = _is_terminal(self._err)
        self._capable = self.err_is_terminal and os.environ.get("TERM", "dumb") != "dumb"
        self._same_screen = self._capable and self.out_is_terminal and _device(self._out) == _device(self._err)
        self._lock = threading.RLock()
        self._status: Callable[[], str] | None = None
        self._drawn = ""
        self.closed = False

    @property
    def has_status(self) -> bool:
        """Whether a status line is shown now."""
        return self._status is not None

    @property
    def colour_out(self) -> bool:
        """Whether stdout may be coloured (no-color.org: any value but the empty one forbids it)."""
        return self.out_is_terminal and _colour_allowed()

    @property
    def colour_err(self) -> bool:
        """Whether stderr may be coloured."""
        return self.err_is_terminal and _colour_allowed()

    def write(self, text: str) -> None:
        """Write a result to stdout at once, with one call; text that is shown on a terminal must be harmless.

        Raises:
            OutputLostError: Nobody reads stdout any more, or it is full; later writes are dropped in silence.
        """
        with self._lock:
            if self.closed:
                return
            data = text if not (self._same_screen and self._drawn) else _ERASE + text + self._line()
            try:
                self._out.buffer.write(data.encode(errors="replace"))
                self._out.buffer.flush()
            except OSError as error:
                self.closed = True
                _to_devnull(self._out)
                raise OutputLostError(error) from None

    def say(self, text: str) -> None:
        """Write narration to stderr, as lines of their own."""
        if self.err_is_terminal:
            text = harmless(text)
        self.say_styled(text)

    def say_styled(self, text: str) -> None:
        """Write narration that holds our own colours, and is harmless already."""
        with self._lock:
            erase = _ERASE if self._drawn else ""
            self._to_err(f"{erase}{text}\n{self._line()}")

    def say_now(self, text: str) -> None:
        """Write narration from a signal handler: no lock, no buffer. The status line is drawn again when it changes."""
        with contextlib.suppress(OSError, ValueError):
            os.write(self._err.fileno(), f"{_ERASE if self._drawn else ''}{text}\n".encode())

    def _line(self) -> str:
        return f"{_NO_WRAP}{self._drawn}{_WRAP}\r" if self._drawn else ""

    def _to_err(self, text: str) -> None:
        # Narration is not a result: a terminal that is gone (EIO) or a closed pipe must not end a run.
        with contextlib.suppress(OSError, ValueError):
            self._err.write(text)
            self._err.flush()

    @contextlib.contextmanager
    def status(self, line: Callable[[], str]) -> Iterator[None]:
        """Show a status line while the block runs, drawn anew each second; nothing where it cannot be erased.

        Args:
            line: Gives the text. It is called from another thread.
        """
        if not self._capable:
            yield
            return
        self._status = line
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(done,), name="status line", daemon=True)
        ticker.start()
        try:
            yield
        finally:
            done.set()
            with self._lock:
                self._status = None
                if self._drawn:
                    self._drawn = ""
                    self._to_err(_ERASE)
            ticker.join()

    def _tick(self, done: threading.Event) -> None:
        pause = _FIRST_DRAW_SECONDS
        while not done.wait(pause):
            self.draw()
            pause = _TICK_SECONDS

    def draw(self) -> None:
        """Draw the status line as it is now."""
        with self._lock:
            if self._status is None:
                return
            text = self._fitting(self._status()) if self._in_foreground() else ""
            if text != self._drawn:
                erase = _ERASE if len(text) < len(self._drawn) else "\r"
                self._drawn = text
                self._to_err(f"{erase}{_NO_WRAP}{text}\x1b[K{_WRAP}\r" if text else erase)

    def _fitting(self, text: str) -> str:
        # One column stays free: a terminal that is full to the edge wraps before the carriage return.
        return harmless_line(text)[: max(0, self._columns() - 1)]

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._err.fileno()).columns or _DEFAULT_COLUMNS
        except (OSError, ValueError):
            return _DEFAULT_COLUMNS

    def _in_foreground(self) -> bool:
        """Tell whether the shell has given us the terminal: `jobrunner run … &` must not draw over its prompt."""
        try:
            return os.tcgetpgrp(self._err.fileno()) == os.getpgrp()
        except (OSError, ValueError):
            return False


def _colour_allowed() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def _device(stream: TextIO) -> int:
    return os.fstat(stream.fileno()).st_rdev


def _to_devnull(stream: TextIO) -> None:
    """Give the interpreter somewhere to flush at exit; it would complain about the closed pipe once more."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
