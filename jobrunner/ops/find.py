"""Find a run by what a person or an orchestrator has of it: id, prefix, task ARN, reference."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobrunner.core import naming
from jobrunner.core.ending import NOT_SENT, conclude, unlaunched, unread
from jobrunner.core.launching import IN_FLIGHT
from jobrunner.core.logs import log_sources
from jobrunner.core.record import RunRecord
from jobrunner.core.request import relaunched
from jobrunner.core.retry import ON_DEMAND, SPOT, Position
from jobrunner.core.verdict import judge
from jobrunner.errors import AmbiguousRunError, LocalEndpointError, UnknownRunError
from jobrunner.ops.patience import patiently
from jobrunner.ops.perform import attempt_of, order_of, task_of_launch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobrunner.core.billing import PriceTable
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.ports import Runs
    from jobrunner.core.settings import Settings
    from jobrunner.ops.ports import Ports

_LISTED = 5


def find(ports: Ports, settings: Settings, name: str | naming.RunRef) -> RunRecord:
    """Give the record of a run, from this machine or, failing that, from what ECS still knows.

    Args:
        ports: The outside.
        settings: For the cluster to ask about a run that this machine has no record of.
        name: A run id, an unambiguous prefix of one, a task ARN, or a `RunRef` (as value or text).

    Raises:
        UnknownRunError: Nobody knows such a run.
        AmbiguousRunError: The prefix names several.
        LocalEndpointError: It ran on a local endpoint that has gone, and its end is not known.
    """
    text = str(name)
    found = recorded(ports.runs, text, _LISTED + 1)
    if len(found) > 1:
        names = ", ".join(f"{record.run_id} ({record.job})" for record in found[:_LISTED])
        more = " and more" if len(found) > _LISTED else ""
        raise AmbiguousRunError(f"{text!r} names several runs", hint=f"{names}{more}")
    return _reachable(ports, found[0] if found else _unrecorded(ports, settings, text))


def recorded(runs: Runs, name: str, limit: int) -> Sequence[RunRecord]:
    """Give this machine's records that a name may mean: none, the one, or at most `limit` of a prefix."""
    if naming.is_ref(name):
        one = runs.get(naming.RunRef.parse(name).run_id)
    elif naming.is_task_arn(name):
        one = runs.by_task(name)
    else:
        one = runs.get(name.lower())
        if one is None and name:
            return runs.find(name.lower(), limit)
    return (one,) if one else ()


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


def _unrecorded(ports: Ports, settings: Settings, name: str) -> RunRecord:
    """Ask ECS for a run that this machine has no record of."""
    if naming.is_ref(name):
        ref = naming.RunRef.parse(name)
        return _from_ecs(ports, settings, ref.cluster, ref.run_id, ref.task_id)
    if naming.is_task_arn(name):
        return _from_task(ports, settings, _cluster_of(name, settings), name)
    if naming.is_run_id(name.lower()):
        return _from_ecs(ports, settings, settings.cluster, name.lower(), None)
    raise UnknownRunError(
        f"this machine knows no run {name!r}",
        hint="A run that another machine started is found by its complete run id or its task ARN; "
        "`jobrunner ps` lists what runs now.",
    )


def _from_ecs(ports: Ports, settings: Settings, cluster: str, run_id: str, task_id: str | None) -> RunRecord:
    tasks = _of_run(ports, cluster, run_id) or ([task_id] if task_id else [])
    if not tasks:
        raise UnknownRunError(
            f"neither this machine nor ECS knows run {run_id!r} in cluster {cluster}",
            hint="ECS forgets a stopped task after about an hour.",
        )
    return _from_tasks(ports, settings, cluster, tasks)


def _of_run(ports: Ports, cluster: str, run_id: str) -> Sequence[str]:
    return patiently(ports.clock, lambda: ports.tasks.find(cluster, started_by=naming.started_by(run_id)))


def _from_task(ports: Ports, settings: Settings, cluster: str, task: str) -> RunRecord:
    """Build the record of the run that a task belongs to."""
    snapshot = patiently(ports.clock, lambda: ports.tasks.describe(cluster, [task])).get(task)
    run_id = naming.run_id_of(snapshot.started_by) if snapshot else None
    if snapshot is None or run_id is None:
        return _from_tasks(ports, settings, cluster, [task])
    siblings = _of_run(ports, cluster, run_id)
    return _from_tasks(ports, settings, cluster, [task] if len(siblings) <= 1 else siblings)


