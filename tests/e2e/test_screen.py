"""`jobrunner` on a terminal, read from the screen as a person reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import pytest
from console import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console import Console, Terminal

COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


class OnTerminal(Protocol):
    """Start `jobrunner` with these words on a terminal; it is ended when the test ends."""

    def __call__(self, *words: str, rows: int = 30, columns: int = 100, **env: str) -> Terminal:
        """As `Console.terminal`."""


@pytest.fixture
def on_terminal(served: Console) -> Iterator[OnTerminal]:
    """Terminals on the served project."""
    opened: list[Terminal] = []

    def start(*words: str, rows: int = 30, columns: int = 100, **env: str) -> Terminal:
        console = type(served)(directory=served.directory, state_dir=served.state_dir, env=env)
        terminal = console.terminal(*words, rows=rows, columns=columns)
        opened.append(terminal)
        return terminal

    yield start
    for terminal in opened:
        terminal.close()


def test_status_line_stands_below_the_log(on_terminal: OnTerminal) -> None:
    """While it runs, the last line says phase, time and bill; above it the log is whole; at the end it has gone."""
    terminal = on_terminal("run", "slow", "-p", "seconds=3")
    lines = terminal.wait_for("slow: 2 of 3 seconds done")
    status = re.compile(r"slow \w{16} \| RUNNING \| [\d.]+ s \| billed so far 60 s, the minimum")
    assert status.fullmatch(lines[-1]), lines
    assert 0 == terminal.end()
    lines = terminal.lines
    done = [f"slow: {number} of 3 seconds done" for number in (1, 2, 3)]
    at = lines.index("slow: 3 seconds of work begin")
    assert [*done, "slow: finished", "jobrunner: slow succeeded"] == lines[at + 1 : at + 6]
    assert not [line for line in lines if "billed so far" in line]


def test_log_never_mixes_with_the_status_line(on_terminal: OnTerminal) -> None:
    """A screen full of lines has nothing but whole lines of the log, in order."""
    terminal = on_terminal("run", "chatty", "-p", "lines=20000", rows=60)
    assert 0 == terminal.end()
    shown = [line for line in terminal.lines if "of 20000" in line]
    last = [f"line {number} of 20000" for number in range(20_001 - len(shown), 20_001)]
    assert len(shown) > 40
    assert last == shown


def test_narrow_and_resized_terminal(on_terminal: OnTerminal) -> None:
    """The status line never wraps, and follows the window's width."""
    terminal = on_terminal("run", "stubborn", rows=12, columns=60)
    lines = terminal.wait_for("| RUNNING |")
    assert ("stubborn ", True) == (lines[-1][:9], len(lines[-1]) < 60)
    terminal.resize(12, 40)
    wait_until(lambda: len(_drawn(terminal)[-1]) < 40, "a status line that fits")
    lines = terminal.lines
    assert 1 == sum("RUNNING" in line for line in lines), lines
    assert re.fullmatch(r"stubborn \w{16} \| RUNNING \| .*", lines[-1]), lines


def _drawn(terminal: Terminal) -> list[str]:
    """Every status line that was drawn so far, as it was written."""
    terminal.lines  # noqa: B018  reads what has arrived
    return re.findall(r"(stubborn [^\x1b\r\n]* RUNNING [^\x1b\r\n]*)\x1b", terminal.raw.decode())


def test_control_sequences_are_harmless(on_terminal: OnTerminal) -> None:
    """On a terminal, what the job writes can neither act nor hide: it is shown as `cat -v` shows it."""
    terminal = on_terminal("run", "strange")
    assert 0 == terminal.end()
    lines = terminal.lines
    assert "^[]0;owned^G^[[2J^[[31mred^[[0m" in lines
    assert [line for line in lines if line.startswith("tab     here, ümläut, \U0001f600")], lines
    assert b"<U+202E>reversed" in terminal.raw
    assert b"\x1b]" not in terminal.raw
    assert b"\x1b[2J" not in terminal.raw
    assert b"\x1b[31m" not in terminal.raw


