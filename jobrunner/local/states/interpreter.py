"""Executes the states of a JSONata machine.

Source: the Amazon States Language, and Step Functions developer guide, "Transforming data with JSONata". An execution
is a generator (`loop`): it yields where it waits.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.states import retrying, tasks, values
from jobrunner.local.states.errors import NO_CHOICE, QUERY, RUNTIME, StateError
from jobrunner.local.states.expression import filled, typed
from jobrunner.local.states.loop import Fork, Until
from jobrunner.local.states.visit import Scope, Surroundings, Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jobrunner.local.states.history import Trail
    from jobrunner.local.states.loop import Steps

#: How many iterations of an inline Map run at the same time, if it says nothing (quotas).
_MAP_CONCURRENCY: Final = 40
_LONGEST: Final = 99_999_999


def run(
    machine: Mapping[str, Any],
    value: Any,
    *,
    scope: Scope,
    trail: Trail,
    context: Mapping[str, Any],
    around: Surroundings,
) -> Steps:
    """Steps that end with the output of a machine, or of a branch of one.

    Args:
        machine: Has `StartAt` and `States`, and was validated.
        value: Its input.
        scope: Its variables.
        trail: Where its events go.
        context: `$states.context`, without the state.
        around: What the execution has.

    Raises:
        StateError: A state has failed, and nothing has caught it.
    """
    name: str | None = machine["StartAt"]
    while name is not None:
        state = machine["States"][name]
        visit = Visit(name=name, state=state, value=value, scope=scope, trail=trail, context=context, around=around)
        try:
            value, name = yield from _KINDS[state["Type"]](visit)
        except StateError as error:
            visit.failed(error)
            raise
    return value


def _following(holder: Mapping[str, Any]) -> str | None:
    following: str | None = holder.get("Next")
    return following


# -- states that do nothing outside --------------------------------------------------------------------------------


def _pass(visit: Visit) -> Steps:
    yield from ()
    return visit.leave(visit.state, "", visit.input), _following(visit.state)


def _succeed(visit: Visit) -> Steps:
    yield from ()
    return visit.leave(visit.state, "", visit.input), None


def _fail(visit: Visit) -> Steps:
    yield from ()
    bindings = visit.bindings()
    error, cause = (
        typed(visit.state[name], bindings, name, "string") if name in visit.state else None
        for name in ("Error", "Cause")
    )
    raise StateError(error, cause)


def _choice(visit: Visit) -> Steps:
    yield from ()
    bindings = visit.bindings()
    for number, rule in enumerate(visit.state["Choices"]):
        if typed(rule["Condition"], bindings, f"Choices[{number}]/Condition", "boolean"):
            return visit.leave(rule, f"Choices[{number}]/", visit.input), _following(rule)
    if "Default" not in visit.state:
        raise StateError(NO_CHOICE, "No choice rule matched, and there is no Default.", by_interpreter=True)
    return visit.leave(visit.state, "", visit.input), visit.state["Default"]


def _wait(visit: Visit) -> Steps:
    bindings = visit.bindings()
    if "Seconds" in visit.state:
        seconds = typed(visit.state["Seconds"], bindings, "Seconds", "integer")
        if not 0 <= seconds <= _LONGEST:
            raise _unfit("Seconds", f"{seconds} is not from 0 to {_LONGEST}")
        until = visit.around.calls.clock() + seconds
    else:
        text = typed(visit.state["Timestamp"], bindings, "Timestamp", "string")
        at = values.moment(text)
        if at is None:
            raise _unfit("Timestamp", f"'{text}' is no timestamp as RFC 3339 has them")
        until = at
    if until > visit.around.calls.clock():
        yield Until(moment=until)
    return visit.leave(visit.state, "", visit.input), _following(visit.state)


def _unfit(where: str, why: str) -> StateError:
    return StateError(
        QUERY, f"The value of the field '{where}' is not valid: {why}.", by_interpreter=True, location=where
    )


# -- states that may be tried again --------------------------------------------------------------------------------


def _tried(work: Callable[[Visit], Steps], visit: Visit) -> Steps:
    """What may fail, with its retriers and its catchers. Its Output may fail too, and counts as it."""
    retries = retrying.Retries(visit.state.get("Retry", ()))
    while True:
        try:
            result = yield from work(visit)
            return visit.leave(visit.state, "", result, result=result), _following(visit.state)
        except StateError as error:
            visit.failed(error)
            failure = error
        pause = retries.pause(failure)
        if pause is None:
            return _caught(visit, failure)
        visit.retries += 1
        yield Until(moment=visit.around.calls.clock() + pause)


def _caught(visit: Visit, error: StateError) -> tuple[Any, str | None]:
    found = retrying.catcher(visit.state.get("Catch", ()), error)
    if found is None:
        raise error
    number, catcher = found
    told = error.output()
    return visit.leave(catcher, f"Catch[{number}]/", told, errorOutput=told), _following(catcher)


def _parallel(visit: Visit) -> Steps:
    value = (
        filled(visit.state["Arguments"], visit.bindings(), "Arguments") if "Arguments" in visit.state else visit.input
    )
    visit.trail.add("ParallelStateStarted")
    branches = [
        run(
            branch,
            value,
            scope=Scope(visit.scope),
            trail=visit.trail.branch(),
            context=visit.context(),
            around=visit.around,
        )
        for branch in visit.state["Branches"]
    ]
    try:
        results = yield Fork(steps=branches, limit=len(branches))
    except StateError as error:
        visit.trail.add("ParallelStateFailed")
        raise error from None
    visit.trail.add("ParallelStateSucceeded")
    return results


def _map(visit: Visit) -> Steps:
    if (visit.state["ItemProcessor"].get("ProcessorConfig") or {}).get("Mode") == "DISTRIBUTED":
        raise StateError(RUNTIME, "A distributed Map is not executed by this endpoint.", by_interpreter=True)
    bindings = visit.bindings()
    items = filled(visit.state["Items"], bindings, "Items") if "Items" in visit.state else visit.input
    if isinstance(items, dict):
        items = [{"Key": key, "Value": value} for key, value in items.items()]
    if not isinstance(items, list):
        raise _unfit("Items", "it is neither an array nor an object")
    limit = typed(visit.state.get("MaxConcurrency", 0), bindings, "MaxConcurrency", "integer")
    if limit < 0:
        raise _unfit("MaxConcurrency", "it is less than 0")
    visit.trail.add("MapStateStarted", mapStateStartedEventDetails={"length": len(items)})
    try:
        results = yield Fork(steps=_iterations(visit, items), limit=limit or _MAP_CONCURRENCY)
    except StateError as error:
        visit.trail.add("MapStateFailed")
        raise error from None
    visit.trail.add("MapStateSucceeded")
    return results


def _iterations(visit: Visit, items: list[Any]) -> Iterator[Steps]:
    """The iterations, each made when its turn comes."""
    return (_iteration(visit, number, item) for number, item in enumerate(items))


def _iteration(visit: Visit, number: int, item: Any) -> Steps:
    trail = visit.trail.branch()
    details = {"name": visit.name, "index": number}
    trail.add("MapIterationStarted", mapIterationStartedEventDetails=details)
    its = {"Map": {"Item": {"Index": number, "Value": item}}}
    try:
        value = item
        if "ItemSelector" in visit.state:
            value = filled(visit.state["ItemSelector"], visit.bindings(its), "ItemSelector")
        output = yield from run(
            visit.state["ItemProcessor"],
            value,
            scope=Scope(visit.scope),
            trail=trail,
            context=visit.context(**its),
            around=visit.around,
        )
    except StateError:
        trail.add("MapIterationFailed", mapIterationFailedEventDetails=details)
        raise
    trail.add("MapIterationSucceeded", mapIterationSucceededEventDetails=details)
    return output


#: Each ends with the output of the state and the name of the next one.
_KINDS: Final[Mapping[str, Callable[[Visit], Steps]]] = {
    "Choice": _choice,
    "Fail": _fail,
    "Map": partial(_tried, _map),
    "Parallel": partial(_tried, _parallel),
    "Pass": _pass,
    "Succeed": _succeed,
    "Task": partial(_tried, tasks.perform),
    "Wait": _wait,
}
