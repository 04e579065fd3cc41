"""Scheduled runs that the state machine looks after: whether another attempt is to follow, and how they have ended.

ECS shows the tasks of a run, and nothing between two attempts; of a run that was skipped or never placed it shows
nothing at all, and a task is forgotten an hour after its end. All that the execution knows. It learns of a task's end
late, though, up to a tenth of the task's time: what it is going to decide then is worked out here, with its own policy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from jobrunner.core import naming
from jobrunner.core.ending import unlaunched
from jobrunner.core.execution import STOPPED_ERROR
from jobrunner.core.launching import IN_FLIGHT
from jobrunner.core.logs import log_sources
from jobrunner.core.outcome import UNREAD, Verdict, parse_iso
from jobrunner.core.record import RunRecord
from jobrunner.core.retry import Position, Retry, after_end
from jobrunner.core.stops import started, stopped_by
from jobrunner.core.verdict import judge
from jobrunner.errors import AwsError
from jobrunner.ops.from_ecs import ended_as, last_of
from jobrunner.ops.noting import noted
from jobrunner.ops.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobrunner.core.execution import Execution, ExecutionEnd
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.settings import Settings
    from jobrunner.ops.ports import Ports

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """A run that was found.

    Attributes:
        record: The run. That one waits for its next attempt (`waits`) is not stored: only the state machine decides
            which launch comes next.
        trouble: Why it is not known whether another attempt follows; None when it is.
    """

    record: RunRecord
    trouble: AwsError | None = None


def waits(record: RunRecord) -> bool:
    """Tell whether a scheduled run waits for its next attempt, or its first task, which the state machine launches."""
    return record.scheduled and not record.sent and record.task_arn is None and record.outcome is None


def execution_of(ports: Ports, settings: Settings, run_id: str) -> Execution | None:
    """Describe the execution that looks after a scheduled run, the last one if it needed several; None if none does.

    A job that asks for nothing that only the state machine does has none, nor has any when it is not deployed.

    Raises:
        AwsError: AWS refuses, or does not answer.
    """
    scheduled = naming.scheduled_of(run_id)
    if scheduled is None or settings.state_machine is None:
        return None
    from jobrunner.ops.plan import place_of  # noqa: PLC0415  few runs are scheduled, and a plan takes long to import

    machine = place_of(ports, settings).state_machine(settings.state_machine)
    job, time = scheduled
    scope = naming.schedule_scope(project=settings.project, stage=settings.stage, job=job)

    def numbered(number: int) -> Execution | None:
        name = naming.execution_name(scope, time, number)
        return patiently(ports.clock, lambda: ports.executions.describe(machine, name))

    found, number = numbered(1), 1
    while found is not None and found.continued:
        number += 1
        later = numbered(number)
        if later is None:
            break
        found = later
    return found


def as_the_execution_says(ports: Ports, settings: Settings, record: RunRecord, tasks: Sequence[TaskSnapshot]) -> Found:
    """Give a scheduled run as the state machine has it: waiting for its next attempt, or over.

    It is not asked while the last task runs, nor when that has succeeded.

    Args:
        ports: The outside.
        settings: Of the project and stage that the run is of.
        record: The run, as far as ECS and this machine know it.
        tasks: Its tasks that ECS knows.
    """
    # What an end was judged by goes before what ECS lists, which may be behind.
    seen = tasks if record.outcome is None else (*record.tasks, *tasks)
    task = next((one for one in seen if one.task_arn == record.task_arn), None)
    if _says_all(record, task):
        return Found(record=record)
    try:
        execution = execution_of(ports, settings, record.run_id)
    except AwsError as error:
        return Found(record=record, trouble=error)
    if execution is None:
        return Found(record=record)
    ended = _last_end(ports, record, task)
    end = execution.end
    if end is None:
        return Found(record=_waiting(ports, record, ended, _next(execution, record, task)))
    followed = _after(execution, end, record, ended, task)
    return Found(record=record if followed is None else ports.runs.advance(_concluded(followed, end)))


def known_to_the_execution(ports: Ports, settings: Settings, cluster: str, run_id: str) -> RunRecord | None:
    """Give the record of a run of which ECS knows no task, and this machine nothing; None if no execution knows it.

    Raises:
        AwsError: AWS refuses, or does not answer.
    """
    execution = execution_of(ports, settings, run_id)
    if execution is None:
        return None
    record = _record(ports, settings, cluster, run_id, execution)
    end = execution.end
    if end is None:
        # Not placed yet, or its tasks were forgotten during a long back-off: which attempt is next is not known.
        return record
    at = replace(record, attempt=end.attempt or 1, task_arn=end.task_arn)
    return ports.runs.add_all([_concluded(at, end)])[0]


def stop_execution(ports: Ports, settings: Settings, record: RunRecord, reason: str) -> bool:
    """Stop the execution of a run, so that nothing more is launched; tell whether one was under way.

    Raises:
        AwsError: AWS refuses, or does not answer.
    """
    execution = execution_of(ports, settings, record.run_id)
    if execution is None or not execution.running:
        return False
    machine, name = execution.machine, execution.name
    with noted(
        ports.audit, "execution_stopped", run_id=record.run_id, job=record.job, execution=name, reason=reason
    ) as note:
        stopped = patiently(
            ports.clock, lambda: ports.executions.stop(machine, name, error=STOPPED_ERROR, cause=reason)
        )
        note.only_if(stopped)
    return stopped


def stopped_between(
    ports: Ports, settings: Settings, record: RunRecord, look: Callable[[], RunRecord], reason: str
) -> RunRecord:
    """Stop a run that waits for its next attempt; give it as it is then.

    It is over, unless its next task was launched in that very moment: then it has that task, which is to be stopped.

    Args:
        ports: The outside.
        settings: Of the project and stage that the run is of.
        record: The run, which waits.
        look: Finds it again.
        reason: What StopTask would be told.

    Raises:
        AwsError: AWS refuses, or does not answer; the next attempt may come.
    """
    stopped = stop_execution(ports, settings, record, reason)
    until = ports.clock.now() + timedelta(seconds=IN_FLIGHT)
    # A launch that is far from due is certainly not under way.
    in_flight = record.asked_at <= until
    record = look()
    while in_flight and record.task_arn is None and ports.clock.now() < until:
        ports.clock.sleep(_LOOK_SECONDS)
        record = look()
    if waits(record):  # what Step Functions shows may be behind
        ended = unlaunched(stopped_by(reason), record).after(record.earlier)
        record = ports.runs.advance(record.with_outcome(ended))
    if stopped and record.task_arn is None:
        ports.audit.record("run_stopped", {"run_id": record.run_id, "job": record.job, "reason": reason})
    return record


def _says_all(record: RunRecord, task: TaskSnapshot | None) -> bool:
    """Tell whether the state machine can have nothing to add to what is known of a run."""
    if record.outcome is not None:
        return record.outcome.succeeded or record.outcome.task_arn is None
    return task is not None and (not task.stopped or judge(task, record.main).verdict is Verdict.SUCCEEDED)


def _last_end(ports: Ports, record: RunRecord, task: TaskSnapshot | None) -> Outcome | None:
    """Give the outcome of the run's last task; None when ECS has forgotten it before anybody saw its end."""
    if record.outcome is not None:
        return last_of(record.outcome)
    return None if task is None else ended_as(record, task, record.position, ports.prices)


