"""What a policy of a resource lets a service do, as far as EventBridge's targets need it.

EventBridge writes to log groups and topics by their policies alone, and without one an event is lost and nobody is
told ("Using resource-based policies", EventBridge user guide). The endpoint pretends to no check of IAM: this is the
one mistake of a template that only shows by what is missing.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SOURCE: Final = "aws:sourcearn"
_COMPARED: Final = ("arnequals", "arnlike", "stringequals", "stringlike")


def allows(policy: str | Mapping[str, Any], service: str, action: str, resource: str, *, source: str) -> bool:
    """Tell whether a policy lets a service do something.

    Args:
        policy: Its document.
        service: The principal, as `events.amazonaws.com`.
        action: As `logs:PutLogEvents`.
        resource: The ARN of what it is done to.
        source: The ARN of what the service does it for. Other conditions are taken to be met by what is allowed, and
            not by what is denied.
    """
    found = _statements(json.loads(policy) if isinstance(policy, str) else policy)
    fitting = [
        one
        for one in found
        if _is_of(one.get("Principal"), service)
        and _matches(one.get("Action"), action.lower(), lower=True)
        and _matches(one.get("Resource"), resource)
        and _for(one, source)
    ]
    return any(one["Effect"] == "Allow" for one in fitting) and all(one["Effect"] != "Deny" for one in fitting)


def _statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    statement = document.get("Statement", [])
    return statement if isinstance(statement, list) else [statement]


def _is_of(principal: Any, service: str) -> bool:
    if isinstance(principal, str):
        return principal == "*"
    return service in _texts((principal or {}).get("Service"))


def _for(statement: Mapping[str, Any], source: str) -> bool:
    conditions = [
        (operator.lower() in _COMPARED and key.lower() == _SOURCE, wanted)
        for operator, compared in (statement.get("Condition") or {}).items()
        for key, wanted in compared.items()
    ]
    return all(_matches(wanted, source) if known else statement["Effect"] == "Allow" for known, wanted in conditions)


def _matches(patterns: Any, value: str, *, lower: bool = False) -> bool:
    """Whether one of the patterns, in which only `*` and `?` are special, is of the value."""
    texts = (text.lower() if lower else text for text in _texts(patterns))
    return any(fnmatchcase(value, text.replace("[", "[[]")) for text in texts)


def _texts(value: Any) -> Iterator[str]:
    yield from [value] if isinstance(value, str) else (value or ())
