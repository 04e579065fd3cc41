"""What the runs of a calendar month have cost, added up from their figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from jobrunner.core.figures import microseconds
from jobrunner.core.spend import Spent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobrunner.core.figures import Figures


def month_of(now: datetime) -> datetime:
    """Give the beginning of the calendar month in UTC: AWS bills by it."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


@dataclass(kw_only=True)
class Account:
    """Adds up what runs have cost.

    Attributes:
        since: A run of the job that was due before then and is not over is one whose end nobody has seen.
        job: Whose runs under way are counted apart: what they cost is estimated, as that of those to come.
        under_way: How many these are.
    """

    since: datetime
    job: str
    under_way: int = 0

    def __post_init__(self) -> None:
        self._since = microseconds(self.since)
        self._runs: Counter[tuple[bool, str]] = Counter()
        self._cost = {True: 0, False: 0}

    def take(self, runs: Iterable[Figures]) -> None:
        """Take runs, of this job and of others."""
        for run in runs:
            if run.skipped:
                continue
            own = run.job == self.job
            if run.cost is not None:
                self._runs[own, "known"] += 1
                self._cost[own] += run.cost
            elif run.verdict is not None or (own and run.due < self._since):
                self._runs[own, "unknown"] += 1
            elif own:
                self.under_way += 1
            else:
                self._runs[own, "under way"] += 1

    def spent(self, *, whole: bool, partial: bool = False, trouble: str | None = None) -> Spent:
        """Give what the job has cost, or the whole project.

        Args:
            whole: The project, with the job.
            partial: Whether there may be runs of others.
            trouble: Why they may not be all.
        """
        owners = (True, False) if whole else (True,)
        return Spent(
            runs=sum(self._runs[own, "known"] for own in owners),
            usd=Decimal(sum(self._cost[own] for own in owners)).scaleb(-6),
            unknown=sum(self._runs[own, "unknown"] for own in owners),
            under_way=sum(self._runs[own, "under way"] for own in owners),
            partial=partial,
            trouble=trouble,
        )
