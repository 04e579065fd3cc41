"""What fails a state, as Retry and Catch see it.

Source: Step Functions developer guide, "Handling errors in Step Functions workflows".
"""

from __future__ import annotations

from typing import Final

ALL: Final = "States.ALL"
DATA_LIMIT: Final = "States.DataLimitExceeded"
NO_CHOICE: Final = "States.NoChoiceMatched"
QUERY: Final = "States.QueryEvaluationError"
RUNTIME: Final = "States.Runtime"
TASK_FAILED: Final = "States.TaskFailed"
TIMEOUT: Final = "States.Timeout"

#: What `States.ALL` and `States.TaskFailed` do not mean. No Catch and no Retry is for `States.Runtime` at all.
_TERMINAL: Final = frozenset((DATA_LIMIT, RUNTIME))


class StateError(Exception):
    """An error of a state.

    Args:
        error: Its name, which is what `ErrorEquals` compares.
        cause: What happened, for people; a timeout has none.
        by_interpreter: Whether AWS would say in front of it in which state it happened: so it does where the
            interpreter has failed, not where a service has answered or a Fail state speaks.
        location: The field whose expression failed, `Output/a`.
    """

    def __init__(
        self, error: str | None, cause: str | None = None, *, by_interpreter: bool = False, location: str | None = None
    ) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.by_interpreter = by_interpreter
        self.location = location

    def output(self) -> dict[str, str]:
        """What a Catch gets: `$states.errorOutput`."""
        found = {"Error": self.error, "Cause": self.cause}
        return {name: value for name, value in found.items() if value is not None}

    def shown(self) -> dict[str, str]:
        """The same as history writes it."""
        return {name.lower(): value for name, value in self.output().items()}


def matches(names: list[str], error: str | None) -> bool:
    """Whether a retrier or a catcher with these `ErrorEquals` is for an error."""
    if error == RUNTIME:
        return False
    if error in names:
        return True
    if error in _TERMINAL:
        return False
    return ALL in names or (TASK_FAILED in names and error != TIMEOUT)
