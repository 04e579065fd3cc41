"""Faults of calls: errors, slow answers and lost answers of any operation of any service."""

from __future__ import annotations

import http.client
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from endpoint_jobs import LOG_GROUP, Jobs, client_of, container, of_run, refusal

from jobrunner.aws.faults import _LATER_TEXTS
from jobrunner.core import local_stage
from jobrunner.core.naming import started_by
from jobrunner.local import serve
from jobrunner.local.faults import (
    HIDDEN_THROTTLES,
    DroppedConnection,
    ErrorAnswer,
    Fault,
    FaultBook,
    NoAnswer,
    SlowAnswer,
)
from jobrunner.local.faults.calls import Call
from jobrunner.local.faults.operations import operation_of
from jobrunner.local.wire import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.endpoint import Endpoint

CLUSTER = local_stage.CLUSTER
THROTTLED = ("ThrottlingException", "Rate exceeded", 400)


@pytest.fixture(scope="session")
def definition(jobs: Jobs) -> str:
    """A task that ends at once."""
    return jobs.define(container("true"))


def test_times_and_skip(jobs: Jobs, faults: FaultBook) -> None:
    """The first call is let pass, the next two get the error, then all is well; each is counted."""
    (order,) = faults.order(ErrorAnswer(operation="ListTasks", skip=1, times=2))
    jobs.ecs.list_tasks(cluster=CLUSTER)
    assert [THROTTLED] * 2 == [refusal(jobs.ecs.list_tasks, cluster=CLUSTER) for _ in range(2)]
    jobs.ecs.list_tasks(cluster=CLUSTER)
    assert (3, 2, ["ecs:ListTasks"] * 2) == (order.matched, order.struck, [strike.at for strike in faults.struck])


@pytest.mark.parametrize(("code", "message"), HIDDEN_THROTTLES)
def test_hidden_throttles(jobs: Jobs, faults: FaultBook, definition: str, code: str, message: str) -> None:
    """ECS says "later" under codes that say "never"."""
    faults.order(ErrorAnswer(operation="RunTask", code=code, message=message))
    assert (code, message, 400) == refusal(jobs.ecs.run_task, **jobs.request(definition))


def test_hidden_throttles_are_all_there() -> None:
    """Each text by which jobrunner knows a hidden throttle can be ordered by name."""
    messages = [message.lower() for _, message in HIDDEN_THROTTLES]
    assert [] == [text for text in _LATER_TEXTS if not any(text in message for message in messages)]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (ErrorAnswer(operation="*", code="ServerException"), 500),
        (ErrorAnswer(operation="*", code="InternalFailure"), 500),
        (ErrorAnswer(operation="*", code="ServiceUnavailable"), 503),
        (ErrorAnswer(operation="*", code="AccessDeniedException"), 400),
        (ErrorAnswer(operation="*", code="MadeUpException", message="made <up> & so on"), 400),
        (ErrorAnswer(operation="*", code="TooManyRequestsException", message="slower", status=429), 429),
    ],
)
def test_errors(jobs: Jobs, faults: FaultBook, fault: ErrorAnswer, status: int) -> None:
    """Any code, message and status; well-known codes bring their own."""
    faults.order(fault)
    assert (fault.code, fault.error.message, status) == refusal(jobs.ecs.list_tasks, cluster=CLUSTER)


PROTOCOLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "json, ours": ("logs", "GetLogEvents", {"logGroupName": LOG_GROUP, "logStreamName": "none"}),
    "json, moto's": ("ecs", "ListClusters", {}),
    "json with a query's past": ("sqs", "ListQueues", {}),
    "REST with JSON": ("scheduler", "CreateSchedule", {"Name": "s/x", "ScheduleExpression": "rate(1 day)"}),
    "REST with a longer path": ("scheduler", "GetScheduleGroup", {"Name": "g"}),
    "REST with XML": ("s3", "ListObjectsV2", {"Bucket": "b"}),
    "REST with XML, one more in the query": ("s3", "ListMultipartUploads", {"Bucket": "b"}),
    "query": ("iam", "ListRoles", {}),
    "ec2": ("ec2", "DescribeVpcs", {}),
    "cbor": ("cloudwatch", "ListMetrics", {}),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol(endpoint: Endpoint, faults: FaultBook, protocol: str) -> None:
    """The operation is recognised, and the error is understood, in each protocol that a service may have."""
    service, operation, request = PROTOCOLS[protocol]
    client = client_of(endpoint.connection, service)
    name = next(method for method, found in client.meta.method_to_api_mapping.items() if found == operation)
    (order,) = faults.order(ErrorAnswer(operation=operation, message="a <b> & c, longer than 24 bytes"))
    assert ("ThrottlingException", "a <b> & c, longer than 24 bytes", 400) == refusal(getattr(client, name), **request)
    assert 1 == order.struck


