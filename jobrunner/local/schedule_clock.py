"""A clock that is faster than time, so that a week of schedules can be watched in minutes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class FastClock:
    """Seconds since 1970, of which `speed` pass in a second.

    It goes by a clock that nobody sets: a step of the machine's clock would be one of hours here.

    Args:
        began: What it shows at first.
        speed: 1 is as fast as time.
        passing: Seconds from any beginning.
    """

    def __init__(self, *, began: float, speed: float, passing: Callable[[], float] = time.monotonic) -> None:
        self._began = began
        self._speed = speed
        self._passing = passing
        self._zero = passing()

    def __call__(self) -> float:
        """What it shows now."""
        return self._began + (self._passing() - self._zero) * self._speed
