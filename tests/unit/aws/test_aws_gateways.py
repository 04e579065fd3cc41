"""The gateways on answers that a test orders: what real endpoints rarely say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobrunner.core.follow import LogPage, LogStream, ReadLater, ReadLog, StreamAbsent, Unreadable
from jobrunner.core.lifecycle import TaskSnapshot
from jobrunner.core.ports import OTHER_REQUEST, Launch, PlacementFailure
from jobrunner.core.request import RunRequest
from jobrunner.errors import AwsRefusedError, AwsThrottledError, AwsUnreachableError

if TYPE_CHECKING:
    from jobrunner.aws import Gateways

ARN = "arn:aws:ecs:us-east-1:123456789012:task/batch/0123456789abcdef0123456789abcdef"
REQUEST = RunRequest(body={"cluster": "batch", "taskDefinition": "etl:1", "clientToken": "t"})
STREAM = LogStream(container="main", group="/g", name="p/main/1")
FIRST = ReadLog(stream=STREAM, token=None)


def page(*messages: str, token: str) -> dict[str, Any]:
    """An answer of GetLogEvents."""
    events = [{"timestamp": number, "message": text, "ingestionTime": 9} for number, text in enumerate(messages)]
    return {"events": events, "nextForwardToken": token, "nextBackwardToken": "b/0"}


def test_an_answer_without_task_and_failure_is_an_error(gateways: Gateways, canned: Any) -> None:
    """`tasks[0]` is never taken for granted."""
    canned.answer({"tasks": [], "failures": []})
    with pytest.raises(AwsRefusedError, match="neither a task nor a failure"):
        gateways.tasks.run(REQUEST)


def test_a_conflict_gives_the_task_that_exists(gateways: Gateways, canned: Any) -> None:
    """ConflictException names the tasks that the token started before."""
    canned.error("ConflictException", "the token was used", resourceIds=[ARN])
    canned.answer({"tasks": [{"taskArn": ARN, "lastStatus": "RUNNING"}], "failures": []})
    assert TaskSnapshot(task_arn=ARN, last_status="RUNNING") == gateways.tasks.run(REQUEST).task
    assert [("cluster", "batch"), ("tasks", [ARN])] == sorted(canned.asked[1][1].items())


def test_a_conflict_with_a_task_that_is_not_shown_yet(gateways: Gateways, canned: Any) -> None:
    """DescribeTasks may say MISSING for a moment; the ARN is enough to follow the task."""
    canned.error("ConflictException", "the token was used", resourceIds=[ARN])
    canned.answer({"tasks": [], "failures": [{"arn": ARN, "reason": "MISSING"}]})
    assert TaskSnapshot(task_arn=ARN) == gateways.tasks.run(REQUEST).task


def test_a_conflict_without_tasks_is_a_failure_to_place_one(gateways: Gateways, canned: Any) -> None:
    """What the token stands for was not placed; another token can start the run."""
    canned.error("ConflictException", "the token was used")
    assert Launch(task=None, failures=(PlacementFailure(reason=OTHER_REQUEST),)) == gateways.tasks.run(REQUEST)


def test_tasks_are_described_by_the_hundred(gateways: Gateways, canned: Any) -> None:
    """DescribeTasks takes 100; an endpoint that takes more is not relied on."""
    for _ in range(3):
        canned.answer({"tasks": [], "failures": []})
    gateways.tasks.describe("batch", [f"{number:032x}" for number in range(201)])
    assert [100, 100, 1] == [len(body["tasks"]) for _, body in canned.asked]


def test_pages_of_tasks_are_read_to_the_end(gateways: Gateways, canned: Any) -> None:
    """ListTasks: RUNNING first, then STOPPED; startedBy is the only filter; nothing twice."""
    for arns, token in ((["a"], "1"), (["b"], None), (["b", "c"], None)):
        canned.answer({"taskArns": arns, "nextToken": token})
    assert ["a", "b", "c"] == list(gateways.tasks.find("batch", started_by="jobrunner/x"))
    assert ["RUNNING", "RUNNING", "STOPPED"] == [body["desiredStatus"] for _, body in canned.asked]
    assert {"cluster", "desiredStatus", "startedBy", "nextToken"} >= {key for _, body in canned.asked for key in body}


def test_a_stop_that_is_refused_for_another_reason_is_an_error(gateways: Gateways, canned: Any) -> None:
    """Only a task that does not run any more is no error."""
    canned.error("InvalidParameterException", "The referenced task was not found.")
    gateways.tasks.stop("batch", ARN, "enough")
    canned.error("AccessDeniedException", "not authorized to perform: ecs:StopTask")
    with pytest.raises(AwsRefusedError, match="ecs:StopTask"):
        gateways.tasks.stop("batch", ARN, "enough")


def test_an_answer_that_is_not_json_is_no_traceback(gateways: Gateways, canned: Any) -> None:
    """A captive portal answers 200 to everything, sometimes even with AWS's content type."""
    canned.raw(b"<html>Welcome to the hotel</html>")
    with pytest.raises(AwsUnreachableError, match="Welcome to the hotel"):
        gateways.tasks.describe("batch", [ARN])
    canned.raw(b"<html>Welcome to the hotel</html>")
    assert isinstance(gateways.logs.read(FIRST), ReadLater)


