"""JSONPath machines: moto's interpreter executes them.

Source of what it is to do: Step Functions developer guide. Only what moto lacks is here and in `paths_*`.
"""

from __future__ import annotations

import copy
import logging
import threading
import time
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_factory
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
from moto.stepfunctions.parser.backend.execution import Execution as MotoExecution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from jobrunner.local.states import paths_calls, validate
from jobrunner.local.states.diagnostics import SCHEMA, Diagnostic, Diagnostics
from jobrunner.local.states.errors import RUNTIME, TIMEOUT
from jobrunner.local.states.execution import End, Started
from jobrunner.local.states.history import bare
from jobrunner.local.states.paths_tasks import EcsTask, SdkTask
from jobrunner.local.states.values import written

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.states.execution import Told

_factory: Any = state_task_service_factory
_factory.StateTaskServiceEcs = EcsTask
_factory.StateTaskServiceAwsSdk = SdkTask
# Each failure of an execution is an error there, with the whole syntax tree; here it is in its history.
logging.getLogger("moto.stepfunctions.parser.asl").setLevel(logging.CRITICAL)

#: Seconds.
_PATIENCE: Final = 5.0
_PAUSE: Final = 0.01
_log = logging.getLogger(__name__)


def problems(text: str) -> list[Diagnostic]:
    """What is wrong with a JSONPath definition: what moto's parser refuses, and transitions that lead nowhere."""
    found = Diagnostics()
    machine = validate.definition(text) or {}
    try:
        AmazonStateLanguageParser.parse(text)
    except Exception as error:  # noqa: BLE001 - moto's parser refuses with exceptions of all kinds
        found.add("/", str(error) or repr(error), SCHEMA)
    validate.check_flows(found, "", machine)
    return found.found


def has_jsonata(value: Any) -> bool:
    """Whether a state of the machine is written in JSONata, which moto cannot evaluate."""
    if isinstance(value, dict):
        return validate.is_jsonata(value) or any(has_jsonata(item) for item in value.values())
    return isinstance(value, list) and any(has_jsonata(item) for item in value)


class _Told(BaseExecutionWorkerCommunication):
    execution: Any

    def terminated(self) -> None:
        super().terminated()
        self.execution.over()


class _Worker(ExecutionWorker):
    def _execution_logic(self) -> None:
        try:
            super()._execution_logic()  # type: ignore[no-untyped-call]  # moto's
        except Exception as error:  # noqa: BLE001 - or the execution would run for ever
            _log.exception("Step Functions")
            told: Any = self._execution_communication
            told.execution.over(f"moto's interpreter failed: {error!r}")


class _Execution(MotoExecution):
    """moto's execution, which says when it has ended: its status changes before its output is there."""

    over: Callable[..., None]

    def _get_start_execution_worker_comm(self) -> _Told:
        return _Told(self)

    def _get_start_execution_worker(self) -> _Worker:
        made: Any = super()._get_start_execution_worker()
        made.__class__ = _Worker
        worker: _Worker = made
        return worker


class PathExecution:
    """An execution in moto's interpreter.

    Args:
        started: With what.
        machine: moto's, which its callbacks look through.
        url: Of the endpoint whose it is.
        clock: Seconds since 1970.
        told: Hears of its end.
    """

    def __init__(self, started: Started, machine: Any, url: str, clock: Callable[[], float], told: Told) -> None:
        self.started = started
        self._told = told
        self._clock = clock
        self._machine = machine
        self._lock = threading.Lock()
        self._end: End | None = None
        self._stopped: list[dict[str, Any]] | None = None
        self._over = threading.Event()
        snapshot = copy.copy(machine)
        snapshot.definition, snapshot.roleArn = started.definition, started.role
        role = paths_calls.Role.of(started.role, url)
        self._moto = _Execution(
            name=started.name,
            sm_type=snapshot.sm_type,
            role_arn=role,
            exec_arn=started.arn,
            account_id=started.arn.split(":")[4],
            region_name=started.region,
            state_machine=snapshot,
            start_date=datetime.fromtimestamp(started.at, UTC),
            cloud_watch_logging_session=None,
            input_data=started.input,
            activity_store={},
        )
        self._moto.over = self._ended

    def begin(self) -> None:
        """Enter the first state, in threads of moto's."""
        if has_jsonata(validate.definition(self.started.definition)):
            self._finish(
                status="FAILED", error=RUNTIME, cause="This endpoint executes no JSONata states of a JSONPath machine."
            )
            self._over.set()
            return
        self._machine.executions.append(self._moto)
        self._moto.start()

    @property
    def end(self) -> End | None:
        """How it has ended; None while it runs."""
        return self._end

    def events(self, *, newest_first: bool, data: bool) -> list[dict[str, Any]]:
        """Its history."""
        found = self._history() if self._stopped is None else self._stopped
        if newest_first:
            found = found[::-1]
        return found if data else [bare(event) for event in found]

    def _history(self) -> list[dict[str, Any]]:
        if self._moto.exec_worker is None:
            return []
        return [_plain(event) for event in self._moto.to_history_output()["events"]]

    def stop(self, error: str | None, cause: str | None) -> End:
        """End it from outside; if it has ended before, nothing changes.

        The history ends with the stop: moto's threads look up now and then only, and go on writing.
        """
        before = self._end
        end = self._finish(status="ABORTED", error=error, cause=cause)
        if before is None and end.status == "ABORTED":
            written_so_far = self._history()
            said = {name: text for name, text in (("error", error), ("cause", cause)) if text is not None}
            last = len(written_so_far)
            aborted = {"timestamp": end.at, "type": "ExecutionAborted", "id": last + 1, "previousEventId": last}
            self._stopped = [*written_so_far, {**aborted, "executionAbortedEventDetails": said}]
            self.abandon()
        return end

    def abandon(self) -> None:
        """Do nothing any more. moto has nothing to stop before its threads have begun: they are waited for."""
        deadline = time.monotonic() + _PATIENCE
        while not self._over.is_set() and time.monotonic() < deadline:
            worker = self._moto.exec_worker
            if worker is not None and worker.env is not None and worker.env.is_running():
                worker.stop(stop_date=datetime.now(UTC), error=None, cause=None)
                return
            self._over.wait(_PAUSE)

    def _ended(self, failure: str | None = None) -> None:
        """Called by moto's thread at its end."""
        moto: Any = self._moto
        if failure is not None:
            self._finish(status="FAILED", error=RUNTIME, cause=failure)
        else:
            status = str(moto.exec_status.value)
            output = written(moto.output) if status == "SUCCEEDED" else None
            error = None if moto.error == TIMEOUT and status == "TIMED_OUT" else moto.error
            self._finish(status=status, output=output, error=error, cause=moto.cause)
        self._over.set()

    def _finish(
        self, *, status: str, output: str | None = None, error: str | None = None, cause: str | None = None
    ) -> End:
        with self._lock:
            if self._end is not None:
                return self._end
            self._end = End(status=status, at=self._clock(), output=output, error=error, cause=cause)
        self._told(self.started, self._end)
        return self._end


def _plain(value: Any) -> Any:
    """Give moto's event as its protocol carries it."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, Enum):
        return value.value
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
