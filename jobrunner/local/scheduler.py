"""EventBridge Scheduler, made when somebody first asks for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.scheduler_api import SchedulerApi
    from jobrunner.local.wire import Reply, Request


class Scheduler:
    """Stands for `SchedulerApi`, whose import is a tenth of what the start of an endpoint takes.

    Args:
        call: Answers a request as if a client had sent it: how targets are called.
        clock: Seconds since 1970.
    """

    def __init__(self, call: Callable[[Request], Reply | None], clock: Callable[[], float]) -> None:
        self._call = call
        self._clock = clock
        self._lock = threading.Lock()
        self._api: SchedulerApi | None = None

    def answer(self, request: Request) -> Reply:
        """The reply to a request that is signed for Scheduler."""
        return self._made().answer(request)

    def _made(self) -> SchedulerApi:
        with self._lock:
            if self._api is None:
                from jobrunner.local.scheduler_api import SchedulerApi  # noqa: PLC0415 - see above

                self._api = SchedulerApi(self._call, self._clock)
            return self._api

    def close(self) -> None:
        """Fire nothing any more."""
        with self._lock:
            if self._api is not None:
                self._api.close()
