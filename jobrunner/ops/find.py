"""Find a run by what a person or an orchestrator has of it: id, prefix, task ARN, reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.core import naming
from jobrunner.core.ending import NOT_SENT, unlaunched
from jobrunner.core.launching import IN_FLIGHT
from jobrunner.errors import (
    AmbiguousRunError,
    AwsError,
    AwsThrottledError,
    AwsUnreachableError,
    LocalEndpointError,
    UnknownRunError,
)
from jobrunner.ops import from_history
from jobrunner.ops.executions import Found, as_the_execution_says, known_to_the_execution
from jobrunner.ops.from_ecs import gone_on, joined, record_of
from jobrunner.ops.patience import patiently
from jobrunner.ops.perform import order_of, task_of_launch
from jobrunner.ops.tasks_of import run_id_of, siblings_of, tasks_named

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.ports import Runs
    from jobrunner.core.record import RunRecord
    from jobrunner.core.settings import Settings
    from jobrunner.ops.ports import Ports

_LISTED = 5


def find(ports: Ports, settings: Settings, name: str | naming.RunRef) -> Found:
    """Give the record of a run: from this machine, from what ECS or the state machine still knows, or from history.

    In that order: what history has read of a run may be older than what ECS says of it.

    Args:
        ports: The outside.
        settings: For the cluster to ask about a run that this machine has no record of, and for whose scheduled runs
            are meant.
        name: A run id, an unambiguous prefix of one, a task ARN, or a `RunRef` (as value or text).

    Raises:
        UnknownRunError: Nobody knows such a run.
        AmbiguousRunError: The prefix names several.
        LocalEndpointError: It ran on a local endpoint that has gone, and its end is not known.
    """
    text = str(name)
    found = recorded(ports.runs, text, _LISTED + 1)
    if not naming.is_task_arn(text):
        found = [record for record in found if record.is_of(settings.project, settings.stage)]
    if len(found) > 1:
        raise _ambiguous(text, [f"{record.run_id} ({record.job})" for record in found])
    if not found:
        known = _unrecorded(ports, settings, text)
    else:
        record = from_history.reminded(ports, settings, found[0])
        known = _caught_up(ports, settings, record) if record.scheduled else Found(record=record)
    _check_reachable(ports, known.record)
    return known


def recorded(runs: Runs, name: str, limit: int) -> Sequence[RunRecord]:
    """Give this machine's records that a name may mean: none, the one, or at most `limit` of a prefix."""
    if naming.is_ref(name):
        one = runs.get(naming.RunRef.parse(name).run_id)
    elif naming.is_task_arn(name):
        one = runs.by_task(name)
    else:
        one = runs.get(_spelt(name))
        if one is None and name:
            return _of_prefix(runs, name, limit)
    return (one,) if one else ()


def _spelt(name: str) -> str:
    """Give an id as it is stored: one that was drawn may be typed in capitals, the name of a job may not."""
    return name if "@" in name else name.lower()


def _of_prefix(runs: Runs, name: str, limit: int) -> Sequence[RunRecord]:
    found = [*runs.find(name, limit)]
    if (spelt := _spelt(name)) != name:
        found += [record for record in runs.find(spelt, limit) if not record.scheduled]
    return found[:limit]


def settle_launch(ports: Ports, record: RunRecord) -> RunRecord:
    """Find the task of a record that has none: its process ended between storing it and ECS's answer.

    Waits until ECS is sure to show a task if there is one. Nothing is started from here: somebody who looks
    does not expect to start a migration.
    """
    if record.task_arn is not None or record.outcome is not None or not record.sent:
        return record
    window = max(ports.connection.task_settle, IN_FLIGHT)
    while (task_arn := patiently(ports.clock, lambda: task_of_launch(ports, record))) is None:
        age = (ports.clock.now() - record.asked_at).total_seconds()
        if age >= window:
            break
        ports.clock.sleep(min(1.0, window - age))
    if task_arn is not None:
        return ports.runs.advance(record.with_task(task_arn))
    return ports.runs.advance(record.with_outcome(unlaunched(NOT_SENT, record).after(record.earlier)))


