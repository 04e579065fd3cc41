"""The state machine of scheduled runs, as a value: what keeps a job's promises when no process of ours is alive.

A Standard workflow of Step Functions, one for all jobs of a project: a job's schedule starts an execution, whose input
is the whole run (`core.schedule_request`):

- `job`, `run_id`, `scope`, `scheduled_time`, `container`: which run it is, and the job's own container.
- `request`: the RunTask request of attempt 1, in PascalCase.
- `policy`: `core.retry.Policy.to_json()`; `timeout`: seconds or null; `overlap`: allow, forbid or replace.
- `first_look`: seconds after which a task is looked at for the first time.

It ends as the run does: succeeded, with {run_id, attempt, task_arn, verdict}; or failed, with the error
`jobrunner.VERDICT` and a JSON object as its cause, {run_id, attempt, task_arn, verdict, reason, exit_code, detail}.
Other ends: succeeded with {run_id, skipped, running} when another run is under way, failed with `jobrunner.Overtaken`
when another one has begun between two launches.

One execution a scheduled time, although EventBridge Scheduler delivers at least once and gives each delivery a name of
its own: an execution first starts itself again, under a name made of the job's scope and the scheduled time, which Step
Functions takes once in 90 days ("Quotas"). What decides, and how long things take, is in the modules beside this one;
the machine itself is only the order.

An execution that a person stops (StopExecution) leaves its task running, without a timeout and without retries: no
state runs then that could stop it. The next run of the job finds the task by its `startedBy`, as `overlap` says;
`jobrunner stop` ends it.

Sources: Amazon States Language; Step Functions developer guide; `docs/adr/0008`.
"""

from __future__ import annotations

from typing import Any, Final

from jobrunner.core import retry
from jobrunner.core.outcome import Verdict
from jobrunner.core.state_machine_decision import decision_states
from jobrunner.core.state_machine_launch import launch_states
from jobrunner.core.state_machine_overlap import overlap_states
from jobrunner.core.state_machine_parts import (
    HISTORY,
    PARTITION,
    PERSISTENTLY,
    State,
    call,
    caught,
    choice,
    when,
)
from jobrunner.core.state_machine_rules import causes
from jobrunner.core.state_machine_text import expression, filled, literal
from jobrunner.core.state_machine_watch import limits, watch_states

#: What a run is to remember, with what it is in the beginning. Times are in milliseconds; 0 and '' are for what is not
#: known. It goes on with the run when that goes on in another execution.
_BEGINNING: Final[State] = {
    # Where the run is: `core.retry.Position`, and what its decisions count.
    "attempt": 1,
    "launch": 1,
    "capacity": expression(
        filled(
            "$states.input.policy.capacity = <<on_demand>> ? <<on_demand>> : <<spot>>",
            on_demand=literal(retry.ON_DEMAND),
            spot=literal(retry.SPOT),
        )
    ),
    "died": 0,
    "fallbacks": 0,
    "ended": [],
    # The launch: when it is due, and since when the attempt is wanted.
    "due_at": "{%$millis()%}",
    "requested_at": "{%$millis()%}",
    # The task: its start, the last look at it, since when looks fail, why it is being stopped.
    "task_arn": "",
    "launched_at": 0,
    "paced_from": 0,
    "seen_at": 0,
    "blind_since": 0,
    "has_begun": False,
    "stop_reason": "",
    # How the last task ended, or why there is none.
    "judgement": {"verdict": Verdict.NEVER_STARTED.value, "exit_code": None},
    # In how many executions the run has been.
    "executions": 1,
}
#: Variables of one step or of one launch: when it was sent, since when calls fail, and how many have.
_PASSING: Final[State] = {
    "asked_at": 0,
    "failing_since": 0,
    "calls_failed": 0,
    "decision": {},
    "purpose": "launch",
    "page": {},
    "listed": {},
    "others": [],
    "found_task": "",
    "events": 0,
}

_CAUSE: Final = """
$string({
  'run_id': $run.run_id, 'attempt': $attempt,
  'task_arn': $task_arn = '' ? null : $task_arn, 'verdict': $judgement.verdict, 'reason': $judgement.reason,
  'exit_code': $judgement.exit_code, 'detail': $judgement.detail
})
"""

#: The run is told as its last attempt ended: that one was to be tried again, and is not.
_OVERTAKEN: Final = """
$string({
  'run_id': $run.run_id, 'attempt': $attempt, 'task_arn': null,
  'verdict': $judgement.verdict, 'reason': 'overtaken', 'exit_code': $judgement.exit_code,
  'detail': 'another run has begun meanwhile: ' & $join([$others.run_id], ', ')
})
"""

_UNSTARTED: Final = """
{
  'verdict': 'never_started', 'reason': 'refused', 'exit_code': null,
  'detail': $states.errorOutput.Error & ': ' & $states.errorOutput.Cause
}
"""


