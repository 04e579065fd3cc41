"""What is wrong with a definition, collected while it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jsonata.jexception import JException

from jobrunner.local.states import expression
from jobrunner.local.states.references import references

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCHEMA: Final = "SCHEMA_VALIDATION_FAILED"
TARGET: Final = "MISSING_TRANSITION_TARGET"
END: Final = "MISSING_END_STATE"
_INVALID: Final = "INVALID_JSONATA_EXPRESSION"
_UNSUPPORTED: Final = "UNSUPPORTED_JSONATA_EXPRESSION"
#: What `$states` has in every state.
_EVERYWHERE: Final = frozenset(("input", "context"))


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One thing that is wrong.

    Attributes:
        code: AWS's word for its kind.
        message: What.
        location: Where: `/States/A/Next`.
    """

    code: str
    message: str
    location: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message} at {self.location}"


class Diagnostics:
    """Everything that is wrong, in the order in which it was found."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []

    def add(self, location: str, message: str, code: str = SCHEMA) -> None:
        """Note something."""
        self.found.append(Diagnostic(code=code, message=message, location=location or "/"))

    def fields(self, location: str, value: Mapping[str, Any], known: Iterable[str], needed: Iterable[str]) -> None:
        """See that an object has what it must, and nothing that it cannot have."""
        allowed = set(known)
        for name in value:
            if name not in allowed:
                self.add(location, f"Field '{name}' is not supported")
        missing = [name for name in needed if name not in value]
        if missing:
            self.add(location, f"These fields are required: [{', '.join(missing)}]")

    def kind(self, location: str, value: Any, kind: type, word: str) -> bool:
        """See that a value is of a kind."""
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return True
        self.add(location, f"Expected value of type [{word}]")
        return False

    def whole(self, location: str, value: Any, least: int, most: int) -> None:
        """See that a value is a whole number in a range."""
        if self.kind(location, value, int, "Integer") and not least <= value <= most:
            self.add(location, f"Value should be between {least} and {most}")

    # -- expressions -------------------------------------------------------------------------------------------

    def template(self, location: str, value: Any, states: Iterable[str] = ()) -> None:
        """See that the expressions in a JSON value are some.

        Args:
            location: Of the value.
            value: Any JSON.
            states: What `$states` has there, besides the input and the context.
        """
        if isinstance(value, str):
            self._text(location, value, _EVERYWHERE | set(states))
        elif isinstance(value, dict):
            for name, item in value.items():
                self.template(f"{location}/{name}", item, states)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                self.template(f"{location}[{number}]", item, states)

    def _text(self, location: str, text: str, states: set[str] | frozenset[str]) -> None:
        if not expression.opens(text.lstrip()) and not expression.closes(text.rstrip()):
            return
        if not expression.is_expression(text):
            what = "A JSONata expression begins with '{%' and ends with '%}', with nothing before and after them."
            self.add(location, what, _INVALID)
            return
        try:
            program = expression.program(expression.source(text))
        except JException as error:
            self.add(location, f"{error.error}: {error}", _INVALID)
            return
        except Exception as error:  # noqa: BLE001 - the parser's own failures say that it is no expression
            self.add(location, f"It does not parse: {error!r}", _INVALID)
            return
        for one in references(program.ast):
            if one.kind == "name":
                message = f"Reference to '{one.name}' at the top level is not supported."
            elif one.kind == "root":
                message = "Reference to '$$' is not supported."
            elif one.name is None or one.name in states:
                continue
            else:
                message = f"Reference to '$states.{one.name}' is not supported here."
            self.add(location, message, _UNSUPPORTED)
