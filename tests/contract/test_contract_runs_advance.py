"""The contract of `ports.Runs` where several processes follow one run: `advance`, `advance_all`, `add_all`."""

from __future__ import annotations

import multiprocessing
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from jobrunner.core.ending import NOT_SENT, unlaunched
from jobrunner.core.outcome import LogReport, Outcome, Verdict
from jobrunner.core.record import RunRecord
from jobrunner.core.retry import Policy, Position
from jobrunner.store import open_runs
from jobrunner.testing import MemoryRuns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobrunner.core.ports import Runs

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SENT = RunRecord(
    run_id="0000000000000001",
    job="etl",
    project="demo",
    stage="prod",
    trigger="manual",
    created_at=NOON,
    region="eu-west-1",
    cluster="batch",
    endpoint_url="http://127.0.0.1:4566",
    endpoint_id="one",
    policy=Policy(attempts=3, on=("failure",)),
    requested_at=NOON,
    launched_at=NOON,
)


def failure(attempt: int) -> Outcome:
    """The outcome of one attempt."""
    return Outcome(
        run_id=SENT.run_id,
        job=SENT.job,
        attempt=attempt,
        verdict=Verdict.FAILED,
        reason="exit",
        exit_code=75,
        detail="exit code 75",
        task_arn=f"arn:{attempt}",
    )


TASK = SENT.with_task("arn:1")
GUARDED = replace(TASK, guard="jobrunner-timeout-1")
END = TASK.with_outcome(failure(1))
BILLED = TASK.with_outcome(replace(failure(1), billed_seconds=60))
READ = TASK.with_outcome(replace(failure(1), billed_seconds=60, logs=LogReport(complete=True, events=7)))
NEVER_SENT = SENT.with_outcome(unlaunched(NOT_SENT, SENT))
RELAUNCH = SENT.relaunch(Position(launch=2), when=NOON + timedelta(seconds=2))
PLANNED = TASK.relaunch(Position(attempt=2), when=NOON + timedelta(minutes=1), ended=failure(1))
SENT_AGAIN = replace(PLANNED, sent=True)
TASK_AGAIN = SENT_AGAIN.with_task("arn:2")
END_AGAIN = TASK_AGAIN.with_outcome(failure(2).after([failure(1)]))

#: What is stored, and what may follow it.
FORWARD = {
    "a task": (SENT, TASK),
    "an end": (TASK, END),
    "an end without a task": (SENT, NEVER_SENT),
    "a task that was only slow": (NEVER_SENT, TASK),
    "another launch": (SENT, RELAUNCH),
    "another attempt": (TASK, PLANNED),
    "another attempt although somebody judged the run": (END, SENT_AGAIN.with_task("arn:2")),
    "its launch": (PLANNED, SENT_AGAIN),
    "its task": (SENT_AGAIN, TASK_AGAIN),
    "its end": (TASK_AGAIN, END_AGAIN),
    "the schedule of the timeout": (TASK, GUARDED),
    "no schedule any more": (GUARDED, TASK),
    "the bill of an end": (END, BILLED),
    "a log that was read": (BILLED, READ),
}
#: What is stored, and what a process brings that knows less.
BACKWARD = {
    "no task": (TASK, SENT),
    "no end": (END, TASK),
    "an end without a task": (TASK, NEVER_SENT),
    "the launch before": (RELAUNCH, SENT),
    "the task of the attempt before": (PLANNED, TASK),
    "the end of the attempt before": (TASK_AGAIN, END),
    "a plan": (SENT_AGAIN, PLANNED),
    "no bill": (BILLED, END),
    "no log": (READ, BILLED),
}
#: An end that is stored is the end for whoever follows the run and has no task yet, or sees another end.
OVER = {
    "another end": (END, TASK.with_outcome(replace(failure(1), verdict=Verdict.TIMED_OUT))),
    "another attempt of a run that has ended": (END, PLANNED),
    "another launch of a run that has ended": (NEVER_SENT, RELAUNCH),
}


