"""Calls the target of a schedule: universal targets of ECS, StopTask and RunTask, at this endpoint itself."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Final

from jobrunner.local import schedule_input
from jobrunner.local.schedule_expression import BEGINNING
from jobrunner.local.wire import ApiError, DropConnectionError, Request, dumps

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jobrunner.local.schedule_input import Universal
    from jobrunner.local.schedule_store import Schedule
    from jobrunner.local.wire import Reply

_ECS: Final = "AmazonEC2ContainerServiceV20141113."
_CALLED: Final = frozenset(("StopTask", "RunTask"))
_REFUSED: Final = 400


def called(schedule: Schedule) -> Universal | None:
    """The operation that this endpoint calls for a schedule; None for targets that it does not call yet."""
    universal = schedule_input.universal(schedule.target["Arn"])
    if universal is None or universal.service != "ecs" or universal.operation not in _CALLED:
        return None
    return universal


def missing(schedule: Schedule) -> list[str]:
    """What AWS does for a schedule and this endpoint does not, in words."""
    target = schedule.target
    found = []
    if called(schedule) is None:
        found.append(f"the target {target['Arn']} is not called by this endpoint yet")
    if not schedule.expression.fired_here:
        found.append("cron expressions are not fired by this endpoint yet")
    elif schedule.next_fire(BEGINNING) is None:
        found.append("it never fires: the clocks of its zone skip that time")
    if target.get("DeadLetterConfig"):
        found.append("dead letters are not delivered by this endpoint yet")
    return found


class Targets:
    """Makes the calls, one attempt at a time.

    Args:
        call: Answers a request as if a client had sent it, so that whatever is ordered for clients, a throttling for
            instance, meets Scheduler too.
    """

    def __init__(self, call: Callable[[Request], Reply | None]) -> None:
        self._call = call

    def invoke(self, schedule: Schedule, *, scheduled: datetime, attempt: int) -> str | None:
        """Call the target once; None, or what went wrong.

        RunTask's `failures[]` come with HTTP 200: nothing says that AWS would try again, so they are no failure.
        """
        try:
            return self._attempt(schedule, scheduled, attempt)
        except DropConnectionError:
            return "the connection was closed without an answer"
        except ApiError as error:
            return str(error)

    def _attempt(self, schedule: Schedule, scheduled: datetime, attempt: int) -> str | None:
        universal = called(schedule)
        if universal is None:
            raise ValueError(f"nothing calls the target of {schedule.arn}")
        attributes = {
            "schedule-arn": schedule.arn,
            "scheduled-time": f"{scheduled:%Y-%m-%dT%H:%M:%SZ}",
            "execution-id": uuid.uuid4().hex[:16],  # "for each attempted invocation": another one for each attempt
            "attempt-number": str(attempt),
        }
        asked = schedule_input.request(universal, schedule.target.get("Input"), attributes)
        reply = self._call(
            Request(
                method="POST",
                path="/",
                target=_ECS + universal.operation,
                region=schedule.region,
                service="ecs",
                body=dumps(asked),
            )
        )
        return None if reply is not None and reply.status < _REFUSED else _problem(reply)


def _problem(reply: Reply | None) -> str:
    """The error of a reply; an interceptor's may be anything."""
    if reply is None:
        return "nothing answered"
    try:
        document = json.loads(reply.body)
        return f"{document['__type']}: {document['message']}"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {reply.status}"
