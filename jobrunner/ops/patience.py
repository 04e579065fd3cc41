"""Patience with the calls that find or prepare a run: they are made again while AWS throttles them.

Whoever follows a run has patience of its own (`core.launching`, `core.watch`), and says so meanwhile. What is asked
before there is a run would otherwise fail the command: botocore tries a call three times, and once if ECS says
"later" under a code that says "never", as RegisterTaskDefinition does when two machines register one family.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from jobrunner.errors import AwsThrottledError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.core.ports import Clock

T = TypeVar("T")

#: Seconds before each further try; some fifteen in all, in which Ctrl-C is not heard.
_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)


def patiently(clock: Clock, call: Callable[[], T]) -> T:
    """Give what a call gives, making it again while AWS throttles it or fails on its side.

    Args:
        clock: Waits.
        call: Does no harm when it is made twice.

    Raises:
        AwsThrottledError: From the last try, some 15 seconds after the first.
    """
    for pause in _PAUSES:
        try:
            return call()
        except AwsThrottledError:
            clock.sleep(pause)
    return call()
