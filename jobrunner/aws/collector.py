"""Pausing Python's cyclic garbage collector where it only looks at what stays, or goes by itself."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the collector for some milliseconds, in the whole process; it runs afterwards as it did before.

    Threads that pause it at once may end each other's pause early, which costs time and nothing else.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
