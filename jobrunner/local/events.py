"""`ECS Task State Change` events, for the targets of EventBridge rules in moto."""

from __future__ import annotations

import datetime as dt
import json
import logging
import queue
import sys
import threading
import uuid
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import local_stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.moto_state import MotoState
    from jobrunner.local.task import Task

_log = logging.getLogger(__name__)

_TIMES: Final = (
    "createdAt",
    "connectivityAt",
    "pullStartedAt",
    "pullStoppedAt",
    "startedAt",
    "stoppingAt",
    "executionStoppedAt",
    "stoppedAt",
)
#: DescribeTasks has them, the events do not (developer guide, "Amazon ECS task state change events").
_NOT_IN_EVENTS: Final = ("healthStatus", "platformFamily")


class TaskEvents:
    """Delivers events from a thread of its own, in order, so that no target can delay a task."""

    def __init__(self, moto: MotoState, clock: Callable[[], float]) -> None:
        self._moto = moto
        self._clock = clock
        self._queue: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._deliver_all, name="events", daemon=True)
        self._thread.start()

    def publish(self, task: Task) -> None:
        """Announce a change of a task. Without a rule anywhere it costs next to nothing."""
        if "moto.events.models" in sys.modules:
            self._queue.put((task.region, task.snapshot))

    def close(self) -> None:
        """Deliver what is waiting, and end."""
        self._queue.put(None)
        self._thread.join()

    def _deliver_all(self) -> None:
        while (item := self._queue.get()) is not None:
            region, snapshot = item
            rules = self._rules(region)
            if not rules:
                continue
            event = self._event(region, json.loads(snapshot))
            for rule in rules:
                try:
                    _send(rule, event)
                except Exception as error:  # noqa: BLE001 - one target's trouble must not cost the others their event
                    _log.warning("rule %s: an event could not be delivered: %r", rule.name, error)

    def _rules(self, region: str) -> list[Any]:
        backends = sys.modules["moto.events.models"].events_backends
        bus = backends[local_stage.ACCOUNT_ID][region].event_buses["default"]
        return [rule for rule in list(bus.rules.values()) if rule.state == "ENABLED" and rule.targets]

    def _event(self, region: str, task: dict[str, Any]) -> dict[str, Any]:
        now = self._clock()
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "ECS Task State Change",
            "source": "aws.ecs",
            "account": local_stage.ACCOUNT_ID,
            "time": now,  # moto makes text of it
            "region": region,
            "resources": [task["taskArn"]],
            "detail": _detail(task, now),
        }


def _send(rule: Any, event: dict[str, Any]) -> None:
    """Give a rule the event. Without a transformer it goes as it is: moto's default template loses the account."""
    if any(target.get("InputTransformer") for target in rule.targets):
        rule.send_to_targets({**event, "ingestion-time": event["time"]})
    else:
        rule.send_to_targets(event, transform_input=False)


def _detail(task: dict[str, Any], now: float) -> dict[str, Any]:
    """The task as the event shows it: ISO times instead of seconds, `updatedAt`, and attachments of type eni."""
    detail = {key: value for key, value in task.items() if key not in _NOT_IN_EVENTS}
    detail |= {key: _iso(task[key]) for key in _TIMES if key in task}
    detail["updatedAt"] = _iso(now)
    detail["attachments"] = [{**attachment, "type": "eni"} for attachment in task["attachments"]]
    detail["containers"] = [
        {key: value for key, value in container.items() if key != "healthStatus"} for container in task["containers"]
    ]
    return detail


def _iso(seconds: float) -> str:
    text = dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
