"""The price table that comes with the package.

Its rows carry their source and the date at which they were read: an estimate is only as good as those.
"""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources

from jobrunner.core.billing import Price, PriceTable

_FILE = "fargate_prices.csv"


@cache
def load_prices() -> PriceTable:
    """Give the table; the file is read once in a process."""
    text = resources.files("jobrunner.store").joinpath(_FILE).read_text(encoding="utf-8")
    rows = csv.reader(text.splitlines()[1:])
    prices = {
        (region, system, architecture, capacity, unit): Price(
            usd=Decimal(usd), as_of=date.fromisoformat(as_of), source=source
        )
        for region, system, architecture, capacity, unit, usd, source, as_of in rows
    }
    return PriceTable(prices=prices)


@cache
def prices_as_of() -> date:
    """Give the date of the newest price."""
    return max(price.as_of for price in load_prices().prices.values())
