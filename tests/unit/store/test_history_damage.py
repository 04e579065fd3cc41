"""A cache of history that cannot be used: it is kept aside, told of in a sentence, and made anew."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from noted import NOON, SOURCE, arn, at, ended, launch

from jobrunner.core.history import Identity, LaunchNote, Query
from jobrunner.errors import StoreError
from jobrunner.store import history as history_module
from jobrunner.store import history_tables, open_history
from jobrunner.store.history import FILE, SqliteHistory
from jobrunner.store.history_tables import SCHEMA_VERSION
from jobrunner.store.sqlite_file import identity_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GROUP = "/aws/events/jobrunner-demo-prod"
PROD = Query(project="demo", stage="prod")
ASIDE = f"{FILE}.damaged-2026-11-24T12.30.00Z"
USES: dict[str, Callable[[SqliteHistory], object]] = {
    "add": lambda store: store.add(SOURCE, [run(number) for number in range(1_500)], group=GROUP, to=at(7)),
    "read_to": lambda store: store.read_to(SOURCE, GROUP),
    "entries": lambda store: store.entries(PROD),
    "named": lambda store: store.named("0", limit=10_000),
    "by_task": lambda store: [store.by_task(arn(number)) for number in range(1_000)],
    "figures": lambda store: list(store.figures(PROD)),
    "reprice": lambda store: store.reprice(SOURCE, lambda note: note),
}


def run(number: int) -> LaunchNote:
    """The only launch of a run."""
    identity = Identity(run_id=f"{number:016x}", job="etl", trigger="manual")
    return ended(launch(number, identity=identity, begun=number), cost_usd=None)


def opened(path: Path) -> SqliteHistory:
    """A store at half past twelve."""
    return SqliteHistory(path / FILE, now=lambda: datetime(2026, 11, 24, 12, 30, tzinfo=UTC))


def filled(path: Path, runs: int = 1) -> Path:
    """A file with runs, which nobody has open."""
    store = opened(path)
    store.add(SOURCE, [run(number) for number in range(runs)], group=GROUP, to=NOON)
    store.close()
    return path / FILE


def altered(path: Path, *statements: str) -> Path:
    """A file with runs to which somebody has done something."""
    file = filled(path, 20)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return file


def names(path: Path) -> list[str]:
    """The files of a directory."""
    return sorted(one.name for one in path.iterdir())


def is_new(store: SqliteHistory) -> bool:
    """Whether a store works, and has nothing of what there was."""
    empty = ([], None) == (list(store.entries(PROD)), store.read_to(SOURCE, GROUP))
    return empty and store.add(SOURCE, [run(7)]) == 1 and len(store.entries(PROD)) == 1


@pytest.mark.parametrize("use", [name for name in USES if name != "add"])
@pytest.mark.parametrize("content", [b"this is no database, it is text\n" * 200, b"SQLite format 3\0" + b"\xff" * 9000])
def test_what_is_no_database_is_kept_aside(tmp_path: Path, use: str, content: bytes) -> None:
    """As it is; the trouble says what it was and where it is, and a new file is in its place at once."""
    (tmp_path / FILE).write_bytes(content)
    store = opened(tmp_path)
    USES[use](store)
    assert store.trouble is not None
    assert f"history in {tmp_path / FILE} was of no use: file is not a database" in store.trouble
    assert f"it was moved to {tmp_path / ASIDE}, and history is read anew" in store.trouble
    assert is_new(store)
    store.close()
    assert ([FILE, ASIDE], content) == (names(tmp_path), (tmp_path / ASIDE).read_bytes())


@pytest.mark.parametrize("use", list(USES))
def test_corrupted_pages_are_found_wherever_they_are(tmp_path: Path, use: str) -> None:
    """No traceback, whichever call comes upon them; the file is kept with its damage."""
    file = filled(tmp_path, 1_000)
    content = file.read_bytes()
    damaged = content[:4096] + b"\xa5" * (len(content) - 4096)
    file.write_bytes(damaged)
    store = opened(tmp_path)
    USES[use](store)
    assert "malformed" in str(store.trouble)
    store.close()
    assert ([FILE, ASIDE], damaged) == (names(tmp_path), (tmp_path / ASIDE).read_bytes())


def test_a_file_that_was_cut_off_is_found(tmp_path: Path) -> None:
    """The disk was full when somebody copied it, for instance."""
    file = filled(tmp_path, 1_000)
    os.truncate(file, file.stat().st_size // 4096 // 2 * 4096)
    store = opened(tmp_path)
    USES["named"](store)
    assert "malformed" in str(store.trouble)
    assert is_new(store)
    store.close()


@pytest.mark.parametrize(
    ("statement", "use", "said"),
    [
        ("DROP TABLE notes", "entries", "no such table: notes"),
        ("DROP TABLE runs", "figures", "no such table: runs"),
        ("DROP TABLE made", "read_to", "no such table: made"),
        ("ALTER TABLE runs DROP COLUMN pull", "add", "has no column named pull"),
        ("DELETE FROM made", "read_to", "it does not say which file it is"),
        ("DELETE FROM sources", "named", "the source of a run is missing"),
        ("DELETE FROM notes", "entries", "the notes of a run are missing"),
        ("DELETE FROM notes", "add", "the notes of a run cannot be read"),
        ("DELETE FROM notes", "reprice", "the notes of a run cannot be read"),
        ("UPDATE notes SET notes = x'00'", "by_task", "the notes of a run cannot be read"),
        ("UPDATE notes SET notes = substr(notes, 1, length(notes) - 9)", "named", "the notes of a run are cut off"),
        ("UPDATE notes SET notes = 'text'", "entries", "the notes of a run cannot be read"),
        ("UPDATE runs SET due = 'x'", "figures", "the figures of a run cannot be read"),
        ("UPDATE runs SET job = CAST(x'ff' AS TEXT)", "figures", "Could not decode to UTF-8"),
        ("UPDATE progress SET read_to = 'x'", "read_to", "how far a log was read cannot be read"),
    ],
)
def test_what_cannot_be_read_is_damage(tmp_path: Path, statement: str, use: str, said: str) -> None:
    """Rows and tables too: nobody can mend them, and AWS's log has it all."""
    altered(tmp_path, statement)
    store = opened(tmp_path)
    USES[use](store)
    assert said in str(store.trouble)
    assert [FILE, ASIDE] == [name for name in names(tmp_path) if not name.endswith(("-wal", "-shm"))]
    store.close()


