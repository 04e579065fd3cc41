"""The gateway of timeouts on answers that a test orders."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import botocore.session
import pytest

from jobrunner.aws import Gateways, faults, open_gateways
from jobrunner.core.connection import Connection
from jobrunner.core.deadline import Deadline
from jobrunner.errors import AwsRefusedError, AwsThrottledError, AwsUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

DEADLINE = Deadline(
    name="jobrunner-timeout-4r9k2m8p3w7x5t1q-1",
    group="jobrunner",
    at=datetime(2026, 11, 23, 4, 30, tzinfo=UTC),
    role="scheduler",
    cluster="batch",
    task_arn="arn:aws:ecs:us-east-1:123456789012:task/batch/0123456789abcdef0123456789abcdef",
    reason="timed out",
)
UNTRUSTED = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."


@dataclass
class Rest:
    """A REST service: what it answers, in order, and what it was asked: `(method, path, query, body)`."""

    url: str = ""
    answers: deque[tuple[int, str, Any]] = field(default_factory=deque)
    asked: list[tuple[str, str, dict[str, list[str]], Any]] = field(default_factory=list)

    def error(self, code: str, message: str, status: int = 400) -> None:
        """Order an error as Scheduler gives it."""
        self.answers.append((status, code, {"Message": message}))


@pytest.fixture
def rest() -> Iterator[Rest]:
    """A server on 127.0.0.1; what was not ordered is a success."""
    state = Rest()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            address = urlsplit(self.path)
            state.asked.append((self.command, address.path, parse_qs(address.query), json.loads(body or b"null")))
            status, code, document = state.answers.popleft() if state.answers else (200, "", {"ScheduleArn": "arn"})
            answer = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            if code:
                self.send_header("x-amzn-ErrorType", code)
            self.end_headers()
            self.wfile.write(answer)

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def scheduler(rest: Rest) -> Iterator[Gateways]:
    """The gateways on that server."""
    connection = Connection(region="us-east-1", endpoint_url=rest.url, access_key_id="i", secret_access_key="s")
    opened = open_gateways(connection)
    yield opened
    opened.clients.close()


def test_no_client_is_made_before_it_is_needed(scheduler: Gateways) -> None:
    """A run without a timeout does not pay for a client of EventBridge Scheduler."""
    assert scheduler.deadlines is not None
    assert {} == scheduler.clients._clients


def test_a_deadline_is_created_as_it_says(scheduler: Gateways, rest: Rest) -> None:
    """The request is the value's own; its name stands in the path, and botocore adds a token for its retries."""
    scheduler.deadlines.set(DEADLINE)
    [(method, path, _, body)] = rest.asked
    assert ("POST", f"/schedules/{DEADLINE.name}") == (method, path)
    assert body.pop("ClientToken")
    assert {key: value for key, value in DEADLINE.request().items() if key != "Name"} == body


def test_a_deadline_that_is_set_already_is_no_error(scheduler: Gateways, rest: Rest) -> None:
    """Whoever takes a run over sets its deadline again."""
    rest.error("ConflictException", f"Schedule {DEADLINE.name} already exists.", 409)
    scheduler.deadlines.set(DEADLINE)
    assert 1 == len(rest.asked)


def test_a_role_that_is_not_trusted_says_what_to_do(scheduler: Gateways, rest: Rest) -> None:
    """The trust policy, and that a new role takes a while; the same code with other words has no such hint."""
    rest.error("ValidationException", UNTRUSTED)
    with pytest.raises(AwsRefusedError, match="assume the role") as caught:
        scheduler.deadlines.set(DEADLINE)
    assert ("scheduler:CreateSchedule", "ValidationException") == (caught.value.where, caught.value.code)
    assert caught.value.hint is not None
    assert "scheduler.amazonaws.com" in caught.value.hint
    assert "just been created" in caught.value.hint
    rest.error("ValidationException", "Invalid Schedule Expression at(never).")
    with pytest.raises(AwsRefusedError, match="Invalid Schedule Expression") as caught:
        scheduler.deadlines.set(DEADLINE)
    assert None is caught.value.hint


NO_GROUP = "Schedule group jobrunner does not exist."


