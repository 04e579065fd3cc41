"""`jobrunner` and the runs that the state machine looks after, on the local endpoint: schedule, execution, tasks."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from console import LIMIT_SECONDS, Console, console_in, wait_until
from deliveries import first_schedule

from jobrunner import JobRunner
from jobrunner.core import local_stage
from jobrunner.core.naming import execution_name, schedule_scope
from jobrunner.core.schedule_request import SCHEDULED_TIME
from jobrunner.document import load_project
from jobrunner.local.registry import connection_for, discover

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_JOBS = {
    "patient": """
command: [sh, -c, 'echo "attempt $JOBRUNNER_ATTEMPT"; exit 75']
retries: {attempts: 3, backoff: 1h, max_backoff: 1h, on: 75}
""",
    "flaky": """
command: [sh, -c, 'echo "attempt $JOBRUNNER_ATTEMPT"; test $JOBRUNNER_ATTEMPT = 2 || exit 75']
retries: {attempts: 3, backoff: 4s, on: 75}
""",
    "single": """
command: [sh, -c, 'echo up; exec sleep 60']
stop_timeout: 2s
overlap: forbid
""",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console in a project with jobs for the state machine, while `jobrunner local` serves it."""
    directory: Path = tmp_path_factory.mktemp("shop")
    (directory / "jobs").mkdir()
    (directory / "jobrunner.yaml").write_text("project: shop\ndefault_stage: local\n")
    for name, job in _JOBS.items():
        text = f'image: busybox\nschedule: {{cron: "30 2 * * *"}}\n{job.lstrip()}'
        (directory / "jobs" / f"{name}.yaml").write_text(text)
    with console_in(directory) as console:
        server = console.start("local", stderr=subprocess.STDOUT)
        assert server.stdout is not None
        assert b"export AWS_ENDPOINT_URL=" in server.stdout.readline()
        yield console
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=LIMIT_SECONDS)


def runner_of(console: Console) -> JobRunner:
    """The project as somebody else's machine has it: nothing is recorded in the console's state directory."""
    info = discover(console.state_dir)
    assert info is not None
    elsewhere = str(console.state_dir / "elsewhere")
    project = load_project(console.directory, environ={}, overrides={"state_dir": elsewhere})
    return JobRunner(project, connection=connection_for(info))


def client(console: Console, service: str) -> Any:
    """A client of the endpoint."""
    with runner_of(console) as runner:
        return boto3.client(
            service,
            region_name=runner.connection.region,
            endpoint_url=runner.connection.endpoint_url,
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )


def fire(console: Console, job: str) -> str:
    """Let a schedule of a job, as `jobrunner` describes it, fire soon; the id of the run that it starts."""
    with runner_of(console) as runner:
        body = first_schedule(runner, runner.project.jobs[job])
        runner._ports.schedules.make_group(body["GroupName"], {})
    assert ":stateMachine:" in body["Target"]["Arn"]
    soon = datetime.now(UTC) + timedelta(seconds=2)
    client(console, "scheduler").create_schedule(
        **{**body, "Name": f"{job}-{soon:%H%M%S}", "ScheduleExpression": f"at({soon:%Y-%m-%dT%H:%M:%S})"}
    )
    return f"{job}@{soon:%Y-%m-%dT%H:%M:%SZ}"


def execute(console: Console, job: str, time: str) -> str:
    """Start the execution of a scheduled time without waiting for it; the id of the run."""
    with runner_of(console) as runner:
        text = first_schedule(runner, runner.project.jobs[job])["Target"]["Input"]
    client(console, "stepfunctions").start_execution(
        stateMachineArn=local_stage.STATE_MACHINE, input=text.replace(SCHEDULED_TIME, time)
    )
    return f"{job}@{time}"


def execution(console: Console, run_id: str) -> dict[str, Any]:
    """The execution of a run, as Step Functions describes it."""
    job, _, time = run_id.partition("@")
    name = execution_name(schedule_scope(project="shop", stage="local", job=job), time)
    arn = f"{local_stage.STATE_MACHINE.replace(':stateMachine:', ':execution:')}:{name}"
    described: dict[str, Any] = client(console, "stepfunctions").describe_execution(executionArn=arn)
    return described


