"""Which operation of which service a request asks for, and in which protocol.

An AWS service names the operation in a header (the JSON protocols), in the path (RPC v2 CBOR), in a form (the query
protocols), or not at all: REST services have a method and a path for each, which botocore's models tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, parse_qsl

if TYPE_CHECKING:
    from jobrunner.local.wire import Request

_RPC: Final = re.compile(r"/service/[^/]+/operation/([A-Za-z0-9]+)")
_OUTSIDE: Final = ("querystring", "header")
_FORM: Final = re.compile(rb"(?:^|&)Action=")


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """An operation.

    Attributes:
        service: The service's name in the signature, `ecs`; "" of a request that is not signed.
        name: `RunTask`; "" when it is not known.
        protocol: `json`, `rest-json`, `rest-xml`, `query`, `ec2` or `cbor`.
    """

    service: str
    name: str
    protocol: str

    def __str__(self) -> str:
        return f"{self.service or '-'}:{self.name or '-'}"


def operation_of(request: Request) -> Operation:
    """The operation that a request asks for."""
    service = request.service
    if request.target:
        return Operation(service=service, name=request.operation, protocol="json")
    path, _, query = request.path.partition("?")
    rpc = _RPC.fullmatch(path)
    if rpc is not None:
        return Operation(service=service, name=rpc[1], protocol="cbor")
    action = _action(request, query)
    if action:
        return Operation(service=service, name=action, protocol="ec2" if service == "ec2" else "query")
    protocol, routes = _routes(service)
    asked = dict(parse_qsl(query, keep_blank_values=True))
    name = next((route.operation for route in routes if route.leads(request.method, path, asked)), "")
    return Operation(service=service, name=name, protocol=protocol)


def _action(request: Request, query: str) -> str:
    if _FORM.search(request.body[:65_536]):
        return parse_qs(request.body.decode("utf-8", "replace")).get("Action", [""])[0]
    return parse_qs(query).get("Action", [""])[0] if "Action=" in query else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Route:
    """How a REST service is asked for an operation."""

    operation: str
    method: str
    path: re.Pattern[str]
    query: dict[str, str]
    required: frozenset[str]
    rank: tuple[int, ...]

    def leads(self, method: str, path: str, query: dict[str, str]) -> bool:
        return (
            method == self.method
            and self.path.fullmatch(path) is not None
            and self.required <= query.keys()
            and all(query.get(name) == value for name, value in self.query.items())
        )


@cache
def _routes(service: str) -> tuple[str, list[_Route]]:
    """The protocol and the routes of a service, the most particular ones first; none of one that is not known."""
    # 150 ms, which only who orders a fault pays.
    from botocore.exceptions import UnknownServiceError  # noqa: PLC0415
    from botocore.loaders import Loader  # noqa: PLC0415

    try:
        model = Loader().load_service_model(service, "service-2")
    except UnknownServiceError:
        return "rest-json", []
    protocol = model["metadata"]["protocol"]
    if protocol not in {"rest-json", "rest-xml"}:
        return "json" if protocol == "json" else "rest-json", []
    routes = [_route(name, found, model["shapes"]) for name, found in model["operations"].items()]
    return protocol, sorted(routes, key=lambda route: route.rank)


def _route(name: str, operation: dict[str, Any], shapes: dict[str, Any]) -> _Route:
    path, _, query = operation["http"]["requestUri"].partition("?")
    pieces = re.split(r"(\{[^}]+\})", path)
    literal = sum(len(piece) for piece in pieces if not piece.startswith("{"))
    fixed = dict(parse_qsl(query, keep_blank_values=True))
    places = _required(shapes.get(operation.get("input", {}).get("shape"), {}))
    return _Route(
        operation=name,
        method=operation["http"]["method"],
        path=re.compile("".join(_piece(piece) for piece in pieces)),
        query=fixed,
        required=frozenset(key for place, key in places if place == "querystring"),
        # What needs a header, as S3's CopyObject does, is told from its twin (PutObject) by that alone: the twin wins.
        rank=(-len(fixed) - len(places), -literal) if not any(place == "header" for place, _ in places) else (1,),
    )


def _required(shape: dict[str, Any]) -> list[tuple[str, str]]:
    """Where the parameters without which there is no request stand, and how they are called there."""
    members = (shape["members"][name] for name in shape.get("required", ()))
    return [(member["location"], member["locationName"]) for member in members if member.get("location") in _OUTSIDE]


def _piece(piece: str) -> str:
    """A label such as {Name} is one segment of the path, {Key+} is several."""
    if not piece.startswith("{"):
        return re.escape(piece)
    return ".+" if piece.endswith("+}") else "[^/]+"
