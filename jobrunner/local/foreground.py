"""An endpoint that is all that its process does: signals, registry, and when to end."""

from __future__ import annotations

import os
import resource
import select
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from jobrunner.errors import LocalEndpointError
from jobrunner.local import orphans
from jobrunner.local.endpoint import Endpoint
from jobrunner.local.registry import EndpointInfo, register

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from jobrunner.local.faults.values import Fault

_OPEN_FILES = 65_535


class Foreground:
    """One endpoint with the life of a process.

    Args:
        port: 0 takes a free one.
        workdir: Where containers run.
        region: Of the built-in resources.
        startup: Simulated seconds until RUNNING.
        deprovision: Simulated seconds until STOPPED.
        state_dir: Where it registers; None leaves it unknown to others.
        owner_fd: A pipe whose end means that the owner has gone. A line `linger SECONDS` in it means that the end is
            no longer the owner's. Without an owner it is there to stay, and has the rule of history.
        linger: End by itself after so many seconds without tasks and requests; None means never.
        faults: What is to go wrong, from the beginning.
        speed: How many times faster than time schedules fire.
        begins: From which time on they do, instead of from now on.
    """

    def __init__(
        self,
        *,
        port: int,
        workdir: Path,
        region: str,
        startup: float,
        deprovision: float,
        state_dir: Path | None,
        owner_fd: int | None,
        linger: float | None,
        faults: Sequence[Fault] = (),
        speed: float = 1.0,
        begins: datetime | None = None,
    ) -> None:
        orphans.adopt()
        allow_many_files()
        self._endpoint = Endpoint(
            port=port,
            workdir=workdir,
            region=region,
            startup=startup,
            deprovision=deprovision,
            faults=faults,
            speed=speed,
            begins=begins,
            history=owner_fd is None,
        )
        self._owner = owner_fd
        self._linger = linger
        self._state_dir = state_dir
        self._entry: Path | None = None
        self._wake, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)

    @property
    def info(self) -> EndpointInfo:
        """Where and what it is."""
        return replace(self._endpoint.info, owned=self._owner is not None)

    def __enter__(self) -> Self:
        signal.set_wakeup_fd(self._wake_write)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        self._endpoint.start()
        try:
            self._register()
        except BaseException:
            self._endpoint.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._entry is not None:
            self._entry.unlink(missing_ok=True)
        self._endpoint.close()

    def _register(self) -> None:
        if self._state_dir is None:
            return
        try:
            self._entry = register(self._state_dir, self.info)
        except OSError as error:
            raise LocalEndpointError(
                f"the local endpoint cannot register in {self._state_dir}: {error.strerror}",
                hint="Commands find it there. JOBRUNNER_STATE_DIR names another directory.",
            ) from error

    def wait(self) -> None:
        """Serve until a signal comes, the owner goes, or nobody needs it any more."""
        while True:
            watched = [self._wake] if self._owner is None else [self._wake, self._owner]
            readable, _, _ = select.select(watched, [], [], self._patience())
            if self._wake in readable:
                return
            if self._owner in readable:
                if not self._hear(self._owner):
                    return
            elif self._linger is not None and self._patience() == 0:
                return

    def _patience(self) -> float | None:
        """Seconds until it may be time to end; None if it never is."""
        if self._linger is None:
            return None
        if self._endpoint.engine.running:
            return self._linger
        return max(0.0, self._endpoint.last_request + self._linger - time.monotonic())

    def _hear(self, owner: int) -> bool:
        """What the owner says; False if it has gone without a word."""
        words = os.read(owner, 4096).decode().split()
        if not words:
            return False
        self._linger = float(words[1])
        self._owner = None
        os.close(owner)
        self._register()  # it is nobody's own any more
        return True


def allow_many_files() -> None:
    """Let a thousand tasks run at once: each has a pipe here, and a login's usual limit is 1,024 open files.

    The containers inherit it; on Fargate theirs is 65,535 ("Task definition differences for Fargate").
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
