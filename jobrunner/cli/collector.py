"""When Python's garbage collector runs in this process.

A command's start-up makes some 100,000 objects (modules, models, clients) and hardly any garbage. The collector
looks at all of them again and again, and once more at the end: a quarter of the CPU time of a short run. So it
rests during start-up, what start-up made is set aside, and the end collects nothing. Only the console script does
this to its own process; the library leaves the collector alone.
"""

from __future__ import annotations

import gc

_resting = False


def rest() -> None:
    """Let the collector rest until `work()`."""
    global _resting  # noqa: PLW0603  a process has one collector
    _resting = True
    gc.disable()


def work() -> None:
    """Start-up is over: from here on a command may run for days, and its garbage is collected."""
    if _resting:
        gc.freeze()
        gc.enable()


def end() -> None:
    """Leave nothing for the interpreter's last collection to look at."""
    if _resting:
        gc.freeze()
