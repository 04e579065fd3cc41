"""The cache of history: what it takes, what it gives, and how it is found."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from noted import (
    MANUAL,
    NIGHTLY,
    NOON,
    SOURCE,
    arn,
    at,
    ended,
    execution,
    launch,
    notes_of_runs,
    under_way,
    unlaunched,
    without_task,
)

from jobrunner.core.figures import figures_of
from jobrunner.core.history import Entry, Identity, LaunchNote, Note, Query, entry_of
from jobrunner.core.outcome import Verdict
from jobrunner.store import SqliteHistory, open_history
from jobrunner.store.history_reading import newest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jobrunner.core.figures import Figures

GROUP = "/aws/events/jobrunner-demo-prod"
PROD = Query(project="demo", stage="prod")


@pytest.fixture
def history(tmp_path: Path) -> Iterator[SqliteHistory]:
    """A store on a file of its own."""
    store = open_history(tmp_path / "state")
    yield store
    store.close()


def run(number: int, *, job: str = "etl", begun: float = 0, **said: Any) -> LaunchNote:
    """The only launch of a run, under way."""
    return launch(number, identity=Identity(run_id=f"{number:016x}", job=job, trigger="manual"), begun=begun, **said)


def ids(entries: Sequence[Entry]) -> list[str]:
    """The ids of runs, short."""
    return [entry.identity.run_id.lstrip("0") for entry in entries]


def content(store: SqliteHistory) -> tuple[list[Entry], list[Figures]]:
    """Everything of the project, in one order."""
    every = replace(PROD, every_stage=True)
    return list(store.entries(every)), sorted(store.figures(every), key=str)


def expected(notes: Sequence[Note]) -> list[Entry]:
    """The runs that notes come to, worked out in memory."""
    from jobrunner.core.history import better

    runs: dict[str, dict[str, Note]] = {}
    for note in notes:
        kept = runs.setdefault(note.identity.run_id, {})
        kept[note.key] = better(note, kept.get(note.key))
    found = [entry_of(SOURCE, kept.values()) for kept in runs.values()]
    return sorted(found, key=lambda entry: (entry.due, entry.identity.run_id), reverse=True)


# --- what it takes


def test_nothing_is_created_before_it_is_used(tmp_path: Path) -> None:
    """Opening a project leaves no traces, and neither does having nothing to add."""
    store = open_history(tmp_path / "state")
    assert 0 == store.add(SOURCE, [])
    store.close()
    assert [] == list(tmp_path.iterdir())


def test_nothing_is_imported_before_it_is_used() -> None:
    """A run pays for history when it asks for it."""
    program = (
        "import sys; from pathlib import Path; from jobrunner.store import open_history; open_history(Path('x'))\n"
        "print({'sqlite3', 'jobrunner.core.history', 'jobrunner.core.figures'} & set(sys.modules))"
    )
    # Measuring coverage takes SQLite itself.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=unmeasured)
    assert "set()\n" == done.stdout


def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    """The directory is 0700, the file and those beside it 0600, whatever the umask."""
    old = os.umask(0)
    try:
        store = open_history(tmp_path / "state")
        store.add(SOURCE, [launch()])
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    store.close()
    assert {0o600} == set(modes.values())
    assert 0o700 == stat.S_IMODE((tmp_path / "state").stat().st_mode)


def test_a_commit_leaves_the_file_whole(history: SqliteHistory) -> None:
    """Write-ahead log, synchronous NORMAL: what is lost when the power goes is read again."""
    history.add(SOURCE, [launch()])
    connection, _ = history._file.connection()
    said = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
    assert [1, "wal"] == said


def test_notes_come_to_the_run_that_they_are_of(history: SqliteHistory) -> None:
    """Whatever was told, in however many calls; the number of changed runs is told each time."""
    first, second = ended(launch(1), Verdict.FAILED), launch(2, attempt=2, begun=200)
    changes = [history.add(SOURCE, notes) for notes in ([launch(1)], [first, second], [first], [ended(second)])]
    assert [1, 1, 0, 1] == changes
    assert [entry_of(SOURCE, [first, ended(second)])] == history.entries(PROD)


def test_the_same_notes_again_write_nothing(history: SqliteHistory) -> None:
    """The last hour of a log is read each time."""
    notes = [ended(run(number)) for number in range(50)]
    assert 50 == history.add(SOURCE, notes)
    connection, _ = history._file.connection()
    before = connection.total_changes
    assert 0 == history.add(SOURCE, [*notes, *(run(number) for number in range(50))])
    assert 0 == connection.total_changes - before


def test_a_page_is_one_transaction(history: SqliteHistory) -> None:
    """A process that is killed in the middle has stored nothing of it, nor that it was read."""
    history.add(SOURCE, [launch()])
    said: list[str] = []
    history._file.connection()[0].set_trace_callback(said.append)
    history.add(SOURCE, [run(number) for number in range(100)], group=GROUP, to=NOON)
    assert (1, 1) == (said.count("BEGIN IMMEDIATE"), said.count("COMMIT"))
    unwritable = replace(run(200), main=object())  # type: ignore[arg-type]  # it is no name
    with pytest.raises(TypeError):
        history.add(SOURCE, [run(199), unwritable], group=GROUP, to=at(9))
    assert ([], NOON) == (history.named(f"{199:016x}", limit=1), history.read_to(SOURCE, GROUP))


def test_how_far_a_log_was_read_never_goes_back(history: SqliteHistory) -> None:
    """Two processes read pages of it, and the slower one is behind."""
    assert None is history.read_to(SOURCE, GROUP)
    for moment in (at(10), at(5), None):
        history.add(SOURCE, [], group=GROUP, to=moment)
        assert at(10) == history.read_to(SOURCE, GROUP)
    other = replace(SOURCE, stage="dev")
    assert (None, None) == (history.read_to(SOURCE, "/other"), history.read_to(other, GROUP))


def test_a_store_that_was_closed_opens_again(history: SqliteHistory) -> None:
    """A runner that is closed twice, or used after, loses nothing."""
    history.add(SOURCE, [launch()])
    history.close()
    history.close()
    assert 1 == len(history.entries(PROD))


# --- what it gives


def test_runs_come_newest_first_and_at_most_so_many(history: SqliteHistory) -> None:
    """By when they were due; of one moment always in the same order."""
    history.add(SOURCE, [run(number, begun=number // 2) for number in (1, 3, 2, 5, 4)])
    assert ["5", "4", "3", "2", "1"] == ids(history.entries(PROD))
    assert ["5", "4"] == ids(history.entries(replace(PROD, limit=2)))
    assert [] == history.entries(replace(PROD, limit=0))


def test_a_run_whose_due_time_becomes_known_moves(history: SqliteHistory) -> None:
    """What tells that it is a schedule's may come last."""
    late = replace(NIGHTLY, trigger="library")
    history.add(SOURCE, [launch(1, identity=late, begun=500)])
    history.add(SOURCE, [launch(2, identity=NIGHTLY, attempt=2, begun=600)])
    assert [NOON] == [entry.due for entry in history.entries(PROD)]
    assert [] == history.entries(replace(PROD, since=at(1)))


