"""A copy of this repository's project, a console in it, and, where asked for, a `jobrunner local` that serves it."""

from __future__ import annotations

import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from console import LIMIT_SECONDS, ROOT, Console, console_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Jobs that only tests want: what a person's job might do at its worst.
_MORE_JOBS = {
    "stubborn": r"""
command: [sh, -c, 'trap "" TERM; echo ready; while :; do sleep 0.2; done']
stop_timeout: 60s
""",
    "strange": r"""
command:
  - python
  - -c
  - |
    import sys
    sys.stdout.buffer.write(b'\033]0;owned\007\033[2J\033[31mred\033[0m\n')
    sys.stdout.buffer.write('tab\there, \u00fcml\u00e4ut, \U0001f600, 10%\r20%, \u202ereversed\n'.encode())
    sys.stdout.buffer.write(b'   spaces around   \n\n"quoted" \\ {json}\n')
""",
    "arguments": r"""
entrypoint: [python, -c, 'import os, sys; print(sys.argv[1:], os.environ.get("A"), os.environ.get("B"))']
command: [default]
environment: {A: of the job, B: of the job}
""",
    "needy": "command: [echo, '${{ params.day }}']\nparams: {day: {}}\n",
    "noting": r"""
command: [sh, -c, 'echo "$JOBRUNNER_INDEX ${{ params.a }} ${{ params.b }}" > noted.$JOBRUNNER_RUN_ID']
params: {a: none, b: none}
""",
    "flaky": r"""
command: [sh, -c, 'echo "attempt $JOBRUNNER_ATTEMPT"; test $JOBRUNNER_ATTEMPT = 2 || exit 75']
retries: {attempts: 2, backoff: 0s, on: 75}
""",
    "patient": r"""
command: [sh, -c, 'echo tried; exit 75']
retries: {attempts: 2, backoff: 1h, max_backoff: 1h, on: 75}
""",
    "unplaced": "command: [echo, placed]\nstart_timeout: 1h\n",
    "lingering": "command: [echo, done]\n",
}


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's project and jobs, where they may write; with the jobs of this file."""
    directory = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "jobrunner.yaml", directory)
    shutil.copytree(ROOT / "jobs", directory / "jobs", ignore=shutil.ignore_patterns(".*", "__pycache__"))
    for name, text in _MORE_JOBS.items():
        (directory / "jobs" / f"{name}.yaml").write_text(f"image: busybox\n{text.lstrip()}", encoding="utf-8")
    return directory


@pytest.fixture
def console(project: Path) -> Iterator[Console]:
    """A console in the project; each run starts its own endpoint."""
    with console_in(project) as console:
        yield console


@pytest.fixture(scope="session")
def served(project: Path) -> Iterator[Console]:
    """A console in the project while `jobrunner local` serves it."""
    with console_in(project) as console:
        server = console.start("local", stderr=subprocess.STDOUT)
        assert server.stdout is not None
        said = server.stdout.readline()
        assert said.startswith(b"export AWS_ENDPOINT_URL=http://127.0.0.1:"), said
        yield console
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=LIMIT_SECONDS)
