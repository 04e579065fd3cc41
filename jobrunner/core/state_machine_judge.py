"""How a task ended, and why RunTask placed none, in JSONata: `core.verdict.judge` where no Python runs.

The tables are those of `core.start_failure`, `core.stops`, `core.verdict` and `core.placement`; only the order of the
questions is written a second time, and a test holds both against each other for every known and every generated task.
A judgement here is {verdict, reason, exit_code, detail, transient, ran}; `detail` is plainer than there, all else is
the same.

Functions of JSONata, each with those that it needs:

- `$judge(task, main)`: a stopped task as `aws-sdk:ecs:describeTasks` shows it, and the name of the job's container.
- `$started(task, main)`: whether that container is known to have started, of a task in any state.
- `$judge_placement(failures)`: RunTask's `Failures`.

They read the machine's variable `$causes` (`state_machine_rules`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import start_failure, stops, verdict
from jobrunner.core.placement import LASTING, LASTING_PARTS
from jobrunner.core.state_machine_text import filled, literal, rows

if TYPE_CHECKING:
    from jobrunner.core.outcome import Verdict

_TEXTS: Final = """
$text := function($value) { $type($value) = 'string' ? $value : '' };
$begins := function($value, $beginning) { $substring($value, 0, $length($beginning)) = $beginning };
$has := function($value, $parts) { true in $map($parts, function($part) { $contains($value, $part) }) };
"""

#: As `start_failure._first`: the first rule that fits any of the texts. A rule fits a text that has one of the parts
#: of each group.
_WHY: Final = """
$straight := function($value) { <<straight>> };
/* Most rules are about something else, as the first group shows. */
$fits := function($value, $groups) {
  $has($value, $groups[0]) ? $not(false in $map($groups, function($group) { $has($value, $group) })) : false
};
$or := function($found, $otherwise) { $exists($found) ? $found : $otherwise };
$why := function($texts, $rules) { (
  $said := [$map($distinct($texts[$ != '']), $straight)];
  $filter($rules, function($rule) {
    true in $map($said, function($one) { $fits($one, $rule.groups) })
  })[0]
) };
"""

_STARTED: Final = """
$began := function($task) {
  $text($task.StartedAt) != '' and $text($task.StopCode) != <<failed_to_start>>
};
$started := function($task, $main) { (
  $own := $filter([$task.Containers], function($one) { $one.Name = $main })[0];
  $refused := true in $map(<<did_not_start>>, function($one) { $begins($text($own.Reason), $one) });
  $refused ? false : $type($own.ExitCode) = 'number' ? true : $began($task)
) };
"""

_JUDGE: Final = """
$judge := function($task, $main) { (
  $containers := [$filter([$task.Containers], function($one) { $text($one.Name) != '' })];
  $own := $filter($containers, function($one) { $one.Name = $main })[0];
  $added := function($one) { $begins($one.Name, <<injected>>) };
  $code := $type($own.ExitCode) = 'number' ? $own.ExitCode : null;
  $stop_code := $text($task.StopCode);
  $said := $text($task.StoppedReason);
  $ran := $started($task, $main);
  $end := function($verdict, $reason, $exit_code, $detail, $transient) {
    {'verdict': $verdict, 'reason': $reason, 'exit_code': $exit_code, 'detail': $detail, 'transient': $transient,
     'ran': $ran}
  };
  $out_of_memory := function($value) { $has($lowercase($value), <<out_of_memory>>) };
  $failed_sidecar := $filter($containers, function($one) {
    $one.Name != $main and $not($added($one)) and ($text($one.Reason) != ''
      or ($type($one.ExitCode) = 'number' and $not($one.ExitCode in <<innocent>>)))
  })[0];
  $texts := $append([$said], [$map($filter($containers, function($one) { $not($added($one)) }), function($one) {
    $text($one.Reason)
  })]);
  $words := $join([$filter([$said, $text($own.Reason)], function($one) { $one != '' })], ' / ');

  /* 1. Who stopped it? */
  $ours := $stop_code in ['', <<user_initiated>>]
    ? $filter(<<ours>>, function($one) { $begins($said, $one.beginning) })[0];
  $aws := $filter(<<by_aws>>, function($one) {
    $stop_code in $one.codes or ($one.part != '' and $contains($lowercase($said), $one.part))
  })[0];
  /* Only a start that took too long may be on time the next time, and then never was. */
  $of_ours := function() { (
    $late := $ours.reason = 'start_timeout';
    $end($late and $not($ran) ? 'never_started' : $ours.verdict, $ours.reason, $ran ? $code : null,
         $substringAfter($said, 'jobrunner: '), $late)
  ) };
  $of_aws := function() {
    $end($not($ran) ? 'never_started' : $aws.reason = 'host_lost' and $code = null ? 'lost' : 'stopped', $aws.reason,
         $ran ? $code : null, $aws.detail & ($said = '' ? '' : ': ' & $said), $aws.transient)
  };

  /* 2. Did the job's container start at all? */
  $never_started := function() { (
    $failure := $why($texts, $causes.starting);
    $exists($failure) ? $end('never_started', $failure.reason, null, $words, $failure.transient)
    : $exists($failed_sidecar)
      ? $end('never_started', 'sidecar', null, 'the sidecar ' & $failed_sidecar.Name & ' failed: ' & $words, false)
    : $end('never_started', 'task_failed_to_start', null, $words, true)
  ) };
  $not_shown := function() {
    $stop_code = <<failed_to_start>> or ($exists($why([$said], $causes.starting)) and $not($ran)) ? $never_started()
    : $count($containers) > 0
      ? $end('never_started', 'no_container', null, 'the task has no container named ' & $main, false)
    : $end('lost', 'no_container', null, 'ECS does not show the containers of the task', false)
  };

  /* 3. Was it killed for its memory? 4. Its exit code. */
  $killed := $out_of_memory($text($own.Reason))
    or ($out_of_memory($said) and ($code = null or $code in [0, <<sigkill>>]));
  $by_itself := $stop_code = '' ? $said = '' or $begins($said, <<by_itself>>) : $stop_code = <<container_exited>>;
  $unknown_stop := function() { (
    $cause := $stop_code = <<failed_to_start>> ? $why($texts, $causes.starting);
    $end('stopped', $or($cause.reason, 'unknown_stop'), 0, $words, $or($cause.transient, false))
  ) };
  $lost := function() { (
    $cause := $why([$text($own.Reason)], $causes.starting);
    $end('lost', $or($cause.reason, 'no_exit_code'), null, $words, $or($cause.transient, true))
  ) };
  $failed := function() { (
    $culprit := $code in <<told_to_stop>> ? $failed_sidecar;
    $cause := $why([$text($culprit.Reason)], $causes.starting);
    $exists($culprit)
      ? $end('failed', 'sidecar', $code, 'exit code ' & $code & ', after the sidecar ' & $culprit.Name & ' had failed',
             $or($cause.transient, false))
      : $end('failed', 'exit', $code, 'exit code ' & $code, false)
  ) };

  $exists($ours) ? $of_ours()
  : $exists($aws) ? $of_aws()
  : $stop_code = <<user_initiated>>
    ? $end('stopped', 'user', $ran ? $code : null, 'stopped from outside: ' & $said, false)
  : $not($exists($own)) ? $not_shown()
  : $not($ran) ? $never_started()
  : $killed ? $end('out_of_memory', 'out_of_memory', $code, $words, false)
  : $code = 0 and $not($by_itself) ? $unknown_stop()
  : $code = null ? $lost()
  : $code = 0 ? $end('succeeded', 'exit', 0, 'exit code 0', false)
  : $failed()
) };
"""

_JUDGE_PLACEMENT: Final = """
$judge_placement := function($failures) { (
  $sentence := function($one) {
    ($text($one.Reason) = '' ? 'no reason given' : $one.Reason)
      & ($text($one.Detail) = '' ? '' : ': ' & $one.Detail)
  };
  $lasting := function($one) { (
    $said := $trim($lowercase($text($one.Reason)));
    $said in <<lasting>> or $has($said, <<lasting_parts>>)
  ) };
  $texts := [$map([$failures], $sentence)];
  $cause := $why($texts, $causes.placing);
  {
    'verdict': 'never_started',
    'reason': $or($cause.reason, 'placement'),
    'exit_code': null,
    'detail': 'ECS did not place the task: ' & $join($texts, '; '),
    'transient': $or($cause.transient, $count($filter([$failures], $lasting)) = 0),
    'ran': false
  }
) };
"""


def judging() -> str:
    """Give the definitions of `$judge` and `$started`."""
    return "\n".join((_texts(), _started(), filled(
        _JUDGE,
        injected=literal(verdict.INJECTED),
        out_of_memory=literal(verdict.OUT_OF_MEMORY),
        innocent=literal([0, *sorted(verdict.ENDED_BY_SIGNAL)]),
        told_to_stop=literal(sorted(verdict.TOLD_TO_STOP)),
        sigkill=literal(verdict.KILLED),
        by_itself=literal(verdict.BY_ITSELF),
        container_exited=literal(verdict.CONTAINER_EXITED),
        user_initiated=literal(stops.USER_INITIATED),
        failed_to_start=literal(stops.FAILED_TO_START),
        ours=rows([_ours(*one) for one in stops.OURS]),
        by_aws=rows([_by_aws(one) for one in stops.BY_AWS]),
    )))  # fmt: skip


def judging_placement() -> str:
    """Give the definition of `$judge_placement`."""
    rule = filled(_JUDGE_PLACEMENT, lasting=literal(sorted(LASTING)), lasting_parts=literal(LASTING_PARTS))
    return f"{_texts()}\n{rule}"


def _texts() -> str:
    straight = "$lowercase($value)"
    for curly in start_failure.CURLY:
        straight = f"$replace({straight}, {literal(curly)}, {literal(chr(39))})"
    return "\n".join((filled(_TEXTS), filled(_WHY, straight=straight)))


def _started() -> str:
    return filled(_STARTED, failed_to_start=literal(stops.FAILED_TO_START), did_not_start=literal(stops.DID_NOT_START))


def _ours(beginning: str, how: Verdict, reason: str) -> dict[str, Any]:
    return {"beginning": beginning, "verdict": str(how), "reason": reason}


def _by_aws(stop: stops.AwsStop) -> dict[str, Any]:
    return {
        "reason": stop.reason,
        "detail": stop.detail,
        "codes": sorted(stop.codes),
        "part": stop.part or "",
        "transient": stop.transient,
    }
