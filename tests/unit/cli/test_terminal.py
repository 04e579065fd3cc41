"""The terminal: what is written, and the block of lines below it, on a screen that is read as a person reads it."""

from __future__ import annotations

import io
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

import pexpect
import pyte
import pytest

from jobrunner.cli.terminal import Space, Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT_SECONDS = 30.0
#: What each script begins with. `pause()` waits for the test; `every` keeps the clock from drawing meanwhile.
BEGIN = """\
import os, signal, sys
from jobrunner.cli.terminal import Terminal
terminal, shown, spaces, every = Terminal(), ["first", "second", "third"], [], 3600.0
def lines(space):
    spaces.append(space)
    return list(shown)
def pause():
    input()
"""


class Screen:
    """A process on a terminal of its own, and what that shows."""

    def __init__(self, *command: str, rows: int, columns: int, env: dict[str, str]) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        self.raw = b""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(
            command[0],
            list(command[1:]),
            env={**kept, "TERM": "xterm-256color", **env},
            dimensions=(rows, columns),
            timeout=LIMIT_SECONDS,
            echo=False,
        )

    @property
    def lines(self) -> list[str]:
        """The lines of the screen, without the empty ones below."""
        text = "\n".join(line.rstrip() for line in self._screen.display)
        return text.rstrip("\n").split("\n")

    def until(self, condition: Callable[[], Any]) -> list[str]:
        """Give the screen as soon as something is true of it."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"in vain; the screen is {self.lines}"
            self._read()
        return self.lines

    def shows(self, *expected: str) -> list[str]:
        """Give the screen as soon as these are its lines; fail, with the difference, when they never are."""
        try:
            return self.until(lambda: list(expected) == self.lines)
        except AssertionError:
            assert list(expected) == self.lines
            raise

    def send(self, text: str = "\n") -> None:
        """Type something; a line end ends a `pause()`."""
        self._child.send(text)

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the window."""
        self._child.setwinsize(rows, columns)
        self._screen.resize(rows, columns)

    def end(self) -> list[str]:
        """Read to the end of the process, which must be a good one, and give the screen."""
        self.until(lambda: not self._read())
        self._child.close()
        assert 0 == self._child.exitstatus, self.lines
        return self.lines

    def close(self) -> None:
        """End the process if it still runs."""
        self._child.close(force=True)

    def _read(self) -> bool:
        try:
            data = self._child.read_nonblocking(65_536, timeout=0.02)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        return True


class OnScreen(Protocol):
    """Run a script on a terminal; it is ended when the test ends."""

    def __call__(self, script: str, *, rows: int = 12, columns: int = 40, **env: str) -> Screen:
        """As `Screen`."""


@pytest.fixture
def on_screen() -> Iterator[OnScreen]:
    """Terminals."""
    opened: list[Screen] = []

    def start(script: str, *, rows: int = 12, columns: int = 40, **env: str) -> Screen:
        opened.append(Screen(sys.executable, "-c", BEGIN + script, rows=rows, columns=columns, env=env))
        return opened[-1]

    yield start
    for screen in opened:
        screen.close()


def test_block_stands_below_what_is_written(on_screen: OnScreen) -> None:
    """Results and narration appear above the block, whole and in order; at the end the block has gone."""
    screen = on_screen("""
terminal.write("before\\n")
with terminal.block(lines, every=every):
    terminal.draw()
    terminal.write("result 1\\n")
    terminal.say("said")
    terminal.write("result 2\\nresult 3\\n")
    pause()
terminal.write("after\\n")
""")
    above = ["before", "result 1", "said", "result 2", "result 3"]
    screen.shows(*above, "first", "second", "third")
    screen.send()
    assert [*above, "after"] == screen.end()


def test_block_of_a_screen_that_scrolls(on_screen: OnScreen) -> None:
    """However much is written, whole lines stand above the block, in order, and the block stands there once."""
    screen = on_screen(
        """
with terminal.block(lines, every=every):
    for number in range(1, 501):
        shown[1] = f"line {number} is written"
        terminal.draw()
        (terminal.write if number % 3 else terminal.say)(f"{number}" + "\\n" * (number % 3 > 0))
    pause()
""",
        rows=8,
    )
    expected = ["497", "498", "499", "500", "first", "line 500 is written", "third"]
    screen.until(lambda: "500" in screen.lines)
    assert expected == screen.lines[-7:]
    screen.send()
    assert ["497", "498", "499", "500"] == screen.end()[-4:]


