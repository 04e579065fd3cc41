"""A fake of `ports.PriceList`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobrunner.testing.ecs import Scripted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from jobrunner.core.billing_prices import Key, Price


class FakePriceList(Scripted):
    """`ports.PriceList` in memory.

    Args:
        prices: Of all regions; their date is replaced by the day on which they are read.
    """

    def __init__(self, prices: Mapping[Key, Price]) -> None:
        super().__init__()
        self.prices = dict(prices)

    def fargate(self, region: str, *, as_of: date) -> Mapping[Key, Price]:
        """Give the prices of a region; see `ports.PriceList.fargate`."""
        self._called("fargate")
        return {key: replace(price, as_of=as_of) for key, price in self.prices.items() if key[0] == region}
