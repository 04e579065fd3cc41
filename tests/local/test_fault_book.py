"""The values, the documents that they are read from, and who gets what."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jobrunner.errors import SpecError
from jobrunner.local import faults as public
from jobrunner.local.faults import (
    ALWAYS,
    FOREVER,
    KINDS,
    ErrorAnswer,
    FaultBook,
    LateEvents,
    Missing,
    NoAnswer,
    RunTaskFailure,
    SlowStart,
    TaskFailedToStart,
    TaskRetirement,
    read_faults,
)
from jobrunner.local.faults.document import write_fault
from jobrunner.local.faults.subject import Subject


def subject(*names: str, run_id: str | None = None, attempt: str | None = None, **more: Any) -> Subject:
    """Whom something concerns."""
    return Subject(names=frozenset(names), run_id=run_id, attempt=attempt, **more)


def problems(text: str) -> list[str]:
    """What is wrong with a document."""
    with pytest.raises(SpecError) as caught:
        read_faults(text, file="faults.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_public_names() -> None:
    """Every public name exists, and every kind of fault is one."""
    assert [] == [name for name in public.__all__ if getattr(public, name, None) is None]
    assert set() == set(KINDS) - set(public.__all__)


def test_an_endpoint_without_faults_needs_no_pydantic() -> None:
    """Who orders nothing does not pay for the reading of faults: 50 ms at the start of each endpoint."""
    code = "import sys, jobrunner.local.endpoint; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False\n" == done.stdout


# -- values ----------------------------------------------------------------------------------------------------


def test_values_are_frozen() -> None:
    """A fault is a value: equal to its like, and not to be changed."""
    fault = Missing(seconds=1, job="j")
    assert (fault, 1) == (Missing(seconds=1.0, job="j"), len({fault, Missing(seconds=1, job="j")}))
    with pytest.raises(ValidationError):
        fault.seconds = 2.0


def test_defaults() -> None:
    """A fault of calls strikes once, a fault of tasks every task."""
    assert (1, 1, ALWAYS) == (
        ErrorAnswer(operation="*").times,
        RunTaskFailure(cause="eni").times,
        SlowStart().times,
    )
    assert (FOREVER, FOREVER) == (SlowStart().seconds, NoAnswer(operation="*", seconds="forever").seconds)


# -- documents -------------------------------------------------------------------------------------------------

FULL = """
# what goes wrong tonight
- fault: ErrorAnswer
  operation: ecs:DescribeTasks
  code: InvalidParameterException
  message: Rate exceeded
  times: 3
  skip: 1
