"""The README's commands are executed.

Every line that starts with `$ ` in a ```console block is run, in order, by one shell in a copy of the project; a
command must end with 0, or with N if it ends with `# exit N`. What fetches or installs this very project is left
out. What the README shows as output is looked for in what the commands print, line by line, with run ids and
numbers left aside; a line with `…` in it is a shortened one.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from console import ROOT, console_in

if TYPE_CHECKING:
    from pathlib import Path

README = ROOT / "README.md"
_NOT_RUN = re.compile(r"git clone|make\b|cd jobrunner\b|pip(x)? install|uv ")
_EXIT = re.compile(r"#\s*exit (\d+)\s*$")


def commands(text: str) -> list[str]:
    """The commands of the console blocks; a line that ends with a backslash goes on in the next."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        joined = re.sub(r"\\\n(> )?", "", block)
        found += [line[2:] for line in joined.splitlines() if line.startswith("$ ")]
    return [command for command in found if not _NOT_RUN.match(command)]


def shown(text: str) -> set[str]:
    """The lines of output in the console blocks, without those that are shortened."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if not line.startswith("$ ") and "…" not in line]
    return set(map(_without_what_varies, lines))


def _without_what_varies(line: str) -> str:
    return re.sub(r"[0-9][0-9.,]*", "N", re.sub(r"\b[0-9a-z]{16}\b", "RUN", line)).strip()


def script(lines: list[str]) -> str:
    """A shell script that stops at the first command that does not end as it should."""
    steps = []
    for line in lines:
        match = _EXIT.search(line)
        expected = match[1] if match else "0"
        complaint = f'echo "exit $code, not {expected}: "{_quoted(line)} >&2'
        steps.append(f"{line}\ncode=$?; [ $code -eq {expected} ] || {{ {complaint}; exit 99; }}\n")
    return "trap 'kill $(jobs -p) 2>/dev/null' EXIT\n" + "".join(steps)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.mark.skipif(not README.exists(), reason="there is no README yet")
def test_readme_commands_run(project: Path) -> None:
    """Each command of the README ends as the README says, and prints what it shows."""
    text = README.read_text(encoding="utf-8")
    found = commands(text)
    assert found, "the README has no console block with a command"
    with console_in(project) as console:
        result = subprocess.run(
            ["bash", "-c", script(found)],
            cwd=project,
            env=console.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert 0 == result.returncode, f"{result.stdout}\n{result.stderr}"
    printed = set(map(_without_what_varies, f"{result.stdout}\n{result.stderr}".splitlines()))
    assert len(shown(text)) > 10
    assert set() == shown(text) - printed


def test_commands_are_found() -> None:
    """Only the lines after a dollar sign in console blocks are commands, and expected exits are honoured."""
    text = "```console\n$ true\noutput\n$ false  # exit 1\n$ make demo\n```\n\n```sh\n$ no\n```\n"
    assert ["true", "false  # exit 1"] == commands(text)
    done = subprocess.run(["bash", "-c", script(commands(text))], check=False)
    assert 0 == done.returncode
    wrong = subprocess.run(["bash", "-c", script(["false"])], check=False, capture_output=True)
    assert (99, b"exit 1, not 0: false\n") == (wrong.returncode, wrong.stderr)
