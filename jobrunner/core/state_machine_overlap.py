"""The states that look for tasks of the job's schedules: those of other runs, and one of this run that went astray.

All tasks of a job's schedules have the same `startedBy`; their overrides say which run each belongs to. ListTasks gives
one desired status at a time, so both are asked for: a task that was told to stop runs on, for its stop timeout, and
counts until it is STOPPED. A page has ten tasks and not a hundred, and each page is described by one
call: a described task may have 8 KiB of overrides, and a state's result at most 256 KiB.

What holds. A run that began, seconds ago, with a task that ECS shows to its callers is seen. ECS's lists are eventually
consistent (RunTask, API reference): a task that was started in these very seconds may be in no list yet, and two runs
that look at the same time both see nobody. Schedules fire a minute apart at least, so it takes a delivery that is as
late as that, or two runs that wait for the same third one to stop. A task that is listed as to be running and that
DescribeTasks does not show yet counts as another run's. A run that waits for its next attempt has no task; if another
run has begun meanwhile, it gives way.
"""

from __future__ import annotations

from typing import Final

from jobrunner.core import stops
from jobrunner.core.lifecycle import RUNNING, STOPPED
from jobrunner.core.state_machine_parts import (
    BRIEFLY,
    CLUSTER,
    HISTORY,
    PATIENTLY,
    State,
    call,
    caught,
    choice,
    pause,
    when,
)
from jobrunner.core.state_machine_text import expression, filled, literal

_PAGE: Final = 10
_PAUSE: Final = 5
#: Seconds for which a task that is to make room is waited for: the longest stop timeout is 120, and Fargate takes some
#: 30 to take the network interface away.
_PATIENCE: Final = 600

_LIST: Final = """
$merge([
  {'Cluster': $run.request.Cluster, 'StartedBy': $run.request.StartedBy, 'DesiredStatus': $page.status,
   'MaxResults': <<page>>},
  $page.token = '' ? {} : {'NextToken': $page.token}
])
"""

_LISTED: Final = """
{
  'arns': [$states.result.TaskArns],
  'next': $type($states.result.NextToken) = 'string' ? $states.result.NextToken : ''
}
"""

_OF: Final = """
$variable := function($task, $name) {
  '' & $filter([$task.Overrides.ContainerOverrides.Environment], function($pair) { $pair.Name = $name })[0].Value
};
"""

_OTHERS: Final = """
$shown := [$states.result.Tasks];
$living := [$map($filter($shown, function($task) {
  $task.LastStatus != <<stopped>> and $variable($task, 'JOBRUNNER_RUN_ID') != $run.run_id
}), function($task) { {
  'arn': $task.TaskArn,
  'run_id': $variable($task, 'JOBRUNNER_RUN_ID'),
  'stopping': $task.DesiredStatus = <<stopped>>,
  'newer': $variable($task, 'JOBRUNNER_SCHEDULED_TIME') > $run.scheduled_time
} })];
$unseen := [$map($filter($listed.arns, function($arn) {
  $page.status = <<running>> and $not($arn in $shown.TaskArn) and $not($arn in $ended)
}), function($arn) { {'arn': $arn, 'run_id': '', 'stopping': false, 'newer': false} })];
[$append($others, $append($living, $unseen))]
"""

_OWN: Final = """
$found := $filter([$states.result.Tasks], function($task) {
  $variable($task, 'JOBRUNNER_RUN_ID') = $run.run_id and $not($task.TaskArn in $ended)
})[0];
$found_task != '' ? $found_task : $exists($found) ? $found.TaskArn : ''
"""

_UNLISTED: Final = """
$merge([
  {'exit_code': null, 'detail': $states.errorOutput.Error & ': ' & $states.errorOutput.Cause},
  $purpose = 'find' ? {'verdict': 'lost', 'reason': 'unknown_start'} : {'verdict': 'never_started', 'reason': 'refused'}
])
"""

