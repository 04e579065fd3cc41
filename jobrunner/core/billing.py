"""What a task is billed: seconds exactly, or not at all; money as an estimate from a dated price table.

Rule (aws.amazon.com/fargate/pricing, "Duration"): "from the time you start to download your container image until the
task terminates, rounded up to the nearest second", with a minimum of one minute, on Windows of five. Which timestamps
of the API delimit it is not documented; `pullStartedAt` and `stoppedAt` are the widest reading, so the figure is an
upper estimate of at most the seconds between the containers' end and STOPPED.

Billed is what the task had, overrides included, and not what its containers reserve or use ("Pricing is based on
requested vCPU, memory, Operating Systems, CPU Architecture, and storage resources", same page). All arithmetic is
decimal; a sum is rounded once, to the micro-dollar.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.billing_prices import (
    GB_HOUR,
    LICENCE_VCPU_HOUR,
    LINUX,
    PUBLIC_IPV4_HOUR,
    STORAGE_GB_HOUR,
    VCPU_HOUR,
    WINDOWS,
    Key,
    Price,
    PriceTable,
    Tariff,
    key_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jobrunner.core.lifecycle import TaskSnapshot

__all__ = [
    "FREE_STORAGE_GIB",
    "MINIMUM_SECONDS",
    "WINDOWS_MINIMUM_SECONDS",
    "Bill",
    "Item",
    "Line",
    "Price",
    "PriceTable",
    "Resources",
    "Tariff",
    "bill_of",
    "billed_seconds",
    "cost_of",
    "cost_usd",
    "hourly_usd",
    "tariff_of",
]

#: aws.amazon.com/fargate/pricing, "Duration": per second "with a 1-minute minimum".
MINIMUM_SECONDS = 60
#: The same: "For Windows containers, billing is calculated per second with a 5-minute minimum."
WINDOWS_MINIMUM_SECONDS = 300
#: Ephemeral storage that costs nothing (aws.amazon.com/fargate/pricing).
FREE_STORAGE_GIB = 20
_HOUR: Final = Decimal(3600)
_MICRODOLLAR: Final = Decimal("0.000001")
_SECOND: Final = timedelta(seconds=1)


class Item(StrEnum):
    """What is charged for."""

    VCPU = "vcpu"
    MEMORY = "memory"
    STORAGE = "storage"
    LICENCE = "licence"
    #: Charged by Amazon VPC, and not part of Fargate's price.
    PUBLIC_IPV4 = "public_ipv4"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a task has.

    Attributes:
        cpu: Units; 1024 are a vCPU.
        memory: MiB. AWS's GB are 1024³ bytes here ("on this page GB = 1024^3 bytes", aws.amazon.com/fargate/pricing).
        storage: GiB, or None: what costs nothing extra.
    """

    cpu: int
    memory: int
    storage: int | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a bill.

    Attributes:
        item: What it is for.
        amount: How much of it for each hour: vCPUs, GB or addresses.
        seconds: For how long.
        key: Which row of the price table it needs.
        price: That row; None when the table lacks it.
    """

    item: Item
    amount: Decimal
    seconds: int
    key: Key
    price: Price | None

    @property
    def unknown(self) -> bool:
        """Whether what it costs is not known; no time costs nothing at any price."""
        return self.price is None and self.seconds > 0

    @property
    def usd(self) -> Decimal | None:
        """What it costs, to the micro-dollar; None when the price is unknown."""
        return _sum_of([self])

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object; money is text."""
        price = self.price
        return {
            "item": str(self.item),
            "amount": f"{self.amount:f}",
            "price_usd_per_hour": None if price is None else f"{price.usd:f}",
            "as_of": None if price is None else price.as_of.isoformat(),
            "source": None if price is None else price.source,
            "usd": _text(self.usd),
        }


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What a task costs for some seconds: an estimate, line by line.

    Attributes:
        seconds: As AWS bills them.
        lines: One for each thing that is charged for; what costs nothing has none.
    """

    seconds: int
    lines: tuple[Line, ...]

    @property
    def fargate(self) -> Decimal | None:
        """What Fargate charges, to the micro-dollar; None when a price is unknown."""
        return _sum_of(line for line in self.lines if line.item is not Item.PUBLIC_IPV4)

    @property
    def total(self) -> Decimal | None:
        """All lines together, to the micro-dollar; None when a price is unknown."""
        return _sum_of(self.lines)

    @property
    def missing(self) -> tuple[Key, ...]:
        """The rows that the price table lacks."""
        return tuple(line.key for line in self.lines if line.unknown)

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object; money is text."""
        return {
            "seconds": self.seconds,
            "fargate_usd": _text(self.fargate),
            "total_usd": _text(self.total),
            "lines": [line.to_json() for line in self.lines],
        }


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
    return max(seconds, WINDOWS_MINIMUM_SECONDS if _system_of(task) == WINDOWS else MINIMUM_SECONDS)


