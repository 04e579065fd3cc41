"""Unix cron expressions: five fields or a macro, read exactly.

The grammar is that of crontab(5), with croniter's additions for days: `L` (the last day of the month, also as the end
of a range), `15W` (the weekday nearest to the 15th), `L5` (the last Friday) and `5#2` (the second Friday). What one
cron reads differently from another is refused with the reason, because an expression must fire at exactly the minutes
that it says. AWS's own cron(…) has other fields and other weekday numbers and is no input here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobrunner.core.month_days import LAST, MONTH_NAMES, WEEK, WEEKDAY_NAMES
from jobrunner.core.wording import listed, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

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

#: Month → its longest length.
LONGEST = {month: 30 if month in (4, 6, 9, 11) else 31 for month in range(1, 13)} | {2: 29}

_LAST_DAY = "L"
_NEAREST = re.compile(r"([0-9]{1,2})W|W([0-9]{1,2})")
_LAST = re.compile(r"L([0-9]|[A-Z]{3})")
_NTH = re.compile(r"((?:[0-9]|[A-Z]{3})(?:-(?:[0-9]|[A-Z]{3}))?)#([1-5])")
_ITEM = re.compile(r"(?:(\*)|([0-9]{1,4}|[A-Z]{3})(?:-([0-9]{1,4}|[A-Z]{3}|L))?)(?:/([0-9]{1,4}))?")


@dataclass(frozen=True, kw_only=True)
class _Field:
    name: str
    low: int
    high: int
    names: dict[str, int]
    end: int  # where `*` and `a/n` end: 7 is Sunday once more, and only a number that somebody writes
    period: str  # steps begin anew with it
    unit: str = ""  # of a rate that does not


_MINUTE = _Field(name="minute", low=0, high=59, names={}, end=59, period="hour", unit="minutes")
_HOUR = _Field(name="hour", low=0, high=23, names={}, end=23, period="day", unit="hours")
_DAY = _Field(name="day of the month", low=1, high=31, names={}, end=31, period="month", unit="days")
_MONTH = _Field(
    name="month",
    low=1,
    high=12,
    names={name: number for number, name in enumerate(MONTH_NAMES, 1)},
    end=12,
    period="year",
)
_WEEKDAY = _Field(
    name="day of the week",
    low=0,
    high=7,
    names={name: number for number, name in enumerate(WEEKDAY_NAMES)},
    end=6,
    period="week",
)
_FIELD_COUNT = 5


@dataclass(frozen=True, kw_only=True)
class Cron:
    """The minutes at which an expression fires, as sets; weekdays count from 0, Sunday.

    `any_day` and `any_weekday` say that the field was `*`: when neither is, Unix fires on a day that matches
    either of the two.

    Attributes:
        last_day: Also on the last day of the month.
        nearest_to: The day of the month to whose nearest weekday (Monday to Friday, same month) it moves, or None.
        nth_weekdays: Also on these: (weekday, which one of the month), with -1 for the last.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool
    last_day: bool = False
    nearest_to: int | None = None
    nth_weekdays: frozenset[tuple[int, int]] = frozenset()


def parse_cron(text: str) -> Cron:
    """Read five fields or a macro.

    Raises:
        ValueError: It is not a Unix cron expression, is read differently by different crons, or never fires.
    """
    fields = _split(text)
    minute, hour, day, month, weekday = (part.upper() for part in fields)
    days, last_day, nearest_to = _days(day)
    weekdays, nth_weekdays = _weekdays(weekday)
    if "*" not in (day, weekday):
        _check_either_day(day, weekday, counted=nearest_to is not None or bool(nth_weekdays))
    cron = Cron(
        text=" ".join(fields),
        minutes=_values(_MINUTE, minute),
        hours=_values(_HOUR, hour),
        days=days,
        months=_values(_MONTH, month),
        weekdays=weekdays,
        any_day=day == "*",
        any_weekday=weekday == "*",
        last_day=last_day,
        nearest_to=nearest_to,
        nth_weekdays=nth_weekdays,
    )
    first = min(days | ({nearest_to} if nearest_to else set()), default=1)
    if cron.any_weekday and not last_day and all(first > LONGEST[one] for one in cron.months):
        raise ValueError(f"cron {quoted(text)} never fires: no such month has a day {first}")
    return cron


def _check_either_day(day: str, weekday: str, *, counted: bool) -> None:
    """Refuse two day fields whose "either" is not the same everywhere.

    A field that begins with `*` counts as unrestricted in Vixie's cron and its heirs, which then want both fields to
    match (crontab.guru/cron-bug.html); croniter wants either. Of a weekday that is counted, and of a day that is
    moved, croniter makes "both" as well, and no manual says anything.
    """
    if counted:
        raise ValueError(
            f"{quoted(day)} and {quoted(weekday)} in the two day fields of one cron expression are read differently by "
            "different crons; write two schedules"
        )
    for field, part, other in ((_DAY, day, weekday), (_WEEKDAY, weekday, day)):
        if any(item.startswith("*") for item in part.split(",")):
            either = part.replace("*", f"{field.low}-{field.end}")
            raise ValueError(
                f"{quoted(part)} beside {quoted(other)}: some crons fire on days that match both day fields, others on "
                f"days that match either; for either of them write {quoted(either)}, and '*' for {quoted(other)} alone"
            )


