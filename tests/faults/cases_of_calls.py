"""Calls that AWS answers badly, late or not at all: throttling, errors, lost answers, hanging connections."""

from __future__ import annotations

from typing import Final

from fault_case import FAILS, STOPPED_LINES, Case, waits, works

from jobrunner import Verdict
from jobrunner.local.faults import (
    ALWAYS,
    HIDDEN_THROTTLES,
    DroppedConnection,
    ErrorAnswer,
    Fault,
    NoAnswer,
    SlowAnswer,
)

#: More than botocore itself repeats a call.
_OFTEN: Final = 4
_NEW_REVISION: Final = HIDDEN_THROTTLES[-1]
_TIMEOUT: Final = "3s"


def hidden(operation: str, *which: int) -> tuple[Fault, ...]:
    """Throttling under codes that say "never": each once."""
    chosen = [HIDDEN_THROTTLES[number] for number in which]
    return tuple(ErrorAnswer(operation=operation, code=code, message=message) for code, message in chosen)


RUN_TASK: Final = (
    Case(
        name="run-task-throttled",
        happens="RunTask is throttled four times.",
        faults=(ErrorAnswer(operation="RunTask", times=_OFTEN),),
    ),
    Case(
        name="run-task-throttled-in-disguise",
        happens="RunTask is throttled three times, under error codes that mean something else.",
        faults=hidden("RunTask", 0, 3, 5),
    ),
    Case(
        name="run-task-server-error",
        happens="RunTask answers four times with an error of AWS's own.",
        faults=(ErrorAnswer(operation="RunTask", code="ServerException", times=_OFTEN),),
    ),
    Case(
        name="run-task-dropped",
        happens="The connection breaks four times before RunTask has arrived.",
        faults=(DroppedConnection(operation="RunTask", times=_OFTEN),),
    ),
    Case(
        name="run-task-answer-lost",
        happens="RunTask starts the task, and its answer is lost.",
        faults=(DroppedConnection(operation="RunTask", when="after"),),
    ),
    Case(
        name="run-task-answers-lost",
        happens="RunTask starts the task, and four answers in a row are lost.",
        faults=(DroppedConnection(operation="RunTask", when="after", times=_OFTEN),),
    ),
    Case(
        name="run-task-throttled-after",
        happens="RunTask starts the task, and four answers in a row are errors of AWS's own.",
        faults=(ErrorAnswer(operation="RunTask", code="ServerException", when="after", times=_OFTEN),),
    ),
    Case(
        name="run-task-hangs",
        happens="RunTask starts the task, and the connection hangs until it breaks.",
        faults=(NoAnswer(operation="RunTask", when="after", seconds=1),),
    ),
    Case(
        name="run-task-unanswered",
        happens="RunTask starts the task, and no answer ever comes through.",
        faults=(DroppedConnection(operation="RunTask", when="after", times=ALWAYS),),
        error="cannot start the task",
        error_of_start=True,
        code=69,
        later_code=0,
    ),
    Case(
        name="run-task-refused",
        happens="AWS refuses RunTask: a permission is missing.",
        faults=(ErrorAnswer(operation="RunTask", code="AccessDeniedException", times=ALWAYS),),
        error="not authorized",
        error_of_start=True,
        verdict=Verdict.NEVER_STARTED,
        reason="refused",
        exit_code=None,
        code=69,
        later_code=125,
        bills=(),
        lines=(),
        elsewhere=False,
    ),
)

DEFINITION: Final = (
    Case(
        name="register-throttled",
        happens="RegisterTaskDefinition is throttled twice.",
        faults=(ErrorAnswer(operation="RegisterTaskDefinition", times=2),),
    ),
    Case(
        name="register-throttled-in-disguise",
        happens="RegisterTaskDefinition fails because somebody else registers the same family just now.",
        faults=(ErrorAnswer(operation="RegisterTaskDefinition", code=_NEW_REVISION[0], message=_NEW_REVISION[1]),),
    ),
    Case(
        name="register-server-error",
        happens="RegisterTaskDefinition answers four times with an error of AWS's own.",
        faults=(ErrorAnswer(operation="RegisterTaskDefinition", code="ServerException", times=_OFTEN),),
    ),
    Case(
        name="describe-definition-throttled",
        happens="DescribeTaskDefinition is throttled four times.",
        faults=(ErrorAnswer(operation="DescribeTaskDefinition", times=_OFTEN),),
    ),
    Case(
        name="list-tasks-throttled",
        happens="ListTasks is throttled four times while a key's earlier run is looked for.",
        faults=(ErrorAnswer(operation="ListTasks", times=_OFTEN),),
    ),
)

DESCRIBE_TASKS: Final = (
    Case(
        name="describe-throttled",
        happens="DescribeTasks is throttled seven times in a row.",
        faults=(ErrorAnswer(operation="DescribeTasks", times=7),),
        **FAILS,
    ),
    Case(
        name="describe-throttled-in-disguise",
        happens="DescribeTasks is throttled twice, under error codes that mean something else.",
        faults=hidden("DescribeTasks", 1, 2),
        **FAILS,
    ),
    Case(
        name="describe-server-error",
        happens="DescribeTasks answers four times with an error of AWS's own.",
        faults=(ErrorAnswer(operation="DescribeTasks", code="ServerException", times=_OFTEN),),
        **FAILS,
    ),
    Case(
        name="describe-dropped",
        happens="The connection breaks in four DescribeTasks in a row.",
        faults=(DroppedConnection(operation="DescribeTasks", times=_OFTEN),),
        **FAILS,
    ),
    Case(
        name="describe-hangs",
        happens="A DescribeTasks hangs until its connection breaks.",
        faults=(NoAnswer(operation="DescribeTasks", seconds=1),),
        **FAILS,
    ),
    Case(
        name="describe-slow",
        happens="Three answers of DescribeTasks are old when they come.",
        faults=(SlowAnswer(operation="DescribeTasks", seconds=0.5, times=3),),
        **FAILS,
    ),
    Case(
        name="describe-refused",
        happens="The credentials expire while the run is followed.",
        faults=(ErrorAnswer(operation="DescribeTasks", code="ExpiredTokenException"),),
        job=works(3),
        verdict=Verdict.FAILED,
        exit_code=3,
        error="The security token included in the request is expired",
        code=69,
        later_code=3,
    ),
)

