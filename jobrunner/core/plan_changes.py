"""A plan as a value: what is to become of each schedule of a project, and what that will cost a month."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.wall_clock import iso_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jobrunner.core.forecast import Month
    from jobrunner.core.plan_fields import FieldChange
    from jobrunner.core.spend import Standing


class Action(StrEnum):
    """What is to be done about a schedule; nothing, for the last two."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    KEEP = "keep"
    FOREIGN = "foreign"


_WRITES: Final = frozenset((Action.CREATE, Action.UPDATE, Action.DELETE))


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is to become of one schedule.

    Attributes:
        action: What is to be done.
        name: The schedule's, in the group.
        job: Whose schedule it is; None of a foreign one that no job needs.
        fields: What differs; all of it when the schedule is created or deleted.
        by_hand: What somebody has set that jobrunner does not manage, and that stays.
        body: The whole request for CreateSchedule or UpdateSchedule; None when neither is sent.
        note: What a person should know.
        when: The cron, rate or time as the project says it, else as AWS does.
        timezone: Its time zone.
        next_fire: When it fires next once this is done, in UTC; None when it does not, or that is not known.
        paused: Whether it does not fire until it is resumed.
    """

    action: Action
    name: str
    job: str | None
    fields: tuple[FieldChange, ...] = ()
    by_hand: tuple[FieldChange, ...] = ()
    body: Mapping[str, Any] | None = None
    note: str | None = None
    when: str | None = None
    timezone: str | None = None
    next_fire: datetime | None = None
    paused: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object. The request is not part of it: it holds what `fields` hides."""
        return {
            "action": str(self.action),
            "name": self.name,
            "job": self.job,
            "schedule": self.when,
            "timezone": self.timezone,
            "next": None if self.next_fire is None else iso_seconds(self.next_fire),
            "paused": self.paused,
            "fields": {one.path: one.to_json() for one in self.fields},
            "by_hand": {one.path: one.new for one in self.by_hand},
            "note": self.note,
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that would have to be done.

    Attributes:
        group: The schedule group.
        changes: In the order in which they are applied: what is needed before what is not.
        register: The jobs that get a new revision of their task definition first.
        before: An estimate of a month of the schedules as they are.
        after: The same once the plan is applied.
        budgets: How the budgets stand once it is: those of its jobs, and the project's.
    """

    group: str
    changes: tuple[Change, ...]
    register: tuple[str, ...] = ()
    before: Month | None = None
    after: Month | None = None
    budgets: tuple[Standing, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return any(change.action in _WRITES for change in self.changes)

    @property
    def to_do(self) -> tuple[Change, ...]:
        """What is to be done."""
        return tuple(change for change in self.changes if change.action in _WRITES)

    @property
    def foreign(self) -> tuple[Change, ...]:
        """The schedules that the project needs and somebody else has."""
        return tuple(change for change in self.changes if change.action is Action.FOREIGN)

    def count(self, action: Action) -> int:
        """Count the changes of a kind."""
        return Counter(change.action for change in self.changes)[action]

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object."""
        months = {"before": self.before, "after": self.after}
        return {
            "changes": [change.to_json() for change in self.changes],
            "summary": {
                "group": self.group,
                **{str(action): self.count(action) for action in Action},
                "register": list(self.register),
                # An estimate of 30 days, and nothing that AWS has said.
                "month": {"estimate": True, **{key: month and month.to_json() for key, month in months.items()}},
                "budget": [one.to_json() for one in self.budgets],
            },
        }
