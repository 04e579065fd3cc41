"""Pause and resume the schedules of a job, without touching anything else of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobrunner.core.plan_fields import effective
from jobrunner.core.plan_times import moment_of, times_of
from jobrunner.errors import UnknownJobError
from jobrunner.ops.noting import noted
from jobrunner.ops.patience import patiently
from jobrunner.ops.scheduled import read_ours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobrunner.core.settings import Settings
    from jobrunner.ops.ports import Ports

_STATES = {True: "DISABLED", False: "ENABLED"}


@dataclass(frozen=True, kw_only=True)
class Paused:
    """What has become of a schedule that was to be paused or resumed.

    Attributes:
        name: The schedule's.
        job: Whose it is.
        paused: Whether it is paused now.
        changed: Whether it was not before.
        over: Whether it can never fire any more: then it was left as it is.
    """

    name: str
    job: str
    paused: bool
    changed: bool
    over: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object."""
        return {
            "name": self.name,
            "job": self.job,
            "state": "paused" if self.paused else "enabled",
            "changed": self.changed,
            "over": self.over,
        }


def set_paused(ports: Ports, settings: Settings, job: str, *, paused: bool) -> Sequence[Paused]:
    """Pause every schedule of a job, or resume it; once more changes nothing.

    What is to be resumed and is over stays as it is: AWS may fire a one-off schedule whose time has passed as soon as
    it is enabled ("Deleting a schedule", Scheduler user guide), and refuses an `EndDate` in the past.

    Raises:
        UnknownJobError: The job has no schedule there that jobrunner has made.
        AwsError: AWS refuses, or does not answer; some schedules of the job may have been changed. Repeat it.
    """
    found = read_ours(ports, settings, jobs=[job])
    if not found:
        raise unscheduled(job, settings)
    return [_set(ports, name, job, body, paused=paused) for name, (_, body) in found.items()]


def unscheduled(job: str, settings: Settings) -> UnknownJobError:
    """Give the error of a job that has no schedules at AWS."""
    return UnknownJobError(
        f"the job {job} has no schedules in the group {settings.schedule_group}",
        hint="`jobrunner apply` creates the schedules that the jobs' files say.",
    )


def _set(ports: Ports, name: str, job: str, body: Mapping[str, Any], *, paused: bool) -> Paused:
    wanted, now = _STATES[paused], ports.clock.now()
    if body["State"] == wanted:
        return Paused(name=name, job=job, paused=paused, changed=False)
    if is_over(body, now):
        return Paused(name=name, job=job, paused=not paused, changed=False, over=True)
    # UpdateSchedule replaces the whole schedule: all else is sent as GetSchedule has given it.
    changed = {**effective(body, now), "State": wanted}
    action = "schedule_paused" if paused else "schedule_resumed"
    with noted(ports.audit, action, schedule=name, group=body["GroupName"], job=job):
        patiently(ports.clock, lambda: ports.schedules.update(changed))
    return Paused(name=name, job=job, paused=paused, changed=True)


def is_over(body: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a schedule can never fire any more, paused or not; of one that cannot be read, that is not known."""
    end, times = moment_of(body.get("EndDate")), times_of(body)
    if times is None:
        return False
    if times.at is None and end is not None and end <= now:
        return True
    return next(times.fires(now), None) is None