def asked(method: str = "POST", path: str = "/", target: str = "", service: str = "", body: bytes = b"") -> Request:
    """A request."""
    return Request(method=method, path=path, target=target, region="us-east-1", service=service, body=body)


RUN_TASK = asked(target="AmazonEC2ContainerServiceV20141113.RunTask", service="ecs")
CREATE = asked(path="/schedules/nightly", service="scheduler")


@pytest.mark.parametrize(
    ("pattern", "request_", "expected"),
    [
        ("RunTask", RUN_TASK, True),
        ("ecs:RunTask", RUN_TASK, True),
        ("ecs:*", RUN_TASK, True),
        ("Run*", RUN_TASK, True),
        ("*", RUN_TASK, True),
        ("runtask", RUN_TASK, False),
        ("logs:RunTask", RUN_TASK, False),
        ("StopTask", RUN_TASK, False),
        ("POST /", RUN_TASK, True),
        ("CreateSchedule", CREATE, True),
        ("scheduler:CreateSchedule", CREATE, True),
        ("POST /schedules/*", CREATE, True),
        ("* /schedules/nightly", CREATE, True),
        ("PUT /schedules/*", CREATE, False),
        ("UpdateSchedule", CREATE, False),
        ("UpdateSchedule", asked("PUT", "/schedules/nightly", service="scheduler"), True),
        ("GET /schedules", asked("GET", "/schedules?ScheduleGroup=g", service="scheduler"), True),
        ("ListTagsForResource", asked("GET", "/tags/arn%3Aaws%3Ascheduler", service="scheduler"), True),
        ("*", asked("GET", "/what/ever", service="no-such-service"), True),
        ("Get*", asked("GET", "/what/ever", service="no-such-service"), False),
        ("PutObject", asked("PUT", "/bucket/a/b/c?x-id=PutObject", service="s3"), True),
        ("UploadPart", asked("PUT", "/bucket/a/b/c?partNumber=1&uploadId=x", service="s3"), True),
        ("AssumeRole", asked(body=b"Action=AssumeRole&Version=2011-06-15", service="sts"), True),
        ("GetCallerIdentity", asked("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", service="sts"), True),
    ],
)
def test_patterns(pattern: str, request_: Request, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """An operation is named with or without its service, by a pattern, or by method and path; case counts."""
    call = Call(
        request=request_,
        operation=operation_of(request_),
        execute=lambda: None,
        subjects=list,
        wait=lambda _: None,
    )
    assert expected == ErrorAnswer(operation=pattern).concerns(call)


# -- answers that are lost -------------------------------------------------------------------------------------


def started(jobs: Jobs, mark: str) -> list[str]:
    """The tasks that were started with a mark, whatever has become of them, and becomes meanwhile."""
    found: set[str] = set()
    for status in ("RUNNING", "STOPPED"):
        found.update(jobs.ecs.list_tasks(cluster=CLUSTER, startedBy=mark, desiredStatus=status)["taskArns"])
    return sorted(found)


def test_dropped_before(jobs: Jobs, faults: FaultBook, definition: str) -> None:
    """The connection is closed, and nothing was started."""
    (order,) = faults.order(DroppedConnection(operation="RunTask"))
    with pytest.raises(ConnectionClosedError):
        jobs.ecs.run_task(**jobs.request(definition, startedBy="dropped-before"))
    assert (1, []) == (order.struck, started(jobs, "dropped-before"))


def test_dropped_after(jobs: Jobs, faults: FaultBook, definition: str) -> None:
    """The answer is lost, but the task was started; who asks again with its token finds it, and starts no other."""
    faults.order(DroppedConnection(operation="RunTask", when="after"))
    request = jobs.request(definition, startedBy="dropped-after", clientToken="dropped-after")
    with pytest.raises(ConnectionClosedError):
        jobs.ecs.run_task(**request)
    (arn,) = started(jobs, "dropped-after")
    assert [arn] == [task["taskArn"] for task in jobs.ecs.run_task(**request)["tasks"]]
    assert [arn] == started(jobs, "dropped-after")


def test_dropped_after_what_is_motos(endpoint: Endpoint, faults: FaultBook) -> None:
    """The answer of an operation that moto executes is lost in the same way."""
    sqs = client_of(endpoint.connection, "sqs")
    faults.order(DroppedConnection(operation="sqs:CreateQueue", when="after"))
    with pytest.raises(ConnectionClosedError):
        sqs.create_queue(QueueName="lost")
    assert sqs.get_queue_url(QueueName="lost")["QueueUrl"].endswith("/lost")


def test_error_after(jobs: Jobs, faults: FaultBook, definition: str) -> None:
    """AWS fails after it has done what it was asked for."""
    faults.order(ErrorAnswer(operation="RunTask", code="ServerException", when="after"))
    assert 500 == refusal(jobs.ecs.run_task, **jobs.request(definition, startedBy="error-after"))[2]
    assert 1 == len(started(jobs, "error-after"))


def test_refusal_is_an_answer_that_can_be_lost(jobs: Jobs, faults: FaultBook) -> None:
    """What AWS refuses is lost as well."""
    faults.order(DroppedConnection(operation="DescribeTasks", when="after"))
    with pytest.raises(ConnectionClosedError):
        jobs.ecs.describe_tasks(cluster="none", tasks=["x"])


@pytest.mark.parametrize(("when", "count"), [("before", 0), ("after", 1)])
def test_no_answer(jobs: Jobs, faults: FaultBook, definition: str, when: str, count: int) -> None:
    """Nothing comes until the client gives up; the task was started, or was not."""
    impatient = client_of(jobs.connection, "ecs", config=impatience(0.3))
    faults.order(NoAnswer(operation="RunTask", when=when, seconds="forever"))
    mark = f"no-answer-{when}"
    with pytest.raises(ReadTimeoutError):
        impatient.run_task(**jobs.request(definition, startedBy=mark))
    assert count == len(started(jobs, mark))


def impatience(seconds: float) -> Any:
    """A client's configuration: it gives up soon, and does not try again."""
    from botocore.config import Config

    return Config(read_timeout=seconds, retries={"total_max_attempts": 1}, parameter_validation=False)


def test_no_answer_ends(jobs: Jobs, faults: FaultBook) -> None:
    """In the end the connection is closed."""
    faults.order(NoAnswer(operation="ListTasks", seconds=0.2))
    begin = time.monotonic()
    with pytest.raises(ConnectionClosedError):
        jobs.ecs.list_tasks(cluster=CLUSTER)
    assert time.monotonic() - begin >= 0.2


def test_no_answer_does_not_keep_the_endpoint() -> None:
    """An endpoint ends although a connection hangs in it, and the client sees the connection closed."""
    failures: list[Exception] = []
    hanging = NoAnswer(operation="ListClusters", seconds="forever")

    with serve(faults=[hanging]) as endpoint:
        ecs = client_of(endpoint.connection, "ecs")

        def hang() -> None:
            with pytest.raises(ConnectionClosedError) as caught:
                ecs.list_clusters()
            failures.append(caught.value)

        thread = threading.Thread(target=hang)
        thread.start()
        while not endpoint.faults.struck:
            time.sleep(0.005)
        begin = time.monotonic()
    assert time.monotonic() - begin < 10
    thread.join()
    assert 1 == len(failures)


@pytest.mark.parametrize("when", ["before", "after"])
def test_slow_answer(jobs: Jobs, faults: FaultBook, definition: str, when: str) -> None:
    """An answer is late: the call was executed long ago, or just now."""
    faults.order(SlowAnswer(operation="RunTask", seconds=0.5, when=when))
    begin = time.time()
    task = jobs.ecs.run_task(**jobs.request(definition))["tasks"][0]
    created, end = task["createdAt"].timestamp(), time.time()
    assert (created - begin if when == "before" else end - created) >= 0.499


# -- whom a call concerns --------------------------------------------------------------------------------------


def test_calls_of_a_job(jobs: Jobs, faults: FaultBook) -> None:
    """A fault for a job, a run or an attempt meets the calls that are about it, and no other's."""
    sleep = jobs.define(container("sh", "-c", "echo up"))
    run_id = "4r9k2m8p3w7x5t1q"
    mine = jobs.ecs.run_task(
        **jobs.request(sleep, startedBy=started_by(run_id), overrides=of_run("mine", run_id=run_id, attempt=2))
    )["tasks"][0]["taskArn"]
    other = jobs.ecs.run_task(**jobs.request(sleep, overrides=of_run("other")))["tasks"][0]["taskArn"]
    for arn in (mine, other):
        jobs.reach(arn, "STOPPED")
    stream = f"test/main/{mine.rpartition('/')[2]}"
    calls: dict[str, Callable[[], Any]] = {
        "RunTask": lambda: jobs.ecs.run_task(**jobs.request(sleep, overrides=of_run("mine", run_id=run_id, attempt=2))),
        "DescribeTasks": lambda: jobs.ecs.describe_tasks(cluster=CLUSTER, tasks=[other, mine]),
        "StopTask": lambda: jobs.ecs.stop_task(cluster=CLUSTER, task=mine),
        "ListTagsForResource": lambda: jobs.ecs.list_tags_for_resource(resourceArn=mine),
        "GetLogEvents": lambda: jobs.logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream),
        "FilterLogEvents": lambda: jobs.logs.filter_log_events(logGroupName=LOG_GROUP, logStreamNames=[stream]),
    }
    for operation, call in calls.items():
        for fault in (
            ErrorAnswer(operation=operation, job="mine"),
            ErrorAnswer(operation=operation, run_id=run_id),
            ErrorAnswer(operation=operation, job="mine", attempt=2),
        ):
            faults.order(fault, ErrorAnswer(operation=operation, job="mine", attempt=1))
            assert THROTTLED == refusal(call), fault
            call()  # the second fault is for another attempt
            faults.clear()
    faults.order(ErrorAnswer(operation="*", job="mine", times="always"))
    jobs.describe(other)
    jobs.ecs.run_task(**jobs.request(sleep, overrides=of_run("other")))
    jobs.ecs.list_clusters()
    assert () == faults.struck


