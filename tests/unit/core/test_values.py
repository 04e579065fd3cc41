"""Values of a run: outcome, events, record, snapshots, log sources."""

from __future__ import annotations

import json
import pickle
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jobrunner
from jobrunner.core.billing import PriceTable
from jobrunner.core.connection import Connection
from jobrunner.core.ending import conclude, unlaunched
from jobrunner.core.events import (
    Finished,
    LogBatch,
    LogLine,
    PhaseChanged,
    Retrying,
    Started,
    VerdictKnown,
    flatten,
    moment,
)
from jobrunner.core.events import Warning as WarningEvent
from jobrunner.core.judgement import Judgement
from jobrunner.core.lifecycle import STATES, ContainerSnapshot, TaskSnapshot, has_run, later_phase
from jobrunner.core.logs import LogSource, log_sources
from jobrunner.core.observations import Step
from jobrunner.core.outcome import UNREAD, LogReport, Outcome, Verdict, iso, merged
from jobrunner.core.ports import PlacementFailure
from jobrunner.core.record import RunRecord
from jobrunner.errors import AwsRefusedError, JobrunnerError, Problem, RunFailedError, SpecError

RUN_ID = "4r9k2m8p3w7x5t1q"
ARN = "arn:aws:ecs:eu-west-1:123456789012:task/blue/0f3c"
AT = datetime(2026, 11, 23, 2, 30, 0, 123_000, tzinfo=UTC)

SUCCESS = Outcome(
    run_id=RUN_ID,
    job="nightly-etl",
    attempt=1,
    verdict=Verdict.SUCCEEDED,
    reason="exit",
    exit_code=0,
    detail="exit code 0",
    task_arn=ARN,
    created_at=AT,
    pull_started_at=AT,
    started_at=AT,
    stopped_at=AT + timedelta(seconds=61),
    billed_seconds=61,
    cost_usd=Decimal("0.000823"),
    logs=LogReport(complete=True, events=1042),
)

RECORD = RunRecord(
    run_id=RUN_ID,
    job="nightly-etl",
    project="shop",
    stage="prod",
    trigger="manual",
    created_at=AT,
    region="eu-west-1",
    cluster="arn:aws:ecs:eu-west-1:123456789012:cluster/blue",
)

times = st.none() | st.datetimes(timezones=st.just(UTC))
outcomes = st.builds(
    Outcome,
    run_id=st.text(),
    job=st.text(),
    attempt=st.integers(1),
    verdict=st.sampled_from(Verdict),
    reason=st.text(),
    exit_code=st.none() | st.integers(),
    detail=st.text(),
    task_arn=st.none() | st.text(),
    created_at=times,
    pull_started_at=times,
    started_at=times,
    stopped_at=times,
    billed_seconds=st.none() | st.integers(0),
    cost_usd=st.none() | st.decimals(0, 1000, places=6),
    logs=st.builds(LogReport, complete=st.booleans(), events=st.integers(0), reason=st.none() | st.text()),
)


def test_the_outcome_has_the_keys_of_the_contract() -> None:
    """As product.md shows them, in that order; the cost is text, so that nobody rounds it."""
    document = Finished(outcome=SUCCESS).to_json()

    assert document == {
        "event": "finished",
        "run_id": RUN_ID,
        "job": "nightly-etl",
        "attempt": 1,
        "verdict": "succeeded",
        "reason": "exit",
        "exit_code": 0,
        "detail": "exit code 0",
        "task_arn": ARN,
        "created_at": "2026-11-23T02:30:00.123Z",
        "pull_started_at": "2026-11-23T02:30:00.123Z",
        "started_at": "2026-11-23T02:30:00.123Z",
        "stopped_at": "2026-11-23T02:31:01.123Z",
        "billed_seconds": 61,
        "cost_usd": "0.000823",
        "capacity": None,
        "logs": {"complete": True, "events": 1042},
        "earlier": [],
    }
    assert json.loads(json.dumps(document)) == document


@given(outcomes)
def test_an_outcome_survives_json(outcome: Outcome) -> None:
    """What is stored is what was known."""
    assert outcome == Outcome.from_json(json.loads(json.dumps(outcome.to_json())))


@given(outcomes, st.sampled_from([RECORD, replace(RECORD, request={"count": 1}, logs=(LogSource(container="main"),))]))
def test_a_record_survives_json(outcome: Outcome, record: RunRecord) -> None:
    """With and without an outcome, to the microsecond."""
    exact = replace(record, created_at=AT + timedelta(microseconds=7), scheduled_time=AT)

    assert exact == RunRecord.from_json(json.loads(json.dumps(exact.to_json())))
    done = exact.with_outcome(outcome)
    assert done == RunRecord.from_json(json.loads(json.dumps(done.to_json())))


