"""The state behind `RunTask` and `LookAtTask`: each of them has decided what comes next, and says it in `$decision`.

A decision is {step, …} with the new values of the variables that the step takes; which those are stands here.
"""

from __future__ import annotations

from jobrunner.core.state_machine_overlap import searching
from jobrunner.core.state_machine_parts import HISTORY, State, choice, taken, when


def decision_states() -> State:
    """Give `WhatNow`."""
    waiting = taken("seen_at", "blind_since", "has_begun", "due_at")
    return {
        "WhatNow": choice(
            when(f"$decision.step = 'wait' and $events > {HISTORY}", "GoOnElsewhere", waiting),
            when("$decision.step = 'wait'", "WaitForTask", waiting),
            when("$decision.step = 'watch'", "WaitForTask", _watched()),
            when("$decision.step = 'stop'", "StopTask", taken("seen_at", "blind_since", "has_begun", "stop_reason")),
            when("$decision.step = 'launch'", "WaitToLaunch", _relaunched()),
            when(
                "$decision.step = 'again'",
                "WaitToCallAgain",
                taken("asked_at", "requested_at", "failing_since", "calls_failed", "judgement"),
            ),
            when(
                "$decision.step = 'find'",
                "WaitForItsTask",
                {**taken("asked_at", "requested_at", "judgement"), **searching("find")},
            ),
            when("$decision.step = 'succeeded'", "Succeeded"),
            when("$decision.step = 'unseen'", "StopUnseenTask", taken("judgement")),
            default="Failed",
            assign=taken("judgement"),
            comment="What RunTask has come to, or what the look at the task has shown. failures[] come with HTTP 200.",
        ),
    }


def _watched() -> State:
    """Give the variables with which a task is watched; the timeout counts from `launched_at`."""
    return {
        **taken("task_arn", "launched_at", "requested_at", "due_at"),
        "paced_from": "{%$decision.launched_at%}",
        "seen_at": "{%$millis()%}",
        "has_begun": False,
        "stop_reason": "",
        "blind_since": 0,
    }


def _relaunched() -> State:
    """Give the variables of another launch."""
    return {
        **taken("attempt", "launch", "capacity", "died", "fallbacks", "due_at", "requested_at", "judgement"),
        "ended": "{%[$decision.ended]%}",
        "asked_at": 0,
        "failing_since": 0,
        "calls_failed": 0,
        "task_arn": "",
    }
