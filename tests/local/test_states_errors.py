"""Retry, Catch and timeouts of JSONata machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import Jobs, container, until
from state_machines import DONE, SDK, SYNC, StateMachines, jsonata, only, pascal

from jobrunner.core import local_stage
from jobrunner.local.states.errors import StateError, matches
from jobrunner.local.states.retrying import Retries

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint

#: A call that ECS refuses with ClientException.
ASKED = {"Cluster": local_stage.CLUSTER, "TaskDefinition": "none:1"}
REFUSED = {"Type": "Task", "Resource": f"{SDK}ecs:runTask", "Arguments": ASKED}
ERROR = "Ecs.ClientException"


@pytest.fixture(scope="module")
def machines(endpoint: Endpoint) -> StateMachines:
    """Machines on the endpoint."""
    return StateMachines(endpoint.connection)


@pytest.mark.parametrize(
    ("names", "error", "expected"),
    [
        (["E"], "E", True),
        (["E", "F"], "F", True),
        (["E"], "e", False),
        (["States.ALL"], "E", True),
        (["States.ALL"], None, True),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.DataLimitExceeded"], "States.DataLimitExceeded", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.Runtime"], "States.Runtime", False),
        (["States.TaskFailed"], "E", True),
        (["States.TaskFailed"], "States.TaskFailed", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.Timeout", "States.TaskFailed"], "States.Timeout", True),
    ],
)
def test_which_errors_match(names: list[str], error: str | None, *, expected: bool) -> None:
    """Names match themselves; two of them are wild, and two errors are wilder."""
    assert expected == matches(names, error)


def pauses(retriers: list[dict[str, Any]], *errors: str) -> list[float | None]:
    """The pauses after these errors."""
    retries = Retries(retriers)
    return [retries.pause(StateError(error)) for error in errors]


def test_retriers() -> None:
    """Defaults of 1 s, 3 attempts and a rate of 2; a longest delay; each retrier counts for itself."""
    assert [1, 2, 4, None] == pauses([{"ErrorEquals": ["States.ALL"]}], *["E"] * 4)
    assert [None] == pauses([{"ErrorEquals": ["E"], "MaxAttempts": 0}], "E")
    assert [None] == pauses([{"ErrorEquals": ["E"]}], "F")
    longest = {"ErrorEquals": ["E"], "IntervalSeconds": 3, "BackoffRate": 1.5, "MaxDelaySeconds": 5, "MaxAttempts": 4}
    assert [3, 4.5, 5, 5, None] == pauses([longest], *["E"] * 5)
    two = [{"ErrorEquals": ["E"], "MaxAttempts": 1}, {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
    assert [1, 1, None, None] == pauses(two, "E", "F", "E", "F")
    endless = {"ErrorEquals": ["E"], "MaxAttempts": 10_000, "BackoffRate": 9, "MaxDelaySeconds": 60}
    assert 60 == pauses([endless], *["E"] * 2_000)[-1]


def test_jitter() -> None:
    """FULL: anything from nothing to the pause."""
    full = {"ErrorEquals": ["E"], "IntervalSeconds": 100, "JitterStrategy": "FULL", "BackoffRate": 1, "MaxAttempts": 99}
    found = [pause for pause in pauses([full], *["E"] * 50) if pause is not None]
    assert all(0 <= pause <= 100 for pause in found)
    assert len(set(found)) > 40


def test_a_task_is_tried_again(machines: StateMachines) -> None:
    """After the pause, as often as the retrier says, and then its error ends the execution."""
    retry = [{"ErrorEquals": [ERROR], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 2}]
    execution = machines.start(only(**REFUSED, Retry=retry))
    end = machines.end(execution)
    assert ("FAILED", ERROR) == (end["status"], end["error"])
    assert 2 <= (end["stopDate"] - end["startDate"]).total_seconds() < 6
    kinds = machines.kinds(execution)
    assert [1, 3, 3] == [kinds.count(kind) for kind in ("TaskStateEntered", "TaskScheduled", "TaskFailed")]


def test_the_number_of_retries_is_known(machines: StateMachines) -> None:
    """`$states.context.State.RetryCount` counts, and so an attempt can be another one than the first."""
    second = jobs_arguments("{% $states.context.State.RetryCount = 0 ? 'none:1' : $parse('{') %}")
    machine = only(
        Type="Task",
        Resource=f"{SDK}ecs:runTask",
        Arguments=second,
        Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}],
    )
    assert "States.QueryEvaluationError" == machines.failure(machine)[0]


def jobs_arguments(definition: str) -> dict[str, Any]:
    """Arguments of RunTask."""
    return {"Cluster": local_stage.CLUSTER, "TaskDefinition": definition}


def test_catch(machines: StateMachines) -> None:
    """The first catcher for the error; its Output and Assign see `$states.errorOutput`."""
    error = "{% $states.errorOutput.Error %}"
    machine = jsonata(
        "A",
        A={
            **REFUSED,
            "Output": "{% $error('not asked') %}",
            "Catch": [
                {"ErrorEquals": ["States.Timeout"], "Next": "Z"},
                {"ErrorEquals": [ERROR], "Assign": {"e": error}, "Output": {"in": "{% $states.input %}", "e": error},
                 "Next": "B"},
                {"ErrorEquals": ["States.ALL"], "Next": "Z"},
            ],
            "Next": "Z",
        },
        B={"Type": "Succeed", "Output": "{% [$e, $states.input] %}"},
        Z={"Type": "Fail"},
    )  # fmt: skip
    assert [ERROR, {"in": {"i": 1}, "e": ERROR}] == machines.output(machine, {"i": 1})


def test_what_a_catch_gives_by_itself(machines: StateMachines) -> None:
    """Error and Cause."""
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "B"}]
    found = machines.output(jsonata("A", A={**REFUSED, "Catch": catch, "Next": "B"}, B=DONE))
    assert [ERROR, ["Cause", "Error"]] == [found["Error"], sorted(found)]
    assert found["Cause"].startswith("TaskDefinition not found. (Service: Ecs, Status Code: 400, Request ID: ")


def test_an_output_that_fails_may_be_caught(machines: StateMachines) -> None:
    """A QueryEvaluationError of the state's own fields is an error of the state, and history tells of it."""
    state = {
        "Type": "Task",
        "Resource": f"{SDK}ecs:listTasks",
        "Arguments": {"Cluster": local_stage.CLUSTER},
        "Output": {"a": "{% $states.result.Nothing %}"},
        "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "B"}],
        "Next": "B",
    }
    execution = machines.start(jsonata("A", A=state, B=DONE))
    cause = (
        "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression "
        "'$states.result.Nothing' specified for the field 'Output/a' returned nothing (undefined)."
    )
    told = {"Error": "States.QueryEvaluationError", "Cause": cause}
    assert told == json.loads(machines.end(execution)["output"])
    [event] = [one for one in machines.events(execution) if one["type"] == "EvaluationFailed"]
    expected = {"error": told["Error"], "cause": cause, "location": "Output/a", "state": "A"}
    assert expected == event["evaluationFailedEventDetails"]


