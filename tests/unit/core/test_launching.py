"""From "this is to be launched" to a task: what is asked, when, and when it is given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from course_world import BEGIN, CAPACITY, PATIENCE, new_record, task_arn

from jobrunner.core.events import Warning as WarningEvent
from jobrunner.core.launching import Launching
from jobrunner.core.observations import (
    CallFailed,
    DeadlineSet,
    FindTask,
    Launched,
    LaunchTask,
    Observation,
    Step,
    TaskFound,
)
from jobrunner.core.outcome import Verdict
from jobrunner.core.ports import OTHER_REQUEST, Launch, PlacementFailure
from jobrunner.core.retry import ON_DEMAND, SPOT, SPOT_THEN_ON_DEMAND, Policy, Position, launch_pause
from jobrunner.core.verdict import INTERRUPT
from jobrunner.errors import AwsRefusedError, AwsThrottledError, AwsUnreachableError
from jobrunner.testing import task

if TYPE_CHECKING:
    from jobrunner.core.record import RunRecord

INTERRUPTED = f"{INTERRUPT} by SIGINT"
ARN = task_arn(1)
STARTED = Launched(launch=Launch(task=task(task_arn=ARN)))
NO_TASK = TaskFound(task_arn=None)


def refused(reason: str = CAPACITY) -> Launched:
    """RunTask's answer without a task."""
    return Launched(launch=Launch(task=None, failures=(PlacementFailure(reason=reason),)))


def failed(error: AwsThrottledError | AwsUnreachableError | AwsRefusedError) -> CallFailed:
    """A call that AWS did not carry out, or did without saying so."""
    return CallFailed(ask=FindTask(), error=error)


THROTTLED = failed(AwsThrottledError("Rate exceeded"))
UNREACHABLE = failed(AwsUnreachableError("no route to host"))
DENIED = failed(AwsRefusedError("not authorized"))


def launch_of(record: RunRecord, *, fresh: bool = True) -> Launching:
    """The launching of a record."""
    return Launching(record, patience=PATIENCE, fresh=fresh)


def at(seconds: float) -> datetime:
    """So many seconds after the beginning."""
    return BEGIN + timedelta(seconds=seconds)


def warned(step: Step) -> list[str]:
    """What a step warns of; there is nothing else that it could tell."""
    assert all(isinstance(event, WarningEvent) for event in step.events)
    return [event.message for event in step.events if isinstance(event, WarningEvent)]


# -- asking ----------------------------------------------------------------------------------------------------


def test_a_fresh_launch_is_asked_for_at_once() -> None:
    """Its record is stored as sent already, with its token: nothing has to be stored before the call."""
    launching = launch_of(new_record())

    step = launching.advance(BEGIN)

    assert Step(events=(), asks=(LaunchTask(record=new_record()),)) == step
    assert new_record() == launching.record
    assert not launching.over


def test_the_answer_is_the_task() -> None:
    """The record has it from then on."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)

    step = launching.advance(at(1), [STARTED])

    assert Step(events=()) == step
    assert (ARN, ARN, True) == (launching.task_arn, launching.record.task_arn, launching.over)
    assert launching.task == task(task_arn=ARN)


@pytest.mark.parametrize(("created", "launched"), [(3.0, 3.0), (-3.0, 0.0), (7.0, 5.0), (None, 0.0)])
def test_a_task_is_launched_when_ecs_has_made_it(created: float | None, launched: float) -> None:
    """As far as that can be: its clock and ours may differ."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)

    made = task(task_arn=ARN, created_at=None if created is None else at(created))
    launching.advance(at(5), [Launched(launch=Launch(task=made))])

    assert at(launched) == launching.record.launched_at


def test_a_planned_launch_is_sent_when_its_time_has_come() -> None:
    """That it is sent is stored first: the step's record is not the planned one any more."""
    planned = new_record(task_arn="arn").relaunch(Position(attempt=2), when=at(30), ended=None)
    launching = launch_of(planned, fresh=False)

    assert Step(events=(), wait=30.0) == launching.advance(BEGIN)
    (ask,) = launching.advance(at(31)).asks
    assert ask == LaunchTask(record=launching.record)
    assert (True, at(31)) == (launching.record.sent, launching.record.launched_at)


