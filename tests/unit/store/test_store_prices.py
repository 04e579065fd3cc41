"""The price table that comes with the package."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from jobrunner.core.billing import Tariff
from jobrunner.store import load_prices, prices_as_of


def test_prices_are_exact_and_carry_their_source() -> None:
    """USD per hour as AWS wrote them, with where and when they were read."""
    tariff = Tariff(region="us-east-1", operating_system="linux", architecture="x86_64", capacity="on-demand")
    price = load_prices().find(tariff, "vcpu-hour")
    assert price is not None
    assert Decimal("0.04048") == price.usd
    assert price.source
    assert date(2026, 9, 29) == price.as_of


def test_the_table_is_read_once() -> None:
    """A second look costs nothing."""
    assert load_prices() is load_prices()


def test_no_price_is_newer_than_the_date_that_is_shown() -> None:
    """The date beside an estimate is that of the newest price."""
    assert {True} == {price.as_of <= prices_as_of() for price in load_prices().prices.values()}


def test_every_region_has_both_prices_of_a_capacity() -> None:
    """A table with one of two prices would make every estimate of a region unknown."""
    keys = load_prices().prices
    both = {key[:4] for key in keys if key[4] == "vcpu-hour"} ^ {key[:4] for key in keys if key[4] == "gb-hour"}
    assert set() == both
