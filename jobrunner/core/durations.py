"""Durations as people write them: `2h`, `1h30m`, `90 seconds`, or a plain number of seconds."""

from __future__ import annotations

import re
from datetime import timedelta

from jobrunner.core.wording import quoted

#: Longer than any limit that uses a duration; it only keeps `99999999999999d` from becoming a number
#: that `timedelta` cannot hold.
MAX_SECONDS = 10 * 365 * 86_400

#: Longer numbers are no durations, and costly to convert.
MAX_DIGITS = 12

EXAMPLES = "30s, 90m, 2h, 1h30m, 1d, or a plain number of seconds"

_UNIT_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_ORDER = list(_UNIT_SECONDS)
_PART = re.compile(
    r"\s*([0-9]+)\s*(d|days?|h|hours?|hrs?|m|mins?|minutes?|s|secs?|seconds?)\b|.", re.IGNORECASE | re.DOTALL
)
_GLUED = re.compile(r"(?<=[a-z])(?=[0-9])", re.IGNORECASE)


def parse_duration(value: object) -> int:
    """Seconds of a duration.

    Args:
        value: Text such as `1h30m` or `90`, an `int` of seconds, or a `timedelta` of whole seconds.

    Raises:
        ValueError: It is something else, or longer than ten years.
    """
    seconds = _seconds(value)
    if seconds > MAX_SECONDS:
        raise ValueError(f"the duration {quoted(value)} is longer than ten years")
    return seconds


def _seconds(value: object) -> int:
    if isinstance(value, timedelta) and value >= timedelta() and not value.microseconds:
        return value.days * 86_400 + value.seconds
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS:
            return int(text)
        total = _sum_of_parts(text)
        if total is not None:
            return total
    raise ValueError(f"{quoted(value)} is not a duration; write for instance {EXAMPLES}")


def _sum_of_parts(text: str) -> int | None:
    """Each unit at most once, the larger before the smaller; None when the text is anything else."""
    total, seen = 0, -1
    spaced = _GLUED.sub(" ", text)
    for part in _PART.finditer(spaced):
        if part[1] is None or len(part[1]) > MAX_DIGITS:
            return None
        unit = part[2][0].lower()
        if _ORDER.index(unit) <= seen:
            return None
        seen = _ORDER.index(unit)
        total += int(part[1]) * _UNIT_SECONDS[unit]
    return total if seen >= 0 else None


def format_duration(seconds: int) -> str:
    """The shortest spelling that `parse_duration` reads back: 5400 is `1h30m`, 0 is `0s`."""
    parts, rest = [], seconds
    for unit, size in _UNIT_SECONDS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
