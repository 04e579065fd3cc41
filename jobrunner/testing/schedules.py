"""A fake of `ports.Schedules`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.ports import CONFLICT, NOT_FOUND
from jobrunner.core.schedule_group import ScheduleGroup
from jobrunner.errors import AwsRefusedError
from jobrunner.testing.ecs import Scripted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobrunner.core.ports import Clock

_DEFAULT_GROUP: Final = "default"
_MANAGED_BY: Final = {"managed-by": "jobrunner"}
_DEFAULTS: Final = {
    "GroupName": _DEFAULT_GROUP,
    "ScheduleExpressionTimezone": "UTC",
    "State": "ENABLED",
    "ActionAfterCompletion": "NONE",
}
_RETRY_POLICY: Final = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}


class FakeSchedules(Scripted):
    """`ports.Schedules` in memory. They never fire, and no time is too late for them.

    Args:
        clock: Says when they are written.

    Attributes:
        groups: The groups that exist, by name; a test may put others there, one that is being deleted for instance.
        writes: The name of every call that has changed something, with the schedule's or the group's, in order.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.groups: dict[str, ScheduleGroup] = {_DEFAULT_GROUP: ScheduleGroup(name=_DEFAULT_GROUP)}
        self.writes: list[tuple[str, str]] = []
        self._schedules: dict[tuple[str, str], dict[str, Any]] = {}
        self._written: dict[tuple[str, str], datetime] = {}

    def group(self, name: str) -> ScheduleGroup | None:
        """Describe a group; see `ports.Schedules.group`."""
        self._called("group")
        return self.groups.get(name)

    def make_group(self, name: str, tags: Mapping[str, str]) -> bool:
        """Create a group; see `ports.Schedules.make_group`."""
        self._called("make_group")
        if name in self.groups:
            return False
        self.groups[name] = ScheduleGroup(name=name, tags={**_MANAGED_BY, **tags})
        self.writes.append(("make_group", name))
        return True

    def delete_group(self, name: str) -> None:
        """Delete a group and what is in it, at once; see `ports.Schedules.delete_group`."""
        self._called("delete_group")
        if name == _DEFAULT_GROUP:
            raise _refused("DeleteScheduleGroup", "The default schedule group cannot be deleted", "ValidationException")
        if self.groups.pop(name, None) is not None:
            self._schedules = {key: body for key, body in self._schedules.items() if key[0] != name}
            self.writes.append(("delete_group", name))

    def names(self, group: str) -> Sequence[str]:
        """List the schedules of a group; see `ports.Schedules.names`."""
        self._called("names")
        return sorted(name for one, name in self._schedules if one == group)

    def written(self, group: str) -> Mapping[str, datetime]:
        """Say when schedules were last written; see `ports.Schedules.written`."""
        self._called("written")
        return {name: self._written[one, name] for one, name in self._schedules if one == group}

    def get(self, group: str, name: str) -> Mapping[str, Any] | None:
        """Give a schedule; see `ports.Schedules.get`."""
        self._called("get")
        return copy.deepcopy(self._schedules.get((group, name)))

    def create(self, body: Mapping[str, Any]) -> None:
        """Create a schedule; see `ports.Schedules.create`."""
        self._called("create")
        made = _with_defaults(body)
        group, name = made["GroupName"], made["Name"]
        if group not in self.groups:
            raise _refused("CreateSchedule", f"Schedule group {group} does not exist", NOT_FOUND)
        if (group, name) in self._schedules:
            raise _refused("CreateSchedule", f"Schedule {name} already exists", CONFLICT)
        self._write(group, name, made)
        self.writes.append(("create", name))

    def update(self, body: Mapping[str, Any]) -> None:
        """Replace a schedule; see `ports.Schedules.update`."""
        self._called("update")
        made = _with_defaults(body)
        group, name = made["GroupName"], made["Name"]
        if (group, name) not in self._schedules:
            raise _refused("UpdateSchedule", f"Schedule {name} does not exist", NOT_FOUND)
        self._write(group, name, made)
        self.writes.append(("update", name))

    def delete(self, group: str, name: str) -> bool:
        """Delete a schedule; see `ports.Schedules.delete`."""
        self._called("delete")
        found = self._schedules.pop((group, name), None) is not None
        if found:
            self.writes.append(("delete", name))
        return found

    def _write(self, group: str, name: str, made: dict[str, Any]) -> None:
        self._schedules[group, name] = made
        self._written[group, name] = self._clock.now()


def _with_defaults(body: Mapping[str, Any]) -> dict[str, Any]:
    target = body["Target"]
    policy = {**_RETRY_POLICY, **target.get("RetryPolicy", {})}
    return copy.deepcopy({**_DEFAULTS, **body, "Target": {**target, "RetryPolicy": policy}})


def _refused(operation: str, what: str, code: str) -> AwsRefusedError:
    return AwsRefusedError(f"{what} ({code})", where=f"scheduler:{operation}", code=code)
