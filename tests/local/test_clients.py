"""Unmodified clients agree: the aws command line from PyPI, and a plain boto3 script."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from endpoint_jobs import LOG_GROUP, NETWORK, Jobs, container

from jobrunner.core import local_stage
from jobrunner.local import exports

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint


@pytest.fixture(scope="module")
def environment(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An empty home, no AWS settings, and then what the endpoint tells to export."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    lines = exports(endpoint.info)
    told = dict(re.fullmatch(r"export (\w+)=(\S+)", line).groups() for line in lines)  # type: ignore[union-attr]  # or the test fails
    home = tmp_path_factory.mktemp("home")
    return {**inherited, **told, "HOME": str(home), "AWS_PAGER": "", "PYTHONWARNINGS": "ignore"}


def aws(environment: dict[str, str], *words: str) -> str:
    """Run the aws command line; its output."""
    command = [sys.executable, str(Path(sys.executable).with_name("aws")), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_aws_command_line(jobs: Jobs, environment: dict[str, str]) -> None:
    """run-task, wait tasks-stopped, describe-tasks, list-tasks, get-log-events and filter-log-events."""
    arn = jobs.define(container("sh", "-c", "echo one; echo two; exit 6"))
    started = aws(
        environment, "ecs", "run-task", "--cluster", local_stage.CLUSTER, "--task-definition", arn,
        "--launch-type", "FARGATE", "--network-configuration", json.dumps(NETWORK), "--started-by", "awscli",
    )  # fmt: skip
    task = json.loads(started)["tasks"][0]["taskArn"]
    which = ["--cluster", local_stage.CLUSTER, "--tasks", task]
    assert "" == aws(environment, "ecs", "wait", "tasks-stopped", *which)
    query = ["--query", "tasks[0].[lastStatus,stopCode,containers[0].exitCode]", "--output", "text"]
    assert "STOPPED\tEssentialContainerExited\t6\n" == aws(environment, "ecs", "describe-tasks", *which, *query)
    stream = f"test/main/{task.rpartition('/')[2]}"
    logs = ["--log-group-name", LOG_GROUP, "--query", "events[].message", "--output", "text"]
    head = ["--log-stream-name", stream, "--start-from-head"]
    assert "one\ttwo\n" == aws(environment, "logs", "get-log-events", *logs, *head)
    named = ["--log-stream-names", stream, "--page-size", "1"]
    assert ["one", "two"] == aws(environment, "logs", "filter-log-events", *logs, *named).split()


def test_aws_logs_tail(jobs: Jobs, environment: dict[str, str], tmp_path: Path) -> None:
    """`aws logs tail`, which version 1 of the command line has from a plugin, shows every line once, in order."""
    arn = jobs.start(container("sh", "-c", "i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo $i; done"))
    stream = f"test/main/{arn.rpartition('/')[2]}"
    jobs.reach(arn, "STOPPED")
    configuration = tmp_path / "config"
    configuration.write_text("[plugins]\nlogs_tail = awscli_plugin_logs_tail\n")

    tailed = aws({**environment, "AWS_CONFIG_FILE": str(configuration)}, "logs", "tail", LOG_GROUP, "--since", "1h")

    ours = [line.split()[-1] for line in tailed.splitlines() if stream in line]
    assert [str(number) for number in range(1, 501)] == ours


SCRIPT = """
import boto3, json, sys
ecs, logs = boto3.client("ecs"), boto3.client("logs")
logs.create_log_group(logGroupName="/script")
ecs.register_task_definition(
    family="script", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
    containerDefinitions=[{
        "name": "main", "image": "busybox", "command": ["sh", "-c", "echo hi $WHO; exit 3"],
        "environment": [{"name": "WHO", "value": "you"}],
        "logConfiguration": {"logDriver": "awslogs", "options": {
            "awslogs-group": "/script", "awslogs-stream-prefix": "s", "awslogs-region": "us-east-1"}},
    }],
)
network = json.loads(sys.argv[1])
task = ecs.run_task(cluster="jobrunner", taskDefinition="script", launchType="FARGATE",
                    networkConfiguration=network)["tasks"][0]["taskArn"]
ecs.get_waiter("tasks_stopped").wait(cluster="jobrunner", tasks=[task], WaiterConfig={"Delay": 1})
task = ecs.describe_tasks(cluster="jobrunner", tasks=[task])["tasks"][0]
stream = "s/main/" + task["taskArn"].split("/")[-1]
events = logs.get_log_events(logGroupName="/script", logStreamName=stream, startFromHead=True)["events"]
print(task["containers"][0]["exitCode"], [event["message"] for event in events])
"""


def test_boto3_script(jobs: Jobs, environment: dict[str, str]) -> None:
    """Twenty lines of boto3, with nothing but the exports, run a task and read its log and exit code."""
    assert jobs  # the endpoint is up
    command = [sys.executable, "-c", SCRIPT, json.dumps(NETWORK)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ("3 ['hi you']\n", 0) == (done.stdout, done.returncode), done.stderr
