"""What this machine remembers of a run: that it survives JSON, and which of two records knows more."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from types import MappingProxyType
from typing import Any

import pytest
from course_world import BEGIN, RUN_ID, earlier_failure, new_record, task_arn
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core.lifecycle import ContainerSnapshot, TaskSnapshot
from jobrunner.core.logs import LogSource
from jobrunner.core.outcome import LogReport, Outcome, Verdict
from jobrunner.core.record import RunRecord
from jobrunner.core.retry import NO_RETRIES, ON_DEMAND, SPOT, Policy, Position
from jobrunner.testing import running_task, stopped_task

ARN = task_arn(1)

# -- JSON ------------------------------------------------------------------------------------------------------

moments = st.datetimes(timezones=st.just(UTC))
texts = st.none() | st.text(max_size=5)
numbers = st.none() | st.integers(0, 10**6)
logs = st.builds(LogReport, complete=st.booleans(), events=st.integers(0), reason=texts)
alone = st.builds(
    Outcome,
    run_id=st.text(max_size=5),
    job=st.text(max_size=5),
    attempt=st.integers(1),
    verdict=st.sampled_from(Verdict),
    reason=st.text(max_size=5),
    exit_code=numbers,
    detail=st.text(max_size=5),
    task_arn=texts,
    started_at=st.none() | moments,
    billed_seconds=numbers,
    cost_usd=st.none() | st.decimals(0, 1000, places=6),
    capacity=st.none() | st.sampled_from([ON_DEMAND, SPOT]),
    logs=logs,
)
outcomes = st.builds(replace, alone, earlier=st.lists(alone, max_size=2).map(tuple))
containers = st.builds(ContainerSnapshot, name=st.text(max_size=5), last_status=texts, exit_code=numbers, reason=texts)
snapshots = st.builds(
    TaskSnapshot,
    task_arn=st.text(max_size=5),
    **dict.fromkeys(("last_status", "desired_status", "stop_code", "stopped_reason", "task_definition_arn"), texts),
    **dict.fromkeys(("started_by", "architecture", "operating_system", "launch_type", "capacity_provider"), texts),
    **dict.fromkeys(("created_at", "pull_started_at", "pull_stopped_at", "started_at"), st.none() | moments),
    **dict.fromkeys(("stopping_at", "execution_stopped_at", "stopped_at"), st.none() | moments),
    **dict.fromkeys(("cpu", "memory", "ephemeral_storage"), numbers),
    containers=st.lists(containers, max_size=2).map(tuple),
    environment=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2).map(MappingProxyType),
)
policies = st.builds(
    Policy,
    attempts=st.integers(1, 20),
    backoff=st.integers(0),
    max_backoff=st.integers(0),
    on=st.lists(st.sampled_from(["failure", "timeout"]) | st.integers(1, 255)).map(tuple),
    start_timeout=numbers,
    capacity=st.sampled_from([ON_DEMAND, SPOT]),
)
records = st.builds(
    replace,
    st.just(new_record()),
    **dict.fromkeys(("stage", "endpoint_url", "endpoint_id", "guard", "key", "task_arn"), texts),
    **dict.fromkeys(("attempt", "launch"), st.integers(1)),
    **dict.fromkeys(("requested_at", "launched_at", "scheduled_time"), st.none() | moments),
    created_at=moments,
    capacity=st.sampled_from([ON_DEMAND, SPOT]),
    policy=policies,
    sent=st.booleans(),
    request=st.none() | st.just({"overrides": {"containerOverrides": [{"name": "ä"}]}}),
    logs=st.lists(st.builds(LogSource, container=st.text(max_size=5), group=texts, caution=texts)).map(tuple),
    timeout=numbers,
    earlier=st.lists(outcomes, max_size=2).map(tuple),
    tasks=st.lists(snapshots, max_size=2).map(tuple),
    outcome=st.none() | outcomes,
)


def through_json(record: RunRecord) -> RunRecord:
    """The record as another process reads it."""
    return RunRecord.from_json(json.loads(json.dumps(record.to_json())))


@given(records)
def test_a_record_survives_json(record: RunRecord) -> None:
    """Every field, to the microsecond."""
    assert record == through_json(record)


@given(snapshots)
def test_a_snapshot_survives_json(task: TaskSnapshot) -> None:
    """ECS forgets it; `explain` must not."""
    assert task == TaskSnapshot.from_json(json.loads(json.dumps(task.to_json())))


def test_what_ecs_did_not_say_of_a_task_is_left_out() -> None:
    """A record holds many of them."""
    assert {"task_arn": "arn", "containers": [], "environment": {}} == TaskSnapshot(task_arn="arn").to_json()


def test_the_json_of_a_record_has_its_fields() -> None:
    """What is added to the record is stored as well."""
    assert {field.name for field in fields(RunRecord)} == set(new_record().to_json())


#: As the version before runs had several attempts wrote it.
FIRST_VERSION: dict[str, Any] = {
    "run_id": RUN_ID,
    "job": "etl",
    "project": "shop",
    "stage": "prod",
    "trigger": "manual",
    "region": "eu-west-1",
    "cluster": "blue",
    "endpoint_url": None,
    "endpoint_id": None,
    "attempt": 1,
    "main": "main",
    "architecture": "arm64",
    "timeout": 90,
    "key": "2026-11-23",
    "task_arn": "arn:aws:ecs:eu-west-1:123456789012:task/blue/0f3c",
    "created_at": "2026-11-23T02:30:00.123Z",
    "scheduled_time": None,
    "request": {"cluster": "blue", "clientToken": f"{RUN_ID}-1"},
    "logs": [{"container": "main", "group": "/jobs", "prefix": "etl", "blind": None, "caution": None}],
    "outcome": {
        "run_id": RUN_ID,
        "job": "etl",
        "attempt": 1,
        "verdict": "failed",
        "reason": "exit",
        "exit_code": 75,
        "detail": "exit code 75",
        "task_arn": "arn:aws:ecs:eu-west-1:123456789012:task/blue/0f3c",
        "created_at": "2026-11-23T02:30:01.000Z",
        "pull_started_at": "2026-11-23T02:30:10.000Z",
        "started_at": "2026-11-23T02:30:20.000Z",
        "stopped_at": "2026-11-23T02:31:20.000Z",
        "billed_seconds": 70,
        "cost_usd": "0.000823",
        "logs": {"complete": True, "events": 3},
    },
}


def test_a_record_of_the_first_version_is_read() -> None:
    """One attempt, one launch, sent, no retries; its timeout counts from its creation."""
    record = RunRecord.from_json(FIRST_VERSION)

    created = datetime(2026, 11, 23, 2, 30, 0, 123_000, tzinfo=UTC)
    assert (Position(), NO_RETRIES, True, None) == (record.position, record.policy, record.sent, record.guard)
    assert (created, created + timedelta(seconds=90), None) == (record.asked_at, record.deadline, record.start_deadline)
    assert ((), ()) == (record.earlier, record.tasks)
    assert f"{RUN_ID}-1" == record.token
    assert record.outcome is not None
    assert (None, (), 70) == (record.outcome.capacity, record.outcome.earlier, record.outcome.billed_seconds)
    assert record == through_json(record)


def test_a_record_of_the_first_version_without_an_end_is_read() -> None:
    """It is looked for by whoever attaches: it may have been sent."""
    record = RunRecord.from_json({**FIRST_VERSION, "outcome": None, "task_arn": None, "request": None})

    assert (None, None, True) == (record.outcome, record.request, record.sent)


# -- launches --------------------------------------------------------------------------------------------------


def test_a_record_knows_when_its_attempt_is_late() -> None:
    """The timeout counts from the launch, the start timeout from the attempt's first request."""
    record = new_record(
        Policy(start_timeout=60),
        timeout=90,
        created_at=BEGIN - timedelta(hours=1),
        launched_at=BEGIN + timedelta(seconds=7),
    )

    assert BEGIN + timedelta(seconds=97) == record.deadline
    assert BEGIN + timedelta(seconds=60) == record.start_deadline
    assert record.created_at + timedelta(seconds=60) == replace(record, requested_at=None).start_deadline
    subject = record.with_task(ARN).subject(logs=True)
    assert (record.deadline, record.start_deadline) == (subject.deadline, subject.start_deadline)
    assert (90, 60) == (subject.timeout, subject.start_timeout)


