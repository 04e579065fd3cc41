"""JSONata in the fields of a state: `{% … %}` inside any JSON value.

Source: Step Functions developer guide, "Transforming data with JSONata". The limits of one evaluation, 100 levels, are
AWS's as others have measured them; AWS does not document how long one may take.
"""

from __future__ import annotations

import copy
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from jsonata.utils import Utils

from jobrunner.local.states.errors import QUERY, StateError
from jobrunner.local.states.functions import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPENING: Final = "{%"
_CLOSING: Final = "%}"
_DEEPEST: Final = 100
_LONGEST: Final = 5.0
_NOTHING: Final = object()


def opens(text: str) -> bool:
    """Whether a text is meant to be an expression."""
    return text.startswith(_OPENING)


def closes(text: str) -> bool:
    """Whether a text ends as an expression does."""
    return text.endswith(_CLOSING)


def is_expression(value: object) -> bool:
    """Whether a value is an expression."""
    return isinstance(value, str) and opens(value) and closes(value) and len(value) >= len(_OPENING + _CLOSING)


def source(text: str) -> str:
    """What stands between the delimiters."""
    return text.removeprefix(_OPENING).removesuffix(_CLOSING).strip()


@lru_cache(maxsize=4_096)
def program(text: str) -> Any:
    """The parsed expression. It is shared: only copies of it are evaluated.

    Raises:
        JException: It does not parse.
    """
    found = Jsonata(text)
    found.set_output_convert_nulls(False)  # a null is a value, and nothing is none
    found.set_validate_input(False)
    return found


class _Bounds:
    """Ends an evaluation that goes too deep or takes too long.

    jsonata-python's own bounds begin with the parsing, and stop counting after the first array of an expression.
    """

    def __init__(self, frame: Any) -> None:
        self._depth = 0
        self._end = time.monotonic() + _LONGEST
        frame.set_evaluate_entry_callback(self._enter)
        frame.set_evaluate_exit_callback(self._leave)

    def _enter(self, *_: Any) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise JException("D1011", -1)
        if time.monotonic() > self._end:
            raise JException("D1012", -1)

    def _leave(self, *_: Any) -> None:
        self._depth -= 1


def _evaluated(text: str, bindings: Mapping[str, Any]) -> Any:
    """The value of an expression; `_NOTHING` when it returns nothing."""
    own = copy.copy(program(text))
    # What $millis() and higher-order functions go by; the library sets it only where it parses.
    Jsonata.CURRENT.jsonata = own
    own.environment = own.create_frame(Jsonata.static_frame)
    _Bounds(own.environment)
    own.environment.bind("eval", None)  # AWS has no $eval
    for name, function in FUNCTIONS.items():
        own.environment.bind(name, function)
    found = own.evaluate(None, bindings)
    return _NOTHING if found is None else plain(found)


def plain(value: Any) -> Any:
    """The JSON of what JSONata has computed, with nothing in it that the expression's own data share.

    Raises:
        TypeError: There is a function in it, or a number that JSON does not have.
    """
    if value is None or value is Utils.NULL_VALUE:
        return None
    if isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Utils.RangeList):  # its own iterator forgets the last one
        return list(range(value.a, value.b + 1))
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    raise TypeError("it is a function")


def _number(value: float) -> float:
    if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN differs from itself
        raise TypeError("it is no number of JSON")
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


def evaluate(text: str, bindings: Mapping[str, Any], where: str) -> Any:
    """The value of `{% … %}`.

    Args:
        text: With its delimiters.
        bindings: Variables, and `states`.
        where: The field, as AWS names it: `Output/a[0]`.

    Raises:
        StateError: States.QueryEvaluationError.
    """
    expression = source(text)
    said = f"The JSONata expression '{expression}' specified for the field '{where}'"
    try:
        found = _evaluated(expression, bindings)
    except TypeError as error:
        raise _failed(f"{said} returned an unsupported result type: {error}.", where) from error
    except Exception as error:  # whatever the library raises, the expression has failed
        raise _failed(f"{said} threw an error. {_words(error)}", where) from error
    if found is _NOTHING:
        raise _failed(f"{said} returned nothing (undefined).", where)
    return found


def _words(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "Stack overflow error: Check for non-terminating recursive function."
    return f"{error.error}: {error}" if isinstance(error, JException) else str(error)


def _failed(cause: str, where: str) -> StateError:
    return StateError(QUERY, cause, by_interpreter=True, location=where)


def filled(template: Any, bindings: Mapping[str, Any], where: str) -> Any:
    """A JSON value with its expressions evaluated.

    Raises:
        StateError: One of them failed.
    """
    if isinstance(template, str):
        return evaluate(template, bindings, where) if is_expression(template) else template
    if isinstance(template, dict):
        return {name: filled(item, bindings, f"{where}/{name}") for name, item in template.items()}
    if isinstance(template, list):
        return [filled(item, bindings, f"{where}[{number}]") for number, item in enumerate(template)]
    return template


_KINDS: Final[dict[str, tuple[type, ...]]] = {"boolean": (bool,), "string": (str,), "integer": (int,), "array": (list,)}


def typed(template: Any, bindings: Mapping[str, Any], where: str, *kinds: str) -> Any:
    """As `filled`, for a field that takes one kind of value.

    Raises:
        StateError: The expression gave another kind.
    """
    value = filled(template, bindings, where)
    if any(_is(value, kind) for kind in kinds):
        return value
    expected = " or ".join(f"'{kind}'" for kind in kinds)
    raise _failed(
        f"The JSONata expression '{source(str(template))}' specified for the field '{where}' returned an unexpected "
        f"result type. Expected {expected}, but was '{_kind(value)}'.",
        where,
    )


def _is(value: Any, kind: str) -> bool:
    if kind == "object":
        return isinstance(value, dict)
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    found = [kind for kind in (*_KINDS, "object") if _is(value, kind)]
    return found[0] if found else "number"