def test_only_a_success_passes_raise_for_failure() -> None:
    """Failure of the job is a value; the caller decides."""
    failed = replace(SUCCESS, verdict=Verdict.OUT_OF_MEMORY, detail="killed")

    assert SUCCESS.raise_for_failure() is SUCCESS
    with pytest.raises(RunFailedError, match=f"{RUN_ID}: job nightly-etl out of memory: killed") as caught:
        failed.raise_for_failure()
    assert caught.value.outcome is failed
    assert caught.value.hint == f"jobrunner logs {RUN_ID}"


@given(outcomes, st.lists(outcomes, max_size=3))
def test_the_bill_of_a_run_is_that_of_all_its_attempts(last: Outcome, earlier: list[Outcome]) -> None:
    """One unknown makes the whole unknown; the verdict is that of the last attempt."""
    whole = last.after(earlier)

    bills = [one.billed_seconds for one in (*earlier, last)]
    costs = [one.cost_usd for one in (*earlier, last)]
    assert (None if None in bills else sum(bills)) == whole.billed_seconds  # type: ignore[arg-type]  # no None in it
    assert (None if None in costs else sum(costs, Decimal(0))) == whole.cost_usd  # type: ignore[arg-type]  # as above
    assert (last.verdict, last.attempt, tuple(earlier)) == (whole.verdict, whole.attempt, whole.earlier)
    assert whole == Outcome.from_json(json.loads(json.dumps(whole.to_json())))


@given(outcomes, st.lists(outcomes, max_size=3))
def test_the_last_attempt_can_be_told_apart_again(last: Outcome, earlier: list[Outcome]) -> None:
    """With its own bill, where all are known; the log's report is that of all."""
    whole = last.after(earlier)
    known = whole.billed_seconds is not None
    priced = whole.cost_usd is not None

    assert whole.alone() == replace(
        last,
        billed_seconds=last.billed_seconds if known else None,
        cost_usd=last.cost_usd if priced else None,
        logs=whole.logs,
    )


def test_the_log_of_a_run_is_complete_when_that_of_every_attempt_is() -> None:
    """Each reason why not stands there once."""
    read = LogReport(complete=True, events=3)
    cut = LogReport(complete=False, events=1, reason="cut")

    assert merged([read, read]) == LogReport(complete=True, events=6)
    assert merged([read, cut, UNREAD, cut]) == LogReport(complete=False, events=5, reason="cut; the log was not read")


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.LOST])
def test_a_launch_that_made_no_task_costs_nothing(verdict: Verdict) -> None:
    """Nothing ran, and nothing was written."""
    known = Judgement(verdict=verdict, reason="refused", exit_code=None, detail="no")

    outcome = unlaunched(known, replace(RECORD, attempt=2, capacity="spot"))

    assert (verdict, "refused", "no", 2, "spot") == (
        outcome.verdict, outcome.reason, outcome.detail, outcome.attempt, outcome.capacity
    )  # fmt: skip
    assert (0, Decimal(0), None) == (outcome.billed_seconds, outcome.cost_usd, outcome.task_arn)
    assert outcome.logs == LogReport(complete=True, events=0)


def test_a_launch_of_which_nothing_is_known_has_no_bill() -> None:
    """It may have made a task that ran; unknown stays unknown."""
    lost = Judgement(verdict=Verdict.LOST, reason="unknown_start", exit_code=None, detail="?")

    outcome = unlaunched(lost, RECORD)

    assert (None, None, UNREAD) == (outcome.billed_seconds, outcome.cost_usd, outcome.logs)


@pytest.mark.parametrize(
    ("fields", "capacity"),
    [
        ({"launch_type": "FARGATE"}, "on-demand"),
        ({"capacity_provider": "FARGATE_SPOT", "launch_type": "FARGATE"}, "spot"),
        ({"capacity_provider": "FARGATE"}, "on-demand"),
        ({}, "spot"),
    ],
)
def test_the_capacity_is_what_ecs_says_it_was(fields: dict[str, str], capacity: str) -> None:
    """What was asked for counts where ECS does not say."""
    judged = Judgement(verdict=Verdict.SUCCEEDED, reason="exit", exit_code=0, detail="exit code 0")
    subject = replace(RECORD, capacity="spot").subject(logs=False)

    outcome = conclude(judged, TaskSnapshot(task_arn=ARN, **fields), subject, prices=PriceTable(prices={}), logs=UNREAD)

    assert capacity == outcome.capacity


