"""The gateway of the Price List: what it asks, and what it makes of answers that are not as they should be."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber
from price_list import EAST, price_list_endpoint, product

from jobrunner.aws.prices import AwsPriceList, open_price_list
from jobrunner.core.connection import Connection
from jobrunner.errors import AwsRefusedError, AwsThrottledError, AwsUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from price_list import PriceListEndpoint

TODAY = date(2026, 11, 24)
VCPU = "USE1-Fargate-vCPU-Hours:perCPU"
KEY = ("us-east-1", "linux", "x86_64", "on-demand", "vcpu-hour")


def connected(region: str, url: str | None = "http://127.0.0.1:9") -> Connection:
    """A connection with credentials."""
    return Connection(region=region, endpoint_url=url, access_key_id="i", secret_access_key="s")


@pytest.fixture
def endpoint() -> Iterator[PriceListEndpoint]:
    """An endpoint with AWS's answers."""
    with price_list_endpoint() as serving:
        yield serving


@pytest.fixture
def gateway(endpoint: PriceListEndpoint) -> Iterator[AwsPriceList]:
    """The gateway before it."""
    opened = open_price_list(connected("ap-south-2", endpoint.url))
    yield opened
    opened.close()


def prices_of(*items: dict[str, Any] | str) -> dict[Any, Decimal]:
    """What the gateway makes of these items."""
    opened = open_price_list(connected("us-east-1"))
    texts = [one if isinstance(one, str) else json.dumps(one) for one in items]
    with Stubber(opened._clients.client("pricing")) as stubber:
        stubber.add_response("get_products", {"FormatVersion": "aws_v1", "PriceList": texts})
        found = opened.fargate("us-east-1", as_of=TODAY)
    return {key: price.usd for key, price in found.items()}


def test_what_is_asked(gateway: AwsPriceList, endpoint: PriceListEndpoint) -> None:
    """By the region's code, page after page, and signed for a region that has the API."""
    gateway.fargate("us-east-1", as_of=TODAY)
    first, *others = endpoint.asked
    assert ("AmazonECS", 100) == (first["ServiceCode"], first["MaxResults"])
    assert ["us-east-1", "Compute"] == [one["Value"] for one in first["Filters"]]
    compute = [usage for usage in EAST if "-ECS-EC2-" not in usage]
    assert -(-len(compute) // endpoint.page) == len(endpoint.asked)
    assert [str(endpoint.page * number) for number in range(1, len(others) + 1)] == [one["NextToken"] for one in others]
    assert all("/us-east-1/pricing/aws4_request" in one["signed"] for one in endpoint.asked)


@pytest.mark.parametrize(
    ("region", "home"),
    [("eu-west-1", "us-east-1"), ("cn-north-1", "cn-northwest-1"), ("eusc-de-east-1", "eusc-de-east-1")],
)
def test_the_endpoint_is_one_that_exists(region: str, home: str) -> None:
    """The Price List is in few regions; credentials of a partition are of use in that partition only."""
    opened = open_price_list(connected(region, url=None))
    client = opened._clients.client("pricing")
    assert home == client.meta.region_name
    assert f"api.pricing.{home}." in client.meta.endpoint_url
    opened.close()


def test_the_source_names_the_version(gateway: AwsPriceList) -> None:
    """So that a reader can find it again."""
    price = gateway.fargate("us-east-1", as_of=TODAY)[KEY]
    assert "AWS Price List API, AmazonECS us-east-1, version 20250828172723, published 2025-08-28" == price.source


def test_throttling_is_waited_for(gateway: AwsPriceList, endpoint: PriceListEndpoint) -> None:
    """botocore repeats the call; if AWS goes on, the error says so."""
    endpoint.errors = ["ThrottlingException"]
    assert 8 == len(gateway.fargate("us-east-1", as_of=TODAY))


def test_errors_are_ours_and_name_the_call() -> None:
    """What AWS refuses, and what it puts off."""
    for code, kind in (("AccessDeniedException", AwsRefusedError), ("ThrottlingException", AwsThrottledError)):
        opened = open_price_list(connected("us-east-1"), attempts=1)
        with Stubber(opened._clients.client("pricing")) as stubber:
            stubber.add_client_error("get_products", code, "AWS's words")
            with pytest.raises(kind, match=r"cannot read AWS's price list for us-east-1: AWS's words") as caught:
                opened.fargate("us-east-1", as_of=TODAY)
        assert "pricing:GetProducts" == caught.value.where


@pytest.mark.parametrize(
    "item",
    [
        "no json",
        "[]",
        "{}",
        json.dumps({**product(VCPU, "1"), "product": {"attributes": []}}),
        json.dumps({**product(VCPU, "1"), "terms": {}}),
        json.dumps({key: value for key, value in product(VCPU, "1").items() if key != "version"}),
        json.dumps(product(VCPU, "much")),
    ],
)
def test_what_is_no_product_is_an_error(item: str) -> None:
    """Prices that are half read would make estimates of two lists."""
    with pytest.raises(AwsUnreachableError, match="an item of AWS's price list cannot be read") as caught:
        prices_of(item)
    assert "pricing:GetProducts" == caught.value.where


def test_what_has_no_one_price_stays_unknown() -> None:
    """Neither free, nor in another currency, nor in tiers, nor of another region."""
    tiers, yuan = product(VCPU, "1"), product(VCPU, "1")
    [offer] = tiers["terms"]["OnDemand"].values()
    [dimension] = offer["priceDimensions"].values()
    offer["priceDimensions"]["more"] = dimension
    [offer] = yuan["terms"]["OnDemand"].values()
    [dimension] = offer["priceDimensions"].values()
    dimension["pricePerUnit"] = {"CNY": "1"}
    for one in (product(VCPU, "0.0000000000"), product(VCPU, "NaN"), tiers, yuan, product(VCPU, "1", region="eu-1")):
        assert {} == prices_of(one)


def test_the_offer_that_is_in_effect_counts() -> None:
    """One that begins later is not yet a price; of those that have begun, the last one is it."""
    changed = product(VCPU, "1")
    offers = changed["terms"]["OnDemand"]
    [(name, offer)] = offers.items()
    for begin, usd in (("2026-11-24", "2"), ("2026-11-25", "3")):
        dimension = {"pricePerUnit": {"USD": usd}}
        offers[f"{name}.{usd}"] = {
            **offer, "effectiveDate": f"{begin}T00:00:00Z", "priceDimensions": {"one": dimension}
        }  # fmt: skip
    assert {KEY: Decimal(2)} == prices_of(changed)
    offers.pop(name)
    offers.pop(f"{name}.2")
    assert {} == prices_of(changed)


def test_a_usage_type_may_have_no_prefix() -> None:
    """And what only looks like Fargate's is none."""
    assert {KEY: Decimal(1)} == prices_of(product("Fargate-vCPU-Hours:perCPU", "1"))
    assert {} == prices_of(product("USE1-SpotUsage-Fargate-vCPU-Hours:perCPU", "1"), product("USE1-Fargate-New", "1"))


def test_no_client_is_made_before_it_is_needed() -> None:
    """Opening costs nothing."""
    opened = open_price_list(connected("us-east-1"))
    assert {} == opened._clients._clients
