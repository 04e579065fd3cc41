"""Many calls at once: their order, their number, and what an error or Ctrl-C does to the others."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from jobrunner.ops.parallel import in_order

LIMIT = 30.0


def test_results_are_in_the_order_of_the_items() -> None:
    """Whichever call ends first."""
    first_may_end = threading.Event()

    def call(item: int) -> int:
        if item == 0:
            assert first_may_end.wait(LIMIT)
        if item == 19:
            first_may_end.set()
        return item * 2

    assert [item * 2 for item in range(20)] == in_order(call, range(20), threads=4)


def test_as_many_calls_are_under_way_as_there_are_threads() -> None:
    """All of them, and never one more."""
    together = threading.Barrier(4)
    lock, under_way, most = threading.Lock(), 0, 0

    def call(_item: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        together.wait(LIMIT)
        with lock:
            under_way -= 1

    in_order(call, range(16), threads=4)
    assert 4 == most


def test_with_one_thread_all_happens_in_this_one() -> None:
    """A scripted clock belongs to one thread."""
    here = threading.get_ident()
    assert [here, here] == in_order(lambda _: threading.get_ident(), range(2), threads=1)


def test_one_item_needs_no_thread() -> None:
    """A plan of one job starts none."""
    assert [threading.get_ident()] == in_order(lambda _: threading.get_ident(), ["one"])
    assert [] == in_order(str, [])


def test_the_first_error_is_raised_and_nothing_more_is_begun() -> None:
    """What is under way ends before: nobody calls in the background of whoever handles the error."""
    begun: list[int] = []
    ended: list[int] = []
    both = threading.Barrier(2)

    def call(item: int) -> None:
        begun.append(item)
        both.wait(LIMIT)
        if item == 0:
            raise ValueError("the first")
        time.sleep(0.05)
        ended.append(item)

    with pytest.raises(ValueError, match="the first"):
        in_order(call, range(100), threads=2)
    assert [0, 1] == sorted(begun)
    assert [1] == ended


def test_ctrl_c_does_not_wait_for_what_is_under_way() -> None:
    """It ends the command although a call hangs; nothing is begun after it."""
    hanging, begun = threading.Event(), threading.Semaphore(0)
    items: list[int] = []

    def call(item: int) -> None:
        items.append(item)
        begun.release()
        assert hanging.wait(LIMIT)

    def interrupt() -> None:
        begun.acquire()
        begun.acquire()
        os.kill(os.getpid(), signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            in_order(call, range(100), threads=2)
    finally:
        interrupter.join()
        hanging.set()
    for thread in threading.enumerate():
        if thread.name == "jobrunner-parallel":
            thread.join(LIMIT)
    assert [0, 1] == sorted(items)