def _queries() -> Iterator[Query]:
    for since, until, limit in itertools.product((None, at(100)), (None, at(300)), (None, 2)):
        for job, verdict, trigger in itertools.product((None, "a"), (None, Verdict.FAILED), (None, "schedule")):
            yield replace(PROD, since=since, until=until, limit=limit, job=job, verdict=verdict, trigger=trigger)


def test_a_query_gives_exactly_what_it_asks_for(history: SqliteHistory) -> None:
    """Every combination, against a search by hand; figures are those of the entries, without a limit."""
    notes = []
    for number in range(40):
        scheduled = number % 3 == 0
        identity = Identity(
            run_id=f"{number:016x}",
            job="ab"[number % 2],
            trigger="schedule" if scheduled else "manual",
            scheduled_time=at(number * 10 + 5) if scheduled else None,
        )
        task = launch(number, identity=identity, begun=number * 10)
        notes.append([task, ended(task), ended(task, Verdict.FAILED)][number % 5 % 3])
    history.add(SOURCE, notes)
    history.add(replace(SOURCE, project="other"), [run(99)])
    for query in _queries():
        found = [entry for entry in expected(notes) if _fits(entry, query)]
        assert found[: query.limit] == list(history.entries(query))
        assert sorted(map(figures_of, found), key=str) == sorted(history.figures(query), key=str)


def _fits(entry: Entry, query: Query) -> bool:
    checks = (
        query.job in {None, entry.identity.job},
        query.trigger in {None, entry.identity.trigger},
        query.verdict is None or (entry.outcome is not None and entry.outcome.verdict is query.verdict),
        query.since is None or entry.due >= query.since,
        query.until is None or entry.due < query.until,
    )
    return all(checks)


