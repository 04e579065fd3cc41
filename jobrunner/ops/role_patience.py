"""Patience with a role that IAM has only just heard of."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from jobrunner.core.ports import ROLE_NOT_TRUSTED
from jobrunner.errors import AwsRefusedError
from jobrunner.ops.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jobrunner.core.ports import Clock

T = TypeVar("T")

#: IAM is eventually consistent and names no bound ("Troubleshooting IAM", IAM user guide); some ten seconds are usual.
_PATIENCE: Final = timedelta(seconds=30)
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 8.0


class RolePatience:
    """Writes schedules; repeats what is refused because EventBridge Scheduler may not assume the role.

    A role that was created a moment ago, with the stack in `deploy/` for instance, is refused like one of a wrong
    trust policy. The patience is for all writes together: a wrong policy must not cost half a minute a schedule.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: datetime | None = None

    def __call__(self, call: Callable[[], T]) -> T:
        """Give what a call gives.

        Raises:
            AwsError: From the last try; of the role, some 30 seconds after the first refusal.
        """
        pause = _FIRST_PAUSE
        while True:
            try:
                given = patiently(self._clock, call)
            except AwsRefusedError as error:
                if ROLE_NOT_TRUSTED not in error.what.lower():
                    raise
                now = self._clock.now()
                self._until = self._until or now + _PATIENCE
                if now >= self._until:
                    raise
                self._clock.sleep(min(pause, (self._until - now).total_seconds()))
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._until = None
                return given
