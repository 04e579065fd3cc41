"""Calls an operation of any AWS service at this endpoint, with names as Step Functions spells them.

Sources: Step Functions developer guide, "Using AWS SDK integrations": parameters and results are in PascalCase; and
botocore's models, which say what a service calls them. A timestamp in a result is an ISO 8601 text, because the result
of a state is JSON.
"""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from jobrunner.local.schedule_model import service
from jobrunner.local.states.errors import RUNTIME, StateError
from jobrunner.local.states.values import stamp, written
from jobrunner.local.wire import DropConnectionError, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import OperationModel

    from jobrunner.local.wire import Reply

#: Step Functions names a service as the AWS SDK for Java does, botocore by its endpoint.
_NAMES: Final = {
    "sfn": "stepfunctions", "cloudwatchlogs": "logs", "eventbridge": "events", "cloudwatchevents": "events",
}  # fmt: skip
_REFUSED: Final = 300
_CAPITALS: Final = re.compile(r"[A-Z]{2,}(?=$|[A-Z][a-z])")


class CallError(Exception):
    """A call that failed.

    Attributes:
        code: Of the error, as the service names it; None when no answer came.
        message: The service's.
        status: Of HTTP.
        modelled: Whether the operation is said to have such an error.
    """

    def __init__(self, code: str | None, message: str, *, status: int = 0, modelled: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.modelled = modelled


def operation_model(name: str, action: str) -> OperationModel | None:
    """The model of `ecs`, `runTask`; None when there is no such service or operation."""
    from botocore.exceptions import UnknownServiceError  # noqa: PLC0415 - botocore is slow to import

    try:
        model = service(_NAMES.get(name, name))
    except UnknownServiceError:
        return None
    operation = action[:1].upper() + action[1:]
    return model.operation_model(operation) if operation in model.operation_names else None


def spelled(name: str) -> str:
    """A service as the exceptions of the SDK for Java spell it: `ecs` is Ecs, `dynamodb` is DynamoDb."""
    identifier = str(service(_NAMES.get(name, name)).metadata["serviceId"]).replace(" ", "")
    return _CAPITALS.sub(lambda found: found[0].capitalize(), identifier)


class Services:
    """The services of this endpoint.

    Args:
        answer: Answers a request as if a client had sent it, so that whatever is ordered for clients meets these calls.
    """

    def __init__(self, answer: Callable[[Request], Reply | None]) -> None:
        self._answer = answer

    def call(self, operation: OperationModel, asked: Any, region: str) -> dict[str, Any]:
        """The result of an operation, in PascalCase.

        Raises:
            StateError: States.Runtime: the parameters are not the operation's.
            CallError: The service refused, or did not answer.
        """
        request = _request(operation, _lowered(operation, asked), region)
        try:
            reply = self._answer(request)
        except DropConnectionError:
            reply = None
        if reply is None:
            raise CallError(None, "Unable to execute HTTP request: the connection was closed without an answer.")
        return _result(operation, reply)


def _lowered(operation: OperationModel, asked: Any) -> dict[str, Any]:
    """The parameters as botocore names them, compared with its model."""
    from botocore.validate import ParamValidator  # noqa: PLC0415 - as above

    shape = operation.input_shape
    if not isinstance(asked, dict):
        raise _unusable(asked, "The Arguments are no JSON object")
    if shape is None:
        return {}
    wrong: list[str] = []
    lowered: dict[str, Any] = _named(shape, asked, "", wrong)
    if not wrong:
        report = ParamValidator().validate(lowered, shape)
        wrong = [report.generate_report().replace("\n", ", ")] if report.has_errors() else []
    if wrong:
        raise _unusable(asked, ", ".join(wrong))
    return lowered


def _unusable(asked: Any, why: str) -> StateError:
    cause = f"The Parameters '{written(asked)}' could not be used to start the Task: [{why}]"
    return StateError(RUNTIME, cause, by_interpreter=True)


def _named(shape: Any, value: Any, path: str, wrong: list[str]) -> Any:
    """The value with the service's names. JSON where the service takes a text becomes its text."""
    if shape.type_name == "string" and isinstance(value, (dict, list)):
        return written(value)
    if shape.type_name == "list" and isinstance(value, list):
        return [_named(shape.member, item, path, wrong) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _named(shape.value, item, path, wrong) for key, item in value.items()}
    if shape.type_name != "structure" or not isinstance(value, dict):
        return value
    members = {_upper(name): (name, member) for name, member in shape.members.items()}
    wrong += [f"The field '{path}{name}' is not supported by Step Functions" for name in value if name not in members]
    wrong += [
        f"The field '{path}{_upper(name)}' is required but was missing"
        for name in shape.required_members
        if _upper(name) not in value
    ]
    return {
        members[name][0]: _named(members[name][1], item, f"{path}{name}.", wrong)
        for name, item in value.items()
        if name in members
    }


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


@cache
def _serializer(protocol: str) -> Any:
    from botocore.serialize import create_serializer  # noqa: PLC0415 - as above

    return create_serializer(protocol, include_validation=False)


@cache
def _parser(protocol: str) -> Any:
    from botocore.parsers import create_parser  # noqa: PLC0415 - as above

    return create_parser(protocol)


def _request(operation: OperationModel, asked: dict[str, Any], region: str) -> Request:
    model = operation.service_model
    made = _serializer(model.resolved_protocol).serialize_to_request(asked, operation)
    query, body = made.get("query_string") or {}, made.get("body") or b""
    if isinstance(body, dict):  # the query protocol leaves it to the HTTP client
        body = urlencode(body, doseq=True)
    return Request(
        method=made["method"],
        path=made["url_path"] + (f"?{urlencode(query, doseq=True)}" if query else ""),
        target=made["headers"].get("X-Amz-Target", ""),
        region=region,
        service=model.signing_name,
        body=body.encode() if isinstance(body, str) else bytes(body),
    )


def _result(operation: OperationModel, reply: Reply) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in (*reply.headers, ("content-type", reply.content_type))}
    answer = {"status_code": reply.status, "headers": headers, "body": reply.body}
    try:
        parsed = _parser(operation.service_model.resolved_protocol).parse(answer, operation.output_shape)
    except Exception as error:
        raise CallError(None, f"Unable to parse the answer: {error}", status=reply.status) from error
    if reply.status >= _REFUSED:
        raise _refusal(operation, parsed.get("Error") or {}, reply.status)
    parsed.pop("ResponseMetadata", None)
    return _shown(operation.output_shape, parsed) if operation.output_shape is not None else {}


