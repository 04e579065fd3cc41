"""How often AWS may be called: a budget for each operation, kept below what AWS allows a whole account.

Every quota is a bucket of tokens: a call takes one, time fills it again. The fill rate follows AWS: a throttled
call halves it and stops the operation for a back-off, answers give it back (additive increase, multiplicative
decrease, as TCP does). Nothing is random here: jitter keeps many callers from coming back at once, and these are
one caller, however many runs it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final

from jobrunner.core.frozen import FrozenDict

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What is used of a quota. It is the whole account's in a region, and others are in it: schedules and services
#: that start tasks, the console, deployments, another jobrunner. A fifth keeps us from being who throttles them.
SHARE: Final = 0.8

#: The back-off after a throttled call; doubled by each that follows without an answer between, up to the longest.
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0

#: The least part of its rate that an operation keeps, however often it is throttled.
LEAST_PART: Final = 1 / 16

#: When a back-off is over, an operation that is answered has its whole rate again after so long.
RECOVERY_SECONDS: Final = 30.0

#: A wait is never shorter: a clock that counts in microseconds must see it pass.
_LEAST_WAIT: Final = 0.001


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A bucket of tokens: in any window of `w` seconds at most `burst + per_second * w` calls.

    Attributes:
        burst: Calls that may go at once when none has gone for a while, at least 1.
        per_second: Calls a second that may go for ever.
    """

    burst: int
    per_second: float

    def __post_init__(self) -> None:
        if self.burst < 1 or not 0 < self.per_second < inf:
            raise ValueError(f"{self} allows nothing, or everything")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The rates of operations by their API names, such as `RunTask`; an operation without one is not limited."""

    rates: Mapping[str, Rate]


#: For an endpoint that has no quotas. A throttled call (a fault on order) is still backed off from.
UNLIMITED: Final = Limits(rates=FrozenDict())


def aws_limits(region: str) -> Limits:
    """Give the default quotas of an account in a region, less the margin for others.

    A raised quota is not known here; a lowered one is found by being throttled.
    """
    each_second = {
        **_LOGS,
        **_SCHEDULER,
        "GetLogEvents": _GET_LOG_EVENTS.get(region, 25),
        "FilterLogEvents": _FILTER_LOG_EVENTS.get(region, 10),
    }
    buckets = {name: _margin(burst, refill) for name, (burst, refill) in _ECS.items()}
    return Limits(rates=FrozenDict(buckets | {name: _within_each_second(quota) for name, quota in each_second.items()}))


def _margin(burst: int, per_second: float) -> Rate:
    return Rate(burst=max(1, int(burst * SHARE)), per_second=per_second * SHARE)


def _within_each_second(quota: int) -> Rate:
    """Give the bucket for a quota of calls a second that is not said to be one.

    It may be counted by the second, so what a full bucket lets go and what fills it meanwhile fit in it together.
    """
    allowed = int(quota * SHARE)
    burst = max(1, allowed // 4)
    return Rate(burst=burst, per_second=float(allowed - burst))


#: Bucket size and refill a second ("Request throttling for the Amazon ECS API"). Of RunTask it is the smallest of
#: three: the API's 100 and 40, the task launch rate's 100 and 20, and Fargate's own 20 and 20 for calls of RunTask
#: ("AWS Fargate throttling quotas").
_ECS: Final = {
    "RunTask": (20, 20.0),
    "StopTask": (100, 40.0),
    "DescribeTasks": (100, 20.0),
    "ListTasks": (100, 20.0),
    "RegisterTaskDefinition": (20, 1.0),
    "DeregisterTaskDefinition": (20, 1.0),
    "DescribeTaskDefinition": (50, 20.0),
    "ListTaskDefinitions": (50, 20.0),
}

#: Calls a second ("CloudWatch Logs quotas"); where a region is not named, AWS's number for all others holds.
_GET_LOG_EVENTS: Final = {
    **dict.fromkeys(
        ("us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-3", "ap-southeast-3", "ca-west-1", "il-central-1"), 10
    ),
    "eu-west-3": 30,
}
_FILTER_LOG_EVENTS: Final = {
    **dict.fromkeys(("ap-northeast-3", "ap-southeast-3", "ca-west-1", "eu-central-1", "il-central-1"), 5),
    "us-east-1": 25,
}
_LOGS: Final = {"DescribeLogStreams": 25, "DescribeLogGroups": 10, "CreateLogGroup": 10, "PutRetentionPolicy": 5}

#: Calls a second ("Quotas for Amazon EventBridge Scheduler"). Some regions allow twenty times as many schedules a
#: second; a project has some hundreds of them.
_SCHEDULER: Final = {
    **dict.fromkeys(("CreateSchedule", "UpdateSchedule", "DeleteSchedule", "GetSchedule"), 250),
    "ListSchedules": 50,
    **dict.fromkeys(("CreateScheduleGroup", "GetScheduleGroup", "DeleteScheduleGroup"), 10),
}


class Budget:
    """What may be called when, for all runs of a process together. Not safe from several threads.

    `now` is in seconds from any beginning, the same for all calls. It may jump either way, as a computer's clock
    does: time that seems to run backwards counts as none.

    Whoever waits as `wait` says never calls more often than the limits allow, over any window, and never waits
    longer than `LONGEST_PAUSE_SECONDS` or, if that is longer, `1 / (LEAST_PART * per_second)` seconds.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._paces: dict[str, _Pace] = {}

    def wait(self, operation: str, now: float) -> float:
        """Give the seconds until one more call may go, 0.0 if it may go now; ask again when they have passed."""
        return self._pace(operation, now).wait()

    def spend(self, operation: str, now: float) -> None:
        """Count a call that goes now. One that could not wait is counted too, and those after it wait for longer."""
        self._pace(operation, now).spend()

    def throttled(self, operation: str, now: float) -> None:
        """Take note that AWS has throttled a call: nothing goes for a while, and then at half the rate."""
        self._pace(operation, now).throttled()

    def answered(self, operation: str, now: float) -> None:
        """Take note that AWS has answered a call, whatever it said: some of the rate is given back."""
        self._pace(operation, now).answered()

    def slowed(self, operation: str, now: float) -> bool:
        """Tell whether AWS has throttled the operation, and its rate has not been given back yet."""
        return self._pace(operation, now).slowed

    def _pace(self, operation: str, now: float) -> _Pace:
        pace = self._paces.get(operation)
        if pace is None:
            pace = self._paces[operation] = _Pace(self._limits.rates.get(operation), now)
        pace.advance(now)
        return pace