def _from_tasks(ports: Ports, settings: Settings, cluster: str, tasks: Sequence[str]) -> RunRecord:
    """Build a record from what ECS says of a run's tasks; it is stored if jobrunner started them."""
    found = patiently(ports.clock, lambda: ports.tasks.describe(cluster, tasks))
    if not found:
        raise UnknownRunError(
            f"ECS does not know task {tasks[0]}", hint="ECS forgets a stopped task after about an hour."
        )
    newest = max(found.values(), key=order_of)
    record = joined(record_of(ports, settings, cluster, newest), list(found.values()), ports.prices)
    return ports.runs.add(record) if naming.run_id_of(newest.started_by) else record


def joined(record: RunRecord, tasks: Sequence[TaskSnapshot], prices: PriceTable) -> RunRecord:
    """Give the record of a run, brought to where its tasks are: the newest is the current attempt's.

    Args:
        record: The run; with a request if it is to go on from here.
        tasks: All tasks of the run that ECS knows, at least one.
        prices: For the bills of the earlier ones.
    """
    *before, last = sorted(tasks, key=order_of)
    at = _position(last, tasks)
    since = last.created_at or record.created_at
    return replace(
        record,
        attempt=at.attempt,
        launch=at.launch,
        capacity=at.capacity,
        request=None if record.request is None else relaunched(record.request, record.run_id, at),
        created_at=min([record.created_at, *(one.created_at for one in tasks if one.created_at)]),
        requested_at=since,
        launched_at=since,
        task_arn=last.task_arn,
        earlier=tuple(_ended(record, one, _position(one, tasks), prices) for one in before if one.stopped),
        tasks=tuple(one for one in before if one.stopped),
    )


def _ended(record: RunRecord, task: TaskSnapshot, at: Position, prices: PriceTable) -> Outcome:
    then = replace(record, attempt=at.attempt, capacity=at.capacity, task_arn=task.task_arn)
    return conclude(judge(task, record.main), task, then.subject(logs=False), prices=prices, logs=unread(task))


def _position(task: TaskSnapshot, all_tasks: Sequence[TaskSnapshot]) -> Position:
    same = [one for one in all_tasks if attempt_of(one) == attempt_of(task) and order_of(one) <= order_of(task)]
    capacity = SPOT if task.on_spot else ON_DEMAND
    return Position(attempt=attempt_of(task), launch=len(same), capacity=capacity)


def record_of(ports: Ports, settings: Settings, cluster: str, task: TaskSnapshot) -> RunRecord:
    """Build the record of a task that this machine did not start, from ECS's own words.

    The identity comes from the environment overrides, which outlive the tags of a task.
    """
    arn = task.task_definition_arn or ""
    definition = patiently(ports.clock, lambda: ports.definitions.describe(arn)) if arn else None
    containers = definition.containers if definition else ()
    names = [container["name"] for container in containers if container.get("essential", True)]
    identity = task.environment
    return RunRecord(
        run_id=identity.get("JOBRUNNER_RUN_ID") or naming.task_id(task.task_arn),
        job=identity.get("JOBRUNNER_JOB") or arn.rsplit("/", 1)[-1].partition(":")[0],
        project=settings.project,
        stage=settings.stage,
        trigger=identity.get("JOBRUNNER_TRIGGER", "unknown"),
        created_at=task.created_at or ports.clock.now(),
        region=ports.connection.region,
        cluster=cluster,
        endpoint_url=ports.connection.endpoint_url,
        endpoint_id=ports.connection.endpoint_id,
        main=naming.MAIN_CONTAINER if naming.MAIN_CONTAINER in names or not names else names[0],
        logs=log_sources(containers, region=ports.connection.region),
        architecture=task.architecture or "x86_64",
        task_arn=task.task_arn,
    )


def _reachable(ports: Ports, record: RunRecord) -> RunRecord:
    if record.at(ports.connection) or record.outcome is not None:
        return record
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


def _cluster_of(task_arn: str, settings: Settings) -> str:
    """Read the cluster from a task ARN; the old short form does not have it."""
    parts = task_arn.split(":task/", 1)[-1].split("/")
    return parts[0] if len(parts) > 1 else settings.cluster