def test_a_branch_may_be_tried_again_and_caught(machines: StateMachines) -> None:
    """The error of a branch is that of the Parallel."""
    fails = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "mine", "Cause": "c"}}}
    machine = jsonata(
        "A",
        A={
            "Type": "Parallel",
            "Branches": [fails],
            "Retry": [{"ErrorEquals": ["mine"], "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["mine"], "Next": "B"}],
            "Next": "B",
        },
        B=DONE,
    )
    execution = machines.start(machine)
    assert {"Error": "mine", "Cause": "c"} == json.loads(machines.end(execution)["output"])
    assert 2 == machines.kinds(execution).count("FailStateEntered")


def test_the_state_is_named_once(machines: StateMachines) -> None:
    """A failure in a branch names the innermost state, and only that."""
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "Output": "{% $nothing %}", "End": True}}}
    _, cause = machines.failure(only(Type="Parallel", Branches=[inner]))
    assert 1 == str(cause).count("An error occurred while executing")
    assert str(cause).startswith("An error occurred while executing the state 'I'")


def test_parameters_that_are_none_are_never_caught(machines: StateMachines) -> None:
    """States.Runtime ends the execution whatever is caught."""
    state = {**REFUSED, "Arguments": {"taskDefinition": "x"}, "Next": "B"}
    machine = jsonata("A", A={**state, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}]}, B=DONE)
    error, cause = machines.failure(machine)
    said = (
        'The Parameters \'{"taskDefinition":"x"}\' could not be used to start the Task: [The field '
        "'taskDefinition' is not supported by Step Functions, The field 'TaskDefinition' is required but was missing]"
    )
    assert ("States.Runtime", True) == (error, said in str(cause))


# -- time ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1, "{% 1 %}"])
def test_a_task_has_its_time(machines: StateMachines, jobs: Jobs, seconds: Any) -> None:
    """States.Timeout, without a cause; the task that was waited for is stopped."""
    definition = jobs.define(container("sleep", "600"))
    execution = machines.start(only(Type="Task", Resource=SYNC, Arguments=pascal(definition), TimeoutSeconds=seconds))
    end = machines.end(execution)
    assert ("FAILED", "States.Timeout", None) == (end["status"], end["error"], end.get("cause"))
    assert "TaskTimedOut" == machines.kinds(execution)[-2]
    [event] = [one for one in machines.events(execution) if one["type"] == "TaskSubmitted"]
    [task] = json.loads(event["taskSubmittedEventDetails"]["output"])["Tasks"]
    jobs.reach(task["TaskArn"], "STOPPED")


def test_a_timeout_may_be_caught(machines: StateMachines, jobs: Jobs) -> None:
    """By its own name, and not as States.TaskFailed."""
    task = {"Type": "Task", "Resource": SYNC, "Arguments": pascal(jobs.define(container("sleep", "600")))}
    catch = [{"ErrorEquals": ["States.TaskFailed"], "Next": "Z"}, {"ErrorEquals": ["States.Timeout"], "Next": "B"}]
    machine = jsonata("A", A={**task, "TimeoutSeconds": 1, "Catch": catch, "Next": "Z"}, B=DONE, Z={"Type": "Fail"})
    assert {"Error": "States.Timeout"} == machines.output(machine)


def test_a_machine_has_its_time(machines: StateMachines, jobs: Jobs) -> None:
    """TIMED_OUT, which only the event calls States.Timeout; what was waited for is stopped."""
    definition = jobs.define(container("sleep", "600"))
    machine = {**only(Type="Task", Resource=SYNC, Arguments=pascal(definition)), "TimeoutSeconds": 1}
    execution = machines.start(machine)
    end = machines.end(execution)
    assert ("TIMED_OUT", None, None) == (end["status"], end.get("error"), end.get("cause"))
    last = machines.events(execution)[-1]
    assert ("ExecutionTimedOut", 0) == (last["type"], last["previousEventId"])
    assert {"error": "States.Timeout"} == last["executionTimedOutEventDetails"]
    until(lambda: not running(jobs, definition))


def running(jobs: Jobs, definition: str) -> list[str]:
    """The tasks of a definition that run."""
    family = definition.rpartition("/")[2].partition(":")[0]
    found: list[str] = jobs.ecs.list_tasks(cluster=local_stage.CLUSTER, family=family)["taskArns"]
    return found
