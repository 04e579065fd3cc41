"""A Task state: its call, with the events around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.states import history, integrations
from jobrunner.local.states.errors import QUERY, RUNTIME, TIMEOUT, StateError
from jobrunner.local.states.expression import filled, typed
from jobrunner.local.states.values import limited, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.local.states.loop import Steps
    from jobrunner.local.states.visit import Visit

_LONGEST: Final = 99_999_999


def perform(visit: Visit) -> Steps:
    """Steps that end with the result of the state's `Resource`.

    Raises:
        StateError: It failed.
    """
    arn = visit.state["Resource"]
    resource = integrations.resource(arn)
    if resource is None:
        raise StateError(RUNTIME, f"The resource {arn} is not called by this endpoint.", by_interpreter=True)
    bindings = visit.bindings()
    asked = filled(visit.state["Arguments"], bindings, "Arguments") if "Arguments" in visit.state else visit.input
    text = limited(asked, f"The state/task '{visit.name}' was given Arguments")
    seconds = _seconds(visit, bindings)
    named = resource.in_history
    scheduled: dict[str, Any] = {**named, "region": visit.around.region, "parameters": text}
    if seconds is not None:
        scheduled["timeoutInSeconds"] = seconds
    visit.trail.add("TaskScheduled", taskScheduledEventDetails=scheduled)
    visit.trail.add("TaskStarted", taskStartedEventDetails=named)

    def submitted(answer: Any) -> None:
        details = history.put_out("taskSubmittedEventDetails", written(answer), **named)
        visit.trail.add("TaskSubmitted", **details)

    deadline = None if seconds is None else visit.around.calls.clock() + seconds
    try:
        result = yield from integrations.perform(
            visit.around.calls, resource, asked, visit.around.region, deadline=deadline, submitted=submitted
        )
        answer = limited(result, f"The state/task '{arn}' returned a result")
    except StateError as error:
        visit.failed(error)
        _tell(visit, named, error)
        raise
    visit.trail.add("TaskSucceeded", **history.put_out("taskSucceededEventDetails", answer, **named))
    return result


def _tell(visit: Visit, named: Mapping[str, str], error: StateError) -> None:
    kind = "TimedOut" if error.error == TIMEOUT else "Failed"
    visit.trail.add(f"Task{kind}", **{f"task{kind}EventDetails": {**named, **error.shown()}})


def _seconds(visit: Visit, bindings: Mapping[str, Any]) -> int | None:
    if "TimeoutSeconds" not in visit.state:
        return None
    seconds: int = typed(visit.state["TimeoutSeconds"], bindings, "TimeoutSeconds", "integer")
    if not 1 <= seconds <= _LONGEST:
        why = f"The value of the field 'TimeoutSeconds' is not valid: {seconds} is not from 1 to {_LONGEST}."
        raise StateError(QUERY, why, by_interpreter=True, location="TimeoutSeconds")
    return seconds
