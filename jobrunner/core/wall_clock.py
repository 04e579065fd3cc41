"""What the clocks of a time zone show: times that do not exist, times that occur twice, and when the clocks change.

A local time is naive: what a clock on the wall shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def zone_of(name: str) -> tzinfo:
    """Give the time zone of an IANA name; UTC also where there is no database of zones.

    Raises:
        ZoneInfoNotFoundError: There is none of that name.
    """
    return UTC if name == "UTC" else ZoneInfo(name)


def moments(local: datetime, zone: tzinfo) -> tuple[datetime, ...]:
    """Give the moments, in UTC, at which the clocks show a local time: one, none if they skip it, or two."""
    aware = local.replace(tzinfo=zone)
    # PEP 495: fold=0 counts with the offset before a change of the clocks, fold=1 with the one after it.
    first, second = aware.astimezone(UTC), aware.replace(fold=1).astimezone(UTC)
    if first == second:
        return (first,)
    return (first, second) if first < second else ()


@dataclass(frozen=True, kw_only=True)
class Change:
    """The clocks are put forward, or back.

    Attributes:
        at: When, in UTC.
        before: How far local time was ahead of UTC.
        after: How far it is from then on.
    """

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The local times that are skipped, or occur twice: the first of them, and the first after them."""
        utc = self.at.replace(tzinfo=None)
        return utc + min(self.before, self.after), utc + max(self.before, self.after)


def changes(zone: tzinfo, since: datetime, until: datetime) -> Iterator[Change]:
    """Give the changes of a zone's clocks after `since` and up to `until`, in order; of two on one day, perhaps none.

    The rules that zones have now are months apart, or weeks (Africa/Casablanca, around Ramadan).
    """
    at, end = since.replace(microsecond=0), until.replace(microsecond=0)
    while at < end:
        after = min(at + _DAY, end)
        if _ahead(at, zone) != _ahead(after, zone):
            yield _change(zone, at, after)
        at = after


def _change(zone: tzinfo, low: datetime, high: datetime) -> Change:
    """Find the second."""
    before, after = _ahead(low, zone), _ahead(high, zone)
    while high - low > _SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if _ahead(middle, zone) == before:
            low = middle
        else:
            high = middle
    return Change(at=high, before=before, after=after)


def _ahead(at: datetime, zone: tzinfo) -> timedelta:
    return at.astimezone(zone).replace(tzinfo=None) - at.astimezone(UTC).replace(tzinfo=None)


def iso_seconds(moment: datetime) -> str:
    """Write a moment as EventBridge Scheduler writes a scheduled time: UTC, whole seconds, `Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
