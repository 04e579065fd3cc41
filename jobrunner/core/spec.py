"""A job as it is written: every key of a job's document, checked.

Cross-checks between keys are in `jobrunner.core.spec_checks`; the types of single keys in
`jobrunner.core.fields`. A `JobSpec` says nothing about where it runs: `jobrunner.core.settings` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from jobrunner.core import spec_checks
from jobrunner.core.fields import (
    CONTAINER_NAME,
    FROZEN,
    SINGLE,
    Cpu,
    Environment,
    Flag,
    Image,
    LogGroup,
    Matching,
    Memory,
    Role,
    Seconds,
    Secrets,
    Tags,
    Text,
    Usd,
    Words,
    WorkingDirectory,
    described,
    duration,
    one_or_list,
)
from jobrunner.core.params import NAME_PATTERN
from jobrunner.core.part import Part
from jobrunner.core.parts import HealthCheck, Network, Notify, Param, Retries, Sidecar, StopTimeout
from jobrunner.core.problems import raise_spec_error
from jobrunner.core.schedule import Schedule
from jobrunner.core.sizes import DEFAULT_CPU, smallest_memory

__all__ = [
    "HealthCheck",
    "JobSpec",
    "Network",
    "Notify",
    "Param",
    "Retries",
    "Sidecar",
    "job_spec",
    "replace",
]

#: BC ecs ContainerDefinition.environmentFiles: at most ten.
MAX_ENV_FILES = 10
#: BC ecs task definition: at most ten containers, one of which is the job's own.
MAX_SIDECARS = 9


class JobSpec(Part):
    """One job.

    `cpu`, `memory` and the other keys that a task definition may already hold are defaults unless they are
    in `model_fields_set`: a run of an existing `task_definition` overrides only what was written.
    """

    name: Annotated[
        str,
        Matching(
            r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}",
            "a job's name: a letter or digit, then up to 63 letters, digits, - and _ (it becomes part of the names of "
            "the task definition, the log streams and the schedules)",
        ),
    ] = Field(description="The job's name; the file's stem by default.")
    description: Text | None = Field(None, description="What the job does, for a reader.")
    image: Image | None = Field(None, description="The container image. Every job has an image or a task_definition.")
    task_definition: (
        Annotated[
            str,
            Matching(
                r"(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/)?[A-Za-z0-9_-]{1,255}(:[0-9]{1,9})?",
                "a task definition: family, family:revision or its ARN",
            ),
        ]
        | None
    ) = Field(
        None,
        description="Runs an existing task definition, family, family:revision or ARN, instead of an image.",
    )
    container: Annotated[str, Matching(r"[A-Za-z0-9_-]{1,255}", "the name of a container")] | None = Field(
        None,
        description="Which container of the task_definition is the job's own. Needed when it has several.",
    )
    entrypoint: Words | None = Field(
        None, description="Replaces the image's ENTRYPOINT. A list, or a string that is split into words."
    )
    command: Words | None = Field(
        None,
        description="Replaces the image's CMD. A list, or a string that is split into words; no shell reads it. "
        "${{ params.NAME }} stands for a parameter.",
        examples=[["python", "-m", "etl"]],
    )
    working_directory: WorkingDirectory | None = Field(None, description="Where the command starts; an absolute path.")
    cpu: Cpu = Field(DEFAULT_CPU, description="Cpu of the task: 256 to 32768 units, or 0.25 to 32 vCPU.")
    memory: Memory = Field(
        default_factory=lambda data: smallest_memory(data.get("cpu", DEFAULT_CPU)),
        description="Memory of the task, in MiB or with a unit (1 GB is 1024 MiB). "
        "By default the smallest that goes with the cpu.",
    )
    architecture: Literal["x86_64", "arm64"] = Field(
        "x86_64", description="The processor that the image was built for."
    )
    capacity: Literal["on-demand", "spot", "spot-then-on-demand"] = Field(
        "on-demand",
        description="spot is cheaper, and AWS may stop it with two minutes' warning; "
        "spot-then-on-demand starts on demand when there is no Spot capacity.",
    )
    platform_version: Annotated[
        str,
        Matching(
            r"LATEST|[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}",
            "a Fargate platform version: LATEST or for instance 1.4.0",
        ),
    ] = Field("LATEST", description="Fargate platform version.")
    environment: Environment = Field(
        {},
        validate_default=True,
        description="Environment variables; the values are text. ${{ params.NAME }} stands for a parameter.",
    )
    env_file: Annotated[
        tuple[Annotated[str, AfterValidator(spec_checks.check_env_file)], ...], BeforeValidator(one_or_list)
    ] = Field(
        (),
        max_length=MAX_ENV_FILES,
        json_schema_extra=SINGLE,
        description="Files of NAME=VALUE lines in docker's syntax, relative to the project; what environment says goes "
        "before them. "
        "An arn:aws:s3:::bucket/file.env is read by ECS itself.",
    )
    secrets: Secrets = Field(
        {},
        validate_default=True,
        description="Environment variables whose values ECS reads when the container starts: ARN of a Secrets Manager "
        "secret (with :json-key:version-stage:version-id), or ARN or /name of an SSM parameter.",
    )
    params: Annotated[
        Mapping[Annotated[str, Matching(NAME_PATTERN, "a parameter's name: letters, digits, _ and -")], Param],
        FROZEN,
    ] = Field(
        {},
        validate_default=True,
        description="Values that a run may be given: name: default, or name: with nothing for a required one.",
    )
    network: Network = Field(default_factory=Network, description="Overrides the project's network, key by key.")
    task_role: Role | None = Field(None, description="Role of the program in the container; name or ARN.")
    execution_role: Role | None = Field(
        None, description="Role that pulls the image, reads secrets and writes logs; name or ARN."
    )
    ephemeral_storage: Annotated[int, BeforeValidator(spec_checks.storage), described(["integer", "string"])] | None = (
        Field(None, description="Size of the task's disk in GiB, 21 to 200. Left out: 20, which cost nothing extra.")
    )
    sidecars: Annotated[
        Mapping[Annotated[str, Matching(CONTAINER_NAME, "a container's name: letters, digits, - and _")], Sidecar],
        FROZEN,
    ] = Field(
        {},
        validate_default=True,
        max_length=MAX_SIDECARS,
        description="Containers that run beside the job's own, by name; at most nine.",
    )
    stop_timeout: StopTimeout | None = Field(
        None, description="Between SIGTERM and SIGKILL; 2 to 120 s, AWS's default is 30 s."
    )
    tags: Tags = Field({}, validate_default=True, description="AWS tags of the task and of its definition; at most 40.")
    schedule: Annotated[tuple[Schedule, ...], BeforeValidator(spec_checks.one_or_several)] = Field(
        (),
        json_schema_extra={**SINGLE, "maxItems": spec_checks.MAX_SCHEDULES},
        description="When the job runs by itself: one schedule, or a list.",
    )
    timeout: Annotated[Seconds, duration(1, 14 * 86_400, "a timeout is")] | None = Field(
        None, description="The task is stopped after this time, also if nobody is watching."
    )
    start_timeout: Annotated[Seconds, duration(1, 86_400, "a start timeout is")] | None = Field(
        None, description="The task is stopped when its container has not started after this time."
    )
    retries: Retries | None = Field(None, description="When a failed run is tried again. Left out: never.")
    overlap: Literal["allow", "forbid", "replace"] = Field(
        "allow",
        description="When a run is due and the previous one still runs: allow both, forbid the new one, "
        "or replace the old one.",
    )
    start_deadline: Annotated[Seconds, duration(60, 86_400, "Scheduler allows")] | None = Field(
        None, description="A scheduled run that could not be started for so long is given up; 1 min to 24 h."
    )
    jitter: (
        Annotated[Seconds, AfterValidator(spec_checks.whole_minutes), duration(60, 86_400, "Scheduler allows")] | None
    ) = Field(
        None,
        description="A scheduled run starts at a random moment within this time; whole minutes, up to 24 h.",
    )
    paused: Flag = Field(default=False, description="true: the schedules exist but do not fire.")
    log_group: LogGroup | None = Field(None, description="CloudWatch log group of the job, instead of the project's.")
    budget: Usd | None = Field(
        None,
        description="US dollars that the job may cost a month on Fargate: run and apply refuse what would go above, "
        "unless --over-budget.",
    )
    notify: Notify | None = Field(None, description="Whom to tell of failed, recovered and missed runs.")

    @model_validator(mode="after")
    def _consistent(self) -> Any:
        spec_checks.raise_if_inconsistent(self)
        return self


def job_spec(**fields: Any) -> JobSpec:
    """Build a job from Python: the keys of a document, with Python or text values.

    Raises:
        SpecError: With all problems; `file` of each is `<job NAME>`.
    """
    try:
        return JobSpec(**fields)
    except ValidationError as error:
        raise_spec_error(error, JobSpec, file=f"<job {fields.get('name', '?')}>")


def replace(spec: JobSpec, **fields: Any) -> JobSpec:
    """The spec with some keys changed, validated again; a memory that was never written follows the cpu.

    Raises:
        SpecError: As `job_spec`.
    """
    kept = {key: getattr(spec, key) for key in spec.model_fields_set}
    return job_spec(**kept | fields)
