"""Notes of runs, for tests of history: everything has a default, so that a test says only what it is about.

`from noted import launch`: pytest's `pythonpath` has this folder.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from jobrunner.core.history import ExecutionNote, Identity, LaunchNote, Note, Source, Teller
from jobrunner.core.lifecycle import STATES, STOPPED, ContainerSnapshot, TaskSnapshot
from jobrunner.core.outcome import LogReport, Outcome, Verdict

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOURCE = Source(project="demo", stage="prod", region="eu-west-1")
MANUAL = Identity(run_id="0000000000000001", job="etl", trigger="manual")
NIGHTLY = Identity(
    run_id="nightly@2026-01-01T12:00:00Z", job="nightly", trigger="schedule", scheduled_time=NOON
)  # fmt: skip
NAME = "SCOPE-2026-01-01T12.00.00Z"
_ARN = "arn:aws:ecs:eu-west-1:123456789012:task/batch/"


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def arn(number: int) -> str:
    """The ARN of a task."""
    return f"{_ARN}{number:032x}"


def launch(
    number: int = 1, *, identity: Identity = MANUAL, attempt: int = 1, begun: float = 0, spot: bool = False, **said: Any
) -> LaunchNote:
    """A launch whose task runs since its tenth second, of which four were the pull of its image."""
    task = TaskSnapshot(
        task_arn=arn(number),
        last_status="RUNNING",
        created_at=at(begun),
        pull_started_at=at(begun + 5),
        pull_stopped_at=at(begun + 9),
        started_at=at(begun + 10),
        capacity_provider="FARGATE_SPOT" if spot else "FARGATE",
    )
    return LaunchNote(
        **{"identity": identity, "attempt": attempt, "at": at(begun), "main": "main", "task": task, "outcome": None}
        | {"version": 3}
        | said
    )


def ended(
    note: LaunchNote, verdict: Verdict = Verdict.SUCCEEDED, *, after: float = 100, version: int = 6, **said: Any
) -> LaunchNote:
    """The same when its task has stopped, so many seconds after its creation; a second costs 100 micro-dollars."""
    task = note.task
    assert task is not None
    stop = note.at + timedelta(seconds=after)
    code = 0 if verdict is Verdict.SUCCEEDED else 3
    box = ContainerSnapshot(name="main", last_status=STOPPED, exit_code=code)
    task = replace(task, last_status=STOPPED, stopped_at=stop, containers=(box,))
    seconds = (
        None if task.pull_started_at is None else max(60, -((task.pull_started_at - stop) // timedelta(seconds=1)))
    )
    cost = None if seconds is None else Decimal(seconds) / 10_000
    outcome = Outcome(
        run_id=note.identity.run_id,
        job=note.identity.job,
        attempt=note.attempt,
        verdict=verdict,
        reason="exit",
        exit_code=code,
        detail=f"exit code {code}",
        task_arn=task.task_arn,
        created_at=task.created_at,
        pull_started_at=task.pull_started_at,
        started_at=task.started_at,
        stopped_at=stop,
        billed_seconds=seconds,
        cost_usd=cost,
        capacity="spot" if task.on_spot else "on-demand",
    )
    price = None if cost is None else cost * (3 if task.on_spot else 1)
    return replace(note, task=task, outcome=replace(outcome, **said), version=version, on_demand_usd=price)


def unlaunched(note: LaunchNote, verdict: Verdict = Verdict.NEVER_STARTED, *, reason: str = "capacity") -> LaunchNote:
    """The same without a task, as this machine records it."""
    end = without_task(note.identity, verdict, reason=reason, attempt=note.attempt)
    return replace(note, task=None, outcome=end, version=0, teller=Teller.RECORD)


def without_task(
    identity: Identity = NIGHTLY,
    verdict: Verdict = Verdict.NEVER_STARTED,
    *,
    reason: str = "capacity",
    attempt: int = 1,
) -> Outcome:
    """The end of a run, or of a launch, of which nothing ran."""
    return Outcome(
        run_id=identity.run_id,
        job=identity.job,
        attempt=attempt,
        verdict=verdict,
        reason=reason,
        exit_code=None,
        detail=reason,
        billed_seconds=0,
        cost_usd=Decimal(0),
        logs=LogReport(complete=True, events=0),
    )


def of_task(note: LaunchNote, verdict: Verdict = Verdict.SUCCEEDED) -> Outcome:
    """The end of a launch as its execution tells it: the task, and neither times nor bill."""
    end = without_task(note.identity, verdict, reason="exit", attempt=note.attempt)
    return replace(end, task_arn=note.task_arn, billed_seconds=None, cost_usd=None)


def execution(
    *,
    identity: Identity = NIGHTLY,
    number: int = 1,
    begun: float = 0,
    end: Outcome | None = None,
    running: bool = False,
) -> ExecutionNote:
    """An execution that looks after a run, or has: with an end it ended then, at `begun`."""
    name = NAME if number == 1 else f"{NAME}.{number}"
    return ExecutionNote(identity=identity, name=name, at=at(begun), running=running, end=end)


def under_way(**said: Any) -> ExecutionNote:
    """An execution that looks after a run still."""
    return execution(running=True, **said)


@st.composite
def notes_of_runs(draw: st.DrawFn) -> list[Note]:
    """What may be told of a few runs, contradictions and second deliveries included."""
    notes: list[Note] = []
    for number in range(draw(st.integers(1, 4))):
        identity = replace(
            draw(st.sampled_from([MANUAL, NIGHTLY])), run_id=f"{number:016x}", job=draw(st.sampled_from("ab"))
        )
        notes += draw(st.lists(_note(number, identity), min_size=1, max_size=6))
    return draw(st.permutations(notes))


@st.composite
def _note(draw: st.DrawFn, run: int, identity: Identity) -> Note:
    attempt, begun = draw(st.integers(1, 3)), draw(st.integers(0, 3)) * 200
    told = launch(
        run * 10 + draw(st.integers(0, 3)), identity=identity, attempt=attempt, begun=begun, spot=draw(st.booleans())
    )
    verdict = draw(st.sampled_from([Verdict.SUCCEEDED, Verdict.FAILED, Verdict.STOPPED, Verdict.LOST]))
    kind = draw(st.sampled_from(["state", "end", "record", "no task", "execution", "execution's end"]))
    if kind == "state":
        assert told.task is not None
        state = draw(st.sampled_from(STATES[:-1]))
        return replace(told, task=replace(told.task, last_status=state), version=draw(st.integers(0, 3)))
    if kind == "end":
        cost = draw(st.sampled_from([{}, {"cost_usd": None}, {"cost_usd": None, "billed_seconds": None}]))
        return ended(told, verdict, version=draw(st.integers(5, 7)), **cost)
    if kind == "record":
        logs = LogReport(complete=draw(st.booleans()), events=draw(st.integers(0, 2)))
        return replace(ended(told, verdict, logs=logs), teller=Teller.RECORD, version=0)
    if kind == "no task":
        return replace(unlaunched(told, verdict), **draw(st.sampled_from([{}, {"outcome": None}])))
    end = draw(st.sampled_from([None, of_task(told, verdict), without_task(identity, verdict, attempt=attempt)]))
    return execution(
        identity=identity,
        number=draw(st.integers(1, 2)),
        begun=begun + draw(st.sampled_from([0, 300])),
        end=end if kind != "execution" else None,
        running=kind == "execution",
    )
