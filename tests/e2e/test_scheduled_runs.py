"""`jobrunner` and the runs that a schedule has started: named by job and time, like all others for every command."""

from __future__ import annotations

import signal
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from console import LIMIT_SECONDS, Console, console_in, wait_until
from deliveries import TIME, attempt, deliver, first_schedule

from jobrunner import JobRunner
from jobrunner.document import load_project
from jobrunner.local.registry import connection_for, discover

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_JOBS = {
    "nightly": """
image: busybox
command: [sh, -c, 'echo "$JOBRUNNER_RUN_ID $JOBRUNNER_TRIGGER $JOBRUNNER_SCHEDULED_TIME"; exec sleep 60']
stop_timeout: 2s
schedule: {cron: "30 2 * * *"}
""",
    "flaky": """
image: busybox
command: [sh, -c, 'echo "attempt $JOBRUNNER_ATTEMPT"; test $JOBRUNNER_ATTEMPT = 2 || exit 75']
retries: {attempts: 2, backoff: 1h, max_backoff: 1h, on: 75}
schedule: {cron: "30 2 * * *"}
""",
}
FLAKY = f"flaky@{TIME}"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Console]:
    """A console in a project with two jobs that have schedules; nothing serves it yet."""
    (tmp_path / "jobs").mkdir()
    text = "project: shop\ndefault_stage: local\nstages: {other: {endpoint: local}}\n"
    (tmp_path / "jobrunner.yaml").write_text(text)
    for name, job in _JOBS.items():
        (tmp_path / "jobs" / f"{name}.yaml").write_text(job.lstrip())
    with console_in(tmp_path) as console:
        yield console


@contextmanager
def serving(console: Console) -> Iterator[None]:
    """Serve the project with `jobrunner local` for a while."""
    server = console.start("local", stderr=subprocess.STDOUT)
    assert server.stdout is not None
    assert b"export AWS_ENDPOINT_URL=" in server.stdout.readline()
    yield
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=LIMIT_SECONDS)


@contextmanager
def scheduler(console: Console, stage: str = "local") -> Iterator[JobRunner]:
    """The project as AWS's services have it: with a state directory of its own, so that nothing is recorded here."""
    info = discover(console.state_dir)
    assert info is not None
    elsewhere = str(console.state_dir / "elsewhere")
    project = load_project(console.directory, stage=stage, environ={}, overrides={"state_dir": elsewhere})
    with JobRunner(project, connection=connection_for(info)) as runner:
        yield runner