def test_calls_of_a_family(jobs: Jobs, faults: FaultBook) -> None:
    """A job is also meant by the family of its task definition, and a run by what ListTasks looks for."""
    arn = jobs.define(container("true"))
    family = arn.rpartition("/")[2].partition(":")[0]
    faults.order(ErrorAnswer(operation="*", job=family, times="always"))
    assert THROTTLED == refusal(jobs.ecs.run_task, **jobs.request(arn))
    assert THROTTLED == refusal(jobs.ecs.register_task_definition, family=family, containerDefinitions=[])
    assert THROTTLED == refusal(jobs.ecs.list_tasks, cluster=CLUSTER, family=family)
    jobs.ecs.run_task(**jobs.request(jobs.define(container("true"))))
    faults.order(ErrorAnswer(operation="ListTasks", run_id="4r9k2m8p3w7x5t1q"))
    assert THROTTLED == refusal(jobs.ecs.list_tasks, cluster=CLUSTER, startedBy=started_by("4r9k2m8p3w7x5t1q"))


def test_schedules_of_a_job(endpoint: Endpoint, faults: FaultBook) -> None:
    """A schedule is its job's by the definition and the environment that its target's Input names."""
    scheduler = client_of(endpoint.connection, "scheduler")
    environment = [{"Name": "JOBRUNNER_JOB", "Value": "mine"}]
    asked = {
        "Cluster": CLUSTER,
        "TaskDefinition": "jobrunner-demo-mine:3",
        "Overrides": {"ContainerOverrides": [{"Name": "main", "Environment": environment}]},
    }
    request = {
        "Name": "mine",
        "ScheduleExpression": "rate(1 day)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask",
            "RoleArn": local_stage.TASK_ROLE,
            "Input": json.dumps(asked),
        },
    }
    for job in ("mine", "jobrunner-demo-mine"):
        faults.order(ErrorAnswer(operation="CreateSchedule", job="another"), ErrorAnswer(operation="*", job=job))
        assert THROTTLED == refusal(scheduler.create_schedule, **request)
        faults.clear()