def test_the_next_attempt_is_planned_with_what_has_ended() -> None:
    """It has its own token, time and request, and no task; the run's identity stays."""
    when = BEGIN + timedelta(minutes=3)
    record = replace(new_record().with_task(ARN), guard="jobrunner-timeout", outcome=earlier_failure())

    planned = record.relaunch(Position(attempt=2, capacity=SPOT), when=when, ended=earlier_failure())

    assert (2, 1, SPOT, False) == (planned.attempt, planned.launch, planned.capacity, planned.sent)
    assert (when, when, None, None, None) == (
        planned.launched_at,
        planned.requested_at,
        planned.task_arn,
        planned.guard,
        planned.outcome,
    )
    assert (earlier_failure(),) == planned.earlier
    assert planned.request is not None
    assert f"{RUN_ID}-2" == planned.token == planned.request["clientToken"]
    assert (record.run_id, record.created_at) == (planned.run_id, planned.created_at)


def test_a_launch_after_a_refusal_goes_on_in_the_same_window() -> None:
    """Nothing has ended: nothing is added to what was before."""
    planned = new_record().relaunch(Position(launch=2), when=BEGIN + timedelta(seconds=5))

    assert (BEGIN, BEGIN + timedelta(seconds=5), ()) == (planned.requested_at, planned.launched_at, planned.earlier)
    assert f"{RUN_ID}-1.2" == planned.token