@pytest.fixture(params=["memory", "sqlite"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runs]:
    """A store."""
    store: Runs = MemoryRuns() if request.param == "memory" else open_runs(tmp_path / "state")
    yield store
    store.close()


def test_advancing_adds_what_is_not_there(runs: Runs) -> None:
    """A run that another machine started is stored when it is first seen."""
    assert SENT == runs.advance(SENT)
    assert SENT == runs.get(SENT.run_id)


@pytest.mark.parametrize("case", FORWARD)
def test_what_knows_more_is_stored(runs: Runs, case: str) -> None:
    """A run only goes forward, over all its launches and attempts; what knows as much replaces what is there."""
    stored, new = FORWARD[case]
    runs.add(stored)
    assert new == runs.advance(new)
    assert new == runs.get(new.run_id)


@pytest.mark.parametrize("case", BACKWARD | OVER)
def test_what_knows_less_changes_nothing(runs: Runs, case: str) -> None:
    """A late process takes nothing back, and is told how far the run is."""
    stored, late = (BACKWARD | OVER)[case]
    runs.add(stored)
    assert stored == runs.advance(late)
    assert stored == runs.get(stored.run_id)


def test_the_record_of_another_endpoint_is_replaced(runs: Runs) -> None:
    """A local endpoint that has gone took its run with it, however far that was."""
    for elsewhere in ({"endpoint_id": "two"}, {"endpoint_url": None, "endpoint_id": None}):
        runs.save(END_AGAIN)
        here = replace(SENT, **elsewhere)
        assert here == runs.advance(here)
        runs.save(END_AGAIN)
        assert [here] == list(runs.add_all([here]))
        assert here == runs.get(SENT.run_id)


def test_many_advance_as_one_by_one(runs: Runs) -> None:
    """Each answer stands where its record stood, also when two records are of one run."""
    other = replace(SENT, run_id="0000000000000002")
    runs.add(TASK)
    expected = [TASK, other, END, END]
    assert expected == list(runs.advance_all([SENT, other, END, TASK]))
    assert [END, other] == [runs.get(SENT.run_id), runs.get(other.run_id)]
    assert [] == list(runs.advance_all([]))


def test_adding_many_keeps_what_knows_as_much(runs: Runs) -> None:
    """The first record of a key stays, and is given back; what is new is given back as it is."""
    other, again = replace(SENT, run_id="0000000000000002"), replace(SENT, key="again")
    runs.add(SENT)
    stored = runs.add_all([again, other, replace(other, key="again")])
    assert [SENT, other, other] == list(stored)
    assert stored[1] is other, "who added a record must see that it was not there"
    assert [] == list(runs.add_all([]))


@pytest.mark.parametrize("case", FORWARD)
def test_adding_many_replaces_what_is_behind(runs: Runs, case: str) -> None:
    """A repeated key brings the record to where ECS has the run; what knows as much stays."""
    stored, new = FORWARD[case]
    expected = new if stored.is_behind(new) else stored
    runs.add(stored)
    assert [expected] == list(runs.add_all([new]))
    assert expected == runs.get(new.run_id)


@pytest.mark.parametrize("case", BACKWARD)
def test_adding_many_never_goes_back(runs: Runs, case: str) -> None:
    """Whoever repeats a key gets the run as far as it is."""
    stored, late = BACKWARD[case]
    runs.add(stored)
    assert [stored] == list(runs.add_all([late]))
    assert stored == runs.get(stored.run_id)


def test_a_repeated_key_launches_again_what_was_never_started(runs: Runs) -> None:
    """For whoever repeats the key, and only for them, an end without a task is not the end."""
    runs.add(NEVER_SENT)
    assert [RELAUNCH] == list(runs.add_all([RELAUNCH]))
    assert RELAUNCH == runs.get(SENT.run_id)


def steps() -> list[RunRecord]:
    """A run of 20 attempts, each planned, sent and seen, in the order of its life."""
    found, record = [], SENT
    for attempt in range(1, 21):
        sent = replace(record, sent=True)
        task = sent.with_task(f"arn:{attempt}")
        found += [record, sent, task]
        record = task.relaunch(Position(attempt=attempt + 1), when=NOON, ended=failure(attempt))
    return found


def test_threads_never_take_a_run_back(runs: Runs) -> None:
    """Of many that follow one run, each at its own speed, the one that is furthest is right in the end."""
    gate = threading.Barrier(4)
    told: list[list[RunRecord]] = []

    def follow(first: int) -> None:
        gate.wait()
        told.append([runs.advance(record) for record in steps()[first::4]])

    threads = [threading.Thread(target=follow, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert steps()[-1] == runs.get(SENT.run_id)
    for answers in told:
        assert [] == [one for one, after in pairwise(answers) if after.is_behind(one)]


def _follow(state: Path, first: int, answers: multiprocessing.Queue[tuple[int, int, bool]]) -> None:
    store = open_runs(state)
    for record in steps()[first::2]:
        many = [replace(record, run_id=f"{number:016d}") for number in range(3)]
        stored = store.advance_all(many)
        answers.put((first, min(one.attempt for one in stored), stored[0].attempt >= record.attempt))
    store.close()


def test_processes_never_take_a_run_back(tmp_path: Path) -> None:
    """Two processes that follow three runs at once end where the runs end, and neither ever sees one go back."""
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[tuple[int, int, bool]] = context.Queue()
    processes = [context.Process(target=_follow, args=(tmp_path, number, answers)) for number in range(2)]
    for process in processes:
        process.start()
    told = [answers.get(timeout=60) for _ in range(60)]
    for process in processes:
        process.join(60)
    assert [0, 0] == [process.exitcode for process in processes]
    assert all(forward for _, _, forward in told)
    for number in range(2):
        attempts = [attempt for first, attempt, _ in told if first == number]
        assert sorted(attempts) == attempts
    store = open_runs(tmp_path)
    assert [steps()[-1].task_arn] * 3 == [one.task_arn for one in store.recent()]
    store.close()
