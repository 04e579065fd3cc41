"""The aws command line from PyPI talks to the endpoint's EventBridge Scheduler."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scheduling import OFF, QUEUE, TASK

from jobrunner.core import local_stage
from jobrunner.core.deadline import Deadline
from jobrunner.local import exports

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint


@pytest.fixture
def environment(endpoint: Endpoint, tmp_path: Path) -> dict[str, str]:
    """An empty home, no AWS settings, and then what the endpoint tells to export."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    told = dict(line.removeprefix("export ").split("=", 1) for line in exports(endpoint.info))
    return {**inherited, **told, "HOME": str(tmp_path), "AWS_PAGER": "", "PYTHONWARNINGS": "ignore"}


def aws(environment: dict[str, str], *words: str, fails: bool = False) -> str:
    """Run the aws command line; what it says, on stderr if it is to fail."""
    command = [sys.executable, str(Path(sys.executable).with_name("aws")), "scheduler", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert fails == (done.returncode != 0), done.stderr
    return done.stderr if fails else done.stdout


def test_the_aws_command_line(environment: dict[str, str]) -> None:
    """create-schedule, get-schedule, list-schedules, delete-schedule, create-schedule-group, tags."""
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    deadline = Deadline(name="cli", group="by-cli", at=soon, role="x", cluster="c", task_arn=TASK, reason="r")
    arn = json.loads(aws(environment, "create-schedule-group", "--name", "by-cli"))["ScheduleGroupArn"]
    aws(environment, "tag-resource", "--resource-arn", arn, "--tags", "Key=managed-by,Value=jobrunner")
    tags = json.loads(aws(environment, "list-tags-for-resource", "--resource-arn", arn))["Tags"]
    assert [{"Key": "managed-by", "Value": "jobrunner"}] == tags
    aws(environment, "create-schedule", "--cli-input-json", json.dumps(deadline.request()))
    query = ["--query", "[ScheduleExpression,ActionAfterCompletion]", "--output", "text"]
    shown = aws(environment, "get-schedule", "--name", "cli", "--group-name", "by-cli", *query)
    assert f"{deadline.request()['ScheduleExpression']}\tDELETE\n" == shown
    listed = aws(
        environment, "list-schedules", "--name-prefix", "cli", "--query", "Schedules[].Name", "--output", "text"
    )
    assert "cli\n" == listed
    aws(environment, "delete-schedule", "--name", "cli", "--group-name", "by-cli")
    gone = aws(environment, "get-schedule", "--name", "cli", "--group-name", "by-cli", fails=True)
    assert "(ResourceNotFoundException)" in gone
    aws(environment, "delete-schedule-group", "--name", "by-cli")


def test_the_aws_command_line_is_refused_as_by_aws(environment: dict[str, str]) -> None:
    """AWS's code and words reach the terminal."""
    role = local_stage.SCHEDULER_ROLE
    said = aws(
        environment, "create-schedule", "--name", "x", "--schedule-expression", "cron(0 3 * * *)",
        "--flexible-time-window", json.dumps(OFF), "--target", json.dumps({"Arn": QUEUE, "RoleArn": role}), fails=True,
    )  # fmt: skip
    assert "(ValidationException)" in said
    assert "Invalid Schedule Expression cron(0 3 * * *)." in said
