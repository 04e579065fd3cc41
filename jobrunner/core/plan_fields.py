"""Two requests of a schedule compared, field by field; and two other documents of AWS's (`compared`).

A field is a path with a value that holds no other fields: `Target.RetryPolicy.MaximumRetryAttempts`. `Target.Input`
is compared as the JSON that it is, and lists of named things by their names, so that a diff is readable:
`Target.Input.Overrides.ContainerOverrides[main].Environment[LOG_LEVEL]`. The order of such a list says nothing to AWS.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jobrunner.core.plan_masking import CHANGED, HIDDEN, looks_secret, masked
from jobrunner.core.plan_times import moment_of, moved, times_of
from jobrunner.core.wall_clock import iso_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

#: What GetSchedule shows when nothing was said (BC scheduler; facts on RetryPolicy: AWS's blog, and moto).
_DEFAULTS: Final = {
    "ScheduleExpressionTimezone": "UTC",
    "State": "ENABLED",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "ActionAfterCompletion": "NONE",
}
_RETRY_POLICY: Final = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
#: They say which schedule it is, and two that are compared are the same one.
_IDENTITY: Final = frozenset(("Name", "GroupName"))
_MANAGED: Final = frozenset(
    ("Description", "ScheduleExpression", "StartDate", "EndDate", "Target", *_DEFAULTS, *_IDENTITY)
)
_MANAGED_OF_TARGET: Final = frozenset(("Arn", "RoleArn", "Input", "RetryPolicy", "DeadLetterConfig"))
#: `EcsParameters`, `SqsParameters`, …: they belong to one kind of target, and AWS refuses them with another.
_OF_A_KIND: Final = "Parameters"
_INPUT: Final = "Input"
#: What the content of a task definition is shown below.
TASK_DEFINITION: Final = "TaskDefinition"
#: What the things of a list are named by, in a request of ECS's in either of its spellings.
_NAMES: Final = ("Name", "Key", "CapacityProvider", "ContainerName", "name", "key", "capacityProvider")
#: What people have written is below these; the names of AWS's own fields beside them are no reason to hide anything.
_WRITTEN: Final = frozenset((_INPUT, TASK_DEFINITION))
#: Its name says token, and it is made of job and time.
_HARMLESS: Final = "ClientToken"


@dataclass(frozen=True, kw_only=True)
class FieldChange:
    """A field that is not as it was.

    Attributes:
        path: Where it is.
        old: A JSON value as people may see it; None when there was none. A JSON null is the text `null`.
        new: As `old`.
    """

    path: str
    old: object
    new: object

    def to_json(self) -> dict[str, object]:
        """Give `{"old": …, "new": …}`."""
        return {"old": self.old, "new": self.new}


class _Segment(NamedTuple):
    """A step of a path: a key, or the name of a thing in a list and the key that names it there."""

    name: str
    named_by: str | None = None

    def __str__(self) -> str:
        return f".{self.name}" if self.named_by is None else f"[{self.name}]"


_Path = tuple[_Segment, ...]


def differences(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, *, now: datetime
) -> tuple[FieldChange, ...]:
    """Give what differs between two requests, in the order of the new one; None stands for no schedule.

    AWS's defaults count on both sides, and times that have passed do not (`effective`).
    """
    before, after = _comparable(old, now), _comparable(new, now)
    if before == after:
        return ()
    return compared(_read(before), _read(after))


def compared(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Give what differs between two documents, in the order of the new one: JSON, without any default filled in."""
    one, other = dict(_fields(old)), dict(_fields(new))
    paths = [*other, *(path for path in one if path not in other)]
    return tuple(_changed(path, one, other) for path in paths if not _same(path, one, other))


