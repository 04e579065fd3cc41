"""JSONata as Step Functions evaluates it, for tests: its own functions, nulls that are values, how deep it goes.

`from jsonata_world import evaluate`: it stands beside the tests.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from jsonata.jsonata import Jsonata
from jsonata.utils import Utils

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING = object()


@cache
def _parsed(source: str) -> Any:
    parsed = Jsonata(source)
    parsed.set_output_convert_nulls(False)  # null and nothing are two things
    parsed.set_validate_input(False)
    return parsed


def depth_of(source: str, variables: Mapping[str, Any]) -> int:
    """How deep the evaluation of an expression goes."""
    deepest = depth = 0

    def enter(*_: Any) -> None:
        nonlocal deepest, depth
        depth += 1
        deepest = max(deepest, depth)

    def leave(*_: Any) -> None:
        nonlocal depth
        depth -= 1

    parsed = _parsed(source)
    frame = _frame(parsed, variables, _names(source))
    frame.set_evaluate_entry_callback(enter)
    frame.set_evaluate_exit_callback(leave)
    parsed.evaluate(None, frame)
    return deepest


def evaluate(source: str, variables: Mapping[str, Any], *, now: float | None = None) -> Any:
    """The value of an expression, or `NOTHING`.

    Args:
        source: JSONata.
        variables: By their names, without the `$`.
        now: What `$millis()` gives.
    """
    parsed = _parsed(source)
    frame = _frame(parsed, variables, _names(source))
    if now is not None:
        frame.bind("millis", _Millis(now))
    found = parsed.evaluate(None, frame)
    return NOTHING if found is None else _plain(found)


@cache
def _names(source: str) -> frozenset[str]:
    """What looks like a variable: the others need not be bound."""
    return frozenset(re.findall(r"\$(\w+)", source))


def _frame(parsed: Any, variables: Mapping[str, Any], names: frozenset[str]) -> Any:
    frame = parsed.create_frame()
    frame.bind("hash", _Hash(None, None))
    for name in variables.keys() & names:
        frame.bind(name, _with_nulls(variables[name]))
    return frame


class _Hash(Jsonata.JFunction):  # type: ignore[misc]  # jsonata-python has no types
    """`$hash(text, 'SHA-256')`, which Step Functions has and JSONata has not."""

    def call(self, _input: Any, args: Any) -> str:
        text, algorithm = args
        return hashlib.new(algorithm.replace("-", ""), text.encode()).hexdigest()

    def get_number_of_args(self) -> int:
        return 2


class _Millis(Jsonata.JFunction):  # type: ignore[misc]  # jsonata-python has no types
    """`$millis()` of a clock that stands still."""

    def __init__(self, now: float) -> None:
        super().__init__(None, None)
        self._now = now

    def call(self, _input: Any, _args: Any) -> int:
        return int(self._now)

    def get_number_of_args(self) -> int:
        return 0


def _with_nulls(value: Any) -> Any:
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, dict):
        return {key: _with_nulls(item) for key, item in value.items()}
    return [_with_nulls(item) for item in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    if value is Utils.NULL_VALUE:
        return None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
