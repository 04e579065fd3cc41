"""The prices that this machine has read of AWS's Price List, beside those that come with the package."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from jobrunner.core.billing import Price, Tariff
from jobrunner.errors import StoreError
from jobrunner.store import keep_prices, load_prices, open_prices

if TYPE_CHECKING:
    from pathlib import Path

LINUX = Tariff(region="eu-west-1", operating_system="linux", architecture="x86_64", capacity="on-demand")
KEY = ("eu-west-1", "linux", "x86_64", "on-demand", "vcpu-hour")
NEW = ("mars-1", "linux", "x86_64", "on-demand", "vcpu-hour")
HEADER = "region,os,arch,capacity,unit,usd,source,as_of\n"
ROW = "eu-west-1,linux,x86_64,on-demand,vcpu-hour,1,somewhere,2026-11-24\n"


def price(usd: str, day: date = date(2026, 11, 24)) -> Price:
    """A price that was read."""
    return Price(usd=Decimal(usd), as_of=day, source='AWS, "as read"\nthere')


def test_nothing_was_read_yet(tmp_path: Path) -> None:
    """The packaged table is in use; nothing is made."""
    book = open_prices(tmp_path / "state")
    assert (load_prices(), {}, None) == (book.table, book.refreshed, book.trouble)
    assert [] == list(tmp_path.iterdir())


def test_what_was_read_is_kept_exactly(tmp_path: Path) -> None:
    """Row by row: a newer row goes before the packaged one, one that the package lacks is added, the others stay."""
    rows = {KEY: price("0.0000001"), NEW: price("12.50")}
    keep_prices(tmp_path / "state", rows)
    book = open_prices(tmp_path / "state")
    assert (rows, None) == (book.refreshed, book.trouble)
    assert rows[KEY] == book.table.find(LINUX, "vcpu-hour")
    assert load_prices().find(LINUX, "gb-hour") == book.table.find(LINUX, "gb-hour")


def test_an_older_row_gives_way(tmp_path: Path) -> None:
    """A later version of jobrunner may bring prices that are newer than what this machine has read."""
    keep_prices(tmp_path, {KEY: price("9", date(2026, 9, 28))})
    book = open_prices(tmp_path)
    assert (load_prices(), {}) == (book.table, book.refreshed)


def test_regions_are_kept_beside_each_other(tmp_path: Path) -> None:
    """What was read of another region before stays."""
    keep_prices(tmp_path, {KEY: price("1")})
    path = keep_prices(tmp_path, {NEW: price("2")})
    keep_prices(tmp_path, {KEY: price("3")})
    assert {KEY: price("3"), NEW: price("2")} == open_prices(tmp_path).refreshed
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "line 0: it does not begin with the names of the columns"),
        (b"something,else\n", "line 1: it does not begin"),
        (HEADER.encode() + b"\xff\xfe", "it is no text"),
        (HEADER.encode() + b"eu-west-1,linux\n", "line 2: not enough values"),
        ((HEADER + ROW + ROW.replace(",1,", ",much,")).encode(), "line 3: 'much' is no price"),
        ((HEADER + ROW.replace(",1,", ",0,")).encode(), "line 2: '0' is no price"),
        ((HEADER + ROW.replace(",1,", ",inf,")).encode(), "line 2: 'inf' is no price"),
        ((HEADER + ROW.replace("2026-11-24", "yesterday")).encode(), "line 2: Invalid isoformat string"),
        ((HEADER + ROW.replace("somewhere", '"somewhere')).encode(), "line 2: "),
    ],
)
def test_a_damaged_file_is_trouble(tmp_path: Path, data: bytes, said: str) -> None:
    """It is named, with the line; the packaged table is used whole, and not half of each."""
    path = keep_prices(tmp_path, {KEY: price("1")})
    path.write_bytes(data)
    book = open_prices(tmp_path)
    assert (load_prices(), {}) == (book.table, book.refreshed)
    assert book.trouble is not None
    assert f"the prices in {path} cannot be read ({said}" in book.trouble


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    """With what is read next."""
    path = keep_prices(tmp_path, {NEW: price("1")})
    path.write_text("damaged", encoding="utf-8")
    keep_prices(tmp_path, {KEY: price("2")})
    book = open_prices(tmp_path)
    assert ({KEY: price("2")}, None) == (book.refreshed, book.trouble)


def test_a_file_that_cannot_be_opened_is_trouble(tmp_path: Path) -> None:
    """A directory of its name, for instance."""
    (tmp_path / "fargate-prices.csv").mkdir()
    assert "cannot be read (Is a directory)" in str(open_prices(tmp_path).trouble)


def test_what_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    """With the file and what helps; nothing half-written is left."""
    (tmp_path / "fargate-prices.csv").mkdir()
    with pytest.raises(StoreError, match="the prices cannot be kept: Is a directory") as caught:
        keep_prices(tmp_path, {KEY: price("1")})
    assert str(tmp_path / "fargate-prices.csv") == caught.value.where
    assert ["fargate-prices.csv"] == [one.name for one in tmp_path.iterdir()]
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be kept"):
        keep_prices(tmp_path / "file" / "state", {KEY: price("1")})
