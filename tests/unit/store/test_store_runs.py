"""The SQLite store: what the contract suite cannot see."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from jobrunner.core.record import RunRecord
from jobrunner.errors import StoreError
from jobrunner.store import open_runs
from jobrunner.store.runs import FILE, SCHEMA_VERSION, SqliteRuns

if TYPE_CHECKING:
    from pathlib import Path

RECORD = RunRecord(
    run_id="0000000000000001",
    job="etl",
    project="demo",
    stage=None,
    trigger="manual",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    region="us-east-1",
    cluster="batch",
)


def test_nothing_is_created_before_it_is_used(tmp_path: Path) -> None:
    """Opening a project leaves no traces."""
    open_runs(tmp_path / "state").close()
    assert [] == list(tmp_path.iterdir())


def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    """Records hold overrides: the directory is 0700, the file and those beside it 0600, whatever the umask."""
    old = os.umask(0)
    try:
        store = open_runs(tmp_path / "deep" / "state")
        store.add(RECORD)
    finally:
        os.umask(old)
    state = tmp_path / "deep" / "state"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [state, *state.iterdir()]}
    store.close()
    assert {"state": 0o700, "runs.sqlite": 0o600, "runs.sqlite-wal": 0o600, "runs.sqlite-shm": 0o600} == modes


def test_a_record_is_on_the_disk_before_add_returns(tmp_path: Path) -> None:
    """Durable, and with readers beside the writer: synchronous FULL, write-ahead log."""
    store = open_runs(tmp_path)
    store.add(RECORD)
    connection = store._connection()
    settings = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
    store.close()
    assert [2, "wal"] == settings


def test_a_store_that_was_closed_opens_again(tmp_path: Path) -> None:
    """A runner that is closed twice, or used after, loses nothing."""
    store = open_runs(tmp_path)
    store.add(RECORD)
    store.close()
    store.close()
    assert RECORD == store.get(RECORD.run_id)
    store.close()


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    """An older jobrunner does not write into tables that it does not know."""
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(StoreError, match="newer jobrunner") as caught:
        open_runs(tmp_path).recent()
    assert str(tmp_path / "runs.sqlite") == caught.value.where
    assert caught.value.hint is not None
    assert "Upgrade" in caught.value.hint


@pytest.mark.parametrize("content", [b"this is no database, it is text\n" * 200, b"SQLite format 3\0" + b"\xff" * 9000])
def test_a_damaged_store_says_what_to_do_and_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """Nothing is deleted or moved silently."""
    path = tmp_path / "runs.sqlite"
    path.write_bytes(content)
    store = open_runs(tmp_path)
    for call in (lambda: store.add(RECORD), store.recent):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.hint is not None
        assert f"mv {path} {path}.damaged" in caught.value.hint
    assert content == path.read_bytes()


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A file of that name with other tables is not written to."""
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        connection.execute("CREATE TABLE runs (x)")
    connection.close()
    with pytest.raises(StoreError, match="already exists"):
        open_runs(tmp_path).add(RECORD)


def test_a_record_that_cannot_be_read_is_an_error_of_the_store(tmp_path: Path) -> None:
    """Not a traceback of the JSON reader."""
    store = open_runs(tmp_path)
    store.add(RECORD)
    store._connection().execute("UPDATE runs SET record = '{}'")
    with pytest.raises(StoreError, match="cannot be read"):
        store.get(RECORD.run_id)
    store.close()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The state directory's place is taken by a file."""
    (tmp_path / "state").write_text("")
    with pytest.raises(StoreError) as caught:
        open_runs(tmp_path / "state").add(RECORD)
    assert str(tmp_path / "state" / "runs.sqlite") == caught.value.where
    assert caught.value.hint is not None
    assert "JOBRUNNER_STATE_DIR" in caught.value.hint


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    """A record that does not fit is an error, and the ones before it stay; the store goes on when there is room."""
    store = open_runs(tmp_path)
    store.add(RECORD)
    pages = store._connection().execute("PRAGMA page_count").fetchone()[0]
    store._connection().execute(f"PRAGMA max_page_count = {pages}")
    large = replace(RECORD, run_id="0000000000000002", request={"x": "y" * 100_000})
    with pytest.raises(StoreError, match="full") as caught:
        store.add(large)
    assert caught.value.hint is not None
    assert "Make room" in caught.value.hint
    assert [RECORD] == list(store.recent())
    store._connection().execute("PRAGMA max_page_count = 100000")
    assert large == store.add(large)
    store.close()


def test_a_store_that_another_process_holds_is_waited_for_and_then_named(tmp_path: Path) -> None:
    """A writer that does not let go is an error after a while, not a hang."""
    store = SqliteRuns(tmp_path / FILE, busy_seconds=0.05)
    store.add(RECORD)
    other = sqlite3.connect(tmp_path / "runs.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked") as caught:
        store.save(RECORD)
    other.execute("ROLLBACK")
    other.close()
    assert caught.value.hint is not None
    assert "Another process" in caught.value.hint
    store.save(RECORD)
    store.close()


def test_a_forked_process_has_a_connection_of_its_own(tmp_path: Path) -> None:
    """SQLite forbids to use or close a connection that was open at the fork; both processes go on."""
    store = open_runs(tmp_path)
    store.add(RECORD)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store.add(replace(RECORD, run_id="0000000000000002"))
            store.close()
            os.write(writing, b"done")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert b"done" == os.read(reading, 10)
    os.close(reading)
    os.close(writing)
    store.add(replace(RECORD, run_id="0000000000000003"))
    assert 3 == len(store.recent())
    store.close()


@pytest.mark.parametrize("call", ["add_all", "advance_all"])
def test_many_are_stored_in_one_transaction_or_not_at_all(tmp_path: Path, call: str) -> None:
    """A thousand runs wait for the disk once; and a process that is killed in the middle has stored none of them."""
    store = open_runs(tmp_path)
    many = [replace(RECORD, run_id=f"{number:016d}") for number in range(1000)]
    said: list[str] = []
    store._connection().set_trace_callback(said.append)
    getattr(store, call)(many)
    assert (1, 1) == (said.count("BEGIN IMMEDIATE"), said.count("COMMIT"))
    assert 1000 == len(store.recent(limit=2000))
    unwritable = replace(RECORD, run_id="f" * 16, request={"x": object()})
    with pytest.raises(TypeError):
        getattr(store, call)([replace(RECORD, run_id="e" * 16), unwritable])
    assert None is store.get("e" * 16)
    store.close()


def test_a_record_from_before_attempts_is_read(tmp_path: Path) -> None:
    """An upgrade keeps the history: what older records do not say is as it was then, one attempt without retries."""
    store = open_runs(tmp_path)
    store.add(RECORD)
    document = RECORD.to_json()
    for name in ("launch", "capacity", "sent", "guard", "requested_at", "launched_at", "policy", "earlier", "tasks"):
        del document[name]
    store._connection().execute("UPDATE runs SET record = ?", (json.dumps(document),))
    assert RECORD == store.get(RECORD.run_id)
    store.close()
