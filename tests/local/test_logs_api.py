"""GetLogEvents, PutLogEvents and FilterLogEvents answer as CloudWatch Logs does, on moto's groups and streams."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from endpoint_jobs import Jobs, container

from jobrunner.local.filter_pattern import compile_pattern
from jobrunner.local.wire import ApiError

GROUP = "/test/api"
_names = itertools.count()


def now() -> int:
    """The time in milliseconds."""
    return int(time.time() * 1000)


@pytest.fixture
def group(jobs: Jobs) -> str:
    """A log group of its own."""
    name = f"{GROUP}/{next(_names)}"
    jobs.logs.create_log_group(logGroupName=name)
    return name


def put(jobs: Jobs, group: str, stream: str, *events: tuple[int, str]) -> dict[str, Any]:
    """Write events, into a new stream if there is none."""
    known = jobs.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]
    if stream not in [found["logStreamName"] for found in known]:
        jobs.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    written = [{"timestamp": timestamp, "message": message} for timestamp, message in events]
    answer: dict[str, Any] = jobs.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=written)
    return answer


def get(jobs: Jobs, group: str, stream: str = "s", **members: Any) -> dict[str, Any]:
    """A page."""
    answer: dict[str, Any] = jobs.logs.get_log_events(logGroupName=group, logStreamName=stream, **members)
    return answer


def messages(page: dict[str, Any]) -> list[str]:
    """The messages of a page."""
    return [event["message"] for event in page["events"]]


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    """The code and the message of an error."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_newest_page_first_by_default(jobs: Jobs, group: str) -> None:
    """Without startFromHead the newest events come first, in order; the backward token leads to the older ones."""
    base = now()
    put(jobs, group, "s", *((base + number, str(number)) for number in range(5)))
    page = get(jobs, group, limit=2)
    older = get(jobs, group, limit=2, nextToken=page["nextBackwardToken"])
    assert (["3", "4"], ["1", "2"]) == (messages(page), messages(older))
    assert ["3", "4"] == messages(get(jobs, group, limit=2, nextToken=older["nextForwardToken"], startFromHead=True))


def test_forward_to_the_end_and_on(jobs: Jobs, group: str) -> None:
    """At the end the forward token repeats; when events arrive, it finds them. Tokens are never null."""
    base = now()
    put(jobs, group, "s", (base, "a"), (base, "b"))
    page = get(jobs, group, startFromHead=True)
    end = get(jobs, group, startFromHead=True, nextToken=page["nextForwardToken"])
    assert ([], page["nextForwardToken"]) == (messages(end), end["nextForwardToken"])
    assert end["nextBackwardToken"]
    put(jobs, group, "s", (base + 1, "c"))
    assert ["c"] == messages(get(jobs, group, startFromHead=True, nextToken=end["nextForwardToken"]))


def test_empty_stream_has_tokens(jobs: Jobs, group: str) -> None:
    """An empty stream answers an empty page with tokens that later find its first event."""
    jobs.logs.create_log_stream(logGroupName=group, logStreamName="s")
    page = get(jobs, group, startFromHead=True)
    put(jobs, group, "s", (now(), "first"))
    assert ([], ["first"]) == (messages(page), messages(get(jobs, group, nextToken=page["nextForwardToken"])))


def test_window_of_get_and_filter(jobs: Jobs, group: str) -> None:
    """endTime is exclusive for GetLogEvents and inclusive for FilterLogEvents; startTime is inclusive for both."""
    base = now()
    put(jobs, group, "s", *((base + number, str(number)) for number in range(4)))
    window = {"startTime": base + 1, "endTime": base + 3}
    assert ["1", "2"] == messages(get(jobs, group, **window))
    assert ["1", "2", "3"] == messages(jobs.logs.filter_log_events(logGroupName=group, **window))


def test_not_found(jobs: Jobs, group: str) -> None:
    """A missing group and a missing stream have AWS's two different sentences."""
    assert ("ResourceNotFoundException", "The specified log group does not exist.") == refusal(
        jobs.logs.get_log_events, logGroupName="/none", logStreamName="s"
    )
    assert ("ResourceNotFoundException", "The specified log stream does not exist.") == refusal(
        jobs.logs.get_log_events, logGroupName=group, logStreamName="s"
    )


@pytest.mark.parametrize("members", [{"nextToken": "x"}, {"limit": 0}, {"limit": 10_001}])
def test_bad_parameters(jobs: Jobs, group: str, members: dict[str, Any]) -> None:
    """A token of somebody else, and limits out of range, are refused."""
    put(jobs, group, "s", (now(), "a"))
    assert "InvalidParameterException" == refusal(get, jobs=jobs, group=group, **members)[0]


