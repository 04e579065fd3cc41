"""One execution of a state machine, and the store of all of them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from jobrunner.local.states import history, interpreter
from jobrunner.local.states.errors import RUNTIME, TIMEOUT, StateError
from jobrunner.local.states.history import History, Trail
from jobrunner.local.states.loop import Strand
from jobrunner.local.states.values import parsed, stamp, written
from jobrunner.local.states.visit import Scope, Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobrunner.local.states.loop import Loop, Timer

    #: Hears of an execution when it has started, without an end, and with its end when that is there.
    Told = Callable[["Started", "End | None"], object]

RUNNING: Final = "RUNNING"


@dataclass(frozen=True, kw_only=True)
class Started:
    """With what an execution was started; it does not change with its machine.

    Attributes:
        arn: Of the execution.
        name: Of the execution.
        machine_arn: Of its machine, without a version.
        machine_name: Of its machine.
        qualified: The ARN of the version or the alias that was named; None without.
        definition: The text of the definition.
        role: The ARN of the machine's role.
        input: The text of the input.
        at: When, in seconds since 1970.
        region: Of the machine.
        express: Whether it is an Express workflow.
    """

    arn: str
    name: str
    machine_arn: str
    machine_name: str
    qualified: str | None
    definition: str
    role: str
    input: str
    at: float
    region: str
    express: bool = False

    def context(self) -> dict[str, Any]:
        """`$states.context` of the execution."""
        return {
            "Execution": {
                "Id": self.arn,
                "Input": parsed(self.input),
                "Name": self.name,
                "RoleArn": self.role,
                "StartTime": stamp(self.at),
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": self.qualified or self.machine_arn, "Name": self.machine_name},
        }


@dataclass(frozen=True, kw_only=True)
class End:
    """How an execution has ended.

    Attributes:
        status: SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
        at: When, in seconds since 1970.
        output: Its text, of one that has succeeded.
        error: The name of the error.
        cause: Its cause.
    """

    status: str
    at: float
    output: str | None = None
    error: str | None = None
    cause: str | None = None


class Execution(Protocol):
    """An execution, whoever interprets it."""

    started: Started

    @property
    def end(self) -> End | None:
        """How it has ended; None while it runs."""

    def stop(self, error: str | None, cause: str | None) -> End:
        """End it from outside; if it has ended before, nothing changes."""

    def events(self, *, newest_first: bool, data: bool) -> list[dict[str, Any]]:
        """Its history."""

    def abandon(self) -> None:
        """Do nothing any more: the endpoint closes."""


class JsonataExecution:
    """An execution that `interpreter` takes through its states.

    Args:
        started: With what.
        machine: The definition, validated.
        around: What its states need.
        loop: Who runs it.
        told: Hears of its end.
    """

    def __init__(
        self, started: Started, machine: Mapping[str, Any], around: Surroundings, loop: Loop, told: Told
    ) -> None:
        self.started = started
        self._told = told
        self._clock = around.calls.clock
        self._history = History(self._clock)
        self._lock = threading.Lock()
        self._end: End | None = None
        self._history.add("ExecutionStarted", 0, **history.put_in(started.input, started.role))
        trail = Trail(self._history)
        steps = interpreter.run(
            machine, parsed(started.input), scope=Scope(), trail=trail, context=started.context(), around=around
        )
        self._trail = trail
        self._strand = Strand(loop, steps, self._ended)
        self._timer: Timer | None = None
        seconds = machine.get("TimeoutSeconds")
        if seconds is not None:
            self._timer = loop.at(started.at + seconds, self._time_out)

    def begin(self) -> None:
        """Enter the first state, in another thread."""
        self._strand.start()

    @property
    def end(self) -> End | None:
        """How it has ended; None while it runs."""
        return self._end

    def events(self, *, newest_first: bool, data: bool) -> list[dict[str, Any]]:
        """Its history."""
        return self._history.events(newest_first=newest_first, data=data)

    def stop(self, error: str | None, cause: str | None) -> End:
        """End it from outside; if it has ended before, nothing changes."""
        end = self._finish("ABORTED", "ExecutionAborted", self._history.last, error=error, cause=cause)
        self._strand.stop()
        return end

    def abandon(self) -> None:
        """Do nothing any more: the endpoint closes."""
        self._strand.stop()

    def _time_out(self) -> None:
        self._finish("TIMED_OUT", "ExecutionTimedOut", 0, error=TIMEOUT)
        self._strand.stop()

    def _ended(self, value: Any, error: Exception | None) -> None:
        previous = self._trail.previous
        if error is None:
            self._finish("SUCCEEDED", "ExecutionSucceeded", previous, output=written(value))
            return
        failure = (
            error if isinstance(error, StateError) else StateError(RUNTIME, f"The local endpoint failed: {error!r}")
        )
        self._finish("FAILED", "ExecutionFailed", previous, error=failure.error, cause=failure.cause)
        if failure is not error:
            raise error

    def _finish(
        self,
        status: str,
        kind: str,
        previous: int,
        *,
        output: str | None = None,
        error: str | None = None,
        cause: str | None = None,
    ) -> End:
        """Write the end, once."""
        with self._lock:
            if self._end is not None:
                return self._end
            name = f"e{kind[1:]}EventDetails"
            said = {key: value for key, value in (("error", error), ("cause", cause)) if value is not None}
            details = {name: said} if output is None else history.put_out(name, output)
            self._history.end(kind, previous, **details)
            told = (
                None if status == "TIMED_OUT" else error
            )  # only the event says States.Timeout, as floci-io/floci found
            self._end = End(status=status, at=self._clock(), output=output, error=told, cause=cause)
            timer = self._timer
        if timer is not None:
            timer.cancel()
        self._told(self.started, self._end)
        return self._end


class Executions:
    """All executions, by their ARNs, in the order of their starts. Safe from several threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._all: dict[str, Execution] = {}

    def get(self, arn: str) -> Execution | None:
        """An execution."""
        return self._all.get(arn)

    def add(self, execution: Execution) -> None:
        """Keep an execution. The caller holds the lock."""
        self._all[execution.started.arn] = execution

    def of(self, machine_arn: str) -> list[Execution]:
        """The executions of a machine, the newest first."""
        with self.lock:
            found = [one for one in self._all.values() if one.started.machine_arn == machine_arn]
        return found[::-1]

    def running(self) -> list[Execution]:
        """Those that have not ended."""
        with self.lock:
            return [one for one in self._all.values() if one.end is None]
