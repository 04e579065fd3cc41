"""`jobrunner run` with --count and --matrix: many runs in one process, with and without a terminal."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

from console import LIMIT_SECONDS, wait_until

from jobrunner.core.naming import is_run_id

if TYPE_CHECKING:
    from subprocess import Popen

    from console import Console


def _noted(console: Console, run_id: str) -> str:
    """What the job `noting` has written."""
    return (console.directory / f"noted.{run_id}").read_text(encoding="utf-8").strip()


def _ids_of(console: Console) -> set[str]:
    return {status["run_id"] for status in console.run("ps", "--output", "json").json}


def test_a_matrix_reaches_the_job(served: Console) -> None:
    """Several words after one option; a line for each run on stdout, its number in the job, and 0 if all succeed."""
    result = served.run("run", "noting", "--matrix", "a=1,2", "b=x", "-e", "UNUSED=1")
    rows = [line.split("\t") for line in result.lines]
    assert [("succeeded", "0", "a=1 b=x"), ("succeeded", "0", "a=2 b=x")] == sorted(tuple(row[1:]) for row in rows)
    assert {"a=1 b=x": "0 1 x", "a=2 b=x": "1 2 x"} == {row[3]: _noted(served, row[0]) for row in rows}
    for words in (
        "noting: all succeeded",
        "runs      2 succeeded",
        "billed    120 s",
        "a=1 b=x: starting (0 of 2 done)",
    ):
        assert words in result.err


def test_the_same_key_prints_the_same_and_starts_nothing(served: Console) -> None:
    """1 if one has failed; what failed is named, with what to type next."""
    words = ["run", "fail", "--matrix", "code=0,3", "--key", "nightly"]
    first, again = served.run(*words, code=1), served.run(*words, code=1)
    assert sorted(first.lines) == sorted(again.lines)
    assert [True, False] == ["starting" in one.err for one in (first, again)]
    failed = next(line.split("\t")[0] for line in first.lines if "\t3\t" in line)
    for result in (first, again):
        assert "fail: 1 of 2 succeeded" in result.err
        assert f"failed    {failed}  code=3  exit code 3" in result.err
        assert f"next      jobrunner explain {failed}" in result.err


def test_json_lines_of_many(served: Console) -> None:
    """Every event says whose it is; the summary comes last."""
    result = served.run("run", "noting", "--count", "3", "--output", "json")
    *events, summary = result.json
    assert {0, 1, 2} == {event["index"] for event in events}
    assert {"#0", "#1", "#2"} == {event["label"] for event in events}
    ids = {event["index"]: event["run_id"] for event in events if event["event"] == "finished"}
    assert [("started", 3), ("finished", 3)] == [
        (name, sum(event["event"] == name for event in events)) for name in ("started", "finished")
    ]
    assert all(map(is_run_id, ids.values()))
    assert ["0 none none", "1 none none", "2 none none"] == [_noted(served, ids[index]) for index in range(3)]
    expected: dict[str, Any] = {
        "event": "summary",
        "job": "noting",
        "total": 3,
        "queued": 0,
        "starting": 0,
        "running": 0,
        "succeeded": 3,
        "failed": 0,
        "lost": 0,
        "billed_seconds": 180,
    }
    assert expected == {name: summary[name] for name in expected}
    assert float(summary.pop("cost_usd")) > 0
    assert list(expected) == list(summary)


def test_fail_fast_begins_no_other(served: Console) -> None:
    """With one at a time, what comes after the failure is never started."""
    words = ["run", "fail", "--matrix", "code=3,0,1", "--parallel", "1", "--fail-fast"]
    result = served.run(*words, code=1)
    assert ["code=3"] == [line.split("\t")[3] for line in result.lines]
    assert "runs      2 not started, 1 failed" in result.err


def _until_running(process: Popen[bytes], count: int) -> set[str]:
    assert process.stdout is not None
    running: set[str] = set()
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "phase" and event["phase"] == "RUNNING":
            running.add(event["run_id"])
        if len(running) == count:
            break
    assert count == len(running)
    return running


def test_ctrl_c_stops_them_all(served: Console) -> None:
    """130; each is interrupted, and what waits is never begun."""
    process = served.start("run", "slow", "--count", "4", "--parallel", "2", "--output", "json")
    ids = _until_running(process, 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_SECONDS)
    assert 130 == process.returncode
    *events, summary = [json.loads(line) for line in out.splitlines()]
    ended = {event["run_id"]: event["verdict"] for event in events if event["event"] == "finished"}
    assert dict.fromkeys(ids, "interrupted") == ended
    assert {"event": "summary", "queued": 2, "failed": 2}.items() <= summary.items()
    assert b"SIGINT: stopping all tasks; again to leave" in err
    assert set() == ids & _ids_of(served)


def test_a_hang_up_leaves_them_all(served: Console) -> None:
    """129; the runs go on, which is said, and no further one is begun."""
    process = served.start("run", "slow", "--count", "3", "--parallel", "2", "--output", "json")
    ids = _until_running(process, 2)
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=LIMIT_SECONDS)
    assert (129, True) == (process.returncode, b"left 2 runs, which go on; no further one is started" in err)
    assert ids <= _ids_of(served)
    last = json.loads(out.splitlines()[-1])
    assert ("error", "jobrunner ps") == (last["event"], last["hint"])
    served.run("stop", "--no-wait", *ids)


def test_the_table_on_a_terminal(served: Console) -> None:
    """It says how many are where, and stands for the log; Ctrl-C stops all, and a summary takes its place."""
    terminal = served.terminal("run", "slow", "--count", "3")
    try:
        wait_until(lambda: any(line.split() == ["0", "0", "3", "0", "0"] for line in terminal.lines), "three that run")
        lines = terminal.lines
        assert lines[-4].startswith("slow | 0 of 3 done | ")
        assert [". queued", "- starting", "> running", "# succeeded", "x failed"] == [
            " ".join(pair) for pair in zip(lines[-2].split()[::2], lines[-2].split()[1::2], strict=True)
        ]
        terminal.press_ctrl_c()
        assert 130 == terminal.end()
        lines = terminal.lines
        assert not [line for line in lines if "# succeeded" in line]
        at = lines.index("jobrunner: slow: 0 of 3 succeeded")
        assert "  runs      3 failed" == lines[at + 1]
        assert 3 == sum("interrupted by SIGINT" in line for line in lines[at:])
    finally:
        terminal.close()