- {fault: NoAnswer, operation: RunTask, when: after, seconds: forever}
- {fault: RunTaskFailure, cause: capacity, capacity_provider: FARGATE_SPOT, times: always}
- {fault: TaskFailedToStart, cause: image-not-found, job: nightly, attempt: 1}
- {fault: LateEvents, last_status: RUNNING, seconds: 1m30s}
"""
READ = (
    ErrorAnswer(
        operation="ecs:DescribeTasks", code="InvalidParameterException", message="Rate exceeded", times=3, skip=1
    ),
    NoAnswer(operation="RunTask", when="after", seconds=FOREVER),
    RunTaskFailure(cause="capacity", capacity_provider="FARGATE_SPOT", times=ALWAYS),
    TaskFailedToStart(cause="image-not-found", job="nightly", attempt=1),
    LateEvents(last_status="RUNNING", seconds=90),
)


def test_yaml_and_json() -> None:
    """A list in YAML or in JSON, or one fault alone; nothing in an empty list."""
    assert READ == read_faults(FULL, file="f")
    assert READ == read_faults(json.dumps([write_fault(fault) for fault in READ], indent="\t"), file="f")
    assert READ[:1] == read_faults(json.dumps(write_fault(READ[0])), file="f")
    assert () == read_faults("[]", file="f")


EXAMPLES: dict[str, dict[str, Any]] = {
    "ErrorAnswer": {"operation": "*"},
    "SlowAnswer": {"operation": "*", "seconds": 0.25},
    "NoAnswer": {"operation": "POST /schedules/*", "seconds": "forever"},
    "DroppedConnection": {"operation": "ecs:RunTask", "when": "after"},
    "RunTaskFailure": {"reason": "RESOURCE:ENI \N{RIGHT SINGLE QUOTATION MARK}"},
    "TaskFailedToStart": {"reason": "no", "at": "ACTIVATING"},
    "SlowStart": {"at": "PROVISIONING", "seconds": 3},
    "SlowStop": {"seconds": 2},
    "SpotInterruption": {"line": "half way", "after": 1.5, "stop_code": "TerminationNotice"},
    "TaskRetirement": {"at": "PENDING", "after": 2},
    "HostTerminated": {"stop_code": "TerminationNotice"},
    "OutOfMemory": {"exit_code": 0, "container": "main"},
    "NoExitCode": {"reason": "lost"},
    "Missing": {"seconds": 5},
    "Forgotten": {"at": "RUNNING"},
    "LateLogs": {"every": 2, "burst": 1, "overtaken": "missed", "empty_pages": 3},
    "LateEvents": {"last_status": ["RUNNING", "STOPPED"], "seconds": 1, "every": 2},
    "DoubledEvents": {"last_status": "STOPPED"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_written_and_read_again(kind: str) -> None:
    """Each fault is read as it is written, also from YAML, where every scalar is text."""
    fault = KINDS[kind](**EXAMPLES[kind], job="j", run_id="r", attempt=2, times=4, skip=1)
    written = write_fault(fault)
    assert {"fault": kind, "job": "j", "run_id": "r", "attempt": 2, "times": 4, "skip": 1}.items() <= written.items()
    assert (fault,) == read_faults(json.dumps(written), file="f")
    assert (fault,) == read_faults(json.dumps(written, indent="\t", ensure_ascii=True), file="f")


WRONG = {
    "": ["faults.yaml: it is empty; write a fault, or a list of faults: {fault: …}"],
    "Throttle": ["faults.yaml:1:1: a fault is a mapping (key: value), not the text 'Throttle'"],
    "- operation: x": [f"faults.yaml:1:3: fault is missing; allowed: {', '.join(KINDS)}"],
    "fault: SpotInteruption": [
        "faults.yaml:1:8: 'SpotInteruption' is no fault; did you mean 'SpotInterruption'?",
    ],
    "- fault: ErrorAnswer": ["faults.yaml:1:3: operation is missing"],
    "- {fault: ErrorAnswer, operation: 'Run Task', times: 0}": [
        (
            "faults.yaml:1:35: 'Run Task' is not an operation; write a name (RunTask), with its service (ecs:RunTask, "
            "logs:*), a method and a path (POST /schedules/*), or * for all"
        ),
        "faults.yaml:1:54: 0 is out of range: 1 to 1000000; or write always",
    ],
    "- {fault: ErrorAnswer, operation: '*', code: Mine}": [
        (
            "faults.yaml:1:3: message is missing; only ThrottlingException, ServerException, InternalFailure, "
            "ServiceUnavailable, InternalServerException, AccessDeniedException, ExpiredTokenException, "
            "UnrecognizedClientException have one of their own"
        )
    ],
    "fault: Missing\nsecond: 3": [
        "faults.yaml:1:1: seconds is missing",
        "faults.yaml:2:1: unknown key 'second'; did you mean 'seconds'?",
    ],
    "fault: Missing\nseconds: soon": [
        (
            "faults.yaml:2:10: 'soon' is not a duration; write for instance 30s, 90m, 2h, 1h30m, 1d, or a plain "
            "number of seconds"
        )
    ],
    "fault: Missing\nseconds: 86401": ["faults.yaml:2:10: '86401' is out of range: 0 to 86400 seconds"],
    "{fault: RunTaskFailure, cause: capacity, reason: x}": [
        "faults.yaml:1:1: a RunTaskFailure has a cause or a reason, and not both"
    ],
    "{fault: TaskFailedToStart, cause: image_not_found}": [
        (
            "faults.yaml:1:35: 'image_not_found' is not one of image-not-found, image-access-denied, image-rate-limit, "
            "image-timeout, image-platform, eni-timeout, eni-no-address, log-group-missing, secret-access-denied or "
            "cannot-start-container; did you mean 'image-not-found'?"
        )
    ],
    "{fault: TaskFailedToStart, cause: eni-timeout, at: PENDING}": [
        "faults.yaml:1:52: at goes with a reason; a cause has its own status"
    ],
    "{fault: TaskRetirement, line: x, at: RUNNING}": ["faults.yaml:1:38: at and line name two moments; leave one out"],
    "{fault: OutOfMemory, exit_code: 9}": [
        "faults.yaml:1:33: 9 is not an exit code of a container that ran out of memory: 137 or 0"
    ],
    "{fault: LateLogs, every: 2}": ["faults.yaml:1:1: a LateLogs has seconds, burst or empty_pages"],
    "{fault: DoubledEvents, last_status: DONE}": [
        (
            "faults.yaml:1:37: 'DONE' is not a lastStatus; allowed: PROVISIONING, PENDING, ACTIVATING, RUNNING, "
            "DEACTIVATING, STOPPING, DEPROVISIONING and STOPPED"
        )
    ],
    '{"fault": "Missing", "seconds": 1, "seconds": 2}': [
        "faults.yaml:1:36: duplicate key 'seconds'; first at line 1, column 22"
    ],
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong(text: str) -> None:
    """All problems at once, each with what is wrong, where, and what is allowed."""
    assert WRONG[text] == problems(text)


# -- who gets what ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (TaskRetirement(), True),
        (TaskRetirement(job="nightly"), True),
        (TaskRetirement(job="jobrunner-demo-nightly"), True),
        (TaskRetirement(job="night"), False),
        (TaskRetirement(run_id="r"), True),
        (TaskRetirement(run_id="s"), False),
        (TaskRetirement(attempt=2), True),
        (TaskRetirement(attempt=1), False),
        (TaskRetirement(job="nightly", attempt=2, run_id="r"), True),
        (TaskRetirement(job="nightly", attempt=2, run_id="s"), False),
        (TaskRetirement(capacity_provider="FARGATE"), True),
        (TaskRetirement(capacity_provider="FARGATE_SPOT"), False),
    ],
)
def test_whom_it_concerns(fault: TaskRetirement, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """Everything that a fault says of whom it is for must be so."""
    assert expected == fault.concerns(subject("nightly", "jobrunner-demo-nightly", run_id="r", attempt="2"))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), min_size=1, max_size=4), st.integers(0, 20))
def test_every_order_strikes_as_often_as_it_says(script: list[tuple[int, int]], tasks: int) -> None:
    """Whatever the script, a task gets one fault at most, and a fault strikes after `skip`, `times` times."""
    book = FaultBook(Missing(seconds=number, skip=skip, times=times) for number, (skip, times) in enumerate(script))
    left, expected = [list(entry) for entry in script], []
    for _ in range(tasks):
        for number, entry in enumerate(left):
            if entry[0] and entry[1]:
                entry[0] -= 1
            elif entry[1]:
                entry[1] -= 1
                expected.append(number)
                break
        else:
            expected.append(None)
    deals = [book.deal("missing", subject(), "task") for _ in range(tasks)]
    assert expected == [None if deal is None else int(deal.fault.seconds) for deal in deals]


def test_ordered_and_cleared() -> None:
    """The book says whether it has anything in it, and its orders count on for those who hold them."""
    book = FaultBook()
    assert not book.ordered
    first, second = book.order(Missing(seconds=1, times=1), Missing(seconds=2))
    assert (True, (first, second)) == (book.ordered, book.orders)
    deals = [book.deal("missing", subject(), at) for at in ("a", "b")]
    assert [True, True] == [deal is not None and deal.strike() and deal.strike() for deal in deals]
    assert [(1, 1, 1), (2, 1, 1)] == [(order.number, order.matched, order.struck) for order in book.orders]
    assert [(first.fault, "a"), (second.fault, "b")] == [(strike.fault, strike.at) for strike in book.struck]
    book.clear()
    assert (False, (), ()) == (book.ordered, book.orders, book.struck)
    assert [False, False] == [deal is not None and deal.strike() for deal in deals]
    assert 3 == book.order(Missing(seconds=1))[0].number
