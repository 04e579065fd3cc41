"""The aws command line from PyPI talks to the endpoint's Step Functions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from endpoint_jobs import until
from state_machines import ROLE, jsonata

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
    command = [sys.executable, str(Path(sys.executable).with_name("aws")), "stepfunctions", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert fails == (done.returncode != 0), done.stderr
    return done.stderr if fails else done.stdout


def test_the_aws_command_line(environment: dict[str, str]) -> None:
    """create, start, describe, history, list, validate, delete."""
    machine = jsonata(
        "A",
        A={"Type": "Wait", "Seconds": "{% $states.input.s %}", "Next": "B"},
        B={"Type": "Succeed", "Output": "{% 'after ' & $states.input.s %}"},
    )
    text = json.dumps(machine)
    assert "OK" == json.loads(aws(environment, "validate-state-machine-definition", "--definition", text))["result"]
    made = aws(environment, "create-state-machine", "--name", "cli", "--definition", text, "--role-arn", ROLE)
    arn = json.loads(made)["stateMachineArn"]
    start = ["start-execution", "--state-machine-arn", arn, "--name", "first", "--input", '{"s": 1}']
    execution = json.loads(aws(environment, *start))["executionArn"]
    query = ["--query", "[status,output]", "--output", "text"]
    shown = until(
        lambda: (
            (said := aws(environment, "describe-execution", "--execution-arn", execution, *query))
            and "RUNNING" not in said
            and said
        )
    )
    assert 'SUCCEEDED\t"after 1"\n' == shown
    kinds = ["get-execution-history", "--execution-arn", execution, "--query", "events[].type", "--output", "text"]
    assert "WaitStateExited" in aws(environment, *kinds).split()
    listed = ["list-executions", "--state-machine-arn", arn, "--query", "executions[].name", "--output", "text"]
    assert "first\n" == aws(environment, *listed)
    assert "(ExecutionAlreadyExists)" in aws(environment, *start, fails=True)
    aws(environment, "delete-state-machine", "--state-machine-arn", arn)
    assert "(StateMachineDoesNotExist)" in aws(
        environment, "describe-state-machine", "--state-machine-arn", arn, fails=True
    )