def test_colour_on_a_terminal_only_where_wanted(on_terminal: OnTerminal, served: Console) -> None:
    """The verdict is coloured on a terminal; not with NO_COLOR, not on a dumb one, not without a terminal."""
    coloured, plain = on_terminal("run", "hello"), on_terminal("run", "hello", NO_COLOR="1")
    dumb = on_terminal("run", "hello", TERM="dumb")
    assert [0, 0, 0] == [coloured.end(), plain.end(), dumb.end()]
    assert b"hello \x1b[1;32msucceeded\x1b[0m" in coloured.raw
    assert None is COLOUR.search(plain.raw)
    assert b"\x1b" not in dumb.raw
    result = served.run("run", "hello")
    assert "\x1b" not in result.err + result.text


def test_names_of_containers_are_coloured(on_terminal: OnTerminal) -> None:
    """On a terminal each container has its colour."""
    terminal = on_terminal("run", "sidecar")
    assert 0 == terminal.end()
    found = set(re.findall(rb"\x1b\[(\d+)m(\w+) +\| \x1b\[0m", terminal.raw))
    assert {b"collector", b"main"} == {name for _, name in found}
    assert 2 == len({colour for colour, _ in found})


def test_ctrl_c_stops_and_gives_the_verdict(on_terminal: OnTerminal) -> None:
    """Ctrl-C stops the task; its last words and the verdict are shown, and the exit code is 130."""
    terminal = on_terminal("run", "slow")
    terminal.wait_for("slow: 1 of 20 seconds done")
    terminal.press_ctrl_c()
    assert 130 == terminal.end()
    lines = terminal.lines
    at = lines.index("slow: SIGTERM: scratch folder removed, work not finished")
    assert "jobrunner: slow was interrupted" == lines[at + 1]
    assert "  cause      interrupted by SIGINT" == lines[at + 2]
    assert "jobrunner run slow" in lines[-1]


def test_second_ctrl_c_leaves_and_attach_comes_back(on_terminal: OnTerminal, served: Console) -> None:
    """The second Ctrl-C leaves at once; the command that it prints shows the run to its end."""
    terminal = on_terminal("run", "stubborn")
    terminal.wait_for("ready")
    terminal.press_ctrl_c()
    terminal.wait_for("stopping the task")
    terminal.press_ctrl_c()
    assert 130 == terminal.end()
    lines = terminal.lines
    assert re.fullmatch(r"jobrunner: left run \w{16}, which is being stopped", lines[-2]), lines
    run_id = lines[-1].split()[-1]
    assert f"  next  jobrunner attach {run_id}" == lines[-1]
    attached = on_terminal("attach", run_id)
    attached.wait_for("ready")
    attached.wait_for("| STOPPING |")
    assert "STOPPING" == served.run("status", run_id, "--output", "json").json[0]["phase"]


def test_hang_up_leaves_the_run(on_terminal: OnTerminal, served: Console) -> None:
    """A terminal that goes away stops nothing."""
    terminal = on_terminal("run", "slow", "-p", "seconds=2")
    lines = terminal.wait_for("seconds of work begin")
    run_id = next(line.split()[2] for line in lines if line.startswith("jobrunner: run "))
    terminal.hang_up()
    assert 129 == terminal.end()
    assert "slow: finished" == served.run("attach", run_id).lines[-1]


def test_json_on_a_terminal_has_no_status_line(on_terminal: OnTerminal) -> None:
    """With `--output json` nothing but JSON lines and one note is written, also on a terminal."""
    terminal = on_terminal("run", "slow", "-p", "seconds=2", "--output", "json")
    assert 0 == terminal.end()
    notes = [line for line in terminal.raw.splitlines() if not line.startswith(b'{"event":"')]
    assert [b"images are not pulled"] == [line.rpartition(b", ")[2] for line in notes]
    assert b"\x1b" not in terminal.raw
