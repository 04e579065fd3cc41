"""Calls for many runs at once: a few threads, one budget for each API, and a hundred tasks a look.

A run that waits for a look costs no call of its own: DescribeTasks takes up to a hundred tasks, so that whoever is
due is asked for together with those that will be due next.
"""

from __future__ import annotations

import queue
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Self

from jobrunner.core.follow import ReadLater, ReadLog
from jobrunner.core.observations import (
    Ask,
    CallFailed,
    ClearDeadline,
    DescribeTask,
    FindTask,
    LaunchTask,
    Observation,
    PageRead,
    SetDeadline,
    StopTask,
    TaskSeen,
)
from jobrunner.errors import AwsError, AwsThrottledError
from jobrunner.ops.perform import perform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from jobrunner.core.budget import Budget
    from jobrunner.core.record import RunRecord
    from jobrunner.ops.ports import Ports

    #: Gives up to so many runs of a cluster, each by its number.
    Company = Callable[[int, str], Iterable[tuple[int, RunRecord]]]

#: "A list of up to 100 task IDs or full ARN entries" (DescribeTasks, API reference).
BATCH = 100
#: Calls under way at once. AWS's rates need few: at 40 ms a call, two threads reach RunTask's 20 a second.
WORKERS = 8

#: After an answer, others are waited for a moment, up to so many: what is learnt together is stored together, and a
#: transaction waits for the disk.
_GATHER_SECONDS = 0.005
_GATHERED = 25

_OPERATIONS = {
    LaunchTask: "RunTask",
    StopTask: "StopTask",
    FindTask: "ListTasks",
    SetDeadline: "CreateSchedule",
    ClearDeadline: "DeleteSchedule",
    ReadLog: "GetLogEvents",
}
_LOOK = "DescribeTasks"


class Asked(NamedTuple):
    """What a run asks for."""

    key: int
    ask: Ask
    record: RunRecord


class _Done(NamedTuple):
    operation: str
    answers: Sequence[tuple[int, Observation]]


