"""What an event of a log group tells of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core import naming
from jobrunner.core.billing import PriceTable, Resources, cost_of
from jobrunner.core.billing_prices import LINUX, Tariff
from jobrunner.core.execution import ABORTED, RUNNING, STOPPED_ERROR, SUCCEEDED, Execution
from jobrunner.core.history import Source, entry_of
from jobrunner.core.history_events import ExecutionEvent, TaskEvent, is_of, notes_of
from jobrunner.core.history_notes import ExecutionNote, LaunchNote, note_from_json
from jobrunner.core.outcome import LogReport, Verdict
from jobrunner.store import load_prices
from jobrunner.testing import container, running_task, stopped_task

if TYPE_CHECKING:
    from jobrunner.core.lifecycle import TaskSnapshot

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOURCE = Source(project="shop", stage="prod", region="eu-west-1")
GROUP = naming.task_group(project="shop", stage="prod")
RUN = "0123456789abcdef"
TIME = "2026-01-01T12:00:00Z"
SCHEDULED = f"etl@{TIME}"
SCOPE = naming.schedule_scope(project="shop", stage="prod", job="etl")
NAME = naming.execution_name(SCOPE, TIME)
TASK = "arn:aws:ecs:eu-west-1:123456789012:task/c/0123"
PRICES = load_prices()
IDENTITY = {"JOBRUNNER_RUN_ID": RUN, "JOBRUNNER_JOB": "etl", "JOBRUNNER_ATTEMPT": "2", "JOBRUNNER_TRIGGER": "library"}


def ours(make: Any = stopped_task, /, *, environment: dict[str, str] | None = None, **fields: Any) -> TaskSnapshot:
    """A task of the project's."""
    known: TaskSnapshot = make(**{"group": GROUP, "main": "main", "environment": environment or IDENTITY} | fields)
    return known


def launch(task: TaskSnapshot, *, prices: PriceTable = PRICES, version: int = 4) -> LaunchNote:
    """What an event of a task tells, which is something."""
    note = notes_of(TaskEvent(task=task, version=version, at=NOON), source=SOURCE, prices=prices)
    assert isinstance(note, LaunchNote)
    return note


def told(status: str, *, name: str = NAME, given: Any = None, **members: Any) -> ExecutionNote | None:
    """What an event of an execution tells, which ended an hour after its start."""
    beginning = {"run_id": SCHEDULED, "scope": SCOPE, "job": "etl", "scheduled_time": TIME} if given is None else given
    execution = Execution(
        machine="arn:aws:states:eu-west-1:123456789012:stateMachine:m",
        name=name,
        status=status,
        started_at=NOON,
        input=beginning if isinstance(beginning, str) else json.dumps(beginning),
        **members,
    )
    at = NOON if status == RUNNING else NOON + timedelta(hours=1)
    note = notes_of(ExecutionEvent(execution=execution, at=at), source=SOURCE, prices=PRICES)
    assert note is None or isinstance(note, ExecutionNote)
    return note


def ended(status: str, **members: Any) -> Any:
    """The end that an execution tells."""
    note = told(status, **members)
    assert note is not None
    assert not note.running
    assert note.end is not None
    return note.end


def failed(error: str = "jobrunner.failed", **cause: Any) -> Any:
    """The end that a failed execution tells."""
    return ended(
        "FAILED", error=error, cause=json.dumps({"verdict": "failed", "reason": "exit", "detail": "d"} | cause)
    )


def test_a_task_says_whose_it_is() -> None:
    """Its group holds project and stage; another project's, or another stage's, is another's."""
    assert is_of(ours(), project="shop", stage="prod")
    others = [("shop", None), ("shop", "dev"), ("etl", "prod"), ("shop--prod", None)]
    assert [False] * 4 == [is_of(ours(), project=project, stage=stage) for project, stage in others]
    bare = ours(group=naming.task_group(project="shop", stage=None))
    assert [True, False] == [is_of(bare, project="shop", stage=stage) for stage in (None, "prod")]


