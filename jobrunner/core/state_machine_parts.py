"""Pieces of the Amazon States Language that the states of a scheduled run have in common.

Sources: Amazon States Language; Step Functions developer guide, "Handling errors", "Integrating with AWS SDKs".
"""

from __future__ import annotations

from typing import Any, Final

from jobrunner.core.state_machine_text import expression

#: A definition, or a part of one: JSON.
State = dict[str, Any]

#: Stands for the partition in the ARNs of the integrations; see `state_machine.definition`.
PARTITION: Final = "<<partition>>"
#: The end of an execution by Step Functions: "25,000 events in a single state machine execution history". The machine
#: goes on under another name before.
HISTORY: Final = 20_000
#: Events of one call with three retries, and of the pause and the decision around it; most calls have none.
EVENTS: Final = 20
#: Seconds after which a call that is not answered has failed; Step Functions itself would wait for years.
_CALL: Final = 60

#: What a repeated call would be told again.
_FINAL: Final = ("Ecs.AccessDeniedException", "Ecs.ClusterNotFoundException", "States.QueryEvaluationError")
#: Throttling has no exception of its own in ECS's model, so it comes as `Ecs.EcsException`.
#: Each pause is twice the one before it, as Step Functions does unless it is told otherwise.
PATIENTLY: Final = [
    {"ErrorEquals": list(_FINAL), "MaxAttempts": 0},
    {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 2,
        "MaxAttempts": 8,
        "MaxDelaySeconds": 30,
        "JitterStrategy": "FULL",
    },
]
#: For a call whose failure nobody would see: about two hours.
PERSISTENTLY: Final = [
    {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 2,
        "MaxAttempts": 120,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    },
]
#: For a call that is made again anyway, because its state is part of a loop.
BRIEFLY: Final = [
    {"ErrorEquals": list(_FINAL), "MaxAttempts": 0},
    {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 3, "JitterStrategy": "FULL"},
]

CLUSTER: Final = "{%$run.request.Cluster%}"
#: The variable that says how long the history may be by now.
COUNTED: Final = f"{{%$events+{EVENTS}%}}"


def call(
    action: str,
    arguments: Any,
    *,
    comment: str,
    then: str,
    assign: State | None = None,
    retry: list[State] | None = None,
    catch: list[State],
) -> State:
    """Give the state of one call of AWS.

    Args:
        action: `ecs:runTask`, in the spelling of Step Functions' SDK integrations.
        arguments: In PascalCase.
        comment: What it is for.
        then: The next state.
        assign: Variables.
        retry: How often it is repeated.
        catch: What follows a failure: nothing may end an execution by surprise.
    """
    return {
        "Type": "Task",
        "Comment": comment,
        "Resource": f"arn:{PARTITION}:states:::aws-sdk:{action}",
        "Arguments": arguments,
        "TimeoutSeconds": _CALL,
        **({} if retry is None else {"Retry": retry}),
        "Catch": catch,
        "Assign": {"events": COUNTED, **(assign or {})},
        "Next": then,
    }


def caught(then: str, assign: State | None = None, *, errors: tuple[str, ...] = ("States.ALL",)) -> State:
    """Give what follows a failed call."""
    return {"ErrorEquals": list(errors), "Assign": {"events": COUNTED, **(assign or {})}, "Next": then}


def choice(*rules: State, default: str, comment: str, assign: State | None = None) -> State:
    """Give the state of a decision."""
    said = {} if assign is None else {"Assign": assign}
    return {"Type": "Choice", "Comment": comment, "Choices": list(rules), "Default": default, **said}


def when(condition: str, then: str, assign: State | None = None) -> State:
    """Give one rule of a decision."""
    rule: State = {"Condition": expression(condition), "Next": then}
    return rule if assign is None else {**rule, "Assign": assign}


def pause(seconds: Any, *, then: str, comment: str, assign: State | None = None) -> State:
    """Give the state of a pause."""
    said = {} if assign is None else {"Assign": assign}
    return {"Type": "Wait", "Comment": comment, "Seconds": seconds, "Next": then, **said}


def until_due() -> str:
    """Give the whole seconds until `$due_at`."""
    return expression("$max([0, $ceil(($due_at - $millis()) / 1000)])")


def taken(*names: str) -> State:
    """Give the assignments of what the last decision says."""
    return {name: f"{{%$decision.{name}%}}" for name in names}
