"""The price table: the one that comes with the package, and what was read of AWS's Price List since.

Rows carry their source and the date at which they were read: an estimate is only as good as those. What was read stands
in a file of the state directory, in the same form, and a row of it goes before the packaged one when it is newer.
"""

from __future__ import annotations

import csv
import io
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from jobrunner.core.billing_prices import Price, PriceTable
from jobrunner.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jobrunner.core.billing_prices import Key

_PACKAGED: Final = "fargate_prices.csv"
#: In the state directory.
FILE: Final = "fargate-prices.csv"
_HEADER: Final = ["region", "os", "arch", "capacity", "unit", "usd", "source", "as_of"]


@dataclass(frozen=True, kw_only=True)
class PriceBook:
    """The prices that are known on this machine.

    Attributes:
        table: The packaged table, with what was read since.
        refreshed: Those of its rows that were read since.
        trouble: Why the file of what was read is not used, in one sentence; None when it is, or there is none.
    """

    table: PriceTable
    refreshed: Mapping[Key, Price]
    trouble: str | None = None


@cache
def load_prices() -> PriceTable:
    """Give the packaged table; the file is read once in a process."""
    text = resources.files("jobrunner.store").joinpath(_PACKAGED).read_text(encoding="utf-8")
    return PriceTable(prices=_parse(text))


@cache
def prices_as_of() -> date:
    """Give the date of the newest packaged price."""
    return max(price.as_of for price in load_prices().prices.values())


def open_prices(state_dir: Path) -> PriceBook:
    """Give the prices that are known on this machine. A damaged file of them is trouble, and no error."""
    packaged, path = load_prices(), state_dir / FILE
    try:
        read = _read(path)
    except (OSError, ValueError) as error:
        said = f"{error.strerror}" if isinstance(error, OSError) else f"{error}"
        trouble = f"the prices in {path} cannot be read ({said}): those that come with jobrunner are used"
        return PriceBook(table=packaged, refreshed={}, trouble=trouble)
    table = packaged.updated(read)
    return PriceBook(table=table, refreshed={key: one for key, one in read.items() if table.prices[key] is one})


def keep_prices(state_dir: Path, prices: Mapping[Key, Price]) -> Path:
    """Keep what was read of AWS's Price List, beside what was read before; give the file.

    A damaged file is replaced. Another process sees the old file or the new one, and never a part.

    Raises:
        StoreError: It cannot be written.
    """
    path = state_dir / FILE
    try:
        before = _read(path)
    except (OSError, ValueError):
        before = {}
    rows = {**before, **prices}
    beside = path.with_name(f"{FILE}.{os.getpid()}")
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.write_text(_text_of(rows), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):  # there may not even be a directory; what went wrong is told below
            beside.unlink(missing_ok=True)
        raise StoreError(
            f"the prices cannot be kept: {error.strerror}",
            where=str(path),
            hint="Set JOBRUNNER_STATE_DIR to a directory that can be written.",
        ) from error
    return path


def _read(path: Path) -> dict[Key, Price]:
    """Read what was kept; nothing when there is no file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise ValueError("it is no text") from None
    return _parse(text)


def _parse(text: str) -> dict[Key, Price]:
    """Read a price table.

    Raises:
        ValueError: It is none; with the line.
    """
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        _check_header(next(lines, None))
        return dict(map(_row, lines))
    except (ValueError, csv.Error) as error:
        raise ValueError(f"line {lines.line_num}: {error}") from error


def _check_header(names: list[str] | None) -> None:
    if names != _HEADER:
        raise ValueError("it does not begin with the names of the columns")


def _row(cells: list[str]) -> tuple[Key, Price]:
    region, system, architecture, capacity, unit, text, source, as_of = cells
    try:
        usd = Decimal(text)
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite() or usd <= 0:
        raise ValueError(f"{text!r} is no price")
    price = Price(usd=usd, as_of=date.fromisoformat(as_of), source=source)
    return (region, system, architecture, capacity, unit), price


def _text_of(prices: Mapping[Key, Price]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for key, price in sorted(prices.items()):
        writer.writerow([*key, f"{price.usd:f}", price.source, price.as_of.isoformat()])
    return text.getvalue()
