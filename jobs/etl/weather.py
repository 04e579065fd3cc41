"""What flows through the etl job, and what stops it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

#: The source's days are calendar days here.
SEATTLE = ZoneInfo("America/Los_Angeles")


class BadInputError(Exception):
    """The input cannot be loaded; the message says why, in words for whoever reads the log."""


@dataclass(frozen=True, kw_only=True)
class Day:
    """One observed day; `date` in Seattle, mm, °C, m/s."""

    date: date
    precipitation: Decimal
    temp_max: Decimal
    temp_min: Decimal
    wind: Decimal


@dataclass(frozen=True, kw_only=True)
class Extract:
    """What the file holds: its usable days in order of date, how many rows were not usable, its checksum."""

    days: tuple[Day, ...]
    rejected: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Month:
    """The statistics of the loaded days of one calendar month, `YYYY-MM`; same units as `Day`."""

    month: str
    days: int
    wet_days: int
    precipitation: Decimal
    warmest: Decimal
    coldest: Decimal
    mean: Decimal
    mean_wind: Decimal


def total_precipitation(days: Iterable[Day]) -> Decimal:
    return sum((day.precipitation for day in days), Decimal(0))
