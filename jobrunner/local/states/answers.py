"""What Step Functions' operations answer with, and what they accept.

Source: botocore's model of stepfunctions 2016-11-23 and the API reference.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.states import values
from jobrunner.local.states.execution import RUNNING
from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobrunner.local.states.execution import Execution, Started
    from jobrunner.local.states.machines import Definition

_PAGE: Final = 100
_INCLUDED: Final = {"included": True}


def all_data(asked: Mapping[str, Any]) -> bool:
    """Whether definitions, inputs and outputs are wanted."""
    return bool(asked.get("includedData", "ALL_DATA") == "ALL_DATA")


def described(definition: Definition, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of DescribeStateMachine."""
    machine = definition.machine
    return {
        "stateMachineArn": definition.qualified or machine.arn,
        "name": machine.name,
        "status": "ACTIVE",
        "roleArn": definition.role,
        "type": machine.type,
        "creationDate": machine.creation_date.timestamp(),
        "loggingConfiguration": machine.loggingConfiguration,
        "tracingConfiguration": machine.tracingConfiguration,
        "encryptionConfiguration": machine.encryptionConfiguration,
        **({"definition": definition.text} if all_data(asked) else {}),
    }


def check_input(text: Any) -> None:
    """Accept the input of an execution.

    Raises:
        ApiError: InvalidExecutionInput, ValidationException.
    """
    if not isinstance(text, str):
        raise ApiError("SerializationException", "input is not a string.")
    if len(text.encode("utf-8", "surrogatepass")) > values.MAX_BYTES:
        raise ApiError(
            "ValidationException",
            "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less "
            f"than or equal to {values.MAX_BYTES}",
        )
    try:
        values.parsed(text)
    except ValueError as error:
        raise ApiError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'") from None


def again(existing: Execution, text: str) -> dict[str, Any]:
    """The answer to a start that has been made before: while it runs, and with the same input, the same."""
    if existing.end is None and existing.started.input == text:
        return {"executionArn": existing.started.arn, "startDate": existing.started.at}
    raise ApiError("ExecutionAlreadyExists", f"Execution Already Exists: '{existing.started.arn}'")


def execution_described(execution: Execution, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of DescribeExecution."""
    started, end = execution.started, execution.end
    shown = {
        **summary(execution),
        "input": started.input if all_data(asked) else None,
        "inputDetails": _INCLUDED,
        "output": end.output if end and all_data(asked) else None,
        "outputDetails": _INCLUDED if end and end.output is not None else None,
        "error": end.error if end else None,
        "cause": end.cause if end else None,
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE",
    }
    return {name: value for name, value in shown.items() if value is not None}


def summary(execution: Execution) -> dict[str, Any]:
    """An execution in a list."""
    started, end = execution.started, execution.end
    return {
        "executionArn": started.arn,
        "stateMachineArn": started.machine_arn,
        "name": started.name,
        "status": end.status if end else RUNNING,
        "startDate": started.at,
        **({"stopDate": end.at} if end else {}),
        **_qualified(started),
    }


def _qualified(started: Started) -> dict[str, str]:
    if started.qualified is None:
        return {}
    kind = "Version" if started.qualified.rpartition(":")[2].isdecimal() else "Alias"
    return {f"stateMachine{kind}Arn": started.qualified}


def page(asked: Mapping[str, Any], found: Sequence[dict[str, Any]], key: str) -> tuple[list[Any], dict[str, str]]:
    """The things of one page, and the token of the next, which names the last one."""
    limit = asked.get("maxResults") or _PAGE
    begin = 0
    if "nextToken" in asked:
        last = _unsealed(asked["nextToken"])
        places = [place for place, thing in enumerate(found) if str(thing[key]) == last]
        if not places:
            raise ApiError("InvalidToken", f"Invalid Token: '{asked['nextToken']}'")
        begin = places[0] + 1
    page = list(found[begin : begin + limit])
    if begin + limit >= len(found):
        return page, {}
    return page, {"nextToken": base64.urlsafe_b64encode(str(page[-1][key]).encode()).decode()}


def _unsealed(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        raise ApiError("InvalidToken", f"Invalid Token: '{token}'") from None
