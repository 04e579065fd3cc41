"""Durations, money, times and tables in the words of a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from jobrunner.core.billing import MINIMUM_SECONDS
from jobrunner.core.durations import format_duration
from jobrunner.core.money import show_usd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

_WITH_TENTHS: Final = 10.0
_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60
#: As kubectl: up to this many of the smaller unit before the larger one says enough.
_PATIENCE_WITH_UNITS: Final = 2


def duration(seconds: float) -> str:
    """Give `0.04 s`, `4.2 s`, `42 s` or `1h2m3s`."""
    if seconds < _WITH_TENTHS:
        return f"{max(seconds, 0.0):.{1 if seconds >= 1 else 2}f} s"
    return f"{int(seconds)} s" if seconds < _MINUTE else format_duration(int(seconds))


def age(since: datetime, now: datetime) -> str:
    """Give how long ago, as kubectl does: `12s`, `5m`, `3h`, `2d`; one unit, a small number of it never."""
    seconds = max(0, int((now - since).total_seconds()))
    for size, letter in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= _PATIENCE_WITH_UNITS * size:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


def billed(seconds: int | None) -> str:
    """Give the billed seconds, and say when they are the minimum."""
    if seconds is None:
        return "unknown: AWS did not say when the image pull began"
    if seconds == 0:
        return "0 s: nothing was pulled"
    return f"{seconds} s" + (", the minimum" if seconds == MINIMUM_SECONDS else "")


def money(amount: Decimal) -> str:
    """Give US dollars: to the cent from one dollar on, to the micro-dollar below."""
    return show_usd(amount)


def cost(amount: Decimal | None, *, local: bool, seconds: int | None) -> str:
    """Give the cost, which is an estimate and says so; or why it is unknown."""
    said = None if amount is None else f"about {money(amount)} (estimate)"
    if not local:
        why = "the price table has no price for it" if seconds else "so is what is billed"
        return said or f"unknown: {why}"
    return "nothing on the local endpoint" + (f"; on Fargate {said}" if said else "")


def moment(time: datetime | None) -> str:
    """Give a time in UTC to the second, or `-`."""
    return "-" if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def counted(number: int, noun: str) -> str:
    """Give `1 line`, `2 lines`, `1,042 lines`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give aligned columns, three spaces apart, as kubectl does."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "   ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def fields(rows: Iterable[tuple[str, str]], *, indent: str = "") -> str:
    """Give aligned `label  value` lines; a value of several lines is indented under itself."""
    pairs = list(rows)
    width = max((len(label) for label, _ in pairs), default=0) + 2
    return "".join(
        f"{indent}{label:<{width}}{value.replace(chr(10), chr(10) + indent + ' ' * width)}\n" for label, value in pairs
    )