def test_stages_are_told_apart_and_endpoints_are_not(history: SqliteHistory) -> None:
    """One stage, no stage, all of them; a local endpoint that has ended is a source of its own, of the same stage."""
    sources = [
        SOURCE,
        replace(SOURCE, endpoint_url="http://127.0.0.1:1", endpoint_id="one"),
        replace(SOURCE, stage=None),
        replace(SOURCE, stage="dev"),
        replace(SOURCE, project="other"),
    ]
    for number, source in enumerate(sources, start=1):
        history.add(source, [ended(run(number, begun=number))])
    assert ["2", "1"] == ids(history.entries(PROD))
    assert ["3"] == ids(history.entries(replace(PROD, stage=None)))
    assert ["4", "3", "2", "1"] == ids(history.entries(replace(PROD, every_stage=True)))
    assert ["4", "3"] == ids(history.entries(replace(PROD, every_stage=True, limit=2)))
    assert [sources[1], SOURCE] == [entry.source for entry in history.entries(PROD)]
    assert ["dev", "prod", "prod", None] == sorted(
        (one.stage for one in history.figures(replace(PROD, every_stage=True))), key=lambda stage: stage or "z"
    )


def test_one_id_at_two_endpoints_is_two_runs(history: SqliteHistory) -> None:
    """Scheduled runs of two local endpoints have the same id."""
    other = replace(SOURCE, endpoint_id="two")
    history.add(SOURCE, [ended(launch(1, identity=NIGHTLY))])
    history.add(other, [launch(2, identity=NIGHTLY)])
    assert {SOURCE, other} == {entry.source for entry in history.named("nightly@", limit=10)}
    assert 2 == len(history.entries(PROD))


def test_runs_are_found_by_the_beginning_of_their_id(history: SqliteHistory) -> None:
    """Of every source, newest first, and nothing else: no character stands for another one."""
    for begun, run_id in enumerate(("aa00", "ab00", "b%00", "a", "A")):
        history.add(SOURCE, [launch(begun, identity=replace(MANUAL, run_id=run_id), begun=begun)])
    assert ["a", "ab00", "aa00"] == ids(history.named("a", limit=10))
    assert ["a", "ab00"] == ids(history.named("a", limit=2))
    assert ["b%00"] == ids(history.named("b%", limit=10))
    assert [] == history.named("c", limit=10)


def test_a_run_is_found_by_each_of_its_tasks(history: SqliteHistory) -> None:
    """Also one that only its end names; and no other."""
    first, second = replace(ended(launch(1), Verdict.FAILED), task=None), launch(2, attempt=2, begun=200)
    history.add(SOURCE, [first, second, under_way(identity=MANUAL)])
    found = [history.by_task(arn(number)) for number in (1, 2, 3)]
    assert [MANUAL, MANUAL, None] == [entry and entry.identity for entry in found]


def test_two_tasks_of_one_number_are_told_apart(history: SqliteHistory) -> None:
    """Their runs are found by a digest, which another task may have, just possibly."""
    history.add(SOURCE, [run(1), run(2, begun=5)])
    connection, _ = history._file.connection()
    numbers = [row[0] for row in connection.execute("SELECT task FROM tasks ORDER BY run")]
    connection.execute("INSERT INTO tasks SELECT ?, run FROM tasks WHERE task = ?", numbers)
    found = history.by_task(arn(1))
    assert found is not None
    assert "1" == found.identity.run_id.lstrip("0")


def test_figures_are_read_while_others_write(history: SqliteHistory) -> None:
    """As they were when the first one was asked for; nobody waits for whoever reads slowly."""
    history.add(SOURCE, [run(number) for number in range(10)])
    reading = history.figures(PROD)
    next(reading)
    assert 1 == history.add(SOURCE, [run(11)])
    assert 9 == len(list(reading))
    assert 11 == len(list(history.figures(PROD)))


