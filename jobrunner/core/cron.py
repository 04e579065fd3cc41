"""Unix cron expressions: five fields or a macro, read exactly.

The grammar is that of crontab(5). What one cron reads differently from another is refused with the reason,
because an expression must fire at exactly the minutes that it says. AWS's own cron(…) has other fields and
other weekday numbers and is no input here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobrunner.core.wording import listed, quoted

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
EXAMPLE = 'for instance "30 2 * * *" (02:30 every day) or @daily'

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
    )
}
_DAYS = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}
_LONGEST = {month: 30 if month in (4, 6, 9, 11) else 31 for month in range(1, 13)} | {2: 29}
_ITEM = re.compile(r"(?:(\*)|([0-9]{1,4}|[A-Z]{3})(?:-([0-9]{1,4}|[A-Z]{3}))?)(?:/([0-9]{1,4}))?")


@dataclass(frozen=True, kw_only=True)
class _Field:
    name: str
    low: int
    high: int
    names: dict[str, int]
    end: int  # where `*` and `a/n` end: 7 is Sunday once more, and only a number that somebody writes


_FIELDS = (
    _Field(name="minute", low=0, high=59, names={}, end=59),
    _Field(name="hour", low=0, high=23, names={}, end=23),
    _Field(name="day of the month", low=1, high=31, names={}, end=31),
    _Field(name="month", low=1, high=12, names=_MONTHS, end=12),
    _Field(name="day of the week", low=0, high=7, names=_DAYS, end=6),
)


@dataclass(frozen=True, kw_only=True)
class Cron:
    """The minutes at which an expression fires, as sets; weekdays count from 0, Sunday.

    `any_day` and `any_weekday` say that the field was `*`: when neither is, Unix fires on a day that matches
    either of the two.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool


def parse_cron(text: str) -> Cron:
    """Read five fields or a macro.

    Raises:
        ValueError: It is not a Unix cron expression, is read differently by different crons, or never fires.
    """
    fields = _split(text)
    sets = [_values(field, part.upper()) for field, part in zip(_FIELDS, fields, strict=True)]
    minutes, hours, days, months, weekdays = sets
    cron = Cron(
        text=" ".join(fields),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        any_day=fields[2] == "*",
        any_weekday=fields[4] == "*",
    )
    if cron.any_weekday and all(min(days) > _LONGEST[month] for month in months):
        raise ValueError(f"cron {quoted(text)} never fires: no such month has a day {min(days)}")
    return cron


def _split(text: str) -> list[str]:
    stripped = text.strip()
    if stripped.startswith("@"):
        return _macro(stripped)
    if re.match(r"(cron|rate|at)\s*\(", stripped, re.IGNORECASE):
        raise ValueError(f"cron {quoted(text)} is AWS's syntax; write Unix cron, {EXAMPLE}")
    fields = stripped.split()
    if len(fields) != len(_FIELDS):
        more = "seconds and years do not exist here" if len(fields) > len(_FIELDS) else "minute hour day month weekday"
        raise ValueError(f"cron {quoted(text)} has {len(fields)} fields instead of five ({more}); {EXAMPLE}")
    return fields


def _macro(text: str) -> list[str]:
    if text.lower() == "@reboot":
        raise ValueError("cron '@reboot' has no meaning on Fargate: nothing boots")
    if text.lower() not in MACROS:
        raise ValueError(f"cron {quoted(text)} is not a macro; there are {listed(MACROS)}")
    return MACROS[text.lower()].split()


def _values(field: _Field, part: str) -> frozenset[int]:
    values: set[int] = set()
    for item in part.split(","):
        values.update(_item(field, item))
    return frozenset(values)


def _item(field: _Field, item: str) -> list[int]:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(f"{quoted(item)} is not valid in the {field.name} field of a cron expression{_reason(item)}")
    star, first, last, step = match.groups()
    start = field.low if star else _number(field, first)
    end = field.end if star or (step and not last) else _number(field, last or first)
    if last and start == end:
        raise ValueError(f"{quoted(item)} is a range of one value, which some crons read as every value; write {first}")
    stride = _stride(field, item, step)
    if start <= end:
        return list(range(start, end + 1, stride))
    if step:
        raise ValueError(
            f"{quoted(item)} goes over the end of the field in steps, which crons read differently; list it"
        )
    return [*range(start, field.end + 1), *range(field.low, end + 1)]  # 22-2 is 22, 23, 0, 1, 2


def _number(field: _Field, text: str) -> int:
    if text in field.names:
        return field.names[text]
    if not text.isdigit():
        names = f" (names: {listed(field.names)})" if field.names else ""
        raise ValueError(f"{quoted(text)} is not a number in the {field.name} field of a cron expression{names}")
    if not field.low <= int(text) <= field.high:
        raise ValueError(
            f"{text} is out of range in the {field.name} field of a cron expression: {field.low} to {field.high}"
        )
    return int(text)


def _stride(field: _Field, item: str, step: str | None) -> int:
    if step is None:
        return 1
    if not 1 <= int(step) <= field.high - field.low:
        raise ValueError(
            f"the step of {quoted(item)} in the {field.name} field must be from 1 to {field.high - field.low}"
        )
    return int(step)


def _reason(item: str) -> str:
    if item.startswith(("R", "H")):
        return ": random (R) and hashed (H) times are not deterministic"
    if item == "?":
        return ": '?' is AWS's; write '*'"
    if "#" in item or item.startswith("L") or item.endswith(("L", "W")):
        return ": 'L', 'W' and '#' are not Unix cron"
    return ""
