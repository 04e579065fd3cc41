"""An endpoint on which schedules fire faster than time."""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from endpoint_jobs import Jobs, client_of, container, until
from scheduling import ecs_target, exists, refused, schedule, stop

from jobrunner.core import local_stage
from jobrunner.local import serve
from jobrunner.local.scheduler import read_begin
from jobrunner.local.wire import Reply, Request

SECOND, MINUTE, HOUR = dt.timedelta(seconds=1), dt.timedelta(minutes=1), dt.timedelta(hours=1)
WHEN = {
    "containerOverrides": [{"name": "main", "environment": [{"name": "AT", "value": "<aws.scheduler.scheduled-time>"}]}]
}


class Recorder:
    """Answers RunTask without running anything, and keeps the scheduled times."""

    def __init__(self) -> None:
        self.times: list[dt.datetime] = []

    def __call__(self, request: Request) -> Reply | None:
        if request.operation != "RunTask":
            return None
        [override] = request.json()["overrides"]["containerOverrides"]
        self.times.append(dt.datetime.fromisoformat(override["environment"][0]["value"]))
        return Reply(body=b'{"tasks":[],"failures":[]}')


def now_of(scheduler: Any) -> dt.datetime:
    """The time on Scheduler's clock: what it says a group is made at."""
    name = f"clock-{time.monotonic_ns()}"
    scheduler.create_schedule_group(Name=name)
    at: dt.datetime = scheduler.get_schedule_group(Name=name)["CreationDate"]
    scheduler.delete_schedule_group(Name=name)
    return at


@pytest.mark.parametrize("speed", [1.0, 1_000.0])
def test_a_clock_that_begins_elsewhere(speed: float) -> None:
    """Scheduler's time is what was asked for when its first request comes, and passes from there on."""
    begins = dt.datetime(2027, 3, 28, tzinfo=dt.UTC)
    with serve(speed=speed, begins=begins) as endpoint:
        scheduler = client_of(endpoint.connection, "scheduler")
        first = now_of(scheduler)
        assert begins <= first < begins + speed * MINUTE
        assert first <= now_of(scheduler) < begins + speed * MINUTE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tomorrow", "'tomorrow' is not a time of ISO 8601"),
        ("2027-03-28T00:00", "'2027-03-28T00:00' does not say of which time zone it is; Z is UTC"),
        ("1969-03-28T00:00Z", "'1969-03-28T00:00Z' is out of range: the years 1970 to 2198"),
    ],
)
def test_a_beginning_that_is_none(text: str, said: str) -> None:
    """What is no moment is refused before anything is served, with what to write."""
    with pytest.raises(ValueError, match=re.escape(said)):
        read_begin(text)


def test_a_day_of_cron() -> None:
    """Each hour once, in order, up to the end; then the schedule is gone."""
    recorder = Recorder()
    with serve(speed=43_200, interceptors=[recorder]) as endpoint:
        scheduler = client_of(endpoint.connection, "scheduler")
        start = (now_of(scheduler) + 12 * HOUR).replace(minute=30, second=0, microsecond=0)
        scheduler.create_schedule(
            **schedule(
                "hourly",
                ScheduleExpression="cron(0 * * * ? *)",
                StartDate=start,
                EndDate=start + 24 * HOUR,
                ActionAfterCompletion="DELETE",
                Target=ecs_target("etl:1", Input=WHEN),
            )
        )
        until(lambda: not exists(scheduler, "hourly"))
    first = start + 30 * MINUTE
    assert [first + number * HOUR for number in range(24)] == recorder.times


def test_an_update_in_the_flexible_window() -> None:
    """The scheduled time has come and its call has not: an update that changes no time does not lose it."""
    recorder = Recorder()
    with serve(speed=120, interceptors=[recorder]) as endpoint:
        scheduler = client_of(endpoint.connection, "scheduler")
        weekly = schedule(
            "weekly",  # whose moment of such a window is in its eighth minute
            ScheduleExpression="rate(7 days)",
            FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
            Target=ecs_target("etl:1", Input=WHEN),
        )
        scheduler.create_schedule(**weekly)
        scheduler.update_schedule(**weekly, Description="changed")
        assert [] == recorder.times
        until(lambda: recorder.times)
        created = scheduler.get_schedule(Name="weekly")["CreationDate"]
        assert now_of(scheduler) >= created + 7 * MINUTE
        assert [created.replace(microsecond=0)] == recorder.times