def test_whoever_stops_reading_figures_holds_nothing(tmp_path: Path) -> None:
    """No connection is left open, and the file can be checkpointed to its end."""
    store = open_history(tmp_path)
    store.add(SOURCE, [run(number) for number in range(10)])
    reading = store.figures(PROD)
    next(reading)
    reading.close()  # type: ignore[attr-defined]  # it is a generator
    store.close()
    assert ["history.sqlite"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("changes", "index"),
    [
        ({}, "runs_by_time (place=?)"),
        ({"since": NOON}, "runs_by_time (place=? AND due>?)"),
        ({"since": NOON, "until": at(5)}, "runs_by_time (place=? AND due>? AND due<?)"),
        ({"verdict": Verdict.FAILED, "trigger": "manual"}, "runs_by_time (place=?)"),
        ({"job": "etl"}, "runs_by_job (place=? AND job=?)"),
        ({"job": "etl", "since": NOON, "verdict": Verdict.FAILED}, "runs_by_job (place=? AND job=? AND due>?)"),
    ],
)
def test_no_query_reads_all_runs(history: SqliteHistory, changes: dict[str, Any], index: str) -> None:
    """An index chooses and sorts; those of one moment alone are sorted afterwards."""
    history.add(SOURCE, [launch()])
    question, values = newest_of(replace(PROD, limit=50, **changes), 1)
    plan = history._file.connection()[0].execute(f"EXPLAIN QUERY PLAN {question}", values)
    said = "; ".join(row[3] for row in plan)
    assert said.startswith(f"SEARCH runs USING INDEX {index}")
    assert "FOR ORDER BY" not in said


# --- what has no known cost


def _priced(note: LaunchNote) -> LaunchNote:
    assert note.outcome is not None
    return replace(note, outcome=replace(note.outcome, cost_usd=Decimal("0.5")), on_demand_usd=Decimal("0.5"))


def test_what_has_no_known_cost_is_priced_again(history: SqliteHistory) -> None:
    """Every launch of it; what is priced, or not over, or another source's, stays as it is."""
    unknown = [ended(launch(1), Verdict.FAILED, cost_usd=None), ended(launch(2, attempt=2, begun=200), cost_usd=None)]
    known, open_, elsewhere = ended(run(7)), run(8), replace(SOURCE, stage="dev")
    history.add(SOURCE, [*unknown, known, open_, execution(end=without_task())])
    history.add(elsewhere, [ended(run(9), cost_usd=None)])
    assert 1 == history.reprice(SOURCE, _priced)
    costs = {one.job: one.cost for one in history.figures(replace(PROD, job="etl", until=at(1)))}
    assert [1_000_000] == [one.cost for one in history.figures(PROD) if one.attempts == 2]
    assert {"etl"} == set(costs)
    assert [None] == [one.cost for one in history.figures(replace(PROD, stage="dev"))]
    assert 0 == history.reprice(SOURCE, _priced)


def test_a_price_stays_when_the_event_without_it_comes_again(history: SqliteHistory) -> None:
    """The last hour of the log is read with each sync."""
    unknown = ended(launch(), cost_usd=None)
    history.add(SOURCE, [unknown])
    history.reprice(SOURCE, _priced)
    assert 0 == history.add(SOURCE, [unknown])
    assert [500_000] == [one.cost for one in history.figures(PROD)]


def test_any_number_of_runs_is_priced_again(history: SqliteHistory) -> None:
    """Page by page; those whose price stays unknown are asked about once."""
    history.add(SOURCE, [ended(run(number), cost_usd=None) for number in range(2_500)])
    asked: list[str] = []

    def price(note: LaunchNote) -> LaunchNote:
        asked.append(note.key)
        return _priced(note) if len(asked) % 2 else note

    assert (1_250, 2_500, 2_500) == (history.reprice(SOURCE, price), len(asked), len(set(asked)))
    assert 0 == history.reprice(replace(SOURCE, stage="never seen"), price)


# --- several at once


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(notes=notes_of_runs(), chance=st.randoms(use_true_random=False), size=st.integers(1, 7))
def test_any_order_and_any_pages_come_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, notes: list[Note], chance: Any, size: int
) -> None:
    """Deliveries are at least once and unordered, and a sync may end between any two pages."""
    path = tmp_path_factory.mktemp("any")
    deliveries = [*notes, *chance.sample(notes, chance.randint(0, len(notes)))]
    chance.shuffle(deliveries)
    store = open_history(path)
    for start in range(0, len(deliveries), size):
        store.add(SOURCE, deliveries[start : start + size])
    entries = expected(notes)
    assert (entries, sorted(map(figures_of, entries), key=str)) == content(store)
    tasks = {one.task_arn for entry in entries for one in entry.launches if one.task_arn}
    assert {True} >= {store.by_task(arn) is not None for arn in tasks}
    store.close()


