"""`jobrunner history` and `jobrunner check`: what ran, what did not, and what is said when nobody can know."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from console import LIMIT_SECONDS, Console, console_in, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: An hour in a second.
SPEED = 3_600
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
#: Always in the future, as the first time of a schedule has to be. The schedules fire for three hours from here on.
BEGIN = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=30)
END = BEGIN + 3 * HOUR
#: Time for `apply`, twelve seconds, and how far `check` looks beyond the end.
AHEAD, BEHIND = 12 * HOUR, timedelta(hours=1)
WHOLE = ("--since", (BEGIN - AHEAD).isoformat(), "--until", (END + BEHIND).isoformat())
_WINDOW = f'start: "{BEGIN:%Y-%m-%dT%H:%M}", end: "{END - MINUTE:%Y-%m-%dT%H:%M}"'
_JOBS = {
    "often": f'command: [echo, hello]\nschedule: {{cron: "*/30 * * * *", {_WINDOW}}}\n',
    "flaky": "command: [sh, -c, 'echo attempt $JOBRUNNER_ATTEMPT; test $JOBRUNNER_ATTEMPT = 2 || exit 75']\n"
    f'retries: {{attempts: 2, backoff: 1s, on: 75}}\nschedule: {{cron: "10 1 * * *", {_WINDOW}}}\n',
    "unplaced": f'command: [echo, hello]\nschedule: {{cron: "0 * * * *", {_WINDOW}}}\n',
    "adhoc": "command: [sh, -c, 'echo tried; exit 3']\n",
    "retried": "command: [sh, -c, 'test $JOBRUNNER_ATTEMPT = 2 || exit 75']\n"
    "retries: {attempts: 2, backoff: 0s, on: 75}\n",
}
_PROJECT = """
project: past
default_stage: local
stages:
  nowhere: {endpoint: "http://127.0.0.1:9", region: eu-west-1, cluster: none}
"""


def write_project(directory: Path) -> None:
    """Write the project and its jobs."""
    (directory / "jobs").mkdir()
    (directory / "jobrunner.yaml").write_text(_PROJECT, encoding="utf-8")
    for name, text in _JOBS.items():
        (directory / "jobs" / f"{name}.yaml").write_text(f"image: busybox\n{text}", encoding="utf-8")


@contextmanager
def serving(console: Console, *words: str) -> Iterator[None]:
    """Serve the project for a while."""
    server = console.start("local", *words, stderr=subprocess.DEVNULL)
    assert server.stdout is not None
    server.stdout.readline()  # it serves
    yield
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=LIMIT_SECONDS)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console in the project after its three hours, in which `unplaced` could start nothing; and a run by hand."""
    directory = tmp_path_factory.mktemp("past")
    write_project(directory)
    with (
        console_in(directory) as console,
        serving(console, "--speed", str(SPEED), "--from", (BEGIN - AHEAD).isoformat()),
    ):
        ends = time.monotonic() + (AHEAD + 3 * HOUR).total_seconds() / SPEED
        console.run("apply", "--yes")
        lose_definition(console, "unplaced")
        console.run("run", "adhoc", code=3)
        wait_until(lambda: time.monotonic() > ends, "the end of the three hours")
        wait_until(lambda: [one["verdict"] for one in listed(console, "flaky")] == ["succeeded"], "the second attempt")
        yield console


