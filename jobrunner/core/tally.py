"""How many of many runs are where, and what they cost together."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from jobrunner.core.events import Finished, PhaseChanged, Retrying, WatchEvent
from jobrunner.core.lifecycle import has_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.core.outcome import Outcome


class Place(StrEnum):
    """Where one of many runs is."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    #: It could not be followed to its end; whether it has succeeded is not known.
    LOST = "lost"


class Tally:
    """Counts runs by place, and adds up their bills.

    Args:
        total: How many runs there are; all are queued.

    Attributes:
        billed_seconds: Of the runs that have ended, as far as they are known.
        cost_usd: The same; an estimate.
        unbilled: How many runs have ended whose bill is not known.
        unpriced: How many runs have ended whose cost is not known.
    """

    def __init__(self, total: int) -> None:
        self._places = [Place.QUEUED] * total
        self._counts = Counter({Place.QUEUED: total})
        self.billed_seconds = 0
        self.cost_usd = Decimal(0)
        self.unbilled = 0
        self.unpriced = 0

    @property
    def counts(self) -> Mapping[Place, int]:
        """How many are where; every place is a key."""
        return {place: self._counts[place] for place in Place}

    @property
    def succeeded(self) -> bool:
        """Whether all have succeeded."""
        return self._counts[Place.SUCCEEDED] == len(self._places)

    def begun(self, index: int) -> None:
        """Count a run as being started."""
        self._move(index, Place.STARTING)

    def lost(self, index: int) -> None:
        """Count a run as one that could not be followed to its end."""
        self._move(index, Place.LOST)

    def take(self, index: int, event: WatchEvent) -> None:
        """Count what happened to a run."""
        match event:
            case PhaseChanged(phase=phase) if has_run(phase):
                self._move(index, Place.RUNNING)
            case Retrying():
                self._move(index, Place.STARTING)
            case Finished(outcome=outcome):
                self._move(index, Place.SUCCEEDED if outcome.succeeded else Place.FAILED)
                self._bill(outcome)
            case _:
                pass

    def _bill(self, outcome: Outcome) -> None:
        if outcome.billed_seconds is None:
            self.unbilled += 1
        else:
            self.billed_seconds += outcome.billed_seconds
        if outcome.cost_usd is None:
            self.unpriced += 1
        else:
            self.cost_usd += outcome.cost_usd

    def _move(self, index: int, place: Place) -> None:
        self._counts[self._places[index]] -= 1
        self._counts[place] += 1
        self._places[index] = place
