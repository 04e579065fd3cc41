"""`jobrunner run` without a terminal: logs, JSON, exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from console import LIMIT_SECONDS

from jobrunner.cli import exits
from jobrunner.core.naming import is_run_id

if TYPE_CHECKING:
    from console import Console

OUTCOME_KEYS = [
    "event",
    "run_id",
    "job",
    "attempt",
    "verdict",
    "reason",
    "exit_code",
    "detail",
    "task_arn",
    "created_at",
    "pull_started_at",
    "started_at",
    "stopped_at",
    "billed_seconds",
    "cost_usd",
    "capacity",
    "logs",
    "earlier",
]


def test_first_run_needs_nothing(console: Console) -> None:
    """The first command of a newcomer starts the endpoint itself; the log is on stdout, the rest on stderr."""
    result = console.run("run", "hello")
    assert [
        True,
        "attempt 1, trigger manual, scheduled time none",
    ] == [result.lines[0].startswith("Hello, world! This is job hello, run "), result.lines[1]]
    assert 3 == len(result.lines)
    assert 1 == result.err.count("images are not pulled")
    for words in ("hello succeeded", "exit code  0", "billed     60 s, the minimum", "log        complete, 3 lines"):
        assert words in result.err


@pytest.mark.parametrize(
    ("job", "code", "line"),
    [
        ("etl", 0, "load: latest: committed to .jobrunner/etl.sqlite"),
        ("migrate", 0, "migrate: .jobrunner/app.sqlite is at version 0003"),
        ("fail", 3, "fail: this job fails on purpose, with exit code 3"),
        ("chatty", 0, "line 10000 of 10000"),
    ],
)
def test_jobs_run(served: Console, job: str, code: int, line: str) -> None:
    """Every job of the repository runs, and its exit code is the command's."""
    result = served.run("run", job, code=code)
    assert line in result.lines[-1]


def test_slow_job_runs(served: Console) -> None:
    """A parameter reaches the job."""
    result = served.run("run", "slow", "-p", "seconds=1")
    expected = ["slow: 1 seconds of work begin", "slow: 1 of 1 seconds done", "slow: finished"]
    assert expected == result.lines


def test_containers_are_named(served: Console) -> None:
    """With more than one container each line carries its name, aligned; each container's order is kept."""
    result = served.run("run", "sidecar")
    assert {"collector | ", "main      | "} == {line[:12] for line in result.lines}
    main = [line for line in result.lines if line.startswith("main ")]
    assert ["hashing", "20"] == [line.split()[3] for line in main]


def test_log_is_unchanged(served: Console) -> None:
    """Without a terminal, log lines are the bytes that the job wrote, control sequences and all.

    (But for empty lines: the awslogs driver drops them, because CloudWatch Logs takes no empty event.)
    """
    expected = (
        b"\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\n"
        + "tab\there, ümläut, \U0001f600, 10%\r20%, \u202ereversed\n".encode()
        + b'   spaces around   \n"quoted" \\ {json}\n'
    )
    assert expected == served.run("run", "strange").out


def test_timestamps(served: Console) -> None:
    """`--timestamps` begins each line with its time in RFC 3339."""
    result = served.run("run", "fail", "--timestamps", code=3)
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z fail: "
    assert [True, True] == [re.match(pattern, line) is not None for line in result.lines]


def test_large_log_is_whole(served: Console) -> None:
    """100,000 lines arrive complete and in order."""
    result = served.run("run", "chatty", "-p", "lines=100000")
    assert [f"line {number} of 100000" for number in range(1, 100_001)] == result.lines
    assert "log        complete, 100,000 lines" in result.err