_STILL_THERE: Final = """
{
  'verdict': 'never_started', 'reason': 'overlap', 'exit_code': null,
  'detail': 'what was to be replaced has not stopped: ' & $join([$others.arn], ', ')
}
"""


def searching(purpose: str) -> State:
    """Give the variables with which a search begins, for `launch` or for `find`."""
    return {"purpose": purpose, **_FIRST_PAGE, "found_task": ""}


_FIRST_PAGE: Final[State] = {"page": {"status": RUNNING, "token": ""}, "others": []}


def overlap_states() -> State:
    """Give the states from `CheckOverlap` on; they end with `RunTask`, `IsItsTaskFound`, `GoOnElsewhere`, or an end."""
    return {
        "CheckOverlap": choice(
            when(f"$events > {HISTORY}", "GoOnElsewhere"),
            when("$run.overlap = 'allow'", "RunTask"),
            default="ListTasks",
            assign=searching("launch"),
            comment="Where runs may overlap, nobody is looked for. A long history goes no further.",
        ),
        **_looking(),
        "DoOthersRun": choice(
            when("$count($others) = 0", "RunTask"),
            when("$attempt > 1 or $launch > 1", "Overtaken"),
            when("$run.overlap = 'forbid' or true in $others.newer", "Skipped"),
            when(
                f"$millis() > $due_at + {_PATIENCE * 1000}", "Failed", {"judgement": expression(filled(_STILL_THERE))}
            ),
            when("false in $others.stopping", "StopOther"),
            default="WaitForOthers",
            comment="The first launch gives way or makes room, a later one gives way; none replaces a newer run.",
        ),
        "StopOther": call(
            "ecs:stopTask",
            {
                "Cluster": CLUSTER,
                "Task": expression("$filter($others, function($one) { $not($one.stopping) })[0].arn"),
                "Reason": expression(f"{literal(stops.REPLACED + ' by ')} & $run.run_id"),
            },
            comment="Its own run reads this reason, and ends. The next list shows whether the call did anything.",
            retry=BRIEFLY,
            catch=[caught("WaitForOthers")],
            then="WaitForOthers",
        ),
        "WaitForOthers": pause(
            _PAUSE,
            then="ListTasks",
            assign=dict(_FIRST_PAGE),
            comment="A task that was told to stop may go on for its stop timeout.",
        ),
    }


def _looking() -> State:
    unlisted = [caught("Failed", {"judgement": expression(filled(_UNLISTED))})]
    others = filled(_OTHERS, stopped=literal(STOPPED), running=literal(RUNNING))
    return {
        "ListTasks": call(
            "ecs:listTasks",
            expression(filled(_LIST, page=literal(_PAGE))),
            comment="A page of the tasks of the job's schedules: first those that are to run, then those to stop.",
            assign={"listed": expression(filled(_LISTED))},
            retry=PATIENTLY,
            catch=unlisted,
            then="IsAnyListed",
        ),
        "IsAnyListed": choice(
            when("$count($listed.arns) = 0", "IsMoreToList"),
            default="DescribeListed",
            comment="DescribeTasks takes no empty list.",
        ),
        "DescribeListed": call(
            "ecs:describeTasks",
            {"Cluster": CLUSTER, "Tasks": "{%[$listed.arns]%}"},
            comment="Which run each of them belongs to, and whether it has stopped.",
            assign={
                "others": expression(filled(_OF), others),
                "found_task": expression(filled(_OF), filled(_OWN)),
            },
            retry=PATIENTLY,
            catch=unlisted,
            then="IsMoreToList",
        ),
        "IsMoreToList": choice(
            when(
                "$listed.next != ''",
                "ListTasks",
                {"page": expression("{'status': $page.status, 'token': $listed.next}")},
            ),
            when(f"$page.status = {literal(RUNNING)}", "ListTasks", {"page": {"status": STOPPED, "token": ""}}),
            when("$purpose = 'find'", "IsItsTaskFound"),
            default="DoOthersRun",
            comment="All pages, of both desired states.",
        ),
    }
