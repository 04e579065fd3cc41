"""Step Functions' executions: DescribeExecution, StopExecution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobrunner.aws import faults
from jobrunner.core.execution import Execution

if TYPE_CHECKING:
    from jobrunner.aws.connection import Clients

#: What Step Functions says of an execution that is not there, and of one whose state machine is not.
_ABSENT: Final = ("ExecutionDoesNotExist", "StateMachineDoesNotExist")
_MACHINE_PARTS: Final = 7


class SfnExecutions:
    """`ports.Executions` on Step Functions. The client is made with the first call."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def describe(self, machine: str, name: str) -> Execution | None:
        """Describe an execution; see `ports.Executions.describe`."""
        with faults.translated("states:DescribeExecution", f"describe the execution {name}"):
            try:
                found = self._client().describe_execution(executionArn=_arn(machine, name))
            except Exception as error:
                if _absent(error):
                    return None
                raise
        return Execution(
            machine=machine,
            name=found["name"],
            status=found["status"],
            started_at=found["startDate"],
            input=found.get("input") or "",
            output=found.get("output"),
            error=found.get("error"),
            cause=found.get("cause"),
        )

    def stop(self, machine: str, name: str, *, error: str, cause: str) -> bool:
        """Stop an execution; see `ports.Executions.stop`."""
        with faults.translated("states:StopExecution", f"stop the execution {name}"):
            try:
                self._client().stop_execution(executionArn=_arn(machine, name), error=error, cause=cause)
            except Exception as raised:
                if _absent(raised):
                    return False
                raise
        return True

    def _client(self) -> Any:
        return self._clients.client("stepfunctions")


def _absent(error: Exception) -> bool:
    return any(faults.answered(error, code) for code in _ABSENT)


def _arn(machine: str, name: str) -> str:
    """Give the ARN of an execution; that of a machine may end with a version or an alias, which is not part of it."""
    *where, _, own = machine.split(":")[:_MACHINE_PARTS]
    return ":".join((*where, "execution", own, name))