@pytest.mark.parametrize("version", [0, 1, SCHEMA_VERSION])
def test_a_database_of_somebody_else_is_kept_aside(tmp_path: Path, version: int) -> None:
    """Nothing of it is dropped, whatever its version."""
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(f"CREATE TABLE runs (x); PRAGMA user_version = {version}")
    store = opened(tmp_path)
    assert is_new(store)
    assert "it is not jobrunner's" in str(store.trouble)
    store.close()
    with closing(sqlite3.connect(tmp_path / ASIDE)) as connection:
        assert [("runs",)] == connection.execute("SELECT name FROM sqlite_master").fetchall()


def test_a_newer_file_is_kept_aside(tmp_path: Path) -> None:
    """For the newer jobrunner; this one reads anew what it understands."""
    file = altered(tmp_path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    content = file.read_bytes()
    store = opened(tmp_path)
    assert is_new(store)
    newer = f"{FILE}.newer-{SCHEMA_VERSION + 1}"
    assert f"a newer jobrunner has written it (schema {SCHEMA_VERSION + 1}, known" in str(store.trouble)
    assert str(tmp_path / newer) in str(store.trouble)
    store.close()
    assert ([FILE, newer], content) == (names(tmp_path), (tmp_path / newer).read_bytes())


def test_an_older_file_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a cache, and nothing is wrong with it: no copy, no trouble."""
    filled(tmp_path)
    monkeypatch.setattr(history_tables, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    store = opened(tmp_path)
    assert is_new(store)
    store.close()
    assert (None, [FILE]) == (store.trouble, names(tmp_path))


def test_nothing_is_moved_over_another_file(tmp_path: Path) -> None:
    """Neither over what was moved aside in the same second nor over its log."""
    for beside in (ASIDE, f"{ASIDE}-2-wal"):
        (tmp_path / beside).write_text("mine")
    (tmp_path / FILE).write_text("no database " * 100)
    store = opened(tmp_path)
    assert is_new(store)
    store.close()
    assert [FILE, ASIDE, f"{ASIDE}-2-wal", f"{ASIDE}-3"] == names(tmp_path)
    assert "mine" == (tmp_path / ASIDE).read_text()


def test_the_log_of_a_file_goes_with_it(tmp_path: Path) -> None:
    """What is in it belongs to no other file; a process that has both open changes over with its next call."""
    first = opened(tmp_path)
    first.add(SOURCE, [run(1)])
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        connection.execute("DROP TABLE tasks")
        second = opened(tmp_path)
        assert None is second.by_task(arn(1))
        assert [FILE, ASIDE, f"{ASIDE}-shm", f"{ASIDE}-wal"] == [
            name for name in names(tmp_path) if not name.startswith(f"{FILE}-")
        ]
        second.add(SOURCE, [run(2)])
        assert [2] == [int(entry.identity.run_id, 16) for entry in first.entries(PROD)]
    first.add(SOURCE, [run(3)])
    first.close()
    second.add(SOURCE, [run(4)])
    assert (3, None) == (len(second.entries(PROD)), first.trouble)
    second.close()


def test_a_file_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    """At any time, under a process that has it open."""
    store = opened(tmp_path)
    store.add(SOURCE, [run(1)])
    for name in names(tmp_path):
        (tmp_path / name).unlink()
    assert is_new(store)
    assert None is store.trouble
    store.close()


def test_a_file_that_was_replaced_in_a_sync_is_read_for_from_the_beginning(tmp_path: Path) -> None:
    """It lacks the pages before: that they were read is not said of it, and the next sync reads them again."""
    store = opened(tmp_path)
    store.read_to(SOURCE, GROUP)
    store.add(SOURCE, [run(1)], group=GROUP, to=at(1))
    for name in names(tmp_path):
        (tmp_path / name).unlink()
    store.add(SOURCE, [run(2)], group=GROUP, to=at(2))
    assert (None, 1) == (store.read_to(SOURCE, GROUP), len(store.entries(PROD)))
    store.add(SOURCE, [run(1)], group=GROUP, to=at(1))
    assert at(1) == store.read_to(SOURCE, GROUP)
    store.close()


def test_damage_that_shows_in_a_sync_costs_no_page(tmp_path: Path) -> None:
    """The page goes into the new file; how far it was read does not."""
    altered(tmp_path, "DROP TABLE tasks")
    store = opened(tmp_path)
    assert NOON == store.read_to(SOURCE, GROUP)
    assert 1 == store.add(SOURCE, [run(77)], group=GROUP, to=at(9))
    assert (["000000000000004d"], None) == (
        [entry.identity.run_id for entry in store.entries(PROD)],
        store.read_to(SOURCE, GROUP),
    )
    store.close()


def test_damage_that_shows_in_the_middle_of_figures_is_an_error(tmp_path: Path) -> None:
    """What was given cannot be taken back; the file is aside then, and the next question is answered."""
    altered(tmp_path, "UPDATE runs SET due = 'x' WHERE run = 9")
    store = opened(tmp_path)
    reading = store.figures(PROD)
    given = [next(reading) for _ in range(19)]
    with pytest.raises(StoreError, match="the figures of a run cannot be read") as caught:
        next(reading)
    assert 19 == len(given)
    assert str(tmp_path / ASIDE) in str(caught.value)
    assert "again" in str(caught.value.hint)
    assert is_new(store)
    store.close()


def _find(path: Path, number: int, barrier: Any, answers: Any) -> None:
    store = open_history(path)
    barrier.wait(60)
    store.add(SOURCE, [run(number)])
    answers.put((store.trouble, len(store.entries(PROD)) >= 1))
    store.close()


def test_processes_that_find_the_damage_at_once_agree(tmp_path: Path) -> None:
    """One of them moves the file aside, and what each of them adds is in the new one."""
    (tmp_path / FILE).write_text("no database " * 1_000)
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_find, args=(tmp_path, number, barrier, answers)) for number in range(4)]
    for process in processes:
        process.start()
    said = [answers.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
    assert [0] * 4 == [process.exitcode for process in processes]
    moved = [trouble for trouble, _ in said if trouble is not None and "it was moved to" in trouble]
    kept = [name for name in names(tmp_path) if ".damaged-" in name]
    store = open_history(tmp_path)
    assert (1, 1, {True}, 4) == (len(moved), len(kept), {fine for _, fine in said}, len(store.entries(PROD)))
    store.close()


def test_a_file_that_another_process_has_replaced_is_left_alone(tmp_path: Path) -> None:
    """Both had found the damage of the old one."""
    file = altered(tmp_path, "DROP TABLE notes")
    first, second = opened(tmp_path), opened(tmp_path)
    for store in (first, second):
        assert NOON == store.read_to(SOURCE, GROUP)
    assert [] == first.entries(PROD)
    new = identity_of(file)
    assert [] == second.entries(PROD)
    assert (new, None) == (identity_of(file), second.trouble)
    first.close()
    second.close()


def test_damage_that_another_process_was_faster_to_find_is_told(tmp_path: Path) -> None:
    """Without where it is: that one knows."""
    file = altered(tmp_path, "UPDATE runs SET due = 'x' WHERE run = 9")
    store, other = opened(tmp_path), opened(tmp_path)
    reading = store.figures(PROD)
    next(reading)
    with pytest.raises(StoreError, match=ASIDE):
        list(other.figures(PROD))
    new = identity_of(file)
    with pytest.raises(StoreError, match="another process has moved it aside"):
        list(reading)
    assert (new, [ASIDE]) == (
        identity_of(file),
        [name for name in names(tmp_path) if "damaged" in name and "-" not in name[-4:]],
    )
    store.close()
    other.close()


# --- what is no damage


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The state directory's place is taken by a file."""
    (tmp_path / "state").write_text("")
    for use in USES.values():
        with pytest.raises(StoreError, match="history cannot be used") as caught:
            use(opened(tmp_path / "state"))
        assert str(tmp_path / "state" / FILE) == caught.value.where
        assert "JOBRUNNER_STATE_DIR" in str(caught.value.hint)


def test_a_directory_of_its_name_is_left_alone(tmp_path: Path) -> None:
    """It is no damaged file."""
    (tmp_path / FILE).mkdir()
    with pytest.raises(StoreError, match="unable to open"):
        opened(tmp_path).entries(PROD)
    assert [FILE] == names(tmp_path)


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    """A page of notes that does not fit is an error, nothing of it is stored, and the store goes on."""
    store = opened(tmp_path)
    store.add(SOURCE, [run(1)], group=GROUP, to=NOON)
    connection, _ = store._file.connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full") as caught:
        store.add(SOURCE, [run(number) for number in range(2_000)], group=GROUP, to=at(9))
    assert "Make room" in str(caught.value.hint)
    assert (1, NOON, None) == (len(store.entries(PROD)), store.read_to(SOURCE, GROUP), store.trouble)
    connection.execute("PRAGMA max_page_count = 100000")
    assert 1_999 == store.add(SOURCE, [run(number) for number in range(2_000)])
    store.close()


def test_a_store_that_another_process_holds_is_waited_for_and_then_named(tmp_path: Path) -> None:
    """A writer that does not let go is an error after a while, not a hang and no damage; readers do not wait."""
    store = SqliteHistory(tmp_path / FILE, busy_seconds=0.05)
    store.add(SOURCE, [run(1)])
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked") as caught:
            store.add(SOURCE, [run(2)])
        assert (1, 1) == (len(store.entries(PROD)), len(list(store.figures(PROD))))
        other.execute("ROLLBACK")
    assert "Another process" in str(caught.value.hint)
    assert 1 == store.add(SOURCE, [run(2)])
    assert None is store.trouble
    store.close()


def test_a_file_that_cannot_be_moved_aside_says_what_to_do(tmp_path: Path) -> None:
    """Its name has no room for more, for instance; it stays as it is."""
    path = tmp_path / ("h" * 245)
    path.write_text("no database " * 100)
    with pytest.raises(StoreError, match="it cannot be moved aside") as caught:
        SqliteHistory(path).entries(PROD)
    assert ("delete it" in str(caught.value.hint), path.name) == (True, names(tmp_path)[0])


def test_damage_that_comes_again_and_again_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that cannot be trusted ends the call, not in an endless loop."""
    (tmp_path / FILE).write_text("no database " * 100)
    monkeypatch.setattr(history_module, "take_away", lambda path, *_, **__: path)
    store = opened(tmp_path)
    for use in (store.entries, lambda query: list(store.figures(query))):
        with pytest.raises(StoreError, match="again and again") as caught:
            use(PROD)
        assert "another disk" in str(caught.value.hint)


def test_a_mistake_of_the_caller_is_no_damage(tmp_path: Path) -> None:
    """It is raised as it is, and nothing is moved."""
    store = opened(tmp_path)
    store.add(SOURCE, [run(1)])
    with pytest.raises(TypeError):
        store.add(SOURCE, [replace(run(2), main=object())])  # type: ignore[arg-type]  # it is no name
    assert (1, None) == (len(store.entries(PROD)), store.trouble)
    store.close()
