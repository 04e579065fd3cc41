"""Which retrier and which catcher is for an error.

Source: Step Functions developer guide, "Handling errors in Step Functions workflows". Each retrier counts for itself.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.states.errors import matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobrunner.local.states.errors import StateError

_INTERVAL: Final = 1
_ATTEMPTS: Final = 3
_RATE: Final = 2.0


class Retries:
    """The retriers of one visit to a state."""

    def __init__(self, retriers: Sequence[Mapping[str, Any]]) -> None:
        self._retriers = retriers
        self._used = [0] * len(retriers)

    def pause(self, error: StateError) -> float | None:
        """Seconds to the next attempt; None when there is none."""
        for number, retrier in enumerate(self._retriers):
            if matches(retrier["ErrorEquals"], error.error):
                self._used[number] += 1
                used = self._used[number]
                return _pause(retrier, used) if used <= retrier.get("MaxAttempts", _ATTEMPTS) else None
        return None


def _pause(retrier: Mapping[str, Any], attempt: int) -> float:
    try:
        pause = retrier.get("IntervalSeconds", _INTERVAL) * float(retrier.get("BackoffRate", _RATE)) ** (attempt - 1)
    except OverflowError:
        pause = float("inf")
    longest = float(retrier.get("MaxDelaySeconds", 99_999_999))
    pause = min(pause, longest)
    return random.uniform(0, pause) if retrier.get("JitterStrategy") == "FULL" else pause  # noqa: S311 - no secret


def catcher(catchers: Sequence[Mapping[str, Any]], error: StateError) -> tuple[int, Mapping[str, Any]] | None:
    """The first catcher for an error, with its number."""
    for number, one in enumerate(catchers):
        if matches(one["ErrorEquals"], error.error):
            return number, one
    return None
