"""Read what Fargate costs in a region from AWS's Price List."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from jobrunner.core.repricing import repriced
from jobrunner.errors import SpecError
from jobrunner.ops.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.core.billing_prices import Key, Price, PriceTable
    from jobrunner.core.history import Source
    from jobrunner.core.ports import Clock, History, PriceList


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What AWS's Price List said.

    Attributes:
        region: Of which region.
        prices: Rows of the price table, with the day on which they were read.
        known: What the price table had in their place, where it had anything.
    """

    region: str
    prices: Mapping[Key, Price]
    known: Mapping[Key, Price]

    @property
    def changes(self) -> tuple[tuple[Key, Price | None, Price], ...]:
        """The rows that are new or have another price, in their order, each with the one that was known."""
        rows = ((key, self.known.get(key), price) for key, price in sorted(self.prices.items(), key=_by_key))
        return tuple(row for row in rows if row[1] is None or row[1].usd != row[2].usd)


def _by_key(row: tuple[Key, Price]) -> Key:
    return row[0]


def read_prices(price_list: PriceList, clock: Clock, table: PriceTable, region: str) -> Reading:
    """Read the prices of a region, with patience; nothing is kept.

    Args:
        price_list: AWS's.
        clock: Says the day, and waits.
        table: What is known so far.
        region: Any region of AWS's.

    Raises:
        SpecError: The Price List has no Fargate prices of that region.
        AwsError: AWS refuses to tell, or does not answer.
    """
    today = clock.now().date()
    prices = patiently(clock, partial(price_list.fargate, region, as_of=today))
    if not prices:
        raise SpecError(
            f"AWS's price list has no Fargate prices in USD for region {region}", hint="Check the region's name."
        )
    known = {key: table.prices[key] for key in prices if key in table.prices}
    return Reading(region=region, prices=prices, known=known)


def price_the_past(history: History, source: Source, table: PriceTable) -> int:
    """Give past runs of unknown cost the one that they have by a table; give how many runs have changed.

    What a run was priced at before stays: a newer price is not the one that it was charged.

    Raises:
        StoreError: What this machine has read of history cannot be read again.
    """
    return history.reprice(source, partial(repriced, region=source.region, prices=table))