def _refusal(operation: OperationModel, said: Mapping[str, Any], status: int) -> CallError:
    code, shapes = str(said.get("Code") or status), operation.error_shapes
    modelled = any(code in {shape.name, (shape.metadata.get("error") or {}).get("code")} for shape in shapes)
    return CallError(code, str(said.get("Message") or ""), status=status, modelled=modelled)


def _shown(shape: Any, value: Any) -> Any:
    if value is None:
        return None
    if shape.type_name == "structure":
        return {
            _upper(name): _shown(shape.members[name], item) for name, item in value.items() if name in shape.members
        }
    if shape.type_name == "list":
        return [_shown(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: _shown(shape.value, item) for key, item in value.items()}
    if isinstance(value, datetime):
        return stamp(value.timestamp())
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def sdk_error(name: str, failure: CallError) -> StateError:
    """What a failed call of an SDK integration is to Retry and Catch: `Ecs.ClientException`."""
    prefix = spelled(name)
    if failure.code is None:
        return StateError(f"{prefix}.SdkClientException", failure.message)
    said = f"{failure.message} (Service: {prefix}, Status Code: {failure.status}, Request ID: {uuid.uuid4()})"
    if not failure.modelled:
        return StateError(f"{prefix}.{prefix}Exception", said)
    return StateError(f"{prefix}.{failure.code.removesuffix('Exception')}Exception", said)