def test_nothing_is_left_of_longer_blocks_and_lines(on_screen: OnScreen) -> None:
    """A block that becomes lower, and a line that becomes shorter, leave nothing behind; nor does an empty block."""
    screen = on_screen("""
with terminal.block(lines, every=every):
    terminal.draw()
    shown[:] = ["a long line that becomes short", "second"]
    terminal.draw()
    shown[:] = ["short", "second"]
    terminal.draw()
    pause()
    shown[:] = []
    terminal.draw()
    pause()
    shown[:] = ["again"]
    terminal.draw()
    pause()
""")
    screen.shows("short", "second")
    screen.send()
    screen.shows("")
    screen.send()
    screen.shows("again")
    screen.send()
    assert [""] == screen.end()


def test_never_higher_than_the_screen(on_screen: OnScreen) -> None:
    """Of more lines than there are rows the first are shown, below what was written last."""
    screen = on_screen(
        """
shown[:] = [f"row {number}" for number in range(50)]
with terminal.block(lines, every=every):
    for number in range(30):
        terminal.draw()
        terminal.write(f"result {number}\\n")
        shown[0] = f"row 0, {number}"
    terminal.draw()
    pause()
assert {(39, 5)} == {(space.columns, space.rows) for space in spaces}
""",
        rows=6,
    )
    screen.shows("result 29", "row 0, 29", "row 1", "row 2", "row 3", "row 4")
    screen.send()
    assert ["result 29"] == screen.end()


def test_screen_of_one_row(on_screen: OnScreen) -> None:
    """On a screen of one row, one line is shown."""
    screen = on_screen("with terminal.block(lines, every=every):\n    terminal.draw()\n    pause()", rows=1)
    screen.shows("first")
    screen.send()
    screen.end()


def test_lines_that_are_too_long_do_not_wrap(on_screen: OnScreen) -> None:
    """A line wider than the screen is cut by the terminal; what is written afterwards wraps as ever."""
    screen = on_screen(
        """
shown[:] = ["x" * 50, "second"]
with terminal.block(lines, every=every):
    terminal.draw()
    terminal.write("y" * 25 + "\\n")
    pause()
""",
        columns=20,
    )
    screen.shows("y" * 20, "y" * 5, "x" * 20, "second")
    screen.send()
    screen.end()


def test_follows_the_size_of_the_window(on_screen: OnScreen) -> None:
    """After the window was made smaller or larger the block is there once, for the space that there is now."""
    screen = on_screen(
        """
def fitting(space):
    spaces.append(space)
    return [str(row).ljust(space.columns, ".") for row in range(min(space.rows, 3))]
with terminal.block(fitting, every=0.05):
    pause()
""",
        columns=30,
    )
    screen.shows(*(f"{row}{'.' * 28}" for row in range(3)))
    screen.resize(12, 10)
    screen.shows(*(f"{row}{'.' * 8}" for row in range(3)))
    screen.resize(3, 10)
    screen.until(lambda: screen.lines[-2:] == [f"{row}{'.' * 8}" for row in range(2)])
    screen.resize(12, 20)
    screen.until(lambda: screen.lines[-3:] == [f"{row}{'.' * 18}" for row in range(3)])
    screen.send()
    screen.end()


def test_written_again_on_a_screen_that_is_lower_now(on_screen: OnScreen) -> None:
    """What is written after the window was made lower draws no more of the block than fits."""
    screen = on_screen("""
shown[:] = [f"row {number}" for number in range(8)]
with terminal.block(lines, every=every):
    terminal.draw()
    pause()
    for number in range(10):
        terminal.write(f"result {number}\\n")
    pause()
""")
    screen.until(lambda: "row 7" in screen.lines)
    screen.resize(4, 40)
    screen.send()
    screen.until(lambda: "result 9" in screen.lines)
    assert ["result 9", "row 0", "row 1", "row 2"] == screen.lines
    screen.send()
    screen.end()