GET_LOG_EVENTS: Final = (
    Case(
        name="log-throttled",
        happens="GetLogEvents is throttled seven times in a row.",
        faults=(ErrorAnswer(operation="GetLogEvents", times=7),),
        **FAILS,
    ),
    Case(
        name="log-throttled-in-disguise",
        happens="GetLogEvents is throttled twice, under an error code that means something else.",
        faults=hidden("GetLogEvents", 0, 4),
        **FAILS,
    ),
    Case(
        name="log-server-error",
        happens="GetLogEvents answers four times with an error of AWS's own.",
        faults=(ErrorAnswer(operation="GetLogEvents", code="ServiceUnavailable", times=_OFTEN),),
        **FAILS,
    ),
    Case(
        name="log-dropped",
        happens="The connection breaks in four GetLogEvents in a row.",
        faults=(DroppedConnection(operation="GetLogEvents", when="after", times=_OFTEN),),
        **FAILS,
    ),
    Case(
        name="log-hangs",
        happens="A GetLogEvents hangs until its connection breaks.",
        faults=(NoAnswer(operation="GetLogEvents", seconds=1),),
        **FAILS,
    ),
    Case(
        name="log-refused",
        happens="AWS does not let the log be read: a permission is missing.",
        faults=(ErrorAnswer(operation="GetLogEvents", code="AccessDeniedException", times=ALWAYS),),
        **FAILS,
        log_reason="not authorized",
    ),
)

_TIMED_OUT: Final = {
    "verdict": Verdict.TIMED_OUT,
    "reason": "timeout",
    "exit_code": 143,
    "code": 124,
    "lines": STOPPED_LINES,
    "needs_starter": True,
}

STOP_TASK: Final = (
    Case(
        name="stop-throttled",
        happens="The job is to be stopped at its timeout, and StopTask is throttled four times.",
        faults=(ErrorAnswer(operation="StopTask", times=_OFTEN),),
        job=waits(143, timeout=_TIMEOUT),
        **_TIMED_OUT,
    ),
    Case(
        name="stop-throttled-in-disguise",
        happens="The job is to be stopped at its timeout, and StopTask is throttled under another code.",
        faults=hidden("StopTask", 1),
        job=waits(143, timeout=_TIMEOUT),
        **_TIMED_OUT,
    ),
    Case(
        name="stop-refused",
        happens="The job is to be stopped at its timeout, and AWS refuses StopTask once.",
        faults=(ErrorAnswer(operation="StopTask", code="AccessDeniedException"),),
        job=waits(143, timeout=_TIMEOUT),
        **_TIMED_OUT,
    ),
    Case(
        name="stop-answer-lost",
        happens="The job is stopped at its timeout, and two answers of StopTask are lost.",
        faults=(DroppedConnection(operation="StopTask", when="after", times=2),),
        job=waits(143, timeout=_TIMEOUT),
        **_TIMED_OUT,
    ),
)

SCHEDULES: Final = (
    Case(
        name="create-schedule-throttled",
        happens="CreateSchedule, which keeps the timeout, is throttled twice.",
        faults=(ErrorAnswer(operation="CreateSchedule", times=2),),
        job=works(timeout="1h"),
    ),
    Case(
        name="create-schedule-answer-lost",
        happens="The timeout's schedule is made, and the answer is lost.",
        faults=(DroppedConnection(operation="CreateSchedule", when="after"),),
        job=works(timeout="1h"),
    ),
    Case(
        name="create-schedule-refused",
        happens="AWS refuses the schedule that keeps the timeout; the job hangs.",
        faults=(ErrorAnswer(operation="CreateSchedule", code="AccessDeniedException", times=ALWAYS),),
        job=waits(143, timeout=_TIMEOUT),
        **_TIMED_OUT,
    ),
    Case(
        name="delete-schedule-throttled",
        happens="The job is done, and DeleteSchedule is throttled twice.",
        faults=(ErrorAnswer(operation="DELETE /schedules/*", times=2),),
        job=works(timeout="1h"),
    ),
    Case(
        name="delete-schedule-dropped",
        happens="The job is done, and the connection breaks in DeleteSchedule, which has worked.",
        faults=(DroppedConnection(operation="DELETE /schedules/*", when="after"),),
        job=works(timeout="1h"),
    ),
    Case(
        name="delete-schedule-refused",
        happens="The job is done, and AWS refuses to delete the timeout's schedule, which then runs out by itself.",
        faults=(ErrorAnswer(operation="DELETE /schedules/*", code="AccessDeniedException", times=ALWAYS),),
        job=works(timeout="5s"),
    ),
)

_OF_A_RUN: Final = ("DescribeTaskDefinition", "RegisterTaskDefinition", "RunTask", "DescribeTasks", "GetLogEvents")

EVERYTHING: Final = (
    Case(
        name="everything-throttled",
        happens="Every call that a run needs is throttled twice.",
        faults=tuple(ErrorAnswer(operation=operation, times=2) for operation in _OF_A_RUN),
        **FAILS,
    ),
)
