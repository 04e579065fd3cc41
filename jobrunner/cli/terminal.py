"""The one writer of stdout and stderr, and the block of lines that never mixes with either.

The block, of one line or several, stands below everything else, on stderr. Whatever is written next takes its
place, and it is drawn again underneath. The cursor is left at its beginning, so that "erase from here to the end
of the screen" removes all of it even after the terminal was made narrower and has wrapped it. It is never higher
than the screen: the cursor could not go back to a beginning that has been scrolled away.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

from jobrunner.cli.harmless import harmless, harmless_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

_ERASE: Final = "\r\x1b[J"
_ERASE_LINE_END, _ERASE_BELOW = "\x1b[K", "\x1b[J"
#: DECAWM. A line that is on its way while the window is made narrower must not become two.
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
#: A line of which little more than the seconds changes, and a table in which much may.
_LINE_SECONDS: Final = 1.0
_BLOCK_SECONDS: Final = 0.25
#: A run that is over at once should not make the screen flicker.
_FIRST_DRAW_SECONDS: Final = 0.1
_DEFAULT_SIZE: Final = (80, 24)


@dataclass(frozen=True, kw_only=True)
class Space:
    """How much of the screen a block may take.

    One column stays free, because a terminal that is full to the edge wraps before the carriage return; and one
    row, if there are several, for what was written last.
    """

    columns: int
    rows: int


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
        self._block: Callable[[Space], Sequence[str]] | None = None
        self._drawn: Sequence[str] = ()
        #: The space that it was drawn for; None when something else has been written over it.
        self._drawn_for: Space | None = None
        self.closed = False

    @property
    def has_status(self) -> bool:
        """Whether a status line, or a block, is shown now."""
        return self._block is not None

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
            data = text if not (self._same_screen and self._drawn) else _ERASE + text + self._again()
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
            self._to_err(f"{erase}{text}\n{self._again()}")

    def say_now(self, text: str) -> None:
        """Write narration from a signal handler: no lock, no buffer. The block is drawn again at its next time."""
        with contextlib.suppress(OSError, ValueError):
            os.write(self._err.fileno(), f"{_ERASE if self._drawn else ''}{text}\n".encode())
        self._drawn_for = None

    def _again(self) -> str:
        """Give what draws the block once more, as far as the screen, which may have become lower, holds it."""
        return _placed(self._drawn[: self._space().rows]) if self._drawn else ""

    def _to_err(self, text: str) -> None:
        # Narration is not a result: a terminal that is gone (EIO) or a closed pipe must not end a run.
        with contextlib.suppress(OSError, ValueError):
            self._err.write(text)
            self._err.flush()

    def status(self, line: Callable[[], str]) -> contextlib.AbstractContextManager[None]:
        """Show a status line in a `with` block, drawn anew each second; nothing where it cannot be erased.

        Args:
            line: Gives the text. It is called from another thread.
        """
        return self.block(lambda space: (harmless_line(line())[: space.columns],), every=_LINE_SECONDS)

    @contextlib.contextmanager
    def block(self, lines: Callable[[Space], Sequence[str]], *, every: float = _BLOCK_SECONDS) -> Iterator[None]:
        """Show several lines in a `with` block, drawn anew time and again; nothing where they cannot be erased.

        Args:
            lines: Gives the lines, which fit into the space, are harmless, and may hold our own colours; those that
                do not fit on the screen are left out. It is called from another thread.
            every: How often, in seconds.
        """
        if not self._capable:
            yield
            return
        self._block = lines
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(done, every), name="status", daemon=True)
        ticker.start()
        try:
            with _suspended_by(self._make_way):
                yield
        finally:
            done.set()
            with self._lock:
                self._block = None
                if self._drawn:
                    self._drawn = ()
                    self._to_err(_ERASE)
            ticker.join()

    def _tick(self, done: threading.Event, every: float) -> None:
        pause = _FIRST_DRAW_SECONDS
        while not done.wait(pause):
            self.draw()
            pause = every

    def draw(self) -> None:
        """Draw the block as it is now."""
        with self._lock:
            if self._block is None:
                return
            if not self._in_foreground():
                # What was drawn is the shell's to write over; to erase it now would erase its prompt.
                self._drawn, self._drawn_for = (), None
                return
            space = self._space()
            lines = tuple(self._block(space))[: space.rows]
            if (lines, space) != (self._drawn, self._drawn_for):
                erase = _ERASE if self._drawn else ""
                self._drawn, self._drawn_for = lines, space
                self._to_err(_placed(lines) if lines else erase)

    def _make_way(self) -> None:
        """Take the block away from a signal handler, for the shell that is about to write."""
        if self._drawn:
            with contextlib.suppress(OSError, ValueError):
                os.write(self._err.fileno(), _ERASE.encode())
        self._drawn_for = None

    def _space(self) -> Space:
        try:
            columns, rows = os.get_terminal_size(self._err.fileno())
        except (OSError, ValueError):
            columns, rows = 0, 0
        # A terminal that does not know its size says 0.
        return Space(columns=max(1, (columns or _DEFAULT_SIZE[0]) - 1), rows=max(1, (rows or _DEFAULT_SIZE[1]) - 1))

    def _in_foreground(self) -> bool:
        """Tell whether the shell has given us the terminal: `jobrunner run … &` must not draw over its prompt."""
        try:
            return os.tcgetpgrp(self._err.fileno()) == os.getpgrp()
        except (OSError, ValueError):
            return False


def _placed(lines: Sequence[str]) -> str:
    """Give what writes lines over what is there, and leaves the cursor at their beginning.

    Each line is erased after it is written and not before, so that what stays the same does not flicker.
    """
    text = f"{_ERASE_LINE_END}\n".join(lines)
    back = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
    return f"\r{_NO_WRAP}{text}{_ERASE_BELOW}{_WRAP}{back}\r"


@contextlib.contextmanager
def _suspended_by(make_way: Callable[[], None]) -> Iterator[None]:
    """Call something when Ctrl-Z suspends the process, before it does.

    Signals can be handled from the main thread only; where somebody else handles this one, it is left to them.
    """

    def suspend(number: int, _frame: FrameType | None) -> None:
        make_way()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # returns when the shell lets the process go on
        signal.signal(number, suspend)

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)


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
