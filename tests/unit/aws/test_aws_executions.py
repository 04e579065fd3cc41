"""The gateway of executions, on answers that no local endpoint gives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from jobrunner.errors import AwsRefusedError, AwsThrottledError

if TYPE_CHECKING:
    from conftest import Canned

    from jobrunner.aws import Gateways

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:m:n"


def test_no_client_is_made_before_it_is_needed(gateways: Gateways) -> None:
    """A run that no schedule has started pays for none."""
    assert gateways.executions is not None
    assert {} == gateways.clients._clients


@pytest.mark.parametrize("machine", [MACHINE, f"{MACHINE}:7", f"{MACHINE}:prod"])
def test_an_execution_is_named_by_its_machine(canned: Canned, gateways: Gateways, machine: str) -> None:
    """Without the version or the alias by which that may be named."""
    canned.answer({"executionArn": EXECUTION, "name": "n", "status": "RUNNING", "startDate": 1767268800.0})
    found = gateways.executions.describe(machine, "n")
    assert found is not None
    assert (machine, "n", "", datetime(2026, 1, 1, 12, tzinfo=UTC)) == (
        found.machine,
        found.name,
        found.input,
        found.started_at,
    )
    canned.answer({"stopDate": 1767268800.0})
    assert gateways.executions.stop(machine, "n", error="e", cause="c")
    assert [
        ("DescribeExecution", {"executionArn": EXECUTION}),
        ("StopExecution", {"executionArn": EXECUTION, "error": "e", "cause": "c"}),
    ] == canned.asked


@pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "StateMachineDoesNotExist"])
def test_what_is_not_there_is_no_error(canned: Canned, gateways: Gateways, code: str) -> None:
    """Nor is a state machine that is not deployed."""
    canned.error(code, "no such thing")
    assert None is gateways.executions.describe(MACHINE, "n")
    canned.error(code, "no such thing")
    assert not gateways.executions.stop(MACHINE, "n", error="e", cause="c")


@pytest.mark.parametrize(
    ("code", "kind"), [("AccessDeniedException", AwsRefusedError), ("ThrottlingException", AwsThrottledError)]
)
def test_what_aws_refuses_says_what_was_asked(
    canned: Canned, gateways: Gateways, code: str, kind: type[Exception]
) -> None:
    """With the permission that it takes."""
    for _ in range(10):
        canned.error(code, "no")
    with pytest.raises(kind) as described:
        gateways.executions.describe(MACHINE, "n")
    with pytest.raises(kind) as stopped:
        gateways.executions.stop(MACHINE, "n", error="e", cause="c")
    assert ["states:DescribeExecution", "states:StopExecution"] == [
        getattr(one.value, "where", None) for one in (described, stopped)
    ]
