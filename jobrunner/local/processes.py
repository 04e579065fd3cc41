"""The endpoint's side of the supervisor: start processes, signal them, learn how they ended."""

from __future__ import annotations

import errno
import json
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobrunner.local.orphans import kill_adopted

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, Sequence

_SCRIPT = Path(__file__).with_name("supervise.py")
_HEAD = struct.Struct("!I")
#: How long the supervisor may take to kill what it owns.
_END_SECONDS = 10.0


class SpawnError(Exception):
    """A process could not be started: what the kernel said, and at which stage (fork, chdir, exec)."""

    def __init__(self, stage: str, number: int) -> None:
        super().__init__(f"{stage}: {os.strerror(number)}")
        self.stage = stage
        self.errno = number


class SupervisorLostError(Exception):
    """The process that owns the containers has gone, and the containers with it."""


class Process:
    """A container's first process.

    Attributes:
        pid: Its process id, which is also its process group's.
        exited: Becomes the exit status, 128+n for signal n; or raises SupervisorLostError.
    """

    def __init__(self, number: int, exited: asyncio.Future[int]) -> None:
        self.number = number
        self.pid = 0
        self.exited = exited


class Supervisor:
    """Starts the supervising process, and speaks to it. Its methods belong to the event loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._socket, theirs = socket.socketpair()
        command = [sys.executable, "-I", "-S", "-X", "utf8", str(_SCRIPT), str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                command, pass_fds=[theirs.fileno()], start_new_session=True, stdin=subprocess.DEVNULL
            )
        self._numbers = 0
        self._starting: dict[int, tuple[Process, asyncio.Future[None]]] = {}
        self._running: dict[int, Process] = {}
        self._outbox: queue.SimpleQueue[tuple[bytes, int | None] | None] = queue.SimpleQueue()
        self.lost = False
        # Two threads, so that a full socket in one direction never stops the other one or the event loop.
        self._threads = [
            threading.Thread(target=target, name=f"supervisor-{name}", daemon=True)
            for name, target in (("reader", self._read), ("writer", self._write))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The process id of the supervising process."""
        return self._process.pid

    async def spawn(
        self, argv: Sequence[str], *, environment: Mapping[str, str], directory: str, output: int
    ) -> Process:
        """Start a process in a session of its own, with both outputs on the descriptor `output`.

        The descriptor is closed here, whatever happens.

        Raises:
            SpawnError: The kernel refused.
            SupervisorLostError: There is no supervisor any more.
        """
        if self.lost:
            os.close(output)
            raise SupervisorLostError
        self._numbers += 1
        process = Process(self._numbers, self._loop.create_future())
        started: asyncio.Future[None] = self._loop.create_future()
        self._starting[process.number] = (process, started)
        frame = {"op": "spawn", "id": process.number, "argv": list(argv), "env": dict(environment)}
        self._post({**frame, "cwd": directory}, output)
        await started
        return process

    def signal(self, process: Process, number: int) -> None:
        """Signal the process group; one that has ended is fine."""
        self._post({"op": "signal", "id": process.number, "signal": int(number)}, None)

    def close(self) -> None:
        """Kill what runs, and wait for the supervisor's end."""
        self._outbox.put(None)
        self._reap()
        for thread in self._threads:
            thread.join()
        self._socket.close()

    # -- threads -----------------------------------------------------------------------------------------------

    def _post(self, frame: dict[str, Any], descriptor: int | None) -> None:
        data = json.dumps(frame).encode()
        self._outbox.put((_HEAD.pack(len(data)) + data, descriptor))

    def _write(self) -> None:
        while (item := self._outbox.get()) is not None:
            data, descriptor = item
            try:
                sent = socket.send_fds(self._socket, [data], [] if descriptor is None else [descriptor])
                self._socket.sendall(data[sent:])
            except OSError:
                pass  # the reader sees the end, and tells everybody who waits
            finally:
                if descriptor is not None:
                    os.close(descriptor)
        with suppress(OSError):  # the supervisor has gone already
            self._socket.shutdown(socket.SHUT_WR)

    def _read(self) -> None:
        with self._socket.makefile("rb") as stream:
            try:
                while len(head := stream.read(_HEAD.size)) == _HEAD.size:
                    (length,) = _HEAD.unpack(head)
                    self._tell(self._received, json.loads(stream.read(length)))
            except (OSError, ValueError):
                pass  # cut off in the middle of a frame: the same as the end
        self._tell(self._ended)

    def _tell(self, callback: Any, *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *arguments)

    # -- in the loop -------------------------------------------------------------------------------------------

    def _received(self, frame: dict[str, Any]) -> None:
        if "spawned" in frame:
            process, started = self._starting.pop(frame["spawned"])
            process.pid = frame["pid"]
            self._running[process.number] = process
            _resolve(started, None)
        elif "failed" in frame:
            _, started = self._starting.pop(frame["failed"])
            if not started.done():
                started.set_exception(SpawnError(frame["stage"], frame["errno"] or errno.EINVAL))
        else:
            _resolve(self._running.pop(frame["exited"]).exited, frame["status"])

    def _ended(self) -> None:
        """The supervisor has gone: the kernel kills the first processes (PDEATHSIG); their groups are killed here."""
        self.lost = True
        for _, started in self._starting.values():
            if not started.done():
                started.set_exception(SupervisorLostError())
        for process in self._running.values():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            if not process.exited.done():
                process.exited.set_exception(SupervisorLostError())
                process.exited.exception()  # marks it as seen: a task that is being cancelled may never look
        self._starting.clear()
        self._running.clear()
        # A dying process closes its files before its children become orphans: only once it can be reaped are the
        # keepers and what they kept to be found below this process.
        self._reap()
        kill_adopted()

    def _reap(self) -> None:
        try:
            self._process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _resolve(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)