def _system_of(task: TaskSnapshot) -> str:
    """Give the operating system by which the price table knows it; BC ecs RuntimePlatform, Linux when omitted."""
    return WINDOWS if (task.operating_system or "").startswith("WINDOWS") else LINUX


def tariff_of(task: TaskSnapshot, *, region: str, architecture: str) -> Tariff:
    """Give the tariff of a task as really run: what ECS said, else what was asked for.

    Spot is decided by the capacity provider: `launchType` says FARGATE for both.
    """
    return Tariff(
        region=region,
        operating_system=_system_of(task),
        architecture=(task.architecture or architecture).lower(),
        capacity="spot" if task.on_spot else "on-demand",
    )


def bill_of(
    resources: Resources, tariff: Tariff, prices: PriceTable, *, seconds: int, public_ipv4: bool = False
) -> Bill:
    """Make the bill of a task, or of several alike.

    Args:
        resources: What it has.
        tariff: What its prices depend on.
        prices: What is not in it is unknown.
        seconds: As AWS bills them; of several tasks, of all together.
        public_ipv4: Whether its network interface has a public address, at AWS's price for an hour in use
            (aws.amazon.com/vpc/pricing). It exists a little longer than Fargate bills.
    """
    lines = tuple(
        Line(
            item=item,
            amount=amount,
            seconds=seconds,
            key=key_of(tariff, unit),
            price=prices.find(tariff, unit),
        )
        for item, unit, amount in _charges(resources, tariff, public_ipv4=public_ipv4)
    )
    return Bill(seconds=seconds, lines=lines)


def _charges(resources: Resources, tariff: Tariff, *, public_ipv4: bool) -> Iterator[tuple[Item, str, Decimal]]:
    vcpus = Decimal(resources.cpu) / 1024
    yield Item.VCPU, VCPU_HOUR, vcpus
    yield Item.MEMORY, GB_HOUR, Decimal(resources.memory) / 1024
    if (extra := (resources.storage or 0) - FREE_STORAGE_GIB) > 0:
        yield Item.STORAGE, STORAGE_GB_HOUR, Decimal(extra)
    if tariff.operating_system == WINDOWS:
        # A line of its own in the pricing page's example and in the offer file (`…-Fargate-Windows-OS-Hours:perCPU`).
        yield Item.LICENCE, LICENCE_VCPU_HOUR, vcpus
    if public_ipv4:
        yield Item.PUBLIC_IPV4, PUBLIC_IPV4_HOUR, Decimal(1)


def hourly_usd(resources: Resources, tariff: Tariff, prices: PriceTable) -> Decimal | None:
    """Give what Fargate charges for an hour of a task, exactly; None when a price is unknown."""
    return _hourly(bill_of(resources, tariff, prices, seconds=1).lines)


def cost_of(resources: Resources, seconds: int, tariff: Tariff, prices: PriceTable) -> Decimal | None:
    """Estimate what Fargate charges for the seconds of a task, to the micro-dollar; None when a price is unknown."""
    return bill_of(resources, tariff, prices, seconds=seconds).fargate


def cost_usd(seconds: int | None, task: TaskSnapshot, tariff: Tariff, prices: PriceTable) -> Decimal | None:
    """Estimate what Fargate charges for the seconds of a task that ran; None when a price or the size is unknown."""
    if seconds is None or task.cpu is None or task.memory is None:
        return None
    resources = Resources(cpu=task.cpu, memory=task.memory, storage=task.ephemeral_storage)
    return cost_of(resources, seconds, tariff, prices)


def _sum_of(lines: Iterable[Line]) -> Decimal | None:
    """Add lines up and round once; no time costs nothing, also at an unknown price."""
    charged = [line for line in lines if line.seconds > 0]
    hourly = _hourly(charged)
    if hourly is None:
        return None
    seconds = charged[0].seconds if charged else 0
    return (hourly * seconds / _HOUR).quantize(_MICRODOLLAR, rounding=ROUND_HALF_UP)


def _hourly(lines: Iterable[Line]) -> Decimal | None:
    total = Decimal(0)
    for line in lines:
        if line.price is None:
            return None
        total += line.amount * line.price.usd
    return total


def _text(usd: Decimal | None) -> str | None:
    return None if usd is None else f"{usd:f}"