def _days(part: str) -> tuple[frozenset[int], bool, int | None]:
    """Read the day of the month: numbers, whether the last day is among them, and the day that is moved, if any."""
    nearest = _NEAREST.fullmatch(part)
    if nearest is not None:
        return frozenset(), False, _number(_DAY, nearest[1] or nearest[2])
    items = part.split(",")
    numbers = [item for item in items if item != _LAST_DAY]
    return _values(_DAY, ",".join(numbers)) if numbers else frozenset(), _LAST_DAY in items, None


def _weekdays(part: str) -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
    """Read the day of the week: plain weekdays, and those that are counted within the month.

    Raises:
        ValueError: Both kinds in one field: croniter refuses to say what that means.
    """
    items = part.split(",")
    counted = {item: _counted(item) for item in items}
    if not any(counted.values()):
        return frozenset(day % WEEK for day in _values(_WEEKDAY, part)), frozenset()
    plain = [item for item, found in counted.items() if not found]
    if plain:
        raise ValueError(
            f"{quoted(plain[0])} cannot stand beside {quoted(next(item for item in items if counted[item]))} in the "
            "day of the week field of a cron expression; write two schedules"
        )
    return frozenset(), frozenset().union(*counted.values())


def _counted(item: str) -> frozenset[tuple[int, int]]:
    """Read `5#2`, `MON-FRI#2` or `L5`; nothing of anything else."""
    if (nth := _NTH.fullmatch(item)) is not None:
        return frozenset((day % WEEK, int(nth[2])) for day in _item(_WEEKDAY, nth[1]))
    if (last := _LAST.fullmatch(item)) is not None:
        return frozenset({(_number(_WEEKDAY, last[1]) % WEEK, LAST)})
    return frozenset()


def _split(text: str) -> list[str]:
    stripped = text.strip()
    if stripped.startswith("@"):
        return _macro(stripped)
    if re.match(r"(cron|rate|at)\s*\(", stripped, re.IGNORECASE):
        raise ValueError(f"cron {quoted(text)} is AWS's syntax; write Unix cron, {EXAMPLE}")
    fields = stripped.split()
    if len(fields) != _FIELD_COUNT:
        more = "seconds and years do not exist here" if len(fields) > _FIELD_COUNT else "minute hour day month weekday"
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


def _item(field: _Field, item: str) -> Sequence[int]:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(f"{quoted(item)} is not valid in the {field.name} field of a cron expression{_reason(item)}")
    star, first, last, step = match.groups()
    stride = _stride(field, item, step)
    if last is not None:
        return _range(field, item, stride, _number(field, first), _end(field, last))
    if step is None and not star:
        return [_number(field, first)]
    return range(field.low if star else _from_low(field, _number(field, first)), field.end + 1, stride)


def _from_low(field: _Field, number: int) -> int:
    """Give where a range begins: 7-2 is 0-2, from Sunday on."""
    return field.low if number > field.end else number


def _end(field: _Field, text: str) -> int:
    return field.end if text == _LAST_DAY and field is _DAY else _number(field, text)


def _range(field: _Field, item: str, stride: int, first: int, end: int) -> Sequence[int]:
    start = _from_low(field, first)
    if end in (first, start):
        one = item.partition("-")[0]
        raise ValueError(f"{quoted(item)} is a range of one value, which some crons read as every value; write {one}")
    if start < end:
        return range(start, end + 1, stride)
    size = field.end - field.low + 1
    # 22-2 is 22, 23, 0, 1, 2. In steps it matters whether they count on over the end or begin anew there; croniter
    # does now the one, now neither.
    on = [field.low + (start - field.low + more) % size for more in range(0, (end - start) % size + 1, stride)]
    anew = [*range(start, field.end + 1, stride), *range(field.low, end + 1, stride)]
    if set(on) != set(anew):
        raise ValueError(
            f"{quoted(item)} goes over the end of the field in steps, which crons read differently; list what it shall "
            f"be, for instance {','.join(map(str, on))}"
        )
    return on


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
    stride, most = int(step), field.high - field.low
    if 1 <= stride <= most:
        return stride
    advice = f"; an even interval is a rate, for instance rate: {stride} {field.unit}" if stride and field.unit else ""
    raise ValueError(
        f"the step of {quoted(item)} in the {field.name} field must be from 1 to {most}: steps begin anew with every "
        f"{field.period}{advice}"
    )


def _reason(item: str) -> str:
    if item.startswith(("R", "H")):
        return ": random (R) and hashed (H) times are not deterministic"
    if item == "?":
        return ": '?' is AWS's; write '*'"
    if item.endswith("L") and len(item) > 1:
        return f": the last such weekday is written L{item[:-1]}"
    if "W" in item or "#" in item or "L" in item:
        return ": there are L and 15W for days of the month, L5 and 5#2 for days of the week"
    return ""
