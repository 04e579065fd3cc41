"""Calls the target of a schedule, at this endpoint itself.

What is called: ECS's RunTask and Step Functions' StartExecution as templated targets; StopTask, RunTask and
StartExecution as universal ones.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local import schedule_ecs, schedule_input
from jobrunner.local.schedule_expression import BEGINNING, At
from jobrunner.local.wire import ApiError, DropConnectionError, Request, dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from jobrunner.local.schedule_store import Schedule
    from jobrunner.local.wire import Reply

_RUN: Final = "RunTask"
_STOP: Final = "StopTask"
_START: Final = "StartExecution"
#: Of what is called: the service of its signature, and its protocol's header.
_HEADERS: Final = {
    _RUN: ("ecs", "AmazonEC2ContainerServiceV20141113.RunTask"),
    _STOP: ("ecs", "AmazonEC2ContainerServiceV20141113.StopTask"),
    _START: ("states", "AWSStepFunctions.StartExecution"),
}
#: As universal targets: the service by Scheduler's name, the operation, and botocore's name of the service.
_UNIVERSAL: Final = {("ecs", _RUN): "ecs", ("ecs", _STOP): "ecs", ("sfn", _START): "stepfunctions"}
_STATE_MACHINE: Final = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:stateMachine:\S+")
_REFUSED: Final = 400
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An attempt that failed.

    Attributes:
        code: Of the error; None when what came was no error of AWS's.
        message: What it says, or what went wrong.
        execution_id: Of the attempt.
        body: The parameters of the call, or, if it came to none, the Input as it is.
    """

    code: str | None
    message: str
    execution_id: str
    body: str

    def __str__(self) -> str:
        return self.message if self.code is None else f"{self.code}: {self.message}"


def called(target: Mapping[str, Any]) -> str | None:
    """The operation that this endpoint calls for a target; None for targets that it does not call."""
    universal = schedule_input.universal(target["Arn"])
    if universal is not None:
        return universal.operation if (universal.service, universal.operation) in _UNIVERSAL else None
    if _STATE_MACHINE.fullmatch(target["Arn"]):
        return _START
    return _RUN if target.get("EcsParameters") else None


def stops(target: Mapping[str, Any]) -> bool:
    """Whether a target stops a task."""
    return called(target) == _STOP


def missing(schedule: Schedule) -> list[str]:
    """What will not happen as it was meant, in words."""
    target = schedule.target
    found = []
    if called(target) is None:
        found.append(f"the target {target['Arn']} is not called by this endpoint")
    if target.get("EcsParameters"):
        try:
            schedule_input.overrides(target.get("Input"), {})
        except ApiError as error:
            found.append(f"its Input is no TaskOverride, and each call will fail: {error.message}")
    if schedule.next_fire(BEGINNING) is None:
        once = isinstance(schedule.expression, At)
        found.append(f"it never fires: {'the clocks of its zone skip that time' if once else 'there is no such time'}")
    return found


class Targets:
    """Makes the calls, one attempt at a time.

    Args:
        call: Answers a request as if a client had sent it, so that whatever is ordered for clients, a throttling for
            instance, meets Scheduler too.
    """

    def __init__(self, call: Callable[[Request], Reply | None]) -> None:
        self._call = call

    def invoke(self, schedule: Schedule, *, scheduled: datetime, attempt: int) -> Failure | None:
        """Call the target once; None, or what went wrong.

        RunTask's `failures[]` come with HTTP 200: nothing says that AWS would try again, so they are no failure, and
        the log says what was not started.
        """
        execution_id = uuid.uuid4().hex[:16]  # "for each attempted invocation": another one for each attempt
        attributes = {
            "schedule-arn": schedule.arn,
            "scheduled-time": f"{scheduled:%Y-%m-%dT%H:%M:%SZ}",
            "execution-id": execution_id,
            "attempt-number": str(attempt),
        }
        body = schedule.target.get("Input") or "{}"
        code: str | None = None
        try:
            asked = dumps(_asked(schedule, attributes))
            body = asked.decode()
            reply = self._call(_request(schedule, asked))
            if reply is not None and reply.status < _REFUSED:
                _note_failures(schedule, reply)
                return None
            code, message = _error(reply)
        except DropConnectionError:
            message = "the connection was closed without an answer"
        except ApiError as error:
            code, message = error.code, error.message
        return Failure(code=code, message=message, execution_id=execution_id, body=body)


def _asked(schedule: Schedule, attributes: Mapping[str, str]) -> dict[str, Any]:
    target = schedule.target
    universal = schedule_input.universal(target["Arn"])
    if universal is not None:
        known = replace(universal, service=_UNIVERSAL[universal.service, universal.operation])
        return schedule_input.request(known, target.get("Input"), attributes)
    if called(target) == _START:
        return {"stateMachineArn": target["Arn"], "input": schedule_input.filled(target.get("Input"), attributes)}
    return schedule_ecs.request(schedule, attributes)


def _request(schedule: Schedule, body: bytes) -> Request:
    operation = called(schedule.target)
    if operation is None:
        raise ValueError(f"nothing calls the target of {schedule.arn}")
    service, header = _HEADERS[operation]
    return Request(method="POST", path="/", target=header, region=schedule.region, service=service, body=body)


def _error(reply: Reply | None) -> tuple[str | None, str]:
    """The code and the message of a reply; an interceptor's may be anything."""
    if reply is None:
        return None, "nothing answered"
    try:
        document = json.loads(reply.body)
        return str(document["__type"]), str(document["message"])
    except (ValueError, KeyError, TypeError):
        return None, f"HTTP {reply.status}"


def _note_failures(schedule: Schedule, reply: Reply) -> None:
    try:
        reasons = [failure["reason"] for failure in json.loads(reply.body)["failures"]]
    except (ValueError, KeyError, TypeError):
        return  # only RunTask has some, and an interceptor's reply may be anything
    for reason in reasons:
        _log.warning("schedule %s: a task was not started: %s", schedule.arn, reason)