def test_a_missing_group_is_made(scheduler: Gateways, rest: Rest) -> None:
    """A project has timeouts before it has schedules; the group says whose it is, and the request is sent again."""
    rest.error("ResourceNotFoundException", NO_GROUP, 404)
    scheduler.deadlines.set(DEADLINE)
    schedule, group = f"/schedules/{DEADLINE.name}", "/schedule-groups/jobrunner"
    assert [("POST", schedule), ("POST", group), ("POST", schedule)] == [one[:2] for one in rest.asked]
    bodies = [{key: value for key, value in body.items() if key != "ClientToken"} for *_, body in rest.asked]
    assert {"Key": "managed-by", "Value": "jobrunner"} in bodies[1]["Tags"]
    assert bodies[0] == bodies[2]


def test_a_group_that_another_process_has_just_made_is_no_error(scheduler: Gateways, rest: Rest) -> None:
    """Runs of one project may come to their first timeout at the same time."""
    rest.error("ResourceNotFoundException", NO_GROUP, 404)
    rest.error("ConflictException", "Schedule group jobrunner already exists.", 409)
    scheduler.deadlines.set(DEADLINE)
    assert 3 == len(rest.asked)


def test_a_group_that_cannot_be_made_is_an_error(scheduler: Gateways, rest: Rest) -> None:
    """Nothing would stop the task: only when it is deleted is an absent schedule as good as a deleted one."""
    rest.error("ResourceNotFoundException", NO_GROUP, 404)
    rest.error("AccessDeniedException", "not authorized to perform: scheduler:CreateScheduleGroup", 403)
    with pytest.raises(AwsRefusedError, match="not authorized") as caught:
        scheduler.deadlines.set(DEADLINE)
    assert "scheduler:CreateScheduleGroup" == caught.value.where


def test_a_group_that_is_not_there_after_all_is_an_error(scheduler: Gateways, rest: Rest) -> None:
    """One that is being deleted still has its name; it is asked for once, and not for ever."""
    rest.error("ResourceNotFoundException", NO_GROUP, 404)
    rest.error("ConflictException", "Schedule group jobrunner already exists.", 409)
    rest.error("ResourceNotFoundException", NO_GROUP, 404)
    with pytest.raises(AwsRefusedError, match="Schedule group jobrunner does not exist"):
        scheduler.deadlines.set(DEADLINE)
    assert 3 == len(rest.asked)


def test_a_throttled_deadline_may_be_set_later(scheduler: Gateways, rest: Rest) -> None:
    """After botocore's own retries, which carry one token."""
    for _ in range(3):
        rest.error("ThrottlingException", "Rate exceeded", 429)
    with pytest.raises(AwsThrottledError):
        scheduler.deadlines.set(DEADLINE)
    assert (3, 1) == (len(rest.asked), len({body["ClientToken"] for *_, body in rest.asked}))


def test_a_deadline_is_deleted_by_name_and_group(scheduler: Gateways, rest: Rest) -> None:
    """A name is unique within its group only."""
    scheduler.deadlines.clear("the-name", "the-group")
    [(method, path, query, _)] = rest.asked
    assert ("DELETE", "/schedules/the-name", ["the-group"]) == (method, path, query["groupName"])


def test_a_deadline_that_is_gone_is_no_error(scheduler: Gateways, rest: Rest) -> None:
    """It has fired, or was never made; anything else that AWS says is an error."""
    rest.error("ResourceNotFoundException", "Schedule the-name does not exist.", 404)
    scheduler.deadlines.clear("the-name", "the-group")
    rest.error("AccessDeniedException", "not authorized to perform: scheduler:DeleteSchedule", 403)
    with pytest.raises(AwsRefusedError, match="not authorized") as caught:
        scheduler.deadlines.clear("the-name", "the-group")
    assert "scheduler:DeleteSchedule" == caught.value.where


def test_no_answer_is_not_taken_for_an_answer() -> None:
    """Whether the schedule exists is then unknown."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    opened = open_gateways(Connection(region="us-east-1", endpoint_url=url, access_key_id="i", secret_access_key="s"))
    with pytest.raises(AwsUnreachableError):
        opened.deadlines.clear("the-name", "the-group")
    opened.clients.close()


def test_every_modelled_error_code_is_in_the_table() -> None:
    """What the three operations are said to answer has its kind."""
    model = botocore.session.Session().get_service_model("scheduler")
    codes = {
        shape.name
        for operation in ("CreateSchedule", "CreateScheduleGroup", "DeleteSchedule")
        for shape in model.operation_model(operation).error_shapes
    }
    assert 5 < len(codes)
    assert set() == codes - set(faults.CODES)
