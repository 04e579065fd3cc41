"""`ECS Task State Change` events, for the targets of EventBridge rules in moto."""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
import json
import logging
import queue
import sys
import threading
import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
_AT_ONCE: Final = (0.0,)
#: DescribeTasks has them, the events do not (developer guide, "Amazon ECS task state change events").
_NOT_IN_EVENTS: Final = ("healthStatus", "platformFamily")


class _Item(NamedTuple):
    """A change of a task that is to be announced: when, in which order, and what."""

    due: float
    number: int
    at: float
    event_id: str
    region: str
    snapshot: bytes


class TaskEvents:
    """Delivers events from a thread of its own, in order unless it is told otherwise, so that no target delays a task.

    Args:
        moto: Has the rules.
        clock: Seconds since 1970.
    """

    def __init__(self, moto: MotoState, clock: Callable[[], float]) -> None:
        self._moto = moto
        self._clock = clock
        self._numbers = itertools.count()
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._deliver_all, name="events", daemon=True)
        self._thread.start()

    def publish(self, task: Task) -> None:
        """Announce a change of a task. Without a rule anywhere it costs next to nothing."""
        if "moto.events.models" not in sys.modules:
            return
        now, event_id = self._clock(), str(uuid.uuid4())
        for delay in _delays(task) if task.faults else _AT_ONCE:
            self._queue.put(_Item(now + delay, next(self._numbers), now, event_id, task.region, task.snapshot))

    def close(self) -> None:
        """Deliver what is waiting, also what is not due yet, and end."""
        self._queue.put(None)
        self._thread.join()

    def _deliver_all(self) -> None:
        late: list[_Item] = []
        while True:
            try:
                item = self._queue.get(timeout=max(0.0, late[0].due - self._clock()) if late else None)
            except queue.Empty:
                self._deliver(heapq.heappop(late))
                continue
            if item is None:
                break
            if item.due > item.at:
                heapq.heappush(late, item)
            else:
                self._deliver(item)
        for item in sorted(late):
            self._deliver(item)

    def _deliver(self, item: _Item) -> None:
        rules = self._rules(item.region)
        if not rules:
            return
        event = self._event(item)
        for rule in rules:
            try:
                _send(rule, event)
            except Exception as error:  # noqa: BLE001 - one target's trouble must not cost the others their event
                _log.warning("rule %s: an event could not be delivered: %r", rule.name, error)

    def _rules(self, region: str) -> list[Any]:
        backends = sys.modules["moto.events.models"].events_backends
        bus = backends[local_stage.ACCOUNT_ID][region].event_buses["default"]
        return [rule for rule in list(bus.rules.values()) if rule.state == "ENABLED" and rule.targets]

    def _event(self, item: _Item) -> dict[str, Any]:
        task = json.loads(item.snapshot)
        return {
            "version": "0",
            "id": item.event_id,
            "detail-type": "ECS Task State Change",
            "source": "aws.ecs",
            "account": local_stage.ACCOUNT_ID,
            "time": item.at,  # moto makes text of it
            "region": item.region,
            "resources": [task["taskArn"]],
            "detail": _detail(task, item.at),
        }


def _delays(task: Task) -> list[float]:
    """How late each copy of an event is sent, as somebody ordered."""
    delays = [0.0]
    late, doubled = task.faults.get("late events"), task.faults.get("doubled events")
    if late is not None and late.fault.touches(task.last_status, task.version) and late.strike():
        delays = [late.fault.seconds]
    if doubled is not None and doubled.fault.touches(task.last_status, task.version) and doubled.strike():
        delays.append(delays[0] + doubled.fault.seconds)
    return delays


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