def test_json_lines(served: Console) -> None:
    """With `--output json`, stdout is JSON lines: started first, the outcome last, phases and logs between."""
    result = served.run("run", "fail", "--output", "json", code=3)
    events = result.json
    first, last = events[0], events[-1]
    assert ["started", "finished"] == [first["event"], last["event"]]
    assert {"phase", "log"} == {event["event"] for event in events[1:-1]}
    assert OUTCOME_KEYS == list(last)
    assert ("fail", "failed", "exit", 3, 1) == tuple(
        last[key] for key in ("job", "verdict", "reason", "exit_code", "attempt")
    )
    assert {"complete": True, "events": 2} == last["logs"]
    assert [first["run_id"], first["task_arn"]] == [last["run_id"], last["task_arn"]]
    logs = [event for event in events if event["event"] == "log"]
    assert ["container", "event", "message", "timestamp"] == sorted(logs[0])
    assert "fail: about to fail" == logs[0]["message"]


def test_json_lines_are_flushed(served: Console) -> None:
    """A line is there when the event is: a program can act while the run goes on."""
    process = served.start("run", "stubborn", "--output", "json")
    assert process.stdout is not None
    for line in process.stdout:
        if b'"message":"ready"' in line:
            break
    else:
        pytest.fail("the log line did not come while the run went on")
    assert process.poll() is None


@pytest.mark.parametrize("code", [1, 75, 123, 200, 255])
def test_exit_code_is_the_containers(served: Console, code: int) -> None:
    """`run` ends with the exit code of the job's own container."""
    served.run("run", "fail", "-p", f"code={code}", code=code)


def test_timeout_stops_the_task(served: Console) -> None:
    """A run that times out is stopped, and says so with 124."""
    result = served.run("run", "slow", "--timeout", "1s", code=124)
    assert "slow: SIGTERM: scratch folder removed, work not finished" == result.lines[-1]
    assert "slow timed out" in result.err
    assert "next       jobrunner run slow --timeout 2s" in result.err


def test_never_started(served: Console) -> None:
    """A command that does not exist never starts: 125, with ECS's words as the cause."""
    result = served.run("run", "hello", "--output", "json", "--", "/no/such/program", code=125)
    assert ["never_started", None] == [result.json[-1]["verdict"], result.json[-1]["exit_code"]]


def test_options_reach_the_job(served: Console) -> None:
    """Words after `--` replace the command; -e wins over an env file, that over the job; K alone is this shell's."""
    (served.directory / "more.env").write_text("# a comment\nA=of the file\nB=of the file\n", encoding="utf-8")
    served_with = type(served)(directory=served.directory, state_dir=served.state_dir, env={"B": "of the shell"})
    result = served_with.run("run", "arguments", "--env-file", "more.env", "-e", "B", "--", "-x", "a b", "--", "")
    assert "['-x', 'a b', '--', ''] of the file of the shell\n" == result.text


def test_key_starts_one_run(served: Console) -> None:
    """The same key gives the same run and its log again, and starts nothing."""
    first = served.run("run", "hello", "--key", "once", "--output", "json").json
    again = served.run("run", "hello", "--key", "once", "--output", "json").json
    assert first[-1]["task_arn"] == again[-1]["task_arn"]
    messages = [[event["message"] for event in events if event["event"] == "log"] for events in (first, again)]
    assert messages[0] == messages[1]


