"""The states that watch a task to its end: `core.watch` where no process of ours is alive.

A look is three transitions: the wait, DescribeTasks, the decision. The first comes after `first_look`, the next after
a tenth of the time since the launch, none later than a deadline, and none after more than half an hour: ECS forgets a
stopped task after an hour, and an end that nobody saw would be `lost`.

What is decided is decided in the `Assign` of the call and not in the state after it, because only a call has a
`Catch`: whatever goes wrong in an expression leads to a look that failed, and not to an execution that ends while its
task runs.

A task that cannot be looked at any more is stopped before the execution ends; so is one that ECS says not to know.
"""

from __future__ import annotations

from typing import Final

from jobrunner.core import stops
from jobrunner.core.connection import TASK_SETTLE_SECONDS
from jobrunner.core.lifecycle import RUNNING, STATES, STOPPED
from jobrunner.core.retry import START_WINDOW
from jobrunner.core.state_machine_judge import judging
from jobrunner.core.state_machine_parts import (
    BRIEFLY,
    CLUSTER,
    PERSISTENTLY,
    State,
    call,
    caught,
    pause,
    until_due,
)
from jobrunner.core.state_machine_retry import after_end
from jobrunner.core.state_machine_text import expression, filled, literal

_LONGEST_PAUSE: Final = 1800
#: A look after a fraction of what has passed: one comes late by no more than that.
_GROWTH: Final = 10
#: Seconds for which looks may fail. A timeout is kept meanwhile.
_BLIND: Final = 1800
_UNITS: Final = (("d", 86_400, 0), ("h", 3_600, 86_400), ("m", 60, 3_600), ("s", 1, 60))

#: Milliseconds that no run lasts: no timeout, as a number to reckon with.
_NEVER: Final = 10**15

#: `$duration(seconds)`: as `durations.format_duration` writes it.
DURATION: Final = filled(
    """
    $duration := function($seconds) {
      $join([$map(<<units>>, function($unit) { (
        $rest := $unit.above = 0 ? $seconds : $seconds % $unit.above;
        $rest >= $unit.size ? $floor($rest / $unit.size) & $unit.letter
      ) })])
    };
    """,
    units=literal([{"letter": letter, "size": size, "above": above} for letter, size, above in _UNITS]),
)

_REASONS: Final = """
{
  'timeout': $states.input.timeout = null ? '' : <<timeout>> & $duration($states.input.timeout),
  'start_timeout': $states.input.policy.start_timeout = null ? ''
    : <<start_timeout>> & $duration($states.input.policy.start_timeout)
}
"""

_OVERDUE: Final = """
$now := $millis();
$late_at := $launched_at + $time_limit;
$unstarted_at := $requested_at + $start_limit;
$overdue := function($begun) {
  $now >= $late_at ? $reasons.timeout : $not($begun) and $now >= $unstarted_at ? $reasons.start_timeout : null
};
$waiting := function($begun, $bound) { (
  $next := $now + $max([$run.first_look * 1000, $min([($now - $paced_from) / <<growth>>, <<longest>>])]);
  {
    'step': 'wait', 'has_begun': $begun,
    'due_at': $min([$next, $bound ? $late_at : $next, $bound and $not($begun) ? $unstarted_at : $next])
  }
) };
"""

_LOOK: Final = """
$seen_now := {'seen_at': $now, 'blind_since': 0};
$ended_as := function($task) { (
  $end := $judge($task, $run.container);
  $next := $end.verdict = 'succeeded' ? null : $after_end($end);
  $merge([
    {'step': $next = null ? ($end.verdict = 'succeeded' ? 'succeeded' : 'end') : 'launch', 'judgement': $end},
    /* The start window begins anew, and this task is one of those that are over. */
    $next = null ? {} : (
      $due := $now + $next.wait * 1000;
      $merge([$next, {'due_at': $due, 'requested_at': $due, 'ended': [$append($ended, [$task_arn])]}])
    )
  ])
) };
$living := function($task) { (
  $begun := $has_begun or $task.LastStatus in <<running>> or $started($task, $run.container);
  $going := $task.DesiredStatus = <<stopped>>;
  $reason := $stop_reason != '' ? $stop_reason : $overdue($begun);
  $going or $reason = null ? $waiting($begun, $not($going))
  : {'step': 'stop', 'has_begun': $begun, 'stop_reason': $reason}
) };
$missing := function() { (
  $reason := $stop_reason != '' ? $stop_reason : $overdue($has_begun);
  $now - $seen_at >= <<settle>>
    ? {'step': 'unseen', 'seen_at': $seen_at, 'judgement': {
        'verdict': 'lost', 'reason': 'vanished', 'exit_code': null,
        'detail': 'ECS no longer knows the task; it forgets a stopped task after about an hour'
      }}
    : $reason = null ? $merge([$waiting($has_begun, true), {'seen_at': $seen_at}])
    : {'step': 'stop', 'has_begun': $has_begun, 'stop_reason': $reason, 'seen_at': $seen_at}
) };
$tasks := [$states.result.Tasks];
$merge([$seen_now,
  $count($tasks) = 0 ? $missing()
  : $tasks[0].LastStatus = <<stopped>> ? $ended_as($tasks[0])
  : $living($tasks[0])
])
"""

