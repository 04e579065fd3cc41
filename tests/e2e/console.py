"""The installed `jobrunner` as its users start it: as a process without a terminal, or on a terminal that is read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pexpect
import pyte

from jobrunner.local.registry import endpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
#: The console script of this very interpreter.
JOBRUNNER = str(Path(sys.executable).parent / "jobrunner")
#: Bounds a hanging process; nothing here takes so long, also on a busy machine.
LIMIT_SECONDS = 60.0
#: What of this process's environment a user's shell would have, too.
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONDONTWRITEBYTECODE")


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Return what the condition gives as soon as it is true; fail, naming it, when it does not within the limit."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {LIMIT_SECONDS} s in vain for: {what}"
        time.sleep(0.01)
    return value


@dataclass(kw_only=True)
class Console:
    """A shell's surroundings: a directory, and an environment that holds nothing of this machine's AWS."""

    directory: Path
    state_dir: Path
    env: Mapping[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its processes."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        kept["PATH"] = f"{Path(JOBRUNNER).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
        home = {"HOME": str(self.state_dir), "JOBRUNNER_STATE_DIR": str(self.state_dir), "TERM": "xterm-256color"}
        return {**kept, **home, **self.env}

    def start(self, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start `jobrunner` with pipes for stdout and stderr, killed when the test ends."""
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        process = subprocess.Popen([JOBRUNNER, *words], cwd=self.directory, env=self.environment, **{**options, **more})
        self.started.append(process)
        return process

    def run(self, *words: str, code: int | None = 0) -> Result:
        """Run `jobrunner` to its end; it must end with this code, unless that is None."""
        process = self.start(*words)
        out, err = process.communicate(timeout=LIMIT_SECONDS)
        result = Result(code=process.returncode, out=out, err=err.decode())
        assert code in (None, result.code), f"jobrunner {' '.join(words)} ended with {result.code}:\n{result}"
        return result

    def terminal(self, *words: str, rows: int = 30, columns: int = 100) -> Terminal:
        """Start `jobrunner` on a terminal of its own."""
        return Terminal(words, self.directory, self.environment, rows, columns)

    def close(self) -> None:
        """End what still runs, by its id: commands, and endpoints that they have left to a run that goes on."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for info in endpoints(self.state_dir):
            if info.pid != os.getpid():  # a test may serve one itself
                with suppress(ProcessLookupError):
                    os.kill(info.pid, signal.SIGTERM)


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a process ended, and what it wrote."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Stdout as text."""
        return self.out.decode()

    @property
    def lines(self) -> list[str]:
        """The lines of stdout."""
        return self.text.splitlines()

    @property
    def json(self) -> list[dict[str, Any]]:
        """The JSON lines of stdout."""
        return [json.loads(line) for line in self.text.split("\n") if line]

    def __str__(self) -> str:
        return f"--- stdout\n{self.out.decode(errors='replace')}\n--- stderr\n{self.err}"


class Terminal:
    """A process on a pseudo-terminal, whose screen can be read as a person reads it."""

    def __init__(self, words: tuple[str, ...], directory: Path, env: dict[str, str], rows: int, columns: int) -> None:
        self.raw = b""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(
            JOBRUNNER, list(words), cwd=str(directory), env=env, dimensions=(rows, columns), timeout=LIMIT_SECONDS
        )

    @property
    def lines(self) -> list[str]:
        """The lines of the screen, without the empty ones below."""
        if not self._child.closed:
            self._read()
        lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _read(self) -> bool:
        """Take what has arrived; tell whether the process may write more."""
        try:
            data = self._child.read_nonblocking(65_536, timeout=0.02)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        return True

    def wait_for(self, text: str) -> list[str]:
        """Give the screen as soon as a line has the text."""

        def shown() -> list[str] | None:
            lines = self.lines
            return lines if any(text in line for line in lines) else None

        lines: list[str] = wait_until(shown, f"{text!r} on the screen, which is\n{self._screen.display}")
        return lines

    def press_ctrl_c(self) -> None:
        """Send SIGINT, as the keyboard does: to the foreground process group."""
        self._child.sendintr()

    def hang_up(self) -> None:
        """Send SIGHUP, as a closed terminal does."""
        self._child.kill(signal.SIGHUP)

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the window."""
        self._child.setwinsize(rows, columns)
        self._screen.resize(rows, columns)

    def end(self) -> int:
        """Read to the end, and give the exit code."""
        wait_until(lambda: not self._read(), f"the end of the process; the screen is {self._screen.display}")
        self._child.close()
        code = self._child.exitstatus
        return code if code is not None else -self._child.signalstatus

    def close(self) -> None:
        """End it if it still runs."""
        self._child.close(force=True)


@contextmanager
def console_in(directory: Path) -> Iterator[Console]:
    """A console with a state directory of its own."""
    with tempfile.TemporaryDirectory(prefix="jobrunner-e2e-") as state:
        console = Console(directory=directory, state_dir=Path(state))
        try:
            yield console
        finally:
            console.close()