def _next(execution: Execution, record: RunRecord, task: TaskSnapshot | None) -> Retry | None:
    """Give the launch that the execution decides on after a run's last task; None when the run is over with that.

    Where not all is known that the decision needs, one is taken for granted as long as the execution runs.
    """
    policy = execution.policy
    if policy is None or task is None or not _complete(record):
        return Retry(position=Position(attempt=record.attempt + 1, capacity=record.capacity), wait=0.0)
    return after_end(
        policy,
        record.position,
        judge(task, record.main),
        ran=started(task, task.container(record.main)),
        earlier=record.earlier,
        run_id=record.run_id,
    )


def _complete(record: RunRecord) -> bool:
    """Tell whether all attempts before a record's are known."""
    return {one.attempt for one in record.earlier} >= set(range(1, record.attempt))


def _waiting(ports: Ports, record: RunRecord, ended: Outcome | None, retry: Retry | None) -> RunRecord:
    if retry is None:
        return record
    since = (ended.stopped_at if ended else None) or ports.clock.now()
    return record.relaunch(retry.position, when=since + timedelta(seconds=retry.wait), ended=ended)


def _after(
    execution: Execution, end: ExecutionEnd, record: RunRecord, ended: Outcome | None, task: TaskSnapshot | None
) -> RunRecord | None:
    """Give the launch that an execution has ended with; None when that is the one of the last task that is known.

    Of that one, what ECS has said is more than what the execution says.
    """
    if ended is None:
        return replace(record, attempt=end.attempt or record.attempt, task_arn=end.task_arn or record.task_arn)
    if end.attempt is None:
        # It was stopped: a run that was to be tried again has ended with that, and any other before. If it broke, then
        # the last task was the last attempt.
        retry = None if end.judgement.verdict is Verdict.LOST else _next(execution, record, task)
        return None if retry is None else record.relaunch(retry.position, when=record.asked_at, ended=ended)
    if (end.attempt, end.task_arn) == (ended.attempt, ended.task_arn):
        return None
    launch = record.launch + 1 if end.attempt == ended.attempt else 1
    at = Position(attempt=end.attempt, launch=launch, capacity=record.capacity)
    later = record.relaunch(at, when=record.asked_at, ended=ended)
    return later if end.task_arn == ended.task_arn else replace(later, task_arn=end.task_arn)


def _concluded(record: RunRecord, end: ExecutionEnd) -> RunRecord:
    """Give the record of a run with the end that its execution tells; what that does not know of stays unknown.

    That is the times of a task, its bill, and its log.
    """
    outcome = replace(unlaunched(end.judgement, record), exit_code=end.judgement.exit_code, task_arn=record.task_arn)
    nothing_ran = end.skipped or (record.task_arn is None and bool(record.earlier) and _complete(record))
    if not nothing_ran:
        outcome = replace(outcome, billed_seconds=None, cost_usd=None, capacity=None, logs=UNREAD)
    return record.with_outcome(outcome.after(record.earlier))


def _record(ports: Ports, settings: Settings, cluster: str, run_id: str, execution: Execution) -> RunRecord:
    """Build the record of a run from the request that its execution was started with."""
    job, time = naming.scheduled_of(run_id) or ("", "")
    name = str(execution.request.get("TaskDefinition") or "")
    definition = patiently(ports.clock, lambda: ports.definitions.describe(name)) if name else None
    return RunRecord(
        run_id=run_id,
        job=job,
        project=settings.project,
        stage=settings.stage,
        trigger="schedule",
        created_at=execution.started_at,
        region=ports.connection.region,
        cluster=cluster,
        endpoint_url=ports.connection.endpoint_url,
        endpoint_id=ports.connection.endpoint_id,
        sent=False,
        main=execution.container,
        logs=log_sources(definition.containers if definition else (), region=ports.connection.region),
        scheduled_time=parse_iso(time),
    )