_NOT_SEEN: Final = """
$from := $blind_since = 0 ? $now : $blind_since;
$reason := $stop_reason != '' ? $stop_reason : $overdue($has_begun);
$merge([{'seen_at': $seen_at, 'blind_since': $from},
  $now - $from >= <<blind>>
    ? {'step': 'unseen', 'judgement': {
        'verdict': 'lost', 'reason': 'unseen', 'exit_code': null,
        'detail': 'ECS does not say what becomes of the task, so it was stopped: ' & $states.errorOutput.Cause
      }}
    : $reason = null ? $waiting($has_begun, true)
    : {'step': 'stop', 'has_begun': $has_begun, 'stop_reason': $reason}
])
"""

_STOPPED: Final = {"due_at": "{%$millis()+$run.first_look*1000%}"}


def limits() -> State:
    """Give the variables of a run's deadlines, for the first state, whose input says them in seconds or not at all."""
    reasons = filled(
        _REASONS, timeout=literal(f"{stops.TIMEOUT} after "), start_timeout=literal(f"{stops.START_TIMEOUT} within ")
    )
    return {
        "time_limit": _milliseconds("$states.input.timeout", _NEVER),
        "start_limit": _milliseconds("$states.input.policy.start_timeout", _NEVER),
        "start_window": _milliseconds("$states.input.policy.start_timeout", START_WINDOW * 1000),
        "reasons": expression(DURATION, reasons),
    }


def _milliseconds(seconds: str, otherwise: int) -> str:
    return expression(f"{seconds} = null ? {otherwise} : {seconds} * 1000")


def watch_states() -> State:
    """Give the states from `WaitForTask` on; they end with `WhatNow`."""
    return {
        "WaitForTask": pause(
            until_due(), then="LookAtTask", comment="Until the next look, and never longer than to a deadline."
        ),
        "LookAtTask": call(
            "ecs:describeTasks",
            {"Cluster": CLUSTER, "Tasks": ["{%$task_arn%}"]},
            comment="Where the task is; of a stopped one, how it ended and what follows.",
            assign={"decision": _decision(judging(), after_end(), _look())},
            retry=BRIEFLY,
            catch=[caught("WhatNow", {"decision": _decision(filled(_NOT_SEEN, blind=literal(_BLIND * 1000)))})],
            then="WhatNow",
        ),
        "StopTask": call(
            "ecs:stopTask",
            {"Cluster": CLUSTER, "Task": "{%$task_arn%}", "Reason": "{%$stop_reason%}"},
            # StopTask says of a task that ECS does not show yet that there is none.
            comment="At a deadline, for the reason that `run` would give. The next look shows what it has done.",
            assign={**_STOPPED, "paced_from": "{%$millis()%}"},
            retry=BRIEFLY,
            catch=[caught("WaitForTask", dict(_STOPPED))],
            then="WaitForTask",
        ),
        "StopUnseenTask": call(
            "ecs:stopTask",
            {
                "Cluster": CLUSTER,
                "Task": "{%$task_arn%}",
                "Reason": f"{stops.STOP} because nobody could see it any more",
            },
            # Of one that has stopped and that ECS has forgotten, it says that there is none.
            comment="No task runs on unseen.",
            retry=[{"ErrorEquals": ["Ecs.InvalidParameterException"], "MaxAttempts": 0}, *PERSISTENTLY],
            catch=[caught("Failed")],
            then="Failed",
        ),
    }


def _look() -> str:
    return filled(
        _LOOK,
        running=literal(STATES[STATES.index(RUNNING) :]),
        stopped=literal(STOPPED),
        settle=literal(int(TASK_SETTLE_SECONDS) * 1000),
    )


def _decision(*parts: str) -> str:
    return expression(filled(_OVERDUE, growth=literal(_GROWTH), longest=literal(_LONGEST_PAUSE * 1000)), *parts)
