"""EventBridge Scheduler, made when somebody first asks for it."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Final

from jobrunner.core.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.scheduler_api import SchedulerApi
    from jobrunner.local.wire import Reply, Request


#: A day in a second.
MAX_SPEED: Final = 86_400
#: "1970-2199", the years that cron() knows ("Schedule types").
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2198


def check_speed(speed: float) -> float:
    """A speed that a clock can have.

    Raises:
        ValueError: It is slower than time, or faster than a day in a second.
    """
    if not 1 <= speed <= MAX_SPEED:
        raise ValueError(f"a speed is a number from 1 to {MAX_SPEED}, not {speed:g}")
    return speed


def read_speed(text: str) -> float:
    """A speed that somebody has written.

    Raises:
        ValueError: It is none.
    """
    try:
        speed = float(text)
    except ValueError:
        raise ValueError(f"a speed is a number from 1 to {MAX_SPEED}, not {quoted(text)}") from None
    return check_speed(speed)


def read_begin(text: str) -> datetime:
    """A time that somebody has written, at which Scheduler's clock is to begin.

    Raises:
        ValueError: It is none of ISO 8601 with an offset, or of a year that schedules do not know.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{quoted(text)} is not a time of ISO 8601") from None
    if moment.tzinfo is None:
        raise ValueError(f"{quoted(text)} does not say of which time zone it is; Z is UTC")
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"{quoted(text)} is out of range: the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment


class Scheduler:
    """Stands for `SchedulerApi`, whose import is a tenth of what the start of an endpoint takes.

    Args:
        call: Answers a request as if a client had sent it: how targets are called.
        clock: Seconds since 1970.
        speed: How many times faster than that Scheduler's own clock is, from then on.
        begins: What Scheduler's own clock shows at first; None for the time.
    """

    def __init__(
        self,
        call: Callable[[Request], Reply | None],
        clock: Callable[[], float],
        speed: float = 1.0,
        begins: datetime | None = None,
    ) -> None:
        self._begins = None if begins is None else begins.timestamp()
        self._call = call
        self._clock = clock
        self._speed = check_speed(speed)
        self._lock = threading.Lock()
        self._api: SchedulerApi | None = None

    def answer(self, request: Request) -> Reply:
        """The reply to a request that is signed for Scheduler."""
        return self._made().answer(request)

    def _made(self) -> SchedulerApi:
        with self._lock:
            if self._api is None:
                from jobrunner.local.scheduler_api import SchedulerApi  # noqa: PLC0415 - see above

                self._api = SchedulerApi(self._call, self._clock, self._speed, self._begins)
            return self._api

    def close(self) -> None:
        """Fire nothing any more."""
        with self._lock:
            if self._api is not None:
                self._api.close()
