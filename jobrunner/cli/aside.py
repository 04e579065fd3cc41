"""An iteration on a thread of its own, beyond the reach of what signal handlers raise.

Python runs handlers in the main thread. An exception from one could end a stream in the middle of a transaction, or
leave a lock held, and the very next thing, to tell ECS to stop the task, would need both. Here the main thread only
waits and shows; who leaves it can let the thread go on.
"""

from __future__ import annotations

import queue
import threading
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobrunner.cli.interrupts import Interrupts

T = TypeVar("T")

#: So often whoever waits looks whether a signal has said to leave: its exception may have been lost.
_LOOK_SECONDS: Final = 1.0


class _Order(Enum):
    NEXT = auto()
    LET_GO = auto()


class Aside(Generic[T]):
    """Iterates over something in another thread, a step for each `next`: never further than it is asked to.

    Args:
        source: Used in that thread only.
        interrupts: Whose signals may leave while the next item is waited for.
    """

    def __init__(self, source: Iterable[T], interrupts: Interrupts) -> None:
        self._source = source
        self._interrupts = interrupts
        # SimpleQueue's `get` may be left by an exception at any point, and holds no lock then that `put` needs.
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[T] | BaseException | None] = queue.SimpleQueue()
        self._started = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        """Give the next item.

        Raises:
            Left: A signal leaves.
        """
        self._interrupts.check()
        self._interrupts.working = True
        self._order(_Order.NEXT)
        answer = self._answer()
        self._interrupts.working = False
        if answer is None:
            self._interrupts.check()  # it may have ended only because a signal has said so
            raise StopIteration
        if isinstance(answer, BaseException):
            raise answer
        return answer[0]

    def _answer(self) -> tuple[T] | BaseException | None:
        while True:
            try:
                return self._answers.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                self._interrupts.check()

    def let_go(self) -> None:
        """Let it go on to its end by itself; what it gives is not kept."""
        self._order(_Order.LET_GO)

    def _order(self, order: _Order) -> None:
        with self._interrupts.held():  # a thread whose start is left half-way may run or not
            if not self._started:
                self._started = True
                threading.Thread(target=self._drive, name="jobrunner-aside", daemon=True).start()
        self._orders.put(order)

    def _drive(self) -> None:
        try:
            order = self._orders.get()
            for item in self._source:
                if order is _Order.NEXT:
                    self._answers.put((item,))
                    order = self._orders.get()
        except BaseException as error:  # noqa: BLE001  raised where the item is waited for
            self._answers.put(error)
        else:
            self._answers.put(None)
