"""What this machine remembers: the records of its runs, and the price table that comes with the package."""

from __future__ import annotations

from jobrunner.store.prices import load_prices, prices_as_of
from jobrunner.store.runs import SqliteRuns, open_runs

__all__ = ["SqliteRuns", "load_prices", "open_runs", "prices_as_of"]
