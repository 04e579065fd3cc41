"""What waits costs nothing: generators, one thread that keeps time, and a few that work."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import client_of, until
from state_machines import StateMachines, only

from jobrunner.local import serve
from jobrunner.local.states.loop import Fork, Loop, Strand, Until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.states.loop import Steps


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop by the clock of the machine."""
    found = Loop(time.time)
    yield found
    found.close()


def ended(loop: Loop, steps: Steps) -> Future[Any]:
    """Run steps; what they end with."""
    future: Future[Any] = Future()

    def told(value: Any, error: Exception | None) -> None:
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    Strand(loop, steps, told).start()
    return future


def pause(seconds: float, value: Any = None) -> Steps:
    """Steps that wait."""
    yield Until(moment=time.time() + seconds)
    return value


def raising(seconds: float) -> Steps:
    """Steps that fail."""
    yield Until(moment=time.time() + seconds)
    raise ValueError(seconds)


def test_a_wait(loop: Loop) -> None:
    """It ends after its moment, and close to it."""
    began = time.monotonic()
    assert "done" == ended(loop, pause(0.2, "done")).result(10)
    assert 0.19 <= time.monotonic() - began < 5


def test_what_is_due_first_comes_first(loop: Loop) -> None:
    """A later start may be an earlier end."""
    order: list[int] = []
    futures = [ended(loop, pause(seconds)) for seconds in (0.3, 0.1, 0.2)]
    for number, future in enumerate(futures):
        future.add_done_callback(lambda _, number=number: order.append(number))
    for future in futures:
        future.result(10)
    assert [1, 2, 0] == order


def test_a_fork(loop: Loop) -> None:
    """The results are in the order of the branches; none is an empty list."""

    def steps(count: int) -> Steps:
        found = yield Fork(steps=(pause(0.1 * (count - number), number) for number in range(count)), limit=2)
        return found

    assert [0, 1, 2] == ended(loop, steps(3)).result(10)
    assert [] == ended(loop, steps(0)).result(10)


def test_a_fork_that_fails(loop: Loop) -> None:
    """The error comes where the fork was made, and the other branches are closed, at any depth."""
    closed: list[str] = []

    def long(name: str) -> Steps:
        try:
            yield Until(moment=time.time() + 600)
        finally:
            closed.append(name)

    def inner() -> Steps:
        found = yield Fork(steps=[long("deep")], limit=1)
        return found

    def outer() -> Steps:
        try:
            yield Fork(steps=[long("flat"), inner(), raising(0.1)], limit=3)
        except ValueError as error:
            return str(error)

    assert "0.1" == ended(loop, outer()).result(10)
    until(lambda: sorted(closed) == ["deep", "flat"])


def test_a_stop_while_it_works(loop: Loop) -> None:
    """A step is not interrupted; after it nothing goes on, and nobody is told."""
    entered, may_leave, closed = threading.Event(), threading.Event(), threading.Event()
    told: list[Any] = []

    def steps() -> Steps:
        entered.set()
        may_leave.wait(10)
        try:
            yield Until(moment=time.time())
            told.append("went on")
        except GeneratorExit:
            closed.set()
            raise

    strand = Strand(loop, steps(), lambda *end: told.append(end))
    strand.start()
    assert entered.wait(10)
    strand.stop()
    assert not closed.is_set()
    may_leave.set()
    assert closed.wait(10)
    assert [] == told


def test_one_that_hangs_does_not_hold_up_the_others(loop: Loop) -> None:
    """There are more threads than one for what works."""
    release = threading.Event()

    def hangs() -> Steps:
        release.wait(30)
        yield from ()

    stuck = [ended(loop, hangs()) for _ in range(10)]
    assert 1 == ended(loop, pause(0.05, 1)).result(10)
    release.set()
    for future in stuck:
        future.result(10)


def test_a_closed_loop_begins_nothing() -> None:
    """And what waits is forgotten."""
    loop = Loop(time.time)
    future = ended(loop, pause(600))
    loop.close()
    ended(loop, pause(0))
    with pytest.raises(TimeoutError):
        future.result(0.1)


def test_what_was_cancelled_is_forgotten(loop: Loop) -> None:
    """A loop does not grow with what it has not to do any more, and keeps what it has."""
    done = threading.Event()
    kept = loop.at(time.time() + 600, done.set)
    for _ in range(20_000):
        loop.at(time.time() + 600, done.set).cancel()
    assert len(loop._due) < 3_000
    assert kept in [one[2] for one in loop._due]


def test_a_thousand_executions_that_wait() -> None:
    """They have no threads of their own, and cost no time of the processor."""
    before = threading.active_count()
    with serve() as served:
        machines = StateMachines(served.connection)
        arn = machines.create(only(Type="Wait", Seconds=600))
        clients = [client_of(served.connection, "stepfunctions") for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: clients[number % 4].start_execution(stateMachineArn=arn), range(1_000)))
        until(lambda: all("WaitStateEntered" in machines.kinds(one) for one in running(machines, arn)[:3]))
        assert 1_000 == len(running(machines, arn))
        assert threading.active_count() - before < 60
        began, spent = time.monotonic(), time.thread_time()
        used = time.process_time()
        assert not threading.Event().wait(1)
        used = time.process_time() - used - (time.thread_time() - spent)
        assert used < 0.3 * (time.monotonic() - began)


def running(machines: StateMachines, arn: str) -> list[str]:
    """The executions that have not ended."""
    listed = machines.client.list_executions(stateMachineArn=arn, statusFilter="RUNNING", maxResults=1_000)
    return [one["executionArn"] for one in listed["executions"]]


def test_many_end_when_they_should() -> None:
    """Two hundred that wait for the same time end at about the same time."""
    with serve() as served:
        machines = StateMachines(served.connection)
        arn = machines.create(only(Type="Wait", Seconds=2))
        for _ in range(200):
            machines.start(arn)
        until(lambda: not running(machines, arn))
        found = machines.client.list_executions(stateMachineArn=arn, maxResults=1_000)["executions"]
        lasted = sorted((one["stopDate"] - one["startDate"]).total_seconds() for one in found)
        assert lasted[0] >= 2
        assert lasted[100] < 4


def test_closing_ends_everything() -> None:
    """No execution and no thread outlives its endpoint."""
    before = set(threading.enumerate())
    wait = {"Type": "Wait", "Seconds": 600, "End": True}
    path = {"StartAt": "W", "States": {"W": wait}}
    with serve() as served:
        machines = StateMachines(served.connection)
        for machine in (only(**wait), only(Type="Parallel", Branches=[path]), path):
            machines.start(machine)
        own = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("states")]
        assert own
    assert [] == [thread.name for thread in own if thread.is_alive()]
