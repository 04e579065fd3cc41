"""Unix cron by its manual, for comparison: whether a minute matches, and nothing else. Shares no code with jobrunner.

Sources: crontab(5) for the five fields, and for "either" when both day fields are set; croniter's README for L, W, #
and ranges over the end.
"""

from __future__ import annotations

import calendar
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_MACROS = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
MINUTES_OF_A_DAY = [time(hour, minute) for hour in range(24) for minute in range(60)]


def matches(text: str, when: datetime) -> bool:
    """Whether cron would start the job in this minute, of local time."""
    return day_matches(text, when.date()) and when.time() in times(text)


@lru_cache(maxsize=10_000)
def day_matches(text: str, day: date) -> bool:
    """Whether it is one of the days."""
    *_, days, months, weekdays = _fields(text)
    if not _in_field(months, day.month, 1, 12, names=_MONTHS):
        return False
    this_date = any(_date_matches(item, day) for item in days.split(","))
    this_weekday = any(_weekday_matches(item, day) for item in weekdays.split(","))
    return this_date and this_weekday if "*" in (days, weekdays) else this_date or this_weekday


@lru_cache(maxsize=100)
def times(text: str) -> frozenset[time]:
    """The minutes of such a day."""
    minutes, hours, *_ = _fields(text)
    return frozenset(
        one for one in MINUTES_OF_A_DAY if _in_field(minutes, one.minute, 0, 59) and _in_field(hours, one.hour, 0, 23)
    )


def local_times(text: str, first: date, after: date) -> Iterator[datetime]:
    """All the minutes between two dates, in order."""
    every = sorted(times(text))
    for number in range((after - first).days):
        day = first + timedelta(days=number)
        if day_matches(text, day):
            yield from (datetime.combine(day, one) for one in every)


def _fields(text: str) -> list[str]:
    return _MACROS.get(text.lower(), text).upper().split()


def _in_field(part: str, value: int, low: int, high: int, names: list[str] | None = None) -> bool:
    return any(_in_item(item, value, low, high, names or []) for item in part.split(","))


def _in_item(item: str, value: int, low: int, high: int, names: list[str]) -> bool:
    """By arithmetic on the circle of values, where jobrunner makes lists."""
    span, _, step = item.partition("/")
    first, _, last = span.partition("-")
    if first == "*":
        first, last = str(low), str(high)
    begin = _number(first, low, names)
    end = _number(last, low, names) if last else high if step else begin
    size = high - low + 1
    distance = (value - begin) % size
    return distance <= (end - begin) % size and distance % int(step or 1) == 0


def _number(text: str, low: int, names: list[str]) -> int:
    return low + names.index(text) if text in names else int(text)


def _date_matches(item: str, day: date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    if item == "L":
        return day.day == length
    if "W" in item:
        target = int(item.replace("W", ""))
        workdays = [
            one for one in range(1, length + 1) if calendar.weekday(day.year, day.month, one) < calendar.SATURDAY
        ]
        return target <= length and day.day == min(workdays, key=lambda one: abs(one - target))
    return _in_item(item.replace("-L", "-31"), day.day, 1, 31, [])


def _weekday_matches(item: str, day: date) -> bool:
    weekday = day.isoweekday() % 7
    length = calendar.monthrange(day.year, day.month)[1]
    if item.startswith("L"):
        return weekday == _number(item[1:], 0, _WEEKDAYS) % 7 and day.day + 7 > length
    span, _, nth = item.partition("#")
    return (not nth or (day.day + 6) // 7 == int(nth)) and _in_weekdays(span, weekday)


def _in_weekdays(item: str, weekday: int) -> bool:
    """Both 0 and 7 are Sunday: 5-7 is a range like any other, and 6-1 one over the end."""
    span, _, step = item.partition("/")
    first, _, last = span.partition("-")
    begin = 0 if first == "*" else _number(first, 0, _WEEKDAYS)
    end = _number(last, 0, _WEEKDAYS) if last else 6 if step or first == "*" else begin
    if begin > end:
        return _in_item(f"{begin % 7}-{end}/{step or 1}", weekday, 0, 6, [])
    return any(begin <= one <= end and (one - begin) % int(step or 1) == 0 for one in {weekday, weekday or 7})


# -- expressions -------------------------------------------------------------------------------------------------


def crons() -> st.SearchStrategy[str]:
    """Expressions of every form, in either case; some that jobrunner refuses because crons read them differently."""
    fields = st.tuples(_lists(0, 59), _lists(0, 23), _days(), _lists(1, 12, _MONTHS), _weekdays())
    return st.one_of(fields.map(" ".join), fields.map(" ".join).map(str.lower), st.sampled_from(sorted(_MACROS)))


def _days() -> st.SearchStrategy[str]:
    nearest = st.integers(1, 31).map(lambda date: f"{date}W")
    last = st.integers(1, 30).map(lambda date: f"{date}-L")
    plain = _lists(1, 31)
    return st.one_of(st.just("*"), plain, plain, st.just("L"), plain.map(lambda one: f"{one},L"), last, nearest)


def _weekdays() -> st.SearchStrategy[str]:
    weekday = _values(0, 7, _WEEKDAYS)
    nth = st.tuples(weekday, st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}")
    last = st.integers(0, 7).map(lambda number: f"L{number}")
    counted = st.lists(st.one_of(nth, last), min_size=1, max_size=3).map(",".join)
    plain = st.lists(_items(0, 7, _WEEKDAYS), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), st.just("*"), plain, plain, counted)


def _lists(low: int, high: int, names: list[str] | None = None) -> st.SearchStrategy[str]:
    return st.lists(_items(low, high, names or []), min_size=1, max_size=4).map(",".join)


def _items(low: int, high: int, names: list[str]) -> st.SearchStrategy[str]:
    value = _values(low, high, names)
    span = st.tuples(value, value).map("-".join)
    step = st.integers(1, high - low).map(str)
    stepped = st.tuples(st.one_of(st.just("*"), value, span), step).map("/".join)
    return st.one_of(st.just("*"), value, span, stepped)


def _values(low: int, high: int, names: list[str]) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str)
    return st.one_of(number, st.sampled_from(names)) if names else number