def test_tasks_run_in_real_time() -> None:
    """They are told the scheduled time, on the fast clock, and have real timestamps; so their timeouts are real too."""
    with serve(speed=600) as endpoint:
        jobs, scheduler = Jobs(endpoint.connection), client_of(endpoint.connection, "scheduler")
        before = dt.datetime.now(dt.UTC)
        definition = jobs.define(container("sh", "-c", "echo $AT; sleep 600"))
        moment = (now_of(scheduler) + 20 * MINUTE).replace(microsecond=0)
        scheduler.create_schedule(
            **schedule(
                "once", ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})", Target=ecs_target(definition, Input=WHEN)
            )
        )
        [arn] = until(lambda: jobs.ecs.list_tasks(cluster=local_stage.CLUSTER)["taskArns"])
        until(lambda: jobs.lines(arn))
        assert [f"{moment:%Y-%m-%dT%H:%M:%SZ}"] == jobs.lines(arn)
        assert before < jobs.describe(arn)["createdAt"] < dt.datetime.now(dt.UTC) < moment
        timeout = (dt.datetime.now(dt.UTC) + 2 * SECOND).replace(microsecond=0)
        scheduler.create_schedule(
            **schedule("timeout", ScheduleExpression=f"at({timeout:%Y-%m-%dT%H:%M:%S})", Target=stop(arn, "timeout"))
        )
        task = jobs.reach(arn, "STOPPED")
        assert "timeout" == task["stoppedReason"]
        assert timeout <= task["stoppingAt"] < timeout + 30 * SECOND


def test_dates_are_those_of_the_fast_clock() -> None:
    """What is past by it is past, whatever a calendar says; what is made later is shown later."""
    with serve(speed=86_400) as endpoint:
        scheduler = client_of(endpoint.connection, "scheduler")
        first = now_of(scheduler)
        until(lambda: now_of(scheduler) > first + 2 * HOUR)
        message = refused(
            "ValidationException",
            scheduler.create_schedule,
            **schedule("late", ScheduleExpression="rate(1 hour)", EndDate=first + HOUR, Target=ecs_target("etl:1")),
        )
        assert "The EndDate cannot be in the past." == message


@pytest.mark.parametrize("speed", [0, 0.5, -1, 86_401, float("nan"), float("inf")])
def test_a_speed_is_a_number_from_1(speed: float) -> None:
    """Slower than time is of no use, and much faster than a day in a second no machine is."""
    with pytest.raises(ValueError, match="a speed is a number from 1 to 86400, not"), serve(speed=speed):
        pass


# -- processes -----------------------------------------------------------------------------------------------------

COMMANDS = {
    "module": [sys.executable, "-m", "jobrunner.local"],
    "jobrunner": [str(Path(sys.executable).parent / "jobrunner"), "local"],
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """No AWS settings, and a place for what is written."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "JOBRUNNER_"))}
    return {**inherited, "JOBRUNNER_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_option(command: list[str], tmp_path: Path, environment: dict[str, str]) -> None:
    """`--speed N`: a day passes in seconds."""
    server = subprocess.Popen(
        [*command, "--speed", "40000"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        lines = [server.stdout.readline().decode().split()[1].partition("=") for _ in range(4)]
        told = {name: value for name, _, value in lines}
        scheduler = boto3.client(
            "scheduler",
            endpoint_url=told["AWS_ENDPOINT_URL"],
            region_name=local_stage.REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        first = now_of(scheduler)
        assert until(lambda: now_of(scheduler) > first + 24 * HOUR)
    finally:
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=60)
    assert 0 == server.returncode
    if command is COMMANDS["jobrunner"]:
        assert b"schedules fire 40000 times faster than time; tasks, and their timeouts, do not\n" in said


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("speed", ["0", "-3", "86401", "fast", "nan"])
def test_what_is_no_speed(command: list[str], speed: str, tmp_path: Path, environment: dict[str, str]) -> None:
    """Refused before anything is served, in a line that names the option."""
    done = subprocess.run(
        [*command, f"--speed={speed}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (True, "", True, False) == (
        done.returncode in {2, 64},
        done.stdout,
        "--speed" in done.stderr,
        "Traceback" in done.stderr,
    )
