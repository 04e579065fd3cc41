"""Signals while a run is followed. Only the command line handles signals; the library never does."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Protocol, Self

from jobrunner.core import verdict

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from jobrunner.cli.terminal import Terminal

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_LEAVING = (signal.SIGHUP,)
_SAID = "stopping the task and reading its log to the end"


class Target(Protocol):
    """What a signal acts on: one run, or many."""

    @property
    def leavable(self) -> bool:
        """Whether it may be left to itself."""

    def leaving(self) -> None:
        """Begin nothing more; called from a signal handler."""

    def stop(self, reason: str) -> None:
        """Ask for the stop; called from a signal handler."""


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

    A signal that leaves waits until ECS has the task, and its deadline: leaving in the middle of RunTask would leave
    a task whose answer nobody keeps. The next one leaves at once all the same.

    Args:
        terminal: Where to say what happens.
        on_first: `stop` or `detach`.
        said: What the first signal does, in words.
    """

    def __init__(self, terminal: Terminal, on_first: str, *, said: str = _SAID) -> None:
        self._terminal = terminal
        self._said = said
        self._detach = on_first == "detach"
        self._target: Target | None = None
        self._before: dict[signal.Signals, object] = {}
        self._left: int | None = None
        #: The signal that asked for the stop, or None.
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

    def watch(self, target: Target) -> None:
        """Name what is to be stopped or left, as soon as it is known; a signal that came before acts now."""
        self._target = target
        if self.received is not None:
            self._stop(target, self.received)

    def check(self) -> None:
        """Leave now if a signal said so before that was safe.

        Raises:
            Left: It did.
        """
        if self._left is not None and self._target is not None and self._target.leavable:
            raise Left(self._left, stopping=False)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None or (self._left is not None and number in _STOPPING):
            raise Left(number, stopping=self.received is not None)
        name = signal.Signals(number).name
        if self._detach or number in _LEAVING:
            self._left = number
            self.check()
            if self._target is not None:
                self._target.leaving()
            self._terminal.say_now(f"jobrunner: {name}: leaving as soon as ECS has the task; again to leave now")
            return
        self.received = number
        self._terminal.say_now(f"jobrunner: {name}: {self._said}; again to leave")
        if self._target is not None:
            self._stop(self._target, number)

    def _stop(self, target: Target, number: int) -> None:
        target.stop(f"{verdict.INTERRUPT} by {signal.Signals(number).name}")
