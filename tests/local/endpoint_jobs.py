"""A small language for jobs on an endpoint."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from jobrunner.core import local_stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.core.connection import Connection

LOG_GROUP = "/test/jobs"
NETWORK = {
    "awsvpcConfiguration": {
        "subnets": list(local_stage.SUBNETS),
        "securityGroups": list(local_stage.SECURITY_GROUPS),
        "assignPublicIp": "ENABLED",
    }
}
#: Far more than anything here takes on an idle machine; only a hang gets there.
PATIENCE = 60.0


def client_of(connection: Connection, service: str, **settings: Any) -> Any:
    """A boto3 client of an endpoint that neither retries nor validates, so that the endpoint's own answer is seen."""
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=PATIENCE)
    arguments = {
        "region_name": connection.region,
        "endpoint_url": connection.endpoint_url,
        "aws_access_key_id": connection.access_key_id,
        "aws_secret_access_key": connection.secret_access_key,
        "config": config,
    }
    return boto3.client(service, **(arguments | settings))


def until(what: Callable[[], Any]) -> Any:
    """Ask until there is an answer."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.005)
    raise TimeoutError(f"nothing came of it within {PATIENCE} seconds")


def container(*command: str, name: str = "main", **members: Any) -> dict[str, Any]:
    """A container definition with logs."""
    options = {
        "awslogs-group": LOG_GROUP,
        "awslogs-region": local_stage.REGION,
        "awslogs-stream-prefix": "test",
    }
    found = {
        "name": name,
        "image": "example.com/none",
        "logConfiguration": {"logDriver": "awslogs", "options": options},
        **members,
    }
    return {**found, "command": list(command)} if command else found


class Jobs:
    """Starts tasks on an endpoint, and looks at them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.ecs = client_of(connection, "ecs")
        self.logs = client_of(connection, "logs")
        if not self.logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]:
            self.logs.create_log_group(logGroupName=LOG_GROUP)
        self._families = 0

    def define(self, *containers: dict[str, Any], **members: Any) -> str:
        """Register a definition; its ARN."""
        self._families += 1
        definition = {
            "family": f"test-{id(self)}-{self._families}",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": list(containers),
            **members,
        }
        arn: str = self.ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
        return arn

    def request(self, definition: str, **members: Any) -> dict[str, Any]:
        """A complete RunTask request."""
        base: dict[str, Any] = {"cluster": local_stage.CLUSTER, "taskDefinition": definition}
        if "capacityProviderStrategy" not in members:
            base["launchType"] = "FARGATE"
        return {**base, "networkConfiguration": NETWORK, **members}

    def start(self, *containers: dict[str, Any], **members: Any) -> str:
        """Run one task; its ARN."""
        answer = self.ecs.run_task(**self.request(self.define(*containers), **members))
        arn: str = answer["tasks"][0]["taskArn"]
        return arn

    def describe(self, arn: str) -> dict[str, Any]:
        """A task now."""
        found: dict[str, Any] = self.ecs.describe_tasks(cluster=local_stage.CLUSTER, tasks=[arn])["tasks"][0]
        return found

    def stop(self, arn: str, **members: Any) -> dict[str, Any]:
        """Ask a task to stop; the answer."""
        found: dict[str, Any] = self.ecs.stop_task(cluster=local_stage.CLUSTER, task=arn, **members)["task"]
        return found

    def reach(self, arn: str, status: str) -> dict[str, Any]:
        """Wait until a task has a status."""
        return until(lambda: ((task := self.describe(arn))["lastStatus"] == status and task) or None)

    def run(self, *containers: dict[str, Any], **members: Any) -> dict[str, Any]:
        """Run one task to its end."""
        return self.reach(self.start(*containers, **members), "STOPPED")

    def lines(self, task: dict[str, Any] | str, name: str = "main") -> list[str]:
        """All lines of a container; none if it never wrote one."""
        arn = task if isinstance(task, str) else task["taskArn"]
        stream = f"test/{name}/{arn.rpartition('/')[2]}"
        found: list[str] = []
        token: dict[str, str] = {}
        while True:
            try:
                page = self.logs.get_log_events(
                    logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True, **token
                )
            except self.logs.exceptions.ResourceNotFoundException:
                return []
            found += [event["message"] for event in page["events"]]
            if token.get("nextToken") == page["nextForwardToken"]:
                return found
            token = {"nextToken": page["nextForwardToken"]}


def of_run(job: str, *, run_id: str = "", attempt: int = 1, container: str = "main") -> dict[str, Any]:
    """Overrides that say whose task it is, as jobrunner's own do."""
    variables = {"JOBRUNNER_JOB": job, "JOBRUNNER_RUN_ID": run_id, "JOBRUNNER_ATTEMPT": str(attempt)}
    pairs = [{"name": name, "value": value} for name, value in variables.items()]
    return {"containerOverrides": [{"name": container, "environment": pairs}]}


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str, int]:
    """The code, the message and the HTTP status of an error."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    response: Any = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def exit_codes(task: dict[str, Any]) -> dict[str, int | None]:
    """The exit code of each container."""
    return {found["name"]: found.get("exitCode") for found in task["containers"]}
