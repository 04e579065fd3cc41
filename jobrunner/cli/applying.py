"""Carry out a plan from the command line: ask, make one change after the other, and stop between two of them."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from jobrunner.cli import exits, plans, words
from jobrunner.cli.harmless import harmless_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

    from jobrunner.cli.invocation import Invocation
    from jobrunner.cli.terminal import Terminal
    from jobrunner.core.plan import Change, Plan
    from jobrunner.ops.apply import Applied

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def check_confirmable(invocation: Invocation, *, yes: bool) -> None:
    """Make sure that somebody can be asked, before anything is done.

    Raises:
        UsageError: There is no terminal, and no `--yes`.
    """
    if not yes and not (sys.stdin is not None and sys.stdin.isatty() and invocation.terminal.err_is_terminal):
        raise click.UsageError("there is no terminal to ask on; --yes makes the changes without asking")


def confirmed(invocation: Invocation, question: str, *, yes: bool) -> bool:
    """Ask, unless that has been answered; say so when nothing is to be done.

    Raises:
        Abort: Ctrl-C, or the end of the input.
    """
    if yes or click.confirm(question, default=False, err=True):
        return True
    invocation.note("nothing was changed")
    return False


class Stopping:
    """Within this context a first SIGINT or SIGTERM lets the change under way come to its end, and a second does not.

    Attributes:
        received: The signal that said so, or None.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.received: int | None = None

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Note the first signal; leave with the second."""
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number
        name = signal.Signals(number).name
        self._terminal.say_now(f"jobrunner: {name}: stopping after this change; again to stop now")


@contextmanager
def stopping(terminal: Terminal) -> Iterator[Stopping]:
    """Handle signals in this block; one that was ignored before, as `nohup` does, stays ignored."""
    found = Stopping(terminal)
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, found.handle)
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def carry_out(invocation: Invocation, plan: Plan, results: Iterable[Applied]) -> int:
    """Make the changes of a plan and show each; give the exit code.

    Args:
        invocation: Where to show them.
        plan: What was confirmed.
        results: Makes a change each time that it is asked for the next one.
    """
    progress = _Progress(invocation, plan)
    with stopping(invocation.terminal) as signals:
        try:
            for result in results:
                progress.show(result)
                if signals.received is not None:
                    break
        except KeyboardInterrupt:
            progress.end(stopped=True)
            return exits.of_signal(signals.received or signal.SIGINT)
        except BaseException:
            progress.end(stopped=True)
            raise
        stopped = signals.received is not None
        progress.end(stopped=stopped)
    if stopped:
        return exits.of_signal(signals.received or signal.SIGINT)
    return exits.UNAVAILABLE if progress.failed or plan.foreign else exits.OK


class _Progress:
    """What has been made of a plan so far."""

    def __init__(self, invocation: Invocation, plan: Plan) -> None:
        self._invocation = invocation
        self._left: dict[str, Change] = {change.name: change for change in plan.to_do}
        self.done = self.failed = 0

    def show(self, result: Applied) -> None:
        """Show what has become of a change."""
        change, error = result.change, result.error
        self._left.pop(change.name, None)
        self.done, self.failed = self.done + (error is None), self.failed + (error is not None)
        if self._invocation.json:
            self._invocation.write_json(_document(result))
            return
        terminal = self._invocation.terminal
        failure = None if error is None else error.what
        terminal.write(plans.applied(change, failure, colour=terminal.colour_out) + "\n")
        if error is not None and error.hint:
            terminal.write(f"    {harmless_line(error.hint)}\n")

    def end(self, *, stopped: bool) -> None:
        """Say what was done, and what was not."""
        left = [*self._left]
        if self._invocation.json:
            counts = {"done": self.done, "failed": self.failed, "left": left}
            self._invocation.write_json({"event": "finished", **counts})
        said = f"{words.counted(self.done, 'change')} made" if self.done or self.failed or left else "nothing to change"
        said += f", {self.failed} failed" if self.failed else ""
        if stopped and left:
            said += f"; not made: {', '.join(left)}"
        self._invocation.note(said)


def _document(result: Applied) -> dict[str, Any]:
    change, error = result.change, result.error
    why = (
        None if error is None else {"message": error.what, "code": error.code, "where": error.where, "hint": error.hint}
    )
    return {"event": "applied", "action": str(change.action), "name": change.name, "job": change.job, "error": why}
