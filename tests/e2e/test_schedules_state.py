"""`jobrunner schedules`, `pause` and `resume`; and applies that are killed, or that two people make at once."""

from __future__ import annotations

import re
import signal
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from console import LIMIT_SECONDS, console_in, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from console import Console

JOBS = """
name: nightly
image: busybox
schedule: {cron: "30 2 * * *", timezone: Europe/London}
---
name: busy
image: busybox
schedule:
  - {cron: "0 9 13 * FRI"}
  - {rate: 1 day, start: 2190-01-01T12:00}
paused: true
---
name: over
image: busybox
schedule: {at: 2026-01-01T00:00}
---
name: manual
image: busybox
"""
NOTHING = "has no schedules in the group jobrunner-state-local"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A project of scheduled jobs."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobrunner.yaml").write_text("project: state\ndefault_stage: local\n", encoding="utf-8")
    (tmp_path / "jobs" / "all.yaml").write_text(JOBS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def served(directory: Path) -> Iterator[Console]:
    """A console in that project while `jobrunner local` serves it."""
    with console_in(directory) as console:
        server = console.start("local", stderr=subprocess.STDOUT)
        assert server.stdout is not None
        said = server.stdout.readline().decode()
        assert said.startswith("export AWS_ENDPOINT_URL=http://127.0.0.1:"), said
        (directory / "url").write_text(said.partition("=")[2].strip())
        yield console
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=LIMIT_SECONDS)


def client(directory: Path, service: str) -> Any:
    """A client of our own, to look at what jobrunner wrote."""
    url = (directory / "url").read_text()
    return boto3.client(
        service, region_name="us-east-1", endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="x"
    )


def there(directory: Path, group: str = "jobrunner-state-local") -> list[str]:
    """The schedules that are there, in their order."""
    scheduler = client(directory, "scheduler")
    try:
        pages = list(scheduler.get_paginator("list_schedules").paginate(GroupName=group))
    except scheduler.exceptions.ResourceNotFoundException:
        return []
    return sorted(one["Name"] for page in pages for one in page["Schedules"])


def columns(console: Console, *words: str) -> list[list[str]]:
    """The cells of the table, without its header."""
    header, *rows = console.run("schedules", *words).lines
    assert ["NAME", "STATE", "SCHEDULE", "ZONE", "NEXT", "LAST"] == header.split()
    return [re.split(" {3,}", row) for row in rows]


def test_the_table_shows_what_is_at_aws(served: Console) -> None:
    """One row for each schedule of AWS's; a job is not asked for its files."""
    served.run("apply", "--yes")
    rows = columns(served)
    assert [
        ["busy", "paused", "cron(0 9 13 * ? *)", "UTC", "-", "-"],
        ["busy.1.2", "paused", "cron(0 9 ? * FRI *)", "UTC", "-", "-"],
        ["busy.2", "paused", "rate(1 day)", "UTC", "-", "-"],
    ] == rows[:3]
    [nightly] = rows[3:]
    assert ["nightly", "enabled", "cron(30 2 * * ? *)", "Europe/London", "-"] == [*nightly[:4], nightly[5]]
    assert datetime.now(UTC) < datetime.fromisoformat(nightly[4])
    (served.directory / "jobs" / "broken.yaml").write_text("image: [\n")
    assert 1 == len(columns(served, "nightly"))


def test_the_json_has_a_line_for_each(served: Console) -> None:
    """With the keys that the table has, and those of the last run."""
    served.run("apply", "--yes")
    lines = served.run("schedules", "nightly", "--output", "json").json
    [line] = lines
    assert ["name", "job", "state", "schedule", "timezone", "next", "last"] == list(line)
    assert ("nightly", "enabled", None) == (line["name"], line["state"], line["last"])
    assert line["next"].endswith(":30:00Z")


def test_a_run_of_a_schedule_is_its_last(served: Console) -> None:
    """As soon as EventBridge Scheduler has started it, until ECS forgets it."""
    minutely = 'image: busybox\ncommand: [sh, -c, "exit 3"]\nschedule: {at: "AT"}\n'
    soon = datetime.now(UTC).timestamp() + 4
    at = datetime.fromtimestamp(soon, UTC).replace(tzinfo=None, microsecond=0).isoformat()
    path = served.directory / "jobs" / "soon.yaml"
    path.write_text(minutely.replace("AT", at))
    served.run("apply", "soon", "--yes")

    def gone() -> bool:
        return "soon" not in there(served.directory)

    wait_until(gone, "the one-off schedule to have fired")
    path.write_text(minutely.replace("AT", "2190-01-01T00:00"))
    served.run("apply", "soon", "--yes")

    def last() -> Any:
        [line] = served.run("schedules", "soon", "--output", "json").json
        return line["last"] if line["last"] and line["last"]["verdict"] else None

    found = wait_until(last, "the verdict of the run")
    expected = (f"soon@{at}Z", f"{at}Z", "failed", 3)
    assert expected == (found["run_id"], found["scheduled_time"], found["verdict"], found["exit_code"])
    assert "failed (3)" in served.run("schedules", "soon").text
    assert found["run_id"] in served.run("status", found["run_id"]).text