def _unrecorded(ports: Ports, settings: Settings, name: str) -> Found:
    """Ask AWS for a run that this machine has no record of."""
    try:
        return _asked_for(ports, settings, name)
    except AwsUnreachableError:
        # A local endpoint that does not answer has gone, and nothing of a run that is over can change any more.
        over = None if ports.connection.endpoint_id is None else from_history.over(ports, settings, name)
        if over is None:
            raise
        return Found(record=over)


def _asked_for(ports: Ports, settings: Settings, name: str) -> Found:
    if naming.is_ref(name):
        ref = naming.RunRef.parse(name)
        return _from_ecs(ports, settings, ref.cluster, ref.run_id, ref.task_id)
    if naming.is_task_arn(name):
        return _from_task(ports, settings, naming.cluster_of(name) or settings.cluster, name, name)
    if "@" in name or naming.is_run_id(_spelt(name)):
        return _from_ecs(ports, settings, settings.cluster, _spelt(name), None)
    recalled = from_history.recall(ports, settings, name)
    if not recalled.entries:
        if isinstance(trouble := recalled.trouble, AwsUnreachableError):
            raise trouble
        raise UnknownRunError(
            f"this machine knows no run {name!r}, nor does history",
            hint=f"{recalled.words} ECS finds a run by its complete id or its task ARN only; "
            "`jobrunner ps` lists what runs now.",
        )
    # History tells the rest of the id. Where the run is, ECS knows better.
    return _from_ecs(ports, settings, settings.cluster, _only_id(name, recalled.ids), None)


def _from_ecs(ports: Ports, settings: Settings, cluster: str, name: str, task_id: str | None) -> Found:
    tasks = tasks_named(ports, cluster, name, project=settings.project, stage=settings.stage)
    if not tasks and task_id:
        return _from_task(ports, settings, cluster, task_id, name)
    if not tasks:
        return _forgotten(ports, settings, cluster, name)
    ids = {run_id_of(task) or "" for task in tasks}
    if not naming.is_run_id(name):
        ids |= set(from_history.recall(ports, settings, name).ids)
    _only_id(name, ids)
    return _from_tasks(ports, settings, cluster, tasks)


def _from_task(ports: Ports, settings: Settings, cluster: str, task: str, name: str) -> Found:
    """Build the record of the run that a task belongs to."""
    snapshot = patiently(ports.clock, lambda: ports.tasks.describe(cluster, [task])).get(task)
    if snapshot is None:
        return _forgotten(ports, settings, cluster, name, task=task)
    return _from_tasks(ports, settings, cluster, siblings_of(ports, cluster, snapshot))


def _forgotten(ports: Ports, settings: Settings, cluster: str, name: str, *, task: str | None = None) -> Found:
    """Ask history, and the state machine, for a run of which ECS knows no task.

    Of a task, history knows times and bill, and the state machine nothing; but that alone knows whether another attempt
    follows.
    """
    recalled = from_history.recall(ports, settings, name)
    entry = recalled.entry(_only_id(name, recalled.ids)) if recalled.entries else None
    record = None if entry is None else from_history.complete_record(ports, settings, entry)
    if record is not None and entry is not None and entry.launches:
        if record.scheduled and record.at(ports.connection) and record.is_of(settings.project, settings.stage):
            return as_the_execution_says(ports, settings, record, record.tasks)
        return Found(record=record)
    untold = ""
    try:
        told = None if naming.is_task_arn(name) else known_to_the_execution(ports, settings, cluster, name)
    except AwsError as error:
        told, untold = None, f" What the state machine knows could not be asked: {error.what}."
    if (known := told or record) is not None:
        return Found(record=known)
    stage = f", stage {settings.stage}" if settings.stage else ""
    whose = f" It was looked for in project {settings.project}{stage}." if "@" in name else ""
    run = f"neither this machine nor ECS knows run {name!r} in cluster {cluster}"
    raise UnknownRunError(
        f"{run if task is None else f'ECS does not know task {task}'}, nor does history",
        hint=f"ECS forgets a stopped task after about an hour. {recalled.words}{untold}{whose}",
    )


