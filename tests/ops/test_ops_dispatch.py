"""The calls of many runs: threads, batches, and what cannot be carried out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from shelljobs import shell

from jobrunner.core.budget import UNLIMITED, Budget
from jobrunner.core.observations import DescribeTask, StopTask, TaskSeen
from jobrunner.ops.dispatch import Dispatcher
from jobrunner.testing import TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobrunner import JobRunner
    from jobrunner.core.record import RunRecord
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]

LIMIT_SECONDS = 30.0


@pytest.fixture
def record(scripted: Machine, aws: FakeAws) -> RunRecord:
    """A run whose task goes on."""
    aws.default = TaskScript(runs=1e6)
    return scripted().start(shell("true")).record


@pytest.fixture
def dispatcher(scripted: Machine) -> Iterator[Dispatcher]:
    """One that makes its calls in two threads."""
    with Dispatcher(scripted()._ports, Budget(UNLIMITED), workers=2) as made:
        yield made


def nobody(room: int, cluster: str) -> list[tuple[int, RunRecord]]:
    """No company."""
    del room, cluster
    return []


def test_answers_come_to_who_has_asked(dispatcher: Dispatcher, record: RunRecord) -> None:
    """Each with its number, whatever came first."""
    for number in range(3):
        dispatcher.put(number, DescribeTask(), record)
    assert None is dispatcher.send(0.0, nobody)
    answers = dispatcher.collect(LIMIT_SECONDS)
    assert [0, 1, 2] == sorted(number for number, _ in answers)
    assert {record.task_arn} == {answer.task.task_arn for _, answer in answers if isinstance(answer, TaskSeen)}  # type: ignore[union-attr]


def test_what_is_withdrawn_is_not_sent(dispatcher: Dispatcher, record: RunRecord, aws: FakeAws) -> None:
    """And how many asks that were is said, so that nobody waits for them."""
    dispatcher.put(1, DescribeTask(), record)
    dispatcher.put(1, StopTask(reason="enough"), record)
    dispatcher.put(2, StopTask(reason="enough"), record)
    assert (2, 0) == (dispatcher.withdraw(1), dispatcher.withdraw(1))
    dispatcher.send(0.0, nobody)
    assert [2] == [number for number, _ in dispatcher.collect(LIMIT_SECONDS)]
    assert 1 == aws.tasks.calls.count("stop")


def test_a_bug_in_a_call_is_raised_where_the_answers_are_waited_for(
    dispatcher: Dispatcher, record: RunRecord, aws: FakeAws
) -> None:
    """Whoever waits for an answer that never comes would wait for ever."""

    def broken(*_: Any) -> Any:
        raise RuntimeError("a bug")

    aws.tasks.describe = broken  # type: ignore[method-assign]  # the bug
    dispatcher.put(1, DescribeTask(), record)
    dispatcher.send(0.0, nobody)
    with pytest.raises(RuntimeError, match="a bug"):
        dispatcher.collect(LIMIT_SECONDS)


def test_a_wait_ends_when_it_is_woken(dispatcher: Dispatcher) -> None:
    """A stop from another thread need not wait for an answer."""
    threading.Timer(0.05, dispatcher.wake).start()
    assert [] == dispatcher.collect(LIMIT_SECONDS)
