"""What a rule's InputTransformer makes of an event."""

from __future__ import annotations

from typing import Any

import pytest

from jobrunner.local.input_transformer import transformed

RULE = "arn:aws:events:us-east-1:123456789012:rule/name"
EVENT: dict[str, Any] = {
    "time": "2026-11-24T02:30:00Z",
    "detail": {"cause": '{"a":"b\\n"}', "name": "n", "list": [{"x": 1}], "none": None},
}
PATHS = {
    "cause": "$.detail.cause",
    "name": "$.detail.name",
    "first": "$.detail.list[0].x",
    "list": "$.detail.list",
    "none": "$.detail.none",
    "missing": "$.detail.list[7].x",
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"cause": <cause>, "n": <name>}', '{"cause":"{\\"a\\":\\"b\\\\n\\"}","n":"n"}'),
        ('{"a": "of <name>: <first> <list>", "list": <list>}', '{"a":"of n: 1 [{x: 1}]","list":[{"x":1}]}'),
        ('{"none": <none>, "gone": "<missing>"}', '{"none":null,"gone":""}'),
        ('"of <name>"\n"it is \\"<first>\\" <missing>."', 'of n\nit is "1" .'),
        ('"<aws.events.rule-name> <aws.events.event.ingestion-time>"', "name 2026-11-24T02:30:00Z"),
        ('{"it": <aws.events.event>}', '{"it":{"time":"2026-11-24T02:30:00Z"}}'),
    ],
)
def test_templates(template: str, expected: str) -> None:
    """Values outside of quotes are JSON, inside they are bare; lines of strings are lines of text."""
    assert expected == transformed({"InputPathsMap": PATHS, "InputTemplate": template}, EVENT, rule_arn=RULE)


@pytest.mark.parametrize("template", ['{"cause": "<cause>"}', '{"gone": <missing>}', '"of"\n12', "of <name>"])
def test_what_is_no_json_is_not_delivered(template: str) -> None:
    """A text with quotes inside of a string, a value that is not there, a line that is no string."""
    with pytest.raises(ValueError, match=r"."):
        transformed({"InputPathsMap": PATHS, "InputTemplate": template}, EVENT, rule_arn=RULE)
