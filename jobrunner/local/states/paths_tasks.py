"""Tasks of JSONPath machines: in moto's interpreter, but called as in ours.

moto calls a task whose container has failed a success, knows neither `failures[]` nor most of RunTask's parameters,
leaves a task running when its state has ended, and passes the parameters of SDK integrations on as they are spelled.
`integrations` and `ecs_sync` do it as AWS does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_ecs import (
    StateTaskServiceEcs,
)
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded

from jobrunner.local.states import ecs_sync, integrations
from jobrunner.local.states.errors import RUNTIME, TASK_FAILED, StateError
from jobrunner.local.states.paths_calls import calls_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.states.integrations import Calls
    from jobrunner.local.states.loop import Steps

#: Of moto's errors, those that may begin with `States.`.
_RESERVED: Final = {RUNTIME: StatesErrorNameType.StatesRuntime, TASK_FAILED: StatesErrorNameType.StatesTaskFailed}
#: How often the end of a state is looked for while its task is waited for.
_SLICE: Final = 0.1


class _Called(StateTaskServiceCallback):
    """What these tasks have in common."""

    kind: str

    def _eval_service_task(
        self, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
    ) -> None:
        wanted = integrations.Resource(service=self.resource.api_name, action=self.resource.api_action, kind=self.kind)
        region = resource_runtime_part.region
        steps = integrations.perform(calls_of(state_credentials), wanted, normalised_parameters, region)
        env.stack.append(_returned(steps))

    def _from_error(self, env: Any, ex: Exception) -> Any:
        if not isinstance(ex, StateError):
            return super()._from_error(env=env, ex=ex)
        kind = _RESERVED.get(ex.error or "")
        details = TaskFailedEventDetails(
            resourceType=self._get_sfn_resource_type(),
            resource=self._get_sfn_resource(),
            error=ex.error,
            cause=ex.cause,
        )
        said: Any = {"taskFailedEventDetails": details}
        return FailureEvent(
            env=env,
            error_name=CustomErrorName(error_name=ex.error) if kind is None else StatesErrorName(typ=kind),
            event_type=HistoryEventType.TaskFailed,
            event_details=said,
        )


class SdkTask(_Called, StateTaskServiceAwsSdk):
    """A Task state that calls an operation of a service."""

    kind = "aws-sdk"


class EcsTask(_Called, StateTaskServiceEcs):
    """A Task state that runs an ECS task."""

    kind = "ecs"

    def _get_supported_parameters(self) -> set[str] | None:
        """Nothing is left out without a word: what RunTask does not take fails the call."""
        return set() if self.resource.api_action == "runTask" else None

    def _before_eval_execution(
        self, env: Any, resource_runtime_part: Any, raw_parameters: Any, state_credentials: Any
    ) -> None:
        """As for every task: moto writes a `startedBy` over the one that was asked for, and RunTask refuses it."""
        known = (env, resource_runtime_part, raw_parameters, state_credentials)
        super(StateTaskServiceEcs, self)._before_eval_execution(*known)

    def _build_sync_resolver(
        self, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
    ) -> Callable[[], Any]:
        del normalised_parameters
        calls, started = calls_of(state_credentials), env.stack.pop()
        return lambda: _waited(env, calls, started["Tasks"][0], resource_runtime_part.region)

    def _eval_sync(
        self, env: Any, sync_resolver: Any, timeout_seconds: Any, callback_endpoint: Any, heartbeat_endpoint: Any
    ) -> Any:
        del env, timeout_seconds, callback_endpoint, heartbeat_endpoint
        return sync_resolver()


def _returned(steps: Steps) -> Any:
    """What steps that do not wait end with."""
    try:
        next(steps)
    except StopIteration as end:
        return end.value
    raise AssertionError("a call has waited")


def _waited(env: Any, calls: Calls, task: dict[str, Any], region: str) -> Any:
    """The stopped task; None when the execution has ended before it. Then the task is stopped.

    Raises:
        TimeoutError: The time of the state is over; that is how moto hears of it.
    """
    steps = ecs_sync.wait(calls, task, region, None)
    going = True
    while going:  # once at least: steps that have not begun stop nothing
        try:
            wanted: Any = next(steps)
        except StopIteration as end:
            return end.value
        while (going := env.is_running()) and (ahead := wanted.moment - calls.clock()) > 0:
            env.program_state_event.wait(min(ahead, _SLICE))
    steps.close()
    if isinstance(env.program_state(), ProgramEnded):
        raise TimeoutError
    return None
