"""Requests and replies of the AWS JSON protocol, as values."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

#: Credential=AKID/20261123/eu-west-1/ecs/aws4_request: where an SDK says which region and service it means.
_SCOPE: Final = re.compile(r"Credential=[^/,\s]*/\d*/([^/]*)/([^/]*)/aws4_request")


class ApiError(Exception):
    """What AWS would refuse: an error code, a message and perhaps more members of the error's shape."""

    def __init__(self, code: str, message: str, *, status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members


class DropConnectionError(Exception):
    """Raised by an interceptor to close the connection without an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One HTTP request, as an interceptor sees it.

    Attributes:
        method: The HTTP method.
        path: The path and the query, as sent.
        target: The header X-Amz-Target, such as `AmazonEC2ContainerServiceV20141113.RunTask`; "" without.
        region: From the credential scope of the signature.
        service: The same scope's service name; "" when the request is not signed.
        body: The whole body.
    """

    method: str
    path: str
    target: str
    region: str
    service: str
    body: bytes

    @property
    def operation(self) -> str:
        """The name of the operation, `RunTask`; "" for the protocols that do not send it as a header."""
        return self.target.rpartition(".")[2]

    def json(self) -> dict[str, Any]:
        """The parameters of the operation.

        Raises:
            ApiError: SerializationException, as AWS answers what is not a JSON object.
        """
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            raise ApiError("SerializationException", "The request body is not JSON.") from None
        if not isinstance(found, dict):
            raise ApiError("SerializationException", "Start of structure or map found where not expected.")
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One HTTP reply."""

    body: bytes
    status: int = 200
    content_type: str = "application/x-amz-json-1.1"
    headers: tuple[tuple[str, str], ...] = field(default=())


def json_reply(document: Any, *, status: int = 200) -> Reply:
    """A reply that holds a JSON document."""
    return Reply(body=dumps(document), status=status)


def error_reply(error: ApiError) -> Reply:
    """An error in the JSON protocol: `__type` and `message`, and the code as a header too."""
    document = {"__type": error.code, "message": error.message, **error.members}
    headers = (("x-amzn-ErrorType", error.code),)
    return Reply(body=dumps(document), status=error.status, headers=headers)


def dumps(document: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def scope(authorization: str, default_region: str) -> tuple[str, str]:
    """The region and the service that a request is signed for."""
    found = _SCOPE.search(authorization)
    return (found[1], found[2]) if found else (default_region, "")
