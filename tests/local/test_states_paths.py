"""JSONPath machines, which moto's interpreter executes, with tasks as on AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import Jobs, container, refusal, until
from state_machines import ROLE, SDK, SYNC, StateMachines, pascal

from jobrunner.core import local_stage
from jobrunner.local import serve
from jobrunner.local.faults import RunTaskFailure

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint
    from jobrunner.local.faults import FaultBook


@pytest.fixture(scope="module")
def machines(endpoint: Endpoint) -> StateMachines:
    """Machines on the endpoint."""
    return StateMachines(endpoint.connection)


def path(first: str, **states: Any) -> dict[str, Any]:
    """A JSONPath machine."""
    return {"StartAt": first, "States": states}


def task(
    definition: str, *, resource: str = SYNC, request: dict[str, Any] | None = None, **state: Any
) -> dict[str, Any]:
    """A machine that runs one task."""
    parameters = pascal(definition, **(request or {}))
    return path("A", A={"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True, **state})


def of(jobs: Jobs, started_by: str) -> list[str]:
    """The tasks that run."""
    found: list[str] = jobs.ecs.list_tasks(cluster=local_stage.CLUSTER, startedBy=started_by)["taskArns"]
    return found


def test_the_states_of_the_language(machines: StateMachines) -> None:
    """Paths, Choice, Wait, Map and Parallel."""
    doubled = {"StartAt": "D", "States": {"D": {"Type": "Pass", "Parameters": {"v.$": "States.MathAdd($, $)"},
               "OutputPath": "$.v", "End": True}}}  # fmt: skip
    machine = path(
        "A",
        A={"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericGreaterThan": 1, "Next": "W"}], "Default": "F"},
        W={"Type": "Wait", "Seconds": 1, "Next": "M"},
        M={"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": doubled, "ResultPath": "$.doubled", "Next": "P"},
        P={"Type": "Parallel", "Branches": [{"StartAt": "Q", "States": {"Q": {"Type": "Succeed"}}}], "End": True},
        F={"Type": "Fail", "Error": "E", "Cause": "C"},
    )
    arn = machines.create(machine)
    assert [{"n": 2, "list": [1, 2], "doubled": [2, 4]}] == machines.output(arn, {"n": 2, "list": [1, 2]})
    assert ("E", "C") == machines.failure(arn, {"n": 1})


def test_the_task_is_the_output(machines: StateMachines, jobs: Jobs) -> None:
    """Nothing of the request is lost, and nothing is put over it."""
    request = {"StartedBy": "paths", "Tags": [{"Key": "a", "Value": "b"}]}
    strategy = [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]
    machine = task(jobs.define(container("true")), request={**request, "CapacityProviderStrategy": strategy})
    del machine["States"]["A"]["Parameters"]["LaunchType"]
    output = machines.output(machine)
    found = jobs.ecs.describe_tasks(cluster=local_stage.CLUSTER, tasks=[output["TaskArn"]], include=["TAGS"])["tasks"][
        0
    ]
    assert ("STOPPED", 0) == (output["LastStatus"], output["Containers"][0]["ExitCode"])
    assert ("paths", "FARGATE_SPOT") == (found["startedBy"], found["capacityProviderName"])
    assert [{"key": "a", "value": "b"}] == found["tags"]


def test_a_task_that_fails(machines: StateMachines, jobs: Jobs) -> None:
    """States.TaskFailed with the task as its cause, which a Catch can get."""
    machine = task(jobs.define(container("sh", "-c", "exit 5")))
    error, cause = machines.failure(machine)
    assert ("States.TaskFailed", 5) == (error, json.loads(str(cause))["Containers"][0]["ExitCode"])
    machine["States"]["A"]["Catch"] = [{"ErrorEquals": ["States.TaskFailed"], "Next": "B"}]
    machine["States"]["B"] = {"Type": "Pass", "OutputPath": "$.Error", "End": True}
    assert "States.TaskFailed" == machines.output(machine)


def test_a_task_that_is_not_started(machines: StateMachines, jobs: Jobs, faults: FaultBook) -> None:
    """AmazonECS.Unknown with the failures, or ECS's exception; a retrier knows them by name."""
    definition = jobs.define(container("true"))
    faults.order(RunTaskFailure(cause="capacity"))
    error, cause = machines.failure(task(definition))
    assert ("AmazonECS.Unknown", True) == (error, json.loads(str(cause))[0]["Reason"].startswith("Capacity"))
    faults.order(RunTaskFailure(cause="capacity"))
    retry = [{"ErrorEquals": ["AmazonECS.Unknown"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    assert "STOPPED" == machines.output(task(definition, Retry=retry))["LastStatus"]
    assert "ECS.ClientException" == machines.failure(task("none:1"))[0]
    error, cause = machines.failure(task(definition, request={"Foo": 1}))
    assert ("States.Runtime", True) == (error, "The field 'Foo' is not supported by Step Functions" in str(cause))


@pytest.mark.parametrize("whole", [False, True], ids=["state", "machine"])
def test_timeouts_stop_the_task(machines: StateMachines, jobs: Jobs, *, whole: bool) -> None:
    """That of the state is a failure, that of the machine is TIMED_OUT."""
    started_by = f"paths-time-{whole}"
    machine = task(jobs.define(container("sleep", "600")), request={"StartedBy": started_by})
    (machine if whole else machine["States"]["A"])["TimeoutSeconds"] = 2
    execution = machines.start(machine)
    [arn] = until(lambda: of(jobs, started_by))
    end = machines.end(execution)
    assert (("TIMED_OUT", None) if whole else ("FAILED", "States.Timeout")) == (end["status"], end.get("error"))
    assert "STOPPED" == jobs.reach(arn, "STOPPED")["lastStatus"]


def test_stop_execution_stops_the_task(machines: StateMachines, jobs: Jobs) -> None:
    """And the history ends with it."""
    execution = machines.start(task(jobs.define(container("sleep", "600")), request={"StartedBy": "paths-stop"}))
    [arn] = until(lambda: of(jobs, "paths-stop"))
    machines.client.stop_execution(executionArn=execution, error="E", cause="C")
    end = machines.client.describe_execution(executionArn=execution)
    assert ("ABORTED", "E", "C") == (end["status"], end["error"], end["cause"])
    jobs.reach(arn, "STOPPED")
    last = machines.events(execution, reverseOrder=True)[0]
    assert ("ExecutionAborted", {"error": "E", "cause": "C"}) == (last["type"], last["executionAbortedEventDetails"])


def test_a_stop_before_it_has_begun(machines: StateMachines, jobs: Jobs) -> None:
    """An execution that is stopped at once starts no task, or stops it."""
    machine = machines.create(task(jobs.define(container("sleep", "600")), request={"StartedBy": "paths-early"}))
    for _ in range(10):
        machines.client.stop_execution(executionArn=machines.start(machine))
    until(lambda: of(jobs, "paths-early") == [])
    listed = machines.client.list_executions(stateMachineArn=machine)["executions"]
    assert {"ABORTED"} == {one["status"] for one in listed}


def test_integrations_without_a_wait(machines: StateMachines, jobs: Jobs) -> None:
    """`ecs:runTask` and the SDK integrations give the answers of the operations."""
    definition = jobs.define(container("true"))
    for resource in ("arn:aws:states:::ecs:runTask", f"{SDK}ecs:runTask"):
        output = machines.output(task(definition, resource=resource))
        assert ([], 1) == (output["Failures"], len(output["Tasks"]))
    assert "Ecs.ClientException" == machines.failure(task("none:1", resource=f"{SDK}ecs:runTask"))[0]


def test_history(machines: StateMachines, jobs: Jobs) -> None:
    """moto's events, in AWS's order and in pages."""
    execution = machines.start(task(jobs.define(container("true"))))
    machines.end(execution)
    expected = [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded",
        "TaskStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert expected == machines.kinds(execution)
    assert expected[::-1][:3] == [one["type"] for one in machines.events(execution, reverseOrder=True, maxResults=3)]


def test_names_are_as_for_every_machine(machines: StateMachines) -> None:
    """The rules of StartExecution do not depend on the language."""
    arn = machines.create(path("A", A={"Type": "Wait", "Seconds": 600, "End": True}))
    first = machines.start(arn, {"a": 1}, name="one")
    assert first == machines.start(arn, {"a": 1}, name="one")
    again = {"stateMachineArn": arn, "name": "one", "input": "{}"}
    assert "ExecutionAlreadyExists" == refusal(machines.client.start_execution, **again)[0]
    machines.client.stop_execution(executionArn=first)


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (path("A", A={"Type": "Pass", "Next": "B"}), "Missing 'Next' target: B at /States/A/Next"),
        (path("A", A={"Type": "Pass", "End": True}, B={"Type": "Succeed"}), 'State "B" is not reachable'),
        (path("B", A={"Type": "Pass", "End": True}), "Missing 'StartAt' target: B"),
        (path("A", A={"Type": "Banana"}), "SCHEMA_VALIDATION_FAILED"),
        ({"States": {}}, "SCHEMA_VALIDATION_FAILED"),
    ],
)
def test_refusals(machines: StateMachines, machine: dict[str, Any], words: str) -> None:
    """What moto's parser does not take, and ways that lead nowhere."""
    asked = {"name": "refused", "roleArn": ROLE, "definition": json.dumps(machine)}
    code, said, _ = refusal(machines.client.create_state_machine, **asked)
    assert ("InvalidDefinition", True) == (code, words in said)


def test_jsonata_in_a_single_state(machines: StateMachines) -> None:
    """AWS takes such a machine; here its execution fails and says why."""
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% 1 %}", "End": True}
    error, cause = machines.failure(path("A", A=state))
    assert ("States.Runtime", "This endpoint executes no JSONata states of a JSONPath machine.") == (error, cause)


def test_each_endpoint_has_its_own_tasks(endpoint: Endpoint, machines: StateMachines, jobs: Jobs) -> None:
    """Two endpoints of one process share machines, but a task runs at the endpoint of its execution."""
    definition = jobs.define(container("true"))
    arn = machines.create(task(definition, resource=f"{SDK}ecs:runTask"))
    with serve() as other:
        at_other = StateMachines(other.connection).output(arn)["Tasks"][0]["TaskArn"]
        here = machines.output(arn)["Tasks"][0]["TaskArn"]
        known = [{one.arn for one in served.store.all()} for served in (endpoint, other)]
        assert [(True, False), (False, True)] == [(here in arns, at_other in arns) for arns in known]
    assert machines.output(arn)["Failures"] == []
