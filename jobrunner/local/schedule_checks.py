"""From a CreateSchedule or UpdateSchedule request to a schedule: AWS's defaults, and what it refuses beyond the model.

Where no text of AWS's is known, the code is AWS's and the sentence is ours.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

from jobrunner.local import schedule_expression, schedule_input
from jobrunner.local.schedule_store import DEFAULT_GROUP, Schedule
from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULTS: Final = {"ScheduleExpressionTimezone": "UTC", "State": "ENABLED", "ActionAfterCompletion": "NONE"}
#: What GetSchedule shows when nothing was said.
_RETRY_POLICY: Final = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
_NAMES: Final = frozenset(("Name", "GroupName", "ClientToken"))
_CLUSTER: Final = re.compile(r"arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:cluster/.+")
_EARLIEST_START: Final = timedelta(minutes=5)


def created(asked: Mapping[str, Any], *, region: str, now: datetime) -> Schedule:
    """The schedule that a CreateSchedule request asks for.

    Raises:
        ApiError: ValidationException.
    """
    settings = {**_DEFAULTS, **{name: value for name, value in asked.items() if name not in _NAMES}}
    target = settings["Target"]
    settings["Target"] = {**target, "RetryPolicy": {**_RETRY_POLICY, **target.get("RetryPolicy", {})}}
    expression = schedule_expression.parse(settings["ScheduleExpression"])
    zone = schedule_expression.parse_zone(settings["ScheduleExpressionTimezone"])
    _check_window(settings["FlexibleTimeWindow"])
    _check_target(target)
    start, end = _date(settings, "StartDate"), _date(settings, "EndDate")
    if expression.recurring:  # "EventBridge Scheduler ignores StartDate for one-time schedules", and EndDate
        _check_dates(start, end, now)
    return Schedule(
        region=region,
        group=asked.get("GroupName", DEFAULT_GROUP),
        name=asked["Name"],
        settings=settings,
        expression=expression,
        zone=zone,
        since=now,
        start=start,
        end=end,
        created_at=now,
        modified_at=now,
        asked={name: value for name, value in asked.items() if name != "ClientToken"},
        token=asked.get("ClientToken"),
    )


def updated(old: Schedule, new: Schedule) -> Schedule:
    """The schedule after an UpdateSchedule, which replaces everything: what it leaves out has its default again.

    A rate goes on from where it began as long as nothing changes about when it fires.
    """
    since = old.since if new.same_times(old) else new.since
    return replace(new, since=since, created_at=old.created_at, asked=old.asked, token=old.token)


def _check_window(window: Mapping[str, Any]) -> None:
    if window["Mode"] == "FLEXIBLE" and "MaximumWindowInMinutes" not in window:
        _refuse("MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is set to FLEXIBLE")


def _check_target(target: Mapping[str, Any]) -> None:
    arn = target["Arn"]
    if not arn.startswith("arn:"):
        _refuse("Provided Arn is not in correct format.")
    universal = schedule_input.universal(arn)
    if universal is not None:
        schedule_input.check(universal, target.get("Input"))
    ecs = target.get("EcsParameters")
    if ecs is None and _CLUSTER.fullmatch(arn):
        _refuse("A target that is an ECS cluster needs EcsParameters.")
    if ecs is not None and not _CLUSTER.fullmatch(arn):
        _refuse("EcsParameters need a target that is an ECS cluster.")
    if ecs is not None and ecs.get("LaunchType") and ecs.get("CapacityProviderStrategy"):
        _refuse("EcsParameters have a LaunchType or a CapacityProviderStrategy, not both.")


def _check_dates(start: datetime | None, end: datetime | None, now: datetime) -> None:
    if start is not None and start < now - _EARLIEST_START:
        _refuse("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if end is not None and end <= now:
        _refuse("The EndDate cannot be in the past.")
    if start is not None and end is not None and end <= start:
        _refuse("The EndDate must be after the StartDate.")


def _date(settings: Mapping[str, Any], name: str) -> datetime | None:
    if name not in settings:
        return None
    try:
        return datetime.fromtimestamp(settings[name], UTC)
    except (ValueError, OverflowError, OSError):
        _refuse(f"{name} is out of range.")


def _refuse(message: str) -> NoReturn:
    raise ApiError("ValidationException", message)
