"""Orphans below this process: what is left of containers when somebody kills their supervisor.

Only a process that is an endpoint and nothing else adopts orphans; a library must not change whose children its
program's grandchildren become.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from typing import Final

from jobrunner.local.supervise import PR_SET_CHILD_SUBREAPER, children_of, kill

_adopting: Final[set[int]] = set()


def adopt() -> None:
    """From now on orphans below this process become its children, instead of process 1's. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        _adopting.add(os.getpid())


def kill_adopted() -> None:
    """Kill every child, and theirs. Does nothing in a process that did not `adopt()`."""
    if os.getpid() not in _adopting:
        return
    while orphans := children_of(os.getpid()):
        for pid in orphans:
            kill(pid)
        for pid in orphans:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