def test_pause_and_resume(served: Console) -> None:
    """Each schedule of the job has a line; once more says so; apply leaves the pause alone."""
    served.run("apply", "--yes")
    assert ["nightly paused"] == served.run("pause", "nightly").lines
    assert ["nightly was paused already"] == served.run("pause", "nightly").lines
    served.run("apply", "--yes")
    assert [["nightly", "paused"]] == [row[:2] for row in columns(served, "nightly")]
    resumed = {"name": "nightly", "job": "nightly", "state": "enabled", "changed": True, "over": False}
    assert [resumed] == served.run("resume", "nightly", "--output", "json").json
    assert (
        "DISABLED"
        != client(served.directory, "scheduler").get_schedule(GroupName="jobrunner-state-local", Name="nightly")[
            "State"
        ]
    )


def test_a_file_that_says_paused_decides_with_the_next_apply(served: Console) -> None:
    """Whoever resumes by hand is told so."""
    served.run("apply", "--yes")
    result = served.run("resume", "busy", "nightly")
    assert ["busy enabled", "busy.1.2 enabled", "busy.2 enabled", "nightly was enabled already"] == result.lines
    warning = "warning: the file of busy says paused: true, so the next `apply` pauses it again"
    assert [f"jobrunner: {warning}"] == result.err.splitlines()
    served.run("apply", "--yes")
    assert ["paused"] * 3 == [row[1] for row in columns(served, "busy")]


def test_what_is_not_in_the_files_any_more_can_be_paused(served: Console) -> None:
    """Nor does a file that is broken keep anybody from pausing its job."""
    served.run("apply", "--yes")
    path = served.directory / "jobs" / "all.yaml"
    path.write_text(JOBS.replace("name: nightly", "name: renamed"))
    assert "jobrunner: nightly is not in the project any more\n" == served.run("pause", "nightly").err
    path.write_text(JOBS.replace('cron: "30 2 * * *"', "cron: nonsense"))
    result = served.run("resume", "nightly")
    assert ["nightly enabled"] == result.lines
    assert "warning: the file of nightly is not valid; `jobrunner validate nightly` says why" in result.err


def test_a_job_without_schedules_is_an_error(served: Console) -> None:
    """That says what creates them: one that has none, that nobody knows, that is not applied, or that is over."""
    served.run("apply", "nightly", "--yes")
    calls = [("schedules", "manual"), ("pause", "unknown"), ("resume", "busy"), ("pause", "over")]
    for command, job in calls:
        result = served.run(command, job, code=65)
        assert "" == result.text
        assert f"error: the job {job} {NOTHING}\n  hint: `jobrunner apply` creates" in result.err


def test_jobs_before_an_unknown_one_are_paused(served: Console) -> None:
    """And said to be."""
    served.run("apply", "--yes")
    result = served.run("pause", "nightly", "unknown", code=65)
    assert ["nightly paused"] == result.lines


def test_without_a_running_endpoint_there_is_nothing(directory: Path) -> None:
    """The one that is started for the command ends with it, and that is said."""
    with console_in(directory) as console:
        result = console.run("schedules")
        assert "" == result.text
        assert "local endpoint: it and its schedules end with this command" in result.err
        assert "no schedules; `jobrunner apply` creates those that the jobs' files say" in result.err
        assert NOTHING in console.run("pause", "nightly", code=65).err


def write_many(directory: Path, jobs: int) -> list[str]:
    """Write so many jobs; their names."""
    names = [f"job-{number:02}" for number in range(jobs)]
    (directory / "jobs" / "all.yaml").unlink()
    for name in names:
        (directory / "jobs" / f"{name}.yaml").write_text('image: busybox\nschedule: {cron: "30 2 * * *"}\n')
    return names


def revisions(directory: Path) -> list[str]:
    """The task definitions of the project, without the revision."""
    listed = client(directory, "ecs").list_task_definitions()["taskDefinitionArns"]
    return sorted(arn.rpartition(":jobrunner-state-local-")[2] for arn in listed)


def test_an_apply_that_is_killed_is_completed_by_the_next(served: Console) -> None:
    """Wherever it was: nothing is created twice, and afterwards there is nothing to do."""
    names = write_many(served.directory, 40)
    known = -1
    for fraction in (1, 12, 25):
        process = served.start("apply", "--yes")
        wait_until(lambda least=fraction: len(there(served.directory)) >= least, f"{fraction} schedules")
        process.kill()
        process.communicate(timeout=LIMIT_SECONDS)
        left = len(there(served.directory))
        assert known < left
        known = left
    assert len(names) > known
    served.run("apply", "--yes")
    assert names == there(served.directory)
    assert 40 == len(set(revisions(served.directory)))
    assert 40 <= len(revisions(served.directory)) <= 43
    result = served.run("plan", "--exit-code", "--output", "json")
    assert 40 == result.json[0]["summary"]["keep"]


def test_two_applies_at_once(served: Console) -> None:
    """Each schedule is created once; whoever loses says so at most, and the next plan has nothing to do."""
    names = write_many(served.directory, 30)
    processes = [served.start("apply", "--yes") for _ in range(2)]
    ends = [process.communicate(timeout=LIMIT_SECONDS) for process in processes]
    codes = [process.returncode for process in processes]
    assert {0, 69} >= set(codes), ends
    for code, (out, err) in zip(codes, ends, strict=True):
        failed = b"that was not so when the plan was drawn" in out + err
        assert (code == 69) is failed, (out, err)
    assert names == there(served.directory)
    served.run("apply", "--yes")
    served.run("plan", "--exit-code")
    assert names == there(served.directory)
