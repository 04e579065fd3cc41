"""The contract of `ports.Runs`."""

from __future__ import annotations

import multiprocessing
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from jobrunner.core.logs import LogSource
from jobrunner.core.outcome import LogReport, Outcome, Verdict
from jobrunner.core.record import RunRecord
from jobrunner.store import open_runs
from jobrunner.testing import MemoryRuns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobrunner.core.ports import Runs

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runs]:
    """A store."""
    store: Runs = MemoryRuns() if request.param == "memory" else open_runs(tmp_path / "state")
    yield store
    store.close()


def record(run_id: str = "0000000000000001", **changes: object) -> RunRecord:
    """Give a record with everything in it."""
    whole = RunRecord(
        run_id=run_id,
        job="etl",
        project="demo",
        stage="prod",
        trigger="manual",
        created_at=NOON,
        region="eu-west-1",
        cluster="batch",
        endpoint_url="http://127.0.0.1:4566",
        endpoint_id="one",
        request={"cluster": "batch", "overrides": {"containerOverrides": [{"name": "main", "command": ["ä"]}]}},
        logs=(LogSource(container="main", group="/g", prefix="p"), LogSource(container="x", blind="no driver")),
        architecture="arm64",
        timeout=60,
        scheduled_time=NOON - timedelta(hours=1),
        key="2026-01-01",
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # the fields' names are the caller's


def outcome(run_id: str) -> Outcome:
    """Give the outcome of a success."""
    return Outcome(
        run_id=run_id,
        job="etl",
        attempt=1,
        verdict=Verdict.SUCCEEDED,
        reason="exit",
        exit_code=0,
        detail="exit code 0",
        task_arn="arn:aws:ecs:eu-west-1:123456789012:task/batch/1",
        billed_seconds=61,
        cost_usd=Decimal("0.000823"),
        logs=LogReport(complete=True, events=7),
    )


def test_a_record_is_given_back_as_it_was(runs: Runs) -> None:
    """Nothing of a record is lost, before and after its end."""
    new = record()
    assert new == runs.add(new)
    assert new == runs.get(new.run_id)
    ended = new.with_outcome(outcome(new.run_id))
    runs.save(ended)
    assert ended == runs.get(new.run_id)


def test_what_is_not_there_is_none(runs: Runs) -> None:
    """An unknown run is no error."""
    found = (runs.get("0" * 16), runs.by_task("arn"), list(runs.find("0")), list(runs.recent()))
    assert (None, None, [], []) == found


def test_the_first_record_of_a_run_stays(runs: Runs) -> None:
    """Whoever adds the same run later gets the first record, and nothing is stored."""
    first, second = record(trigger="manual"), record(trigger="library")
    runs.add(first)
    assert first == runs.add(second)
    assert first == runs.get(first.run_id)


def test_saving_adds_what_is_not_there(runs: Runs) -> None:
    """A run that another machine started is stored when it is first seen."""
    runs.save(record())
    assert record() == runs.get(record().run_id)


def test_runs_are_found_by_prefix_newest_first(runs: Runs) -> None:
    """A prefix names runs by the beginning of their id, and by nothing else."""
    for number, run_id in enumerate(("aa00000000000000", "ab00000000000000", "b%00000000000000")):
        runs.add(record(run_id, created_at=NOON + timedelta(seconds=number)))
    assert ["ab00000000000000", "aa00000000000000"] == [one.run_id for one in runs.find("a")]
    assert ["ab00000000000000"] == [one.run_id for one in runs.find("a", limit=1)]
    assert ["b%00000000000000"] == [one.run_id for one in runs.find("b%")]
    assert [] == [one.run_id for one in runs.find("a%")]
    assert 3 == len(runs.find(""))


def test_runs_are_found_by_their_task(runs: Runs) -> None:
    """A task ARN names a run, as soon as the run has a task."""
    runs.add(record())
    runs.add(record("0000000000000002", task_arn="arn:2"))
    found = runs.by_task("arn:2")
    assert found is not None
    assert "0000000000000002" == found.run_id
    runs.save(record(task_arn="arn:1"))
    found = runs.by_task("arn:1")
    assert found is not None
    assert "0000000000000001" == found.run_id


def test_recent_runs_are_those_of_a_job_or_unfinished(runs: Runs) -> None:
    """Newest first; of one moment, the one stored later first, also after it was saved again."""
    for run_id, job in (("1", "etl"), ("2", "etl"), ("3", "hello")):
        runs.add(record(run_id * 16, job=job))
    runs.save(record("1" * 16).with_outcome(outcome("1" * 16)))
    assert ["3", "2", "1"] == [one.run_id[0] for one in runs.recent()]
    assert ["2", "1"] == [one.run_id[0] for one in runs.recent(job="etl")]
    assert ["2"] == [one.run_id[0] for one in runs.recent(job="etl", unfinished=True)]
    assert ["3", "2"] == [one.run_id[0] for one in runs.recent(unfinished=True)]
    assert ["3"] == [one.run_id[0] for one in runs.recent(limit=1)]


def test_threads_agree_on_one_run(runs: Runs) -> None:
    """Of many threads that add one run at once, one wins and all get its record."""
    gate = threading.Barrier(8)
    won: list[RunRecord] = []

    def add(number: int) -> None:
        gate.wait()
        won.append(runs.add(record(key=str(number))))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 8 == len(won)
    assert {won[0].key} == {one.key for one in won}


def _add_many(state: Path, number: int, answers: multiprocessing.Queue[str | None]) -> None:
    store = open_runs(state)
    for run in range(20):
        answers.put(store.add(record(f"{run:016d}", key=f"{run}-{number}")).key)
    store.close()


def test_processes_agree_on_one_run(tmp_path: Path) -> None:
    """Processes that create the same new store at once lose nothing and agree on every run."""
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[str | None] = context.Queue()
    state = tmp_path / "state"
    processes = [context.Process(target=_add_many, args=(state, number, answers)) for number in range(4)]
    for process in processes:
        process.start()
    keys = [answers.get(timeout=60) for _ in range(4 * 20)]
    for process in processes:
        process.join(60)
    assert [0] * 4 == [process.exitcode for process in processes]
    assert 20 == len(set(keys))
    store = open_runs(state)
    assert 20 == len(store.recent())
    store.close()


def test_records_from_a_time_on(runs: Runs) -> None:
    """Oldest first, those of that time included; of one project and stage only."""
    for number in range(1, 4):
        runs.add(record(f"{number:016}", created_at=NOON + timedelta(hours=number)))
    runs.add(record("000000000000000a", stage=None))
    runs.add(record("000000000000000b", project="other"))

    def begun(since: datetime | None, stage: str | None = "prod") -> list[str]:
        return [one.run_id.lstrip("0") for one in runs.begun_since(since, project="demo", stage=stage)]

    assert [["1", "2", "3"], ["2", "3"], []] == [
        begun(since) for since in (None, NOON + timedelta(hours=2), NOON + timedelta(hours=4))
    ]
    assert ["a"] == begun(None, stage=None)


def test_many_records_from_a_time_on(runs: Runs) -> None:
    """Each once, also of those that were stored at one moment; some may be changed meanwhile."""
    known = [record(f"{number:016}") for number in range(1234)]
    runs.add_all(known)
    found = []
    for one in runs.begun_since(NOON, project="demo", stage="prod"):
        runs.save(one.with_task("arn:aws:ecs:eu-west-1:123456789012:task/batch/1"))
        found.append(one.run_id)
    assert [one.run_id for one in known] == found
