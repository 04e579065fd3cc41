"""The form of AWS's cron expressions: minute, hour, day of month, month, day of week, year.

Source: Scheduler user guide, "Schedule types"; the wildcards of each field are its table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_NUMBER: Final = r"[0-9]{1,4}|[A-Z]{3}"
_ITEM: Final = re.compile(rf"(?:\*|({_NUMBER})(?:-({_NUMBER}))?)(?:/([0-9]{{1,4}}))?")
_NEAREST: Final = re.compile(r"([0-9]{1,2})W")
_LAST: Final = re.compile(r"([1-7]|[A-Z]{3})L")
_NTH: Final = re.compile(r"([1-7]|[A-Z]{3})#[1-5]")


@dataclass(frozen=True, kw_only=True)
class _Field:
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)
    steps: bool = True  # the guide lists no `/` for the day of the week
    wraps: bool = False  # and shows a range over the end, 20-2, for hours only


_MINUTE: Final = _Field(low=0, high=59)
_HOUR: Final = _Field(low=0, high=23, wraps=True)
_DAY: Final = _Field(low=1, high=31)
_MONTH: Final = _Field(low=1, high=12, names={name: number for number, name in enumerate(_MONTHS, 1)})
_WEEKDAY: Final = _Field(low=1, high=7, names={name: number for number, name in enumerate(_DAYS, 1)}, steps=False)
_YEAR: Final = _Field(low=1970, high=2199)
_COUNT: Final = 6


def check(fields: Sequence[str]) -> None:
    """Accept the fields of an expression.

    Raises:
        ValueError: AWS refuses them, or the user guide does not say what they mean.
    """
    if len(fields) != _COUNT:
        raise ValueError(f"{len(fields)} fields instead of six")
    minute, hour, day, month, weekday, year = (part.upper() for part in fields)
    if (day == "?") == (weekday == "?"):
        raise ValueError("exactly one of day of month and day of week is ?")
    _check_items(_MINUTE, minute)
    _check_items(_HOUR, hour)
    _check_day(day)
    _check_items(_MONTH, month)
    _check_weekday(weekday)
    _check_items(_YEAR, year)


def _check_day(part: str) -> None:
    if part in {"?", "L"}:
        return
    nearest = _NEAREST.fullmatch(part)
    if nearest is None:
        _check_items(_DAY, part)
    else:
        _number(_DAY, nearest[1])


def _check_weekday(part: str) -> None:
    if part in {"?", "L"}:
        return
    counted = _LAST.fullmatch(part) or _NTH.fullmatch(part)
    if counted is None:
        _check_items(_WEEKDAY, part)
    else:
        _number(_WEEKDAY, counted[1])


def _check_items(kind: _Field, part: str) -> None:
    for item in part.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{item!r} means nothing")
        first, last, step = match.groups()
        if first is not None:
            _check_range(kind, first, last or first)
        if step is not None and not (kind.steps and 1 <= int(step) <= kind.high):
            raise ValueError(f"{item!r} is no step")


def _check_range(kind: _Field, first: str, last: str) -> None:
    if _number(kind, first) > _number(kind, last) and not kind.wraps:
        raise ValueError(f"{first}-{last} goes over the end")


def _number(kind: _Field, text: str) -> int:
    number = kind.names.get(text, -1) if text.isalpha() else int(text)
    if not kind.low <= number <= kind.high:
        raise ValueError(f"{text} is out of range")
    return number
