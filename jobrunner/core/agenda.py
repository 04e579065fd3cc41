"""Who waits for which moment: a queue by time from which anybody may be taken before."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Agenda:
    """Numbers that wait, each for one moment at most; moments are seconds, from any beginning.

    An entry that is taken or put again stays in the heap until it comes up, and is passed over then: looking for it
    would cost as much as all the others.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, int]] = []
        self._turns: dict[int, int] = {}
        self._count = count()

    def __contains__(self, number: int) -> bool:
        return number in self._turns

    def put(self, number: int, moment: float) -> None:
        """Let a number wait; if it waits already, for this moment instead."""
        turn = self._turns[number] = next(self._count)
        heapq.heappush(self._heap, (moment, turn, number))

    def withdraw(self, number: int) -> None:
        """Let a number wait no more; one that does not wait is no error."""
        self._turns.pop(number, None)

    def soonest(self) -> float | None:
        """Give the next moment for which somebody waits; None when nobody does."""
        self._pass_over()
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[int]:
        """Take those whose moment has come, in the order of their moments."""
        while (soonest := self.soonest()) is not None and soonest <= now:
            yield self._pop()[2]

    def take(self, most: int, wanted: Callable[[int], bool]) -> list[int]:
        """Take up to so many of those that are wanted, before their moments, the soonest first."""
        taken: list[int] = []
        left: list[tuple[float, int]] = []
        while len(taken) < most and self.soonest() is not None:
            moment, _, number = self._pop()
            if wanted(number):
                taken.append(number)
            else:
                left.append((moment, number))
        for moment, number in left:
            self.put(number, moment)
        return taken

    def hasten(self, moment: float) -> None:
        """Let nobody wait for longer than until this moment."""
        self._pass_over()
        self._heap = [(min(until, moment), turn, number) for until, turn, number in self._heap]
        heapq.heapify(self._heap)

    def _pop(self) -> tuple[float, int, int]:
        entry = heapq.heappop(self._heap)
        del self._turns[entry[2]]
        return entry

    def _pass_over(self) -> None:
        while self._heap and self._turns.get(self._heap[0][2]) != self._heap[0][1]:
            heapq.heappop(self._heap)
