"""Runs what waits most of the time: generators that say until when, a thread that keeps time, a few that work.

A thread for each execution would be a thread for each task that is being waited for; a generator in a heap costs
nothing while it waits.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

#: The clock of the machine may be set, and a machine may sleep: no wait relies on how long it was meant to be.
_LONGEST_WAIT: Final = 30.0
#: A call may be held up on order (`faults`), and must not hold up the others.
_WORKERS: Final = 32
#: Timers that were cancelled stay in the heap until it has twice as many as were left at the last look, or so many.
_SPARE: Final = 1_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Until:
    """Yielded: go on at a moment, in seconds since 1970."""

    moment: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Fork:
    """Yielded: run these at the same time, `limit` of them, and go on with the list of what they return.

    The first one that raises ends the others, and its error is raised where the fork was yielded.
    """

    steps: Iterable[Steps]
    limit: int


Steps = Generator["Until | Fork", Any, Any]


class Timer:
    """Something that is to be done at a moment."""

    __slots__ = ("work",)

    def __init__(self, work: Callable[[], object]) -> None:
        self.work: Callable[[], object] | None = work

    def cancel(self) -> None:
        """Do not do it."""
        self.work = None


class Loop:
    """The time and the threads of all executions. Both start with the first one.

    Args:
        clock: Seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._sweep_at = _SPARE
        self._closed = False
        self._thread: threading.Thread | None = None
        self._pool: ThreadPoolExecutor | None = None

    def soon(self, work: Callable[[], object]) -> None:
        """Do something in another thread; nothing, when the loop is closed."""
        with self._changed:
            if self._closed:
                return
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="states")
            self._pool.submit(_guarded, work)

    def at(self, moment: float, work: Callable[[], object]) -> Timer:
        """Do something in another thread when its time has come."""
        timer = Timer(work)
        with self._changed:
            if len(self._due) >= self._sweep_at:
                self._due = [one for one in self._due if one[2].work is not None]
                heapq.heapify(self._due)
                self._sweep_at = max(_SPARE, 2 * len(self._due))
            heapq.heappush(self._due, (moment, next(self._order), timer))
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="states-time", daemon=True)
                self._thread.start()
            self._changed.notify()
        return timer

    def close(self) -> None:
        """Begin nothing any more, and wait for what is being done."""
        with self._changed:
            self._closed = True
            self._due.clear()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _run(self) -> None:
        while (timer := self._next()) is not None:
            work = timer.work
            if work is not None:
                self.soon(work)

    def _next(self) -> Timer | None:
        """Wait for what is due next; None at the end."""
        with self._changed:
            while not self._closed:
                ahead = self._due[0][0] - self._clock() if self._due else None
                if ahead is not None and ahead <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(None if ahead is None else min(ahead, _LONGEST_WAIT))
        return None


def _guarded(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:  # noqa: BLE001 - a defect in one execution must not be silent, and must not end the others
        _log.exception("Step Functions")


class Strand:
    """A generator that is taken from one wait to the next, by one thread at a time.

    Args:
        loop: Whose threads.
        steps: Yields `Until` and `Fork`.
        ended: Told what it returned, or the error that it raised; not when it was stopped.
    """

    def __init__(self, loop: Loop, steps: Steps, ended: Callable[[Any, Exception | None], object]) -> None:
        self._loop = loop
        self._steps = steps
        self._ended = ended
        self._lock = threading.Lock()
        self._running = False
        self._stopped = False
        self._timer: Timer | None = None
        self._join: _Join | None = None

    def start(self) -> None:
        """Begin, in another thread."""
        self._loop.soon(self._go)

    def stop(self) -> None:
        """End it where it is: at its wait, or after the step that is being done. GeneratorExit is raised in it."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            running, join = self._running, self._join
            if self._timer is not None:
                self._timer.cancel()
        if join is not None:
            join.stop()
        if not running:
            self._steps.close()

    def _go(self) -> None:
        self._step(lambda: next(self._steps))

    def _send(self, value: Any) -> None:
        self._step(lambda: self._steps.send(value))

    def _throw(self, error: Exception) -> None:
        self._step(lambda: self._steps.throw(error))

    def _step(self, advance: Callable[[], Until | Fork]) -> None:
        with self._lock:
            if self._stopped:
                return
            self._running, self._timer, self._join = True, None, None
        try:
            wanted = advance()
        except StopIteration as end:
            self._end(end.value, None)
        except Exception as error:  # noqa: BLE001 - it is what the generator ends with
            self._end(None, error)
        else:
            self._wait(wanted)

    def _end(self, value: Any, error: Exception | None) -> None:
        with self._lock:
            self._running = False
            stopped, self._stopped = self._stopped, True
        if not stopped:
            self._ended(value, error)

    def _wait(self, wanted: Until | Fork) -> None:
        join = _Join(self._loop, wanted, self._send, self._throw) if isinstance(wanted, Fork) else None
        with self._lock:
            self._running = False
            stopped, self._join = self._stopped, join
            if not stopped and isinstance(wanted, Until):
                self._timer = self._loop.at(wanted.moment, self._go)
        if stopped:
            self._steps.close()
        elif join is not None:
            join.start()


class _Join:
    """The strands of a fork."""

    def __init__(
        self, loop: Loop, fork: Fork, done: Callable[[Any], object], failed: Callable[[Exception], object]
    ) -> None:
        self._loop = loop
        self._waiting: Iterator[tuple[int, Steps]] = iter(enumerate(fork.steps))
        self._limit = fork.limit
        self._done = done
        self._failed = failed
        self._lock = threading.Lock()
        self._over = False
        self._running: dict[int, Strand] = {}
        self._results: dict[int, Any] = {}

    def start(self) -> None:
        started = []
        with self._lock:
            while len(self._running) < self._limit and (one := self._next()) is not None:
                started.append(one)
            finished = not self._running
            self._over = self._over or finished
        for strand in started:
            strand.start()
        if finished:
            self._done([])

    def _next(self) -> Strand | None:
        with suppress(StopIteration):
            number, steps = next(self._waiting)
            strand = Strand(self._loop, steps, lambda value, error: self._ended(number, value, error))
            self._running[number] = strand
            return strand
        return None

    def stop(self) -> None:
        with self._lock:
            self._over = True
            running = list(self._running.values())
        for strand in running:
            strand.stop()

    def _ended(self, number: int, value: Any, error: Exception | None) -> None:
        with self._lock:
            if self._over:
                return
            del self._running[number]
            self._results[number] = value
            following = None if error is not None else self._next()
            self._over = error is not None or not self._running
            over = self._over
        if following is not None:
            following.start()
        if error is not None:
            self.stop()
            self._failed(error)
        elif over:
            self._done([self._results[place] for place in sorted(self._results)])
