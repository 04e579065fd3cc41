"""`clientToken`: the same call again gets the first call's tasks.

Source: developer guide, "Ensuring idempotency" (ECS_Idempotency): the scope is the cluster; a token lives for 24 hours,
or until an hour after its last task stopped, whichever is sooner; other parameters are a ConflictException that names
the tasks.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from jobrunner.local.task import Task
from jobrunner.local.wire import ApiError, dumps

if TYPE_CHECKING:
    from collections.abc import Callable

#: What a call has started; failures may stand beside the tasks.
P = TypeVar("P", bound=Collection[Task])

_TOKEN_SECONDS = 24 * 3600.0
_AFTER_STOP_SECONDS = 3600.0
#: Tokens that have expired are looked for so seldom: a thousand tasks must not mean a thousand looks at a thousand.
_SWEEP_SECONDS = 60.0


@dataclass(kw_only=True)
class _Use(Generic[P]):
    parameters: bytes
    at: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    tasks: P | None = None

    def expired(self, now: float) -> bool:
        if now - self.at > _TOKEN_SECONDS:
            return True
        if not self.tasks or not all(task.finished for task in self.tasks):
            return False
        return now - max(task.times["stoppedAt"] for task in self.tasks) > _AFTER_STOP_SECONDS


class Tokens(Generic[P]):
    """The tokens in use, by cluster. Safe from several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._uses: dict[tuple[str, str], _Use[P]] = {}
        self._swept = clock()

    def once(self, cluster_arn: str, token: str, parameters: dict[str, Any], start: Callable[[], P]) -> P:
        """The tasks of this token: started now if it is new, else the same as before.

        Two calls at the same time are one start: the second waits for the first. A start that is refused leaves
        no trace.

        Raises:
            ApiError: ConflictException, if the token came with other parameters.
        """
        key, wanted = (cluster_arn, token), dumps(_canonical(parameters))
        while True:
            with self._lock:
                use = self._use(key, wanted)
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

    def _first(self, key: tuple[str, str], use: _Use[P], start: Callable[[], P]) -> P:
        try:
            use.tasks = start()
        except BaseException:
            with self._lock:
                del self._uses[key]
            raise
        return use.tasks

    def _use(self, key: tuple[str, str], wanted: bytes) -> _Use[P]:
        now = self._clock()
        if now >= self._swept + _SWEEP_SECONDS:
            self._swept = now
            self._uses = {known: use for known, use in self._uses.items() if not use.expired(now)}
        use = self._uses.get(key)
        if use is None or use.expired(now):
            use = self._uses[key] = _Use(parameters=wanted, at=now)
        return use


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(value[key]) for key in sorted(value)}
    return [_canonical(item) for item in value] if isinstance(value, list) else value
