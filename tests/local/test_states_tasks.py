"""Tasks of JSONata machines reach the services of the endpoint, whole and with its faults."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import Jobs, client_of, container, until
from state_machines import DONE, ROLE, SDK, SYNC, StateMachines, jsonata, only, pascal

from jobrunner.core import local_stage
from jobrunner.local.faults import DroppedConnection, ErrorAnswer, RunTaskFailure
from jobrunner.local.states.sdk import operation_model, spelled

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint
    from jobrunner.local.faults import FaultBook


@pytest.fixture(scope="module")
def machines(endpoint: Endpoint) -> StateMachines:
    """Machines on the endpoint."""
    return StateMachines(endpoint.connection)


def call(action: str, arguments: Any = None, **members: Any) -> dict[str, Any]:
    """A machine that calls one operation, with its input or with arguments."""
    given = {} if arguments is None else {"Arguments": arguments}
    return only(Type="Task", Resource=SDK + action, **given, **members)


# -- ECS -----------------------------------------------------------------------------------------------------------


def test_run_task_carries_the_whole_request(machines: StateMachines, jobs: Jobs) -> None:
    """The same request as a client's: token, tags, startedBy, capacity providers, overrides."""
    request = pascal(
        jobs.define(container("sh", "-c", "echo $WHO")),
        ClientToken=f"{uuid.uuid4()}",
        StartedBy="states/test",
        Tags=[{"Key": "by", "Value": "states"}],
        CapacityProviderStrategy=[{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}],
        Overrides={"ContainerOverrides": [{"Name": "main", "Environment": [{"Name": "WHO", "Value": "me"}]}]},
    )
    del request["LaunchType"]
    machine = machines.create(call("ecs:runTask"))
    first, second = (machines.output(machine, request) for _ in range(2))
    assert [[], first["Tasks"][0]["TaskArn"]] == [second["Failures"], second["Tasks"][0]["TaskArn"]]
    task = jobs.reach(first["Tasks"][0]["TaskArn"], "STOPPED")
    assert ("states/test", "FARGATE_SPOT") == (task["startedBy"], task["capacityProviderName"])
    assert ["me"] == jobs.lines(task)
    described = call(
        "ecs:describeTasks",
        {"Cluster": local_stage.CLUSTER, "Tasks": "{% [$states.input] %}", "Include": ["TAGS"]},
        Output="{% $states.result.Tasks[0] %}",
    )
    shown = machines.output(described, task["taskArn"])
    assert [{"Key": "by", "Value": "states"}] == shown["Tags"]
    assert f"{task['stoppedAt'].timestamp():.3f}" == f"{_seconds(shown['StoppedAt']):.3f}"


def _seconds(text: str) -> float:
    assert text.endswith("Z")
    return dt.datetime.fromisoformat(text).timestamp()


def test_stop_and_list(machines: StateMachines, jobs: Jobs) -> None:
    """ListTasks finds a task, StopTask stops it with the reason."""
    started = jobs.start(container("sleep", "600"), startedBy="states-list")
    listed = machines.output(call("ecs:listTasks", {"Cluster": local_stage.CLUSTER, "StartedBy": "states-list"}))
    assert {"TaskArns": [started]} == listed
    stops = {"Cluster": local_stage.CLUSTER, "Task": "{% $states.input %}", "Reason": "enough"}
    machines.output(call("ecs:stopTask", stops), started)
    assert "enough" == jobs.reach(started, "STOPPED")["stoppedReason"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ClientException", "Ecs.ClientException"),
        ("AccessDeniedException", "Ecs.AccessDeniedException"),
        ("ThrottlingException", "Ecs.EcsException"),
    ],
)
def test_ordered_faults_meet_tasks(
    machines: StateMachines, jobs: Jobs, faults: FaultBook, code: str, error: str
) -> None:
    """What is ordered for clients is Step Functions' too; an error without a model is the service's."""
    definition = jobs.define(container("true"))
    faults.order(ErrorAnswer(operation="RunTask", code=code, message="so ordered"))
    found, cause = machines.failure(call("ecs:runTask"), pascal(definition))
    assert (error, True) == (found, str(cause).startswith("so ordered (Service: Ecs, Status Code: 400, Request ID: "))
    assert "Tasks" in machines.output(call("ecs:runTask"), pascal(definition))


def test_no_answer(machines: StateMachines, faults: FaultBook) -> None:
    """A connection that breaks is an error of the SDK."""
    faults.order(DroppedConnection(operation="ListTasks"))
    error, _ = machines.failure(call("ecs:listTasks", {"Cluster": local_stage.CLUSTER}))
    assert "Ecs.SdkClientException" == error