def test_a_run_without_a_request_is_planned_without_one() -> None:
    """Another machine has begun it."""
    assert new_record(request=None).relaunch(Position(attempt=2), when=BEGIN).request is None


def test_the_last_look_at_every_task_is_kept() -> None:
    """Each task once, in its last state; what says nothing is not kept."""
    first, second = stopped_task(task_arn=task_arn(1)), stopped_task(task_arn=task_arn(2))
    record = new_record().with_ended(running_task(task_arn=task_arn(1))).with_ended(second).with_ended(first)

    assert (second, first) == record.tasks
    assert record == record.with_ended(None)
    assert record == record.with_ended(TaskSnapshot(task_arn=ARN))


# -- which of two records knows more ---------------------------------------------------------------------------

FIRST = new_record()
PLANNED = FIRST.with_task(ARN).relaunch(Position(attempt=2), when=BEGIN, ended=earlier_failure())
SENT = replace(PLANNED, sent=True)
UNBILLED = earlier_failure(billed_seconds=None, cost_usd=None, task_arn=task_arn(2))
ENDED = SENT.with_task(task_arn(2)).with_outcome(UNBILLED)
BILLED = ENDED.with_outcome(replace(UNBILLED, billed_seconds=70))
STEPS = [
    FIRST,
    FIRST.with_task(ARN),
    replace(FIRST, launch=2, sent=False),
    replace(FIRST, launch=2),
    PLANNED,
    SENT,
    SENT.with_task(task_arn(2)),
    ENDED,
    BILLED,
    BILLED.with_outcome(replace(UNBILLED, billed_seconds=70, logs=LogReport(complete=True, events=3))),
]


@pytest.mark.parametrize(("sooner", "later"), list(combinations(STEPS, 2)))
def test_a_record_is_behind_every_later_one(sooner: RunRecord, later: RunRecord) -> None:
    """Whoever is late takes nothing back."""
    assert (True, False) == (sooner.is_behind(later), later.is_behind(sooner))
    assert (False, True) == (sooner.replaces(later), later.replaces(sooner))


