"""A project whose schedules are played on a fast local endpoint."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from console import LIMIT_SECONDS, console_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from console import Console


@contextmanager
def fast_project(directory: Path, jobs: Mapping[str, str], *, speed: int, begins: datetime) -> Iterator[Console]:
    """A console in a new project of the directory's name, whose endpoint's schedules have a fast clock.

    Args:
        directory: Empty.
        jobs: The jobs, without their image, by name.
        speed: Of Scheduler's clock.
        begins: What that shows when it is asked for the first time.
    """
    (directory / "jobs").mkdir()
    (directory / "jobrunner.yaml").write_text(f"project: {directory.name}\ndefault_stage: local\n", encoding="utf-8")
    for name, text in jobs.items():
        (directory / "jobs" / f"{name}.yaml").write_text(f"image: busybox\n{text}", encoding="utf-8")
    with console_in(directory) as console:
        words = ("local", "--speed", str(speed), "--from", begins.isoformat())
        server = console.start(*words, stderr=subprocess.DEVNULL)
        try:
            assert server.stdout is not None
            server.stdout.readline()  # it serves
            yield console
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=LIMIT_SECONDS)


def play_until(console: Console, ends: float, *, left: int) -> None:
    """Wait until a time of the monotonic clock, and until no more executions than those that are left go on."""
    while time.monotonic() < ends or len(running(console)) > left:
        assert time.monotonic() < ends + LIMIT_SECONDS
        time.sleep(0.5)


def client(console: Console, service: str) -> Any:
    """A boto3 client of the endpoint that the console's project is served by."""
    [exports] = console.run("local", "--exports", "--output", "json").json
    environment = exports["environment"]
    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def running(console: Console) -> list[str]:
    """The executions of the state machine that go on."""
    states = client(console, "stepfunctions")
    [machine] = states.list_state_machines()["stateMachines"]
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING"
    )
    return [one["name"] for page in pages for one in page["executions"]]
