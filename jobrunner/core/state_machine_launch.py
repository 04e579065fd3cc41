"""The states that bring an attempt to its task: `core.launching` where no process of ours is alive.

RunTask has no `Retry` of its own, because how long it is repeated depends on the job: a call that AWS did not carry
out, or did without saying so, is repeated with the same token, which starts nothing twice, for the attempt's start
window. A refused placement is asked for again with another token, as `core.retry` says, because ECS answers the old one
with the old failure.

Whoever gives up after a call that may have arrived looks for its task first. The same for ConflictException: the token
stands for another request, as it does when a schedule was changed between two deliveries of one time, and what that
started is this run's task.

How errors look: `Ecs.` and the class of the exception in AWS's SDK for Java, `Ecs.EcsException` for one that is not in
ECS's model, such as ThrottlingException; the cause ends with "(Service: Ecs, Status Code: 400, Request ID: …)".
"""

from __future__ import annotations

from typing import Final

from jobrunner.core.connection import TASK_SETTLE_SECONDS
from jobrunner.core.state_machine_judge import judging_placement
from jobrunner.core.state_machine_parts import (
    State,
    call,
    caught,
    choice,
    pause,
    until_due,
    when,
)
from jobrunner.core.state_machine_retry import after_refusal, relaunching
from jobrunner.core.state_machine_text import expression, filled, literal

#: Whole seconds between calls with the same token; the last one is repeated.
_PAUSES: Final = (1, 1, 2, 4, 8)
#: Errors after which the same call may be answered: AWS failed on its side, or nobody knows.
_PASSING: Final = ("Ecs.ServerException", "Ecs.SdkClientException", "States.Timeout")
#: Parts of what AWS says then under whatever error, in lower case.
_LATER: Final = (
    "rate exceeded", "request limit exceeded", "throttl", "too many requests", "too many concurrent attempts",
    "internalerror", "status code: 5", "status code: 429",
)  # fmt: skip
#: Parts that show that AWS has refused a call, under an error that is not in ECS's model.
_ANSWERED: Final = ("status code: 4",)

#: When this launch was first sent, and since when the attempt is wanted: as long as the launch had to wait, for other
#: runs to stop for instance, its start window waited too.
_SENT: Final = """
$now := $millis();
$entered := $toMillis($states.context.State.EnteredTime);
$sent := $asked_at = 0 ? $entered : $asked_at;
$wanted := $asked_at = 0 ? $requested_at + $max([0, $entered - $due_at]) : $requested_at;
$base := {'asked_at': $sent, 'requested_at': $wanted};
"""

_ANSWER: Final = """
$watched := function($task) { (
  $created := $type($task.CreatedAt) = 'string' ? $toMillis($task.CreatedAt) : $sent;
  /* The clock of ECS may be ahead. */
  $from := $max([$sent, $min([$created, $now])]);
  {'step': 'watch', 'task_arn': $task.TaskArn, 'launched_at': $from,
   'due_at': $min([$now + $run.first_look * 1000, $from + $time_limit, $wanted + $start_limit])}
) };
$refused := function($failures) { (
  $end := $judge_placement($failures);
  $next := $after_refusal($end, ($wanted + $start_window - $now) / 1000);
  $next = null ? {'step': 'end', 'judgement': $end}
    : $merge([$next, {
        'step': 'launch', 'due_at': $now + $next.wait * 1000, 'ended': $ended, 'judgement': $judgement
      }])
) };
$tasks := [$states.result.Tasks];
$merge([$base, $count($tasks) > 0 ? $watched($tasks[0]) : $refused([$states.result.Failures])])
"""

_ERROR: Final = """
$error := $states.errorOutput.Error;
$said := $lowercase('' & $states.errorOutput.Cause);
$says := function($parts) { true in $map($parts, function($part) { $contains($said, $part) }) };
$passing := $error in <<passing>> or $says(<<later>>) or ($error = 'Ecs.EcsException' and $not($says(<<answered>>)));
$since := $failing_since = 0 ? $now : $failing_since;
$sure := $failing_since = 0 and $not($error = 'Ecs.ConflictException') and $substring($error, 0, 4) = 'Ecs.';
$end := {
  'verdict': 'never_started', 'reason': 'refused', 'exit_code': null,
  'detail': $error & ': ' & $states.errorOutput.Cause
};
$merge([$base, {'judgement': $end, 'failing_since': $since, 'calls_failed': $calls_failed + 1},
  $passing and $now < $since + $start_window
    ? {'step': 'again', 'wait': <<pauses>>[$min([$calls_failed, <<last>>])]}
    : {'step': $sure and $not($passing) ? 'end' : 'find'}
])
"""

#: It is looked at right away.
_FOUND: Final = """
{
  'step': 'watch', 'task_arn': $found_task, 'launched_at': $asked_at, 'requested_at': $requested_at,
  'due_at': $millis()
}
"""


def launch_states() -> State:
    """Give the states from `RunTask` on; they end with `WhatNow` or with another launch."""
    sent = filled(_SENT)
    answer = expression(judging_placement(), after_refusal(), sent, filled(_ANSWER))
    error = filled(
        _ERROR,
        passing=literal(_PASSING),
        later=literal(_LATER),
        answered=literal(_ANSWERED),
        pauses=literal(_PAUSES),
        last=literal(len(_PAUSES) - 1),
    )
    return {
        "RunTask": call(
            "ecs:runTask",
            expression(relaunching(), "$relaunched()"),
            comment="The schedule's own request, with the token, the capacity and JOBRUNNER_ATTEMPT of this launch.",
            assign={"decision": answer},
            catch=[caught("WhatNow", {"decision": expression(sent, error)})],
            then="WhatNow",
        ),
        "WaitToCallAgain": pause("{%$decision.wait%}", then="RunTask", comment="The same token starts nothing twice."),
        "WaitToLaunch": pause(until_due(), then="CheckOverlap", comment="The next launch has a token of its own."),
        "WaitForItsTask": pause(
            int(TASK_SETTLE_SECONDS),
            then="ListTasks",
            comment="A call may have arrived although nobody has its answer. By then ECS shows it.",
        ),
        "IsItsTaskFound": choice(
            when("$found_task != ''", "WhatNow", {"decision": expression(filled(_FOUND))}),
            default="Failed",
            comment="No task may run unseen.",
        ),
    }