def test_an_older_task_is_known_by_its_family_or_by_its_schedules() -> None:
    """It has ECS's group, of its family; and of the two an existing task definition leaves only the latter."""
    arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/"
    plain = ours(group="family:jobrunner-shop-prod-etl", task_definition_arn=f"{arn}jobrunner-shop-prod-etl:3")
    existing = ours(group=None, task_definition_arn=f"{arn}theirs:1", started_by=naming.started_by_schedule(SCOPE))
    assert [True, True] == [is_of(task, project="shop", stage="prod") for task in (plain, existing)]
    assert [False, False] == [is_of(task, project="shop", stage=None) for task in (plain, existing)]
    assert not is_of(replace(plain, task_definition_arn=None), project="shop", stage="prod")
    nameless = [replace(plain, environment=named) for named in ({}, {"JOBRUNNER_JOB": "x" * 300})]
    assert [False, False] == [is_of(task, project="shop", stage="prod") for task in nameless]


def test_a_task_that_runs() -> None:
    """Which run and attempt it is of is in its overrides; it has no end yet."""
    task = ours(running_task, main="app", environment=IDENTITY | {"JOBRUNNER_SCHEDULED_TIME": "2026-01-01T02:00:00Z"})
    note = launch(task, version=3)
    assert (RUN, "etl", "library", NOON.replace(hour=2)) == (
        note.identity.run_id,
        note.identity.job,
        note.identity.trigger,
        note.identity.scheduled_time,
    )
    assert (2, task.created_at, "app", task, None, 3, None) == (
        note.attempt,
        note.at,
        note.main,
        note.task,
        note.outcome,
        note.version,
        note.on_demand_usd,
    )


def test_a_task_that_has_stopped() -> None:
    """It is judged as whoever follows it would, and billed from the pull to the stop: 110 seconds."""
    note = launch(ours(exit_code=3))
    assert note.outcome is not None
    tariff = Tariff(region="eu-west-1", operating_system=LINUX, architecture="x86_64", capacity="on-demand")
    cost = cost_of(Resources(cpu=256, memory=512), 110, tariff, PRICES)
    assert (Verdict.FAILED, 3, 110, cost, "on-demand") == (
        note.outcome.verdict,
        note.outcome.exit_code,
        note.outcome.billed_seconds,
        note.outcome.cost_usd,
        note.outcome.capacity,
    )
    assert (RUN, "etl", 2, note.on_demand_usd) == (
        note.outcome.run_id,
        note.outcome.job,
        note.outcome.attempt,
        note.outcome.cost_usd,
    )
    assert note.outcome.logs.reason == "the log was not read"


def test_only_the_jobs_own_container_counts() -> None:
    """It is the one whose overrides hold the run's id; where none does, it is the one called main."""
    containers = (container("app", exit_code=0), container("main", exit_code=1))
    named, unnamed = (launch(ours(main=main, containers=containers)) for main in ("app", None))
    assert [Verdict.SUCCEEDED, Verdict.FAILED] == [note.outcome and note.outcome.verdict for note in (named, unnamed)]


def test_what_spot_has_saved_can_be_told() -> None:
    """Beside the bill of a task on Spot stands what it would have cost on demand; unknown prices stay unknown."""
    note = launch(ours(capacity_provider="FARGATE_SPOT"))
    plain = launch(ours())
    assert note.outcome is not None
    assert plain.outcome is not None
    assert ("spot", plain.outcome.cost_usd) == (note.outcome.capacity, note.on_demand_usd)
    unpriced = launch(ours(capacity_provider="FARGATE_SPOT"), prices=PriceTable(prices={}))
    assert (110, None) == (unpriced.outcome and unpriced.outcome.billed_seconds, unpriced.on_demand_usd)


def test_a_task_that_does_not_say_when_it_was_made() -> None:
    """Then the time of the event stands for it."""
    assert launch(ours(running_task, created_at=None)).at == NOON


@pytest.mark.parametrize(
    "changes",
    [
        {"JOBRUNNER_RUN_ID": ""},
        {"JOBRUNNER_RUN_ID": "\x1b[31mred"},
        {"JOBRUNNER_RUN_ID": "other@2026-01-01T12:00:00Z"},
        {"JOBRUNNER_JOB": ""},
        {"JOBRUNNER_JOB": "a\nb"},
        {"JOBRUNNER_JOB": "x" * 65},
    ],
    ids=str,
)
def test_names_that_jobrunner_does_not_give_are_no_runs(changes: dict[str, str]) -> None:
    """Somebody may start a task in the project's group, or write an event of one."""
    event = TaskEvent(task=ours(environment=IDENTITY | changes), version=1, at=NOON)
    assert None is notes_of(event, source=SOURCE, prices=PRICES)


def test_another_projects_task_is_not_noted() -> None:
    """The local endpoint's rule writes the events of all projects into one log group."""
    event = TaskEvent(task=ours(group=naming.task_group(project="other", stage="prod")), version=1, at=NOON)
    assert None is notes_of(event, source=SOURCE, prices=PRICES)


