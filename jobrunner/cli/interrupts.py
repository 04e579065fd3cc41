"""Signals while a run is followed. Only the command line handles signals; the library never does."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Self

from jobrunner.core import verdict

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from jobrunner.cli.terminal import Terminal
    from jobrunner.runner import Run

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_LEAVING = (signal.SIGHUP,)


class Left(BaseException):
    """The user leaves the run to itself.

    Attributes:
        signal: The number of the signal that said so.
        stopping: Whether an earlier signal has asked for the stop of the task.
    """

    def __init__(self, number: int, *, stopping: bool) -> None:
        super().__init__(number)
        self.signal = number
        self.stopping = stopping


class Interrupts:
    """Within this context, the first SIGINT or SIGTERM stops the task, and the next one leaves at once.

    SIGHUP (the terminal has gone) leaves at once and stops nothing, and so does the first signal in `detach`.
    A signal that was ignored before, as `nohup` and a shell's `&` do, stays ignored.

    A signal that comes before the run is known waits for it: leaving in the middle of RunTask would leave a
    task that nobody knows of.

    Args:
        terminal: Where to say what happens.
        on_first: `stop` or `detach`.
    """

    def __init__(self, terminal: Terminal, on_first: str) -> None:
        self._terminal = terminal
        self._detach = on_first == "detach"
        self._run: Run | None = None
        self._before: dict[signal.Signals, object] = {}
        self._left: int | None = None
        #: The signal that asked for the stop of the task, or None.
        self.received: int | None = None

    def __enter__(self) -> Self:
        for number in (*_STOPPING, *_LEAVING):
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]  # what getsignal gave

    def watch(self, run: Run) -> None:
        """Name the run, as soon as it is known; a signal that came before acts now."""
        self._run = run
        if self._left is not None:
            raise Left(self._left, stopping=False)
        if self.received is not None:
            self._stop(run, self.received)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None or (self._left is not None and number in _STOPPING):
            raise Left(number, stopping=self.received is not None)
        if self._detach or number in _LEAVING:
            self._left = number
            if self._run is not None:
                raise Left(number, stopping=False)
            return
        self.received = number
        name = signal.Signals(number).name
        self._terminal.say_now(f"jobrunner: {name}: stopping the task and reading its log to the end; again to leave")
        if self._run is not None:
            self._stop(self._run, number)

    def _stop(self, run: Run, number: int) -> None:
        run.stop(f"{verdict.INTERRUPT} by {signal.Signals(number).name}")