def test_failures_are_data(machines: StateMachines, jobs: Jobs, faults: FaultBook) -> None:
    """The SDK integration passes `failures[]` on; the optimized one makes an error of them."""
    request = pascal(jobs.define(container("true")))
    faults.order(RunTaskFailure(cause="capacity", times=2))
    result = machines.output(call("ecs:runTask"), request)
    assert ([], True) == (result["Tasks"], result["Failures"][0]["Reason"].startswith("Capacity is unavailable"))
    error, cause = machines.failure(sync(), request)
    assert ("AmazonECS.Unknown", result["Failures"]) == (error, json.loads(str(cause)))


# -- ecs:runTask.sync ----------------------------------------------------------------------------------------------


def sync(**members: Any) -> dict[str, Any]:
    """A machine that runs a task to its end."""
    return only(Type="Task", Resource=SYNC, **members)


def test_sync_success(machines: StateMachines, jobs: Jobs) -> None:
    """The output is the stopped task, with its times in milliseconds."""
    execution = machines.start(sync(), pascal(jobs.define(container("true"))))
    output = json.loads(machines.end(execution)["output"])
    task = jobs.describe(output["TaskArn"])
    assert ("STOPPED", 0) == (output["LastStatus"], output["Containers"][0]["ExitCode"])
    assert round(task["stoppedAt"].timestamp() * 1000) == output["StoppedAt"]
    expected = ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded", "TaskStateExited"]
    assert expected == machines.kinds(execution)[2:-1]
    scheduled = machines.events(execution)[2]["taskScheduledEventDetails"]
    assert ("ecs", "runTask.sync") == (scheduled["resourceType"], scheduled["resource"])


def test_sync_failure(machines: StateMachines, jobs: Jobs) -> None:
    """An exit code other than 0 is States.TaskFailed, and the cause is the task."""
    error, cause = machines.failure(sync(), pascal(jobs.define(container("sh", "-c", "exit 7"))))
    task = json.loads(str(cause))
    assert ("States.TaskFailed", 7) == (error, task["Containers"][0]["ExitCode"])


def test_sync_counts_essential_containers(machines: StateMachines, jobs: Jobs) -> None:
    """A container that is not essential may end as it likes."""
    main, side = container("sleep", "0.5"), container("false", name="side", essential=False)
    assert "STOPPED" == machines.output(sync(), pascal(jobs.define(main, side)))["LastStatus"]


def test_sync_without_an_exit_code(machines: StateMachines, jobs: Jobs) -> None:
    """A task that was stopped from outside has not succeeded."""
    execution = machines.start(sync(), pascal(jobs.define(container("sleep", "600")), StartedBy="states-outside"))
    [task] = until(lambda: jobs.ecs.list_tasks(cluster=local_stage.CLUSTER, startedBy="states-outside")["taskArns"])
    jobs.reach(task, "RUNNING")
    jobs.stop(task, reason="from outside")
    end = machines.end(execution)
    assert ("States.TaskFailed", "from outside") == (end["error"], json.loads(end["cause"])["StoppedReason"])


def test_sync_refusals(machines: StateMachines) -> None:
    """Exceptions have the names of the optimized integration."""
    error, cause = machines.failure(sync(), pascal("none:1"))
    assert ("ECS.ClientException", True) == (error, "(Service: AmazonECS; Status Code: 400; Error Code:" in str(cause))


def test_stop_execution_stops_the_task(machines: StateMachines, jobs: Jobs) -> None:
    """Best effort, as on AWS; the execution has ended at once."""
    execution = machines.start(sync(), pascal(jobs.define(container("sleep", "600")), StartedBy="states-stop"))
    [task] = until(lambda: jobs.ecs.list_tasks(cluster=local_stage.CLUSTER, startedBy="states-stop")["taskArns"])
    stopped = machines.client.stop_execution(executionArn=execution, error="mine", cause="enough")["stopDate"]
    end = machines.client.describe_execution(executionArn=execution)
    assert ("ABORTED", "mine", "enough", stopped) == (end["status"], end["error"], end["cause"], end["stopDate"])
    jobs.reach(task, "STOPPED")


# -- the other services --------------------------------------------------------------------------------------------


