"""Events of ECS and of Step Functions, for the targets of EventBridge rules."""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
import json
import queue
import threading
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jobrunner.core import local_stage
from jobrunner.local import rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.states.execution import End, Started
    from jobrunner.local.task import Task

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
#: Bytes of input and output, escaped, that an event has room for ("EventBridge payloads", Step Functions guide).
_ROOM: Final = 248 * 1024


class _Item(NamedTuple):
    """A change that is to be announced: when, in which order, and what."""

    due: float
    number: int
    at: float
    event_id: str
    region: str
    told: Callable[[float], dict[str, Any]]


class Events:
    """Delivers events from a thread of its own, in order unless it is told otherwise, so that no target delays a task.

    Args:
        clock: Seconds since 1970.

    Attributes:
        open: Events are kept until it is set: the rules are still to be made.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.open = threading.Event()
        self._rules = rules.Rules()
        self._clock = clock
        self._numbers = itertools.count()
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._deliver_all, name="events", daemon=True)
        self._thread.start()

    def publish(self, task: Task) -> None:
        """Announce a change of a task. Without a rule anywhere it costs next to nothing."""
        if not self._wanted():
            return
        told, region = partial(_task, task.snapshot), task.region
        self._put(region, told, _delays(task) if task.faults else _AT_ONCE)

    def publish_execution(self, started: Started, end: End | None) -> None:
        """Announce that an execution has started, or how it has ended; Express ones announce nothing."""
        if not started.express and self._wanted():
            self._put(started.region, partial(_execution, started, end), _AT_ONCE)

    def _wanted(self) -> bool:
        return rules.some() or not self.open.is_set()

    def _put(self, region: str, told: Callable[[float], dict[str, Any]], delays: Any) -> None:
        now, event_id = self._clock(), str(uuid.uuid4())
        for delay in delays:
            self._queue.put(_Item(now + delay, next(self._numbers), now, event_id, region, told))

    def close(self) -> None:
        """Deliver what is waiting, also what is not due yet, and end."""
        self.open.set()
        self._queue.put(None)
        self._thread.join()

    def _deliver_all(self) -> None:
        self.open.wait()
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
        if not rules.some():
            return
        event = {
            "version": "0",
            "id": item.event_id,
            "account": local_stage.ACCOUNT_ID,
            "time": rules.time_of(item.at),
            "region": item.region,
            **item.told(item.at),
        }
        self._rules.deliver(event, item.at)


def _delays(task: Task) -> list[float]:
    """How late each copy of an event is sent, as somebody ordered."""
    delays = [0.0]
    late, doubled = task.faults.get("late events"), task.faults.get("doubled events")
    if late is not None and late.fault.touches(task.last_status, task.version) and late.strike():
        delays = [late.fault.seconds]
    if doubled is not None and doubled.fault.touches(task.last_status, task.version) and doubled.strike():
        delays.append(delays[0] + doubled.fault.seconds)
    return delays


def _task(snapshot: bytes, now: float) -> dict[str, Any]:
    task = json.loads(snapshot)
    return {
        "detail-type": "ECS Task State Change",
        "source": "aws.ecs",
        "resources": [task["taskArn"]],
        "detail": _detail(task, now),
    }


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


def _execution(started: Started, end: End | None, _now: float) -> dict[str, Any]:
    """As "Events in Step Functions" of the Step Functions developer guide has it."""
    output = None if end is None else end.output
    sizes = [len(json.dumps(text).encode()) for text in (started.input, output) if text is not None]
    with_input, with_output = sum(sizes) <= _ROOM, output is not None and sizes[-1] <= _ROOM
    detail = {
        "executionArn": started.arn,
        "stateMachineArn": started.machine_arn,
        "name": started.name,
        "status": "RUNNING" if end is None else end.status,
        "startDate": _millis(started.at),
        "stopDate": None if end is None else _millis(end.at),
        "input": started.input if with_input else None,
        "inputDetails": {"included": with_input},
        "output": output if with_output else None,
        "outputDetails": None if output is None else {"included": with_output},
        "error": None if end is None else end.error,
        "cause": None if end is None else end.cause,
    }
    return {
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "resources": [started.arn],
        "detail": detail,
    }


def _millis(seconds: float) -> int:
    """Milliseconds of a time as the API tells it, which is to the microsecond."""
    return round(seconds * 1_000_000) // 1000


def _iso(seconds: float) -> str:
    text = dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
