"""AWS's Price List: what Fargate costs in a region.

The API has an endpoint in a few regions only (botocore's endpoints.json: us-east-1, eu-central-1 and ap-south-1, and
one each in China and in the European Sovereign Cloud), and each knows the prices of all regions. Spot prices are not in
it: they are on the pricing page only. Where that page and the Price List differ, AWS charges the price of the page (AWS
Billing user guide, notes on the price list): what is read here is for estimates.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from jobrunner.aws import faults
from jobrunner.aws.connection import ATTEMPTS, open_clients
from jobrunner.core.billing_prices import (
    ANY,
    GB_HOUR,
    LICENCE_VCPU_HOUR,
    LINUX,
    STORAGE_GB_HOUR,
    VCPU_HOUR,
    WINDOWS,
    Price,
)
from jobrunner.errors import AwsUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobrunner.aws.connection import Clients
    from jobrunner.core.billing_prices import Key
    from jobrunner.core.connection import Connection

_CALL: Final = "pricing:GetProducts"
_PAGE: Final = 100
#: Partition, by how its regions' names begin → where its Price List is. The credentials are of that partition, too.
_HOMES: Final = {"cn-": "cn-northwest-1", "eusc-": "eusc-de-east-1"}
_HOME: Final = "us-east-1"

#: What follows `Fargate-` in a usage type → operating system, architecture and unit. Its prefix is no part of the
#: region's name (`EU-` is eu-west-1), and `…-SpotUsage-Fargate-…` of the bill is none of these.
_USAGE: Final = re.compile(r"(?:[A-Z0-9]+-)?Fargate-(.+)")
_UNITS: Final = {
    "vCPU-Hours:perCPU": (LINUX, "x86_64", VCPU_HOUR),
    "GB-Hours": (LINUX, "x86_64", GB_HOUR),
    "ARM-vCPU-Hours:perCPU": (LINUX, "arm64", VCPU_HOUR),
    "ARM-GB-Hours": (LINUX, "arm64", GB_HOUR),
    "EphemeralStorage-GB-Hours": (LINUX, ANY, STORAGE_GB_HOUR),
    "Windows-vCPU-Hours:perCPU": (WINDOWS, "x86_64", VCPU_HOUR),
    "Windows-GB-Hours": (WINDOWS, "x86_64", GB_HOUR),
    "Windows-OS-Hours:perCPU": (WINDOWS, "x86_64", LICENCE_VCPU_HOUR),
}


def open_price_list(connection: Connection, *, attempts: int = ATTEMPTS) -> AwsPriceList:
    """Bind the port to a connection's credentials; nothing is imported from boto3, read or called yet."""
    region = connection.region
    home = next((home for start, home in _HOMES.items() if region.startswith(start)), _HOME)
    return AwsPriceList(open_clients(replace(connection, region=home), attempts=attempts))


class AwsPriceList:
    """`ports.PriceList` on the Price List Query API. Throttled calls are repeated by botocore.

    Args:
        clients: Of a region that has the API.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def fargate(self, region: str, *, as_of: date) -> Mapping[Key, Price]:
        """Give the prices of a region; see `ports.PriceList.fargate`."""
        filters = [
            {"Type": "TERM_MATCH", "Field": "regionCode", "Value": region},
            # Beside "Compute Metering", whose prices are zero.
            {"Type": "TERM_MATCH", "Field": "productFamily", "Value": "Compute"},
        ]
        found: dict[Key, Price] = {}
        with faults.translated(_CALL, f"read AWS's price list for {region}"):
            pages = self._clients.client("pricing").get_paginator("get_products")
            asked = pages.paginate(ServiceCode="AmazonECS", Filters=filters, PaginationConfig={"PageSize": _PAGE})
            for page in asked:
                for text in page.get("PriceList") or ():
                    found.update(_row(text, region, as_of))
        return found

    def close(self) -> None:
        """Close the connections."""
        self._clients.close()


def _row(text: str, region: str, as_of: date) -> Iterator[tuple[Key, Price]]:
    """Give the row of a product, an item of the list in JSON; none of one that is not Fargate's, or has no one price.

    Raises:
        AwsUnreachableError: It is no product of the price list.
    """
    try:
        product = json.loads(text)
        attributes = product["product"]["attributes"]
        usage = _USAGE.fullmatch(str(attributes["usagetype"]))
        unit = _UNITS.get(usage[1]) if usage is not None and attributes["regionCode"] == region else None
        usd = None if unit is None else _usd(product["terms"], as_of)
        source = (
            f"AWS Price List API, AmazonECS {region}, version {product['version']}, "
            f"published {str(product['publicationDate'])[:10]}"
        )
    except (ValueError, LookupError, TypeError, AttributeError, InvalidOperation) as error:
        raise AwsUnreachableError(
            f"an item of AWS's price list cannot be read: {error!r} in {str(text)[:60]!r}",
            where=_CALL,
            hint="Check the endpoint and the proxy; the prices that were known stay in use.",
        ) from error
    if unit is not None and usd is not None:
        system, architecture, name = unit
        yield (region, system, architecture, "on-demand", name), Price(usd=usd, as_of=as_of, source=source)


def _usd(terms: Mapping[str, Any], as_of: date) -> Decimal | None:
    """Give the price of the offer that is in effect; None when it has no single price in USD above zero."""
    offers = sorted(terms["OnDemand"].values(), key=_begin)
    begun = [one for one in offers if _begin(one) <= as_of]
    if not begun:
        return None
    prices = [Decimal(one["pricePerUnit"].get("USD", 0)) for one in begun[-1]["priceDimensions"].values()]
    # A tiered price is none of Fargate's, and a price of zero would make an unknown cost nothing.
    return prices[0].normalize() if len(prices) == 1 and prices[0].is_finite() and prices[0] > 0 else None


def _begin(offer: Mapping[str, Any]) -> date:
    return date.fromisoformat(str(offer["effectiveDate"])[:10])
