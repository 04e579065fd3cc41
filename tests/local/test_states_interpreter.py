"""States of a JSONata machine do what the Amazon States Language says. Through the API, with boto3."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import until
from state_machines import DONE, SDK, StateMachines, jsonata, only

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint

PASS = {"Type": "Pass", "End": True}
BRANCH = {"StartAt": "B", "States": {"B": PASS}}


@pytest.fixture(scope="module")
def machines(endpoint: Endpoint) -> StateMachines:
    """Machines on the endpoint."""
    return StateMachines(endpoint.connection)


def fails(name: str, error: str = "E", cause: str = "C") -> dict[str, Any]:
    """A branch that fails."""
    return {"StartAt": name, "States": {name: {"Type": "Fail", "Error": error, "Cause": cause}}}


def test_pass(machines: StateMachines) -> None:
    """Its output is its input, or what Output says."""
    assert {"a": [1, None]} == machines.output(only(Type="Pass"), {"a": [1, None]})
    assert {"n": 3} == machines.output(only(Type="Pass", Output={"n": "{% $states.input.a + 1 %}"}), {"a": 2})
    assert machines.output(only(Type="Pass", Output=None), {"a": 2}) is None


def test_context(machines: StateMachines) -> None:
    """`$states.context` tells of the execution, the machine and the state."""
    arn = machines.create(only(Type="Succeed", Output="{% $states.context %}"))
    end = machines.run(arn, {"a": 1}, name="named")
    context = json.loads(end["output"])
    moment = context["Execution"]["StartTime"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)
    assert abs(dt.datetime.fromisoformat(moment) - end["startDate"]) < dt.timedelta(milliseconds=2)
    assert dt.datetime.fromisoformat(context["State"].pop("EnteredTime")) >= dt.datetime.fromisoformat(moment)
    expected = {
        "Execution": {
            "Id": end["executionArn"],
            "Input": {"a": 1},
            "Name": "named",
            "RoleArn": "arn:aws:iam::123456789012:role/states",
            "StartTime": moment,
            "RedriveCount": 0,
        },
        "StateMachine": {"Id": arn, "Name": arn.rpartition(":")[2]},
        "State": {"Name": "A", "RetryCount": 0},
    }
    assert expected == context


def test_assign_sees_the_old_values(machines: StateMachines) -> None:
    """All of Assign and Output is evaluated with the variables as they were; then they change."""
    machine = jsonata(
        "A",
        A={"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "B"},
        B={"Type": "Pass", "Assign": {"x": "{% $y %}", "y": "{% $x %}"}, "Output": "{% [$x, $y] %}", "Next": "C"},
        C={"Type": "Succeed", "Output": {"before": "{% $states.input %}", "after": "{% [$x, $y] %}"}},
    )
    assert {"before": [1, 2], "after": [2, 1]} == machines.output(machine)


@pytest.mark.parametrize(("number", "expected"), [(3, ["rule", 4, 3]), (1, ["default", 2, 1]), (7, ["two", 8, 7])])
def test_choice(machines: StateMachines, number: int, expected: list[Any]) -> None:
    """The first rule that is true counts, with its own Assign and Output; without one the state's count."""
    seen = "{% $states.input %}"
    after = "{% $states.input + 1 %}"
    machine = jsonata(
        "A",
        A={
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input in [2, 3] %}", "Assign": {"w": "rule", "n": seen}, "Output": after,
                 "Next": "B"},
                {"Condition": "{% $states.input > 1 %}", "Assign": {"w": "two", "n": seen}, "Output": after,
                 "Next": "B"},
                {"Condition": "{% $never.asked.for and $error('no') %}", "Next": "B"},
            ],
            "Assign": {"w": "default", "n": seen},
            "Output": after,
            "Default": "B",
        },
        B={"Type": "Succeed", "Output": "{% [$w, $states.input, $n] %}"},
    )  # fmt: skip
    assert expected == machines.output(machine, number)


def test_no_choice(machines: StateMachines) -> None:
    """Without a rule and a Default the execution fails."""
    machine = jsonata("A", A={"Type": "Choice", "Choices": [{"Condition": False, "Next": "B"}]}, B=DONE)
    error, cause = machines.failure(machine)
    prefix = "An error occurred while executing the state 'A' (entered at the event id #2). "
    assert ("States.NoChoiceMatched", True) == (error, str(cause).startswith(prefix))


def test_a_condition_is_a_boolean(machines: StateMachines) -> None:
    """Anything else fails, and is not taken for one."""
    machine = jsonata("A", A={"Type": "Choice", "Choices": [{"Condition": "{% 1 %}", "Next": "B"}]}, B=DONE)
    error, cause = machines.failure(machine)
    assert "States.QueryEvaluationError" == error
    assert "specified for the field 'Choices[0]/Condition' returned an unexpected result type" in str(cause)


