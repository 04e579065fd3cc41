"""A clock that a test turns."""

from __future__ import annotations

import heapq
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.core.ports import Wake

#: When a scripted clock begins, if nobody says when.
BEGINNING = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class ScriptedClock:
    """`ports.Clock` whose `sleep` returns at once, with the time advanced and what was scheduled done.

    Attributes:
        slept: The seconds of every `sleep`, in order.

    Args:
        start: The first `now()`, timezone-aware.
    """

    def __init__(self, start: datetime = BEGINNING) -> None:
        self._now = start
        self._scheduled: list[tuple[datetime, int, Callable[[], object]]] = []
        self._order = count()
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Give the time."""
        return self._now

    def sleep(self, seconds: float, wake: Wake | None = None) -> None:
        """Advance the time, doing what was scheduled; stop early when `wake` is set."""
        self.slept.append(seconds)
        # A wait that is too short for this clock to count would leave whoever waits in it for ever.
        end = self._now + max(timedelta(seconds=seconds), timedelta.resolution if seconds > 0 else timedelta(0))
        while not (wake is not None and wake.wait(0)):
            if not self._scheduled or self._scheduled[0][0] > end:
                self._now = end
                return
            due, _, action = heapq.heappop(self._scheduled)
            self._now = max(self._now, due)
            action()

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something when the time has advanced by so many seconds; inside a `sleep`."""
        heapq.heappush(self._scheduled, (self._now + timedelta(seconds=seconds), next(self._order), action))