def test_put_rules(jobs: Jobs, group: str) -> None:
    """A batch is in order and spans a day at most; old and future events are reported, the others kept."""
    base = now()
    day = 24 * 3600 * 1000
    answer = put(jobs, group, "s", (base - 15 * day + 1, "old"))
    assert {"tooOldLogEventEndIndex": 1} == answer["rejectedLogEventsInfo"]
    answer = put(jobs, group, "s", (base, "kept"), (base + day // 2, "future"))
    assert {"tooNewLogEventStartIndex": 1} == answer["rejectedLogEventsInfo"]
    assert ["kept"] == messages(get(jobs, group))
    call = {"logGroupName": group, "logStreamName": "s"}
    for batch in ([(base, "b"), (base - 1, "a")], [(base - 2 * day, "a"), (base, "b")], [(base, "")], []):
        events = [{"timestamp": timestamp, "message": message} for timestamp, message in batch]
        assert "InvalidParameterException" == refusal(jobs.logs.put_log_events, **call, logEvents=events)[0]


def test_late_batch_is_sorted_in(jobs: Jobs, group: str) -> None:
    """Events of a later batch with older times are shown where their time belongs."""
    base = now()
    put(jobs, group, "s", (base, "second"))
    put(jobs, group, "s", (base - 1, "first"))
    assert ["first", "second"] == messages(get(jobs, group))


def test_filter_merges_streams(jobs: Jobs, group: str) -> None:
    """FilterLogEvents gives all streams in time order, page by page, with ids that are unique."""
    base = now()
    put(jobs, group, "a", (base, "1"), (base + 2, "3"), (base + 4, "5"))
    put(jobs, group, "b", (base + 1, "2"), (base + 3, "4"))
    pages = jobs.logs.get_paginator("filter_log_events").paginate(logGroupName=group, PaginationConfig={"PageSize": 2})
    events = [event for page in pages for event in page["events"]]
    assert (["1", "2", "3", "4", "5"], 5) == (
        [event["message"] for event in events],
        len({event["eventId"] for event in events}),
    )
    assert ["a", "b", "a", "b", "a"] == [event["logStreamName"] for event in events]


def test_filter_by_stream(jobs: Jobs, group: str) -> None:
    """Streams are named or have a prefix, not both; a name that does not exist is an error."""
    base = now()
    for stream in ("web/1", "web/2", "job/1"):
        put(jobs, group, stream, (base, stream))
    call = jobs.logs.filter_log_events
    assert ["web/1", "web/2"] == messages(call(logGroupName=group, logStreamNamePrefix="web/"))
    assert ["job/1"] == messages(call(logGroupName=group, logStreamNames=["job/1"]))
    both = {"logStreamNames": ["job/1"], "logStreamNamePrefix": "web"}
    assert "InvalidParameterException" == refusal(call, logGroupName=group, **both)[0]
    assert "ResourceNotFoundException" == refusal(call, logGroupName=group, logStreamNames=["none"])[0]


def test_filter_by_pattern(jobs: Jobs, group: str) -> None:
    """A pattern selects; a page that is full of other events is no page less."""
    base = now()
    put(jobs, group, "s", *((base + number, f"{'ERROR' if number % 3 == 0 else 'ok'} {number}") for number in range(9)))
    found = jobs.logs.filter_log_events(logGroupName=group, filterPattern="ERROR")
    assert ["ERROR 0", "ERROR 3", "ERROR 6"] == messages(found)


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        ("", {"ERROR one", "WARN two", "ERROR two"}),
        ("ERROR", {"ERROR one", "ERROR two"}),
        ("ERROR two", {"ERROR two"}),
        ('"ERROR two"', {"ERROR two"}),
        ('"R t"', {"ERROR two"}),
        ("?one ?WARN", {"ERROR one", "WARN two"}),
        ("two -ERROR", {"WARN two"}),
        ("%W.+o%", {"WARN two"}),
        ("error", set()),
    ],
)
def test_patterns(pattern: str, matching: set[str]) -> None:
    """Terms are all needed, with ? any, with - none; phrases are quoted; expressions stand between %."""
    matches = compile_pattern(pattern)
    assert matching == {text for text in ("ERROR one", "WARN two", "ERROR two") if matches(text)}


@pytest.mark.parametrize("pattern", ["{ $.a = 1 }", "[a, b]", '"open', "%(%"])
def test_patterns_that_are_refused(pattern: str) -> None:
    """What is not understood is refused instead of matching everything."""
    with pytest.raises(ApiError):
        compile_pattern(pattern)


def test_one_state_with_moto(jobs: Jobs) -> None:
    """What a task wrote is described, queried and deleted by the operations that are moto's."""
    own = container("echo", "hello moto")
    own["logConfiguration"]["options"]["awslogs-group"] = "/test/moto"
    jobs.logs.create_log_group(logGroupName="/test/moto")
    jobs.run(own)
    (stream,) = jobs.logs.describe_log_streams(logGroupName="/test/moto")["logStreams"]
    assert (10, True) == (stream["storedBytes"], stream["firstEventTimestamp"] == stream["lastEventTimestamp"])
    assert 10 == jobs.logs.describe_log_groups(logGroupNamePrefix="/test/moto")["logGroups"][0]["storedBytes"]
    query = jobs.logs.start_query(
        logGroupName="/test/moto", startTime=0, endTime=now() // 1000 + 60, queryString="fields @message"
    )
    rows = jobs.logs.get_query_results(queryId=query["queryId"])["results"]
    assert "hello moto" in [field["value"] for row in rows for field in row if field["field"] == "@message"]
    jobs.logs.delete_log_group(logGroupName="/test/moto")
    assert (
        "ResourceNotFoundException"
        == refusal(jobs.logs.get_log_events, logGroupName="/test/moto", logStreamName=stream["logStreamName"])[0]
    )