def test_a_step_without_its_end_tells_the_rest() -> None:
    """Another process has taken the run further: what this one saw stays true, but for the end."""
    seen = PhaseChanged(phase="STOPPED", at=AT)
    step = Step(events=(seen, Finished(outcome=SUCCESS)), outcome=SUCCESS, record=RECORD)

    assert Step(events=(seen,), record=RECORD) == step.without_end()


def test_an_incomplete_log_says_why() -> None:
    """The reason is there exactly when it is needed."""
    assert UNREAD.to_json() == {"complete": False, "events": 0, "reason": "the log was not read"}


def test_every_event_has_the_json_line_of_the_contract() -> None:
    """Each is one object with its `event`."""
    line = LogLine(container="main", timestamp=AT, message="hé")

    assert Started(run_id=RUN_ID, task_arn=ARN).to_json() == {
        "event": "started", "run_id": RUN_ID, "task_arn": ARN, "attempt": 1
    }  # fmt: skip
    assert PhaseChanged(phase="RUNNING", at=AT).to_json() == {
        "event": "phase", "phase": "RUNNING", "at": "2026-11-23T02:30:00.123Z"
    }  # fmt: skip
    assert line.to_json() == {
        "event": "log", "container": "main", "timestamp": "2026-11-23T02:30:00.123Z", "message": "hé"
    }  # fmt: skip
    assert WarningEvent(message="careful").to_json() == {"event": "warning", "message": "careful"}
    known = Judgement(verdict=Verdict.FAILED, reason="exit", exit_code=3, detail="exit code 3")
    assert VerdictKnown(judgement=known).to_json() == {
        "event": "verdict", "verdict": "failed", "reason": "exit", "exit_code": 3, "detail": "exit code 3"
    }  # fmt: skip
    assert Retrying(ended=SUCCESS, attempt=2, capacity="spot", wait=12.5).to_json() == {
        "event": "retrying", "attempt": 2, "capacity": "spot", "wait_seconds": 12.5, "ended": SUCCESS.to_json()
    }  # fmt: skip
    assert Finished(outcome=SUCCESS).to_json() == {"event": "finished", **SUCCESS.to_json()}


def test_batches_flatten_to_lines_in_their_order() -> None:
    """Other events pass as they are."""
    started = Started(run_id=RUN_ID, task_arn=None)
    batch = LogBatch(container="main", timestamps=[0, 1], messages=["a", "b"])

    flat = list(flatten(iter([started, batch])))

    assert flat == [
        started,
        LogLine(container="main", timestamp=moment(0), message="a"),
        LogLine(container="main", timestamp=moment(1), message="b"),
    ]
    assert len(batch) == 2


@given(st.integers(0, 4_102_444_800_000))
def test_milliseconds_become_times_exactly(milliseconds: int) -> None:
    """No float in between."""
    assert (moment(milliseconds) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) == milliseconds


def test_times_are_written_in_utc() -> None:
    """Whatever zone they came in."""
    assert iso(datetime(2026, 11, 23, 3, 30, tzinfo=timezone(timedelta(hours=1)))) == "2026-11-23T02:30:00.000Z"
    assert iso(None) is None


def test_a_record_knows_its_reference_deadline_and_place() -> None:
    """The cluster's short name is enough for the reference."""
    connection = Connection(region="eu-west-1")
    local = Connection(region="eu-west-1", endpoint_url="http://127.0.0.1:1", endpoint_id="x")

    assert str(RECORD.ref) == f"jobrunner://eu-west-1/blue/{RUN_ID}"
    assert str(RECORD.with_task(ARN).ref) == f"jobrunner://eu-west-1/blue/{RUN_ID}/0f3c"
    assert RECORD.deadline is None
    assert replace(RECORD, timeout=90).deadline == AT + timedelta(seconds=90)
    assert RECORD.at(connection)
    assert not RECORD.at(local)
    assert replace(RECORD, endpoint_url="http://127.0.0.1:1", endpoint_id="x").at(local)
    assert not replace(RECORD, endpoint_url="http://127.0.0.1:1", endpoint_id="y").at(local)


@given(st.lists(st.sampled_from([*STATES, "DELETED", None])))
def test_a_phase_never_goes_back(seen: list[str | None]) -> None:
    """Whatever DescribeTasks shows, in whatever order."""
    known: str | None = None
    ranks = []
    for state in seen:
        known = later_phase(known, state)
        ranks.append(-1 if known is None else STATES.index(known))

    assert sorted(ranks) == ranks
    assert known == max((state for state in seen if state in STATES), key=STATES.index, default=None)