class _Pace:
    """The bucket of one operation, what fills it, and its back-off.

    Only durations are kept, and no moment but the last one: a clock that is set back by an hour must not make
    anybody wait for an hour.
    """

    def __init__(self, limit: Rate | None, now: float) -> None:
        self._limit = limit
        self._now = now
        self._tokens = 0.0 if limit is None else float(limit.burst)
        self._part = 1.0  # of the limit's rate
        self._backoff = 0.0  # how long the last pause was; 0 when a call has been answered since
        self._pause = 0.0  # how much of it is left
        self._unthrottled = 0.0  # seconds since it was over for which no rate has been given back yet

    def advance(self, now: float) -> None:
        passed = max(0.0, now - self._now)
        self._now = now
        self._unthrottled += max(0.0, passed - self._pause)
        self._pause = max(0.0, self._pause - passed)
        if self._limit is not None:
            # A bucket that is filled slowly is also a small one, or the end of a pause would be the next burst.
            size = max(1.0, self._limit.burst * self._part)
            self._tokens = min(size, self._tokens + passed * self._limit.per_second * self._part)

    def wait(self) -> float:
        filled = 0.0
        if self._limit is not None:
            filled = (1.0 - self._tokens) / (self._limit.per_second * self._part)
        longest = max(self._pause, filled)
        return max(longest, _LEAST_WAIT) if longest > 0.0 else 0.0

    def spend(self) -> None:
        if self._limit is not None:
            self._tokens -= 1.0

    def throttled(self) -> None:
        if self._pause:
            return  # it was on its way when the first was throttled, and says nothing new
        self._backoff = min(LONGEST_PAUSE_SECONDS, self._backoff * 2 or FIRST_PAUSE_SECONDS)
        self._pause = self._backoff
        self._part = max(LEAST_PART, self._part / 2)
        self._tokens = min(0.0, self._tokens)  # AWS's own bucket is empty
        self._unthrottled = 0.0

    def answered(self) -> None:
        if self._pause:
            return  # as above
        self._backoff = 0.0
        self._part = min(1.0, self._part + self._unthrottled / RECOVERY_SECONDS)
        self._unthrottled = 0.0

    @property
    def slowed(self) -> bool:
        return self._part < 1.0