@pytest.mark.parametrize(
    ("said", "attempt"), [("1", 1), ("7", 7), ("0", 1), ("", 1), ("-1", 1), ("9" * 5000, 1), ("²", 1)]
)
def test_an_attempt_that_cannot_be_is_the_first(said: str, attempt: int) -> None:
    """A number that no retry reaches is somebody's joke."""
    assert attempt == launch(ours(environment=IDENTITY | {"JOBRUNNER_ATTEMPT": said})).attempt


@pytest.mark.parametrize("said", ["", "yesterday", "2026-01-01T12:00:00", "2026-13-01T12:00:00Z"])
def test_a_time_that_is_none_is_not_known(said: str) -> None:
    """Nor is a trigger that is none of ours."""
    changes = {"JOBRUNNER_SCHEDULED_TIME": said, "JOBRUNNER_TRIGGER": said}
    identity = launch(ours(environment=IDENTITY | changes)).identity
    assert (None, "unknown") == (identity.scheduled_time, identity.trigger)


def test_an_execution_that_runs() -> None:
    """It looks after the run of its input, of the job that the scope says is the project's."""
    note = told(RUNNING)
    assert note is not None
    assert (SCHEDULED, "etl", "schedule", NOON) == (
        note.identity.run_id,
        note.identity.job,
        note.identity.trigger,
        note.identity.scheduled_time,
    )
    assert (NAME, NOON, True, None) == (note.name, note.at, note.running, note.end)


def test_an_execution_that_has_succeeded() -> None:
    """The end of its task is named, so that what ECS has said of that goes first; its bill is not known from here."""
    output = json.dumps({"run_id": SCHEDULED, "attempt": 2, "task_arn": TASK, "verdict": "succeeded"})
    end = ended(SUCCEEDED, output=output)
    assert (Verdict.SUCCEEDED, 2, TASK, None, None) == (
        end.verdict,
        end.attempt,
        end.task_arn,
        end.billed_seconds,
        end.cost_usd,
    )
    assert not end.logs.complete


def test_a_run_that_was_skipped() -> None:
    """Only the execution knows of it; nothing ran, and nothing is billed."""
    output = json.dumps({"run_id": SCHEDULED, "skipped": "overlap", "running": [{"run_id": "etl@x", "task_arn": TASK}]})
    note = told(SUCCEEDED, output=output)
    assert note is not None
    entry = entry_of(SOURCE, [note])
    assert entry.skipped
    assert entry.outcome is not None
    assert (Verdict.NEVER_STARTED, "skipped", 0, Decimal(0), LogReport(complete=True, events=0)) == (
        entry.outcome.verdict,
        entry.outcome.reason,
        entry.outcome.billed_seconds,
        entry.outcome.cost_usd,
        entry.outcome.logs,
    )


def test_a_run_that_goes_on_elsewhere() -> None:
    """One execution has ended, and the run has not; that of the next number looks after it."""
    output = json.dumps({"run_id": SCHEDULED, "continued": "arn:…"})
    first, second = told(SUCCEEDED, output=output), told(RUNNING, name=f"{NAME}.2")
    assert first is not None
    assert second is not None
    assert (False, None, True) == (first.running, first.end, second.running)
    assert None is entry_of(SOURCE, [first, second]).outcome


def test_a_run_that_was_never_placed() -> None:
    """Its last launch made no task: that costs nothing, and the attempts before it have bills of their own."""
    end = failed("jobrunner.never_started", verdict="never_started", reason="capacity", attempt=2, task_arn=None)
    assert (Verdict.NEVER_STARTED, "capacity", 2, None, 0) == (
        end.verdict,
        end.reason,
        end.attempt,
        end.task_arn,
        end.billed_seconds,
    )


def test_a_run_that_was_overtaken() -> None:
    """It is told as its last attempt ended, and the launch that did not come costs nothing, whatever that end was."""
    end = failed("jobrunner.Overtaken", verdict="lost", reason="overtaken", attempt=2, task_arn=None)
    assert (Verdict.LOST, "overtaken", 0) == (end.verdict, end.reason, end.billed_seconds)


def test_a_launch_of_which_nobody_knows() -> None:
    """Where it is not known whether there was a task, neither is what it cost."""
    end = failed("jobrunner.lost", verdict="lost", reason="unanswered", attempt=1, task_arn=None)
    assert (Verdict.LOST, None, None) == (end.verdict, end.billed_seconds, end.cost_usd)


