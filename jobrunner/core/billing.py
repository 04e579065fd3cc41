"""What a task is billed: seconds exactly, or not at all; money as an estimate from a dated price table.

Rule (aws.amazon.com/fargate/pricing): "from the time you start to download your container image until the
Amazon ECS Task terminates, rounded up to the nearest second", with a minimum of one minute on Linux. Which
timestamps of the API delimit it is not documented; `pullStartedAt` and `stoppedAt` are the widest reading, so
the figure is an upper estimate of at most the seconds between the containers' end and STOPPED.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.core.lifecycle import TaskSnapshot

MINIMUM_SECONDS = 60
#: Ephemeral storage that costs nothing (aws.amazon.com/fargate/pricing).
FREE_STORAGE_GIB = 20
_HOUR = Decimal(3600)
_MICRODOLLAR = Decimal("0.000001")
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Price:
    """One row of the price table, in USD per hour and unit."""

    usd: Decimal
    as_of: date
    source: str


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """The dimensions that a price depends on."""

    region: str
    operating_system: str
    architecture: str
    capacity: str


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """Dated prices. A region or an architecture that is not in it is unknown, and is not extrapolated.

    Attributes:
        prices: `(region, os, architecture, capacity, unit)` → price; the architecture is `any` for storage.
    """

    prices: Mapping[tuple[str, str, str, str, str], Price]

    def find(self, tariff: Tariff, unit: str) -> Price | None:
        """Give the price of `vcpu-hour`, `gb-hour` or `storage-gb-hour`, or None."""
        architecture = "any" if unit.startswith("storage") else tariff.architecture
        # Extra storage has one price for on-demand and Spot.
        capacity = "on-demand" if unit.startswith("storage") else tariff.capacity
        return self.prices.get((tariff.region, tariff.operating_system, architecture, capacity, unit))


def billed_seconds(task: TaskSnapshot) -> int | None:
    """Give the seconds that AWS bills for a stopped task, or None when they cannot be known.

    A task that stopped before any image was pulled (it was never placed, its network interface failed) has
    not begun to be billed: 0. A task that ran but has no `pullStartedAt` is unknown, not free.
    """
    if not task.stopped:
        return None
    if task.pull_started_at is None:
        ran = task.started_at is not None or any(one.exit_code is not None for one in task.containers)
        known_never_placed = task.stopped_at is not None and not ran
        return 0 if known_never_placed else None
    if task.stopped_at is None or task.stopped_at < task.pull_started_at:
        return None
    duration = task.stopped_at - task.pull_started_at
    seconds = -(-duration // _SECOND)
    return max(seconds, MINIMUM_SECONDS)


def tariff_of(task: TaskSnapshot, *, region: str, architecture: str) -> Tariff:
    """Give the tariff of a task as really run: what ECS said, else what was asked for.

    Spot is decided by the capacity provider: `launchType` says FARGATE for both.
    """
    return Tariff(
        region=region,
        operating_system="windows" if (task.operating_system or "").startswith("WINDOWS") else "linux",
        architecture=(task.architecture or architecture).lower(),
        capacity="spot" if task.on_spot else "on-demand",
    )


def cost_usd(seconds: int | None, task: TaskSnapshot, tariff: Tariff, prices: PriceTable) -> Decimal | None:
    """Estimate what the seconds of a task cost, to the micro-dollar; None when a price is unknown.

    Windows is always unknown here: its licence fee and its minimum are not in the table.
    """
    if seconds is None or task.cpu is None or task.memory is None or tariff.operating_system != "linux":
        return None
    if seconds == 0:
        return Decimal("0.000000")
    amounts = {
        "vcpu-hour": Decimal(task.cpu) / 1024,
        "gb-hour": Decimal(task.memory) / 1024,
        "storage-gb-hour": Decimal(max(0, (task.ephemeral_storage or 0) - FREE_STORAGE_GIB)),
    }
    hourly = Decimal(0)
    for unit, amount in amounts.items():
        price = prices.find(tariff, unit)
        if amount and price is None:
            return None
        hourly += amount * price.usd if price else Decimal(0)
    return (hourly * seconds / _HOUR).quantize(_MICRODOLLAR, rounding=ROUND_HALF_UP)
