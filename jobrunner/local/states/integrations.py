"""What a Task does: the `Resource` of a state, called.

Sources: Step Functions developer guide, "Using AWS SDK integrations" and "Run Amazon ECS or Fargate tasks with Step
Functions". What AWS can call and this endpoint cannot, a Lambda function for instance, fails when it is reached.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from jobrunner.local.states import ecs_sync
from jobrunner.local.states.errors import RUNTIME, TIMEOUT, StateError
from jobrunner.local.states.sdk import CallError, operation_model, sdk_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.states.loop import Steps
    from jobrunner.local.states.sdk import Services

_SDK: Final = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]*:\d*:aws-sdk:([a-z0-9]+):([A-Za-z0-9]+)")
_ECS: Final = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]*:\d*:ecs:(runTask)(\.sync)?")
#: What AWS has besides: other services, activities, callbacks, functions.
_OTHERS: Final = re.compile(r"arn:aws[a-z-]*:(states|lambda):[a-z0-9-]*:\d*:\S+")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A `Resource` that this endpoint calls.

    Attributes:
        service: As Step Functions names it: `ecs`.
        action: With a small letter: `runTask`.
        kind: `aws-sdk`, or `ecs` for the optimized integration.
        sync: Whether the state waits for the task's end.
    """

    service: str
    action: str
    kind: str
    sync: bool = False

    @property
    def in_history(self) -> dict[str, str]:
        """How events name it."""
        if self.kind == "aws-sdk":
            return {"resourceType": f"aws-sdk:{self.service}", "resource": self.action}
        return {"resourceType": "ecs", "resource": self.action + (".sync" if self.sync else "")}


def resource(arn: str) -> Resource | None:
    """The resource of an ARN; None when this endpoint does not call it."""
    if match := _SDK.fullmatch(arn):
        return Resource(service=match[1], action=match[2], kind="aws-sdk")
    if match := _ECS.fullmatch(arn):
        return Resource(service="ecs", action=match[1], kind="ecs", sync=match[2] is not None)
    return None


def is_known(arn: str) -> bool:
    """Whether AWS may take an ARN as a Resource; of the SDK's, only operations that there are."""
    found = resource(arn)
    if found is None:
        return bool(_OTHERS.fullmatch(arn)) and ":aws-sdk:" not in arn
    return found.action[:1].islower() and operation_model(found.service, found.action) is not None


class Containers(Protocol):
    """Which containers of a task definition are essential."""

    def __call__(self, region: str, definition: str) -> set[str] | None:
        """Their names; None when the definition is not known any more."""


@dataclass(frozen=True, kw_only=True)
class Calls:
    """How tasks reach the services.

    Attributes:
        services: Of this endpoint.
        clock: Seconds since 1970.
        essential: Which containers of a task count.
    """

    services: Services
    clock: Callable[[], float]
    essential: Containers


def perform(
    calls: Calls,
    wanted: Resource,
    asked: Any,
    region: str,
    *,
    deadline: float | None = None,
    submitted: Callable[[Any], object] = lambda _: None,
) -> Steps:
    """Steps that end with the result of a task.

    Args:
        calls: How services are reached.
        wanted: What to call.
        asked: Its Arguments.
        region: Of the state machine.
        deadline: When TimeoutSeconds are over, in seconds since 1970.
        submitted: Told the answer of a call after which the state goes on waiting.

    Raises:
        StateError: It failed, or its time was over.
    """
    model = operation_model(wanted.service, wanted.action)
    if model is None:
        raise StateError(RUNTIME, f"There is no {wanted.service}:{wanted.action}.", by_interpreter=True)
    try:
        result = calls.services.call(model, asked, region)
    except CallError as failure:
        raise (sdk_error(wanted.service, failure) if wanted.kind == "aws-sdk" else _ecs_error(failure)) from failure
    if wanted.kind == "ecs":
        ecs_sync.check_started(result)
    if wanted.sync:
        submitted(result)
        result = yield from ecs_sync.wait(calls, result["Tasks"][0], region, deadline)
    elif deadline is not None and calls.clock() > deadline:
        raise StateError(TIMEOUT)
    return result


def _ecs_error(failure: CallError) -> StateError:
    """What the optimized integration makes of it: it names exceptions as the first SDK for Java does."""
    if failure.code is None:
        return StateError("ECS.SdkClientException", failure.message)
    code = f"{failure.code.removesuffix('Exception')}Exception" if failure.modelled else "AmazonECSException"
    said = (
        f"{failure.message} (Service: AmazonECS; Status Code: {failure.status}; Error Code: {failure.code}; "
        f"Request ID: {uuid.uuid4()}; Proxy: null)"
    )
    return StateError(f"ECS.{code}", said)
