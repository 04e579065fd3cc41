"""What is refused of a JSONata machine, before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
from state_machines import DONE, SDK, jsonata, only

from jobrunner.local.states.validate import problems

PASS = {"Type": "Pass", "End": True}
TASK = {"Type": "Task", "Resource": f"{SDK}ecs:runTask"}


def found(machine: dict[str, Any]) -> list[str]:
    """The problems as AWS writes them."""
    return [str(one) for one in problems(machine)]


EVERYTHING = {
    "QueryLanguage": "JSONata",
    "Comment": "all that is allowed",
    "Version": "1.0",
    "TimeoutSeconds": 60,
    "StartAt": "P",
    "States": {
        "P": {"Type": "Pass", "Comment": "c", "Assign": {"x": 1, "ü": "{% 2 %}"}, "Output": "{% $x %}", "Next": "C"},
        "C": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $x > 1 %}", "Assign": {"x": 2}, "Output": 1, "Next": "W", "Comment": "c"},
                {"Condition": True, "Next": "W"},
            ],
            "Default": "W2",
            "Assign": {"y": 1},
            "Output": {},
        },
        "W": {"Type": "Wait", "Seconds": "{% $x %}", "Assign": {"z": 1}, "Output": 1, "Next": "W2"},
        "W2": {"Type": "Wait", "Timestamp": "2026-11-24T02:30:00+01:00", "Next": "T"},
        "T": {
            **TASK,
            "QueryLanguage": "JSONata",
            "Arguments": {"Cluster": "{% $states.context.Execution.Input.items[value > 3]^(value).name %}"},
            "TimeoutSeconds": "{% $x * 60 %}",
            "HeartbeatSeconds": 5,
            "Credentials": {"RoleArn": "arn:aws:iam::123456789012:role/x"},
            "Output": "{% $states.result %}",
            "Assign": {"t": "{% $states.result.Tasks[0] %}"},
            "Retry": [
                {"ErrorEquals": ["Ecs.EcsException", "States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 0,
                 "BackoffRate": 1.5, "MaxDelaySeconds": 2, "JitterStrategy": "FULL", "Comment": "c"},
                {"ErrorEquals": ["States.ALL"]},
            ],
            "Catch": [
                {"ErrorEquals": ["States.TaskFailed"], "Output": "{% $states.errorOutput.Error %}", "Next": "M",
                 "Assign": {"e": "{% $states.errorOutput %}"}, "Comment": "c"},
                {"ErrorEquals": ["States.ALL"], "Next": "F"},
            ],
            "Next": "M",
        },
        "M": {
            "Type": "Map",
            "Items": "{% [1, 2] %}",
            "ItemSelector": {"i": "{% $states.context.Map.Item.Value %}"},
            "MaxConcurrency": "{% 2 %}",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "M1",
                "States": {"M1": {**PASS, "Assign": {"inner": 1}}},
            },
            "Next": "L",
        },
        "L": {
            "Type": "Parallel",
            "Arguments": 1,
            "Branches": [
                {"StartAt": "B1", "States": {"B1": PASS}},
                {"Comment": "c", "StartAt": "B2", "States": {"B2": DONE}},
            ],
            "Next": "S",
        },
        "S": {"Type": "Succeed", "Output": "{% $x %}"},
        "F": {"Type": "Fail", "Error": "{% 'a' %}", "Cause": "b"},
    },
}  # fmt: skip


def test_everything_that_is_allowed() -> None:
    """A machine with every field of every state has no problem."""
    assert [] == found(EVERYTHING)


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ({}, "SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt, States] at /"),
        (jsonata("A"), "SCHEMA_VALIDATION_FAILED: There is no state at /States"),
        (jsonata("B", A=PASS), "MISSING_TRANSITION_TARGET: Missing 'StartAt' target: B at /StartAt"),
        (
            jsonata("A", A={"Type": "Pass", "Next": "B"}),
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next",
        ),
        (jsonata("A", A=PASS, B=PASS), 'MISSING_TRANSITION_TARGET: State "B" is not reachable at /States/B'),
        (
            jsonata("A", A={"Type": "Pass", "Next": "A"}),
            "MISSING_END_STATE: There is no state that ends the state machine at /States",
        ),
        (
            jsonata("A", A={"Type": "Pass"}),
            "SCHEMA_VALIDATION_FAILED: One of these fields is required: [Next, End] at /States/A",
        ),
        (
            jsonata("A", A={**PASS, "Next": "A"}),
            "SCHEMA_VALIDATION_FAILED: Only one of these fields is allowed: [Next, End] at /States/A",
        ),
        (
            only(Type="Choice", Choices=[{"Condition": "{% true %}", "Next": "Z"}]),
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at /States/A/Choices[0]/Next",
        ),
        (
            only(**TASK, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Z"}]),
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at /States/A/Catch[0]/Next",
        ),
        ({**only(**PASS), "Foo": 1}, "SCHEMA_VALIDATION_FAILED: Field 'Foo' is not supported at /"),
        ({**only(**PASS), "TimeoutSeconds": 0}, "Value should be between 1 and 99999999 at /TimeoutSeconds"),
        (jsonata("A", A={"Type": "Foo"}), "Value should be one of the following: [Task, Parallel, Map, Pass, Wait"),
        (jsonata("A", A=3), "Expected value of type [Object] at /States/A"),
        (jsonata("A", **{"A": {"Type": "Pass", "Next": "x" * 81}, "x" * 81: DONE}), "from 1 to 80 characters"),
    ],
)
def test_the_machine(machine: dict[str, Any], expected: str) -> None:
    """The way through the states, and the fields of the machine."""
    assert any(expected in one for one in found(machine)), found(machine)


FIELD = "The QueryLanguage is set to 'JSONata', but field '{}' is only supported for the 'JSONPath' QueryLanguage"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        *(
            ({**PASS, name: "$.x"}, FIELD.format(name) + " at /States/A")
            for name in ("InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector", "Result")
        ),
        ({**PASS, "Foo": 1}, "Field 'Foo' is not supported at /States/A"),
        ({**PASS, "TimeoutSeconds": 1}, "Field 'TimeoutSeconds' is not supported at /States/A"),
        ({**PASS, "Retry": []}, "Field 'Retry' is not supported at /States/A"),
        ({"Type": "Wait", "Seconds": 1, "Catch": []}, "Field 'Catch' is not supported at /States/A"),
        ({"Type": "Succeed", "Assign": {}}, "Field 'Assign' is not supported at /States/A"),
        ({**PASS, "QueryLanguage": "JSONPath"}, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole"),
        ({**PASS, "QueryLanguage": "jsonata"}, "one of the following: [JSONPath, JSONata] at /States/A/QueryLanguage"),
        ({**PASS, "QueryLanguage": 1}, "Expected value of type [STRING] at /States/A/QueryLanguage"),
        ({"Type": "Wait"}, "Exactly one of these fields is required: [Seconds, Timestamp] at /States/A"),
        ({"Type": "Wait", "Seconds": 1, "Timestamp": "2026-11-24T02:30:00Z"}, "Exactly one of these fields"),
        ({"Type": "Wait", "Seconds": -1}, "Value should be between 0 and 99999999 at /States/A/Seconds"),
        ({"Type": "Wait", "Seconds": "1"}, "Expected value of type [Integer] at /States/A/Seconds"),
        ({"Type": "Wait", "Seconds": 1.5}, "Expected value of type [Integer] at /States/A/Seconds"),
        ({"Type": "Wait", "Timestamp": "tomorrow"}, "Value should be a timestamp as RFC 3339"),
        ({"Type": "Wait", "Timestamp": "2026-11-24 02:30:00Z"}, "Value should be a timestamp as RFC 3339"),
        ({"Type": "Choice", "Choices": []}, "There is no choice rule at /States/A/Choices"),
        ({"Type": "Choice", "Choices": [{"Next": "A"}]}, "required: [Condition] at /States/A/Choices[0]"),
        (
            {"Type": "Choice", "Choices": [{"Variable": "$.x", "NumericEquals": 1, "Next": "A"}]},
            "Field 'Variable' is not supported at /States/A/Choices[0]",
        ),
        ({"Type": "Choice", "Choices": [{"Condition": "x", "Next": "A"}]}, "Value should be a boolean or a JSONata"),
        ({"Type": "Task"}, "These fields are required: [Resource] at /States/A"),
        ({"Type": "Task", "Resource": f"{SDK}ecs:run"}, f"The resource provided {SDK}ecs:run is not recognized."),
        ({"Type": "Task", "Resource": f"{SDK}esc:runTask"}, "is not recognized"),
        ({"Type": "Task", "Resource": f"{SDK}ecs:RunTask"}, "is not recognized"),
        ({"Type": "Task", "Resource": "runTask"}, "is not recognized"),
        ({**TASK, "TimeoutSeconds": 0}, "Value should be between 1 and 99999999 at /States/A/TimeoutSeconds"),
        ({**TASK, "TimeoutSeconds": 5, "HeartbeatSeconds": 5}, "HeartbeatSeconds must be smaller than TimeoutSeconds"),
        ({"Type": "Parallel", "Branches": []}, "There is no branch at /States/A/Branches"),
        ({"Type": "Map"}, "These fields are required: [ItemProcessor] at /States/A"),
        ({"Type": "Map", "Items": 3, "ItemProcessor": {}}, "Value should be an array, an object or a JSONata"),
        ({"Type": "Fail", "Error": 3}, "Expected value of type [String] at /States/A/Error"),
        ({**PASS, "Assign": {"states": 1}}, "The variable 'states' is reserved at /States/A/Assign/states"),
        ({**PASS, "Assign": {"a-b": 1}}, "A variable's name is an identifier of at most 80 characters"),
        ({**PASS, "Assign": {"x" * 81: 1}}, "A variable's name is an identifier of at most 80 characters"),
        ({**PASS, "Assign": []}, "Expected value of type [Object] at /States/A/Assign"),
    ],
)  # fmt: skip
def test_states(state: dict[str, Any], expected: str) -> None:
    """The fields that each type may have, and their values."""
    assert any(expected in one for one in found(only(**state))), found(only(**state))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"Output": "{% 1"}, "INVALID_JSONATA_EXPRESSION: A JSONata expression begins with '{%' and ends with '%}'"),
        ({"Output": "1 %}"}, "INVALID_JSONATA_EXPRESSION"),
        ({"Output": {"a": [" {% 1 %}"]}}, "at /States/A/Output/a[0]"),
        ({"Output": "{% (1 %}"}, "INVALID_JSONATA_EXPRESSION: S0203"),
        ({"Output": "{% %}"}, "INVALID_JSONATA_EXPRESSION"),
        ({"Assign": {"v": "{% phone %}"}}, "'phone' at the top level is not supported. at /States/A/Assign/v"),
        ({"Output": "{% phone %}"}, "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level"),
        ({"Output": "{% $map([1], function($x) { b }) %}"}, "Reference to 'b' at the top level"),
        ({"Output": "{% runTask(1) %}"}, "Reference to 'runTask' at the top level"),
        ({"Output": "{% $$.x %}"}, "Reference to '$$' is not supported."),
        ({"Output": "{% $states.result %}"}, "Reference to '$states.result' is not supported here."),
        ({"Output": "{% $states.errorOutput %}"}, "Reference to '$states.errorOutput' is not supported here."),
        ({"Output": "{% $states.inputs %}"}, "Reference to '$states.inputs' is not supported here."),
    ],
)
def test_expressions(members: dict[str, Any], expected: str) -> None:
    """They parse, and refer to something that there is."""
    assert any(expected in one for one in found(only(**PASS, **members))), found(only(**PASS, **members))


@pytest.mark.parametrize(
    "expression",
    [
        "$states.input.items[value > 3]", "$states.input.a{name: $sum(size)}", "$states.input.a^(<size)",
        "$states.input ~> |a|{'b': c}|", "{'a': 1}.a", "[{'x': 1}].x", "$lookup($states.input, 'x')", "$states",
        "($x := $states.input; $x.y)",
    ],
)  # fmt: skip
def test_names_inside_of_a_path(expression: str) -> None:
    """Only what stands at the top level has no context item."""
    assert [] == found(only(**PASS, Output=f"{{% {expression} %}}"))


@pytest.mark.parametrize(
    ("where", "good"),
    [("Output", True), ("Arguments", False), ("Catch", False)],
)
def test_where_a_result_is(where: str, *, good: bool) -> None:
    """`$states.result` is for Output and Assign of the state itself."""
    text = "{% $states.result %}"
    catcher = [{"ErrorEquals": ["States.ALL"], "Output": text, "Next": "B"}]
    state = {**TASK, where: catcher if where == "Catch" else text, "Next": "B"}
    assert good == (found(jsonata("A", A=state, B=DONE)) == [])


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"Retry": {}}, "Expected value of type [Array] at /States/A/Retry"),
        ({"Retry": [{}]}, "These fields are required: [ErrorEquals] at /States/A/Retry[0]"),
        ({"Retry": [{"ErrorEquals": []}]}, "Value should be a non-empty array of strings"),
        ({"Retry": [{"ErrorEquals": ["States.ALL", "x"]}]}, "States.ALL must appear alone, and in the last element"),
        ({"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["x"]}]}, "States.ALL must appear alone"),
        ({"Retry": [{"ErrorEquals": ["States.Foo"]}]}, "'States.Foo' is no error of Step Functions"),
        ({"Retry": [{"ErrorEquals": ["x"], "IntervalSeconds": 0}]}, "Value should be between 1 and 99999999"),
        ({"Retry": [{"ErrorEquals": ["x"], "MaxAttempts": -1}]}, "Value should be between 0 and 99999999"),
        ({"Retry": [{"ErrorEquals": ["x"], "BackoffRate": 0.5}]}, "Value should be a number that is 1 or more"),
        ({"Retry": [{"ErrorEquals": ["x"], "MaxDelaySeconds": 31_622_400}]}, "between 1 and 31622399"),
        (
            {"Retry": [{"ErrorEquals": ["x"], "IntervalSeconds": 9, "MaxDelaySeconds": 9}]},
            "MaxDelaySeconds must be greater than IntervalSeconds",
        ),
        ({"Retry": [{"ErrorEquals": ["x"], "JitterStrategy": "SOME"}]}, "one of the following: [FULL, NONE]"),
        ({"Retry": [{"ErrorEquals": ["x"], "Next": "A"}]}, "Field 'Next' is not supported at /States/A/Retry[0]"),
        ({"Catch": [{"ErrorEquals": ["x"]}]}, "These fields are required: [Next] at /States/A/Catch[0]"),
        ({"Catch": [{"ErrorEquals": ["x"], "Next": "A", "ResultPath": "$"}]}, "Field 'ResultPath' is not supported"),
        (
            {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "A"}, {"ErrorEquals": ["x"], "Next": "A"}]},
            "States.ALL must appear alone, and in the last element at /States/A/Catch[0]/ErrorEquals",
        ),
    ],
)
def test_retry_and_catch(rules: dict[str, Any], expected: str) -> None:
    """The rules of retriers and catchers."""
    assert any(expected in one for one in found(only(**TASK, **rules))), found(only(**TASK, **rules))


def test_inner_states() -> None:
    """Branches and item processors are machines too: with ends of their own, and names that are unique in all."""
    inner = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Z"}}}
    machine = only(
        Type="Parallel", Branches=[inner, {"StartAt": "B", "States": {"B": PASS}, "QueryLanguage": "JSONata"}]
    )
    inside = "/States/A/Branches[0]/States"
    expected = [
        "SCHEMA_VALIDATION_FAILED: Field 'QueryLanguage' is not supported at /States/A/Branches[1]",
        f"SCHEMA_VALIDATION_FAILED: The state name 'A' is not unique in the state machine at {inside}/A",
        f"MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at {inside}/A/Next",
        f"MISSING_END_STATE: There is no state that ends the state machine at {inside}",
    ]
    assert expected == found(machine)


def test_a_variable_belongs_to_one_scope() -> None:
    """A branch cannot assign what is assigned around it; two branches may have the same name."""
    branches = [{"StartAt": name, "States": {name: {**PASS, "Assign": {"v": 1}}}} for name in ("B", "C")]
    assert [] == found(only(Type="Parallel", Branches=branches))
    machine = only(Type="Parallel", Branches=branches[:1], Assign={"v": 1})
    said = "SCHEMA_VALIDATION_FAILED: The variable 'v' is assigned outside of this scope too "
    assert [f"{said}at /States/A/Branches[0]/States"] == found(machine)
