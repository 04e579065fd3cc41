"""What a rule's `InputTransformer` makes of an event.

Source: EventBridge user guide, "Amazon EventBridge input transformation". A template is JSON whose placeholders are
values where they stand alone and bare text inside of a string, with nothing escaped; or lines, each a JSON string. A
path that leads nowhere leaves nothing behind. What is no JSON then is not delivered.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: A string of the template, or a placeholder outside of one.
_PART: Final = re.compile(r'(?P<string>"(?:[^"\\]|\\.)*")|<(?P<name>[^<>\s]+)>')
_INSIDE: Final = re.compile(r"<(?P<name>[^<>\s]+)>")
_STEP: Final = re.compile(r"\.(?P<name>[\w/-]+)|\[(?P<index>\d+)\]")
_NOTHING: Final = object()


def transformed(transformer: Mapping[str, Any], event: Mapping[str, Any], *, rule_arn: str) -> str:
    """The text that a target gets.

    Args:
        transformer: `InputPathsMap` and `InputTemplate`.
        event: As EventBridge has it.
        rule_arn: Of the rule.

    Raises:
        ValueError: It is neither JSON nor lines of strings.
    """
    values = {name: _found(event, path) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
        "aws.events.event.json": event,
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.ingestion-time": event["time"],
    }
    text = _PART.sub(lambda part: _filled(part, values), transformer["InputTemplate"].strip())
    if text.startswith('"'):
        return "\n".join(_lines(text))
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        value = json.loads(line)
        if not isinstance(value, str):
            raise ValueError(f"a line of the template is no string: {line}")  # noqa: TRY004 - as json.loads says it
        yield value


def _filled(part: re.Match[str], values: Mapping[str, Any]) -> str:
    if part["string"] is not None:
        return _INSIDE.sub(lambda found: _bare(values.get(found["name"], _NOTHING)), part["string"])
    value = values.get(part["name"], _NOTHING)
    return "" if value is _NOTHING else json.dumps(value, ensure_ascii=False)


def _bare(value: Any) -> str:
    """A value inside of a string: text as it is, objects and lists without their quotes."""
    if value is _NOTHING:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False).replace('"', "")


def _found(event: Mapping[str, Any], path: str) -> Any:
    value: Any = event
    for step in _STEP.finditer(path.removeprefix("$")):
        try:
            value = value[step["name"]] if step["index"] is None else value[int(step["index"])]
        except (KeyError, IndexError, TypeError):
            return _NOTHING
    return value
