"""From a job to what ECS will be asked: the one builder for the run from a terminal and the run at 02:30.

The results are the AWS requests themselves, as plain JSON documents in ECS's spelling, so that `show` prints
and a test checks exactly what is sent. Nothing is sent from here.

What depends on a single run (its identity, its parameters, the caller's changes) travels in the overrides;
everything else is in the task definition, so that one revision serves all runs of an unchanged job.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobrunner.core import naming
from jobrunner.core.ecs_json import is_templated, needed, pairs, present, tags_of
from jobrunner.core.outcome import iso
from jobrunner.core.params import substitute
from jobrunner.core.sizes import size_problem, smallest_memory
from jobrunner.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.core.options import RunOptions
    from jobrunner.core.retry import Position
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec

#: "The total character limit for overrides is 8192, including the JSON formatting" (RunTask, API reference).
OVERRIDES_LIMIT = 8192
RUN_ID_VARIABLE = "JOBRUNNER_RUN_ID"
JOB_VARIABLE = "JOBRUNNER_JOB"
TRIGGER_VARIABLE = "JOBRUNNER_TRIGGER"
ATTEMPT_VARIABLE = "JOBRUNNER_ATTEMPT"
SCHEDULED_TIME_VARIABLE = "JOBRUNNER_SCHEDULED_TIME"
#: What a job is told about its run, and what outlives the tags of a task in its overrides.
IDENTITY_VARIABLES = frozenset(
    {RUN_ID_VARIABLE, JOB_VARIABLE, TRIGGER_VARIABLE, ATTEMPT_VARIABLE, SCHEDULED_TIME_VARIABLE}
)


@dataclass(frozen=True, kw_only=True)
class RunIdentity:
    """Which run, and which attempt of it.

    Attributes:
        run_id: The job sees it as `JOBRUNNER_RUN_ID`.
        attempt: From 1.
        token: What the client tokens of its launches begin with.
        started_by: `startedBy` of its tasks.
        scheduled_time: The text of the scheduled time, of a run that a schedule starts; otherwise the options' time.
    """

    run_id: str
    attempt: int = 1
    token: str
    started_by: str
    scheduled_time: str | None = None

    @classmethod
    def of_run(cls, run_id: str, attempt: int = 1) -> RunIdentity:
        """Give the identity of a run that somebody starts."""
        return cls(run_id=run_id, attempt=attempt, token=run_id, started_by=naming.started_by(run_id))

    @classmethod
    def of_schedule(cls, *, job: str, scope: str, time: str) -> RunIdentity:
        """Give the identity of what the schedules of a job start at one time.

        Args:
            job: The job's name.
            scope: `naming.schedule_scope` of the job.
            time: The scheduled time, or the keyword that EventBridge Scheduler replaces with it.
        """
        return cls(
            run_id=naming.scheduled_run_id(job, time),
            token=naming.schedule_token(scope, time),
            started_by=naming.started_by_schedule(scope),
            scheduled_time=time,
        )


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """The RunTask request of one attempt of a run."""

    body: Mapping[str, Any]


def run_request(
    spec: JobSpec,
    settings: Settings,
    options: RunOptions,
    identity: RunIdentity,
    *,
    task_definition: str,
    container: str = naming.MAIN_CONTAINER,
) -> RunRequest:
    """Build the RunTask request of one attempt.

    Args:
        spec: The job.
        settings: Where it runs.
        options: What the caller changes for this run.
        identity: Which run and attempt; gives `clientToken` and `startedBy`.
        task_definition: Family, family:revision or ARN.
        container: The job's own container in that task definition.

    Raises:
        SpecError: A setting is missing, a parameter has no value, an override is illegal or too long.
    """
    overrides = _overrides(spec, options, identity, container)
    _check_length(overrides)
    body = {
        "cluster": settings.cluster,
        "taskDefinition": task_definition,
        "count": 1,
        **_capacity(options.capacity or spec.capacity),
        "platformVersion": spec.platform_version,
        "networkConfiguration": {"awsvpcConfiguration": _network(spec, settings)},
        "overrides": overrides,
        "enableECSManagedTags": True,
        "tags": tags_of(spec, settings, {"jobrunner:run-id": identity.run_id}),
        "startedBy": identity.started_by,
        "group": naming.task_group(project=settings.project, stage=settings.stage),
        "clientToken": naming.client_token(identity.token, identity.attempt),
    }
    return RunRequest(body=body)


def relaunched(body: Mapping[str, Any], run_id: str, at: Position) -> dict[str, Any]:
    """Give the request of a later launch of the same run: token, capacity and `JOBRUNNER_ATTEMPT`, nothing else.

    It is made from the request as sent, so that whoever finds the run, on any machine and after a change of the
    job's file, launches what was asked for.
    """
    kept = {key: value for key, value in body.items() if key not in {"launchType", "capacityProviderStrategy"}}
    overrides = body["overrides"]
    containers = [_with_attempt(override, at.attempt) for override in overrides["containerOverrides"]]
    return {
        **kept,
        **_capacity(at.capacity),
        "overrides": {**overrides, "containerOverrides": containers},
        "clientToken": naming.client_token(run_id, at.attempt, at.launch),
    }


def _with_attempt(override: Mapping[str, Any], attempt: int) -> dict[str, Any]:
    environment = [
        {**pair, "value": str(attempt)} if pair["name"] == ATTEMPT_VARIABLE else pair
        for pair in override["environment"]
    ]
    return {**override, "environment": environment}


def resolve_params(spec: JobSpec, given: Mapping[str, str]) -> dict[str, str]:
    """Give each parameter its value: the given one, else its default.

    Raises:
        SpecError: A given name is not a parameter of the job, or one without a default is not given.
    """
    known = ", ".join(sorted(spec.params)) or "none"
    unknown = sorted(set(given) - set(spec.params))
    if unknown:
        raise SpecError(f"job {spec.name} has no parameter {unknown[0]!r}", hint=f"Its parameters: {known}.")
    values = {name: given.get(name, param.default) for name, param in spec.params.items()}
    missing = sorted(name for name, value in values.items() if value is None)
    if missing:
        flags = " ".join(f"-p {name}=…" for name in missing)
        raise SpecError(f"job {spec.name} needs a value for {', '.join(missing)}", hint=f"Give it with {flags}")
    return {name: value for name, value in values.items() if value is not None}


def _overrides(spec: JobSpec, options: RunOptions, identity: RunIdentity, container: str) -> dict[str, Any]:
    params = resolve_params(spec, options.params)
    clash = sorted(set(options.environment) & set(spec.secrets))
    if clash:
        raise SpecError(
            f"{clash[0]} is a secret of job {spec.name}; ECS does not let a run replace it",
            hint="Change the reference under secrets: in the job.",
        )
    existing = spec.task_definition is not None
    environment = {
        name: substitute(value, params) for name, value in spec.environment.items() if existing or is_templated(value)
    }
    variables = _identity_variables(spec, options, identity)
    environment |= options.environment
    environment |= variables
    override: dict[str, Any] = {"name": container, "environment": pairs(environment)}
    command = _command(spec, options, params)
    if command is not None:
        override["command"] = command
    # A sidecar knows its run as well: it is the only thing that tells the containers of two runs apart.
    sidecars = [{"name": name, "environment": pairs(variables)} for name in sorted(spec.sidecars)]
    return {"containerOverrides": [override, *sidecars], **_size(spec, options)}


def _command(spec: JobSpec, options: RunOptions, params: Mapping[str, str]) -> list[str] | None:
    if options.args is not None:
        return list(options.args)
    in_overrides = is_templated(*(spec.command or ())) or spec.task_definition is not None
    if spec.command is None or not in_overrides:
        return None
    return [substitute(word, params) for word in spec.command]


def _identity_variables(spec: JobSpec, options: RunOptions, identity: RunIdentity) -> dict[str, str]:
    variables = {
        JOB_VARIABLE: spec.name,
        RUN_ID_VARIABLE: identity.run_id,
        ATTEMPT_VARIABLE: str(identity.attempt),
        TRIGGER_VARIABLE: str(options.trigger),
    }
    if identity.scheduled_time is not None:
        variables[SCHEDULED_TIME_VARIABLE] = identity.scheduled_time
    elif options.scheduled_time is not None:
        variables[SCHEDULED_TIME_VARIABLE] = _whole_seconds(iso(options.scheduled_time) or "")
    return variables


def _whole_seconds(time: str) -> str:
    """Write a scheduled time as EventBridge Scheduler does: whole seconds, `Z`."""
    return time.replace(".000Z", "Z")


def _size(spec: JobSpec, options: RunOptions) -> dict[str, str]:
    """Give the task-level cpu and memory overrides, checked as a pair."""
    written = spec.model_fields_set if spec.task_definition is not None else frozenset[str]()
    cpu = options.cpu or (spec.cpu if "cpu" in written else None)
    memory = options.memory or (spec.memory if "memory" in written else None)
    if spec.task_definition is None and (cpu or memory):
        cpu = cpu or spec.cpu
        memory = memory or (spec.memory if "memory" in spec.model_fields_set else smallest_memory(cpu))
        if problem := size_problem(cpu, memory):
            raise SpecError(problem)
    return {**present("cpu", cpu and str(cpu)), **present("memory", memory and str(memory))}


def _capacity(capacity: str) -> dict[str, Any]:
    """Say launch type or strategy, never both: ECS refuses both, and neither means the cluster's default."""
    if capacity == "on-demand":
        return {"launchType": "FARGATE"}
    # spot-then-on-demand is two attempts, not one strategy: weights are hints for one call, and ECS does not
    # fall back from Spot to on-demand by itself (aws/containers-roadmap#773).
    return {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}


def _network(spec: JobSpec, settings: Settings) -> dict[str, Any]:
    own, common = spec.network, settings.network
    public = own.assign_public_ip if own.assign_public_ip is not None else common.assign_public_ip
    return {
        "subnets": list(needed(own.subnets or common.subnets, "network.subnets", settings)),
        "securityGroups": list(
            needed(own.security_groups or common.security_groups, "network.security_groups", settings)
        ),
        "assignPublicIp": "ENABLED" if public else "DISABLED",
    }


def _check_length(overrides: Mapping[str, Any]) -> None:
    length = len(json.dumps(overrides))
    if length > OVERRIDES_LIMIT:
        raise SpecError(
            f"the overrides of this run have {length} characters, and ECS takes {OVERRIDES_LIMIT}",
            hint="Put large values into an object in S3 and pass its name, or into the job's own environment.",
        )