@pytest.mark.parametrize("record", STEPS)
def test_a_record_is_not_behind_itself(record: RunRecord) -> None:
    """It may be stored again; a new one does not replace it."""
    assert (False, False) == (record.is_behind(record), record.replaces(record))


def without_a_task(record: RunRecord, verdict: Verdict = Verdict.INTERRUPTED) -> RunRecord:
    """The record of a run that ended before its launch made a task."""
    return record.with_outcome(earlier_failure(verdict=verdict, task_arn=None, billed_seconds=0, exit_code=None))


@pytest.mark.parametrize("launch", [PLANNED, SENT])
def test_an_end_that_is_stored_stands_against_a_launch(launch: RunRecord) -> None:
    """A stop in one process: the other one, which has decided to go on, launches nothing."""
    stopped = FIRST.with_task(ARN).with_outcome(earlier_failure())

    assert launch.is_behind(stopped)
    assert PLANNED.is_behind(without_a_task(PLANNED))
    assert SENT.is_behind(without_a_task(PLANNED))


def test_a_launch_that_is_stored_stands_against_an_end() -> None:
    """The other one has gone on before: the process that was stopped goes on there, and stops that."""
    stopped = FIRST.with_task(ARN).with_outcome(earlier_failure())

    assert stopped.is_behind(PLANNED)
    assert without_a_task(PLANNED).is_behind(SENT)
    assert without_a_task(SENT).is_behind(SENT.with_task(ARN))


def test_a_task_refutes_an_end_without_one() -> None:
    """Somebody has given up a launch whose process was only slow."""
    given_up, found = without_a_task(SENT, Verdict.NEVER_STARTED), SENT.with_task(ARN)

    assert (True, False) == (given_up.is_behind(found), found.is_behind(given_up))


def test_of_two_ends_the_first_stands() -> None:
    """Unless the second knows more of the same."""
    one, other = without_a_task(SENT), without_a_task(SENT, Verdict.NEVER_STARTED)

    assert one.is_behind(other)
    assert other.is_behind(one)


def test_records_of_two_endpoints_do_not_compare() -> None:
    """A local endpoint that has gone took its tasks with it: a new run replaces one of it."""
    gone = replace(BILLED, endpoint_id="gone")

    assert not FIRST.is_behind(gone)
    assert FIRST.replaces(gone)
    assert FIRST.replaces(None)


def test_a_key_that_never_started_begins_anew() -> None:
    """Its next launch takes the place of the end that is stored."""
    again = replace(FIRST, launch=2)

    assert again.replaces(without_a_task(FIRST, Verdict.NEVER_STARTED))
    assert not FIRST.replaces(without_a_task(FIRST, Verdict.NEVER_STARTED))


# -- runs that a schedule has started --------------------------------------------------------------------------

SCHEDULED = replace(new_record(request=None), run_id="etl@2026-11-24T02:30:00Z", trigger="schedule").with_task(ARN)


def test_the_id_tells_a_scheduled_run() -> None:
    """AWS launches its attempts; what a backfill starts for such a time is a run like all others."""
    assert [True, False] == [SCHEDULED.scheduled, replace(FIRST, trigger="backfill").scheduled]


@pytest.mark.parametrize(
    ("project", "stage", "meant"), [("shop", "prod", True), ("shop", None, False), ("other", "prod", False)]
)
def test_the_id_of_a_scheduled_run_means_one_in_each_project_and_stage(
    project: str, stage: str | None, *, meant: bool
) -> None:
    """Two projects may have a job of one name at one time; an id that was drawn is one run's only."""
    assert meant == SCHEDULED.is_of(project, stage)
    assert FIRST.is_of(project, stage)


def test_scheduled_runs_of_two_stages_do_not_compare() -> None:
    """The one that is asked for takes the place of the other, which ECS knows as well as this machine did."""
    further = replace(SCHEDULED, stage="test", attempt=2)

    assert not SCHEDULED.is_behind(further)
    assert SCHEDULED.replaces(further)
    assert SCHEDULED.is_behind(replace(further, stage=SCHEDULED.stage))
