"""An iteration in another thread, and what a signal can do to it."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, cast

import pytest

from jobrunner.cli.aside import Aside
from jobrunner.cli.interrupts import Interrupts, Left

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.cli.terminal import Terminal

LIMIT_SECONDS = 30.0


class Silent:
    """A terminal to which nothing is said."""

    def say_now(self, text: str) -> None:
        """As `Terminal.say_now`."""


class Quiet:
    """A target that may be left, and does nothing."""

    leavable = True

    def leaving(self) -> None:
        """As `Run.leaving`."""

    def stop(self, reason: str) -> None:
        """As `Run.stop`."""


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """The signals of this process."""
    with Interrupts(cast("Terminal", Silent()), "stop") as handled:
        handled.watch(Quiet())
        yield handled


def _send_twice() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)  # another one: two of a kind may arrive as one


def test_items_come_in_order_and_from_one_other_thread(interrupts: Interrupts) -> None:
    """To the end, and nothing is lost."""
    threads = set()

    def source() -> Iterator[int]:
        for number in range(100):
            threads.add(threading.current_thread())
            yield number

    assert list(range(100)) == list(Aside(source(), interrupts))
    assert (1, False) == (len(threads), threading.main_thread() in threads)


def test_it_goes_no_further_than_it_is_asked_to(interrupts: Interrupts) -> None:
    """What an item tells is shown before what comes after it is done."""
    done: list[int] = []

    def source() -> Iterator[int]:
        for number in range(3):
            done.append(number)
            yield number

    for number in Aside(source(), interrupts):
        assert list(range(number + 1)) == done


def test_its_errors_are_raised_where_it_is_waited_for(interrupts: Interrupts) -> None:
    """As if there were no other thread."""

    def source() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    aside = Aside(source(), interrupts)
    assert 1 == next(aside)
    with pytest.raises(LookupError, match="no more"):
        next(aside)


@pytest.mark.parametrize("step", [0, 1, 2])
def test_who_is_left_goes_on(interrupts: Interrupts, step: int) -> None:
    """A second signal while any item is waited for hits the wait only; let go, the thread comes to its end."""
    left, ended = threading.Event(), threading.Event()
    seen: list[int] = []

    def source() -> Iterator[int]:
        for number in range(3):
            if number == step:
                _send_twice()
                assert left.wait(LIMIT_SECONDS)
            yield number
        ended.set()

    aside = Aside(source(), interrupts)
    with pytest.raises(Left), interrupts.may_leave():
        seen.extend(aside)
    left.set()
    aside.let_go()
    assert ended.wait(LIMIT_SECONDS)


def test_who_is_left_before_the_first_item_goes_on_too(interrupts: Interrupts) -> None:
    """Even if nothing has been asked of it."""
    ended = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        ended.set()

    aside = Aside(source(), interrupts)
    with pytest.raises(Left), interrupts.may_leave():
        _send_twice()
    aside.let_go()
    assert ended.wait(LIMIT_SECONDS)
