"""When a schedule fires: `at(…)`, `rate(…)` and `cron(…)`, with EventBridge Scheduler's rules.

Source: Scheduler user guide, "Schedule types". What a cron expression says, and which ones AWS refuses, is known to
`jobrunner.core.aws_cron`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias
from zoneinfo import ZoneInfo

from jobrunner.core.aws_cron import YEARS, AwsCron, parse_aws_cron
from jobrunner.core.wall_clock import moments
from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

_AT: Final = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)", re.ASCII)
_RATE: Final = re.compile(r"rate\(([1-9]\d{0,8}) (minute|hour|day)(s?)\)", re.ASCII)
_CRON: Final = "cron("
_UNITS: Final[Mapping[str, timedelta]] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_MAX_ZONE: Final = 50

#: Before every moment: the first fire of all is the next one after it.
BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class At:
    """One moment, a local time of the schedule's zone."""

    recurring: ClassVar[bool] = False

    local: datetime

    def next_fire(self, after: datetime, *, zone: ZoneInfo, since: datetime) -> datetime | None:
        """The moment, unless it is not later than `after`; of two with this local time, the first.

        A local time that the clocks skip never comes.
        """
        del since
        shown = moments(self.local, zone)
        return shown[0] if shown and shown[0] > after else None


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Every so often; a day has 24 hours, whatever the zone does."""

    recurring: ClassVar[bool] = True

    period: timedelta

    def next_fire(self, after: datetime, *, zone: ZoneInfo, since: datetime) -> datetime | None:
        """At `since`, and then after every period."""
        del zone
        if after < since:
            return since
        try:
            return since + ((after - since) // self.period + 1) * self.period
        except OverflowError:
            return None  # after the year 9999


@dataclass(frozen=True, kw_only=True)
class Cron:
    """Local times of the schedule's zone."""

    recurring: ClassVar[bool] = True

    cron: AwsCron

    def next_fire(self, after: datetime, *, zone: ZoneInfo, since: datetime) -> datetime | None:
        """The first moment that is later than `after`, and not before `since`.

        A local time that the clocks skip never comes, and one that occurs twice fires the first time.
        """
        start = max(after, since)
        if start.year > YEARS[-1]:
            return None  # also because a zone may be ahead of the last moment that a date can hold
        for local in self.cron.local_times(start.astimezone(zone).replace(tzinfo=None)):
            shown = moments(local, zone)
            if shown and shown[0] >= start and shown[0] > after:
                return shown[0]
        return None


Expression: TypeAlias = At | Rate | Cron


def parse(text: str) -> Expression:
    """Read a ScheduleExpression.

    Raises:
        ApiError: ValidationException, in AWS's words.
    """
    try:
        found = _at(text) or _rate(text) or _cron(text)
    except ValueError:
        found = None
    if found is None:
        raise ApiError("ValidationException", f"Invalid Schedule Expression {text}.")
    return found


def _at(text: str) -> At | None:
    match = _AT.fullmatch(text)
    if match is None:
        return None
    local = datetime.fromisoformat(match[1])
    if local.year not in YEARS:  # those of cron expressions; the guide says nothing of `at`
        raise ValueError("out of range")
    return At(local=local)


def _rate(text: str) -> Rate | None:
    match = _RATE.fullmatch(text)
    if match is None:
        return None
    value, unit, plural = int(match[1]), match[2], match[3]
    if (value == 1) == bool(plural):
        raise ValueError("one minute, but two minutes")
    return Rate(period=value * _UNITS[unit])


def _cron(text: str) -> Cron | None:
    return Cron(cron=parse_aws_cron(text)) if text.startswith(_CRON) else None


def parse_zone(name: str) -> ZoneInfo:
    """Read a ScheduleExpressionTimezone.

    Raises:
        ApiError: ValidationException: it is no name of the IANA database.
    """
    # `posix/…` and `right/…` are folders of this machine's database, and `localtime` is this machine's own zone.
    foreign = name.startswith(("posix/", "right/")) or name == "localtime" or len(name) > _MAX_ZONE
    try:
        if not foreign:
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    raise ApiError("ValidationException", f"The ScheduleExpressionTimezone {name!r} is not an IANA time zone.")
