"""Signals while a run is followed."""

from __future__ import annotations

import gc
import io
import os
import signal
from typing import TYPE_CHECKING, cast

import pytest

from jobrunner.cli.interrupts import Interrupts, Left

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.cli.terminal import Terminal


class FakeRun:
    """Remembers why it was asked to stop."""

    def __init__(self, *, leavable: bool = True, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.leavable = leavable
        self.left = False
        self.reasons: list[str] = []
        self._meanwhile = meanwhile

    def leaving(self) -> None:
        """As `Run.leaving`."""
        self.left = True

    def stop(self, reason: str) -> None:
        """As `Run.stop`; something happens before it has done its work."""
        self._meanwhile()
        self.reasons.append(reason)


class FakeTerminal:
    """Remembers what was said from a handler."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.said = io.StringIO()
        self._meanwhile = meanwhile

    def say_now(self, text: str) -> None:
        """As `Terminal.say_now`; something happens before it has done its work."""
        self._meanwhile()
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
        with pytest.raises(Left) as left, interrupts.may_leave():
            _send(number)
    assert (number, True) == (left.value.signal, left.value.stopping)


def test_detach_leaves_at_once() -> None:
    """With `detach` the first signal leaves, and stops nothing."""
    with _interrupts("detach") as interrupts:
        run = _watch(interrupts)
        with pytest.raises(Left) as left, interrupts.may_leave():
            _send(signal.SIGINT)
    assert ([], signal.SIGINT, False) == (run.reasons, left.value.signal, left.value.stopping)


def test_hang_up_leaves() -> None:
    """A terminal that goes away stops nothing, whatever the mode."""
    with _interrupts() as interrupts:
        run = _watch(interrupts)
        with pytest.raises(Left), interrupts.may_leave():
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
        assert _watch(interrupts).left
        with pytest.raises(Left):
            interrupts.check()


def test_second_signal_before_the_run_is_known_leaves() -> None:
    """Whoever insists is not held up."""
    for mode in ("stop", "detach"):
        with _interrupts(mode) as interrupts:
            _send(signal.SIGINT)
            with pytest.raises(Left), interrupts.may_leave():
                _send(signal.SIGINT)


@pytest.mark.parametrize("where", ["stop", "say_now", "watch"])
def test_second_signal_in_the_handler_of_the_first(where: str) -> None:
    """Wherever the second one comes, the stop that the first one asks for has been asked for before it leaves."""
    sent: list[int] = []

    def again() -> None:
        if not sent:
            sent.append(signal.SIGTERM)
            _send(signal.SIGTERM)

    run = FakeRun(meanwhile=again) if where != "say_now" else FakeRun()
    terminal = FakeTerminal(again) if where == "say_now" else FakeTerminal()

    def follow(interrupts: Interrupts) -> None:
        if where == "watch":
            _send(signal.SIGINT)
        interrupts.watch(run)
        _send(signal.SIGINT)

    with _interrupts(terminal=terminal) as interrupts, pytest.raises(Left) as left, interrupts.may_leave():
        follow(interrupts)
    assert ["jobrunner: interrupted by SIGINT"] == run.reasons
    assert (signal.SIGTERM, True) == (left.value.signal, left.value.stopping)


def test_nothing_is_raised_where_nobody_catches_it() -> None:
    """Before the block of `may_leave` a signal is kept for it; after it, it only hurries what is under way."""
    with _interrupts() as interrupts:
        _watch(interrupts)
        _send(signal.SIGTERM)
        _send(signal.SIGTERM)
        with pytest.raises(Left), interrupts.may_leave():
            pytest.fail("the signals that came before were forgotten")
        assert not interrupts.insisted(within=0.0)
        _send(signal.SIGTERM)
        assert interrupts.insisted(within=0.0)


def test_what_has_been_raised_is_not_raised_again_on_its_way() -> None:
    """A third signal while the second one's exception unwinds, or is handled, cannot escape."""

    def unwind() -> None:
        try:
            _send(signal.SIGTERM)
        finally:
            _send(signal.SIGINT)

    with _interrupts() as interrupts:
        _watch(interrupts)
        _send(signal.SIGINT)
        with pytest.raises(Left) as left, interrupts.may_leave():
            unwind()
        assert interrupts.insisted(within=0.0)
    assert signal.SIGTERM == left.value.signal


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_that_python_has_dropped_is_raised_by_the_next_look() -> None:
    """What is raised in a finalizer is lost; the signal is not."""

    class Finalized:
        def __del__(self) -> None:
            _send(signal.SIGTERM)

    def drop(interrupts: Interrupts) -> None:
        Finalized()
        gc.collect()
        interrupts.check()

    with _interrupts() as interrupts:
        _watch(interrupts)
        _send(signal.SIGINT)
        with pytest.raises(Left) as left, interrupts.may_leave():
            drop(interrupts)
    assert (signal.SIGTERM, True) == (left.value.signal, left.value.stopping)


def test_a_short_block_is_done_before_a_signal_leaves() -> None:
    """Also when such blocks are nested."""
    done: list[str] = []

    def work(interrupts: Interrupts) -> None:
        with interrupts.held():
            _send(signal.SIGINT)
            done.append("inner")
        done.append("outer")

    with _interrupts() as interrupts:
        _watch(interrupts)
        _send(signal.SIGINT)
        with pytest.raises(Left), interrupts.may_leave(), interrupts.held():
            work(interrupts)
    assert ["inner", "outer"] == done


def test_while_another_thread_works_nobody_leaves_on_the_spot() -> None:
    """It might begin a launch at any moment: it is told, and `check` leaves when it has come to rest."""
    with _interrupts("detach") as interrupts:
        run = _watch(interrupts)
        interrupts.working = True
        with interrupts.may_leave():
            _send(signal.SIGINT)
        assert run.left
        with pytest.raises(Left):
            interrupts.check()


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