@pytest.mark.parametrize(("late", "again"), [(30, False), (31, True)])
def test_a_fresh_launch_that_is_sent_late_is_stored_again(late: int, again: bool) -> None:  # noqa: FBT001  a table
    """Whoever takes it over must know how old its token is. A repeated call does not make it younger."""
    launching = launch_of(new_record())

    (ask,) = launching.advance(at(late)).asks

    sent = new_record(launched_at=at(late), requested_at=at(late)) if again else new_record()
    assert (LaunchTask(record=sent), sent) == (ask, launching.record)
    launching.advance(at(late + 1), [THROTTLED])
    assert (LaunchTask(record=sent),) == launching.advance(at(late + 50)).asks


@pytest.mark.parametrize("requested", [0.0, 20.0])
def test_the_start_window_waits_while_nobody_is_there(requested: float) -> None:
    """A launch that is sent an hour late has as much of its window left as it would have had in time."""
    planned = replace(new_record(), sent=False, launched_at=at(30), requested_at=at(requested))
    launching = launch_of(planned, fresh=False)

    launching.advance(at(3_630))

    assert (at(3_630), at(3_600 + requested)) == (launching.record.launched_at, launching.record.requested_at)


def test_a_record_of_the_first_version_has_a_start_window_too() -> None:
    """It does not say when it was requested; its window begins with the first launch that is sent from here."""
    planned = replace(new_record(), sent=False, requested_at=None)
    launching = launch_of(planned, fresh=False)

    launching.advance(at(7))

    assert at(7) == launching.record.requested_at


def test_an_observation_of_something_else_is_a_mistake_of_the_driver() -> None:
    """Nothing is ignored silently."""
    with pytest.raises(ValueError, match="DeadlineSet is no answer to a launch"):
        launch_of(new_record()).advance(BEGIN, [DeadlineSet()])


# -- refused placements ----------------------------------------------------------------------------------------


def test_a_refused_placement_is_planned_anew_with_another_token() -> None:
    """ECS would answer the old token with the old failure."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)
    pause = launch_pause(new_record().run_id, Position())

    step = launching.advance(at(1), [refused()])

    assert [f"ECS did not place the task: {CAPACITY}; again in {pause:.0f} s, for up to 59s"] == warned(step)
    assert (pytest.approx(pause), ()) == (step.wait, step.asks)
    planned = launching.record
    assert (1, 2, False) == (planned.attempt, planned.launch, planned.sent)
    assert planned.request is not None
    assert f"{planned.run_id}-1.2" == planned.token == planned.request["clientToken"]
    (ask,) = launching.advance(at(1 + pause)).asks
    assert ask == LaunchTask(record=launching.record)


def test_the_start_window_counts_from_the_first_request() -> None:
    """Each further launch has what is left of it."""
    launching = launch_of(new_record(Policy(start_timeout=20)))
    now, launches = BEGIN, 0
    while not launching.over:
        step = launching.advance(now)
        now += timedelta(seconds=step.wait)
        if step.asks:
            launches += 1
            launching.advance(now, [refused()])

    assert launching.judgement is not None
    assert (Verdict.NEVER_STARTED, "capacity", launches) == (
        launching.judgement.verdict,
        launching.judgement.reason,
        launching.record.launch,
    )
    assert at(5) < now <= at(20)


def test_a_placement_that_never_will_be_is_the_end() -> None:
    """Nothing is planned after it."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)

    step = launching.advance(at(1), [refused("The requested CPU configuration is above your limit")])

    assert Step(events=()) == step
    assert launching.judgement is not None
    assert ("size_limit", 1) == (launching.judgement.reason, launching.record.launch)


