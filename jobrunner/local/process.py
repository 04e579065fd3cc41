"""An endpoint in a process of its own that does not outlive its owner, unless it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING, Final, Self

from jobrunner.core import local_stage
from jobrunner.errors import LocalEndpointError
from jobrunner.local.registry import EndpointInfo, connection_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from jobrunner.core.connection import Connection

#: The endpoint gives its tasks two seconds to end, and needs little more itself.
_END_SECONDS: Final = 15.0
_TAIL_BYTES: Final = 4_000


class OwnedEndpoint:
    """An endpoint that this process started for itself.

    Its lifetime hangs on a pipe: when this process goes away, also by SIGKILL, the endpoint kills its tasks and ends.
    It stands in a session of its own, so that Ctrl-C in the terminal reaches only the owner, who may want to stop a
    task first. Use it as a context manager, or call `close()`.
    """

    def __init__(self, process: subprocess.Popen[bytes], lifeline: int, info: EndpointInfo, stderr: IO[bytes]) -> None:
        self._process = process
        self._lifeline = lifeline
        self._stderr = stderr
        #: Where and what it is.
        self.info = info

    @property
    def connection(self) -> Connection:
        """How to reach it."""
        return connection_for(self.info)

    @property
    def stderr_tail(self) -> str:
        """The end of what it said on its standard error."""
        return _tail(self._stderr)

    def linger(self, seconds: float) -> None:
        """Let it outlive this process: until its tasks are over and nobody has asked anything for so long."""
        os.write(self._lifeline, f"linger {seconds}\n".encode())
        self._release()

    def close(self) -> None:
        """End it, with the tasks that still run there. After `linger()` it lives on."""
        if self._lifeline < 0:
            return
        self._release()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its supervisor kills the tasks
            self._process.wait()

    def _release(self) -> None:
        os.close(self._lifeline)
        self._lifeline = -1
        self._stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def start_owned(
    state_dir: Path,
    workdir: Path,
    *,
    region: str = local_stage.REGION,
    startup: float = 0.0,
    deprovision: float = 0.0,
    port: int = 0,
) -> OwnedEndpoint:
    """Start an endpoint in a process of its own, and return when it answers.

    Args:
        state_dir: Where it registers, so that others find it.
        workdir: Where containers run.
        region: Of its built-in resources.
        startup: Simulated seconds from RunTask to RUNNING.
        deprovision: Simulated seconds from the containers' end to STOPPED.
        port: 0 takes a free one.

    Raises:
        LocalEndpointError: It did not start; the message ends with what it said.
    """
    ready, ready_write = os.pipe()
    lifeline_read, lifeline = os.pipe()
    # The descriptors of the file stay with whoever needs them; the file itself has no name.
    stderr = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the endpoint
    arguments = {
        "--port": port,
        "--workdir": workdir,
        "--region": region,
        "--startup": startup,
        "--deprovision": deprovision,
        "--state-dir": state_dir,
        "--ready-fd": ready_write,
        "--owner-fd": lifeline_read,
    }
    process = _spawn(arguments, stderr, pass_fds=(ready_write, lifeline_read))
    with os.fdopen(ready, "rb") as pipe:
        told = pipe.read()  # until the endpoint closes it: at once when it is ready, or has failed
    if told:
        return OwnedEndpoint(process, lifeline, EndpointInfo.parse(json.loads(told)), stderr)
    os.close(lifeline)
    code = process.wait()
    with stderr:
        raise _not_started(code, _tail(stderr))


def _spawn(arguments: Mapping[str, object], stderr: IO[bytes], *, pass_fds: tuple[int, int]) -> subprocess.Popen[bytes]:
    """Start the process in a session of its own, so that a terminal's Ctrl-C is its owner's; hand it descriptors."""
    # -P: without it, a `json.py` in the user's directory would be imported instead of Python's.
    command = [sys.executable, "-P", "-m", "jobrunner.local"]
    command += [str(word) for pair in arguments.items() for word in pair]
    process = subprocess.Popen(  # noqa: S603 - our own program
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        pass_fds=pass_fds,
        start_new_session=True,
    )
    for descriptor in pass_fds:
        os.close(descriptor)
    return process


def _tail(stderr: IO[bytes]) -> str:
    size = os.fstat(stderr.fileno()).st_size
    return os.pread(stderr.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode("utf-8", "replace").strip()


def _not_started(code: int, said: str) -> LocalEndpointError:
    how = f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
    return LocalEndpointError(
        f"the local endpoint did not start ({how}): {said or 'it said nothing'}",
        hint="python -m jobrunner.local starts one in the foreground and shows what happens",
    )
