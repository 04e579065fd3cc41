"""Start a run: once, whatever happens.

The order is the promise. First everything that can be wrong is found without AWS. Then the record is stored,
with the request as it will be sent. Then RunTask is called, with a token that belongs to the record: a repeated
call, by this process or by another one that finds the record, gives the same task.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from jobrunner.core import naming, request
from jobrunner.core.definition import task_definition
from jobrunner.core.logs import log_sources
from jobrunner.core.outcome import LogReport, Outcome, Verdict
from jobrunner.core.record import RunRecord
from jobrunner.errors import AwsRefusedError, AwsThrottledError, AwsUnreachableError
from jobrunner.ops import define

if TYPE_CHECKING:
    from jobrunner.core.options import RunOptions
    from jobrunner.core.ports import Definition, Launch
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec
    from jobrunner.ops.ports import Ports

#: Pauses before RunTask is repeated, with the same token, when AWS did not answer or asked for patience.
_PAUSES = (0.5, 1.0, 2.0, 4.0)


def check(spec: JobSpec, settings: Settings, options: RunOptions) -> None:
    """Find everything that can be wrong without asking AWS.

    Raises:
        SpecError: With what is missing or illegal.
    """
    definition = task_definition(spec, settings)
    name = definition.family if definition else str(spec.task_definition)
    identity = request.RunIdentity(run_id=naming.run_id_from(bytes(10)))
    request.run_request(spec, settings, options, identity, task_definition=name)


def start(ports: Ports, spec: JobSpec, settings: Settings, options: RunOptions) -> RunRecord:
    """Start a run, or find the one that the same key has started.

    Returns:
        The record; with an outcome when the run is already over, or when ECS did not place the task.

    Raises:
        SpecError: Something is wrong with the job, the settings or the options; nothing was sent.
        AwsError: AWS refused, or did not answer; `attach` finds out whether the task was started.
    """
    check(spec, settings, options)
    if options.key is None:
        run_id = naming.run_id_from(secrets.token_bytes(10))
        return _launch(ports, _store(ports, spec, settings, options, run_id))
    run_id = naming.keyed_run_id(project=settings.project, stage=settings.stage, job=spec.name, key=options.key)
    known = ports.runs.get(run_id)
    if known is None or not known.at(ports.connection):
        known = _store(ports, spec, settings, options, run_id)
    return _resume(ports, known, spec, settings, options)


def _resume(ports: Ports, record: RunRecord, spec: JobSpec, settings: Settings, options: RunOptions) -> RunRecord:
    """Find the task that a key has started, on this machine or on another; start it if there is none."""
    if record.task_arn is not None:
        return record
    tasks = ports.tasks.find(record.cluster, started_by=naming.started_by(record.run_id))
    if tasks:
        return _save(ports, record.with_task(tasks[0]))
    if record.outcome is None:
        return _launch(ports, record)
    # No attempt so far has become a task. The next one needs its own token: ECS would answer the old one with
    # the old failure.
    attempt = record.attempt + 1
    return _launch(ports, _store(ports, spec, settings, options, record.run_id, attempt=attempt))


def _store(
    ports: Ports, spec: JobSpec, settings: Settings, options: RunOptions, run_id: str, *, attempt: int = 1
) -> RunRecord:
    """Build the request and store it with the run's record, before anything is started."""
    definition = _definition(ports, spec, settings)
    main = define.own_container(definition, spec.container) if spec.task_definition else naming.MAIN_CONTAINER
    identity = request.RunIdentity(run_id=run_id, attempt=attempt)
    built = request.run_request(spec, settings, options, identity, task_definition=definition.arn, container=main)
    timeout = spec.timeout if options.timeout is None else options.timeout or None
    connection = ports.connection
    record = RunRecord(
        run_id=run_id,
        job=spec.name,
        project=settings.project,
        stage=settings.stage,
        trigger=str(options.trigger),
        created_at=ports.clock.now(),
        region=connection.region,
        cluster=settings.cluster,
        endpoint_url=connection.endpoint_url,
        endpoint_id=connection.endpoint_id,
        attempt=attempt,
        request=built.body,
        main=main,
        logs=log_sources(definition.containers, region=connection.region),
        architecture=spec.architecture,
        timeout=timeout,
        scheduled_time=options.scheduled_time,
        key=options.key,
    )
    stored = ports.runs.add(record)
    if stored is not record and (stored.attempt < attempt or not stored.at(connection)):
        return _save(ports, record)
    return stored


def _definition(ports: Ports, spec: JobSpec, settings: Settings) -> Definition:
    definition = task_definition(spec, settings)
    if definition is None:
        return define.existing_definition(ports, str(spec.task_definition))
    return define.ensure_definition(ports, definition, spec, settings)


def _launch(ports: Ports, record: RunRecord) -> RunRecord:
    if record.task_arn is not None:
        return record
    try:
        launch = _run_task(ports, record)
    except AwsRefusedError as error:
        _save(ports, _not_started(record, "refused", error.what))
        raise
    if launch.task is None:
        detail = "; ".join(dict.fromkeys(map(str, launch.failures)))
        record = _not_started(record, "placement", f"ECS did not place the task: {detail}")
    else:
        record = record.with_task(launch.task.task_arn)
    ports.audit.record(
        "run_started", {"run_id": record.run_id, "job": record.job, "task_arn": record.task_arn, "key": record.key}
    )
    return _save(ports, record)


def _run_task(ports: Ports, record: RunRecord) -> Launch:
    """Send the stored request; repeat it while AWS does not answer. The token makes the repetition safe."""
    built = request.RunRequest(body=record.request or {})
    for pause in _PAUSES:
        try:
            return ports.tasks.run(built)
        except (AwsThrottledError, AwsUnreachableError):
            ports.clock.sleep(pause)
    return ports.tasks.run(built)


def _not_started(record: RunRecord, reason: str, detail: str) -> RunRecord:
    outcome = Outcome(
        run_id=record.run_id,
        job=record.job,
        attempt=record.attempt,
        verdict=Verdict.NEVER_STARTED,
        reason=reason,
        exit_code=None,
        detail=detail,
        billed_seconds=0,
        cost_usd=None,
        logs=LogReport(complete=True, events=0),
    )
    return replace(record, outcome=outcome)


def _save(ports: Ports, record: RunRecord) -> RunRecord:
    ports.runs.save(record)
    return record