def test_an_execution_that_was_stopped() -> None:
    """By jobrunner, or by a person in the console."""
    stops = [ended(ABORTED, error=STOPPED_ERROR, cause="jobrunner: stopped"), ended(ABORTED)]
    assert [Verdict.STOPPED] * 2 == [end.verdict for end in stops]
    assert [(1, 0)] * 2 == [(end.attempt, end.billed_seconds) for end in stops]


def test_an_execution_that_broke() -> None:
    """Nobody looks after the run any more, and its bill is not known."""
    ends = [ended("TIMED_OUT"), ended("FAILED", error="States.Runtime", cause="no JSON"), ended(SUCCEEDED, output=None)]
    assert [(Verdict.LOST, "state_machine", None)] * 3 == [
        (end.verdict, end.reason, end.billed_seconds) for end in ends
    ]


@pytest.mark.parametrize("output", [{"started": "arn:…"}, {"started_before": NAME}])
def test_a_delivery_is_no_run(output: dict[str, str]) -> None:
    """EventBridge Scheduler starts an execution under a name of its own, which starts the run's."""
    assert [None, None] == [told(RUNNING, name="uuid"), told(SUCCEEDED, name="uuid", output=json.dumps(output))]


def test_a_delivery_that_failed_is_told() -> None:
    """Then there may be no other execution; one that another delivery has started is the later one."""
    cause = json.dumps({"verdict": "never_started", "reason": "refused", "detail": "AccessDenied", "attempt": 1})
    delivery = told("FAILED", name="uuid", error="jobrunner.never_started", cause=cause)
    assert delivery is not None
    alone = entry_of(SOURCE, [delivery]).outcome
    assert alone is not None
    assert (Verdict.NEVER_STARTED, "refused") == (alone.verdict, alone.reason)
    output = json.dumps({"attempt": 1, "task_arn": TASK, "verdict": "succeeded"})
    other = told(SUCCEEDED, output=output)
    assert other is not None
    both = entry_of(SOURCE, [other, delivery]).outcome
    assert both is not None
    assert Verdict.SUCCEEDED is both.verdict


@pytest.mark.parametrize(
    "given",
    [
        "",
        "[]",
        "[" * 100_000,
        {},
        {"run_id": 1, "scope": SCOPE},
        {"run_id": RUN, "scope": SCOPE},
        {"run_id": SCHEDULED},
        {"run_id": SCHEDULED, "scope": naming.schedule_scope(project="shop", stage=None, job="etl")},
        {
            "run_id": "etl@2026-99-99T12:00:00Z",
            "scope": SCOPE,
        },
    ],
    ids=lambda given: str(given)[:40],
)
def test_what_looks_after_no_run_of_the_project(given: Any) -> None:
    """Another state machine's execution, another project's, or what somebody made up."""
    assert None is told(RUNNING, given=given)


def test_an_executions_name_is_short() -> None:
    """Step Functions gives none of over 80 characters; its number is read as one."""
    assert None is told("FAILED", name=f"{NAME}.{'9' * 5000}")


@pytest.mark.parametrize("attempt", [0, -1, 10**30, "1", None])
def test_numbers_that_cannot_be(attempt: object) -> None:
    """An end is a line of history: it can be stored whatever somebody wrote into it."""
    end = failed(attempt=attempt, exit_code=10**30, detail="half \ud800 a pair")
    assert (1, None, "half ? a pair") == (end.attempt, end.exit_code, end.detail)
    assert 75 == failed(exit_code=75).exit_code


@given(
    st.sampled_from([RUNNING, SUCCEEDED, ABORTED, "FAILED", "TIMED_OUT", ""]),
    st.text(max_size=20) | st.just("[" * 100_000),
    st.none() | st.text(max_size=40),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["verdict", "task_arn", "attempt", "skipped", "running", "run_id", "reason", "detail"]),
                inner,
                max_size=4,
            )
        ),
    ),
)
def test_no_end_is_too_strange_to_be_kept(status: str, error: str, text: str | None, cause: Any) -> None:
    """Whatever an execution says, what is noted of it can be stored and read back."""
    for said in (text, json.dumps(cause)):
        for code in (error, "jobrunner.failed"):
            note = told(status, output=said, error=code, cause=said)
            assert note is not None
            assert note == note_from_json(json.loads(json.dumps(note.to_json()).encode().decode()))
