"""What is ordered: who gets it, how often it has struck."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobrunner.local.faults.values import Fault

#: Faults that break what this endpoint promises beyond AWS; see `registry.connection_for`.
_LATE_LOGS: Final = "logs"
_LATE_TASKS: Final = "missing"

#: Strikes that are remembered one by one; the orders count all.
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Strike:
    """A fault has struck.

    Attributes:
        fault: Which.
        at: Where: `ecs:RunTask` for a call, or the ARN of a task.
    """

    fault: Fault
    at: str


class Order:
    """A fault in the book. Changed by the book only.

    Attributes:
        number: From 1, in the order of ordering.
        fault: What was ordered.
        matched: How many calls or tasks it concerned, those that it let pass among them.
        struck: How often it has struck.
        cleared: Whether it has been taken out of the book: it strikes no more.
    """

    __slots__ = ("cleared", "fault", "matched", "number", "struck")

    def __init__(self, number: int, fault: Fault) -> None:
        self.number = number
        self.fault = fault
        self.matched = 0
        self.struck = 0
        self.cleared = False

    def __repr__(self) -> str:
        return f"Order({self.number}, {self.fault!r}, matched={self.matched}, struck={self.struck})"

    @property
    def used_up(self) -> bool:
        """Whether as many have got it as were to get it."""
        return self.fault.times != "always" and self.matched - self.fault.skip >= self.fault.times

    def takes(self, seen: Any) -> bool:
        """Count one that it concerns; whether that one gets it, or is let pass."""
        if self.used_up or not self.fault.concerns(seen):
            return False
        self.matched += 1
        return self.matched > self.fault.skip


class Deal:
    """An order that one task has got."""

    __slots__ = ("_at", "_book", "order", "struck")

    def __init__(self, book: FaultBook, order: Order, at: str) -> None:
        self._book = book
        self._at = at
        self.order = order
        self.struck = False

    @property
    def fault(self) -> Any:
        """What was ordered; the group says of which type it is."""
        return self.order.fault

    @property
    def open(self) -> bool:
        """Whether it may still strike for the first time."""
        return not self.struck and not self.order.cleared

    @property
    def void(self) -> bool:
        """Whether it never strikes, because its order has been cleared."""
        return not self.struck and self.order.cleared

    def strike(self) -> bool:
        """Count it, once for the task, however often it does what it does; False if the order has been cleared."""
        if self.order.cleared:
            return False
        if not self.struck:
            self.struck = True
            self._book.strike(self.order, self._at)
        return True


class FaultBook:
    """The faults on order. Safe from several threads, and without any chance in it.

    A call or a task gets, of each group, the first fault in the book that concerns it, is not used up and does not
    let it pass. So a list of faults of one group is a script: the first for the first calls, then the second.

    Attributes:
        ordered: Whether anything is ordered: the one question of whoever is in a hurry.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._numbers = 0
        self._orders: tuple[Order, ...] = ()
        self._strikes: deque[Strike] = deque(maxlen=_REMEMBERED)
        self._closed = threading.Event()
        self._listeners: list[Callable[[], None]] = []
        self.ordered = False
        self.order(*faults)

    # -- for those who order -----------------------------------------------------------------------------------

    def order(self, *faults: Fault) -> tuple[Order, ...]:
        """Put faults into the book, behind those that are in it. They hold from now on.

        Returns:
            One `Order` for each, which counts.
        """
        with self._lock:
            added = tuple(Order(self._numbers + number, fault) for number, fault in enumerate(faults, 1))
            self._numbers += len(added)
            self._orders += added
            self.ordered = bool(self._orders)
        for listener in self._listeners if added and not self._closed.is_set() else ():
            listener()
        return added

    def clear(self) -> None:
        """Take everything out: nothing strikes any more, also of what tasks have been dealt already."""
        with self._lock:
            for order in self._orders:
                order.cleared = True
            self._orders = ()
            self._strikes.clear()
            self.ordered = False

    @property
    def orders(self) -> tuple[Order, ...]:
        """What is in the book, in the order of ordering."""
        return self._orders

    @property
    def struck(self) -> tuple[Strike, ...]:
        """What has struck since the last `clear()`, oldest first; the newest 10,000."""
        with self._lock:
            return tuple(self._strikes)

    # -- for the endpoint --------------------------------------------------------------------------------------

    def listen(self, listener: Callable[[], None]) -> None:
        """Call somebody after each order."""
        self._listeners.append(listener)

    def take(self, group: str, seen: Any) -> Order | None:
        """The fault of a group that what has been seen gets, counted as matched; None when it gets none."""
        with self._lock:
            return next((order for order in self._orders if order.fault.group == group and order.takes(seen)), None)

    def deal(self, group: str, seen: Any, at: str) -> Deal | None:
        """As `take`, for a task: it strikes later, or never."""
        order = self.take(group, seen)
        return None if order is None else Deal(self, order, at)

    def strike(self, order: Order, at: str) -> None:
        """Count a strike."""
        with self._lock:
            order.struck += 1
            self._strikes.append(Strike(fault=order.fault, at=at))

    def has(self, group: str) -> bool:
        """Whether a fault of the group is in the book, used up or not."""
        return any(order.fault.group == group for order in self._orders)

    @property
    def late_logs(self) -> bool:
        """Whether a line may become readable after its container's exit code."""
        return self.ordered and self.has(_LATE_LOGS)

    @property
    def late_tasks(self) -> bool:
        """Whether a task may be unknown to the calls after RunTask."""
        return self.ordered and self.has(_LATE_TASKS)

    def wait(self, seconds: float) -> None:
        """Let time pass, until the endpoint ends."""
        self._closed.wait(min(seconds, threading.TIMEOUT_MAX))

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._closed.set()
