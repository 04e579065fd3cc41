"""Fires schedules at their times, each with the retries that its policy allows."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from jobrunner.local import schedule_letters
from jobrunner.local.schedule_letters import AGE, ATTEMPTS, DeadLetter
from jobrunner.local.schedule_targets import called

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.schedule_store import Schedule, ScheduleStore
    from jobrunner.local.schedule_targets import Failure, Targets

#: The clock of the machine may be set, and a machine may sleep: no wait relies on how long it was meant to be.
_LONGEST_WAIT: Final = 30.0
_LONGEST_PAUSE: Final = 60.0
#: Seconds of real time that a busy machine may be late without losing a fire; a machine that slept is later than that.
_LATE: Final = 60.0
#: What was deleted or updated stays in the heap until there is more of it than of what is still there.
_SPARE: Final = 100
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Invocation:
    schedule: Schedule
    scheduled: datetime
    due: datetime
    attempt: int = 1
    give_up: datetime | None = None  # known with the first attempt


class Ticker:
    """A thread that sleeps until something is due; it starts with the first schedule.

    AWS calls within a minute of the time, or of a moment in the flexible window; here it is within milliseconds. What
    was missed while the machine slept is done once, not as often as it was missed.

    Args:
        store: Says whether a schedule is still as it was, and forgets one that is complete.
        targets: Makes the calls.
        clock: Seconds since 1970. Everything here goes by it, retries and the age of an event too.
        speed: How many of its seconds pass in a second.
    """

    def __init__(
        self, store: ScheduleStore, targets: Targets, clock: Callable[[], float], *, speed: float = 1.0
    ) -> None:
        self._store = store
        self._targets = targets
        self._clock = clock
        self._speed = speed
        self._changed = threading.Condition()
        self._due: list[tuple[datetime, int, _Invocation]] = []
        self._order = itertools.count()
        self._closed = False
        self._thread: threading.Thread | None = None

    def arm(self, schedule: Schedule, after: datetime) -> None:
        """See to the next scheduled time after a moment. One that is due already fires at once.

        So does a one-time schedule that is created after its time: the user guide does not say what AWS does with it,
        users saw it fire. A schedule that is updated is another one: what was armed before does not fire any more.
        """
        moment = schedule.next_fire(after) if schedule.enabled and called(schedule.target) is not None else None
        if moment is not None:
            self._push(_Invocation(schedule=schedule, scheduled=moment, due=schedule.due(moment)))

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

    def _push(self, invocation: _Invocation) -> None:
        with self._changed:
            if len(self._due) > 2 * len(self._store) + _SPARE:
                self._due = [one for one in self._due if self._store.holds(one[2].schedule)]
                heapq.heapify(self._due)
            heapq.heappush(self._due, (invocation.due, next(self._order), invocation))
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
                ahead = (self._due[0][0] - self.now()).total_seconds() if self._due else math.inf
                wait = ahead / self._speed
                if wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(min(wait, _LONGEST_WAIT) if self._due else None)
        return None

    def _fire(self, invocation: _Invocation) -> None:
        schedule, now = invocation.schedule, self.now()
        if not self._store.holds(schedule):
            return
        if invocation.give_up is None:
            self.arm(schedule, self._done_with(invocation, now))
            age = timedelta(seconds=schedule.target["RetryPolicy"]["MaximumEventAgeInSeconds"])
            invocation = replace(invocation, give_up=now + age)
        failure = self._targets.invoke(schedule, scheduled=invocation.scheduled, attempt=invocation.attempt)
        if failure is not None:
            self._failed(invocation, failure)
        if schedule.settings["ActionAfterCompletion"] == "DELETE" and not self._awaits(schedule):
            self._store.complete(schedule)

    def _done_with(self, invocation: _Invocation, now: datetime) -> datetime:
        """The scheduled time up to which nothing is to be done any more."""
        if now - invocation.due <= timedelta(seconds=_LATE * self._speed):
            return invocation.scheduled
        return max(invocation.scheduled, now - invocation.schedule.delay)

    def _awaits(self, schedule: Schedule) -> bool:
        """Whether a schedule has another fire or another attempt before it."""
        with self._changed:
            return any(one.schedule is schedule for _, _, one in self._due)

    def _failed(self, invocation: _Invocation, failure: Failure) -> None:
        """See to another attempt, if the policy allows one. The pauses grow as AWS's do; how fast is not documented."""
        schedule, attempt = invocation.schedule, invocation.attempt
        again = self.now() + timedelta(seconds=min(2.0 ** (attempt - 1), _LONGEST_PAUSE))
        if attempt > schedule.target["RetryPolicy"]["MaximumRetryAttempts"]:
            self._give_up(invocation, failure, ATTEMPTS)
        elif invocation.give_up is None or again > invocation.give_up:
            self._give_up(invocation, failure, AGE)
        else:
            _log.warning("schedule %s: attempt %d failed: %s", schedule.arn, attempt, failure)
            self._push(replace(invocation, attempt=attempt + 1, due=again))

    def _give_up(self, invocation: _Invocation, failure: Failure, exhausted: str) -> None:
        schedule, attempt = invocation.schedule, invocation.attempt
        letter = DeadLetter(
            schedule=schedule, scheduled=invocation.scheduled, attempt=attempt, failure=failure, exhausted=exhausted
        )
        said = schedule_letters.deliver(letter)
        _log.warning("schedule %s: given up after attempt %d: %s; %s", schedule.arn, attempt, failure, said)
