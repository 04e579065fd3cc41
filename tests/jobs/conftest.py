"""The scripts of `jobs/`, executed as the container would: the interpreter, in the repository's root."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from job_scripts import LIMIT_SECONDS, ROOT, Run, Start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """The temporary directory of the scripts."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def start(scratch: Path) -> Iterator[Start]:
    """Processes with nothing of this one's environment but the path; killed at the end of the test."""
    processes: list[subprocess.Popen[str]] = []
    base = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(scratch)}

    def start(script: str, *args: str, **env: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, f"jobs/{script}", *args],
            cwd=ROOT,
            env=base | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def run(start: Start) -> Run:
    """A script's exit code, stdout and stderr."""

    def run(script: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        process = start(script, *args, **env)
        out, err = process.communicate(timeout=LIMIT_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run