@pytest.mark.parametrize("seconds", [1, "{% $states.input.s %}"])
def test_wait(machines: StateMachines, seconds: Any) -> None:
    """It waits for so many seconds of real time, and not longer."""
    end = machines.run(only(Type="Wait", Seconds=seconds), {"s": 1})
    assert 1 <= (end["stopDate"] - end["startDate"]).total_seconds() < 5


def test_wait_until(machines: StateMachines) -> None:
    """It waits until a moment; one that has passed is no wait."""
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1.5)).isoformat(timespec="milliseconds")
    end = machines.run(only(Type="Wait", Timestamp="{% $states.input %}"), soon)
    assert dt.timedelta(0) <= end["stopDate"] - dt.datetime.fromisoformat(soon) < dt.timedelta(seconds=3)
    end = machines.run(only(Type="Wait", Timestamp="2026-01-01T00:00:00Z"))
    assert end["stopDate"] - end["startDate"] < dt.timedelta(seconds=3)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("Seconds", -1, "-1 is not from 0 to 99999999"),
        ("Seconds", "1", "Expected 'integer', but was 'string'"),
        ("Timestamp", "tomorrow", "'tomorrow' is no timestamp"),
    ],
)
def test_a_wait_that_cannot_be(machines: StateMachines, field: str, value: Any, words: str) -> None:
    """What comes out of an expression is checked too."""
    error, cause = machines.failure(only(Type="Wait", **{field: "{% $states.input %}"}), value)
    assert ("States.QueryEvaluationError", True) == (error, words in str(cause))


def test_fail(machines: StateMachines) -> None:
    """Error and Cause as written or evaluated, with nothing added; both may be missing."""
    machine = only(Type="Fail", Error="{% 'E' & $states.input %}", Cause="so it is")
    assert ("E1", "so it is") == machines.failure(machine, 1)
    assert (None, None) == machines.failure(only(Type="Fail"))


def test_map(machines: StateMachines) -> None:
    """One iteration for each item, the results in their order, with the item in the context."""
    inner = {"StartAt": "I", "States": {"I": {**PASS, "Output": "{% $states.input.v * 10 + $states.input.i %}"}}}
    item = "$states.context.Map.Item"
    machine = only(
        Type="Map",
        Items="{% $states.input.items %}",
        ItemSelector={"v": f"{{% {item}.Value %}}", "i": f"{{% {item}.Index %}}", "all": "{% $states.input %}"},
        ItemProcessor={"ProcessorConfig": {"Mode": "INLINE"}, **inner},
        Output={"sum": "{% $sum($states.result) %}", "all": "{% $states.result %}"},
    )
    assert {"sum": 63, "all": [10, 21, 32]} == machines.output(machine, {"items": [1, 2, 3]})


def test_map_over_its_input(machines: StateMachines) -> None:
    """Without Items the input is the array; an object gives its keys and values; nothing gives nothing."""
    machine = machines.create(only(Type="Map", ItemProcessor=BRANCH))
    assert [1, None] == machines.output(machine, [1, None])
    assert [{"Key": "a", "Value": 1}] == machines.output(machine, {"a": 1})
    assert [] == machines.output(machine, [])
    error, cause = machines.failure(machine, "text")
    assert ("States.QueryEvaluationError", True) == (error, "neither an array nor an object" in str(cause))


def test_map_concurrency(machines: StateMachines) -> None:
    """MaxConcurrency iterations run at the same time, and no more."""
    waits = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}}
    execution = machines.start(only(Type="Map", Items=[1, 2, 3], MaxConcurrency=2, ItemProcessor=waits))
    assert "SUCCEEDED" == machines.end(execution)["status"]
    running = most = 0
    for kind in machines.kinds(execution):
        running += (kind == "MapIterationStarted") - (kind == "MapIterationSucceeded")
        most = max(most, running)
    assert 2 == most


def test_parallel(machines: StateMachines) -> None:
    """Each branch has the Arguments as its input; the results are in the order of the branches."""
    slow = {
        "StartAt": "S",
        "States": {"S": {"Type": "Wait", "Seconds": 1, "Output": "{% ['slow', $states.input] %}", "End": True}},
    }
    machine = only(Type="Parallel", Arguments={"a": "{% $states.input %}"}, Branches=[slow, BRANCH])
    assert [["slow", {"a": 1}], {"a": 1}] == machines.output(machine, 1)


def test_scopes(machines: StateMachines) -> None:
    """A branch sees the variables around it; its own are its own, and are gone after it."""
    branches = [
        {
            "StartAt": f"{name}1",
            "States": {
                f"{name}1": {"Type": "Pass", "Assign": {"mine": f"{{% $outer & '{name}' %}}"}, "Next": f"{name}2"},
                f"{name}2": {"Type": "Succeed", "Output": "{% $mine %}"},
            },
        }
        for name in "bc"
    ]
    machine = jsonata(
        "A",
        A={"Type": "Pass", "Assign": {"outer": "o"}, "Next": "P"},
        P={"Type": "Parallel", "Branches": branches, "Next": "Z"},
        Z={"Type": "Succeed", "Output": {"of": "{% $states.input %}", "seen": "{% $exists($mine) %}"}},
    )
    assert {"of": ["ob", "oc"], "seen": False} == machines.output(machine)