def attempts(console: Console, run_id: str) -> list[str]:
    """The attempts of all tasks that ECS knows of a run."""
    with runner_of(console) as runner:
        ports, cluster = runner._ports, runner.settings.cluster
        tasks = ports.tasks.describe(cluster, ports.tasks.find(cluster)).values()
    mine = [task.environment for task in tasks if task.environment.get("JOBRUNNER_RUN_ID") == run_id]
    return sorted(one["JOBRUNNER_ATTEMPT"] for one in mine)


def status(console: Console, run_id: str) -> dict[str, Any]:
    """What `status` says as JSON."""
    result = console.run("status", run_id, "--output", "json", code=None)
    return dict(result.json[0]) if result.code == 0 else {"phase": None}


def until_waiting(console: Console, run_id: str) -> dict[str, Any]:
    """Wait until the first attempt has failed and the second one is due later; what `status` says then."""

    def waiting() -> dict[str, Any] | None:
        said = status(console, run_id)
        return said if said["phase"] == "WAITING" and said["earlier"] is None and said["attempt"] == 2 else None

    found: dict[str, Any] = wait_until(waiting, "the time between two attempts")
    return found


def test_a_run_is_stopped_between_two_attempts(shop: Console) -> None:
    """Its schedule has fired, its first attempt has failed; after the stop nothing is launched any more."""
    run_id = fire(shop, "patient")
    said = until_waiting(shop, run_id)
    assert [None, None, None, "schedule"] == [said[key] for key in ("verdict", "exit_code", "task_arn", "trigger")]
    text = shop.run("status", run_id).text
    assert "phase      WAITING: waits for its next attempt, which the state machine launches\n" in text
    assert "attempt    2\n" in text
    assert ["attempt 1"] == shop.run("logs", run_id).lines
    assert "attempt 2 WAITING" in shop.run("explain", run_id).text

    stopped = shop.run("stop", run_id, "--reason", "enough")

    assert [run_id] == stopped.lines
    assert f"run {run_id}: patient was stopped" in stopped.err
    over = execution(shop, run_id)
    assert ("ABORTED", "jobrunner.stopped", "jobrunner: stopped: enough") == (
        over["status"],
        over["error"],
        over["cause"],
    )
    ended = status(shop, run_id)
    assert ["stopped", "user", 2, None, 60, [75]] == [
        *(ended[key] for key in ("verdict", "reason", "attempt", "task_arn", "billed_seconds")),
        [one["exit_code"] for one in ended["earlier"]],
    ]
    with runner_of(shop) as elsewhere:
        assert "stopped" == getattr(elsewhere.status(run_id).outcome, "verdict", None)
    assert ["1"] == attempts(shop, run_id)
    assert "is over already: patient was stopped" in shop.run("stop", run_id).err


def test_a_running_attempt_is_stopped_with_its_execution(shop: Console) -> None:
    """Both say why."""
    run_id = fire(shop, "single")
    wait_until(lambda: status(shop, run_id)["phase"] == "RUNNING", "the container")
    stopped = shop.run("stop", run_id, "--reason", "enough")
    assert "single was stopped: stopped: enough" in stopped.err
    assert ("ABORTED", "jobrunner: stopped: enough") == (
        execution(shop, run_id)["status"],
        execution(shop, run_id)["cause"],
    )
    assert ["stopped", "user", 1] == [status(shop, run_id)[key] for key in ("verdict", "reason", "attempt")]


