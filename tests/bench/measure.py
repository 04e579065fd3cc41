"""Contenders, and the paired alternating runs that compare them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.bench.figures import Sample, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    #: Looks at what a contender printed; raises BenchError if it is wrong.
    Check = Callable[[Path], None]

HERE: Final = Path(__file__).parent
#: Nothing here takes longer when it works.
_LIMIT: Final = 300.0
_STDERR_SHOWN: Final = 2_000


class BenchError(Exception):
    """A contender did not do what it was measured for, so that its figures mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A command to measure."""

    name: str
    argv: Sequence[str]


class Laboratory:
    """Measures commands as fresh processes in a clean environment.

    Args:
        directory: A temporary directory: HOME, state and output of what is measured.
        variables: What the contenders find in their environment besides.
        calls: Gives the AWS calls that an endpoint has counted since the last time.
    """

    def __init__(
        self,
        directory: Path,
        *,
        variables: Mapping[str, str] | None = None,
        calls: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._directory = directory
        self._environment = {**clean_environment(directory), **(variables or {})}
        self._calls = calls
        self._launcher = subprocess.Popen(
            [sys.executable, "-I", "-S", str(HERE / "launcher.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._launcher.kill()  # it may wait for a contender; that one has got its own Ctrl-C
        self._launcher.communicate()

    def compare(self, contenders: Sequence[Contender], *, rounds: int, check: Check | None = None) -> list[Series]:
        """Run every contender once to warm up, then all of them in turn, A B A B …, and check every output.

        Raises:
            BenchError: A contender failed, or `check` says that it printed something wrong.
        """
        samples: dict[str, list[Sample]] = {one.name: [] for one in contenders}
        for turn in range(rounds + 1):
            for one in contenders:
                sample = self.measure(one, check=check)
                if turn:
                    samples[one.name].append(sample)
        return [Series(name=name, samples=taken) for name, taken in samples.items()]

    def measure(self, contender: Contender, *, check: Check | None = None) -> Sample:
        """Run a contender once."""
        out = self._directory / "stdout"
        self._calls()
        done = self._order(contender, out)
        sample = Sample(wall=done["wall"], cpu=done["cpu"], rss=done["rss"], calls=dict(self._calls()))
        if check is not None:
            check(out)
        return sample

    def output(self, contender: Contender) -> str:
        """Run a contender once for what it prints."""
        out = self._directory / "stdout"
        self._order(contender, out)
        return out.read_text()

    def _order(self, contender: Contender, out: Path) -> dict[str, Any]:
        errors = self._directory / "stderr"
        order = {
            "argv": list(contender.argv),
            "env": self._environment,
            "cwd": str(self._directory),
            "stdout": str(out),
            "stderr": str(errors),
            "limit": _LIMIT,
        }
        answer = self._launch(order)
        if not answer:
            raise BenchError("the launcher has ended")
        done: dict[str, Any] = json.loads(answer)
        if done["code"] != 0:
            said = errors.read_text(errors="replace")[-_STDERR_SHOWN:]
            raise BenchError(f"{contender.name} ended with {done['code']}: {' '.join(contender.argv)}\n{said}")
        return done

    def _launch(self, order: Mapping[str, Any]) -> str:
        to, back = self._launcher.stdin, self._launcher.stdout
        assert to
        assert back
        to.write(json.dumps(order) + "\n")
        to.flush()
        return back.readline()


def clean_environment(home: Path) -> dict[str, str]:
    """Give the environment of a fresh login, with a home of its own and no settings of AWS, jobrunner or Python.

    PYTHONDONTWRITEBYTECODE and PYTHONUNBUFFERED above all: with them every start compiles and every print is a
    write.
    """
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "LC_ALL", "TZ"}}
    return {**kept, "HOME": str(home)}


def program(name: str) -> str:
    """Give the path of a program of this virtual environment.

    Raises:
        BenchError: It is not installed.
    """
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise BenchError(f"{path} does not exist; `make bench` installs what the benches need")
    return str(path)


def peer(name: str, *arguments: str) -> list[str]:
    """Give the command of a peer's script."""
    return [sys.executable, str(HERE / "peers" / name), *arguments]
