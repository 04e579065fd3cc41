"""The two answers that are read often, as plain JSON.

botocore turns an answer into Python values shape by shape, about 7 µs of CPU for a log event: it limits every
boto3-based log reader to some 100,000 lines a second. `before-parse` is botocore's own event for taking that
over (it does so itself for S3 and SSO): whatever a handler puts into `customized_response_dict` becomes part of
the answer. Here that is the parsed JSON, and botocore is left with an empty body. Errors and everything
that is not JSON are left to botocore.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.client import BaseClient

_JSON = ("application/x-amz-json", "application/json")
_KEY = "JobrunnerJson"
_OPERATIONS = {"ecs": ("DescribeTasks",), "logs": ("GetLogEvents",)}


def keep_json(client: BaseClient) -> None:
    """Make a client's answers to the frequent operations carry their JSON, for `answer_of`."""
    model = client.meta.service_model
    service = model.service_id.hyphenize()
    for operation in _OPERATIONS.get(model.service_name, ()):
        client.meta.events.register(f"before-parse.{service}.{operation}", _take_json)


def answer_of(response: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the JSON of an answer; when botocore parsed it after all, what it made of it.

    Both have the same keys. Times are numbers in the one and datetimes in the other.
    """
    kept: Mapping[str, Any] = response.get(_KEY, response)
    return kept


def _take_json(*, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    kind = response_dict["headers"].get("content-type", "")
    if response_dict["status_code"] != HTTPStatus.OK or not kind.startswith(
        ("application/x-amz-json", "application/json")
    ):
        return
    try:
        document = json.loads(response_dict["body"])
    except ValueError:
        return
    if isinstance(document, dict):
        customized_response_dict[_KEY] = document
        response_dict["body"] = b""
