"""The jobs that show one thing each: hello, fail, chatty, slow."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from job_scripts import LIMIT_SECONDS, Run, Start

if TYPE_CHECKING:
    from pathlib import Path


def test_hello_says_what_it_was_told(run: Run) -> None:
    """The job's name, run, attempt, trigger and scheduled time are those in its environment."""
    result = run(
        "hello/hello.py",
        GREETED="Fargate",
        JOBRUNNER_JOB="hello",
        JOBRUNNER_RUN_ID="abc",
        JOBRUNNER_ATTEMPT="2",
        JOBRUNNER_TRIGGER="backfill",
        JOBRUNNER_SCHEDULED_TIME="2026-01-01T00:00:00Z",
    )
    assert [
        "Hello, Fargate! This is job hello, run abc.",
        "attempt 2, trigger backfill, scheduled time 2026-01-01T00:00:00Z",
    ] == result.stdout.splitlines()[:2]
    assert (0, "") == (result.returncode, result.stderr)


@pytest.mark.parametrize(("args", "code"), [((), 3), (("75",), 75)])
def test_fail_fails(run: Run, args: tuple[str, ...], code: int) -> None:
    """The exit code is 3 or the one asked for, and stderr says why."""
    result = run("fail/fail.py", *args)
    assert (code, f"fail: this job fails on purpose, with exit code {code}\n") == (result.returncode, result.stderr)


@pytest.mark.parametrize(
    ("script", "args", "env"),
    [("fail/fail.py", ("300",), {}), ("chatty/chatty.py", ("many",), {}), ("slow/slow.py", (), {"SECONDS": "-1"})],
)
def test_a_bad_value_is_named(run: Run, script: str, args: tuple[str, ...], env: dict[str, str]) -> None:
    """A value that makes no sense is exit code 1 and one line that quotes it."""
    result = run(script, *args, **env)
    assert (1, 1) == (result.returncode, result.stderr.count("\n"))
    assert repr([*args, *env.values()][0]) in result.stderr


@pytest.mark.parametrize(("args", "lines"), [((), 10_000), (("2500",), 2500), (("1",), 1), (("0",), 0)])
def test_chatty_prints_every_line_once(run: Run, args: tuple[str, ...], lines: int) -> None:
    """Exactly N lines, numbered in order."""
    result = run("chatty/chatty.py", *args)
    assert "".join(f"line {number} of {lines}\n" for number in range(1, lines + 1)) == result.stdout
    assert (0, "") == (result.returncode, result.stderr)


def test_slow_finishes(run: Run, scratch: Path) -> None:
    """Left alone, it reports each second, ends with 0 and leaves nothing behind."""
    result = run("slow/slow.py", SECONDS="1")
    lines = ["slow: 1 seconds of work begin", "slow: 1 of 1 seconds done", "slow: finished"]
    assert (0, lines) == (result.returncode, result.stdout.splitlines())
    assert [] == list(scratch.iterdir())


def test_slow_stops_when_told(start: Start, scratch: Path) -> None:
    """SIGTERM, however often, ends it at once with 143, its scratch folder removed and the reason said."""
    process = start("slow/slow.py", SECONDS="600")
    assert process.stdout is not None
    assert "slow: 600 seconds of work begin\n" == process.stdout.readline()
    assert 1 == len(list(scratch.iterdir()))
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=LIMIT_SECONDS)
    assert (143, "") == (process.returncode, err)
    assert "slow: SIGTERM: scratch folder removed, work not finished" == out.splitlines()[-1]
    assert [] == list(scratch.iterdir())