class Dispatcher:
    """Makes the calls that runs ask for, within the budget. Used from one thread, which gets all answers.

    Args:
        ports: The outside.
        budget: Shared by all runs of the process.
        workers: Calls under way at once; 0 makes each call where it is sent, for tests on a scripted clock.
    """

    def __init__(self, ports: Ports, budget: Budget, *, workers: int = WORKERS) -> None:
        self._ports = ports
        self._budget = budget
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="jobrunner-calls") if workers else None
        self._waiting: dict[str, deque[Asked]] = {operation: deque() for operation in _OPERATIONS.values()}
        self._looks: dict[int, RunRecord] = {}
        self._done: queue.SimpleQueue[_Done | Exception | None] = queue.SimpleQueue()
        self._under_way = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            # Whoever leaves does not wait for a connection that hangs; what was sent, was sent.
            self._pool.shutdown(wait=False, cancel_futures=True)

    def launching(self) -> int:
        """Give how many launches wait for their turn."""
        return len(self._waiting["RunTask"])

    def put(self, index: int, ask: Ask, record: RunRecord) -> None:
        """Take what a run asks for; `collect` gives the answer some time after `send`."""
        if isinstance(ask, DescribeTask):
            self._looks[index] = record
        else:
            self._waiting[_OPERATIONS[type(ask)]].append(Asked(index, ask, record))

    def withdraw(self, index: int) -> int:
        """Forget what a run asks for and what has not been sent; give how many asks that were."""
        forgotten = int(self._looks.pop(index, None) is not None)
        for operation, waiting in self._waiting.items():
            kept = deque(one for one in waiting if one.key != index)
            forgotten += len(waiting) - len(kept)
            self._waiting[operation] = kept
        return forgotten

    def send(self, now: float, company: Company) -> float | None:
        """Send what the budget allows; give the seconds until more may go, None when nothing waits for that.

        Args:
            now: Seconds, as the budget counts them.
            company: Gives up to so many runs of a cluster that would soon ask for a look, to fill a call.
        """
        waits = [self._send_looks(now, company)]
        waits += [self._send_calls(operation, waiting, now) for operation, waiting in self._waiting.items() if waiting]
        return min((wait for wait in waits if wait is not None), default=None)

    def _send_calls(self, operation: str, waiting: deque[Asked], now: float) -> float | None:
        while waiting and not self._busy:
            wait = self._budget.wait(operation, now)
            if wait > 0:
                return wait
            self._budget.spend(operation, now)
            one = waiting.popleft()
            self._submit(partial(self._answer, operation, one))
        return None  # whatever waits for a thread goes on with the next answer

    def _send_looks(self, now: float, company: Company) -> float | None:
        while self._looks and not self._busy:
            wait = self._budget.wait(_LOOK, now)
            if wait > 0:
                return wait
            # A call is for one cluster, and a key's run stays in the one in which it was started.
            cluster = next(iter(self._looks.values())).cluster
            there = (index for index, record in self._looks.items() if record.cluster == cluster)
            batch = [(index, self._looks.pop(index)) for index in list(islice(there, BATCH))]
            batch += company(BATCH - len(batch), cluster)
            self._budget.spend(_LOOK, now)
            self._submit(partial(self._look, batch))
        return None

    @property
    def _busy(self) -> bool:
        return self._pool is not None and self._under_way >= self._workers

    def _submit(self, call: Callable[[], _Done]) -> None:
        self._under_way += 1
        if self._pool is None:
            self._done.put(call())
        else:
            self._pool.submit(self._made, call)

    def _made(self, call: Callable[[], _Done]) -> None:
        try:
            self._done.put(call())
        except Exception as error:  # noqa: BLE001  raised by `collect`: nobody would wait for this thread's result
            self._done.put(error)

    def _answer(self, operation: str, one: Asked) -> _Done:
        return _Done(operation, [(one.key, perform(self._ports, one.ask, one.record))])

    def _look(self, batch: Sequence[tuple[int, RunRecord]]) -> _Done:
        try:
            arns = [record.task_arn or "" for _, record in batch]
            seen = self._ports.tasks.describe(batch[0][1].cluster, arns)
        except AwsError as error:
            failed = CallFailed(ask=DescribeTask(), error=error)
            return _Done(_LOOK, [(index, failed) for index, _ in batch])
        at = self._ports.clock.now()
        pairs = zip(batch, arns, strict=True)
        return _Done(_LOOK, [(index, TaskSeen(task=seen.get(arn), at=at)) for (index, _), arn in pairs])

    def collect(self, timeout: float) -> list[tuple[int, Observation]]:
        """Give the answers that have come; wait for the first one, or for so many seconds, or for `wake`."""
        answers: list[tuple[int, Observation]] = []
        if self._pool is None and self._done.empty():
            self._ports.clock.sleep(timeout)
            return answers
        done = self._get(timeout)
        while done is not None:
            self._under_way -= 1
            if isinstance(done, Exception):
                raise done
            self._account(done)
            answers += done.answers
            more = self._under_way and len(answers) < _GATHERED
            done = self._get(_GATHER_SECONDS if more else 0.0)
        return answers

    def wake(self) -> None:
        """End a wait in `collect`. May be called from another thread or from a signal handler."""
        self._done.put(None)

    def _get(self, timeout: float) -> _Done | Exception | None:
        try:
            return self._done.get(timeout=timeout) if timeout > 0 else self._done.get_nowait()
        except queue.Empty:
            return None

    def _account(self, done: _Done) -> None:
        now = self._ports.clock.now().timestamp()
        if any(map(_throttled, (answer for _, answer in done.answers))):
            self._budget.throttled(done.operation, now)
        else:
            self._budget.answered(done.operation, now)


def _throttled(answer: Observation) -> bool:
    if isinstance(answer, PageRead):
        return isinstance(answer.answer, ReadLater)
    return isinstance(answer, CallFailed) and isinstance(answer.error, AwsThrottledError)