def definition(*, partition: str = "aws") -> dict[str, Any]:
    """Give the state machine in the Amazon States Language.

    Args:
        partition: Of the ARNs of Step Functions' integrations: `aws`, `aws-cn`, `aws-us-gov`, or what a template
            replaces with one of them.
    """
    document = {
        "Comment": "jobrunner: runs a scheduled job to its end, with its timeout, retries and overlap.",
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        "States": {
            **_first_states(),
            **overlap_states(),
            **launch_states(),
            **watch_states(),
            **decision_states(),
            **_continuing_states(),
            **_ends(),
        },
    }
    return dict(_in_partition(document, partition))


def _in_partition(value: Any, partition: str) -> Any:
    if isinstance(value, dict):
        return {key: _in_partition(item, partition) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_partition(item, partition) for item in value]
    return value.replace(PARTITION, partition) if isinstance(value, str) else value


def _first_states() -> State:
    return {
        "Begin": {
            "Type": "Pass",
            "Comment": "All variables, because a reference to one that has no value fails.",
            "Assign": {
                "run": "{%$states.input%}",
                "execution_name": expression(
                    "$states.input.scope & '-' & $replace($states.input.scheduled_time, ':', '.')"
                ),
                "causes": expression(causes()),
                **limits(),
                **_BEGINNING,
                **_PASSING,
            },
            "Next": "HasItsName",
        },
        "HasItsName": choice(
            when("$exists($run.resume)", "GoOnHere", {name: _kept(name) for name in _BEGINNING}),
            when("$states.context.Execution.Name = $execution_name", "CheckOverlap"),
            default="StartUnderItsName",
            comment="Of all deliveries of one scheduled time, one goes on. What a run that goes on from another "
            "execution remembers is in its input.",
        ),
        "StartUnderItsName": call(
            "sfn:startExecution",
            {
                "StateMachineArn": "{%$states.context.StateMachine.Id%}",
                "Name": "{%$execution_name%}",
                "Input": "{%$string($states.input)%}",
            },
            comment="With the same name and input Step Functions answers with that execution as long as it runs; "
            "afterwards the name is taken.",
            retry=[{"ErrorEquals": ["Sfn.ExecutionAlreadyExistsException"], "MaxAttempts": 0}, *PERSISTENTLY],
            catch=[
                caught("StartedBefore", errors=("Sfn.ExecutionAlreadyExistsException",)),
                caught("Failed", {"judgement": expression(filled(_UNSTARTED))}),
            ],
            then="StartedUnderItsName",
        ),
    }


def _kept(name: str) -> str:
    """Give what a run remembers of a variable; a list of one is a list again."""
    return "{%[$run.resume.ended]%}" if name == "ended" else f"{{%$run.resume.{name}%}}"


def _continuing_states() -> State:
    kept = ", ".join(f"'{name}': {'$executions + 1' if name == 'executions' else f'${name}'}" for name in _BEGINNING)
    return {
        "GoOnElsewhere": call(
            "sfn:startExecution",
            {
                "StateMachineArn": "{%$states.context.StateMachine.Id%}",
                "Name": expression("$execution_name & '.' & ($executions + 1)"),
                "Input": expression(f"$string($merge([$states.context.Execution.Input, {{'resume': {{{kept}}}}}]))"),
            },
            comment="Step Functions ends an execution after 25,000 events. The run goes on where it is, in another.",
            retry=PERSISTENTLY,
            catch=[caught("GoOnHere", {"events": HISTORY // 2})],
            then="WentOnElsewhere",
        ),
        "GoOnHere": choice(
            when("$task_arn != ''", "WaitForTask"),
            default="WaitToLaunch",
            comment="A run that comes from another execution, and one that cannot go on elsewhere: as long as it can.",
        ),
    }


def _ends() -> State:
    run_id = "{%$run.run_id%}"
    return {
        "StartedUnderItsName": _succeed(
            "The run is another execution.", {"run_id": run_id, "started": "{%$states.input.ExecutionArn%}"}
        ),
        "StartedBefore": _succeed(
            "This scheduled time was delivered before.", {"run_id": run_id, "started_before": "{%$execution_name%}"}
        ),
        "WentOnElsewhere": _succeed(
            "The run goes on in another execution.", {"run_id": run_id, "continued": "{%$states.input.ExecutionArn%}"}
        ),
        "Skipped": _succeed(
            "Another run is under way.",
            {
                "run_id": run_id,
                "skipped": "overlap",
                "running": expression(
                    "[$map($others, function($one) { {'run_id': $one.run_id, 'task_arn': $one.arn} })]"
                ),
            },
        ),
        "Succeeded": _succeed(
            "The job's container ended with exit code 0.",
            {"run_id": run_id, "attempt": "{%$attempt%}", "task_arn": "{%$task_arn%}", "verdict": "succeeded"},
        ),
        "Overtaken": {
            "Type": "Fail",
            "Comment": "Another run has begun between two launches of this one, which gives way.",
            "Error": "jobrunner.Overtaken",
            "Cause": expression(filled(_OVERTAKEN)),
        },
        "Failed": {
            "Type": "Fail",
            "Comment": "The run has failed, and nothing says that it is to be tried again.",
            "Error": "{%'jobrunner.'&$judgement.verdict%}",
            "Cause": expression(filled(_CAUSE)),
        },
    }


def _succeed(comment: str, output: State) -> State:
    return {"Type": "Succeed", "Comment": comment, "Output": output}