def test_spot_that_is_refused_is_asked_for_on_demand_at_once() -> None:
    """Also at the end of the start window, and with another request."""
    launching = launch_of(new_record(Policy(capacity=SPOT_THEN_ON_DEMAND)))
    (ask,) = launching.advance(BEGIN).asks
    assert isinstance(ask, LaunchTask)
    assert SPOT == ask.record.capacity

    step = launching.advance(at(59.9), [refused()])

    assert [f"ECS did not place the task: {CAPACITY}; on demand now"] == warned(step)
    (ask,) = step.asks
    assert isinstance(ask, LaunchTask)
    assert (ON_DEMAND, 2, True) == (ask.record.capacity, ask.record.launch, ask.record.sent)
    assert ask.record.request is not None
    assert "FARGATE" == ask.record.request["launchType"]
    assert "capacityProviderStrategy" not in ask.record.request


# -- answers that did not come ---------------------------------------------------------------------------------


def test_a_call_without_an_answer_is_repeated_with_the_same_token() -> None:
    """After pauses that grow; the user is told once."""
    launching = launch_of(new_record(Policy(start_timeout=3_600)))
    now, waits, said = BEGIN, [], []
    launching.advance(now)
    for number in range(8):
        step = launching.advance(now, [UNREACHABLE if number % 3 == 0 else THROTTLED])
        waits.append(step.wait)
        said += warned(step)
        now += timedelta(seconds=step.wait)
        assert (LaunchTask(record=new_record(Policy(start_timeout=3_600))),) == launching.advance(now).asks

    assert [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0] == waits
    assert ["no route to host; still trying"] == said


def test_a_new_token_begins_with_short_pauses_again() -> None:
    """What failed before it was another call."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)
    for number in range(3):
        launching.advance(at(number), [UNREACHABLE])

    launching.advance(at(10), [refused()])
    step = launching.advance(at(20), [THROTTLED])

    assert (0.5, ["Rate exceeded; still trying"]) == (step.wait, warned(step))


def test_five_calls_without_an_answer_are_an_error() -> None:
    """Whoever waits is told; the run may have been started, so that it has no end."""
    launching = launch_of(new_record(Policy(start_timeout=3_600)))
    for number in range(4):
        launching.advance(at(number), [UNREACHABLE])
    assert not launching.over

    launching.advance(at(10), [UNREACHABLE])

    assert isinstance(launching.error, AwsUnreachableError)
    assert (None, new_record(Policy(start_timeout=3_600))) == (launching.judgement, launching.record)


@pytest.mark.parametrize("answer", [THROTTLED, refused()])
def test_only_calls_in_a_row_count(answer: Observation) -> None:
    """An answer of any kind shows that AWS can be reached."""
    launching = launch_of(new_record(Policy(start_timeout=3_600)))
    for number in range(4):
        launching.advance(at(number), [UNREACHABLE])

    launching.advance(at(10), [answer])
    for number in range(4):
        launching.advance(at(20 + number), [UNREACHABLE])
    assert not launching.over
    launching.advance(at(30), [UNREACHABLE])

    assert isinstance(launching.error, AwsUnreachableError)


def test_patience_with_aws_lasts_as_long_as_a_start_window() -> None:
    """From the first call that failed: whoever takes over a run of yesterday has as much."""
    yesterday = new_record(requested_at=BEGIN - timedelta(minutes=40), launched_at=BEGIN - timedelta(minutes=40))
    launching = launch_of(yesterday, fresh=False)

    launching.advance(at(1), [THROTTLED])
    launching.advance(at(60.9), [THROTTLED])
    assert not launching.over
    launching.advance(at(61), [THROTTLED])

    assert isinstance(launching.error, AwsThrottledError)
    assert launching.judgement is None


def test_a_refusal_is_the_end_if_nothing_can_have_been_started() -> None:
    """And an error of the tool: permissions, a cluster that is not there."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)

    launching.advance(at(1), [DENIED])

    assert isinstance(launching.error, AwsRefusedError)
    assert launching.judgement is not None
    assert (Verdict.NEVER_STARTED, "refused", "not authorized") == (
        launching.judgement.verdict,
        launching.judgement.reason,
        launching.judgement.detail,
    )


