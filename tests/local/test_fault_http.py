"""Faults are ordered over HTTP and from a file."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest
from endpoint_jobs import Jobs, refusal

from jobrunner.core import local_stage
from jobrunner.local.faults import ErrorAnswer, FaultBook, Missing

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint

CLUSTER = local_stage.CLUSTER


def ask(url: str, method: str = "GET", body: bytes | str | None = None) -> tuple[int, Any]:
    """The status and the document of an answer of `/_jobrunner/faults`."""
    data = body.encode() if isinstance(body, str) else body
    request = urllib.request.Request(f"{url}/_jobrunner/faults", data=data, method=method)  # noqa: S310 - our own URL
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
            return response.status, json.load(response)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_order_list_and_clear(endpoint: Endpoint, jobs: Jobs, faults: FaultBook) -> None:
    """POST orders one fault or several, GET lists them with their counts, DELETE clears them."""
    throttle = {"fault": "ErrorAnswer", "operation": "ListTasks", "times": 2}
    assert (201, [{"number", "matched", "struck"}]) == (
        (answer := ask(endpoint.url, "POST", json.dumps(throttle)))[0],
        [fault.keys() - throttle.keys() for fault in answer[1]["faults"]],
    )
    several = [{"fault": "Missing", "seconds": 2}, {"fault": "SlowStop", "seconds": 1, "job": "nightly", "times": 3}]
    assert 201 == ask(endpoint.url, "POST", json.dumps(several))[0]
    assert "ThrottlingException" == refusal(jobs.ecs.list_tasks, cluster=CLUSTER)[0]
    status, listed = ask(endpoint.url)
    numbers = [fault.pop("number") for fault in listed["faults"]]
    none = {"matched": 0, "struck": 0}
    assert 200 == status
    assert [
        {**throttle, "matched": 1, "struck": 1},
        {**none, "fault": "Missing", "seconds": 2.0, "times": "always"},
        {**none, **several[1]},
    ] == listed["faults"]
    assert list(range(numbers[0], numbers[0] + 3)) == numbers
    assert Missing(seconds=2) == faults.orders[1].fault
    assert (200, {"cleared": 3}) == ask(endpoint.url, "DELETE")
    assert (200, {"faults": []}) == ask(endpoint.url)
    jobs.ecs.list_tasks(cluster=CLUSTER)


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (
            '[{"fault": "Missing", "seconds": "soon"},\n {"fault": "Missin", "seconds": 1}]',
            [
                (1, 34, "'soon' is not a duration"),
                (2, 12, "'Missin' is no fault; did you mean 'Missing'?"),
            ],
        ),
        ('{"fault": "Missing", "seconds": 1, "colour": "red"}', [(1, 36, "unknown key 'colour'; allowed: job, ")]),
        ('{"fault": "Missing", ', [(2, 1, "")]),
        ('"Missing"', [(1, 1, "a fault is a mapping (key: value), not the text 'Missing'")]),
        ("", [(None, None, "it is empty")]),
        (b"\xff", [(1, 1, "byte 0xff at offset 0 is not UTF-8")]),
    ],
)
def test_what_is_wrong(
    endpoint: Endpoint, faults: FaultBook, body: str | bytes, problems: list[tuple[int | None, int | None, str]]
) -> None:
    """A document with a mistake orders nothing; the answer says what, where, and what is allowed."""
    status, answer = ask(endpoint.url, "POST", body)
    assert 400 == status
    assert [problem[:2] for problem in problems] == [(found["line"], found["column"]) for found in answer["problems"]]
    for (line, column, words), found in zip(problems, answer["problems"], strict=True):
        place = "body" if line is None else f"body:{line}:{column}"
        assert (True, True) == (words in found["message"], f"{place}: {found['message']}" in answer["message"])
    assert () == faults.orders


def test_other_methods(endpoint: Endpoint) -> None:
    """What is neither listed, ordered nor cleared is refused with what is."""
    status, answer = ask(endpoint.url, "PUT", "[]")
    assert (405, True) == (status, "GET lists" in answer["message"])


# -- from a file -----------------------------------------------------------------------------------------------

GOOD = "- {fault: ErrorAnswer, operation: ListTasks}\n- {fault: LateLogs, seconds: 1}\n"
BAD = "- fault: ErrorAnswer\n  operation: ListTasks\n  times: often\n- fault: LateLog\n"
TOLD = [
    "faults.yaml:3:10: 'often' is not a whole number; or write always",
    "faults.yaml:4:10: 'LateLog' is no fault; did you mean 'LateLogs'?",
]
COMMANDS = {
    "jobrunner": [str(Path(sys.executable).parent / "jobrunner"), "local"],
    "module": [sys.executable, "-P", "-m", "jobrunner.local"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_file(tmp_path: Path, command: str) -> None:
    """An endpoint that is started with a file of faults has them from its first moment on."""
    (tmp_path / "jobrunner.yaml").write_text("project: p\ndefault_stage: local\n")
    (tmp_path / "faults.yaml").write_text(GOOD)
    server = subprocess.Popen(
        [*COMMANDS[command], "--faults", "faults.yaml"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "JOBRUNNER_STATE_DIR": str(tmp_path / "state")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = next(line for line in server.stdout if "AWS_ENDPOINT_URL" in line).strip().partition("=")[2]
        assert ["ErrorAnswer", "LateLogs"] == [fault["fault"] for fault in ask(url)[1]["faults"]]
    finally:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=60)
    assert 0 == server.returncode, said
    assert (command == "jobrunner") == ("2 faults on order, from faults.yaml" in said)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("text", [BAD, None])
def test_file_with_mistakes(tmp_path: Path, command: str, text: str | None) -> None:
    """A file that cannot be read, or is wrong, is told with all its problems, and nothing is started."""
    (tmp_path / "jobrunner.yaml").write_text("project: p\ndefault_stage: local\n")
    if text is not None:
        (tmp_path / "faults.yaml").write_text(text)
    done = subprocess.run(
        [*COMMANDS[command], "--faults", "faults.yaml"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "JOBRUNNER_STATE_DIR": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    expected = TOLD if text is not None else ["faults.yaml: cannot be read: no such file or directory"]
    said = [line.removeprefix("error: ") for line in done.stderr.splitlines()]
    assert (65, expected, "") == (done.returncode, said[: len(expected)], done.stdout)


def test_from_the_beginning(faults: FaultBook) -> None:
    """A book may be begun with faults."""
    assert not faults.ordered
    book = FaultBook([ErrorAnswer(operation="*"), Missing(seconds=1)])
    assert (True, [1, 2]) == (book.ordered, [order.number for order in book.orders])
