"""What this machine remembers: its runs, the history of all, and prices, packaged ones and those read since."""

from __future__ import annotations

from jobrunner.store.history import SqliteHistory, open_history
from jobrunner.store.prices import PriceBook, keep_prices, load_prices, open_prices, prices_as_of
from jobrunner.store.runs import SqliteRuns, open_runs
from jobrunner.store.told import SqliteTold, open_told

__all__ = [
    "PriceBook",
    "SqliteHistory",
    "SqliteRuns",
    "SqliteTold",
    "keep_prices",
    "load_prices",
    "open_history",
    "open_prices",
    "open_runs",
    "open_told",
    "prices_as_of",
]
