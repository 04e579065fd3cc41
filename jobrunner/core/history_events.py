"""Events of ECS and of Step Functions, as a rule of EventBridge writes them into a log group, and what they tell.

Whoever may write into the log group may write anything: what is no task or execution of a project's is not noted, and
what is made up of a run is never more than a line of its history. Which run a task is of comes from the environment of
its overrides, which outlives its tags; which one an execution looks after, from its input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from jobrunner.core import naming
from jobrunner.core.billing import cost_usd, tariff_of
from jobrunner.core.ending import conclude, unread
from jobrunner.core.execution import RUNNING, SUCCEEDED
from jobrunner.core.history_notes import ExecutionNote, Identity, LaunchNote
from jobrunner.core.observations import Subject
from jobrunner.core.options import Trigger
from jobrunner.core.outcome import UNREAD, LogReport, Outcome, Verdict, moment_told
from jobrunner.core.request import (
    ATTEMPT_VARIABLE,
    JOB_VARIABLE,
    RUN_ID_VARIABLE,
    SCHEDULED_TIME_VARIABLE,
    TRIGGER_VARIABLE,
)
from jobrunner.core.retry import ON_DEMAND, SPOT
from jobrunner.core.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobrunner.core.billing import PriceTable
    from jobrunner.core.execution import Execution, ExecutionEnd
    from jobrunner.core.history import Source
    from jobrunner.core.lifecycle import TaskSnapshot

_JOB: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
#: What a number of attempts has at most; the schema of a job allows far less.
_ATTEMPT_DIGITS: Final = 6
#: Of an execution (StartExecution, API reference).
_NAME_LENGTH: Final = 80
_TRIGGERS: Final = frozenset(map(str, Trigger))
_ATTEMPTS: Final = range(1, 10**_ATTEMPT_DIGITS)
_EXIT_CODES: Final = range(-(2**31), 2**31)
#: Where ECS does not say the processor; as `from_ecs` has it.
ARCHITECTURE: Final = "x86_64"
#: The reason of a run that another one has overtaken between two launches; see `core.state_machine`.
_OVERTAKEN: Final = "overtaken"


@dataclass(frozen=True, kw_only=True)
class TaskEvent:
    """An `ECS Task State Change` event.

    Attributes:
        task: What ECS said of the task.
        version: Of its state: it rises with each change, and of two equal ones one is a second delivery.
        at: When it changed.
    """

    task: TaskSnapshot
    version: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class ExecutionEvent:
    """A `Step Functions Execution Status Change` event.

    Attributes:
        execution: The execution as the event shows it.
        at: When it started, or when it ended.
    """

    execution: Execution
    at: datetime


Event: TypeAlias = TaskEvent | ExecutionEvent


@dataclass(frozen=True, kw_only=True)
class EventPage:
    """A page of the log group, oldest event first.

    Attributes:
        events: Those that can be read.
        unreadable: How many others there are.
        newest: The log's time of the last one; None of an empty page.
        token: For the next page; None when this is the last.
    """

    events: Sequence[Event]
    unreadable: int
    newest: datetime | None
    token: str | None


def is_of(task: TaskSnapshot, *, project: str, stage: str | None) -> bool:
    """Tell whether a task is of a project and stage: by its group, in which jobrunner writes both.

    An older task has none of jobrunner's: it is known by its family, or by what its job's schedules start it as.
    """
    if naming.is_task_group(task.group):
        return task.group == naming.task_group(project=project, stage=stage)
    job = task.environment.get(JOB_VARIABLE, "")
    if _JOB.fullmatch(job) is None:
        return False
    family = (task.task_definition_arn or "").rsplit("/", 1)[-1].partition(":")[0]
    scope = naming.schedule_scope(project=project, stage=stage, job=job)
    return family == naming.family(project=project, stage=stage, job=job) or (
        task.started_by == naming.started_by_schedule(scope)
    )


def notes_of(event: Event, *, source: Source, prices: PriceTable) -> LaunchNote | ExecutionNote | None:
    """Give what an event tells of a run; None when it is of no run of the project and stage.

    Args:
        event: Any.
        source: Whose runs are looked for, and in which region, for the bill.
        prices: For the bill.
    """
    if isinstance(event, TaskEvent):
        return _launch(event, source, prices)
    return _execution(event, source)


def on_demand_usd(task: TaskSnapshot, outcome: Outcome, *, region: str, prices: PriceTable) -> Decimal | None:
    """Estimate what Fargate would have charged for a task without Spot; None when that is unknown."""
    tariff = tariff_of(task, region=region, architecture=ARCHITECTURE)
    return cost_usd(outcome.billed_seconds, task, replace(tariff, capacity=ON_DEMAND), prices)


def _launch(event: TaskEvent, source: Source, prices: PriceTable) -> LaunchNote | None:
    task = event.task
    if not is_of(task, project=source.project, stage=source.stage):
        return None
    identity = _identity(task.environment)
    if identity is None:
        return None
    main, attempt = task.main or naming.MAIN_CONTAINER, _attempt(task)
    outcome = None
    if task.stopped:
        subject = _subject(event, identity, main, attempt, source)
        outcome = conclude(judge(task, main), task, subject, prices=prices, logs=unread(task))
    return LaunchNote(
        identity=identity,
        attempt=attempt,
        at=task.created_at or event.at,
        main=main,
        task=task,
        outcome=outcome,
        version=event.version,
        on_demand_usd=None if outcome is None else _without_spot(task, outcome, source, prices),
    )


def _without_spot(task: TaskSnapshot, outcome: Outcome, source: Source, prices: PriceTable) -> Decimal | None:
    return on_demand_usd(task, outcome, region=source.region, prices=prices) if task.on_spot else outcome.cost_usd


def _subject(event: TaskEvent, identity: Identity, main: str, attempt: int, source: Source) -> Subject:
    task = event.task
    return Subject(
        run_id=identity.run_id,
        job=identity.job,
        attempt=attempt,
        task_arn=task.task_arn,
        main=main,
        streams=None,
        region=source.region,
        architecture=task.architecture or ARCHITECTURE,
        launched_at=task.created_at or event.at,
        capacity=SPOT if task.on_spot else ON_DEMAND,
    )


def _identity(variables: Mapping[str, str]) -> Identity | None:
    """Read which run a task is of; None when the names are none that jobrunner gives."""
    run_id, job = variables.get(RUN_ID_VARIABLE, ""), variables.get(JOB_VARIABLE, "")
    if not naming.is_run_id(run_id) or _JOB.fullmatch(job) is None:
        return None
    if (naming.scheduled_of(run_id) or (job,))[0] != job:
        return None
    trigger = variables.get(TRIGGER_VARIABLE, "")
    return Identity(
        run_id=run_id,
        job=job,
        trigger=trigger if trigger in _TRIGGERS else "unknown",
        scheduled_time=moment_told(variables.get(SCHEDULED_TIME_VARIABLE)),
    )


def _attempt(task: TaskSnapshot) -> int:
    said = task.environment.get(ATTEMPT_VARIABLE, "")
    return max(1, int(said)) if said.isdecimal() and len(said) <= _ATTEMPT_DIGITS else 1


def _execution(event: ExecutionEvent, source: Source) -> ExecutionNote | None:
    execution = event.execution
    scheduled = _scheduled(execution, source)
    if scheduled is None:
        return None
    identity, name = scheduled
    looks_after = execution.name == name or _continues(execution.name, name)
    if not looks_after and execution.status in {RUNNING, SUCCEEDED}:
        return None  # a delivery, which starts the execution under its name, or finds it started
    end = execution.end
    return ExecutionNote(
        identity=identity,
        name=execution.name,
        # A delivery that failed is no later than the execution that another one of the same time has started.
        at=event.at if looks_after else execution.started_at,
        running=execution.running,
        end=None if end is None else _ended(identity, end),
    )


def _continues(name: str, first: str) -> bool:
    return name.startswith(f"{first}.") and name.removeprefix(f"{first}.").isdecimal()


def _scheduled(execution: Execution, source: Source) -> tuple[Identity, str] | None:
    """Read which run an execution looks after, and what its first execution is called; None if it is no such one.

    The scope, in the input, is a digest of project, stage and job.
    """
    run_id = execution.given.get("run_id")
    scheduled = naming.scheduled_of(run_id) if isinstance(run_id, str) else None
    if scheduled is None or len(execution.name) > _NAME_LENGTH:
        return None
    job, time = scheduled
    scope, moment = naming.schedule_scope(project=source.project, stage=source.stage, job=job), moment_told(time)
    if execution.given.get("scope") != scope or moment is None:
        return None
    identity = Identity(
        run_id=naming.scheduled_run_id(job, time), job=job, trigger=str(Trigger.SCHEDULE), scheduled_time=moment
    )
    return identity, naming.execution_name(scope, time)


def _ended(identity: Identity, end: ExecutionEnd) -> Outcome:
    """Give a run's end as its execution tells it: of a task neither times nor bill, nor whether its log is complete.

    Where no task is named none was launched: what it says is of the launch that was to come.
    """
    judgement = end.judgement
    certain = judgement.verdict is not Verdict.LOST or judgement.reason == _OVERTAKEN
    nothing_ran = end.task_arn is None and certain
    return Outcome(
        run_id=identity.run_id,
        job=identity.job,
        attempt=_within(_ATTEMPTS, end.attempt) or 1,
        verdict=judgement.verdict,
        reason=_clean(judgement.reason),
        exit_code=_within(_EXIT_CODES, judgement.exit_code),
        detail=_clean(judgement.detail),
        task_arn=None if end.task_arn is None else _clean(end.task_arn),
        billed_seconds=0 if nothing_ran else None,
        cost_usd=Decimal("0.000000") if nothing_ran else None,
        logs=LogReport(complete=True, events=0) if nothing_ran else UNREAD,
    )


def _within(numbers: range, said: int | None) -> int | None:
    # Python goes through a range, one by one, for what is no whole number.
    return said if said is not None and said in numbers else None


def _clean(text: str) -> str:
    """Give a text that can be written: JSON may hold half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()
