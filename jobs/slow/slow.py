"""Work for SECONDS, one line of progress a second, and leave cleanly when told to stop.

ECS sends SIGTERM for StopTask, a timeout and a Spot interruption, and SIGKILL `stop_timeout` later. On
SIGTERM this job removes its scratch folder, says so, and exits with 143 (128 + 15), which is what a shell
reports for a process that SIGTERM ended: whoever reads the exit code sees that the work was cut short.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

TERMINATED = 128 + signal.SIGTERM


class Terminated(BaseException):
    """Somebody asked this process to stop. Not an error: no `except Exception` may swallow it."""


def terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    # A second SIGTERM must not interrupt the cleaning up that the first one started.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def work(seconds: int, scratch: Path) -> None:
    """Pretend to compute, and keep the progress where a real job would keep its partial result."""
    begin = time.monotonic()
    for second in range(1, seconds + 1):
        # Until a moment and not for a second, so that the time spent on printing does not add up.
        time.sleep(max(0.0, begin + second - time.monotonic()))
        (scratch / "progress").write_text(str(second), encoding="ascii")
        print(f"slow: {second} of {seconds} seconds done", flush=True)


def whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise SystemExit(f"slow: SECONDS is {text!r}, not a whole number")
    return int(text)


def main() -> int:
    seconds = whole_number(os.environ.get("SECONDS", "20"))
    try:
        signal.signal(signal.SIGTERM, terminate)
        with tempfile.TemporaryDirectory(prefix="slow-") as scratch:
            print(f"slow: {seconds} seconds of work begin", flush=True)
            work(seconds, Path(scratch))
        # The work is done: a SIGTERM from here on is too late to change that.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except Terminated:
        print("slow: SIGTERM: scratch folder removed, work not finished")
        return TERMINATED
    print("slow: finished")
    return 0


if __name__ == "__main__":
    sys.exit(main())
