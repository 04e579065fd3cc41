"""`jobrunner` and runs of several attempts, timeouts without a follower, ends without a bill, and `explain`."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from console import LIMIT_SECONDS, wait_until

from jobrunner.core.naming import timeout_schedule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen

    from console import Console


def _url(console: Console) -> str:
    (path,) = console.state_dir.glob("endpoints/*.json")
    url: str = json.loads(path.read_text())["url"]
    return url


def _faults(console: Console, method: str, *faults: dict[str, Any]) -> None:
    request = urllib.request.Request(  # noqa: S310  the endpoint's own address
        f"{_url(console)}/_jobrunner/faults", data=json.dumps(faults).encode(), method=method
    )
    with urllib.request.urlopen(request, timeout=LIMIT_SECONDS):  # noqa: S310
        pass  # what is wrong with a fault is an error


@pytest.fixture
def unlucky(served: Console) -> Iterator[Console]:
    """The served project, while its endpoint lets go wrong what concerns two jobs that no other test runs."""
    _faults(
        served,
        "POST",
        {"fault": "RunTaskFailure", "job": "unplaced", "cause": "capacity", "times": "always"},
        {"fault": "SlowStop", "job": "lingering", "seconds": 3},
    )
    yield served
    _faults(served, "DELETE")


def test_retries_in_words(served: Console) -> None:
    """What has ended, what comes next, and at the end each attempt with its own bill; the log is that of both."""
    result = served.run("run", "flaky")
    assert ["attempt 1", "attempt 2"] == result.lines
    run_id = result.err.split("jobrunner: run ")[1].split()[0]
    for words in (
        f"jobrunner: run {run_id} of flaky\n",
        "jobrunner: attempt 1 failed: exit code 75; attempt 2 now\n",
        f"jobrunner: run {run_id} of flaky, attempt 2\n",
        "failed, exit code 75; 60 s, about $0.000206\n",
        "succeeded, exit code 0; 60 s, about $0.000206\n",
        "billed     120 s\n",
        "log        complete, 2 lines\n",
    ):
        assert words in result.err
    explained = served.run("explain", run_id).text
    first, second = (part for part in explained.split("\n\n") if part)
    for words in ("attempt   1\n", "verdict   failed\n", "the job's own): exit code 75\n", "log       attempt 1\n"):
        assert words in first
    for words in ("attempt   2\n", "verdict   succeeded\n", "log       attempt 2\n"):
        assert words in second


def test_retries_in_json(served: Console) -> None:
    """`retrying` has the outcome of what has ended, the last line that of the run, and `explain` one object."""
    events = served.run("run", "flaky", "--output", "json").json
    names = [event["event"] for event in events if event["event"] in {"started", "retrying", "finished"}]
    assert ["started", "retrying", "started", "finished"] == names
    retrying = next(event for event in events if event["event"] == "retrying")
    assert [2, "on-demand", 0.0, 75] == [
        *(retrying[key] for key in ("attempt", "capacity", "wait_seconds")),
        retrying["ended"]["exit_code"],
    ]
    assert [1, 2] == [event["attempt"] for event in events if event["event"] == "started"]
    last = events[-1]
    assert [2, 0, 120, [retrying["ended"]]] == [
        last[key] for key in ("attempt", "exit_code", "billed_seconds", "earlier")
    ]
    explained = served.run("explain", last["run_id"], "--output", "json").json
    assert [["run_id", "job", "phase", "over", "attempts"]] == [list(one) for one in explained]
    assert [(1, "failed", ["attempt 1"]), (2, "succeeded", ["attempt 2"])] == [
        (one["attempt"], one["verdict"], one["last_lines"]) for one in explained[0]["attempts"]
    ]


def _read_until(process: Popen[bytes], name: str) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == name:
            return event
    pytest.fail(f"there was no event {name!r}")


def _interrupt(process: Popen[bytes]) -> dict[str, Any]:
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert 130 == process.returncode
    last: dict[str, Any] = json.loads(out.splitlines()[-1])
    return last


def test_ctrl_c_between_two_attempts_ends_the_run(served: Console) -> None:
    """At once, although the next attempt is an hour away; nothing is started, and the first attempt is in the bill."""
    process = served.start("run", "patient", "--output", "json")
    retrying = _read_until(process, "retrying")
    assert 2 == retrying["attempt"]
    assert "tried\n" == served.run("logs", retrying["ended"]["run_id"]).text
    last = _interrupt(process)
    assert ["interrupted", 2, None, 60] == [last[key] for key in ("verdict", "attempt", "task_arn", "billed_seconds")]
    assert [75] == [one["exit_code"] for one in last["earlier"]]
    status = served.run("status", last["run_id"], "--output", "json").json[0]
    assert ["interrupted", "STOPPED"] == [status["verdict"], status["phase"]]


def test_ctrl_c_while_ecs_has_no_capacity_leaves_nothing_behind(unlucky: Console) -> None:
    """The asking ends, and there is no task; what is waited for was said."""
    process = unlucky.start("run", "unplaced", "--output", "json")
    said = _read_until(process, "warning")["message"]
    assert re.fullmatch(
        r"ECS did not place the task: Capacity is unavailable at this time\..*; again in .* s, for up to .*", said
    )
    last = _interrupt(process)
    assert ["interrupted", None, 0] == [last[key] for key in ("verdict", "task_arn", "billed_seconds")]
    running = unlucky.run("ps", "--output", "json").json
    assert last["run_id"] not in {status["run_id"] for status in running}


def test_an_end_without_a_bill(unlucky: Console) -> None:
    """`--no-wait-bill` ends with verdict and log; `status` has the bill when ECS has stopped the task."""
    result = unlucky.run("run", "lingering", "--no-wait-bill")
    assert ["done"] == result.lines
    for words in (
        "lingering succeeded",
        "billed     not known yet",
        "`jobrunner status` has it later",
        "complete, 1 line",
    ):
        assert words in result.err
    run_id = result.err.split("jobrunner: run ")[1].split()[0]

    def billed() -> dict[str, Any] | None:
        status: dict[str, Any] = unlucky.run("status", run_id, "--output", "json").json[0]
        return status if status["billed_seconds"] is not None else None

    status = wait_until(billed, "the bill")
    assert ["succeeded", 60, {"complete": True, "events": 1}] == [
        status[key] for key in ("verdict", "billed_seconds", "logs")
    ]


def test_a_detached_run_keeps_its_timeout(served: Console) -> None:
    """EventBridge Scheduler stops the task although nobody follows it, and nobody is warned that it would not."""
    result = served.run("run", "slow", "--detach", "--timeout", "2s")
    run_id = result.text.strip()
    assert "warning" not in result.err
    scheduler = boto3.client(
        "scheduler",
        region_name="us-east-1",
        endpoint_url=_url(served),
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    group = "jobrunner-jobrunner-demo-local"
    schedule = scheduler.get_schedule(Name=timeout_schedule(f"{run_id}-1"), GroupName=group)
    scheduler.close()
    assert "jobrunner: timed out after 2s" in schedule["Target"]["Input"]

    def ended() -> dict[str, Any] | None:
        status: dict[str, Any] = served.run("status", run_id, "--output", "json").json[0]
        return status if status["verdict"] else None

    assert "timed_out" == wait_until(ended, "the timeout")["verdict"]
    assert 124 == served.run("attach", run_id, code=None).code


def test_detached_retries_are_warned_of(served: Console) -> None:
    """Nobody makes them; whoever attaches, or repeats the key, does."""
    result = served.run("run", "flaky", "--detach", "--key", "detached")
    assert "warning: its retries are made by whoever follows it, and nobody does now" in result.err
    again = served.run("run", "flaky", "--key", "detached")
    assert ["attempt 1", "attempt 2"] == again.lines
    assert [result.text.strip()] == list(dict.fromkeys(re.findall(r"run (\w{16}) of flaky", again.err)))


def test_explaining_what_went_with_its_endpoint(console: Console) -> None:
    """Cause, evidence and remedy are in the record; that the log has gone is said, and not why it cannot be read."""
    env = {"JOBRUNNER_LOCAL__DEPROVISION": "1s"}
    here = type(console)(directory=console.directory, state_dir=console.state_dir, env=env)
    run_id = here.run("run", "fail", "--output", "json", "--no-wait-bill", code=3).json[-1]["run_id"]
    explained = here.run("explain", run_id)
    for words in (
        "verdict   failed\n",
        "cause     ",
        "remedy    ",
        "again     would most likely end in the same way\n",
    ):
        assert words in explained.text
    assert "the local endpoint that ran it has gone, and its log with it" in explained.err
    assert "credentials" not in explained.text + explained.err
    assert "failed" == here.run("status", run_id, "--output", "json").json[0]["verdict"]


def test_explaining_what_goes_on(served: Console) -> None:
    """Where it is, and what to type."""
    run_id = served.run("run", "slow", "--detach").text.strip()
    said = served.run("explain", run_id).text
    assert re.search(r"verdict +none yet: attempt 1 [A-Z]+\n", said), said
    assert f"jobrunner attach {run_id}\n" in said
    served.run("stop", run_id, "--no-wait")


def test_a_refused_start_does_not_go_on(served: Console) -> None:
    """69 and AWS's reason; nobody is sent to a run that was never started, and its end is recorded."""
    there = type(served)(directory=served.directory, state_dir=served.state_dir, env={"JOBRUNNER_CLUSTER": "nowhere"})
    for words in (["run", "hello"], ["run", "hello", "--detach"], ["run", "hello", "--count", "2"]):
        result = there.run(*words, code=69)
        assert "error: cannot start the task: Cluster not found" in result.err
        assert "goes on" not in result.err
        assert "Traceback" not in result.err