def test_scheduled_time_reaches_the_job(served: Console) -> None:
    """`--scheduled-time` is what the job sees, in UTC."""
    result = served.run("run", "hello", "--scheduled-time", "2026-11-23T02:30:00+01:00")
    assert "attempt 1, trigger manual, scheduled time 2026-11-23T01:30:00Z" == result.lines[1]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run"], 2, "Missing argument 'JOB'"),
        (["run", "hello", "extra"], 2, "stand after --"),
        (["rnu"], 2, "did you mean 'run'?"),
        (["run", "hello", "--cpu", "999"], 2, "999 is not a Fargate size"),
        (["run", "hello", "--timeout", "soon"], 2, "'soon' is not a duration"),
        (["run", "hello", "--scheduled-time", "2026-11-23T02:30"], 2, "--scheduled-time 2026-11-23T02:30Z"),
        (["run", "hello", "-e", "NOT_SET_HERE"], 2, "NOT_SET_HERE is not set in this environment"),
        (["run", "hello", "-p", "name"], 2, "'name' is not NAME=VALUE"),
        (["--local", "run", "hello", "--stage", "prod"], 2, "name two stages"),
        (["run", "hello", "--count", "2", "--matrix", "name=x"], 2, "cannot be combined"),
        (["run", "hello", "--matrix", "name"], 65, "write for instance region=eu,us"),
        (["run", "hello", "--matrix", "nmae=a,b"], 65, "job hello has no parameter 'nmae'"),
        (["explain", "zzzz"], 65, "knows no run 'zzzz'"),
        (["run", "helo"], 65, "did you mean 'hello'?"),
        (["run", "hello", "-p", "nmae=x"], 65, "job hello has no parameter 'nmae'"),
        (["run", "needy"], 65, "-p day="),
        (["run", "hello", "--stage", "prdo"], 65, "did you mean 'prod'?"),
        (["run", "hello", "--project", "nowhere"], 65, "there is no such directory"),
        (["run", "hello", "--env-file", "nowhere"], 65, "nowhere: cannot be read"),
        (["status", "zzzz"], 65, "knows no run 'zzzz'"),
        (["attach", "jobrunner://x"], 65, "not a run reference"),
    ],
)
def test_mistakes_are_explained(console: Console, words: list[str], code: int, said: str) -> None:
    """Bad input gives a message, an exit code and no traceback; and no endpoint is started for it."""
    result = console.run(*words, code=code)
    assert said in result.err
    assert "Traceback" not in result.err
    assert not list(console.state_dir.glob("endpoints/*"))


def test_errors_are_json_too(console: Console) -> None:
    """With `--output json` the last line of stdout is the error, and stderr has it for a person."""
    result = console.run("run", "helo", "--output", "json", code=65)
    assert {"event": "error", "message": "there is no job 'helo'; did you mean 'hello'?"}.items() <= result.json[
        -1
    ].items()
    assert "error: there is no job 'helo'" in result.err


def test_unreachable_aws_is_69(console: Console) -> None:
    """An endpoint that does not answer gives 69 and no traceback."""
    env = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "JOBRUNNER_ENDPOINT": "http://127.0.0.1:9"}
    there = type(console)(directory=console.directory, state_dir=console.state_dir, env=env)
    result = there.run("ps", "--stage", "prod", code=69)
    assert "Traceback" not in result.err


def test_closed_pipe_does_not_stop_the_run(served: Console) -> None:
    """When the reader of the log has gone, the run is followed to its end all the same."""
    process = served.start("run", "slow", "-p", "seconds=1")
    assert process.stdout is not None
    assert b"slow: 1 seconds of work begin\n" == process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=LIMIT_SECONDS)
    assert (0, True) == (process.returncode, b"slow succeeded" in err)
    assert 1 == err.count(b"nobody reads stdout any more")


def test_closed_pipe_is_quiet(console: Console) -> None:
    """`jobrunner settings | true` complains of nothing, and ends as a program does that SIGPIPE ends."""
    process = console.start("show", "hello")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=LIMIT_SECONDS)
    assert (exits.BROKEN_PIPE, True) == (process.returncode, b"rror" not in err)