@pytest.mark.parametrize("before", [UNREACHABLE, THROTTLED])
def test_a_refusal_after_a_call_of_unknown_effect_is_no_end(before: Observation) -> None:
    """The earlier call may have started the task."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)
    launching.advance(at(1), [before])

    launching.advance(at(2), [DENIED])

    assert (True, None) == (isinstance(launching.error, AwsRefusedError), launching.judgement)


def test_a_refused_placement_answers_what_was_unknown_before_it() -> None:
    """The token has made no task: the next refusal is the end, and a stop needs no search."""
    refusal, stop = launch_of(new_record()), launch_of(new_record())
    for launching in (refusal, stop):
        launching.advance(at(1), [UNREACHABLE])
        launching.advance(at(2), [refused()])

    refusal.advance(at(10), [DENIED])
    stop.request_stop(INTERRUPTED)
    stop.advance(at(10))

    assert refusal.judgement is not None
    assert stop.judgement is not None
    assert ("refused", "interrupt") == (refusal.judgement.reason, stop.judgement.reason)


# -- taking over -----------------------------------------------------------------------------------------------


def test_who_takes_over_a_launch_looks_for_its_task_first() -> None:
    """The process that has gone may have sent it."""
    launching = launch_of(new_record(), fresh=False)

    assert (FindTask(),) == launching.advance(at(5)).asks
    launching.advance(at(5), [TaskFound(task_arn=ARN)])

    assert (ARN, ARN, None) == (launching.task_arn, launching.record.task_arn, launching.task)


def test_a_young_launch_whose_task_is_not_listed_is_repeated() -> None:
    """The same token starts nothing twice."""
    launching = launch_of(new_record(), fresh=False)
    launching.advance(at(5))

    step = launching.advance(at(6), [NO_TASK])

    assert (LaunchTask(record=new_record()),) == step.asks


@pytest.mark.parametrize(("minutes", "known"), [(50, True), (51, False)])
def test_an_old_launch_is_never_repeated(minutes: int, known: bool) -> None:  # noqa: FBT001  a table
    """Its token may have been forgotten: it lives until an hour after the task has stopped."""
    launching = launch_of(new_record(), fresh=False)
    now = BEGIN + timedelta(minutes=minutes)
    assert (FindTask(),) == launching.advance(now).asks

    step = launching.advance(now, [NO_TASK])

    assert known == (launching.judgement is None)
    assert known == bool(step.asks)
    if launching.judgement is not None:
        assert (Verdict.LOST, "unknown_start", False) == (
            launching.judgement.verdict,
            launching.judgement.reason,
            launching.judgement.transient,
        )


def test_a_call_of_unknown_effect_is_not_repeated_after_a_long_sleep() -> None:
    """ECS is asked for the task instead, and answers that it knows none."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)
    launching.advance(at(1), [UNREACHABLE])
    morning = BEGIN + timedelta(hours=8)

    assert (FindTask(),) == launching.advance(morning).asks
    launching.advance(morning, [NO_TASK])

    assert launching.judgement is not None
    assert "unknown_start" == launching.judgement.reason


# -- stopping --------------------------------------------------------------------------------------------------


def test_a_stop_before_anything_was_sent_is_the_end() -> None:
    """At once, with the first reason, and without a call."""
    launching = launch_of(new_record())
    launching.request_stop(INTERRUPTED)
    launching.request_stop("jobrunner: stopped later")

    assert Step(events=()) == launching.advance(BEGIN)
    assert launching.judgement is not None
    assert (Verdict.INTERRUPTED, "interrupted by SIGINT") == (launching.judgement.verdict, launching.judgement.detail)