def _only_id(name: str, ids: Collection[str]) -> str:
    """Give the one id that a name means.

    Raises:
        AmbiguousRunError: It means several.
    """
    first, *others = sorted(ids, reverse=True)
    if others:
        raise _ambiguous(name, [first, *others])
    return first


def _from_tasks(ports: Ports, settings: Settings, cluster: str, tasks: Sequence[TaskSnapshot]) -> Found:
    """Build a record from what ECS says of a run's tasks; it is stored if jobrunner started them."""
    newest = max(tasks, key=order_of)
    record = joined(record_of(ports, settings, cluster, newest), tasks, ports.prices)
    ours = run_id_of(newest) is not None and (not record.scheduled or newest.started_by == _started_by(record))
    if not ours:
        return Found(record=record)
    record = ports.runs.add_all([record])[0]
    return as_the_execution_says(ports, settings, record, tasks) if record.scheduled else Found(record=record)


def _started_by(record: RunRecord) -> str:
    """Give the `startedBy` of the scheduled runs of a record's job in its project and stage."""
    scope = naming.schedule_scope(project=record.project, stage=record.stage, job=record.job)
    return naming.started_by_schedule(scope)


def _ambiguous(name: str, found: Sequence[str]) -> AmbiguousRunError:
    more = " and more" if len(found) > _LISTED else ""
    return AmbiguousRunError(f"{name!r} names several runs", hint=f"{', '.join(found[:_LISTED])}{more}")


def _caught_up(ports: Ports, settings: Settings, record: RunRecord) -> Found:
    """Bring the record of a scheduled run to where AWS shows it: its attempts are launched by AWS alone."""
    here = record.at(ports.connection)
    if here and record.outcome is not None and record.outcome.succeeded:
        return Found(record=record)
    try:
        tasks = tasks_named(ports, record.cluster, record.run_id, project=record.project, stage=record.stage)
    except (AwsUnreachableError, AwsThrottledError) as error:
        # Whoever has to know more of it asks again, and is as patient as befits that. A local endpoint that does not
        # answer has gone, and its state machine with it.
        gone = ports.connection.endpoint_id is not None and isinstance(error, AwsUnreachableError)
        return Found(record=record, trouble=None if gone or record.outcome is None else error)
    if not here:
        # Another local endpoint, for which the same time may have come.
        return _from_tasks(ports, settings, record.cluster, tasks) if tasks else Found(record=record)
    known = {record.task_arn, *(one.task_arn for one in record.earlier)}
    if tasks and max(tasks, key=order_of).task_arn not in known:
        record = ports.runs.advance(gone_on(record, tasks, ports.prices))
    if not record.is_of(settings.project, settings.stage):
        return Found(record=record)  # its task was named by its ARN
    return as_the_execution_says(ports, settings, record, tasks)


def _check_reachable(ports: Ports, record: RunRecord) -> None:
    if record.at(ports.connection) or record.outcome is not None:
        return
    if record.endpoint_id is not None:
        raise LocalEndpointError(
            f"run {record.run_id} ran on the local endpoint {record.endpoint_url}, which has gone",
            hint="A local endpoint takes its tasks with it. `jobrunner local` starts one that stays.",
        )
    there = record.endpoint_url or f"AWS, region {record.region}"
    here = ports.connection.endpoint_url or f"AWS, region {ports.connection.region}"
    raise UnknownRunError(
        f"run {record.run_id} is at {there}, and this command talks to {here}",
        hint=f"Name its stage: --stage {record.stage}" if record.stage else None,
    )
