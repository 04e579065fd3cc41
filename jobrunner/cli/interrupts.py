"""Signals while a run is followed. Only the command line handles signals; the library never does."""

from __future__ import annotations

import queue
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, Self

from jobrunner.core import verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
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

    A handler raises `Left` only in a block of `may_leave`, and only once: outside nobody would catch it, and whoever
    has caught it is about to tell ECS and the user what becomes of the run. What is raised there may hit anything
    that the main thread does, the middle of a transaction or of a request; so what is still needed afterwards is
    done in another thread (`jobrunner.cli.aside`). And it may get lost: Python drops what is raised in a finalizer
    (`sys.unraisablehook`, library reference). Then `check` raises it.

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
        self._due: Left | None = None
        self._insisted: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._open = self._raised = False
        self._held = 0
        #: Whether another thread works for the target just now, so that `leavable` may change at any time.
        self.working = False
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
        self.give_back()

    def give_back(self) -> None:
        """Let signals do what they did before this context."""
        while self._before:
            number, before = self._before.popitem()
            signal.signal(number, before)  # type: ignore[arg-type]  # what getsignal gave

    @property
    def watching(self) -> bool:
        """Whether there is something to stop or to leave."""
        return self._target is not None

    @contextmanager
    def may_leave(self) -> Iterator[None]:
        """In this block, and nowhere else, a signal may leave.

        Raises:
            Left: It does, or did before.
        """
        self._open = True
        try:
            self.check()
            yield
        finally:
            self._open = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """In this block, which must be short, a signal waits for its end to leave."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        self._leave_now()

    def watch(self, target: Target) -> None:
        """Name what is to be stopped or left, as soon as it is known; a signal that came before acts now."""
        with self.held():
            self._target = target
            if self.received is not None:
                self._stop(target, self.received)
            if self._left is not None:
                target.leaving()

    def check(self) -> None:
        """Leave now if a signal said so before that was safe.

        Raises:
            Left: It did.
        """
        self._settle()
        if self._due is not None:
            raise self._due

    def insisted(self, within: float) -> bool:
        """Wait for another signal after the one that left, for so many seconds; tell whether it came."""
        try:
            self._insisted.get(timeout=within)
        except queue.Empty:
            return False
        return True

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._due is not None:
            if number in _STOPPING:
                self._insisted.put(number)
            return
        if self.received is not None or (self._left is not None and number in _STOPPING):
            self._due = Left(number, stopping=self.received is not None)
        else:
            # What the first signal sets off is done whole, also when the next one comes in the middle of it.
            with self.held():
                self._first(number)
        self._leave_now()

    def _first(self, number: int) -> None:
        name = signal.Signals(number).name
        if self._detach or number in _LEAVING:
            self._left = number
            if not self.working:
                self._settle()
            if self._target is not None:
                self._target.leaving()
            if self._target is None or not self._target.leavable:
                self._terminal.say_now(f"jobrunner: {name}: leaving as soon as ECS has the task; again to leave now")
            return
        self.received = number
        if self._target is not None:
            self._stop(self._target, number)
        self._terminal.say_now(f"jobrunner: {name}: {self._said}; again to leave")

    def _settle(self) -> None:
        """Leave if a signal has said so and it is safe by now."""
        if self._due is None and self._left is not None and self._target is not None and self._target.leavable:
            self._due = Left(self._left, stopping=False)

    def _leave_now(self) -> None:
        if self._due is not None and self._open and not self._held and not self._raised:
            self._raised = True
            raise self._due

    def _stop(self, target: Target, number: int) -> None:
        target.stop(f"{verdict.INTERRUPT} by {signal.Signals(number).name}")
