"""What the policy of a log group or a topic lets EventBridge do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobrunner.local.resource_policy import allows

GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/jobrunner"
RULE = "arn:aws:events:us-east-1:123456789012:rule/mine"
SERVICE = "events.amazonaws.com"
RIGHT: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Service": [SERVICE, "delivery.logs.amazonaws.com"]},
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": f"{GROUP}:*",
}


def allowed(*statements: dict[str, Any]) -> bool:
    """Whether EventBridge may write for the rule."""
    return allows({"Statement": list(statements)}, SERVICE, "logs:PutLogEvents", f"{GROUP}:log-stream:x", source=RULE)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"Principal": "*"}, True),
        ({"Action": "logs:putlogevents"}, True),
        ({"Action": "logs:*"}, True),
        ({"Resource": "*"}, True),
        ({"Condition": {"ArnEquals": {"aws:SourceArn": [RULE]}}}, True),
        ({"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:*:rule/*"}}}, True),
        ({"Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}, True),
        ({"Principal": {"Service": "delivery.logs.amazonaws.com"}}, False),
        ({"Principal": {"AWS": "*"}}, False),
        ({"Action": "logs:CreateLogStream"}, False),
        ({"Resource": GROUP}, False),
        ({"Resource": f"{GROUP}-other:*"}, False),
        ({"Resource": GROUP.replace("jobrunner", "[j]obrunner") + ":*"}, False),
        ({"Condition": {"ArnEquals": {"aws:SourceArn": f"{RULE}-other"}}}, False),
        ({"Effect": "Deny"}, False),
    ],
)
def test_a_statement(changes: dict[str, Any], *, expected: bool) -> None:
    """Principal, action, resource and the rule have to fit."""
    assert expected == allowed(RIGHT | changes)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [({}, False), ({"Bool": {"aws:SecureTransport": "false"}}, True), ({"ArnEquals": {"aws:SourceArn": RULE}}, False)],
)
def test_a_denial(condition: dict[str, Any], *, expected: bool) -> None:
    """It wins, unless it is about something that EventBridge does not do, as calling without TLS."""
    assert expected == allowed(RIGHT, RIGHT | {"Effect": "Deny", "Condition": condition})


def test_documents_may_be_text_with_one_statement() -> None:
    """As PutResourcePolicy takes them."""
    text = json.dumps({"Statement": RIGHT})
    assert allows(text, SERVICE, "logs:CreateLogStream", f"{GROUP}:log-stream:x", source=RULE)
    assert not allows({}, SERVICE, "logs:CreateLogStream", f"{GROUP}:log-stream:x", source=RULE)
