"""The parts of a job that are mappings of their own: network, parameters, sidecars, retries, notification."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from jobrunner.core import spec_checks
from jobrunner.core.fields import (
    SHORT,
    SINGLE,
    ContainerCpu,
    Environment,
    Flag,
    Image,
    Matching,
    Memory,
    Seconds,
    Secrets,
    SecurityGroup,
    Subnet,
    Text,
    Words,
    WorkingDirectory,
    described,
    duration,
    one_or_list,
    whole_number,
)
from jobrunner.core.part import Part

#: BC ecs ContainerDefinition.stopTimeout on Fargate.
StopTimeout = Annotated[Seconds, duration(2, 120, "Fargate waits")]


#: For editors; `spec_checks.check_webhook` decides.
_WEBHOOK = r"^https?://[^\s/?#@]+\S*$"


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
        description="true in a public subnet, where no image can be pulled without; "
        "false behind a NAT gateway or VPC endpoints.",
    )


class Param(Part):
    """A value that a run may be given: `jobrunner run JOB -p NAME=VALUE`."""

    model_config = ConfigDict(json_schema_extra=SHORT)

    default: Text | None = Field(
        None, description="The value of a run that gives none. Left out: every run must give one."
    )
    description: Text | None = Field(None, description="What the value means, for a reader.")

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
    essential: Flag = Field(
        default=False, description="true: when this container ends, the whole task ends, the job too."
    )
    cpu: ContainerCpu | None = Field(None, description="Cpu units, or vCPU, of the task's that are reserved for it.")
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
        json_schema_extra=SINGLE,
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
        json_schema_extra=SINGLE,
        min_length=1,
        description="failure: a run failed; recovery: a run succeeded after a failed one; "
        "missed: a scheduled run did not happen.",
    )
    sns: (
        Annotated[
            str,
            Matching(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}", "the ARN of an SNS topic"),
        ]
        | None
    ) = Field(None, description="ARN of the SNS topic to publish to.")
    webhook: Annotated[str, AfterValidator(spec_checks.check_webhook), described("string", pattern=_WEBHOOK)] | None = (
        Field(
            None,
            repr=False,
            description="URL, https:// or http://, that is told of every run that somebody follows, as healthchecks.io "
            "wants it: URL/start, then URL, URL/EXITCODE or URL/fail.",
        )
    )

    @property
    def topic_of_schedules(self) -> str | None:
        """The topic that is to hear of a scheduled run's failure, with no process of ours; None if none is."""
        return self.sns if "failure" in self.on else None

    @model_validator(mode="after")
    def _somebody(self) -> Any:
        if self.sns is None and self.webhook is None:
            raise ValueError("notify needs sns, webhook or both: nobody would be told")
        return self
