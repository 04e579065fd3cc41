"""Prices per hour, each with its date and its source; what is not among them is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from decimal import Decimal

#: Region, operating system, architecture, capacity and unit of a price.
Key: TypeAlias = tuple[str, str, str, str, str]

LINUX: Final = "linux"
WINDOWS: Final = "windows"
#: Stands in a key for a dimension that a price does not depend on.
ANY: Final = "any"

VCPU_HOUR: Final = "vcpu-hour"
GB_HOUR: Final = "gb-hour"
STORAGE_GB_HOUR: Final = "storage-gb-hour"
#: The licence of Windows, for each vCPU.
LICENCE_VCPU_HOUR: Final = "licence-vcpu-hour"
PUBLIC_IPV4_HOUR: Final = "public-ipv4-hour"

_ON_DEMAND: Final = "on-demand"


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
        prices: `(region, os, architecture, capacity, unit)` → price; see `key_of`.
    """

    prices: Mapping[Key, Price]

    def find(self, tariff: Tariff, unit: str) -> Price | None:
        """Give the price of a unit, `vcpu-hour` for instance, or None."""
        return self.prices.get(key_of(tariff, unit))

    def updated(self, newer: Mapping[Key, Price]) -> PriceTable:
        """Give the table in which a row gives way to one of a later date, and rows that it lacks are added."""
        later = {
            key: price
            for key, price in newer.items()
            if (known := self.prices.get(key)) is None or price.as_of > known.as_of
        }
        return PriceTable(prices={**self.prices, **later})


def key_of(tariff: Tariff, unit: str) -> Key:
    """Give the key of a price.

    Extra storage has one price for both architectures and for on-demand and Spot: its usage type
    (`USE1-Fargate-EphemeralStorage-GB-Hours`, AmazonECS offer file) names neither. A public IPv4 address has one price,
    which aws.amazon.com/vpc/pricing names without a region.
    """
    if unit == PUBLIC_IPV4_HOUR:
        return (ANY, ANY, ANY, ANY, unit)
    if unit == STORAGE_GB_HOUR:
        return (tariff.region, tariff.operating_system, ANY, _ON_DEMAND, unit)
    return (tariff.region, tariff.operating_system, tariff.architecture, tariff.capacity, unit)