def lose_definition(console: Console, job: str) -> None:
    """Let a job's task definition be used for nothing any more, as somebody may who tidies up."""
    [exports] = console.run("local", "--exports", "--output", "json").json
    environment = exports["environment"]
    ecs = boto3.client(
        "ecs",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    for arn in ecs.list_task_definitions(familyPrefix=f"jobrunner-past-local-{job}")["taskDefinitionArns"]:
        ecs.deregister_task_definition(taskDefinition=arn)
    ecs.close()


def listed(console: Console, *words: str) -> list[dict[str, Any]]:
    """The runs that `history` lists, as JSON."""
    return console.run("history", *words, "--output", "json").json


def other_machine(console: Console, state_dir: Path) -> Console:
    """A machine that has started nothing, and reaches the same endpoint."""
    shutil.copytree(console.state_dir / "endpoints", state_dir / "endpoints")
    return Console(directory=console.directory, state_dir=state_dir)


def times(rows: Sequence[dict[str, Any]]) -> list[datetime]:
    """The scheduled times of runs."""
    return [datetime.fromisoformat(row["scheduled_time"]) for row in rows]


def test_every_run_is_listed_whoever_started_it(played: Console, tmp_path: Path) -> None:
    """The newest first, on this machine and on one that has started none of them."""
    here, there = listed(played), listed(other_machine(played, tmp_path / "state"))
    assert [row["run_id"] for row in here] == [row["run_id"] for row in there]
    often = [row for row in here if row["job"] == "often"]
    assert [END - (number + 1) * 30 * MINUTE for number in range(6)] == times(often)
    assert {("succeeded", 60, "schedule")} == {(row["verdict"], row["billed_seconds"], row["trigger"]) for row in often}
    [flaky] = [row for row in here if row["job"] == "flaky"]
    assert (2, 120, [75]) == (
        flaky["attempt"],
        flaky["billed_seconds"],
        [one["exit_code"] for one in flaky["earlier"]],
    )
    [adhoc] = [row for row in here if row["job"] == "adhoc"]
    assert ("failed", 3, "manual", None) == tuple(
        adhoc[key] for key in ("verdict", "exit_code", "trigger", "scheduled_time")
    )
    assert "adhoc" == here[-1]["job"]  # it ran at a time of this world; the schedules are ahead
    assert 8 == len(here)


def test_runs_are_picked(played: Console) -> None:
    """By job, end, trigger and time; the limit says when it has cut something."""
    assert ["adhoc"] == [row["job"] for row in listed(played, "--verdict", "failed", "--verdict", "timed_out")]
    assert ["adhoc"] == [row["job"] for row in listed(played, "--trigger", "manual")]
    hour = listed(played, "often", "--since", BEGIN.isoformat(), "--until", (BEGIN + HOUR).isoformat())
    assert [BEGIN + 30 * MINUTE, BEGIN] == times(hour)
    cut = played.run("history", "often", "--limit", "2")
    assert (3, True) == (len(cut.lines), "that is the newest 2, and there are more" in cut.err)
    none = played.run("history", "often", "--trigger", "backfill")
    assert (b"", True) == (none.out, "no runs since" in none.err)


def test_attempts_stand_under_their_run(played: Console) -> None:
    """In a table that says where its costs come from."""
    shown = played.run("history", "flaky")
    header, run, first, second = shown.lines
    assert ["RUN", "JOB", "DUE", "VERDICT"] == header.split()[:4]
    due = BEGIN + 70 * MINUTE
    assert [f"flaky@{due:%Y-%m-%dT%H:%M:%SZ}", "flaky"] == run.split()[:2]
    assert ("├ attempt 1 on on-demand", "└ attempt 2 on on-demand") == (first[:24], second[:24])
    assert ("failed (exit 75)" in first, "succeeded" in second, "succeeded" in run) == (True, True, True)
    assert "on the local endpoint nothing is billed" in shown.err


def test_what_did_not_run_is_missed(played: Console) -> None:
    """By the schedules that are at AWS, and no other."""
    missed = played.run("history", "--missed", *WHOLE, "--output", "json").json
    expected = [f"unplaced@{BEGIN + number * HOUR:%Y-%m-%dT%H:%M:%SZ}" for number in (2, 1, 0)]
    assert expected == [row["run_id"] for row in missed]
    table = played.run("history", "unplaced", "--missed", *WHOLE, "--limit", "1")
    assert (2, expected[0]) == (len(table.lines), table.lines[1].split()[0])
    assert "that is the newest 1 of 3" in table.err
    assert "nothing was missed of 6 fires" in played.run("history", "often", "--missed", *WHOLE).err
    assert "adhoc has no schedules at AWS" in played.run("history", "adhoc", "--missed", *WHOLE).err


def test_a_monitor_hears_of_what_is_not_well(played: Console) -> None:
    """A line for each job, and an exit code that any monitor understands."""
    sick = played.run("check", "--since", (BEGIN - AHEAD).isoformat(), "--until", (END + BEHIND).isoformat(), code=1)
    [unplaced] = sick.lines
    last = f"{BEGIN + 2 * HOUR:%Y-%m-%d %H:%M:%SZ}"
    assert f"unplaced: missed 3 of 3 fires, the last at {last}" == unplaced
    well = played.run("check", "often", "flaky", *WHOLE)
    assert well.text.startswith("ok: 2 jobs, 7 fires since ")
    [adhoc] = played.run("check", "adhoc", *WHOLE, code=1).lines
    assert adhoc.startswith("adhoc: failed (exit 3) at ")
    assert "; jobrunner explain " in adhoc
    rows = played.run("check", "often", "adhoc", *WHOLE, "--output", "json", code=1).json
    assert [("adhoc", False, None), ("often", True, 6)] == [(row["job"], row["ok"], row["fires"]) for row in rows]


@pytest.mark.parametrize("words", [["history", "oftn"], ["check", "oftn"]])
def test_a_job_that_nobody_knows_is_a_mistake(played: Console, words: list[str]) -> None:
    """Neither the project has it, nor has it ever run."""
    assert "did you mean 'often'?" in played.run(*words, code=65).err


def test_a_run_outlives_its_endpoint_and_its_record(tmp_path: Path) -> None:
    """What was read of history is there, by the beginning of the id; and nobody can tell what was missed."""
    write_project(tmp_path)
    with console_in(tmp_path) as console:
        with serving(console):
            console.run("run", "retried")
            other = other_machine(console, tmp_path / "state")
            # What has happened is told to the log group a moment later, and the first attempt before the second.
            [row] = wait_until(lambda: listed(other, "--verdict", "succeeded"), "the run")
            assert "succeeded" == other.run("status", row["run_id"][:6], "--output", "json").json[0]["verdict"]
        for file in (tmp_path / "state").glob("runs.sqlite*"):
            file.unlink()
        start = row["run_id"][:6]
        [status] = other.run("status", start, "--output", "json").json
        assert (row["run_id"], "succeeded", 2, 120) == tuple(
            status[key] for key in ("run_id", "verdict", "attempt", "billed_seconds")
        )
        assert [75] == [one["exit_code"] for one in status["earlier"]]
        assert "retried succeeded" in other.run("attach", start).err
        assert "and its log with it" in other.run("logs", start, code=69).err
        assert [row] == listed(other)
        assert "no local endpoint serves this project" in other.run("check", code=69).err
        # Without what was read, nobody knows it.
        for file in (tmp_path / "state").glob("history.sqlite*"):
            file.unlink()
        assert "knows no run" in other.run("status", start, code=65).err


def test_a_monitor_is_told_when_aws_does_not_answer(tmp_path: Path) -> None:
    """Never that all is well; `history` shows what was read before."""
    write_project(tmp_path)
    with console_in(tmp_path) as console:
        assert b"" == console.run("check", "--stage", "nowhere", code=69).out
        shown = console.run("history", "--stage", "nowhere")
        assert "this is what was read before" in shown.err
        assert "warning" not in console.run("history", "--stage", "nowhere", "--offline").err
