"""Deliver what is told: beside everything else, in a few threads, with a few tries, for a bounded time."""

from __future__ import annotations

import queue
import threading
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from jobrunner.core.notice import Message, Ping, Undelivered
from jobrunner.errors import AwsError, AwsRefusedError, JobrunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobrunner.ops.ports import Ports

    Notice = Ping | Message
    Work = Callable[[], None]

#: Seconds before each further try. A try takes five at most.
PAUSES: Final = (1.0, 2.0)
#: How long `close` waits: for all tries of one notice.
CLOSE_SECONDS: Final = 20.0
#: What is told of one run stays in its order; of several, so many are told at once.
LANES: Final = 4


class Delivery:
    """Does what there is to tell; nothing that goes wrong with it is raised.

    Args:
        ports: The outside.
        threaded: Whether it is done in threads; without, at once, on a scripted clock.
        close_seconds: How long `close` waits.
    """

    def __init__(self, ports: Ports, *, threaded: bool = True, close_seconds: float = CLOSE_SECONDS) -> None:
        self._ports = ports
        self._close_seconds = close_seconds
        self._lanes = [_Lane() for _ in range(LANES)] if threaded else []
        self._lock = threading.Lock()
        self._closed = False
        self._weary: set[str] = set()
        self._troubles: dict[str, int] = {}

    @property
    def troubles(self) -> Sequence[str]:
        """What went wrong; complete after `close`."""
        with self._lock:
            return [f"{said}, and {more} more" if more else said for said, more in self._troubles.items()]

    def put(self, run_id: str, work: Work) -> None:
        """Do something, after all that is to be done for the same run. Returns at once where there are threads."""

        def safely() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001  telling never fails a run; what happened is said instead
                # Its own text may quote what must not be shown.
                said = error.what if isinstance(error, JobrunnerError) else type(error).__name__
                self.trouble(f"somebody was not told: {said}")

        if self._lanes:
            self._lanes[zlib.crc32(run_id.encode()) % LANES].put(safely)
        else:
            safely()

    def send(self, notice: Notice, *, run_id: str, event: str) -> bool:
        """Send a notice, again where that makes sense, and note it; tell whether it has arrived."""
        about = {"run_id": run_id, "event": event, "to": notice.target}
        trouble = self._sent(notice)
        # Of a service that was down for one notice, the next ones are not as patient.
        for pause in () if notice.target in self._weary else PAUSES:
            if trouble is None or not trouble.passing:
                break
            self._ports.clock.sleep(pause)
            trouble = self._sent(notice)
        if trouble is None:
            self._weary.discard(notice.target)
            self._ports.audit.record("notification_sent", about)
            return True
        self._weary.add(notice.target)
        self._ports.audit.record("notification_sent", {**about, "error": trouble.why})
        self.trouble(f"{notice.target} was not told of the {event} of {run_id}: {trouble.why}", like=notice.target)
        return False

    def trouble(self, said: str, *, like: str | None = None) -> None:
        """Keep what went wrong; of many of one service, the first and how many more."""
        with self._lock:
            known = next((one for one in self._troubles if like is not None and one.startswith(like)), said)
            self._troubles[known] = self._troubles.get(known, -1) + 1

    def close(self) -> None:
        """Wait until all is done, for a bounded time; what comes later is not. May be called twice."""
        if self._closed:
            return
        self._closed = True
        clock = self._ports.clock
        until = clock.now() + timedelta(seconds=self._close_seconds)
        for lane in self._lanes:
            lane.finish()
        left = sum(lane.join(max(0.0, (until - clock.now()).total_seconds())) for lane in self._lanes)
        if left:
            self.trouble(f"{left} of what there was to tell was not told within {self._close_seconds:g} s")

    def _sent(self, notice: Notice) -> Undelivered | None:
        if isinstance(notice, Ping):
            return self._ports.webhooks.post(notice)
        try:
            self._ports.topics.publish(notice)
        except AwsError as error:
            return Undelivered(why=error.what, passing=not isinstance(error, AwsRefusedError))
        return None


class _Lane:
    """One thread that does one thing after the other; it is started with the first."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._finished = False
        self._left = 0

    def put(self, work: Work) -> None:
        """Do something later; nothing after `finish`."""
        with self._lock:
            if self._finished:
                return
            self._left += 1
            self._work.put(work)
            if self._thread is None:
                # A daemon: a process that is told to leave at once does not wait for a web service.
                self._thread = threading.Thread(target=self._run, name="jobrunner-notify", daemon=True)
                self._thread.start()

    def finish(self) -> None:
        """Take nothing more."""
        with self._lock:
            self._finished = True
            self._work.put(None)

    def join(self, seconds: float) -> int:
        """Wait for so long until all is done; give how much is not."""
        if self._thread is not None:
            self._thread.join(seconds)
        with self._lock:
            return self._left

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            with self._lock:
                self._left -= 1