def fire(console: Console, job: str) -> str:
    """Let a schedule of a job fire once, as `jobrunner` describes it but soon; the id of the run that it starts."""
    with scheduler(console) as runner:
        body = first_schedule(runner, runner.project.jobs[job])
        connection = runner.connection
    client = boto3.client(
        "scheduler",
        region_name=connection.region,
        endpoint_url=connection.endpoint_url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    soon = datetime.now(UTC) + timedelta(seconds=2)
    client.create_schedule_group(Name=body["GroupName"])
    client.create_schedule(**{**body, "ScheduleExpression": f"at({soon:%Y-%m-%dT%H:%M:%S})"})
    client.close()
    return f"{job}@{soon:%Y-%m-%dT%H:%M:%SZ}"


def deliver_flaky(console: Console, number: int = 1, stage: str = "local") -> None:
    """Send what the state machine sends for an attempt of `flaky`."""
    with scheduler(console, stage) as runner:
        deliver(runner, runner.project.jobs["flaky"], at=attempt(number))


def status(console: Console, name: str, *words: str) -> dict[str, Any]:
    """What `status` says as JSON."""
    [document] = console.run("status", name, "--output", "json", *words).json
    return dict(document)


def test_life_of_a_run_that_a_schedule_has_started(shop: Console) -> None:
    """From the fire of EventBridge Scheduler to the end, by its id alone: ps, status, logs, stop, explain, attach."""
    with serving(shop):
        run_id = fire(shop, "nightly")
        time = run_id.partition("@")[2]
        [listed] = wait_until(lambda: shop.run("ps", "--output", "json").json, "the run")
        assert [run_id, "nightly", 1, "schedule", time.replace("Z", ".000Z")] == [
            listed[key] for key in ("run_id", "job", "attempt", "trigger", "scheduled_time")
        ]
        assert run_id == shop.run("ps").lines[1].split()[0]
        wait_until(lambda: status(shop, run_id)["phase"] == "RUNNING", "the container")

        said = shop.run("status", run_id).text
        for words in (f"run        {run_id}\n", "trigger    schedule\n", f"next       jobrunner attach {run_id}\n"):
            assert words in said
        line = wait_until(lambda: shop.run("logs", run_id).lines, "the job's line")
        assert [f"{run_id} schedule {time}"] == line == shop.run("logs", "nightly@").lines

        stopped = shop.run("stop", run_id, "--reason", "enough")
        assert [run_id] == stopped.lines
        assert "stopped: enough" in stopped.err
        assert ["stopped", "user"] == [status(shop, run_id)[key] for key in ("verdict", "reason")]
        assert "enough" in shop.run("explain", run_id).text
        attached = shop.run("attach", run_id, code=None)
        assert line == attached.lines
        assert [] == shop.run("ps", "--output", "json").json


def test_attempts_that_only_the_state_machine_launches(shop: Console) -> None:
    """`attach` and `logs -f` end with the attempt that runs; a later one is part of the same run, which goes on."""
    with serving(shop):
        deliver_flaky(shop)
        first = shop.run("attach", FLAKY, code=75)
        assert (["attempt 1"], False) == (first.lines, "attempt 2" in first.err)
        assert ["attempt 1"] == shop.run("logs", "-f", FLAKY).lines
        assert ["failed", 1] == [status(shop, FLAKY)[key] for key in ("verdict", "attempt")]
        assert [] == shop.run("ps", "--output", "json").json

        deliver_flaky(shop, 2)
        second = shop.run("attach", FLAKY)
        assert ["attempt 1", "attempt 2"] == second.lines == shop.run("logs", FLAKY).lines
        ended = status(shop, FLAKY)
        assert ["succeeded", 2, 120, [75]] == [
            *(ended[key] for key in ("verdict", "attempt", "billed_seconds")),
            [one["exit_code"] for one in ended["earlier"]],
        ]


def test_an_id_is_looked_for_in_its_stage(shop: Console) -> None:
    """Two stages have a run of one job at one time: each is found in its own, whichever was asked for before."""
    with serving(shop):
        deliver_flaky(shop)
        assert 75 == shop.run("attach", FLAKY, code=75).code
        unknown = shop.run("status", FLAKY, "--stage", "other", code=None)
        assert 0 != unknown.code
        assert f"neither this machine nor ECS knows run '{FLAKY}'" in unknown.err
        assert "in project shop, stage other." in unknown.err

        deliver_flaky(shop, 2, stage="other")
        assert ["succeeded", "failed"] == [
            wait_until(lambda words=words: status(shop, FLAKY, *words)["verdict"], "the end")
            for words in (("--stage", "other"), ("--stage", "local"))
        ]


def test_an_id_of_another_project_is_not_taken_for_it(shop: Console, tmp_path: Path) -> None:
    """All projects of a user have one store."""
    with serving(shop):
        deliver_flaky(shop)
        shop.run("attach", FLAKY, code=75)
        (tmp_path / "jobrunner.yaml").write_text("project: other\ndefault_stage: local\n")
        unknown = shop.run("status", FLAKY, code=None)
        assert 0 != unknown.code
        assert "in project other, stage local." in unknown.err


def test_a_time_that_comes_again(shop: Console) -> None:
    """What is recorded outlives the endpoint; at the next one, the same id is another run, once it is there."""
    with serving(shop):
        deliver_flaky(shop)
        shop.run("attach", FLAKY, code=75)
    assert ["failed", 1] == [status(shop, FLAKY)[key] for key in ("verdict", "attempt")]
    gone = shop.run("attach", FLAKY, code=75)
    assert "the local endpoint that ran it has gone" in gone.err
    with serving(shop):
        assert ["failed", 1] == [status(shop, FLAKY)[key] for key in ("verdict", "attempt")]
        assert "the local endpoint that ran it has gone" in shop.run("attach", FLAKY, code=75).err
        deliver_flaky(shop, 2)
        assert ["attempt 2"] == shop.run("attach", FLAKY).lines
        assert "succeeded" == status(shop, FLAKY)["verdict"]