def test_board_of_a_fleet(on_screen: OnScreen) -> None:
    """The board of many runs stands whole below their results, and takes no more of a low screen than there is."""
    screen = on_screen(
        """
from jobrunner.cli.board import Board, Failed
def board(space):
    failures = [Failed(run_id=f"{n:016}", label=f"shard={n}", words="exit code 1") for n in range(done)]
    now = Board(job="etl", total=40, running=40 - done, failed=done, failures=failures, elapsed=61.0)
    return now.lines(columns=space.columns, rows=space.rows, colour=True)
with terminal.block(board, every=every):
    for done in range(1, 31):
        terminal.draw()
        terminal.write(f"result {done}\\n")
    pause()
""",
        rows=9,
        columns=60,
    )
    screen.shows(
        "result 30",
        "etl | 30 of 40 done, 30 failed | 1m1s",
        "[" + "x" * 38 + ">" * 13 + "]  75 %",
        ". queued   - starting   > running   # succeeded   x failed",
        "       0            0          10             0         30",
        "x 0000000000000027  shard=27  exit code 1",
        "x 0000000000000028  shard=28  exit code 1",
        "x 0000000000000029  shard=29  exit code 1",
        "  and 27 more",
    )
    screen.send()
    assert "result 30" == screen.end()[-1]


def test_drawn_by_the_clock(on_screen: OnScreen) -> None:
    """Without being told, the block is drawn again and again, from another thread."""
    screen = on_screen("""
import itertools
numbers = itertools.count()
with terminal.block(lambda space: [f"drawn {min(next(numbers), 3)} times"], every=0.01):
    pause()
""")
    screen.shows("drawn 3 times")
    screen.send()
    screen.end()


def test_what_stays_the_same_is_not_written(on_screen: OnScreen) -> None:
    """A block that has not changed is drawn once."""
    screen = on_screen("""
with terminal.block(lines, every=every):
    for _ in range(100):
        terminal.draw()
    pause()
""")
    screen.shows("first", "second", "third")
    screen.send()
    screen.end()
    assert 1 == screen.raw.count(b"second")


def test_said_from_a_signal_handler(on_screen: OnScreen) -> None:
    """What a signal handler says takes the block's place, and the block is drawn below it, changed or not."""
    screen = on_screen("""
signal.signal(signal.SIGUSR1, lambda *_: terminal.say_now("said in the middle"))
with terminal.block(lines, every=every):
    terminal.draw()
    os.kill(os.getpid(), signal.SIGUSR1)
    terminal.draw()
    pause()
""")
    screen.shows("said in the middle", "first", "second", "third")
    screen.send()
    assert ["said in the middle"] == screen.end()


def test_status_line_is_one_line_and_harmless(on_screen: OnScreen) -> None:
    """The text of a status line stays one line within the screen, whatever is in it."""
    screen = on_screen(
        """
with terminal.status(lambda: "one\\ntwo \\x1b[2J " + "x" * 50):
    terminal.write("result\\n")
    terminal.draw()
    assert terminal.has_status
    pause()
assert not terminal.has_status
""",
        columns=30,
    )
    screen.shows("result", "one^Jtwo ^[[2J " + "x" * 14)
    screen.send()
    assert ["result"] == screen.end()


def test_not_on_a_dumb_terminal(on_screen: OnScreen) -> None:
    """Where nothing can be erased nothing is drawn, and whoever asks is told so."""
    screen = on_screen(
        """
with terminal.block(lines, every=0.01):
    assert not terminal.has_status
    terminal.draw()
    terminal.write("result\\n")
    terminal.say("said")
assert not spaces
""",
        TERM="dumb",
    )
    assert ["result", "said"] == screen.end()
    assert b"\x1b" not in screen.raw


def test_results_that_go_elsewhere_do_not_touch_the_block(on_screen: OnScreen) -> None:
    """With stdout in a file, what is written there holds nothing of the block, and the block stays as it is."""
    screen = on_screen("""
import io
file = io.TextIOWrapper(io.BytesIO())
terminal = Terminal(out=file)
with terminal.block(lines, every=every):
    terminal.draw()
    terminal.write("result\\n")
    terminal.draw()
    assert b"result\\n" == file.buffer.getvalue()
    pause()
""")
    screen.shows("first", "second", "third")
    screen.send()
    screen.end()
    assert 1 == screen.raw.count(b"second")