def test_whoever_attaches_follows_to_the_end_of_the_run(shop: Console) -> None:
    """Over the attempts that the state machine launches; so does `logs -f`."""
    run_id = execute(shop, "flaky", "2026-11-24T02:30:00Z")
    wait_until(lambda: status(shop, run_id)["phase"], "the first task")
    logs = shop.start("logs", "-f", run_id)
    attached = shop.run("attach", run_id)
    assert ["attempt 1", "attempt 2"] == attached.lines, attached
    assert "attempt 1 failed: exit code 75; attempt 2" in attached.err
    out, err = logs.communicate(timeout=LIMIT_SECONDS)
    assert (0, b"attempt 1\nattempt 2\n", b"") == (logs.returncode, out, err)
    ended = status(shop, run_id)
    assert ["succeeded", 2, 120, True] == [
        *(ended[key] for key in ("verdict", "attempt", "billed_seconds")),
        ended["logs"]["complete"],
    ]
    output = wait_until(lambda: execution(shop, run_id).get("output"), "the end of the execution")
    assert ended["task_arn"] == json.loads(output)["task_arn"]


def test_an_interrupt_between_two_attempts_stops_the_run(shop: Console) -> None:
    """As an interrupt of a running task does."""
    run_id = execute(shop, "patient", "2026-11-24T02:30:00Z")
    until_waiting(shop, run_id)
    attached = shop.start("attach", run_id)
    assert attached.stderr is not None
    lines = []
    while b"attempt 2 in " not in (line := attached.stderr.readline()):
        assert line, lines
        lines.append(line)
    attached.send_signal(signal.SIGINT)
    out, err = attached.communicate(timeout=LIMIT_SECONDS)
    assert (130, b"attempt 1\n") == (attached.returncode, out), err
    assert ("ABORTED", "jobrunner: interrupted by SIGINT") == (
        execution(shop, run_id)["status"],
        execution(shop, run_id)["cause"],
    )
    assert ["interrupted", 2] == [status(shop, run_id)[key] for key in ("verdict", "attempt")]
    assert ["1"] == attempts(shop, run_id)


def test_whoever_leaves_a_run_between_two_attempts_lets_it_go_on(shop: Console) -> None:
    """With `--on-interrupt detach`, it waits on without him."""
    run_id = execute(shop, "patient", "2026-11-24T03:30:00Z")
    until_waiting(shop, run_id)
    attached = shop.start("attach", run_id, "--on-interrupt", "detach")
    assert attached.stderr is not None
    while b"attempt 2 in " not in attached.stderr.readline():
        assert None is attached.poll()
    attached.send_signal(signal.SIGINT)
    _, err = attached.communicate(timeout=LIMIT_SECONDS)
    assert 130 == attached.returncode
    assert f"left run {run_id}, which goes on".encode() in err
    assert ("RUNNING", "WAITING") == (execution(shop, run_id)["status"], status(shop, run_id)["phase"])
    shop.run("stop", run_id)


def test_a_run_that_was_skipped(shop: Console) -> None:
    """ECS has never heard of it; the state machine knows for whom it gave way."""
    first = execute(shop, "single", "2026-11-24T02:30:00Z")
    wait_until(lambda: status(shop, first)["phase"] == "RUNNING", "the first run")
    second = execute(shop, "single", "2026-11-24T03:30:00Z")
    wait_until(lambda: execution_ended(shop, second), "the second run to give way")
    said = status(shop, second)
    assert ["never_started", "skipped", None, None, 0] == [
        said[key] for key in ("verdict", "reason", "exit_code", "task_arn", "billed_seconds")
    ]
    assert f"was skipped: another run was under way: {first}" == said["detail"]
    attached = shop.run("attach", second, code=125)
    assert f"was skipped: another run was under way: {first}" in attached.err
    assert "was skipped" in shop.run("explain", second).text
    assert f"run {second} is over already: single never started" in shop.run("stop", second).err
    shop.run("stop", first)


def execution_ended(console: Console, run_id: str) -> bool:
    """Whether the execution of a run is there, and over."""
    states = client(console, "stepfunctions")
    found = states.list_executions(stateMachineArn=local_stage.STATE_MACHINE)["executions"]
    job, _, time = run_id.partition("@")
    name = execution_name(schedule_scope(project="shop", stage="local", job=job), time)
    return any(one["name"] == name and one["status"] != "RUNNING" for one in found)
