"""What AWS refuses of one state of a JSONata machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.states import integrations, values
from jobrunner.local.states.expression import closes, is_expression, opens
from jobrunner.local.states.validate_errors import check_catch, check_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jobrunner.local.states.diagnostics import Diagnostics

JSONATA: Final = "JSONata"
JSONPATH: Final = "JSONPath"
_LONGEST: Final = 99_999_999
_ALL: Final = ("Type", "Comment", "QueryLanguage")
_FLOW: Final = ("Next", "End")
_TRIED: Final = (*_FLOW, "Output", "Assign", "Retry", "Catch")
#: What each type may have, and what it must have.
_FIELDS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "Task": ((*_TRIED, "Resource", "Arguments", "TimeoutSeconds", "HeartbeatSeconds", "Credentials"), ("Resource",)),
    "Parallel": ((*_TRIED, "Branches", "Arguments"), ("Branches",)),
    "Map": (
        (*_TRIED, "Items", "ItemSelector", "ItemProcessor", "MaxConcurrency", "ItemReader", "ItemBatcher",
         "ResultWriter", "Label", "ToleratedFailureCount", "ToleratedFailurePercentage"),
        ("ItemProcessor",),
    ),
    "Pass": ((*_FLOW, "Output", "Assign"), ()),
    "Wait": ((*_FLOW, "Output", "Assign", "Seconds", "Timestamp"), ()),
    "Choice": (("Choices", "Default", "Output", "Assign"), ("Choices",)),
    "Succeed": (("Output",), ()),
    "Fail": (("Error", "Cause"), ()),
}  # fmt: skip
#: Fields that other states have: JSONPath's, which get a message of their own.
_OF_JSONPATH: Final = frozenset((
    "InputPath", "OutputPath", "ResultPath", "ResultSelector", "Parameters", "Result", "ItemsPath",
    "MaxConcurrencyPath", "SecondsPath", "TimestampPath", "TimeoutSecondsPath", "HeartbeatSecondsPath", "ErrorPath",
    "CausePath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath",
))  # fmt: skip
#: Those with a `$states.result`.
_WITH_RESULT: Final = frozenset(("Task", "Parallel", "Map"))
_VARIABLE: Final = re.compile(r"[^\W\d]\w{0,79}")


def check_language(found: Diagnostics, at: str, holder: Mapping[str, Any]) -> None:
    """See that a machine or a state names a language that there is."""
    language = holder.get("QueryLanguage", JSONATA)
    if not isinstance(language, str):
        found.add(f"{at}/QueryLanguage", "Expected value of type [STRING]")
    elif language not in {JSONATA, JSONPATH}:
        found.add(f"{at}/QueryLanguage", f"Value should be one of the following: [{JSONPATH}, {JSONATA}]")


def check_state(found: Diagnostics, at: str, state: Mapping[str, Any]) -> None:
    """Check one state, without the states inside of it."""
    kind = state.get("Type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        found.add(f"{at}/Type" if kind else at, f"Value should be one of the following: [{', '.join(_FIELDS)}]")
        return
    check_language(found, at, state)
    if state.get("QueryLanguage") == JSONPATH:
        found.add(at, f"'QueryLanguage' can not be '{JSONPATH}' if set to '{JSONATA}' for whole state machine")
        return
    known, needed = _FIELDS[kind]
    _check_fields(found, at, state, (*_ALL, *known), needed)
    if "Comment" in state:
        found.kind(f"{at}/Comment", state["Comment"], str, "String")
    if "Next" in known:
        _check_transition(found, at, state)
    result = ("result",) if kind in _WITH_RESULT else ()
    check_outcome(found, at, state, result)
    for name in ("Arguments", "Items", "ItemSelector"):
        if name in state:
            found.template(f"{at}/{name}", state[name])
    _CHECKS[kind](found, at, state)
    if "Retry" in known and "Retry" in state:
        check_retry(found, f"{at}/Retry", state["Retry"])
    if "Catch" in known and "Catch" in state:
        for place, catcher in check_catch(found, f"{at}/Catch", state["Catch"]):
            check_outcome(found, place, catcher, ("errorOutput",))


def _check_fields(
    found: Diagnostics, at: str, state: Mapping[str, Any], known: tuple[str, ...], needed: tuple[str, ...]
) -> None:
    for name in state:
        if name in _OF_JSONPATH:
            found.add(
                at,
                f"The QueryLanguage is set to '{JSONATA}', but field '{name}' is only supported for the '{JSONPATH}' "
                "QueryLanguage",
            )
    found.fields(at, {name: item for name, item in state.items() if name not in _OF_JSONPATH}, known, needed)


def _check_transition(found: Diagnostics, at: str, state: Mapping[str, Any]) -> None:
    if "End" in state:
        found.kind(f"{at}/End", state["End"], bool, "Boolean")
    ends = state.get("End") is True
    if "Next" in state and ends:
        found.add(at, "Only one of these fields is allowed: [Next, End]")
    elif "Next" not in state and not ends:
        found.add(at, "One of these fields is required: [Next, End]")


def check_outcome(found: Diagnostics, at: str, holder: Mapping[str, Any], states: tuple[str, ...]) -> None:
    """Check `Output` and `Assign` of a state, a rule or a catcher."""
    if "Output" in holder:
        found.template(f"{at}/Output", holder["Output"], states)
    if "Assign" not in holder or not found.kind(f"{at}/Assign", holder["Assign"], dict, "Object"):
        return
    for name in holder["Assign"]:
        if name == "states":
            found.add(f"{at}/Assign/{name}", "The variable 'states' is reserved")
        elif not _VARIABLE.fullmatch(name):
            found.add(f"{at}/Assign/{name}", "A variable's name is an identifier of at most 80 characters")
    found.template(f"{at}/Assign", holder["Assign"], states)


# -- by type -------------------------------------------------------------------------------------------------------


def _nothing(found: Diagnostics, at: str, state: Mapping[str, Any]) -> None:
    """There is nothing that only these states have."""


def _task(found: Diagnostics, at: str, state: Mapping[str, Any]) -> None:
    arn = state.get("Resource")
    if arn is not None and found.kind(f"{at}/Resource", arn, str, "String") and not integrations.is_known(arn):
        found.add(
            f"{at}/Resource",
            f"The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is "
            "not available in this region.",
        )
    for name in ("TimeoutSeconds", "HeartbeatSeconds"):
        _number(found, at, state, name, least=1)
    heartbeat, timeout = state.get("HeartbeatSeconds"), state.get("TimeoutSeconds")
    if isinstance(heartbeat, int) and isinstance(timeout, int) and heartbeat >= timeout:
        found.add(f"{at}/HeartbeatSeconds", "HeartbeatSeconds must be smaller than TimeoutSeconds")


def _number(found: Diagnostics, at: str, state: Mapping[str, Any], name: str, *, least: int) -> None:
    """Check a field that is a whole number or an expression."""
    value = state.get(name)
    if isinstance(value, str) and (opens(value) or closes(value)):
        found.template(f"{at}/{name}", value)
    elif name in state:
        found.whole(f"{at}/{name}", value, least, _LONGEST)


def _wait(found: Diagnostics, at: str, state: Mapping[str, Any]) -> None:
    if ("Seconds" in state) == ("Timestamp" in state):
        found.add(at, "Exactly one of these fields is required: [Seconds, Timestamp]")
    _number(found, at, state, "Seconds", least=0)
    if "Timestamp" in state and found.kind(f"{at}/Timestamp", state["Timestamp"], str, "String"):
        found.template(f"{at}/Timestamp", state["Timestamp"])
        if not is_expression(state["Timestamp"]) and values.moment(state["Timestamp"]) is None:
            found.add(f"{at}/Timestamp", "Value should be a timestamp as RFC 3339 has them")


def _choice(found: Diagnostics, at: str, state: Mapping[str, Any]) -> None:
    choices = state.get("Choices")
    if choices is None or not found.kind(f"{at}/Choices", choices, list, "Array"):
        return
    if not choices:
        found.add(f"{at}/Choices", "There is no choice rule")
    for number, rule in enumerate(choices):
        place = f"{at}/Choices[{number}]"
        if found.kind(place, rule, dict, "Object"):
            found.fields(place, rule, ("Condition", "Next", "Assign", "Output", "Comment"), ("Condition", "Next"))
            check_outcome(found, place, rule, ())
            _condition(found, f"{place}/Condition", rule.get("Condition", True))


def _condition(found: Diagnostics, at: str, condition: Any) -> None:
    if isinstance(condition, bool):
        return
    if not is_expression(condition):
        found.add(at, "Value should be a boolean or a JSONata expression")
    else:
        found.template(at, condition)


def _fail(found: Diagnostics, at: str, state: Mapping[str, Any]) -> None:
    for name in ("Error", "Cause"):
        if name in state and found.kind(f"{at}/{name}", state[name], str, "String"):
            found.template(f"{at}/{name}", state[name])


def _map(found: Diagnostics, at: str, state: Mapping[str, Any]) -> None:
    if "Items" in state and not isinstance(state["Items"], (list, dict)) and not is_expression(state["Items"]):
        found.add(f"{at}/Items", "Value should be an array, an object or a JSONata expression")
    _number(found, at, state, "MaxConcurrency", least=0)
    processor = state.get("ItemProcessor")
    if processor is None or not found.kind(f"{at}/ItemProcessor", processor, dict, "Object"):
        return
    found.fields(
        f"{at}/ItemProcessor", processor, ("ProcessorConfig", "StartAt", "States", "Comment"), ("StartAt", "States")
    )


def _parallel(found: Diagnostics, at: str, state: Mapping[str, Any]) -> None:
    branches = state.get("Branches")
    if branches is None or not found.kind(f"{at}/Branches", branches, list, "Array"):
        return
    if not branches:
        found.add(f"{at}/Branches", "There is no branch")
    for number, branch in enumerate(branches):
        if found.kind(f"{at}/Branches[{number}]", branch, dict, "Object"):
            found.fields(f"{at}/Branches[{number}]", branch, ("StartAt", "States", "Comment"), ("StartAt", "States"))


_CHECKS: Final[Mapping[str, Callable[[Diagnostics, str, Mapping[str, Any]], None]]] = {
    "Choice": _choice,
    "Fail": _fail,
    "Map": _map,
    "Parallel": _parallel,
    "Pass": _nothing,
    "Succeed": _nothing,
    "Task": _task,
    "Wait": _wait,
}


# -- where a state leads -------------------------------------------------------------------------------------------


def targets(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The transitions of a state: the field, and the name of the state."""
    for name in ("Next", "Default"):
        if name in state:
            yield name, state[name]
    for name in ("Choices", "Catch"):
        rules = state.get(name)
        for number, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, dict) and "Next" in rule:
                yield f"{name}[{number}]/Next", rule["Next"]


def inner(state: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The machines inside of a state."""
    for name in ("ItemProcessor", "Iterator"):  # the second one is the old name, which JSONPath machines may use
        if state.get("Type") == "Map" and isinstance(state.get(name), dict):
            yield name, state[name]
    if state.get("Type") == "Parallel" and isinstance(state.get("Branches"), list):
        for number, branch in enumerate(state["Branches"]):
            if isinstance(branch, dict):
                yield f"Branches[{number}]", branch
