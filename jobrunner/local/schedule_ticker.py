"""Fires schedules at their times, each with the retries that its policy allows."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from jobrunner.local.schedule_targets import called

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.schedule_store import Schedule, ScheduleStore
    from jobrunner.local.schedule_targets import Targets

#: The clock of the machine may be set, and a machine may sleep: no wait relies on how long it was meant to be.
_LONGEST_WAIT: Final = 30.0
_LONGEST_PAUSE: Final = 60.0
#: What was deleted or updated stays in the heap until there is more of it than of what is still there.
_SPARE: Final = 100
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Invocation:
    schedule: Schedule
    scheduled: datetime
    attempt: int = 1
    give_up: datetime | None = None  # known with the first attempt


class Ticker:
    """A thread that sleeps until something is due; it starts with the first schedule.

    AWS calls within a minute of the time, or within the flexible window; here it is within milliseconds. What was
    missed while the machine slept is done once, not as often as it was missed.

    Args:
        store: Says whether a schedule is still as it was, and forgets one that is complete.
        targets: Makes the calls.
        clock: Seconds since 1970.
    """

    def __init__(self, store: ScheduleStore, targets: Targets, clock: Callable[[], float]) -> None:
        self._store = store
        self._targets = targets
        self._clock = clock
        self._changed = threading.Condition()
        self._due: list[tuple[datetime, int, _Invocation]] = []
        self._order = itertools.count()
        self._closed = False
        self._thread: threading.Thread | None = None

    def arm(self, schedule: Schedule, after: datetime) -> None:
        """See to the next fire after a moment. One that is due already fires at once.

        So does a one-time schedule that is created after its time: the user guide does not say what AWS does with it,
        users saw it fire. A schedule that is updated is another one: what was armed before does not fire any more.
        """
        moment = schedule.next_fire(after) if schedule.enabled and called(schedule) is not None else None
        if moment is not None:
            self._push(moment, _Invocation(schedule=schedule, scheduled=moment))

    def close(self) -> None:
        """End, after the call that is being made."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def now(self) -> datetime:
        """The time."""
        return datetime.fromtimestamp(self._clock(), UTC)

    def _push(self, due: datetime, invocation: _Invocation) -> None:
        with self._changed:
            if len(self._due) > 2 * len(self._store) + _SPARE:
                self._due = [one for one in self._due if self._store.holds(one[2].schedule)]
                heapq.heapify(self._due)
            heapq.heappush(self._due, (due, next(self._order), invocation))
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
                self._thread.start()
            self._changed.notify()

    # -- in the thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (invocation := self._next()) is not None:
            try:
                self._fire(invocation)
            except Exception:  # noqa: BLE001 - a defect in one call must not end the time of all the others
                _log.exception("schedule %s", invocation.schedule.arn)

    def _next(self) -> _Invocation | None:
        """Wait for what is due next; None at the end."""
        with self._changed:
            while not self._closed:
                wait = (self._due[0][0] - self.now()).total_seconds() if self._due else _LONGEST_WAIT
                if wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(min(wait, _LONGEST_WAIT) if self._due else None)
        return None

    def _fire(self, invocation: _Invocation) -> None:
        schedule, now = invocation.schedule, self.now()
        if not self._store.holds(schedule):
            return
        if invocation.give_up is None:
            self.arm(schedule, now)
            age = timedelta(seconds=schedule.target["RetryPolicy"]["MaximumEventAgeInSeconds"])
            invocation = replace(invocation, give_up=now + age)
        problem = self._targets.invoke(schedule, scheduled=invocation.scheduled, attempt=invocation.attempt)
        if problem is not None and self._retry(invocation, problem):
            return
        if schedule.settings["ActionAfterCompletion"] == "DELETE" and schedule.next_fire(now) is None:
            self._store.complete(schedule)

    def _retry(self, invocation: _Invocation, problem: str) -> bool:
        """See to another attempt, if the policy allows one. The pauses grow as AWS's do; how fast is not documented."""
        schedule, attempt = invocation.schedule, invocation.attempt
        again = self.now() + timedelta(seconds=min(2.0 ** (attempt - 1), _LONGEST_PAUSE))
        allowed = schedule.target["RetryPolicy"]["MaximumRetryAttempts"]
        if attempt > allowed or invocation.give_up is None or again > invocation.give_up:
            _log.warning("schedule %s: given up after attempt %d: %s", schedule.arn, attempt, problem)
            return False
        _log.warning("schedule %s: attempt %d failed: %s", schedule.arn, attempt, problem)
        self._push(again, replace(invocation, attempt=attempt + 1))
        return True