def test_a_stop_between_two_launches_does_not_wait_for_the_pause() -> None:
    """Nothing is under way."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)
    launching.advance(at(1), [refused()])

    launching.request_stop(INTERRUPTED)
    launching.advance(at(1.1))

    assert launching.judgement is not None
    assert Verdict.INTERRUPTED is launching.judgement.verdict


def test_a_stop_of_a_launch_of_unknown_effect_looks_for_its_task() -> None:
    """Once a second, until ECS would have had to list it when it was asked, whenever the answer came."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)
    launching.advance(at(1), [UNREACHABLE])
    launching.request_stop(INTERRUPTED)

    assert (FindTask(),) == launching.advance(at(2)).asks
    step = launching.advance(at(2), [NO_TASK])
    assert (1.0, ()) == (step.wait, step.asks)
    assert (FindTask(),) == launching.advance(at(59.9)).asks
    launching.advance(at(61), [NO_TASK])
    assert not launching.over
    assert (FindTask(),) == launching.advance(at(62)).asks
    launching.advance(at(62), [NO_TASK])

    assert launching.judgement is not None
    assert Verdict.INTERRUPTED is launching.judgement.verdict


def test_a_call_that_was_cut_off_may_take_effect_a_little_later() -> None:
    """Also where ECS lists a task at once."""
    launching = Launching(new_record(), patience=replace(PATIENCE, task_settle=0.0), fresh=False)
    launching.request_stop(INTERRUPTED)

    for seconds in (4.9, 5.9):
        assert not launching.over
        assert (FindTask(),) == launching.advance(at(seconds)).asks
        launching.advance(at(seconds), [NO_TASK])

    assert launching.over


def test_a_task_that_is_found_for_a_stop_is_handed_over() -> None:
    """Whoever watches it stops it."""
    launching = launch_of(new_record(), fresh=False)
    launching.request_stop(INTERRUPTED)
    launching.advance(at(1))

    launching.advance(at(1), [TaskFound(task_arn=ARN)])

    assert (ARN, None) == (launching.task_arn, launching.judgement)


def test_a_stop_is_as_patient_as_a_launch() -> None:
    """What failed before it was asked for does not count."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)
    for number in range(4):
        launching.advance(at(number), [UNREACHABLE])
    launching.request_stop(INTERRUPTED)

    for number in range(4):
        launching.advance(at(50 + number), [UNREACHABLE])
    assert not launching.over
    launching.advance(at(60), [UNREACHABLE])

    assert isinstance(launching.error, AwsUnreachableError)


def test_a_stop_of_an_old_launch_does_not_say_that_nothing_ran() -> None:
    """Its task may have come and gone."""
    launching = launch_of(new_record(), fresh=False)
    launching.request_stop(INTERRUPTED)
    late = BEGIN + timedelta(hours=3)
    assert (FindTask(),) == launching.advance(late).asks

    launching.advance(late, [NO_TASK])

    assert launching.judgement is not None
    assert (Verdict.LOST, "unknown_start") == (launching.judgement.verdict, launching.judgement.reason)


# -- a token that another request has used, of another machine or of an earlier version of the job ---------------


def test_another_request_is_looked_for_before_there_is_another_task() -> None:
    """It may still be on its way; if it is not, a token of its own starts the run."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)
    launching.advance(BEGIN, [refused(OTHER_REQUEST)])

    assert (FindTask(),) == launching.advance(at(5)).asks
    (ask,) = launching.advance(at(5), [NO_TASK]).asks

    assert isinstance(ask, LaunchTask)
    assert f"{ask.record.run_id}-1.2" == ask.record.token


def test_the_task_of_another_request_is_this_run() -> None:
    """It is followed."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)
    launching.advance(BEGIN, [refused(OTHER_REQUEST)])
    launching.advance(at(5))

    launching.advance(at(5), [TaskFound(task_arn=ARN)])

    assert (ARN, True) == (launching.record.task_arn, launching.over)


def test_nobody_is_looked_for_when_ecs_itself_had_no_place() -> None:
    """The token that follows is known to nobody else."""
    launching = launch_of(new_record())
    launching.advance(BEGIN)
    launching.advance(BEGIN, [refused("RESOURCE:ENI")])

    (ask,) = launching.advance(at(5)).asks
    assert isinstance(ask, LaunchTask)
