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
    assert set() == _imported(console, *words) & (_AWS | {"pydantic", "yaml", "sqlite3", "asyncio"})


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


def test_module_is_the_command(console: Console) -> None:
    """`python -m jobrunner` is the same program, under the same name."""
    command = [sys.executable, "-m", "jobrunner", "--help"]
    result = subprocess.run(command, cwd=console.directory, env=console.environment, capture_output=True, check=True)
    assert console.run("--help").out == result.stdout


def test_shell_completion_knows_commands_and_jobs(console: Console) -> None:
    """The shell is offered commands by their beginning, and the names of the project's jobs."""
    for words, expected in (("jobrunner st", ["stop", "status"]), ("jobrunner run he", ["hello"])):
        env = {
            "_JOBRUNNER_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        shell = type(console)(directory=console.directory, state_dir=console.state_dir, env=env)
        assert expected == [line.partition(",")[2] for line in shell.run().lines]
