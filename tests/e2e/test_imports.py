"""What a command imports, and so what it costs: nothing of AWS before the spec is valid."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from console import Console

_PROGRAM = """
import sys
from jobrunner.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
_AWS = {"boto3", "botocore", "moto", "watchtower", "urllib3"}


def _imported(console: Console, *words: str) -> set[str]:
    command = [sys.executable, "-c", _PROGRAM, *words]
    result = subprocess.run(
        command, cwd=console.directory, env=console.environment, capture_output=True, text=True, check=True
    )
    return set(result.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["-h"], ["rnu"]])
def test_help_imports_click_alone(console: Console, words: list[str]) -> None:
    """The help pays for click, and for none of the libraries that the commands need."""
    assert set() == _imported(console, *words) & (_AWS | {"pydantic", "yaml", "sqlite3", "json"})


@pytest.mark.parametrize(
    "words",
    [
        ["validate"],
        ["show", "hello"],
        ["schema"],
        ["settings"],
        ["run", "--help"],
        ["run", "helo"],
        ["run", "hello", "-p", "unknown=1"],
        ["run", "hello", "--cpu", "999"],
        ["status", "zzzz"],
        ["ps"],
    ],
)
def test_nothing_of_aws_is_imported_offline(console: Console, words: list[str]) -> None:
    """Neither the offline commands nor a mistake in `run` import boto3."""
    assert set() == _imported(console, *words) & _AWS
