"""What botocore's own models say of requests: where parameters stand, which are required, and their limits.

EventBridge Scheduler is a REST service: an operation is a method and a path, and a parameter stands in the path, in the
query or in the body. The limits of its parameters are all in the model, so none is written a second time here.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote

from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.model import OperationModel, ServiceModel, Shape

    from jobrunner.local.wire import Request

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "timestamp": (int, float),
}


@cache
def service(name: str) -> ServiceModel:
    """The model of a service, by botocore's name of it."""
    from botocore.loaders import Loader  # noqa: PLC0415 - 150 ms, which the start of an endpoint must not cost
    from botocore.model import ServiceModel  # noqa: PLC0415

    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


def operation_of(model: ServiceModel, request: Request) -> tuple[OperationModel, dict[str, str]]:
    """The operation that a request of a REST service asks for, with the parameters of its path.

    Raises:
        ApiError: UnknownOperationException.
    """
    path = request.path.partition("?")[0]
    for method, pattern, name in _routes(model.service_name):
        found = pattern.fullmatch(path) if method == request.method else None
        if found is not None:
            return model.operation_model(name), {key: unquote(value) for key, value in found.groupdict().items()}
    raise ApiError("UnknownOperationException", f"There is no {request.method} {path}", status=404)


@cache
def _routes(name: str) -> list[tuple[str, re.Pattern[str], str]]:
    model = service(name)
    found = []
    for operation in model.operation_names:
        http = model.operation_model(operation).http
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", http["requestUri"])
        found.append((http["method"], re.compile(pattern), operation))
    return found


def parameters(operation: OperationModel, request: Request, in_path: Mapping[str, str]) -> dict[str, Any]:
    """All parameters by their names in the model; what the model does not know is left out, as AWS does.

    Raises:
        ApiError: SerializationException for a body that is no JSON object, ValidationException for every limit that
            is not kept.
    """
    shape: Any = operation.input_shape
    query = parse_qs(request.path.partition("?")[2], keep_blank_values=True)
    body = request.json()
    asked: dict[str, Any] = {}
    for name, member in shape.members.items():
        place, key = member.serialization.get("location"), member.serialization.get("name", name)
        if place == "uri":
            asked[name] = in_path[key]
        elif place == "querystring" and key in query:
            asked[name] = _from_query(member, query[key])
        elif place is None and body.get(name) is not None:
            asked[name] = body[name]
    check(shape, asked)
    return asked


def _from_query(shape: Shape, values: list[str]) -> Any:
    if shape.type_name == "list":
        return values
    text = values[-1]
    return int(text) if shape.type_name == "integer" and re.fullmatch(r"-?\d{1,9}", text) else text


def check(shape: Shape, value: Any) -> None:
    """Compare a value with the model.

    Raises:
        ApiError: SerializationException for a type, ValidationException for all limits that are not kept.
    """
    broken = list(_broken(shape, value, ""))
    if broken:
        errors = "error" if len(broken) == 1 else "errors"
        raise ApiError("ValidationException", f"{len(broken)} validation {errors} detected: {'; '.join(broken)}")


def _broken(shape: Any, value: Any, path: str) -> Iterator[str]:
    """The sentences about what is wrong; they are those of AWS's services in general."""
    kind = shape.type_name
    if not _is(kind, value):
        raise ApiError("SerializationException", f"{path or 'The request'} is not a {kind}.")
    yield from (
        f"Value{_shown(value)} at '{path}' failed to satisfy constraint: {rule}" for rule in _limits(shape, value)
    )
    if kind == "structure":
        yield from _members(shape, value, path)
    elif kind == "list":
        for number, item in enumerate(value, 1):
            yield from _broken(shape.member, item, f"{path}.{number}.member")
    elif kind == "map":
        for key, item in value.items():
            yield from _broken(shape.key, key, f"{path}.{key}.key")
            yield from _broken(shape.value, item, f"{path}.{key}.member")


def _is(kind: str, value: Any) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _members(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        at = f"{path}.{_lower(name)}" if path else _lower(name)
        if value.get(name) is not None:
            yield from _broken(member, value[name], at)
        elif name in shape.required_members:
            yield f"Value null at '{at}' failed to satisfy constraint: Member must not be null"


def _limits(shape: Shape, value: Any) -> Iterator[str]:
    metadata = shape.metadata
    if metadata.get("enum") and value not in metadata["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(metadata['enum'])}]"
    if "pattern" in metadata and not re.fullmatch(metadata["pattern"], value):
        yield f"Member must satisfy regular expression pattern: {metadata['pattern']}"
    size, what = (len(value), "length") if isinstance(value, (str, list, dict)) else (value, "value")
    if size < metadata.get("min", size):
        yield f"Member must have {what} greater than or equal to {metadata['min']}"
    if size > metadata.get("max", size):
        yield f"Member must have {what} less than or equal to {metadata['max']}"


def _shown(value: Any) -> str:
    return f" '{value}'" if isinstance(value, (str, int)) else ""


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]
