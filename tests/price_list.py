"""AWS's Price List as an endpoint of 127.0.0.1: products in the shape of GetProducts' answers, paged as AWS pages them.

Attributes, SKUs and prices of us-east-1 are those of AWS's offer file AmazonECS of 2025-08-28.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Usage type → price and what its attributes have beside the common ones.
EAST = {
    "USE1-ECS-EC2-GB-Hours": ("0.0000000000", {"memorytype": "perGB"}),
    "USE1-Fargate-Windows-vCPU-Hours:perCPU": ("0.0465520000", {"operatingSystem": "Windows", "cputype": "perCPU"}),
    "USE1-Fargate-Windows-OS-Hours:perCPU": (
        "0.0460000000",
        {"operatingSystem": "Windows", "cputype": "perCPU OS License Fee"},
    ),
    "USE1-ECS-Anywhere-Instance-hours": ("0.0102500000", {"externalInstanceType": "Default"}),
    "USE1-Fargate-EphemeralStorage-GB-Hours": ("0.0001110000", {"storagetype": "default"}),
    "USE1-Fargate-ARM-GB-Hours": ("0.0035600000", {"cpuArchitecture": "ARM", "memorytype": "perGB"}),
    "USE1-Fargate-Windows-GB-Hours": ("0.0051117500", {"operatingSystem": "Windows", "memorytype": "perGB"}),
    "USE1-Fargate-GB-Hours": ("0.0044450000", {"memorytype": "perGB"}),
    "USE1-Fargate-ARM-vCPU-Hours:perCPU": ("0.0323800000", {"cpuArchitecture": "ARM", "cputype": "perCPU"}),
    "USE1-ECS-EC2-vCPU-Hours": ("0.0000000000", {"cputype": "perCPU"}),
    "USE1-Fargate-vCPU-Hours:perCPU": ("0.0404800000", {"cputype": "perCPU"}),
}
#: The prefix of eu-west-1 is no number of a region.
WEST = {
    "EU-Fargate-vCPU-Hours:perCPU": ("0.0500000000", {"cputype": "perCPU"}),
    "EU-Fargate-GB-Hours": ("0.0044450000", {"memorytype": "perGB"}),
    "EU-SpotUsage-Fargate-GB-Hours": ("0.0010000000", {"memorytype": "perGB"}),
}


def product(usage: str, usd: str, *, region: str = "us-east-1", **attributes: str) -> dict[str, Any]:
    """One item of the list, before it is made a string."""
    sku = usage.encode().hex().upper()[-16:]
    metering = "-ECS-EC2-" in usage
    dimension = {"unit": "hours", "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": usd}, "appliesTo": []}
    return {
        "product": {
            "sku": sku,
            "productFamily": "Compute Metering" if metering else "Compute",
            "attributes": {
                "servicecode": "AmazonECS",
                "locationType": "AWS Region",
                "usagetype": usage,
                "operation": "",
                "regionCode": region,
                "servicename": "Amazon Elastic Container Service",
                **attributes,
            },
        },
        "serviceCode": "AmazonECS",
        "terms": {
            "OnDemand": {
                f"{sku}.JRTCKXETXF": {
                    "offerTermCode": "JRTCKXETXF",
                    "sku": sku,
                    "effectiveDate": "2025-08-01T00:00:00Z",
                    "priceDimensions": {f"{sku}.JRTCKXETXF.6YS6EN2CT7": dimension},
                    "termAttributes": {},
                }
            }
        },
        "version": "20250828172723",
        "publicationDate": "2025-08-28T17:27:23Z",
    }


def products() -> list[dict[str, Any]]:
    """Give all of them."""
    return [
        *(product(usage, usd, **more) for usage, (usd, more) in EAST.items()),
        *(product(usage, usd, region="eu-west-1", **more) for usage, (usd, more) in WEST.items()),
    ]


@dataclass(kw_only=True)
class PriceListEndpoint:
    """An endpoint, and what it has been asked.

    Attributes:
        url: Where it is.
        items: The strings of the list; a test may put others there.
        page: How many items an answer has.
        errors: Codes with which the next calls are answered, in order.
        asked: The requests, in order.
    """

    url: str = ""
    items: list[str] = field(default_factory=lambda: [json.dumps(one) for one in products()])
    page: int = 3
    errors: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Give the status and the document for a GetProducts request."""
        self.asked.append(request)
        if self.errors:
            return 400, {"__type": self.errors.pop(0), "message": "AWS's words"}
        found = [text for text in self.items if all(_matches(text, one) for one in request["Filters"])]
        start = int(request.get("NextToken") or 0)
        document: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": found[start : start + self.page]}
        if start + self.page < len(found):
            document["NextToken"] = str(start + self.page)
        return 200, document


def _matches(text: str, wanted: dict[str, str]) -> bool:
    try:
        about = json.loads(text)["product"]
    except (ValueError, KeyError):
        return True
    return wanted["Value"] in (about.get(wanted["Field"]), about["attributes"].get(wanted["Field"]))


@contextmanager
def price_list_endpoint() -> Iterator[PriceListEndpoint]:
    """Serve a price list on 127.0.0.1."""
    endpoint = PriceListEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["X-Amz-Target"] == "AWSPriceListService.GetProducts"
            request = {**json.loads(body), "signed": self.headers["Authorization"]}
            status, document = endpoint.answer(request)
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
