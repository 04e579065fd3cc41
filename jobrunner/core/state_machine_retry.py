"""What follows a failure, in JSONata: `core.retry` and `core.request.relaunched` where no Python runs.

They read the variables of the machine: `$run`, the input of the execution; `$attempt`, `$launch`, `$capacity`; `$died`,
the tasks of this attempt that have ended; `$fallbacks`, the attempts that Spot took away. The jitter is the one of
`core.retry`, to the millisecond, because Step Functions has `$hash`; a wait is in whole seconds, rounded up.

Functions, each with those that it needs:

- `$after_end(judgement)`: the next launch after a task that has ended, or null.
- `$after_refusal(judgement, left)`: the next launch after a RunTask that placed no task, or null.
- `$relaunched()`: the RunTask request of the current launch.
"""

from __future__ import annotations

from typing import Final

from jobrunner.core import retry
from jobrunner.core.ecs_json import pascal
from jobrunner.core.request import ATTEMPT_VARIABLE, relaunched
from jobrunner.core.state_machine_text import filled, literal

_PAUSES: Final = """
$jittered := function($pause) { (
  $digits := $split($substring($hash($run.run_id & '/' & $attempt & '/' & $launch, 'SHA-256'), 0, 8), '');
  $chance := $reduce($digits, function($sum, $digit) {
    $sum * 16 + $length($substringBefore('0123456789abcdef', $digit))
  }, 0) / 4294967296;
  $round($pause * (1 - <<jitter>> + 2 * <<jitter>> * $chance), 3)
) };
$launch_pause := function() { $jittered($min([<<first>> * $power(2, $min([$launch - 1, 10])), <<longest>>])) };
"""

_NEXT: Final = """
$falls_back := function($end) {
  $run.policy.capacity = <<spot_then_on_demand>> and $capacity = <<spot>>
    and $end.transient and $end.verdict != 'failed'
};
$same_attempt := function($on, $wait, $dead) {
  {'attempt': $attempt, 'launch': $launch + 1, 'capacity': $on, 'wait': $wait, 'died': $dead, 'fallbacks': $fallbacks}
};
"""

_AFTER_END: Final = """
$next_attempt := function($on, $wait) {
  {'attempt': $attempt + 1, 'launch': 1, 'capacity': $on, 'wait': $wait, 'died': 0, 'fallbacks': $fallbacks}
};
$backoff := function($used) {
  $min([$jittered($min([$run.policy.backoff * $power(2, $min([$used - 1, 30])), $run.policy.max_backoff])),
        $run.policy.max_backoff])
};
$wanted := function($end) { (
  $words := [
    $end.transient ? 'infrastructure',
    $end.reason = 'spot_interruption' ? 'spot',
    $end.verdict = 'failed' ? 'failure',
    $end.verdict in ['failed', 'out_of_memory'] ? $end.exit_code,
    $end.verdict = 'out_of_memory' ? 'out_of_memory',
    $end.verdict = 'timed_out' ? 'timeout'
  ];
  $count($filter($words, function($word) { $word in $run.policy.on })) > 0
) };
$after_end := function($end) { (
  $charged := $attempt - ($run.policy.capacity = <<spot_then_on_demand>> ? $fallbacks : 0);
  $left := $max([0, $run.policy.attempts - $charged]);
  $next := $falls_back($end) ? ($end.ran ? $next_attempt('on-demand', 0) : $same_attempt('on-demand', 0, $died + 1))
    : $not($wanted($end)) ? null
    : $not($end.ran) and $end.transient
      ? ($died + 1 >= <<max_launches>> ? null : $same_attempt($capacity, $launch_pause(), $died + 1))
    : $left = 0 ? null
    : $next_attempt($capacity, $backoff($run.policy.attempts - $left));
  $taken := $capacity = <<spot>> and $end.verdict in ['stopped', 'lost'] ? 1 : 0;
  $next = null ? null : $merge([$next, {'fallbacks': $fallbacks + $taken}])
) };
"""

_AFTER_REFUSAL: Final = """
$after_refusal := function($end, $left) { (
  $wait := $launch_pause();
  $falls_back($end) ? $same_attempt('on-demand', 0, $died)
  : $not($end.transient) or $wait > $left ? null
  : $same_attempt($capacity, $wait, $died)
) };
"""

_RELAUNCHED: Final = """
$relaunched := function() { (
  $request := $run.request;
  $with_attempt := function($override) {
    $merge([$override, {'Environment': [$map($override.Environment, function($pair) {
      $pair.Name = <<variable>> ? $merge([$pair, {'Value': $string($attempt)}]) : $pair
    })]}])
  };
  $kept := $sift($request, function($value, $key) { $not($key in ['LaunchType', 'CapacityProviderStrategy']) });
  $merge([$kept, $capacity = <<spot>> ? <<on_spot>> : <<on_demand>>, {
    'Overrides': $merge([$request.Overrides, {
      'ContainerOverrides': [$map($request.Overrides.ContainerOverrides, $with_attempt)]
    }]),
    'ClientToken': $run.scope & '-' & $run.scheduled_time & '-' & $attempt & ($launch = 1 ? '' : '.' & $launch)
  }])
) };
"""


def after_end() -> str:
    """Give the definition of `$after_end`."""
    return "\n".join((
        _shared(),
        filled(
            _AFTER_END,
            spot=literal(retry.SPOT),
            spot_then_on_demand=literal(retry.SPOT_THEN_ON_DEMAND),
            max_launches=literal(retry.MAX_LAUNCHES),
        ),
    ))  # fmt: skip


def after_refusal() -> str:
    """Give the definition of `$after_refusal`."""
    return f"{_shared()}\n{filled(_AFTER_REFUSAL)}"


def relaunching() -> str:
    """Give the definition of `$relaunched`."""
    return filled(
        _RELAUNCHED,
        variable=literal(ATTEMPT_VARIABLE),
        spot=literal(retry.SPOT),
        on_spot=literal(_capacity(retry.SPOT)),
        on_demand=literal(_capacity(retry.ON_DEMAND)),
    )


def _shared() -> str:
    pauses = filled(
        _PAUSES,
        jitter=literal(retry.JITTER),
        first=literal(int(retry.FIRST_PAUSE)),
        longest=literal(int(retry.LONGEST_PAUSE)),
    )
    spot, both = literal(retry.SPOT), literal(retry.SPOT_THEN_ON_DEMAND)
    return f"{pauses}\n{filled(_NEXT, spot=spot, spot_then_on_demand=both)}"


def _capacity(capacity: str) -> dict[str, object]:
    """Give what a request says of its capacity."""
    body = relaunched({"overrides": {"containerOverrides": []}}, "", retry.Position(capacity=capacity))
    return {key: value for key, value in pascal(body).items() if key in {"LaunchType", "CapacityProviderStrategy"}}
