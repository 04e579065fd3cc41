"""What AWS refuses of a JSONata definition, and of a text that is none.

Sources: the Amazon States Language; Step Functions developer guide, "Transforming data with JSONata", "Passing data
between states with variables" and "Handling errors". The codes and the words are AWS's as far as public examples show
them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.states.diagnostics import END, TARGET, Diagnostic, Diagnostics
from jobrunner.local.states.validate_state import JSONATA, JSONPATH, check_language, check_state, inner, targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MACHINE: Final = ("Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version")
_NEEDED: Final = ("StartAt", "States")
_LONGEST: Final = 99_999_999
_LONGEST_NAME: Final = 80


def definition(text: str) -> dict[str, Any] | None:
    """The definition that a text holds; None when it is no JSON object."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def is_jsonata(machine: Mapping[str, Any]) -> bool:
    """Whether a machine is written in JSONata as a whole."""
    return bool(machine.get("QueryLanguage", JSONPATH) == JSONATA)


def not_json() -> list[Diagnostic]:
    """What is wrong with a text that is no JSON object."""
    return [Diagnostic(code="INVALID_JSON_DESCRIPTION", message="Invalid JSON description", location="/")]


def problems(machine: Mapping[str, Any]) -> list[Diagnostic]:
    """Everything that is wrong with a JSONata machine."""
    found = Diagnostics()
    found.fields("", machine, _MACHINE, _NEEDED)
    check_language(found, "", machine)
    if "TimeoutSeconds" in machine:
        found.whole("/TimeoutSeconds", machine["TimeoutSeconds"], 1, _LONGEST)
    if machine.get("Version", "1.0") != "1.0":
        found.add("/Version", "Value should be one of the following: [1.0]")
    _check_states(found, "", machine, set(), set())
    return found.found


def _check_states(found: Diagnostics, at: str, machine: Mapping[str, Any], names: set[str], around: set[str]) -> None:
    """Check the states of a machine, a branch or an item processor.

    Args:
        found: Takes what is wrong.
        at: Where it stands.
        machine: Has `States`.
        names: Of all states so far: they are unique in the whole definition.
        around: The variables that are assigned around it.
    """
    states = machine.get("States")
    if states is None or not found.kind(f"{at}/States", states, dict, "Object"):
        return
    if not states:
        found.add(f"{at}/States", "There is no state")
    good = {
        name: state for name, state in states.items() if _is_state(found, f"{at}/States/{name}", name, state, names)
    }
    for name, state in good.items():
        check_state(found, f"{at}/States/{name}", state)
    _check_flow(found, at, machine, good)
    own = {variable for state in good.values() for variable in _assigned(state)}
    # The guide says that a branch cannot change what is around it; that the name is refused is not confirmed, and safe.
    for variable in sorted(own & around):
        found.add(f"{at}/States", f"The variable '{variable}' is assigned outside of this scope too")
    for name, state in good.items():
        for place, part in inner(state):
            _check_states(found, f"{at}/States/{name}/{place}", part, names, around | own)


def _is_state(found: Diagnostics, at: str, name: str, state: Any, names: set[str]) -> bool:
    if not 0 < len(name) <= _LONGEST_NAME:
        found.add(at, f"A state's name has from 1 to {_LONGEST_NAME} characters")
    if name in names:
        found.add(at, f"The state name '{name}' is not unique in the state machine")
    names.add(name)
    return found.kind(at, state, dict, "Object")


def _assigned(state: Mapping[str, Any]) -> Iterator[str]:
    for holder in (state, *_dicts(state.get("Choices")), *_dicts(state.get("Catch"))):
        if isinstance(holder.get("Assign"), dict):
            yield from holder["Assign"]


def check_flows(found: Diagnostics, at: str, machine: Mapping[str, Any]) -> None:
    """See to the transitions of a machine in any language, and of those inside of it."""
    states = machine.get("States")
    good = (
        {name: state for name, state in states.items() if isinstance(state, dict)} if isinstance(states, dict) else {}
    )
    _check_flow(found, at, machine, good)
    for name, state in good.items():
        for place, part in inner(state):
            check_flows(found, f"{at}/States/{name}/{place}", part)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _check_flow(found: Diagnostics, at: str, machine: Mapping[str, Any], states: Mapping[str, Any]) -> None:
    """See that every transition has a target, that every state is reached, and that there is an end."""
    start = machine.get("StartAt")
    if start is not None and not isinstance(start, str):
        found.kind(f"{at}/StartAt", start, str, "String")
        return
    if start is not None and start not in states:
        found.add(f"{at}/StartAt", f"Missing 'StartAt' target: {start}", TARGET)
    reached: set[Any] = {start} if start in states else set()
    waiting = list(reached)
    while waiting:
        following = {target for _, target in targets(states[waiting.pop()]) if target in states} - reached
        reached |= following
        waiting += following
    for name, state in states.items():
        for place, target in targets(state):
            if target not in states:
                kind = place.rpartition("/")[2]
                found.add(f"{at}/States/{name}/{place}", f"Missing '{kind}' target: {target}", TARGET)
        if start in states and name not in reached:
            found.add(f"{at}/States/{name}", f'State "{name}" is not reachable', TARGET)
    if states and not any(
        state.get("End") is True or state.get("Type") in {"Succeed", "Fail"} for state in states.values()
    ):
        found.add(f"{at}/States", "There is no state that ends the state machine", END)
