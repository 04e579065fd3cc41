"""`Input` of a target: the parameters of an operation in PascalCase, or the overrides of a RunTask in camelCase.

Sources: Scheduler user guide, "Using universal targets", "Adding context attributes" and "Troubleshooting". ECS's own
spelling is camelCase: the parameters of a universal target are neither what boto3 takes nor what ECS's protocol
carries, while the overrides of a templated target are both.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from jobrunner.local import schedule_model
from jobrunner.local.schedule_model import service
from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_UNIVERSAL: Final = re.compile(r"arn:aws[a-z-]*:scheduler:::aws-sdk:([a-z0-9]+):([a-z][A-Za-z0-9]*)")
#: "EventBridge Scheduler does not support read-only API actions … that begin with" these.
_READ_ONLY: Final = (
    "Get", "Describe", "List", "Poll", "Receive", "Search", "Scan", "Query", "Select", "Read", "Lookup", "Discover",
    "Validate", "BatchGet", "BatchDescribe", "BatchRead", "TransactGet", "AdminGet", "AdminList", "TestMigration",
    "Retrieve", "TestConnection", "TranslateDocument", "IsAuthorized", "InvokeModel",
)  # fmt: skip
_ATTRIBUTE: Final = re.compile(r"<aws\.scheduler\.([a-z-]+)>")


@dataclass(frozen=True, kw_only=True)
class Universal:
    """An operation that Scheduler calls itself: `ecs`, `StopTask`."""

    service: str
    operation: str


def universal(arn: str) -> Universal | None:
    """The operation that the ARN of a target names; None when it is a templated target."""
    match = _UNIVERSAL.fullmatch(arn)
    return Universal(service=match[1], operation=match[2][0].upper() + match[2][1:]) if match else None


def check(target: Universal, text: str | None) -> None:
    """Accept the Input of a schedule that is created; of ECS's operations, every name in it.

    Raises:
        ApiError: ValidationException.
    """
    if target.operation.startswith(_READ_ONLY):
        _refuse(f"EventBridge Scheduler does not call read-only operations such as {target.operation}.")
    document = _parsed(text)
    if target.service != "ecs":
        return
    shape = _shape(target)
    missing = [name for name in map(_upper, shape.required_members) if name not in document]
    if missing:  # in CreateSchedule's own words, as public issues quote them
        _refuse(
            "Invalid RequestJson provided. Reason Request payload is missing the following field(s): "
            f"{', '.join(missing)}."
        )
    _lowered(shape, document, spelled=_upper)


def request(target: Universal, text: str | None, attributes: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of one call in the service's own spelling, with the context attributes in their places.

    Args:
        target: An operation, with botocore's name of its service.
        text: The schedule's Input.
        attributes: By the last part of their keywords, `scheduled-time`; another keyword stays as it is.
    """
    lowered: dict[str, Any] = _lowered(_shape(target), _parsed(filled(text, attributes)), spelled=_upper)
    return lowered


def overrides(text: str | None, attributes: Mapping[str, str]) -> dict[str, Any]:
    """The overrides that a templated ECS target's Input asks for, with the context attributes in their places.

    CreateSchedule takes any text here, and what AWS makes of one that is no TaskOverride is not documented: it is an
    error of the call, because tasks without their overrides cannot be meant.

    Raises:
        ApiError: It is no JSON object, or not ECS's TaskOverride.
    """
    document, shape = _parsed(filled(text, attributes)), service("ecs").shape_for("TaskOverride")
    schedule_model.check(shape, document)
    found: dict[str, Any] = _lowered(shape, document, spelled=str)
    return found


def filled(text: str | None, attributes: Mapping[str, str]) -> str:
    """An Input with the context attributes in their places; an empty object for none."""
    return _ATTRIBUTE.sub(lambda found: attributes.get(found[1], found[0]), text or "{}")


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        document = json.loads(text or "{}")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        _refuse("Invalid RequestJson provided. Reason The Input of a call is a JSON object.")
    return document


def _shape(target: Universal) -> Any:
    model = service(target.service)
    if target.operation not in model.operation_names:
        _refuse(f"{target.service.upper()} has no operation {target.operation}.")
    return model.operation_model(target.operation).input_shape


def _lowered(shape: Any, value: Any, path: str = "", *, spelled: Callable[[str], str]) -> Any:
    """The value with ECS's names, which it spells in another way.

    What AWS does with a name that no member has is not documented; here it is refused, because it cannot be meant.
    """
    if shape.type_name == "list" and isinstance(value, list):
        return [_lowered(shape.member, item, path, spelled=spelled) for item in value]
    if shape.type_name != "structure" or not isinstance(value, dict):
        return value
    members = {spelled(name): (name, member) for name, member in shape.members.items()}
    unknown = [name for name in value if name not in members]
    if unknown:
        names = ", ".join(members)
        _refuse(f"Invalid RequestJson provided. Reason {path}{unknown[0]} is not one of {names}.")
    return {
        members[name][0]: _lowered(members[name][1], item, f"{path}{name}.", spelled=spelled)
        for name, item in value.items()
    }


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


def _refuse(message: str) -> NoReturn:
    raise ApiError("ValidationException", message)
