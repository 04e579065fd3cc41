"""One visit to a state: what its expressions see, what it assigns, and what history tells of it.

Sources: Step Functions developer guide, "Passing data between states with variables": all fields of a state see the
variables as they were when it was entered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.states import history
from jobrunner.local.states.errors import DATA_LIMIT, QUERY, StateError
from jobrunner.local.states.expression import filled
from jobrunner.local.states.values import limited, stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.local.states.history import Trail
    from jobrunner.local.states.integrations import Calls

#: "The total size of all variables of an execution: 10 MiB" (quotas).
_ALL_VARIABLES: Final = 10 * 1_024 * 1_024


class Scope:
    """Variables: those of the machine, or of one branch, which sees those around it too."""

    def __init__(self, around: Scope | None = None) -> None:
        self.values: dict[str, Any] = dict(around.values) if around else {}
        self.sizes: dict[str, int] = dict(around.sizes) if around else {}

    def assign(self, values: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        """Set variables.

        Raises:
            StateError: They are too much.
        """
        sizes = self.sizes | {name: len(text) for name, text in texts.items()}
        if sum(sizes.values()) > _ALL_VARIABLES:
            raise StateError(DATA_LIMIT, "The variables exceed the maximum total size of 10 MiB.", by_interpreter=True)
        self.sizes = sizes
        self.values = {**self.values, **values}


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all states of an execution share.

    Attributes:
        calls: How tasks reach services.
        region: Of the state machine.
    """

    calls: Calls
    region: str


class Visit:
    """One visit to a state.

    Args:
        name: Of the state.
        state: As it is defined.
        value: Its input.
        scope: The variables around it.
        trail: Where its events go.
        context: `$states.context`, without the state.
        around: What the execution has.

    Attributes:
        retries: How many times it was tried again.
    """

    def __init__(
        self,
        *,
        name: str,
        state: Mapping[str, Any],
        value: Any,
        scope: Scope,
        trail: Trail,
        context: Mapping[str, Any],
        around: Surroundings,
    ) -> None:
        self.name = name
        self.state = state
        self.input = value
        self.scope = scope
        self.trail = trail
        self.around = around
        self.retries = 0
        self._context = context
        self._entered_at = stamp(around.calls.clock())
        self._event = trail.add(f"{state['Type']}StateEntered", **history.entered(name, limited(value, self._returned)))

    @property
    def _returned(self) -> str:
        return f"The state/task '{self.name}' returned a result"

    def context(self, **more: Any) -> dict[str, Any]:
        """`$states.context`."""
        state = {"Name": self.name, "EnteredTime": self._entered_at, "RetryCount": self.retries}
        return {**self._context, "State": state, **more}

    def bindings(self, more: Mapping[str, Any] | None = None, **states: Any) -> dict[str, Any]:
        """What an expression sees: the variables and `$states`."""
        known = {"input": self.input, "context": self.context(**(more or {})), **states}
        return {**self.scope.values, "states": known}

    def leave(self, holder: Mapping[str, Any], where: str, default: Any, **states: Any) -> Any:
        """Assign the variables of a state, a rule or a catcher, and give its output.

        Args:
            holder: What has `Assign` and `Output`.
            where: Its place in the state: "", or `Catch[0]/`.
            default: The output, if it says none.
            **states: What `$states` has besides the input and the context.

        Raises:
            StateError: An expression failed, or something is too large.
        """
        bindings = self.bindings(**states)
        assigned = filled(holder.get("Assign", {}), bindings, f"{where}Assign")
        output = filled(holder["Output"], bindings, f"{where}Output") if "Output" in holder else default
        texts = {
            name: limited(value, f"The variable '{name}' was assigned a value") for name, value in assigned.items()
        }
        text = limited(output, self._returned)
        self.scope.assign(assigned, texts)
        self.trail.add(f"{self.state['Type']}StateExited", **history.exited(self.name, text, texts))
        return output

    def failed(self, error: StateError) -> None:
        """Say of an error of the interpreter where it happened. It is said once, by the innermost state."""
        if not error.by_interpreter:
            return
        error.by_interpreter = False
        error.cause = (
            f"An error occurred while executing the state '{self.name}' (entered at the event id #{self._event}). "
            f"{error.cause}"
        )
        if error.error == QUERY:
            details = {**error.shown(), "location": error.location or "", "state": self.name}
            self.trail.add("EvaluationFailed", evaluationFailedEventDetails=details)
