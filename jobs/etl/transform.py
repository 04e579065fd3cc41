"""Transform: days into the statistics of their months."""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

from weather import SEATTLE, BadInputError, Day, Month, total_precipitation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def observed_before(scheduled: datetime | None, days: Sequence[Day]) -> Sequence[Day]:
    """The days that were over in Seattle at the scheduled time; all of them when there is none."""
    if scheduled is None:
        return days
    today = scheduled.astimezone(SEATTLE).date()
    chosen = [day for day in days if day.date < today]
    if not chosen:
        raise BadInputError(f"no day before {today} in the source, which begins on {days[0].date}")
    return chosen


def summarise(days: Sequence[Day]) -> Sequence[Month]:
    """The months of these days, which come in order of date."""
    by_month = groupby(days, key=lambda day: day.date.strftime("%Y-%m"))
    months = [month_of(name, tuple(group)) for name, group in by_month]
    print(
        f"transform: {len(days)} days from {days[0].date} to {days[-1].date} into {len(months)} months, "
        f"{total_precipitation(days)} mm of precipitation"
    )
    return months


def month_of(name: str, days: Sequence[Day]) -> Month:
    return Month(
        month=name,
        days=len(days),
        wet_days=sum(day.precipitation > 0 for day in days),
        precipitation=total_precipitation(days),
        warmest=max(day.temp_max for day in days),
        coldest=min(day.temp_min for day in days),
        mean=mean([(day.temp_max + day.temp_min) / 2 for day in days]),
        mean_wind=mean([day.wind for day in days]),
    )


def mean(values: Sequence[Decimal]) -> Decimal:
    """To two decimals, one more than the observations have."""
    return round(sum(values, Decimal(0)) / len(values), 2)