def test_an_answer_of_another_kind_is_left_to_botocore(gateways: Gateways, canned: Any) -> None:
    """Without AWS's content type, botocore parses the answer, and the values are the same."""
    body = b'{"events":[{"timestamp":5,"message":"x","ingestionTime":6}],"nextForwardToken":"f/1"}'
    canned.raw(body, kind="text/plain")
    assert LogPage(timestamps=[5], messages=["x"], token="f/1") == gateways.logs.read(FIRST)


def test_a_throttled_call_may_be_repeated(gateways: Gateways, canned: Any) -> None:
    """After botocore's own retries."""
    for _ in range(3):
        canned.error("ThrottlingException", "Rate exceeded")
    with pytest.raises(AwsThrottledError):
        gateways.tasks.describe("batch", [ARN])
    assert 3 == len(canned.asked)


def test_a_log_is_read_from_its_head_by_its_token(gateways: Gateways, canned: Any) -> None:
    """startFromHead goes with every question, nextToken only with a token; a message is what was written."""
    canned.answer(page("a \u00e4 \U0001f600", "", token="f/2"))
    canned.answer(page(token="f/2"))
    first = gateways.logs.read(FIRST)
    assert LogPage(timestamps=[0, 1], messages=["a \u00e4 \U0001f600", ""], token="f/2") == first
    end = gateways.logs.read(ReadLog(stream=STREAM, token="f/2"))
    assert LogPage(timestamps=[], messages=[], token="f/2") == end
    common = {"logGroupName": "/g", "logStreamName": "p/main/1", "startFromHead": True, "limit": 10_000}
    assert [common, common | {"nextToken": "f/2"}] == [body for _, body in canned.asked]


@pytest.mark.parametrize(
    ("code", "message", "answer"),
    [
        ("ResourceNotFoundException", "The specified log stream does not exist.", StreamAbsent()),
        ("ResourceNotFoundException", "The specified log group does not exist.", StreamAbsent(group_absent=True)),
    ],
)
def test_what_is_absent_is_told_by_aws_s_words(
    gateways: Gateways, canned: Any, code: str, message: str, answer: StreamAbsent
) -> None:
    """Both have the same code."""
    canned.error(code, message)
    assert answer == gateways.logs.read(FIRST)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", "User is not authorized to perform: logs:GetLogEvents"),
        ("InvalidOperationException", "GetLogEvents is not supported for log class INFREQUENT_ACCESS"),
        ("ExpiredTokenException", "The security token included in the request is expired"),
    ],
)
def test_a_log_that_will_never_be_readable_says_why(gateways: Gateways, canned: Any, code: str, message: str) -> None:
    """The reason becomes part of the outcome: `complete` is false, and why."""
    canned.error(code, message)
    answer = gateways.logs.read(FIRST)
    assert isinstance(answer, Unreadable)
    assert message in answer.reason


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 400), ("ServiceUnavailableException", 503)])
def test_a_log_that_aws_cannot_give_now_is_read_later(gateways: Gateways, canned: Any, code: str, status: int) -> None:
    """Reading raises nothing."""
    for _ in range(3):
        canned.error(code, "later", status=status)
    assert isinstance(gateways.logs.read(FIRST), ReadLater)


def test_an_answer_without_a_token_is_no_page(gateways: Gateways, canned: Any) -> None:
    """Without a token there would be no next question."""
    canned.answer({"events": []})
    assert isinstance(gateways.logs.read(FIRST), ReadLater)


def test_a_group_whose_logs_cannot_be_read_is_refused(gateways: Gateways, canned: Any) -> None:
    """GetLogEvents does not serve the class INFREQUENT_ACCESS: said before the run, not after."""
    canned.answer({"logGroups": [{"logGroupName": "/g", "logGroupClass": "INFREQUENT_ACCESS"}]})
    with pytest.raises(AwsRefusedError, match="INFREQUENT_ACCESS"):
        gateways.logs.ensure_group("/g", retention_days=7, tags={})


def test_a_group_that_another_run_creates_at_once_is_no_error(gateways: Gateways, canned: Any) -> None:
    """ResourceAlreadyExistsException, and the other run sets the retention."""
    canned.answer({"logGroups": [{"logGroupName": "/g/longer"}]})
    canned.error("ResourceAlreadyExistsException", "The specified log group already exists")
    assert False is gateways.logs.ensure_group("/g", retention_days=7, tags={"a": "b"})
    assert ["DescribeLogGroups", "CreateLogGroup"] == [operation for operation, _ in canned.asked]


def test_a_new_group_has_its_tags_and_retention(gateways: Gateways, canned: Any) -> None:
    """A group without retention costs for ever."""
    canned.answer({"logGroups": []})
    canned.answer({})
    canned.answer({})
    assert gateways.logs.ensure_group("/g", retention_days=7, tags={"a": "b"})
    assert ("CreateLogGroup", {"logGroupName": "/g", "tags": {"a": "b"}}) == canned.asked[1]
    assert ("PutRetentionPolicy", {"logGroupName": "/g", "retentionInDays": 7}) == canned.asked[2]


def test_a_definition_that_ecs_will_not_describe_is_an_error(gateways: Gateways, canned: Any) -> None:
    """Only "there is none" is None."""
    canned.error("ClientException", "Unable to describe task definition.")
    assert None is gateways.definitions.describe("etl")
    canned.error("AccessDeniedException", "not authorized to perform: ecs:DescribeTaskDefinition")
    with pytest.raises(AwsRefusedError, match="not authorized"):
        gateways.definitions.describe("etl")
