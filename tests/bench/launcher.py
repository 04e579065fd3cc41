"""Start processes and measure them, one at a time, as told on stdin; run with `python -I -S`.

A process of its own, because Linux counts what the parent held in memory at a child's start as the child's
(`setmax_mm_hiwater_rss` in the kernel's exec): peak memory can only be read off children of a small parent.

In: a line of JSON, {"argv", "env", "cwd", "stdout", "stderr", "limit"}. Out: {"code", "wall", "cpu", "rss"}.
"""

import json
import os
import signal
import sys
import time

OUT = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def measure(order: dict) -> dict:
    """Run one order to its end."""
    os.chdir(order["cwd"])
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, order["stdout"], OUT, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, order["stderr"], OUT, 0o600),
    ]
    argv = order["argv"]
    started = time.perf_counter()
    child = os.posix_spawn(argv[0], argv, order["env"], file_actions=files, setsigdef=[signal.SIGINT])
    # wait4 is resumed after the handler, and then finds the child dead.
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, order["limit"])
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - started
    signal.setitimer(signal.ITIMER_REAL, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "rss": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }


if __name__ == "__main__":
    # Ctrl-C is the bench's matter; the measured process gets its own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(measure(json.loads(line))) + "\n")
        sys.stdout.flush()