def test_calls_of_scheduler(jobs: Jobs, faults: FaultBook) -> None:
    """EventBridge Scheduler's own call of its target gets the fault, and is tried again."""
    arn = jobs.start(container("sleep", "60"), overrides=of_run("timed"))
    (order,) = faults.order(ErrorAnswer(operation="ecs:StopTask", job="timed", code="ServerException"))
    client_of(jobs.connection, "scheduler").create_schedule(
        Name="stop-it",
        ScheduleExpression=f"at({datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:ecs:stopTask",
            "RoleArn": local_stage.SCHEDULER_ROLE,
            "Input": json.dumps({"Cluster": CLUSTER, "Task": arn, "Reason": "time is up"}),
        },
    )
    assert "time is up" == jobs.reach(arn, "STOPPED")["stoppedReason"]
    assert (1, ["ecs:StopTask"]) == (order.struck, [strike.at for strike in faults.struck])


# -- several at once -------------------------------------------------------------------------------------------


def test_script(jobs: Jobs, faults: FaultBook) -> None:
    """A list of faults is a script: each call gets the first that is left, and a fault may let calls pass."""
    script: list[Fault] = [
        ErrorAnswer(operation="ListTasks", message="first"),
        DroppedConnection(operation="List*"),
        ErrorAnswer(operation="ecs:*", message="third", skip=1),
    ]
    orders = faults.order(*script)
    outcomes = []
    for _ in range(5):
        try:
            jobs.ecs.list_tasks(cluster=CLUSTER)
            outcomes.append("well")
        except jobs.ecs.exceptions.ClientError as error:
            outcomes.append(error.response["Error"]["Message"])
        except ConnectionClosedError:
            outcomes.append("dropped")
    assert ["first", "dropped", "well", "third", "well"] == outcomes
    assert [1, 1, 1] == [order.struck for order in orders]


