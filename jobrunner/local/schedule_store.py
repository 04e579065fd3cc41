"""Schedules and their groups. They live as long as the endpoint."""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from jobrunner.core import local_stage
from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from jobrunner.local.schedule_expression import Expression

DEFAULT_GROUP: Final = "default"

#: Region, group and name.
Key: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """One schedule, as it was last created or updated.

    Attributes:
        settings: The members of CreateSchedule but its names and its token, with AWS's defaults.
        since: From when on its expression counts: its creation, or the last change of when it fires.
        start: No recurring fire is before it; None for none.
        end: Nor after it.
        asked: What the call said that made it, without its token.
        token: Of the CreateSchedule call.
    """

    region: str
    group: str
    name: str
    settings: Mapping[str, Any]
    expression: Expression
    zone: ZoneInfo
    since: datetime
    start: datetime | None
    end: datetime | None
    created_at: datetime
    modified_at: datetime
    asked: Mapping[str, Any]
    token: str | None

    @property
    def key(self) -> Key:
        """What it is found by."""
        return (self.region, self.group, self.name)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:scheduler:{self.region}:{local_stage.ACCOUNT_ID}:schedule/{self.group}/{self.name}"

    @property
    def enabled(self) -> bool:
        """Whether it fires at all."""
        return bool(self.settings["State"] == "ENABLED")

    @property
    def target(self) -> Mapping[str, Any]:
        """What it calls."""
        target: Mapping[str, Any] = self.settings["Target"]
        return target

    def next_fire(self, after: datetime) -> datetime | None:
        """The next moment after `after` at which it fires; None if there is none any more."""
        since = self.since if self.start is None else max(self.since, self.start)
        moment = self.expression.next_fire(after, zone=self.zone, since=since)
        if moment is None or (self.expression.recurring and self.end is not None and moment > self.end):
            return None
        return moment

    @property
    def delay(self) -> timedelta:
        """How long after a scheduled time it is called: a moment of its flexible window, always the same one.

        Which moment AWS takes is not documented. Schedules of one time are spread over their windows here too.
        """
        minutes = self.settings["FlexibleTimeWindow"].get("MaximumWindowInMinutes") or 0
        return timedelta(seconds=zlib.crc32(self.arn.encode()) % (60 * minutes) if minutes else 0)

    def due(self, scheduled: datetime) -> datetime:
        """When the target is called for a scheduled time.

        The end cuts the window off: EndDate is that "before which the schedule can invoke its target" (API reference).
        """
        late = scheduled + self.delay
        return late if self.end is None or not self.expression.recurring else min(late, self.end)

    def same_times(self, other: Schedule) -> bool:
        """Whether both say the same of when they fire."""
        mine, theirs = ((one.expression, one.zone.key, one.start, one.end) for one in (self, other))
        return mine == theirs


@dataclass(kw_only=True)
class Group:
    """A schedule group. `created_at` is None for the one that every region has."""

    region: str
    name: str
    created_at: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)
    token: str | None = None

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:scheduler:{self.region}:{local_stage.ACCOUNT_ID}:schedule-group/{self.name}"


class ScheduleStore:
    """All schedules and groups. Safe from several threads.

    A token is remembered with what it created, so the same creation again is answered as the first one, until it is
    deleted. How long AWS remembers one is not documented.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: dict[tuple[str, str], Group] = {}
        self._schedules: dict[Key, Schedule] = {}

    def __len__(self) -> int:
        """How many schedules there are."""
        return len(self._schedules)

    # -- groups ------------------------------------------------------------------------------------------------

    def group(self, region: str, name: str) -> Group:
        """A group of a region.

        Raises:
            ApiError: ResourceNotFoundException.
        """
        with self._lock:
            return self._group(region, name)

    def _group(self, region: str, name: str) -> Group:
        if name == DEFAULT_GROUP:
            return self._groups.setdefault((region, name), Group(region=region, name=name))
        if (region, name) not in self._groups:
            raise ApiError("ResourceNotFoundException", f"Schedule group {name} does not exist.", status=404)
        return self._groups[region, name]

    def groups(self, region: str) -> list[Group]:
        """The groups of a region, by name."""
        self.group(region, DEFAULT_GROUP)
        with self._lock:
            return sorted((one for one in self._groups.values() if one.region == region), key=lambda one: one.name)

    def add_group(self, group: Group) -> None:
        """Keep a new group.

        Raises:
            ApiError: ConflictException.
        """
        with self._lock:
            known = self._groups.get((group.region, group.name))
            if known is None and group.name != DEFAULT_GROUP:
                self._groups[group.region, group.name] = group
            elif known is None or not _same_call(known, group):
                raise ApiError("ConflictException", f"Schedule group {group.name} already exists.", status=409)

    def remove_group(self, region: str, name: str) -> None:
        """Forget a group and its schedules.

        Raises:
            ApiError: ResourceNotFoundException.
        """
        with self._lock:
            self._group(region, name)
            del self._groups[region, name]
            for key in [key for key in self._schedules if key[:2] == (region, name)]:
                del self._schedules[key]

    # -- schedules ---------------------------------------------------------------------------------------------

    def add(self, schedule: Schedule) -> bool:
        """Keep a new schedule; False when the same call, with its token, has created it before.

        Raises:
            ApiError: ConflictException, ResourceNotFoundException.
        """
        with self._lock:
            self._group(schedule.region, schedule.group)
            known = self._schedules.get(schedule.key)
            if known is None:
                self._schedules[schedule.key] = schedule
            elif not _same_call(known, schedule):
                raise ApiError("ConflictException", f"Schedule {schedule.name} already exists.", status=409)
            return known is None

    def replace(self, key: Key, change: Callable[[Schedule], Schedule]) -> Schedule:
        """Put what `change` makes of a schedule in its place.

        Raises:
            ApiError: ResourceNotFoundException.
        """
        with self._lock:
            changed = change(self._get(key))
            self._schedules[key] = changed
            return changed

    def get(self, key: Key) -> Schedule:
        """A schedule.

        Raises:
            ApiError: ResourceNotFoundException.
        """
        with self._lock:
            return self._get(key)

    def _get(self, key: Key) -> Schedule:
        region, group, name = key
        self._group(region, group)
        if key not in self._schedules:
            raise ApiError("ResourceNotFoundException", f"Schedule {name} does not exist.", status=404)
        return self._schedules[key]

    def of(self, region: str) -> list[Schedule]:
        """The schedules of a region, by group and name."""
        with self._lock:
            return [self._schedules[key] for key in sorted(self._schedules) if key[0] == region]

    def remove(self, key: Key) -> None:
        """Forget a schedule.

        Raises:
            ApiError: ResourceNotFoundException.
        """
        with self._lock:
            self._get(key)
            del self._schedules[key]

    def holds(self, schedule: Schedule) -> bool:
        """Whether this very schedule is still there, neither deleted nor updated."""
        with self._lock:
            return self._schedules.get(schedule.key) is schedule

    def complete(self, schedule: Schedule) -> None:
        """Forget a schedule that has nothing more to do, unless it was updated meanwhile."""
        with self._lock:
            if self._schedules.get(schedule.key) is schedule:
                del self._schedules[schedule.key]


def _same_call(known: Schedule | Group, new: Schedule | Group) -> bool:
    return known.token is not None and (known.token, known.asked) == (new.token, new.asked)
