"""What this machine remembers: the records of its runs, and prices, packaged ones and those read since."""

from __future__ import annotations

from jobrunner.store.prices import PriceBook, keep_prices, load_prices, open_prices, prices_as_of
from jobrunner.store.runs import SqliteRuns, open_runs

__all__ = ["PriceBook", "SqliteRuns", "keep_prices", "load_prices", "open_prices", "open_runs", "prices_as_of"]