def test_start_execution(machines: StateMachines) -> None:
    """One machine starts another, once by its name; the time is an ISO text."""
    other = machines.create(only(**DONE))
    asked = {"StateMachineArn": other, "Name": "{% $states.input %}", "Input": {"from": "{% $states.input %}"}}
    caller = machines.create(call("sfn:startExecution", asked))
    found = machines.output(caller, "once")
    assert f"{other.replace('stateMachine', 'execution')}:once" == found["ExecutionArn"]
    described = machines.end(found["ExecutionArn"])
    assert {"from": "once"} == json.loads(described["output"])
    assert abs(described["startDate"].timestamp() - _seconds(found["StartDate"])) < 0.002
    error, cause = machines.failure(caller, "once")
    assert "Sfn.ExecutionAlreadyExistsException" == error
    assert f"Execution Already Exists: '{found['ExecutionArn']}' (Service: Sfn" in str(cause)


def test_a_missing_machine(machines: StateMachines) -> None:
    """The name of an exception ends in Exception, whatever the service calls it."""
    arn = f"arn:aws:states:{local_stage.REGION}:{local_stage.ACCOUNT_ID}:stateMachine:none"
    error, _ = machines.failure(call("sfn:startExecution", {"StateMachineArn": arn}))
    assert "Sfn.StateMachineDoesNotExistException" == error


def test_scheduler(machines: StateMachines, endpoint: Endpoint) -> None:
    """A schedule is made and deleted; its conflicts are Scheduler's."""
    schedule = {
        "Name": "by-states",
        "ScheduleExpression": "at(2099-01-01T00:00:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": f"{SDK.replace('states', 'scheduler')}ecs:stopTask",
            "RoleArn": ROLE,
            "Input": '{"Task": "x"}',
        },
        "ClientToken": "{% $uuid() %}",
    }
    machine = machines.create(call("scheduler:createSchedule", schedule))
    assert machines.output(machine)["ScheduleArn"].endswith(":schedule/default/by-states")
    assert "Scheduler.ConflictException" == machines.failure(machine)[0]
    found = client_of(endpoint.connection, "scheduler").get_schedule(Name="by-states")
    assert "at(2099-01-01T00:00:00)" == found["ScheduleExpression"]
    assert {} == machines.output(call("scheduler:deleteSchedule", {"Name": "by-states"}))


def test_services_of_moto(machines: StateMachines) -> None:
    """Every service behind the endpoint is reached, in its own protocol."""
    name = f"by-states-{uuid.uuid4()}"
    queue = machines.output(call("sqs:createQueue", {"QueueName": name}))["QueueUrl"]
    sent = machines.output(call("sqs:sendMessage", {"QueueUrl": queue, "MessageBody": {"a": 1}}))
    received = machines.output(call("sqs:receiveMessage", {"QueueUrl": queue}))["Messages"]
    assert [(sent["MessageId"], '{"a":1}')] == [(one["MessageId"], one["Body"]) for one in received]
    assert "Iam.NoSuchEntityException" == machines.failure(call("iam:getRole", {"RoleName": name}))[0]
    topic = machines.output(call("sns:createTopic", {"Name": name}))["TopicArn"]
    assert topic.endswith(name)
    group = {"LogGroupName": f"/{name}"}
    assert {} == machines.output(call("cloudwatchlogs:createLogGroup", group))
    error, _ = machines.failure(call("cloudwatchlogs:createLogGroup", group))
    assert "CloudWatchLogs.ResourceAlreadyExistsException" == error


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ecs", "Ecs"), ("sfn", "Sfn"), ("scheduler", "Scheduler"), ("dynamodb", "DynamoDb"), ("sqs", "Sqs"),
        ("eventbridge", "EventBridge"), ("cloudwatchlogs", "CloudWatchLogs"), ("s3", "S3"),
        ("secretsmanager", "SecretsManager"),
    ],
)  # fmt: skip
def test_names_of_services(name: str, expected: str) -> None:
    """As the AWS SDK for Java spells its exceptions."""
    assert expected == spelled(name)


@pytest.mark.parametrize(("service", "action"), [("ecs", "nothing"), ("nothing", "runTask"), ("../x", "runTask")])
def test_no_such_operation(service: str, action: str) -> None:
    """There is no model of it."""
    assert operation_model(service, action) is None


def test_defaults_to_the_input(machines: StateMachines) -> None:
    """Without Arguments a task is called with the input of its state."""
    machine = jsonata("A", A={"Type": "Task", "Resource": f"{SDK}ecs:listTasks", "Next": "B"}, B=DONE)
    assert {"TaskArns": []} == machines.output(machine, {"Cluster": local_stage.CLUSTER, "StartedBy": "nobody"})
    error, cause = machines.failure(machine, "text")
    assert ("States.Runtime", True) == (error, "The Arguments are no JSON object" in str(cause))