def test_full_disk_is_no_success(served: Console) -> None:
    """A log that cannot be written is not a success of the command."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123  a device
        process = served.start("run", "hello", stdout=full)
        _, err = process.communicate(timeout=LIMIT_SECONDS)
    assert (exits.UNWRITABLE, True) == (process.returncode, b"hello succeeded" in err)


def test_closed_stdout_at_the_start(served: Console) -> None:
    """A process without a stdout runs all the same."""
    words = ["sh", "-c", "exec jobrunner run hello >&-"]
    process = subprocess.run(
        words, cwd=served.directory, env=served.environment, capture_output=True, timeout=LIMIT_SECONDS, check=False
    )
    assert (0, True) == (process.returncode, b"hello succeeded" in process.stderr)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_first_signal_stops_the_task(served: Console, number: signal.Signals, code: int) -> None:
    """The first signal stops the task, drains its log, and gives the verdict `interrupted`."""
    process = served.start("run", "slow", "--output", "json")
    _read_until(process, b"seconds of work begin")
    process.send_signal(number)
    out, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert code == process.returncode
    assert b'"message":"slow: SIGTERM: scratch folder removed, work not finished"' in out
    assert b'"verdict":"interrupted"' in out.splitlines()[-1]
    assert f"interrupted by {number.name}".encode() in out.splitlines()[-1]


def test_second_signal_leaves(served: Console) -> None:
    """The second signal leaves at once and says how to attach; the task is still being stopped."""
    process = served.start("run", "stubborn")
    _read_until(process, b"ready")
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    for line in process.stderr:
        if b"stopping the task" in line:
            break
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=LIMIT_SECONDS)
    assert 143 == process.returncode
    found = re.search(rb"left run (\w{16}), which is being stopped\n +next +jobrunner attach (\w{16})\n", err)
    assert found is not None, err
    assert found[1] == found[2]


@pytest.mark.parametrize(
    ("words", "number", "code"),
    [(["--on-interrupt", "detach"], signal.SIGINT, 130), ([], signal.SIGHUP, 129)],
)
def test_detaching_leaves_the_run(served: Console, words: list[str], number: signal.Signals, code: int) -> None:
    """`--on-interrupt detach`, and a terminal that goes away, leave the task running; attach has its whole log."""
    process = served.start("run", "slow", "-p", "seconds=2", *words)
    _read_until(process, b"seconds of work begin")
    process.send_signal(number)
    _, err = process.communicate(timeout=LIMIT_SECONDS)
    assert code == process.returncode
    found = re.search(rb"left run (\w{16}), which goes on", err)
    assert found is not None, err
    attached = served.run("attach", found[1].decode())
    expected = ["2 seconds of work begin", "1 of 2 seconds done", "2 of 2 seconds done", "finished"]
    assert [f"slow: {line}" for line in expected] == attached.lines


def test_detach_prints_the_run_id(served: Console) -> None:
    """`--detach` prints the run id alone; it is enough for attach."""
    result = served.run("run", "hello", "--detach")
    run_id = result.text.removesuffix("\n")
    assert is_run_id(run_id)
    attached = served.run("attach", run_id, "--output", "json")
    assert ["succeeded", run_id] == [attached.json[-1]["verdict"], attached.json[-1]["run_id"]]


def test_detached_run_outlives_its_own_endpoint_owner(console: Console) -> None:
    """With no endpoint running, `--detach` leaves one behind that has the run, until it is over and quiet."""
    run_id = console.run("run", "slow", "-p", "seconds=1", "--detach").text.strip()
    assert "slow: finished" == console.run("attach", run_id).lines[-1]
    pid = _endpoint_pid(console)
    try:
        assert "slow: finished" == console.run("logs", run_id).lines[-1]
    finally:
        os.kill(pid, signal.SIGTERM)


def _endpoint_pid(console: Console) -> int:
    (path,) = console.state_dir.glob("endpoints/*.json")
    pid: int = json.loads(path.read_text())["pid"]
    return pid


def _read_until(process: subprocess.Popen[bytes], text: bytes) -> None:
    assert process.stdout is not None
    seen = b""
    for line in process.stdout:
        seen += line
        if text in line:
            return
    pytest.fail(f"{text!r} did not come; stdout was {seen!r}")


def test_two_signals_at_once_still_stop_the_task(served: Console) -> None:
    """However soon the second signal follows, ECS has been told to stop the task before the command leaves."""
    process = served.start("run", "stubborn", "--output", "json")
    _read_until(process, b'"message":"ready"')
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=LIMIT_SECONDS)
    last = json.loads(out.splitlines()[-1])
    assert process.returncode in {130, 143}
    assert "error" == last["event"]
    assert last["message"].endswith(", which is being stopped")
    status = served.run("status", last["hint"].split()[-1], "--output", "json").json[0]
    assert "RUNNING" != status["phase"]
