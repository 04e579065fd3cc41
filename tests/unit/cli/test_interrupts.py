"""Signals while a run is followed."""

from __future__ import annotations

import io
import os
import signal
from typing import TYPE_CHECKING, cast

import pytest

from jobrunner.cli.interrupts import Interrupts, Left

if TYPE_CHECKING:
    from jobrunner.cli.terminal import Terminal


class FakeRun:
    """Remembers why it was asked to stop."""

    def __init__(self, *, leavable: bool = True) -> None:
        self.leavable = leavable
        self.left = False
        self.reasons: list[str] = []

    def leaving(self) -> None:
        """As `Run.leaving`."""
        self.left = True

    def stop(self, reason: str) -> None:
        """As `Run.stop`."""
        self.reasons.append(reason)


class FakeTerminal:
    """Remembers what was said from a handler."""

    def __init__(self) -> None:
        self.said = io.StringIO()

    def say_now(self, text: str) -> None:
        """As `Terminal.say_now`."""
        self.said.write(f"{text}\n")


def _interrupts(on_first: str = "stop", terminal: FakeTerminal | None = None) -> Interrupts:
    return Interrupts(cast("Terminal", terminal or FakeTerminal()), on_first)


def _watch(interrupts: Interrupts, *, leavable: bool = True) -> FakeRun:
    run = FakeRun(leavable=leavable)
    interrupts.watch(run)
    return run


def _send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_stops_second_leaves(number: signal.Signals) -> None:
    """The first signal stops the run, by name; the second leaves it."""
    with _interrupts() as interrupts:
        run = _watch(interrupts)
        _send(number)
        assert [[f"jobrunner: interrupted by {number.name}"], number] == [run.reasons, interrupts.received]
        with pytest.raises(Left) as left:
            _send(number)
    assert (number, True) == (left.value.signal, left.value.stopping)


def test_detach_leaves_at_once() -> None:
    """With `detach` the first signal leaves, and stops nothing."""
    with _interrupts("detach") as interrupts:
        run = _watch(interrupts)
        with pytest.raises(Left) as left:
            _send(signal.SIGINT)
    assert ([], signal.SIGINT, False) == (run.reasons, left.value.signal, left.value.stopping)


def test_hang_up_leaves() -> None:
    """A terminal that goes away stops nothing, whatever the mode."""
    with _interrupts() as interrupts:
        run = _watch(interrupts)
        with pytest.raises(Left):
            _send(signal.SIGHUP)
    assert [] == run.reasons


@pytest.mark.parametrize(("mode", "number"), [("detach", signal.SIGINT), ("stop", signal.SIGHUP)])
def test_who_leaves_waits_for_the_launch(mode: str, number: signal.Signals) -> None:
    """Not in the middle of RunTask, whose answer nobody would keep; and it is said what is waited for."""
    terminal = FakeTerminal()
    with _interrupts(mode, terminal) as interrupts:
        _send(number)
        run = _watch(interrupts, leavable=False)
        for _ in range(2):
            interrupts.check()
        assert f"jobrunner: {number.name}: leaving as soon as ECS has the task; again to leave now\n" == (
            terminal.said.getvalue()
        )
        run.leavable = True
        with pytest.raises(Left) as left:
            interrupts.check()
    assert ([], number, False) == (run.reasons, left.value.signal, left.value.stopping)


def test_a_terminal_hangs_up_more_than_once() -> None:
    """The kernel and the shell both send SIGHUP: the second one is no reason to leave in the middle of RunTask."""
    with _interrupts() as interrupts:
        run = _watch(interrupts, leavable=False)
        _send(signal.SIGHUP)
        _send(signal.SIGHUP)
        run.leavable = True
        with pytest.raises(Left):
            interrupts.check()


def test_signal_before_the_run_is_known_waits_for_it() -> None:
    """A signal in the middle of RunTask acts as soon as the run is known: no task is left that nobody knows."""
    with _interrupts() as interrupts:
        _send(signal.SIGINT)
        assert ["jobrunner: interrupted by SIGINT"] == _watch(interrupts).reasons
    with _interrupts("detach") as interrupts:
        _send(signal.SIGTERM)
        interrupts.check()
        _watch(interrupts)
        with pytest.raises(Left):
            interrupts.check()


def test_second_signal_before_the_run_is_known_leaves() -> None:
    """Whoever insists is not held up."""
    for mode in ("stop", "detach"):
        with _interrupts(mode):
            _send(signal.SIGINT)
            with pytest.raises(Left):
                _send(signal.SIGINT)


def test_handlers_are_given_back() -> None:
    """Afterwards signals are handled as before; those that were ignored stay ignored all the time."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with _interrupts() as interrupts:
            _watch(interrupts)
            _send(signal.SIGHUP)
            assert signal.SIG_IGN is signal.getsignal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, hangup)
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