def test_containers_may_have_written_from_running_on() -> None:
    """Not before, and not when nothing is known."""
    assert [has_run(state) for state in (None, *STATES)] == [False] * 4 + [True] * 5


def test_the_containers_are_over_when_all_have_an_exit_code() -> None:
    """Or when the task is STOPPED; a task without containers says nothing."""
    running = TaskSnapshot(
        task_arn=ARN,
        last_status="RUNNING",
        containers=(ContainerSnapshot(name="main", exit_code=0), ContainerSnapshot(name="proxy")),
    )

    assert not running.containers_over
    assert replace(running, containers=running.containers[:1]).containers_over
    assert not replace(running, containers=()).containers_over
    assert replace(running, last_status="STOPPED").containers_over
    assert running.container("proxy") == ContainerSnapshot(name="proxy")
    assert running.container("other") is None


AWSLOGS = {"awslogs-group": "/jobs", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "etl"}


@pytest.mark.parametrize(
    ("configuration", "blind", "caution"),
    [
        ({"logDriver": "awslogs", "options": {**AWSLOGS, "mode": "blocking"}}, None, None),
        ({"logDriver": "awslogs", "options": AWSLOGS}, None, "non-blocking mode"),
        ({"logDriver": "awslogs", "options": {**AWSLOGS, "awslogs-region": "us-east-1"}}, "in region us-east-1", None),
        ({"logDriver": "splunk"}, "the log driver splunk, not awslogs", None),
        (None, "no log driver, not awslogs", None),
    ],
)
def test_where_a_container_logs(configuration: dict[str, Any] | None, blind: str | None, caution: str | None) -> None:
    """What cannot be read is blind; what may have gaps is a caution."""
    (source,) = log_sources([{"name": "main", "logConfiguration": configuration}], region="eu-west-1")

    assert (blind is None) == (source.blind is None)
    assert blind is None or blind in str(source.blind)
    assert (caution is None) == (source.caution is None)
    assert caution is None or caution in str(source.caution)
    stream = source.stream("0f3c")
    assert (stream.name if stream else None) == (None if blind else "etl/main/0f3c")


def test_the_public_names_are_sorted_and_importable() -> None:
    """The public surface cannot grow by accident."""
    assert sorted(jobrunner.__all__) == list(jobrunner.__all__)
    for name in jobrunner.__all__:
        assert getattr(jobrunner, name) is not None
    assert set(jobrunner.__all__) <= set(dir(jobrunner))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = jobrunner.nothing  # type: ignore[attr-defined]  # the point of the test


def test_an_error_says_what_where_and_what_to_do() -> None:
    """In that order; a hint stands on its own line."""
    assert str(JobrunnerError("it broke")) == "it broke"
    assert str(JobrunnerError("it broke", where="here", hint="mend it")) == "here: it broke\n  mend it"
    assert AwsRefusedError("no", code="AccessDenied").code == "AccessDenied"


def test_a_spec_error_lists_every_problem_as_compilers_do() -> None:
    """Editors can jump to `file:line:column`."""
    first = Problem("unknown key 'comand'", file="jobs/etl.yaml", line=3, column=1)
    whole = Problem("is empty", file="jobs/x.yaml")
    error = SpecError([first, whole])

    assert str(error) == "jobs/etl.yaml:3:1: unknown key 'comand'\njobs/x.yaml: is empty"
    assert error.problems == (first, whole)
    assert SpecError("plain").problems == ()
    assert first != whole
    assert {first, Problem("unknown key 'comand'", file="jobs/etl.yaml", line=3, column=1)} == {first}
    assert repr(whole) == "Problem('jobs/x.yaml: is empty')"
    assert pickle.loads(pickle.dumps(first)) == first  # noqa: S301  our own bytes


def test_a_placement_failure_reads_as_ecs_wrote_it() -> None:
    """The reason, and the detail where there is one."""
    assert str(PlacementFailure(reason="RESOURCE:ENI")) == "RESOURCE:ENI"
    assert str(PlacementFailure(reason="CAPACITY", detail="try later")) == "CAPACITY: try later"


def test_the_json_of_an_outcome_has_its_fields() -> None:
    """In the same order: `ps` and `status` rely on it for a run that has no outcome yet."""
    assert [field.name for field in fields(Outcome)] == list(SUCCESS.to_json())