def effective(body: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Give a request with a `StartDate` that AWS still takes, and that means the same.

    AWS refuses one of over five minutes ago, at an update as well (CreateSchedule, API reference). What has begun
    needs none; a rate counts from it, so there it becomes the next moment of the same rhythm. One-off schedules ignore
    it, and `EndDate`.
    """
    kept, times = dict(body), times_of(body)
    start = moment_of(body.get("StartDate"))
    if times is not None and times.at is not None:
        kept.pop("EndDate", None)
        kept.pop("StartDate", None)
    elif start is not None and start < now:
        del kept["StartDate"]
        if times is not None and times.period is not None:
            kept["StartDate"] = iso_seconds(moved(now, start, times.period))
    return kept


def unmanaged(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the part of a schedule that jobrunner does not manage: `KmsKeyArn`, and what AWS may add one day."""
    target = {
        key: value
        for key, value in body.get("Target", {}).items()
        if key not in _MANAGED_OF_TARGET and not key.endswith(_OF_A_KIND)
    }
    return {
        **{key: value for key, value in body.items() if key not in _MANAGED},
        **({"Target": target} if target else {}),
    }


def shown_fields(body: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Give the fields of a part of a schedule that stays as it is."""
    return tuple(
        FieldChange(path=_text(path), old=_shown(path, value), new=_shown(path, value)) for path, value in _fields(body)
    )


def _comparable(body: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    if body is None:
        return {}
    target = dict(body["Target"])
    target["RetryPolicy"] = {**_RETRY_POLICY, **target.get("RetryPolicy", {})}
    kept = {key: value for key, value in effective(body, now).items() if key not in _IDENTITY}
    return {**kept, "Target": target, **{key: value for key, value in _DEFAULTS.items() if key not in kept}}


def _read(body: dict[str, Any]) -> dict[str, Any]:
    """Give the request with its Input read as JSON; what is none stays a text."""
    text = body.get("Target", {}).get(_INPUT)
    if text is None:
        return body
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return body
    return {**body, "Target": {**body["Target"], _INPUT: document}}


def _fields(value: Any, path: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    """Give the fields of a JSON value; an empty object or list is one, and so is a list of what has no fields."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _fields(item, (*path, _Segment(key)))
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for segment, item in _things(value):
            yield from _fields(item, (*path, segment))
    elif path:
        yield path, value


def _things(things: Sequence[dict[str, Any]]) -> Iterator[tuple[_Segment, Any]]:
    key = next((key for key in _NAMES if all(isinstance(thing.get(key), str) for thing in things)), None)
    if key is None or len({thing[key] for thing in things}) < len(things):
        yield from ((_Segment(str(number), ""), thing) for number, thing in enumerate(things))
        return
    for thing in things:
        rest = {name: value for name, value in thing.items() if name != key}
        pair = [*rest] == ["Value" if key[0].isupper() else "value"]
        yield _Segment(thing[key], key), next(iter(rest.values())) if pair else rest


def _same(path: _Path, one: Mapping[_Path, Any], other: Mapping[_Path, Any]) -> bool:
    return path in one and path in other and _alike(one[path], other[path])


def _alike(one: Any, other: Any) -> bool:
    # For JSON, 1 and true are two things.
    return json.dumps(one) == json.dumps(other)


def _changed(path: _Path, one: Mapping[_Path, Any], other: Mapping[_Path, Any]) -> FieldChange:
    old = _shown(path, one[path]) if path in one else None
    new = _shown(path, other[path]) if path in other else None
    return FieldChange(path=_text(path), old=old, new=CHANGED if _alike(old, new) else new)


def _text(path: _Path) -> str:
    return "".join(map(str, path)).removeprefix(".")


def _shown(path: _Path, value: Any) -> object:
    if _is_secret(path, value):
        return HIDDEN
    return "null" if value is None else masked(value)


def _is_secret(path: _Path, value: Any) -> bool:
    """Tell whether a field is not for everybody's eyes; of an Input that cannot be read, that is not known."""
    start = next((number for number, segment in enumerate(path) if segment.name in _WRITTEN), None)
    if start is None:
        return False
    inside = path[start + 1 :]
    if not inside:
        return isinstance(value, str)
    # What is named in a list may be a container, whose name says nothing of all that it holds.
    keys = [segment.name for segment in inside if segment.named_by is None or segment is inside[-1]]
    return any(key != _HARMLESS and looks_secret(key) for key in keys)