def _pages(number: int) -> list[list[Note]]:
    """What a process adds: of each run half of the notes that the other one adds too, in an order of its own."""
    notes: list[Note] = []
    for one in range(60):
        first, second = run(one, begun=one), run(one + 1_000, begun=one + 300, attempt=2)
        second = replace(second, identity=first.identity)
        told = [first, ended(first, Verdict.FAILED), second, ended(second)]
        notes += told[:3] if number else told[1:]
    notes.sort(key=lambda note: (note.at.second * (7 + number)) % 31)
    return [notes[start : start + 9] for start in range(0, len(notes), 9)]


def _add_pages(path: Path, number: int, barrier: Any) -> None:
    store = open_history(path)
    barrier.wait(60)
    for page, notes in enumerate(_pages(number)):
        store.add(SOURCE, notes, group=GROUP, to=at(page * (number + 1)))
    store.close()


def test_two_processes_that_add_the_same_come_to_what_one_does(tmp_path: Path) -> None:
    """Overlapping events, at the same time, from the making of the file on."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=_add_pages, args=(tmp_path / "both", number, barrier)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [0, 0] == [process.exitcode for process in processes]
    both = open_history(tmp_path / "both")
    notes = [note for number in range(2) for page in _pages(number) for note in page]
    entries = expected(notes)
    assert (entries, sorted(map(figures_of, entries), key=str)) == content(both)
    assert at((len(_pages(1)) - 1) * 2) == both.read_to(SOURCE, GROUP)
    assert 0 == both.add(SOURCE, notes)
    both.close()


def _add_for_ever(path: Path) -> None:
    store = open_history(path)
    for page in itertools.count():
        store.add(SOURCE, [run(page * 10 + one) for one in range(10)], group=GROUP, to=at(page + 1))


def test_a_process_that_is_killed_has_stored_what_it_says_was_read(tmp_path: Path) -> None:
    """Whole pages, each with how far it came: the next sync goes on there, and misses nothing."""
    process = multiprocessing.get_context("spawn").Process(target=_add_for_ever, args=(tmp_path,))
    process.start()
    store = open_history(tmp_path)
    while (store.read_to(SOURCE, GROUP) or NOON) < at(5):
        assert process.is_alive()
    process.kill()
    process.join(60)
    read = store.read_to(SOURCE, GROUP)
    assert read is not None
    assert (int((read - NOON).total_seconds()) * 10, None) == (len(store.entries(PROD)), store.trouble)
    store.close()


def test_threads_share_a_store(history: SqliteHistory) -> None:
    """One connection behind a lock; readers of figures have their own."""
    gate, failed = threading.Barrier(6), []

    def work(number: int) -> None:
        gate.wait()
        try:
            for one in range(20):
                history.add(SOURCE, [run(one), ended(run(one))])
                list(history.figures(PROD) if number % 2 else history.entries(PROD))
        except Exception as error:  # noqa: BLE001  it is told below, in the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ([], 20) == (failed, len(history.entries(PROD)))


def test_a_forked_process_has_a_connection_of_its_own(history: SqliteHistory) -> None:
    """SQLite forbids to use or close a connection that was open at the fork; both processes go on."""
    history.add(SOURCE, [run(1)])
    child = os.fork()
    if child == 0:
        try:
            history.add(SOURCE, [run(2)])
            history.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    history.add(SOURCE, [run(3)])
    assert 3 == len(history.entries(PROD))


def test_a_store_of_large_runs_stays_small(tmp_path: Path) -> None:
    """A run takes some 600 bytes: a million of them, with their indexes, stay below a gigabyte."""
    store = open_history(tmp_path)
    notes = [ended(run(number, begun=number)) for number in range(5_000)]
    store.add(SOURCE, notes)
    store.close()
    assert (tmp_path / "history.sqlite").stat().st_size < 5_000 * 900


def test_an_unplaced_run_is_stored_as_any_other(history: SqliteHistory) -> None:
    """It has no task to be found by."""
    history.add(SOURCE, [unlaunched(launch())])
    assert [(Verdict.NEVER_STARTED, 0)] == [
        (entry.outcome.verdict, entry.outcome.billed_seconds) for entry in history.entries(PROD) if entry.outcome
    ]
    connection, _ = history._file.connection()
    assert 0 == connection.execute("SELECT count(*) FROM tasks").fetchone()[0]


def test_the_time_of_the_last_second_is_kept(history: SqliteHistory) -> None:
    """To the microsecond, as AWS's times may have them."""
    moment = NOON + timedelta(microseconds=123_457)
    history.add(SOURCE, [replace(launch(), at=moment)], group=GROUP, to=moment)
    assert (moment, [moment]) == (history.read_to(SOURCE, GROUP), [entry.at for entry in history.entries(PROD)])
