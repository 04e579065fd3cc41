"""SIGKILL of `jobrunner run` at any moment: attach shows the whole log and the right outcome."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from console import console_in, wait_until

from jobrunner.store import open_runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import Popen

    from console import Console

    from jobrunner.store import SqliteRuns

SECONDS = 3
LOG = [
    f"slow: {SECONDS} seconds of work begin",
    *(f"slow: {number} of {SECONDS} seconds done" for number in range(1, SECONDS + 1)),
    "slow: finished",
]


@pytest.fixture(scope="module")
def serving(project: Path) -> Iterator[Console]:
    """A console with a `jobrunner local` of its own: no other test's runs are in its store."""
    with console_in(project) as console:
        server = console.start("local")
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"export ")
        yield console
        server.terminate()


@contextmanager
def _runs(console: Console) -> Iterator[SqliteRuns]:
    store = open_runs(console.state_dir)
    try:
        yield store
    finally:
        store.close()


def _start(console: Console) -> Popen[bytes]:
    return console.start("run", "slow", "-p", f"seconds={SECONDS}")


def _kill(process: Popen[bytes]) -> None:
    process.kill()
    process.communicate()
    assert -9 == process.returncode


def _whole(console: Console, run_id: str) -> None:
    attached = console.run("attach", run_id)
    assert LOG == attached.lines
    for words in ("slow succeeded", "exit code  0", "log        complete, 5 lines"):
        assert words in attached.err
    status = console.run("status", run_id, "--output", "json").json[0]
    assert ["succeeded", 0, {"complete": True, "events": 5}] == [
        status[key] for key in ("verdict", "exit_code", "logs")
    ]


@pytest.mark.parametrize("line", range(3))
def test_killed_while_following(serving: Console, line: int) -> None:
    """Killed after the first, second or third line of the log."""
    process = _start(serving)
    assert process.stdout is not None
    for _ in range(line + 1):
        assert process.stdout.readline()
    with _runs(serving) as runs:
        newest = runs.recent(limit=1)[0]
    _kill(process)
    _whole(serving, newest.run_id)


def test_killed_as_soon_as_the_run_is_known(serving: Console) -> None:
    """Killed at the moment at which the record exists: before, during or just after RunTask."""
    with _runs(serving) as runs:
        before = len(runs.recent())
        process = _start(serving)
        record = wait_until(lambda: len(found := runs.recent()) > before and found[0], "the record of the run")
    _kill(process)
    _ended_or_never_asked(serving, record.run_id)


def test_killed_at_many_moments(serving: Console) -> None:
    """Killed at eight moments spread over the start: no record means no run, and a record leads to the end."""
    begin = datetime.now(UTC)
    for moment in range(8):
        process = _start(serving)
        time.sleep(0.15 + 0.08 * moment)  # the moments of the kills: their spread is the test
        _kill(process)
    with _runs(serving) as runs:
        records = [record for record in runs.recent() if record.created_at >= begin]
    running = {status["run_id"] for status in serving.run("ps", "--output", "json").json}
    assert running <= {record.run_id for record in records}, "a task runs that this machine has no record of"
    for record in records:
        _ended_or_never_asked(serving, record.run_id)


def _ended_or_never_asked(console: Console, run_id: str) -> None:
    """Either ECS was asked, and the run is whole; or it was not, and attach says so."""
    result = console.run("attach", run_id, "--output", "json", code=None)
    last = result.json[-1]
    if last["verdict"] == "never_started":
        assert (125, "not_sent", None) == (result.code, last["reason"], last["task_arn"])
    else:
        logs = [event["message"] for event in result.json if event["event"] == "log"]
        assert (0, "succeeded", LOG) == (result.code, last["verdict"], logs)
