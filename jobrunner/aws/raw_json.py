"""The answers that are read often, as JSON.

botocore turns an answer into Python values shape by shape, several µs of CPU for a log event: that limits every
boto3-based log reader. `before-parse` is botocore's own event for taking over (it does so itself for S3 and
SSO): whatever a handler puts into `customized_response_dict` becomes part of the answer. Here that is the body as it
came, and botocore is left with an empty one. Errors, and what is not JSON, are left to botocore.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jobrunner.errors import AwsUnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.client import BaseClient

_KEY = "JobrunnerBody"
_JSON = ("application/x-amz-json", "application/json")
_OPERATIONS = {"ecs": ("DescribeTasks",), "logs": ("GetLogEvents", "FilterLogEvents")}


def keep_bodies(client: BaseClient) -> None:
    """Make a client's answers to the frequent operations carry their body."""
    model = client.meta.service_model
    service = model.service_id.hyphenize()
    for operation in _OPERATIONS.get(model.service_name, ()):
        client.meta.events.register(f"before-parse.{service}.{operation}", _keep)


def body_of(response: Mapping[str, Any]) -> bytes | None:
    """Give the body of an answer; None when botocore has parsed it after all."""
    body: bytes | None = response.get(_KEY)
    return body


def answer_of(response: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give an answer's JSON, or what botocore made of it: both have the same keys.

    Times are numbers in the one and datetimes in the other.
    """
    body = body_of(response)
    return response if body is None else parse(body)


def parse(body: bytes) -> Mapping[str, Any]:
    """Parse a body.

    Raises:
        AwsUnreachableError: It is no JSON object, so what answered is not AWS.
    """
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise AwsUnreachableError(
            f"the answer is not what AWS answers: {body[:60]!r}", hint="Check the endpoint and the proxy."
        )
    return document


def _keep(*, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    kind = response_dict["headers"].get("content-type", "")
    if response_dict["status_code"] == HTTPStatus.OK and kind.startswith(_JSON):
        customized_response_dict[_KEY] = response_dict["body"]
        response_dict["body"] = b""
