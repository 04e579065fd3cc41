"""`clientToken`: the same call again gets the first call's tasks.

Source: developer guide, "Ensuring idempotency" (ECS_Idempotency): the scope is the cluster; a token lives for 24 hours,
or until an hour after its last task stopped, whichever is sooner; other parameters are a ConflictException that names
the tasks.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jobrunner.local.wire import ApiError, dumps

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.task import Task

_TOKEN_SECONDS = 24 * 3600.0
_AFTER_STOP_SECONDS = 3600.0


@dataclass(kw_only=True)
class _Use:
    parameters: bytes
    at: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    tasks: list[Task] | None = None

    def expired(self, now: float) -> bool:
        if now - self.at > _TOKEN_SECONDS:
            return True
        if not self.tasks or not all(task.finished for task in self.tasks):
            return False
        return now - max(task.times["stoppedAt"] for task in self.tasks) > _AFTER_STOP_SECONDS


class Tokens:
    """The tokens in use, by cluster. Safe from several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._uses: dict[tuple[str, str], _Use] = {}

    def once(
        self, cluster_arn: str, token: str, parameters: dict[str, Any], start: Callable[[], list[Task]]
    ) -> list[Task]:
        """The tasks of this token: started now if it is new, else the same as before.

        Two calls at the same time are one start: the second waits for the first. A start that is refused leaves
        no trace.

        Raises:
            ApiError: ConflictException, if the token came with other parameters.
        """
        key, wanted = (cluster_arn, token), dumps(_canonical(parameters))
        while True:
            with self._lock:
                self._forget()
                use = self._uses.setdefault(key, _Use(parameters=wanted, at=self._clock()))
            with use.lock:
                if self._uses.get(key) is not use:
                    continue  # the call that was first has been refused meanwhile
                if use.tasks is None:
                    return self._first(key, use, start)
                if use.parameters != wanted:
                    raise ApiError(
                        "ConflictException",
                        "The clientToken has been used with different parameters.",
                        resourceIds=[task.arn for task in use.tasks],
                    )
                return use.tasks

    def _first(self, key: tuple[str, str], use: _Use, start: Callable[[], list[Task]]) -> list[Task]:
        try:
            use.tasks = start()
        except BaseException:
            with self._lock:
                del self._uses[key]
            raise
        return use.tasks

    def _forget(self) -> None:
        now = self._clock()
        for key in [key for key, use in self._uses.items() if use.expired(now)]:
            del self._uses[key]


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(value[key]) for key in sorted(value)}
    return [_canonical(item) for item in value] if isinstance(value, list) else value
