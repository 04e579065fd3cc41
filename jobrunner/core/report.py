"""What runs came to: how many, how they ended, how long they took, what they cost, and what of it was waste.

What is unknown is counted and not guessed, and money is exact. `jobrunner.core.report_making` makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.outcome import iso
from jobrunner.core.wording import did_you_mean, quoted

if TYPE_CHECKING:
    from datetime import date, datetime

_TAG: Final = "tag:"


class By(StrEnum):
    """What runs have in common that are in one group."""

    JOB = "job"
    DAY = "day"
    MONTH = "month"
    STAGE = "stage"
    TRIGGER = "trigger"
    TAG = "tag"


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """How a report groups.

    Attributes:
        by: By what.
        tag: By the values of this tag alone; None for all tags, and when it is not by tags.
    """

    by: By
    tag: str | None = None

    def __str__(self) -> str:
        return str(self.by) if self.tag is None else f"{_TAG}{self.tag}"


def parse_grouping(text: str) -> Grouping:
    """Read `job`, `day`, `month`, `stage`, `trigger`, `tag` or `tag:KEY`.

    Raises:
        ValueError: It is none of these.
    """
    if text.startswith(_TAG) and text != _TAG:
        return Grouping(by=By.TAG, tag=text.removeprefix(_TAG))
    if text not in set(By):
        known = [*map(str, By), f"{_TAG}KEY"]
        raise ValueError(f"{quoted(text)} is not one of {', '.join(known)}{did_you_mean(text, known)}")
    return Grouping(by=By(text))


@dataclass(frozen=True, kw_only=True)
class Duration:
    """How long runs took that are over and started, in seconds; None when there is none.

    Of n durations in their order, the median is number ⌈n/2⌉ and the 95th percentile number ⌈0.95·n⌉ (nearest rank):
    both are durations that a run had.

    Attributes:
        median: Half of them took no longer.
        p95: 95 of 100 took no longer.
    """

    median: float | None = None
    p95: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object."""
        return {"median": self.median, "p95": self.p95}


@dataclass(frozen=True, kw_only=True)
class Waste:
    """What was paid for and brought nothing; and what Spot saved. Of runs that are over.

    Attributes:
        pull_seconds: Of image pulls, as far as they are known.
        pull_share: Of the billed seconds of the runs of which both are known; None when nothing was billed.
        minimum_seconds: Paid only because AWS bills a minimum.
        failed_usd: Cost of the runs that failed.
        retried_usd: Cost of the attempts before the last of runs that succeeded.
        spot_saving_usd: What the tasks on Spot would have cost more on demand.
    """

    pull_seconds: float = 0.0
    pull_share: float | None = None
    minimum_seconds: int = 0
    failed_usd: Decimal = Decimal(0)
    retried_usd: Decimal = Decimal(0)
    spot_saving_usd: Decimal = Decimal(0)

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object."""
        return {
            "pull_seconds": self.pull_seconds,
            "pull_share": self.pull_share,
            "minimum_seconds": self.minimum_seconds,
            "failed_usd": f"{self.failed_usd:f}",
            "retried_usd": f"{self.retried_usd:f}",
            "spot_saving_usd": f"{self.spot_saving_usd:f}",
        }


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs that have something in common, added up.

    Attributes:
        key: What they have in common: `etl`, `2026-11-24`, `team=data`; None of the total.
        runs: All that were not skipped, those that run still among them.
        succeeded: How many of them did.
        failed: How many are over, and did not.
        skipped: Runs that never began because another one was under way; not among `runs`.
        running: How many are not over.
        duration_seconds: How long they took.
        billed_seconds: Of the runs that are over, as far as they are known.
        unknown_billed_runs: Runs that are over whose billed seconds are unknown.
        cost_usd: Of the runs that are over, as far as it is known; an estimate.
        unknown_cost_runs: Runs that are over whose cost is unknown.
        unknown_pull_runs: Runs that are over whose image pulls are unknown.
        unknown_failed_cost_runs: Runs that failed whose cost is unknown.
        unknown_retried_cost_runs: Runs that succeeded, and of the attempts before the cost is unknown.
        unknown_saving_runs: Runs that are over of which it is unknown what Spot saved.
        waste: As far as it is known.
    """

    key: str | None
    runs: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    running: int = 0
    duration_seconds: Duration = Duration()
    billed_seconds: int = 0
    unknown_billed_runs: int = 0
    cost_usd: Decimal = Decimal(0)
    unknown_cost_runs: int = 0
    unknown_pull_runs: int = 0
    unknown_failed_cost_runs: int = 0
    unknown_retried_cost_runs: int = 0
    unknown_saving_runs: int = 0
    waste: Waste = Waste()

    @property
    def success_rate(self) -> float | None:
        """How many of the runs that are over succeeded, as a part of 1; None when none is over."""
        over = self.succeeded + self.failed
        return self.succeeded / over if over else None

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object."""
        return {
            "key": self.key,
            "runs": self.runs,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "skipped": self.skipped,
            "running": self.running,
            "success_rate": self.success_rate,
            "duration_seconds": self.duration_seconds.to_json(),
            "billed_seconds": self.billed_seconds,
            "unknown_billed_runs": self.unknown_billed_runs,
            "cost_usd": f"{self.cost_usd:f}",
            "unknown_cost_runs": self.unknown_cost_runs,
            "unknown_pull_runs": self.unknown_pull_runs,
            "unknown_failed_cost_runs": self.unknown_failed_cost_runs,
            "unknown_retried_cost_runs": self.unknown_retried_cost_runs,
            "unknown_saving_runs": self.unknown_saving_runs,
            "waste": self.waste.to_json(),
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the runs of an interval came to.

    Attributes:
        project: Whose.
        stage: Of which stage; None without one, and when it is by stage.
        since: Of runs due then or later; None of all.
        until: Of runs due before then; None of all.
        by: How the groups were made: `job`, `tag:team`, …
        groups: In an order for reading; see `make_report`.
        total: Of all runs, each counted once.
        timezone: Whose days and months, by IANA's name.
        prices: The dates of the prices that the region's costs are estimated with, oldest first; none is known of a
            region that is not in the price table.
    """

    project: str
    stage: str | None
    since: datetime | None
    until: datetime | None
    by: str
    groups: tuple[Group, ...]
    total: Group
    timezone: str = "UTC"
    prices: tuple[date, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give the JSON object of `report`."""
        return {
            "project": self.project,
            "stage": self.stage,
            "since": iso(self.since),
            "until": iso(self.until),
            "by": self.by,
            "timezone": self.timezone,
            "estimate": True,
            "prices_as_of": [day.isoformat() for day in self.prices],
            "groups": [group.to_json() for group in self.groups],
            "total": self.total.to_json(),
        }
