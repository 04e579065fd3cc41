"""`ecs:runTask.sync`: the end of a task is the end of the state.

Sources: Step Functions developer guide, "Run Amazon ECS or Fargate tasks with Step Functions", and "Error handling":
failures of RunTask are AmazonECS.Unknown, an essential container that does not exit with 0 is States.TaskFailed with
the task as its cause, and a state that is ended otherwise stops its task, best effort.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.states.errors import TASK_FAILED, TIMEOUT, StateError
from jobrunner.local.states.loop import Until
from jobrunner.local.states.sdk import CallError, operation_model
from jobrunner.local.states.values import moment, written

if TYPE_CHECKING:
    from jobrunner.local.states.integrations import Calls
    from jobrunner.local.states.loop import Steps

_FIRST_LOOK: Final = 0.1
_LONGEST_PAUSE: Final = 1.0
_SLOWER: Final = 1.3


def check_started(result: dict[str, Any]) -> None:
    """See that RunTask has started something.

    Raises:
        StateError: AmazonECS.Unknown, with the failures as its cause.
    """
    if result.get("Failures"):
        raise StateError("AmazonECS.Unknown", written(result["Failures"]))


def wait(calls: Calls, task: dict[str, Any], region: str, deadline: float | None) -> Steps:
    """Steps that end with the stopped task. The task is stopped if the state ends before it does.

    AWS learns of the end by an event; here the task is looked at, first after a tenth of a second and then less often.

    Raises:
        StateError: The task failed, or the time of the state is over.
    """
    pause = _FIRST_LOOK
    try:
        while (seen := _look(calls, task, region)) is None:
            now = calls.clock()
            if deadline is not None and now >= deadline:
                raise StateError(TIMEOUT)  # noqa: TRY301 - the task is stopped below, as for every other end
            yield Until(moment=now + pause if deadline is None else min(now + pause, deadline))
            pause = min(pause * _SLOWER, _LONGEST_PAUSE)
    except (GeneratorExit, StateError):
        _stop(calls, task, region)
        raise
    shown = as_event(seen)
    if not _succeeded(calls, seen, region):
        raise StateError(TASK_FAILED, written(shown))
    return shown


def _look(calls: Calls, task: dict[str, Any], region: str) -> dict[str, Any] | None:
    """The task if it is STOPPED. What cannot be seen is looked for again: AWS is told and does not ask."""
    asked = {"Cluster": task["ClusterArn"], "Tasks": [task["TaskArn"]]}
    with suppress(CallError):
        found = _call(calls, "describeTasks", asked, region).get("Tasks") or [{}]
        return found[0] if found[0].get("LastStatus") == "STOPPED" else None
    return None


def _stop(calls: Calls, task: dict[str, Any], region: str) -> None:
    asked = {
        "Cluster": task["ClusterArn"],
        "Task": task["TaskArn"],
        "Reason": "The state of Step Functions that waited for it has ended",
    }
    with suppress(CallError):
        _call(calls, "stopTask", asked, region)


def _call(calls: Calls, action: str, asked: dict[str, Any], region: str) -> dict[str, Any]:
    model = operation_model("ecs", action)
    assert model is not None, action  # noqa: S101 - botocore has ECS
    return calls.services.call(model, asked, region)


def as_event(task: dict[str, Any]) -> dict[str, Any]:
    """A task as this integration shows it: with moments in milliseconds since 1970, as public examples have them."""
    return {name: _millis(name, value) for name, value in task.items()}


def _millis(name: str, value: Any) -> Any:
    at = moment(value) if name.endswith("At") else None
    return value if at is None else round(at * 1000)


def _succeeded(calls: Calls, task: dict[str, Any], region: str) -> bool:
    """Whether every essential container has exited with 0; without a definition, whether every container has."""
    containers = task.get("Containers") or []
    essential = calls.essential(region, task["TaskDefinitionArn"])
    counted = [one for one in containers if essential is None or one.get("Name") in essential]
    return bool(counted) and all(one.get("ExitCode") == 0 for one in counted)
