"""The task that a schedule starts is the task that `run` starts: what ECS shows of both is the same, identity apart."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from console import LIMIT_SECONDS

from jobrunner import JobRunner
from jobrunner.core.request import IDENTITY_VARIABLES
from jobrunner.document import load_project
from jobrunner.local import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobrunner.core.connection import Connection

SPEC = """
image: busybox
command: [sleep, "60"]
capacity: {capacity}
cpu: 1 vCPU
memory: 4 GB
platform_version: 1.4.0
environment: {{DAY: "${{{{ params.day }}}}"}}
params: {{day: yesterday}}
network: {{assign_public_ip: false}}
tags: {{team: data}}
stop_timeout: 2s
{more}
schedule: {{at: "{at}"}}
"""
#: What belongs to one task: its names, its times, its place in the network.
ITS_OWN = frozenset(
    ("taskArn", "createdAt", "pullStartedAt", "pullStoppedAt", "startedAt", "connectivityAt", "startedBy", "version")
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """An endpoint that serves the project's directory."""
    with serve(workdir=tmp_path) as endpoint:
        yield endpoint.connection


def in_full(ecs: Any, task_arn: str) -> dict[str, Any]:
    """What ECS says of a running task, without what is its own."""
    [task] = ecs.describe_tasks(cluster="jobrunner", tasks=[task_arn], include=["TAGS"])["tasks"]
    shown = {key: value for key, value in task.items() if key not in ITS_OWN}
    shown["tags"] = {tag["key"]: tag["value"] for tag in task["tags"] if tag["key"] != "jobrunner:run-id"}
    for override in shown["overrides"]["containerOverrides"]:
        pairs = {pair["name"]: pair["value"] for pair in override["environment"]}
        override["environment"] = {name: value for name, value in pairs.items() if name not in IDENTITY_VARIABLES}
    shown["containers"] = [
        {key: container.get(key) for key in ("name", "image", "cpu", "memory", "lastStatus")}
        for container in task["containers"]
    ]
    [attachment] = shown.pop("attachments")
    names = {detail["name"]: detail["value"] for detail in attachment["details"]}
    return {**shown, "network": (attachment["type"], sorted(names), names["subnetId"])}


@pytest.mark.parametrize("capacity", ["on-demand", "spot"])
@pytest.mark.parametrize("more", ["", "timeout: 1h"], ids=["direct", "through-the-state-machine"])
def test_the_task_of_a_schedule_is_the_task_of_run(
    tmp_path: Path, connection: Connection, capacity: str, more: str
) -> None:
    """Network, capacity, platform, size, tags, group and overrides arrive, by either way."""
    at = (datetime.now(UTC) + timedelta(seconds=4)).replace(microsecond=0, tzinfo=None)
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobrunner.yaml").write_text("project: same\ndefault_stage: local\n", encoding="utf-8")
    (tmp_path / "jobs" / "job.yaml").write_text(
        SPEC.format(capacity=capacity, more=more, at=at.isoformat()).lstrip(), encoding="utf-8"
    )
    project = load_project(tmp_path, environ={}, overrides={"state_dir": str(tmp_path / "state")})
    ecs = boto3.client(
        "ecs",
        region_name=connection.region,
        endpoint_url=connection.endpoint_url,
        aws_access_key_id="id",
        aws_secret_access_key="secret",
    )
    with JobRunner(project, connection=connection) as runner:
        assert [None] == [applied.error for applied in runner.apply(runner.plan())]
        by_hand = runner.start("job")
        deadline = time.monotonic() + LIMIT_SECONDS
        while len(tasks := running(ecs)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        [fired] = tasks - {by_hand.record.task_arn}
        assert in_full(ecs, str(by_hand.record.task_arn)) == in_full(ecs, fired)
        assert f"job@{at.isoformat()}Z" == runner.stop(fired).record.run_id
        by_hand.stop("end of the test")
        by_hand.wait()


def running(ecs: Any) -> set[str]:
    """The tasks whose containers run."""
    arns = ecs.list_tasks(cluster="jobrunner")["taskArns"]
    tasks = ecs.describe_tasks(cluster="jobrunner", tasks=arns)["tasks"] if arns else []
    return {task["taskArn"] for task in tasks if task["lastStatus"] == "RUNNING"}
