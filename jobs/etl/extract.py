"""Extract: the CSV file into days, with every row that cannot be used counted and named."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from weather import SEATTLE, BadInputError, Day, Extract

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from datetime import date
    from pathlib import Path

COLUMNS = ("date", "precipitation", "temp_max", "temp_min", "wind", "weather")
WEATHERS = frozenset({"drizzle", "fog", "rain", "snow", "sun"})

#: A few bad rows are reported and left out; more than this share means that the file itself is bad.
MAX_REJECTED = Decimal("0.01")


class RejectedRowError(Exception):
    """One row cannot be used; the message is the reason, the same for all rows that share it."""


def extract(source: Path) -> Extract:
    """Read and clean the whole file, or raise `BadInputError`."""
    content = read(source)
    days: dict[date, Day] = {}
    rejected: Counter[str] = Counter()
    for line, row in rows(source, content):
        try:
            day = parse(row, days)
        except RejectedRowError as reason:
            rejected[str(reason)] += 1
            print(f"extract: rejected {source.name}:{line}: {reason}: {','.join(row)}")
        else:
            days[day.date] = day
    report(source, len(days), rejected)
    return Extract(
        days=tuple(day for _, day in sorted(days.items())),
        rejected=rejected.total(),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise BadInputError(f"cannot read {source}: {error.strerror}") from None


def rows(source: Path, content: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    """The rows under the header, each with its line number."""
    try:
        lines = content.decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError as error:
        raise BadInputError(f"{source} is not UTF-8: bad byte at offset {error.start}") from None
    reader = csv.reader(lines, strict=True)
    try:
        if (header := tuple(next(reader, ()))) != COLUMNS:
            raise BadInputError(f"{source}:1: the columns are {','.join(header)!r}, not {','.join(COLUMNS)!r}")
        yield from ((reader.line_num, row) for row in reader)
    except csv.Error as error:
        raise BadInputError(f"{source}:{reader.line_num}: {error}") from None


def parse(row: Sequence[str], seen: Container[date]) -> Day:
    """One row as a day, or `RejectedRowError`."""
    if len(row) != len(COLUMNS):
        raise RejectedRowError(f"not {len(COLUMNS)} columns")
    day = day_of(row[0])
    precipitation, temp_max, temp_min, wind = map(number, row[1:5])
    if precipitation < 0 or wind < 0:
        raise RejectedRowError("negative precipitation or wind")
    if temp_min > temp_max:
        raise RejectedRowError("minimum above maximum")
    if row[5] not in WEATHERS:
        raise RejectedRowError("unknown weather")
    if day in seen:
        raise RejectedRowError("day seen before")
    return Day(date=day, precipitation=precipitation, temp_max=temp_max, temp_min=temp_min, wind=wind)


def day_of(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y/%m/%d").replace(tzinfo=SEATTLE).date()
    except ValueError:
        raise RejectedRowError("not a date") from None


def number(text: str) -> Decimal:
    """Exact: with floats, the sum of a month would depend on the order of its days."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise RejectedRowError("not a number") from None
    if not value.is_finite():
        raise RejectedRowError("not a finite number")
    return value


def report(source: Path, accepted: int, rejected: Counter[str]) -> None:
    """Print what came of the file; refuse it when too little did."""
    bad = rejected.total()
    total = accepted + bad
    print(f"extract: {total} rows read from {source.name}, {accepted} accepted, {bad} rejected")
    for reason, count in rejected.most_common():
        print(f"extract: {count} rejected because: {reason}")
    if not accepted:
        raise BadInputError(f"{source} has no usable row")
    if bad > MAX_REJECTED * total:
        raise BadInputError(f"{source}: {bad} of {total} rows rejected, more than {MAX_REJECTED:.0%}")