def test_many_threads(endpoint: Endpoint, faults: FaultBook) -> None:
    """However many call at the same moment, as many get it as were to get it."""
    (order,) = faults.order(ErrorAnswer(operation="ListTasks", skip=5, times=10))
    barrier, results = threading.Barrier(8), []

    def call() -> None:
        ecs = client_of(endpoint.connection, "ecs")
        barrier.wait()
        for _ in range(5):
            try:
                ecs.list_tasks(cluster=CLUSTER)
                results.append("well")
            except ecs.exceptions.ClientError:
                results.append("throttled")

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (30, 10, 10, 15) == (results.count("well"), results.count("throttled"), order.struck, order.matched)


def test_chunked_request(endpoint: Endpoint, faults: FaultBook) -> None:
    """A request that comes in chunks is like any other, and its connection is kept."""
    address = urlsplit(endpoint.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    scope = "Credential=local/20261123/us-east-1/ecs/aws4_request"
    headers = {
        "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters",
        "Authorization": f"AWS4-HMAC-SHA256 {scope}, Signature=0",
    }
    faults.order(ErrorAnswer(operation="ListClusters"))
    statuses = []
    for _ in range(2):
        connection.request("POST", "/", body=iter([b"{", b"}"]), headers=headers, encode_chunked=True)
        response = connection.getresponse()
        statuses.append((response.status, list(json.loads(response.read()))))
    connection.close()
    assert [(400, ["__type", "message"]), (200, ["clusterArns"])] == statuses


def test_control_is_never_faulted(endpoint: Endpoint, faults: FaultBook) -> None:
    """Who orders faults, or asks for health, gets an answer whatever is ordered."""
    faults.order(DroppedConnection(operation="*", times="always"), ErrorAnswer(operation="GET /_jobrunner/*"))
    address = urlsplit(endpoint.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    connection.request("GET", "/_jobrunner/health")
    assert {"status": "ok"} == json.loads(connection.getresponse().read())
    connection.close()
    assert () == faults.struck
