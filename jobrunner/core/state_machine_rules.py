"""The tables of `core.start_failure` in JSONata, for the variable `$causes` of the state machine.

It is {starting, placing}: the rules for a task that did not start, and for one that was not placed, each {reason,
transient, groups}, in their order. What rules have in common is written once: groups of texts, and the rules that both
tables have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobrunner.core.start_failure import GROUPS, PLACING, STARTING
from jobrunner.core.state_machine_text import block, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobrunner.core.start_failure import Rule

_MAKING: Final = """
$passing := function($reason, $groups) { {'reason': $reason, 'transient': true, 'groups': $groups} };
$lasting := function($reason, $groups) { {'reason': $reason, 'transient': false, 'groups': $groups} };
"""

#: Rules of both tables; they stand together in each.
_SHARED: Final = tuple(rule for rule in PLACING if rule in STARTING)
_BEGIN: Final = STARTING.index(_SHARED[0])
_END: Final = _BEGIN + len(_SHARED)


def causes() -> str:
    """Give the expression of the variable."""
    groups = (f"${name} := {literal(parts)};" for name, parts in GROUPS.items())
    shared = f"$shared := [{_rules(_SHARED)}];"
    placing = ", ".join(("$shared", _rules(rule for rule in PLACING if rule not in _SHARED)))
    starting = ", ".join((_rules(STARTING[:_BEGIN]), "$shared", _rules(STARTING[_END:])))
    return block(_MAKING, *groups, shared, f"{{'placing': [{placing}], 'starting': [{starting}]}}")


def _rules(rules: Sequence[Rule] | Iterator[Rule]) -> str:
    return ",\n".join(_rule(rule) for rule in rules)


def _rule(rule: Rule) -> str:
    groups = ", ".join(f"[{', '.join(_parts(group))}]" for group in rule.groups)
    return f"{'$passing' if rule.transient else '$lasting'}({literal(rule.reason)}, [{groups}])"


def _parts(group: Sequence[str]) -> Iterator[str]:
    """Give the members of a group; an array inside of an array is its members."""
    while group:
        name = next((name for name, parts in GROUPS.items() if tuple(group[: len(parts)]) == parts), None)
        yield literal(group[0]) if name is None else f"${name}"
        group = group[1 if name is None else len(GROUPS[name]) :]
