"""Lines of one container that are written, but not readable yet."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, NamedTuple

from jobrunner.local.log_chunk import SEPARATOR

if TYPE_CHECKING:
    from jobrunner.local.faults.book import Deal
    from jobrunner.local.faults.lateness import LateLogs
    from jobrunner.local.log_store import EventLog


class _Held(NamedTuple):
    due: float
    timestamp: int
    message: bytes


class HeldLines:
    """Holds lines back as a `LateLogs` says. The log asks for what is due whenever it is read. Times in milliseconds.

    Each line gets a millisecond of its own, so that it is certain which lines stand before others.
    """

    def __init__(self, deal: Deal) -> None:
        self._deal = deal
        self._fault: LateLogs = deal.fault
        self._lock = threading.Lock()
        self._held: list[_Held] = []
        self._lines = 0
        self._last = 0
        self._burst_ends = 0.0

    def write(self, log: EventLog, lines: bytes, now: int) -> None:
        """Take lines, joined by `SEPARATOR`, that were written now."""
        with self._lock:
            log.held = self
            for message in lines.split(SEPARATOR):
                self._lines += 1
                self._last = max(now, self._last + 1)
                if self._is_late() and self._deal.strike():
                    self._held.append(_Held(self._due(now), self._last, message))
                else:
                    log.append_lines(message, 1, self._last)

    def _is_late(self) -> bool:
        return bool(self._fault.seconds or self._fault.burst) and self._lines % self._fault.every == 0

    def _due(self, now: int) -> float:
        if now >= self._burst_ends:
            self._burst_ends = now + self._fault.burst * 1_000
        return self._burst_ends + self._fault.seconds * 1_000

    def release(self, log: EventLog, now: int) -> None:
        """Let the log have what is due; all of it once the fault has been cleared."""
        with self._lock:
            cleared = self._deal.order.cleared
            due = [*itertools.takewhile(lambda held: cleared or held.due <= now, self._held)]
            if not due:
                return
            del self._held[: len(due)]
            if self._fault.every > 1 and self._fault.overtaken == "found":
                # Behind all that is there, and before all that comes: forward tokens find it.
                self._last = max(now, self._last, log.last_timestamp or 0)
                due = [held._replace(timestamp=self._last) for held in due]
            log.append_events([(held.timestamp, held.message) for held in due], now)

    def empty_page(self, asked: int) -> bool:
        """Whether a page is to be empty, of which so many have been asked for before in the same place."""
        return asked < self._fault.empty_pages and self._deal.strike()
