"""What `ports.PriceList` promises, on the fake and on the gateway before an endpoint of AWS's answers.

moto has no Price List.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from price_list import price_list_endpoint

from jobrunner.aws.prices import open_price_list
from jobrunner.core.billing_prices import Price
from jobrunner.core.connection import Connection
from jobrunner.testing import FakePriceList

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.core.ports import PriceList

TODAY = date(2026, 11, 24)
#: What the offer file says of us-east-1, and made-up prices of eu-west-1.
KNOWN = {
    ("us-east-1", "linux", "x86_64", "on-demand", "vcpu-hour"): Decimal("0.04048"),
    ("us-east-1", "linux", "x86_64", "on-demand", "gb-hour"): Decimal("0.004445"),
    ("us-east-1", "linux", "arm64", "on-demand", "vcpu-hour"): Decimal("0.03238"),
    ("us-east-1", "linux", "arm64", "on-demand", "gb-hour"): Decimal("0.00356"),
    ("us-east-1", "linux", "any", "on-demand", "storage-gb-hour"): Decimal("0.000111"),
    ("us-east-1", "windows", "x86_64", "on-demand", "vcpu-hour"): Decimal("0.046552"),
    ("us-east-1", "windows", "x86_64", "on-demand", "gb-hour"): Decimal("0.00511175"),
    ("us-east-1", "windows", "x86_64", "on-demand", "licence-vcpu-hour"): Decimal("0.046"),
    ("eu-west-1", "linux", "x86_64", "on-demand", "vcpu-hour"): Decimal("0.05"),
    ("eu-west-1", "linux", "x86_64", "on-demand", "gb-hour"): Decimal("0.004445"),
}


@pytest.fixture(params=["fake", "endpoint"])
def price_list(request: pytest.FixtureRequest) -> Iterator[PriceList]:
    """Two price lists of the same prices."""
    if request.param == "fake":
        old = date(2025, 8, 28)
        yield FakePriceList({key: Price(usd=usd, as_of=old, source="offer file") for key, usd in KNOWN.items()})
        return
    with price_list_endpoint() as endpoint:
        connection = Connection(region="eu-west-2", endpoint_url=endpoint.url, access_key_id="i", secret_access_key="s")
        opened = open_price_list(connection)
        yield opened
        opened.close()


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_the_prices_of_a_region(price_list: PriceList, region: str) -> None:
    """Every one that Fargate has there, and those of no other region, service or capacity; exact."""
    expected = {key: usd for key, usd in KNOWN.items() if key[0] == region}
    found = price_list.fargate(region, as_of=TODAY)
    assert expected == {key: price.usd for key, price in found.items()}


def test_they_carry_the_day_and_the_source(price_list: PriceList) -> None:
    """The day on which they were read, whenever they were published."""
    found = price_list.fargate("us-east-1", as_of=TODAY).values()
    assert {TODAY} == {price.as_of for price in found}
    assert all(price.source for price in found)


def test_a_region_that_nobody_knows_has_none(price_list: PriceList) -> None:
    """That is no error here."""
    assert {} == price_list.fargate("mars-1", as_of=TODAY)
