"""Many calls at once, for what is read before something is decided."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")

#: Calls under way at once: as many connections as botocore keeps open to one service. At 40 ms a call that is 250 calls
#: a second, which EventBridge Scheduler allows everywhere for its schedules (Scheduler user guide, "Quotas").
THREADS: Final = 10


def in_order(call: Callable[[T], R], items: Iterable[T], *, threads: int = THREADS) -> list[R]:
    """Call for every item, several at once, and give the results in the order of the items.

    The first error ends it: nothing more is begun, what is under way is waited for, and the error is raised. What is
    raised in this thread meanwhile, by Ctrl-C for instance, passes at once; what is under way then ends by itself.

    Args:
        call: Safe to call from several threads.
        items: What to call it with.
        threads: At most so many; with one, everything happens in this thread.
    """
    todo = list(items)
    if threads <= 1 or len(todo) <= 1:
        return [call(item) for item in todo]
    waiting: queue.SimpleQueue[tuple[int, T]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, R] | BaseException] = queue.SimpleQueue()
    over = threading.Event()
    for numbered in enumerate(todo):
        waiting.put(numbered)

    def work() -> None:
        while not over.is_set():
            try:
                number, item = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, call(item)))
            except BaseException as error:  # noqa: BLE001  raised again by who waits for the results
                over.set()
                done.put(error)

    # Daemons: a process that is told to leave does not wait for answers that nobody wants any more.
    workers = [
        threading.Thread(target=work, name="jobrunner-parallel", daemon=True) for _ in range(min(threads, len(todo)))
    ]
    try:
        for worker in workers:
            worker.start()
        return _collected(done, len(todo), workers)
    finally:
        over.set()


def _collected(
    done: queue.SimpleQueue[tuple[int, R] | BaseException],
    count: int,
    workers: Iterable[threading.Thread],
) -> list[R]:
    found: dict[int, R] = {}
    while len(found) < count:
        one = done.get()
        if isinstance(one, BaseException):
            for worker in workers:
                worker.join()
            raise one
        number, result = one
        found[number] = result
    return [found[number] for number in range(count)]
