"""An EC2 instance that is always on, beside the tasks of a job: the question that newcomers ask first."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.billing_prices import LINUX, Tariff
from jobrunner.core.retry import ON_DEMAND

if TYPE_CHECKING:
    from jobrunner.core.billing import Resources
    from jobrunner.core.billing_prices import Price, PriceTable

#: Of a month.
DAYS: Final = 30
_HOURS_A_DAY: Final = 24
_MICRODOLLAR: Final = Decimal("0.000001")
_TENTH: Final = Decimal("0.1")


@dataclass(frozen=True, kw_only=True)
class Instance:
    """An EC2 instance type that newcomers compare with.

    Attributes:
        name: EC2's.
        memory: MiB (EC2 user guide, "Burstable performance instances").
    """

    name: str
    memory: int

    def price(self, region: str, prices: PriceTable) -> Price | None:
        """Give its price an hour with Linux, on demand, or None."""
        tariff = Tariff(region=region, operating_system=LINUX, architecture="x86_64", capacity=ON_DEMAND)
        return prices.find(tariff, f"{self.name}-hour")


INSTANCES: Final = (Instance(name="t2.micro", memory=1024), Instance(name="t3.nano", memory=512))


@dataclass(frozen=True, kw_only=True)
class AlwaysOn:
    """An EC2 instance day and night, beside tasks of a job; its disk and its address not counted.

    Attributes:
        instance: Which.
        price: An hour; None when the price table lacks it.
        hourly: What Fargate charges for an hour of the job's task; None when a price is unknown.
        fits: Whether it has as much memory as the job's task.
    """

    instance: Instance
    price: Price | None
    hourly: Decimal | None
    fits: bool

    @property
    def month(self) -> Decimal | None:
        """What it costs in 30 days, to the micro-dollar."""
        return None if self.price is None else (self.price.usd * _HOURS_A_DAY * DAYS).quantize(_MICRODOLLAR)

    @property
    def never(self) -> bool | None:
        """Whether a task that runs day and night costs no more; None when that is not known."""
        if self.price is None or self.hourly is None:
            return None
        return self.hourly <= self.price.usd

    @property
    def hours(self) -> Decimal | None:
        """From how many hours a day on it is cheaper than the task; None when it never is, or when it is unknown."""
        if self.price is None or self.hourly is None or self.never:
            return None
        return (self.price.usd * _HOURS_A_DAY / self.hourly).quantize(_TENTH, rounding=ROUND_HALF_UP)

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object; money and hours are text."""
        price = self.price
        return {
            "instance": self.instance.name,
            "memory": self.instance.memory,
            "fits": self.fits,
            "price_usd_per_hour": None if price is None else f"{price.usd:f}",
            "as_of": None if price is None else price.as_of.isoformat(),
            "source": None if price is None else price.source,
            "month_usd": _text(self.month),
            "cheaper_from_hours_a_day": _text(self.hours),
            "never_cheaper": self.never,
        }


def always_on(resources: Resources, region: str, prices: PriceTable, *, hourly: Decimal | None) -> tuple[AlwaysOn, ...]:
    """Compare the instances with a task.

    Args:
        resources: What the task has.
        region: Where.
        prices: What is not in it is unknown.
        hourly: What Fargate charges for an hour of the task, if that is known.
    """
    return tuple(
        AlwaysOn(
            instance=one,
            price=one.price(region, prices),
            hourly=hourly,
            fits=one.memory >= resources.memory,
        )
        for one in INSTANCES
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
