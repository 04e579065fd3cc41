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
    Cpu,
    Environment,
    Flag,
    Image,
    LogGroup,
    Memory,
    Role,
    Seconds,
    Secrets,
    SecurityGroup,
    Subnet,
    Tags,
    Text,
    Words,
    WorkingDirectory,
    described,
    duration,
    matching,
    one_or_list,
    whole_number,
)
from jobrunner.core.params import NAME_PATTERN
from jobrunner.core.part import Part
from jobrunner.core.problems import raise_spec_error
from jobrunner.core.schedule import Schedule
from jobrunner.core.sizes import DEFAULT_CPU, parse_container_cpu, smallest_memory

__all__ = [
    "MAIN",
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

#: The name of the job's own container; its exit code is the run's.
MAIN = "main"

#: BC ecs ContainerDefinition.stopTimeout on Fargate.
StopTimeout = Annotated[Seconds, duration(2, 120, "Fargate waits")]


class Network(Part):
    """Where the task's network interface is. A key left out comes from the project's network."""

    subnets: tuple[Subnet, ...] | None = Field(
        None, min_length=1, max_length=16, description="Subnet ids, all of one VPC; at most 16."
    )
    security_groups: tuple[SecurityGroup, ...] | None = Field(
        None, max_length=5, description="Security group ids; at most 5. None: the VPC's default group."
    )
    assign_public_ip: Flag | None = Field(
        None,
        description="true in a public subnet, else the image cannot be pulled; false behind a NAT gateway or endpoints.",
    )


class Param(Part):
    """A value that a run may be given: `jobrunner run JOB -p NAME=VALUE`."""

    default: Text | None = Field(
        None, description="The value of a run that gives none. Left out: every run must give one."
    )
    description: str | None = Field(None, description="What the value means, for a reader.")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        return {"default": data} if data is None or isinstance(data, str) else data


class HealthCheck(Part):
    """How ECS finds out that a sidecar is ready. BC ecs HealthCheck."""

    command: Annotated[Words, AfterValidator(spec_checks.check_health_command)] = Field(
        description="[CMD, program, argument…] or [CMD-SHELL, 'a shell line']; a string is a shell line."
    )
    interval: Annotated[Seconds, duration(5, 300, "ECS allows")] = Field(
        30, description="Between two checks; 5 s to 5 min."
    )
    timeout: Annotated[Seconds, duration(2, 60, "ECS allows")] = Field(
        5, description="A check may take so long; 2 to 60 s."
    )
    retries: Annotated[int, BeforeValidator(whole_number(1, 10)), described(["integer", "string"])] = Field(
        3, description="Failures in a row before the container is unhealthy; 1 to 10."
    )
    start_period: Annotated[Seconds, duration(0, 300, "ECS allows")] = Field(
        0, description="Failures do not count for so long after the start; up to 5 min."
    )

    @model_validator(mode="before")
    @classmethod
    def _shell_line(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("command"), str):
            return {**data, "command": ["CMD-SHELL", data["command"]]}
        return data


class Sidecar(Part):
    """A container that runs beside the job's own, in the same task."""

    image: Image = Field(description="The image of the sidecar.")
    command: Words | None = Field(
        None, description="Replaces the image's CMD. A list, or a string that is split into words."
    )
    entrypoint: Words | None = Field(None, description="Replaces the image's ENTRYPOINT.")
    working_directory: WorkingDirectory | None = Field(None, description="Where the command starts; an absolute path.")
    environment: Environment = Field(
        {}, validate_default=True, description="Environment variables; the values are text."
    )
    secrets: Secrets = Field(
        {},
        validate_default=True,
        description="Environment variables whose values ECS reads from a secret store.",
    )
    essential: Flag = Field(False, description="true: when this container ends, the whole task ends, the job too.")
    cpu: Annotated[int, BeforeValidator(parse_container_cpu), described(["string", "number"])] | None = Field(
        None, description="Cpu units, or vCPU, of the task's that are reserved for it."
    )
    memory: Memory | None = Field(
        None, description="Hard limit: the container is killed above it. Part of the task's memory."
    )
    wait_for: Literal["started", "healthy", "complete", "success"] | None = Field(
        None,
        description="The job's container starts only after this one has started, is healthy (needs health_check), "
        "is complete (has ended), or has ended with exit code 0 (success).",
    )
    health_check: HealthCheck | None = Field(None, description="How ECS finds out that the sidecar is ready.")
    stop_timeout: StopTimeout | None = Field(
        None, description="Between SIGTERM and SIGKILL; 2 to 120 s, AWS's default is 30 s."
    )


RetryReason = Annotated[int | str, BeforeValidator(spec_checks.retry_reason), described(["string", "integer"])]


class Retries(Part):
    """When a failed run is tried again."""

    attempts: Annotated[int, BeforeValidator(whole_number(1, 20)), described(["integer", "string"])] = Field(
        description="How many attempts in total, the first one included: 3 means at most two retries; 1 means none."
    )
    backoff: Annotated[Seconds, duration(0, 86_400, "a backoff is")] = Field(
        10, description="Wait before the second attempt; doubles before each further one."
    )
    max_backoff: Annotated[Seconds, duration(0, 86_400, "a backoff is")] = Field(
        600, description="The wait never grows beyond this."
    )
    on: Annotated[tuple[RetryReason, ...], BeforeValidator(one_or_list)] = Field(
        ("infrastructure", "failure"),
        min_length=1,
        description="What is tried again: exit codes (1 to 255) and the words infrastructure (AWS did not start the "
        "task, lost it or stopped it, a Spot interruption included), spot (only a Spot interruption), failure (any "
        "exit code but 0), out_of_memory, timeout.",
        examples=[["infrastructure", 75]],
    )


class Notify(Part):
    """Whom to tell, and of what."""

    on: Annotated[tuple[Literal["failure", "recovery", "missed"], ...], BeforeValidator(one_or_list)] = Field(
        ("failure", "missed"),
        min_length=1,
        description="failure: a run failed; recovery: a run succeeded after a failed one; missed: a scheduled run did not happen.",
    )
    sns: (
        Annotated[
            str,
            matching(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}", "the ARN of an SNS topic"),
        ]
        | None
    ) = Field(None, description="ARN of the SNS topic to publish to.")
    webhook: Annotated[str, matching(r"https://[^\s/?#]+\S*", "an https:// URL")] | None = Field(
        None, description="https URL to post to."
    )

    @model_validator(mode="after")
    def _somebody(self) -> Any:
        if self.sns is None and self.webhook is None:
            raise ValueError("notify needs sns, webhook or both: nobody would be told")
        return self


class JobSpec(Part):
    """One job.

    `cpu`, `memory` and the other keys that a task definition may already hold are defaults unless they are
    in `model_fields_set`: a run of an existing `task_definition` overrides only what was written.
    """

    name: Annotated[
        str,
        matching(
            r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}",
            "a job's name: a letter or digit, then up to 63 letters, digits, - and _ (it becomes part of the names of "
            "the task definition, the log streams and the schedules)",
        ),
    ] = Field(description="The job's name; the file's stem by default.")
    description: str | None = Field(None, description="What the job does, for a reader.")
    image: Image | None = Field(None, description="The container image. Every job has an image or a task_definition.")
    task_definition: (
        Annotated[
            str,
            matching(
                r"(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/)?[A-Za-z0-9_-]{1,255}(:[0-9]{1,9})?",
                "a task definition: family, family:revision or its ARN",
            ),
        ]
        | None
    ) = Field(
        None,
        description="Runs an existing task definition, family, family:revision or ARN, instead of an image.",
    )
    container: Annotated[str, matching(r"[A-Za-z0-9_-]{1,255}", "the name of a container")] | None = Field(
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
        description="Memory of the task, in MiB or with a unit (1 GB is 1024 MiB). By default the smallest that goes with the cpu.",
    )
    architecture: Literal["x86_64", "arm64"] = Field(
        "x86_64", description="The processor that the image was built for."
    )
    capacity: Literal["on-demand", "spot", "spot-then-on-demand"] = Field(
        "on-demand",
        description="spot is cheaper and may be stopped with two minutes' warning; spot-then-on-demand starts on demand when no Spot capacity is there.",
    )
    platform_version: Annotated[
        str,
        matching(
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
        max_length=10,
        description="Files of NAME=VALUE lines in docker's syntax, relative to the project; environment goes before them. "
        "An arn:aws:s3:::bucket/file.env is read by ECS itself.",
    )
    secrets: Secrets = Field(
        {},
        validate_default=True,
        description="Environment variables whose values ECS reads when the container starts: ARN of a Secrets Manager "
        "secret (with :json-key:version-stage:version-id), or ARN or /name of an SSM parameter.",
    )
    params: Annotated[
        Mapping[Annotated[str, matching(NAME_PATTERN, "a parameter's name: letters, digits, _ and -")], Param],
        FROZEN,
    ] = Field(
        {},
        validate_default=True,
        description="Values that a run may be given: name: default, or name: with nothing for a required one.",
    )
    network: Network = Field(Network(), description="Overrides the project's network, key by key.")
    task_role: Role | None = Field(None, description="Role of the program in the container; name or ARN.")
    execution_role: Role | None = Field(
        None, description="Role that pulls the image, reads secrets and writes logs; name or ARN."
    )
    ephemeral_storage: Annotated[int, BeforeValidator(spec_checks.storage), described(["integer", "string"])] | None = (
        Field(None, description="Size of the task's disk in GiB, 21 to 200. Left out: 20, which cost nothing extra.")
    )
    sidecars: Annotated[
        Mapping[Annotated[str, matching(CONTAINER_NAME, "a container's name: letters, digits, - and _")], Sidecar],
        FROZEN,
    ] = Field(
        {},
        validate_default=True,
        max_length=9,
        description="Containers that run beside the job's own, by name; at most 9.",
    )
    stop_timeout: StopTimeout | None = Field(
        None, description="Between SIGTERM and SIGKILL; 2 to 120 s, AWS's default is 30 s."
    )
    tags: Tags = Field({}, validate_default=True, description="AWS tags of the task and of its definition; at most 40.")
    schedule: Annotated[tuple[Schedule, ...], BeforeValidator(spec_checks.one_mapping_or_list)] = Field(
        (), description="When the job runs by itself: one schedule, or a list."
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
        description="When a run is due and the previous one still runs: allow both, forbid the new one, or replace the old one.",
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
    paused: Flag = Field(False, description="true: the schedules exist but do not fire.")
    log_group: LogGroup | None = Field(None, description="CloudWatch log group of the job, instead of the project's.")
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
        raise_spec_error(error, JobSpec, fields, file=f"<job {fields.get('name', '?')}>")


def replace(spec: JobSpec, **fields: Any) -> JobSpec:
    """The spec with some keys changed, validated again; a memory that was never written follows the cpu.

    Raises:
        SpecError: As `job_spec`.
    """
    kept = {key: getattr(spec, key) for key in spec.model_fields_set}
    return job_spec(**kept | fields)
