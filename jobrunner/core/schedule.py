"""When a job runs: a cron expression, a rate or one moment, in a time zone.

Source of the limits: botocore scheduler CreateSchedule; Scheduler user guide, "Schedule types".
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from jobrunner.core.aws_cron import YEARS, AwsCron
from jobrunner.core.cron import parse_cron
from jobrunner.core.cron_conversion import aws_crons
from jobrunner.core.durations import parse_duration
from jobrunner.core.fields import Matching, described
from jobrunner.core.part import Part
from jobrunner.core.wall_clock import moments, zone_of
from jobrunner.core.wording import nearest, quoted

_LOCAL_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)")
_OFFSET = re.compile(r"(Z|[+-][0-9]{2}:?[0-9]{2})$", re.IGNORECASE)
MAX_RATE_MINUTES = 366 * 24 * 60
MAX_ZONE = 50
_HOUR, _DAY = 60, 24 * 60


def parse_rate(value: object) -> int:
    """Whole minutes of `15 minutes`, `1 hour`, `2 days` or `15m`; an `int` is minutes already.

    Raises:
        ValueError: Not a duration, or not a positive whole number of minutes: AWS has no finer rate.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        minutes, rest = value, 0
    elif isinstance(value, str) and not value.strip().isdigit():
        try:
            minutes, rest = divmod(parse_duration(value), 60)
        except ValueError:
            raise ValueError(
                f"{quoted(value)} is not a rate; write for instance 15 minutes, 1 hour or 2 days"
            ) from None
    else:
        raise ValueError(f"{quoted(value)} is not a rate: the unit is missing; write for instance 15 minutes")
    if rest or not 1 <= minutes <= MAX_RATE_MINUTES:
        raise ValueError(f"a rate is a whole number of minutes from one minute to 366 days, not {quoted(value)}")
    return minutes


def parse_local_time(value: object) -> datetime:
    """A wall-clock time without offset, `2026-12-01T09:00` or with seconds; the zone is the schedule's.

    Raises:
        ValueError: Not such a time, or it carries an offset.
    """
    if isinstance(value, datetime):
        value = value.isoformat()
    text = value.strip() if isinstance(value, str) else ""
    if "T" in text and _OFFSET.search(text):
        raise ValueError(f"{quoted(text)} carries an offset; write the local time and set timezone")
    match = _LOCAL_TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{quoted(value)} is not a local time; write for instance 2026-12-01T09:00")
    try:
        local = datetime.fromisoformat(f"{match[1]}T{match[2]}")
    except ValueError as error:
        raise ValueError(f"{quoted(text)} is not a time: {error}") from None
    if local.year not in YEARS:
        raise ValueError(f"{quoted(text)} is out of range: the years {YEARS[0]} to {YEARS[-1]}")
    return local


def check_cron(text: str) -> str:
    """The expression with single spaces, a macro written out.

    Raises:
        ValueError: It is not Unix cron, crons read it differently, or AWS cannot do it; with what to write instead.
    """
    cron = parse_cron(text)
    aws_crons(cron)
    return cron.text


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def check_zone(name: str) -> str:
    """The name of a time zone.

    Raises:
        ValueError: There is none of that name; with the one that was probably meant.
    """
    if name == "UTC":
        return name
    # `posix/…` and `right/…` are files of a system's database, not names that AWS knows. At most 50 characters:
    # BC scheduler ScheduleExpressionTimezone.
    if len(name) <= MAX_ZONE and not name.startswith(("posix/", "right/")) and name != "localtime":
        try:
            return ZoneInfo(name).key
        except (KeyError, ValueError, OSError):
            pass
    meant = nearest(name, _known_zones())
    hint = f"did you mean {meant!r}?" if meant else "write an IANA name such as Europe/London"
    raise ValueError(f"{quoted(name)} is not a time zone; {hint}")


Zone = Annotated[str, AfterValidator(check_zone)]
LocalTime = Annotated[datetime, BeforeValidator(parse_local_time), described("string", examples=["2026-12-01T09:00"])]


class Schedule(Part):
    """When a job runs. Exactly one of cron, rate and at."""

    cron: Annotated[str, AfterValidator(check_cron)] | None = Field(
        None,
        description="Unix cron: minute, hour, day of month, month, day of week; "
        "or @hourly, @daily, @weekly, @monthly, @yearly.",
        examples=["30 2 * * *", "@daily"],
    )
    rate: (
        Annotated[int, BeforeValidator(parse_rate), described("string", examples=["15 minutes", "1 hour", "2 days"])]
        | None
    ) = Field(
        None,
        description="A fixed interval of whole minutes, counted by AWS from the start. A day is 24 hours.",
    )
    at: LocalTime | None = Field(None, description="One moment: a local time without offset, in timezone.")
    timezone: Zone = Field(
        "UTC",
        description="IANA name of the time zone of cron, at, start and end.",
        examples=["Europe/London"],
    )
    start: LocalTime | None = Field(None, description="No run before this local time.")
    end: LocalTime | None = Field(None, description="No run after this local time.")
    name: (
        Annotated[str, Matching(r"[0-9A-Za-z_-]{1,32}", "a schedule's name: up to 32 letters, digits, - and _")] | None
    ) = Field(None, description="Tells several schedules of a job apart; by default they are numbered.")

    @model_validator(mode="after")
    def _check(self) -> Any:
        given = [key for key in ("cron", "rate", "at") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"a schedule has exactly one of cron, rate and at; found {found}")
        if self.start and self.end and self.start >= self.end:
            raise ValueError("a schedule's start must be before its end")
        if self.at and (self.start or self.end):
            raise ValueError("start and end make no sense with at, which is one moment")
        for local in (self.at, self.start, self.end):
            if local is not None and not moments(local, self.zone):
                raise ValueError(
                    f"{local.isoformat()} does not exist in {self.timezone}: the clocks skip it, and so would AWS"
                )
        return self

    @property
    def zone(self) -> tzinfo:
        """The time zone."""
        return zone_of(self.timezone)

    @property
    def aws_crons(self) -> tuple[AwsCron, ...]:
        """The expressions of a cron as AWS reads them; none for a rate or an at."""
        return () if self.cron is None else aws_crons(parse_cron(self.cron))

    @property
    def expressions(self) -> tuple[str, ...]:
        """What AWS is asked for: each of them becomes a schedule of AWS's.

        Several for a cron that AWS cannot say in one. `aws_cron.may_coincide(self.aws_crons)` tells whether two of
        them can fire at the same time, which is one run.
        """
        if self.rate is not None:
            return (_rate_expression(self.rate),)
        if self.at is not None:
            return (f"at({self.at:%Y-%m-%dT%H:%M:%S})",)
        return tuple(cron.text for cron in self.aws_crons)

    @property
    def starts_at(self) -> datetime | None:
        """The moment before which there is no run, in UTC, or None."""
        return self._moment(self.start)

    @property
    def ends_at(self) -> datetime | None:
        """The moment after which there is no run, in UTC, or None."""
        return self._moment(self.end)

    def _moment(self, local: datetime | None) -> datetime | None:
        return None if local is None else moments(local, self.zone)[0]


def _rate_expression(minutes: int) -> str:
    """Write a rate in its largest unit; a unit of one is singular, which AWS enforces."""
    for unit, size in (("day", _DAY), ("hour", _HOUR)):
        if minutes % size == 0:
            return _rate_of(minutes // size, unit)
    return _rate_of(minutes, "minute")


def _rate_of(count: int, unit: str) -> str:
    return f"rate({count} {unit}{'' if count == 1 else 's'})"