def test_a_branch_that_fails_ends_the_others(machines: StateMachines) -> None:
    """Its error is the state's, with its cause, and the others do nothing any more."""
    forever = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
    execution = machines.start(only(Type="Parallel", Branches=[forever, fails("F")]))
    end = machines.end(execution)
    assert ("FAILED", "E", "C") == (end["status"], end["error"], end["cause"])
    assert {"ParallelStateFailed", "WaitStateEntered"} <= set(machines.kinds(execution))
    assert "WaitStateExited" not in machines.kinds(execution)


def test_an_iteration_that_fails_ends_the_map(machines: StateMachines) -> None:
    """And those whose turn has not come do not begin."""
    execution = machines.start(only(Type="Map", Items=[1, 2, 3], MaxConcurrency=1, ItemProcessor=fails("F")))
    assert "E" == machines.end(execution)["error"]
    assert 1 == machines.kinds(execution).count("MapIterationStarted")
    assert "MapIterationFailed" in machines.kinds(execution)


def test_deep_in_branches(machines: StateMachines) -> None:
    """Branches in iterations in branches, each with waits of its own."""
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 0, "End": True}}}
    two = {"StartAt": "M", "States": {"M": {"Type": "Parallel", "Branches": [wait], "End": True}}}
    machine = only(Type="Map", Items="{% [1..30] %}", ItemProcessor=two)
    assert [[number] for number in range(1, 31)] == machines.output(machine)


def test_large_data(machines: StateMachines) -> None:
    """256 KiB pass from state to state; more fails the state."""
    assert 262_142 == len(machines.output(only(Type="Pass", Output="{% $pad('x', 262142) %}")))
    error, cause = machines.failure(only(Type="Pass", Output="{% $pad('x', 262143) %}"))
    assert "States.DataLimitExceeded" == error
    assert "(entered at the event id #2). The state/task 'A' returned a result with a size exceeding" in str(cause)
    error, _ = machines.failure(only(Type="Pass", Assign={"v": "{% $pad('x', 262143) %}"}))
    assert "States.DataLimitExceeded" == error


def test_too_many_variables(machines: StateMachines) -> None:
    """All variables together have 10 MiB at most; what is assigned again counts once."""
    variable = "{% $pad('x', 262142) %}"
    again = {
        f"S{number}": {"Type": "Pass", "Assign": {"v": variable}, "Next": f"S{number + 1}"} for number in range(41)
    }
    assert {} == machines.output(jsonata("S0", **again, S41=DONE))
    many = {
        f"S{number}": {"Type": "Pass", "Assign": {f"v{number}": variable}, "Next": f"S{number + 1}"}
        for number in range(41)
    }
    error, cause = machines.failure(jsonata("S0", **many, S41=DONE))
    assert ("States.DataLimitExceeded", True) == (error, "10 MiB" in str(cause))


def test_the_end_of_history(machines: StateMachines) -> None:
    """The 25,000th event ends an execution that goes in a circle; nothing catches that."""
    circle = jsonata(
        "A",
        A={"Type": "Pass", "Next": "B"},
        B={"Type": "Choice", "Choices": [{"Condition": False, "Next": "C"}], "Default": "A"},
        C=DONE,
    )
    execution = machines.start(circle)
    end = machines.end(execution)
    said = "The execution reached the maximum number of history events (25000)."
    assert ("FAILED", "States.Runtime", said) == (end["status"], end["error"], end["cause"])
    [last] = machines.events(execution, reverseOrder=True, maxResults=1)
    assert (25_000, "ExecutionFailed") == (last["id"], last["type"])


def test_what_this_endpoint_does_not_do(machines: StateMachines) -> None:
    """A resource that AWS has and this endpoint has not fails the state where it is reached, with a reason."""
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    error, cause = machines.failure(only(Type="Task", Resource=arn))
    assert ("States.Runtime", True) == (error, f"The resource {arn} is not called by this endpoint." in str(cause))
    distributed = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **BRANCH}
    error, cause = machines.failure(only(Type="Map", Items=[1], ItemProcessor=distributed))
    assert ("States.Runtime", True) == (error, "A distributed Map is not executed by this endpoint." in str(cause))


def test_a_machine_that_stops_itself(machines: StateMachines) -> None:
    """StopExecution from inside ends it too."""
    stops = {"ExecutionArn": "{% $states.context.Execution.Id %}", "Error": "mine"}
    end = machines.run(only(Type="Task", Resource=f"{SDK}sfn:stopExecution", Arguments=stops))
    assert ("ABORTED", "mine") == (end["status"], end["error"])
    assert until(lambda: machines.kinds(end["executionArn"])[-1] == "ExecutionAborted")