def test_not_in_the_background(on_screen: OnScreen) -> None:
    """A process that the shell has not given the terminal draws nothing over the prompt; what it says it says."""
    screen = on_screen("""
import subprocess
script = '''
import sys
from jobrunner.cli.terminal import Terminal
terminal = Terminal()
with terminal.block(lambda space: ["first", "second"], every=0.01):
    terminal.draw()
    terminal.say("said")
    terminal.draw()
'''
sys.stdout.write("$ prompt")
sys.stdout.flush()
subprocess.run([sys.executable, "-c", script], process_group=0, check=True)
""")
    assert ["$ promptsaid"] == screen.end()
    assert b"first" not in screen.raw


@pytest.fixture
def shell(tmp_path: Any) -> Iterator[Screen]:
    """An interactive shell with job control, in which `python script` shows a block."""
    script = tmp_path / "script"
    script.write_text(
        BEGIN + 'with terminal.block(lines, every=0.05):\n    pause()\nterminal.say("done")\n', encoding="utf-8"
    )
    env = {"PS1": "$ ", "HOME": str(tmp_path), "ENV": "", "P": sys.executable}
    screen = Screen("/bin/sh", "-i", rows=20, columns=60, env=env)
    screen.until(lambda: "$" in screen.lines)
    screen.send(f'cd {tmp_path}; clear; "$P" script\n')
    yield screen
    screen.close()


def test_ctrl_z_gives_the_screen_to_the_shell(shell: Screen) -> None:
    """When the process is suspended nothing of the block is mixed with what the shell writes; then it comes back."""
    shell.until(lambda: ["first", "second", "third"] == shell.lines[-3:])
    shell.send("\x1a")
    lines = shell.until(lambda: shell.lines[-1] == "$")
    assert [] == [line for line in lines if "first" in line or "second" in line or "third" in line]
    shell.send("fg\n")
    shell.until(lambda: ["first", "second", "third"] == shell.lines[-3:])
    shell.send("\x1a")
    shell.until(lambda: shell.lines[-1] == "$")
    shell.send("fg\n")
    shell.until(lambda: ["first", "second", "third"] == shell.lines[-3:])
    shell.send()
    lines = shell.until(lambda: "done" in shell.lines)
    assert [] == [line for line in lines if "first" in line or "second" in line or "third" in line]


def test_suspension_is_left_to_whoever_handles_it(on_screen: OnScreen) -> None:
    """A handler of SIGTSTP that was there stays, and so does the default afterwards, also from another thread."""
    screen = on_screen("""
import threading
def block():
    with terminal.block(lines, every=every):
        seen.append(signal.getsignal(signal.SIGTSTP))
seen, own = [], lambda *_: None
thread = threading.Thread(target=block)
thread.start()
thread.join()
assert [signal.SIG_DFL] == seen
block()
assert seen.pop() not in (signal.SIG_DFL, own)
assert signal.SIG_DFL is signal.getsignal(signal.SIGTSTP)
signal.signal(signal.SIGTSTP, own)
block()
assert own is seen.pop() is signal.getsignal(signal.SIGTSTP)
""")
    screen.end()


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, "True True"),
        ({"NO_COLOR": "1"}, "False False"),
        ({"NO_COLOR": ""}, "True True"),
        ({"TERM": "dumb"}, "False False"),
    ],
)
def test_colour(on_screen: OnScreen, env: dict[str, str], expected: str) -> None:
    """A terminal is coloured, unless it is dumb or NO_COLOR says otherwise (its empty value does not)."""
    screen = on_screen('terminal.say(f"{terminal.colour_out} {terminal.colour_err}")', **env)
    assert [expected] == screen.end()


def test_without_a_terminal() -> None:
    """Text goes as it is; there is no block and no colour."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    terminal = Terminal(out=out, err=err)
    spaces: list[Space] = []

    def lines(space: Space) -> list[str]:
        spaces.append(space)
        return ["first"]

    with terminal.block(lines):
        terminal.draw()
        terminal.write("\x1b[2Jresult\n")
        terminal.say("\x1b[2Jsaid")
    assert (b"\x1b[2Jresult\n", "\x1b[2Jsaid\n", []) == (out.buffer.getvalue(), err.getvalue(), spaces)  # type: ignore[attr-defined]  # a BytesIO
    assert [False] * 3 == [terminal.has_status, terminal.colour_out, terminal.colour_err]
