"""`jobrunner prices [refresh]`: the price table, and what AWS's Price List says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from jobrunner.cli import words
from jobrunner.cli.harmless import harmless_line
from jobrunner.cli.options import shared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.billing_prices import Key, Price
    from jobrunner.core.connection import Connection
    from jobrunner.core.settings import Settings
    from jobrunner.ops.prices import Reading
    from jobrunner.store import PriceBook

_HEADER: Final = ("REGION", "OS", "ARCH", "CAPACITY", "UNIT", "USD", "AS OF", "SOURCE")
_COLUMNS: Final = ("region", "os", "architecture", "capacity", "unit")


@click.command("prices")
@click.argument("action", required=False, type=click.Choice(["refresh"]), metavar="[refresh]")
@click.option("--region", metavar="REGION", help="Of this region. [default: all; for refresh the region of the stage]")
@shared
@click.pass_obj
def command(invocation: Invocation, *, action: str | None, region: str | None) -> int:
    """Print the prices that estimates use, with their dates and sources.

    `prices refresh` reads the prices of a region from AWS's Price List and keeps them on this machine; a row that is
    newer than the one that comes with jobrunner is used in its place. Spot prices are not in that list.
    """
    from jobrunner.cli.session import load
    from jobrunner.store import open_prices

    settings = load(invocation).settings
    book = open_prices(Path(settings.state_dir))
    if book.trouble is not None:
        invocation.note(f"warning: {book.trouble}")
    if action is None:
        _show(invocation, book, region)
    else:
        _refresh(invocation, settings, book, region or settings.region)
    return 0


def _show(invocation: Invocation, book: PriceBook, region: str | None) -> None:
    rows = [(key, price) for key, price in sorted(book.table.prices.items()) if _is_of(key, region)]
    if invocation.json:
        invocation.write_json(*({**_document(*row), "refreshed": row[0] in book.refreshed} for row in rows))
    else:
        invocation.terminal.write(_table(rows))
    if region is not None and all(key[0] != region for key, _ in rows):
        invocation.note(
            f"no prices of {harmless_line(region)} are known; "
            f"`{invocation.command('prices', 'refresh', '--region', region)}` asks AWS"
        )


def _is_of(key: Key, region: str | None) -> bool:
    return region is None or key[0] in {region, "any"}


def _document(key: Key, price: Price) -> dict[str, Any]:
    dimensions = dict(zip(_COLUMNS, key, strict=True))
    return {**dimensions, "usd": f"{price.usd:f}", "as_of": price.as_of.isoformat(), "source": price.source}


def _table(rows: Sequence[tuple[Key, Price]]) -> str:
    """Give the rows, and under them the sources, which are long and few, by number."""
    sources = {source: number for number, source in enumerate(dict.fromkeys(price.source for _, price in rows), 1)}
    cells = (
        (*map(harmless_line, key), f"{price.usd:f}", price.as_of.isoformat(), f"[{sources[price.source]}]")
        for key, price in rows
    )
    notes = "".join(f"[{number}] {harmless_line(source)}\n" for source, number in sources.items())
    return words.table(_HEADER, cells) + (f"\n{notes}" if notes else "")


def _refresh(invocation: Invocation, settings: Settings, book: PriceBook, region: str | None) -> None:
    from jobrunner.binding import connection_of, price_list
    from jobrunner.errors import SpecError
    from jobrunner.ops.clock import SystemClock
    from jobrunner.ops.prices import read_prices
    from jobrunner.store import keep_prices

    if settings.is_local:
        raise SpecError(
            "the local endpoint has no price list: AWS is asked with the credentials of another stage",
            hint=f"`{_elsewhere(region)}`; the list has the prices of all regions.",
        )
    connection = connection_of(settings)
    with price_list(connection) as opened:
        reading = read_prices(opened, SystemClock(), book.table, region or connection.region)
    path = keep_prices(Path(settings.state_dir), reading.prices)
    priced = _price_the_past(settings, connection, book, reading)
    if invocation.json:
        invocation.write_json({**_report(reading, path), "runs_priced": priced})
        return
    changed = words.counted(len(reading.changes), "change")
    invocation.note(
        f"{words.counted(len(reading.prices), 'price')} of {reading.region} read, {changed}; kept in {path}"
    )
    for key, old, new in reading.changes:
        was = "new" if old is None else f"was {old.usd:f}"
        invocation.note(f"{' '.join(key[1:])}: {new.usd:f} ({was})")
    if priced:
        invocation.note(f"{words.counted(priced, 'past run')} of unknown cost has one now")
    invocation.note("Spot prices are not in AWS's price list: they stay as they are")


def _price_the_past(settings: Settings, connection: Connection, book: PriceBook, reading: Reading) -> int:
    from jobrunner.core.history import Source
    from jobrunner.ops.prices import price_the_past
    from jobrunner.store import open_history

    source = Source.at(connection, project=settings.project, stage=settings.stage)
    history = open_history(Path(settings.state_dir))
    try:
        return price_the_past(history, replace(source, region=reading.region), book.table.updated(reading.prices))
    finally:
        history.close()


def _elsewhere(region: str | None) -> str:
    return f"jobrunner prices refresh --stage NAME{f' --region {region}' if region else ''}"


def _report(reading: Reading, path: Path) -> Mapping[str, Any]:
    return {
        "region": reading.region,
        "read": len(reading.prices),
        "changes": [
            {**_document(key, new), "was_usd": None if old is None else f"{old.usd:f}"}
            for key, old, new in reading.changes
        ],
        "file": str(path),
    }
