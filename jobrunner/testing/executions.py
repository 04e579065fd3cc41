"""A fake of `ports.Executions`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobrunner.core.execution import ABORTED, RUNNING, SUCCEEDED, Execution
from jobrunner.testing.ecs import Scripted

if TYPE_CHECKING:
    from jobrunner.core.ports import Clock


class FakeExecutions(Scripted):
    """`ports.Executions` in memory. They do nothing by themselves: a test starts them and says how they end.

    Args:
        clock: Says when they start.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._executions: dict[tuple[str, str], Execution] = {}

    def start(self, machine: str, name: str, text: str = "{}") -> None:
        """Start an execution with a JSON text as its input."""
        self._executions[machine, name] = Execution(
            machine=machine, name=name, status=RUNNING, started_at=self._clock.now(), input=text
        )

    def succeed(self, machine: str, name: str, output: str) -> None:
        """End one that runs, with a JSON text as its output."""
        self._end(machine, name, status=SUCCEEDED, output=output)

    def break_off(self, machine: str, name: str, *, error: str, cause: str, status: str = "FAILED") -> None:
        """End one that runs, with an error."""
        self._end(machine, name, status=status, error=error, cause=cause)

    def describe(self, machine: str, name: str) -> Execution | None:
        """Describe an execution; see `ports.Executions.describe`."""
        self._called("describe")
        return self._executions.get((machine, name))

    def stop(self, machine: str, name: str, *, error: str, cause: str) -> bool:
        """Stop an execution; see `ports.Executions.stop`."""
        self._called("stop")
        if (machine, name) not in self._executions:
            return False
        self._end(machine, name, status=ABORTED, error=error, cause=cause)
        return True

    def _end(
        self,
        machine: str,
        name: str,
        *,
        status: str,
        output: str | None = None,
        error: str | None = None,
        cause: str | None = None,
    ) -> None:
        execution = self._executions[machine, name]
        if execution.running:
            ended = replace(execution, status=status, output=output, error=error, cause=cause)
            self._executions[machine, name] = ended
