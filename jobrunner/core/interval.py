"""The bounds of an interval of time, as people write them: with an offset, or as the clocks of the schedules show it.

A day is the moment at which it begins. A local time that the clocks skip or show twice is refused: whoever starts runs
of the wrong hour would rather have been asked.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from jobrunner.core.aws_cron import YEARS
from jobrunner.core.wall_clock import moments, zone_of
from jobrunner.core.wording import listed, quoted

if TYPE_CHECKING:
    from collections.abc import Collection


def parse_bound(text: str) -> date:
    """Read `2026-11-01`, `2026-11-01T02:30` or `2026-11-01T02:30Z`: a day, or a `datetime` with an offset or without.

    Raises:
        ValueError: It is none of these, or of a year in which no schedule fires.
    """
    try:
        bound = date.fromisoformat(text)
    except ValueError:
        try:
            bound = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{quoted(text)} is neither a day nor a time of ISO 8601") from None
    if not YEARS[0] < bound.year < YEARS[-1]:  # an offset may shift it into a neighbouring one
        raise ValueError(f"{quoted(text)} is out of range: the years {YEARS[0] + 1} to {YEARS[-1] - 1}")
    return bound


def moment_of(bound: date, zones: Collection[str]) -> datetime:
    """Give the moment, in UTC, of what `parse_bound` has read.

    Args:
        bound: A day, or a time with an offset or without.
        zones: The time zones of the schedules; one without an offset is in the only one of them.

    Raises:
        ValueError: There are several zones, or the clocks skip the time, or show it twice; with what to write instead.
    """
    if isinstance(bound, datetime) and bound.tzinfo is not None:
        return bound.astimezone(UTC)
    name, *others = sorted(zones)
    if others:
        raise ValueError(
            f"'{bound.isoformat()}' has no offset, and the schedules are in {listed((name, *others))}; "
            f"write for instance {_with_offset(bound)}"
        )
    zone = zone_of(name)
    if not isinstance(bound, datetime):
        # Where the clocks skip midnight, this is the moment at which they do; where they show it twice, the first.
        return datetime.combine(bound, time(0), zone).astimezone(UTC)
    shown = moments(bound, zone)
    if not shown:
        raise ValueError(f"'{bound.isoformat()}' does not exist in {name}: the clocks skip it")
    if len(shown) > 1:
        both = listed((moment.astimezone(zone).isoformat() for moment in shown), "or")
        raise ValueError(f"'{bound.isoformat()}' occurs twice in {name}; write {both}")
    return shown[0]


def _with_offset(bound: date) -> str:
    local = bound if isinstance(bound, datetime) else datetime.combine(bound, time(0))
    return f"{local.isoformat()}Z"
