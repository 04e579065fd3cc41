"""Where and how a project's jobs run: the keys of `jobrunner.yaml`, and the values in effect.

`ProjectFile` and `Overlay` are what may be written; `Settings` is what holds after flags, environment, stage,
project file and defaults have been laid over each other (`jobrunner.document.settings` does that).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from jobrunner.core import local_stage
from jobrunner.core.connection import LOG_SETTLE_SECONDS, TASK_SETTLE_SECONDS
from jobrunner.core.fields import LogGroup, Matching, Role, Seconds, Tags, Usd, described, duration, whole_number
from jobrunner.core.frozen import FrozenDict
from jobrunner.core.part import Part
from jobrunner.core.spec import Network
from jobrunner.core.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal
    from pathlib import Path

#: BC logs PutRetentionPolicy: CloudWatch Logs keeps events for one of these numbers of days and no other.
RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)

#: Between RunTask and the start of the container Fargate takes some 30 seconds, and a task is billed for 60 at least.
FIRST_LOOK_SECONDS = 30

#: The word for AWS's own endpoints, by which a stage takes back an `endpoint` of the project.
AWS = "aws"


def parse_retention(value: object) -> int:
    """Days that CloudWatch Logs can keep; of another number, the message names the next longer one."""
    days = whole_number(1, 100_000, "days", "d|days?")(value)
    if days not in RETENTION_DAYS:
        near = min(RETENTION_DAYS, key=lambda legal: abs(legal - days))
        legal = listed(RETENTION_DAYS)
        raise ValueError(f"CloudWatch Logs cannot keep logs for {days} days; nearest: {near} (legal: {legal})")
    return days


Stage = Annotated[str, Matching(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", "a stage's name: up to 32 letters, digits, - and _")]
Pause = Annotated[Seconds, duration(0, 600, "simulated times are")]


def _nothing_is_empty(value: object) -> object:
    """A stage with nothing under it is one that changes nothing."""
    return {} if value is None else value


class LocalTimes(Part):
    """Times that the local endpoint simulates; on Fargate they are about 30 s and 20 s."""

    startup: Pause | None = Field(None, description="From RunTask until the containers run.")
    deprovision: Pause | None = Field(None, description="From the last container's end until the task is STOPPED.")


class Overlay(Part):
    """What a stage may set; each key left out comes from the project file."""

    region: Annotated[str, Matching(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}", "an AWS region, such as eu-west-1")] | None = (
        Field(None, description="AWS region.")
    )
    profile: Annotated[str, Matching(r"\S.{0,255}", "the name of a profile")] | None = Field(
        None, description="Named profile of the shared AWS configuration."
    )
    cluster: (
        Annotated[
            str,
            Matching(
                r"(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:cluster/)?[A-Za-z0-9_-]{1,255}",
                "the name or the ARN of an ECS cluster",
            ),
        ]
        | None
    ) = Field(None, description="ECS cluster, name or ARN. By default the cluster named default.")
    network: Network | None = Field(None, description="Where the tasks' network interfaces are.")
    execution_role: Role | None = Field(
        None, description="Role that pulls images, reads secrets and writes logs; name or ARN."
    )
    task_role: Role | None = Field(None, description="Role of the programs in the containers; name or ARN.")
    scheduler_role: Role | None = Field(
        None,
        description="Role with which EventBridge Scheduler starts scheduled jobs and stops a task at its timeout; name "
        "or ARN. Without it there are no schedules, and only the process that follows a run keeps its timeout.",
    )
    schedule_group: (
        Annotated[str, Matching(r"[0-9A-Za-z_.-]{1,64}", "the name of a schedule group of EventBridge Scheduler")]
        | None
    ) = Field(
        None,
        description="Schedule group of this project's schedules, and of nobody else's. By default jobrunner-PROJECT, "
        "with a stage jobrunner-PROJECT-STAGE.",
    )
    state_machine: (
        Annotated[
            str,
            Matching(
                r"(arn:aws[a-z-]*:states:[a-z0-9-]+:[0-9]{12}:stateMachine:)?[A-Za-z0-9_-]{1,80}",
                "the name or the ARN of a state machine of Step Functions",
            ),
        ]
        | None
    ) = Field(
        None,
        description="State machine that runs scheduled jobs with a timeout, retries or overlap; name or ARN. It is in "
        "deploy/jobrunner.yaml.",
    )
    dead_letter_queue: (
        Annotated[
            str,
            Matching(
                r"(arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:)?[A-Za-z0-9_-]{1,80}",
                "the name or the ARN of a standard queue of SQS",
            ),
        ]
        | None
    ) = Field(None, description="SQS queue for what a schedule could not deliver; name or ARN.")
    first_look: Annotated[Seconds, duration(1, 600, "a first look is")] | None = Field(
        None,
        description="The state machine looks for the first time after a task after so long, and then ever less often; "
        f"each look is paid for. By default {FIRST_LOOK_SECONDS:g} s, about what a start takes; locally 1 s.",
    )
    log_group: LogGroup | None = Field(
        None,
        description="CloudWatch log group of the jobs. By default /jobrunner/PROJECT, "
        "with a stage /jobrunner/PROJECT/STAGE.",
    )
    log_retention: (
        Annotated[int, BeforeValidator(parse_retention), described(["integer", "string"], examples=[30])] | None
    ) = Field(None, description="Days that the log group keeps events; one of CloudWatch's numbers. By default 30.")
    log_settle: Annotated[Seconds, duration(0, 300, "settling takes")] | None = Field(
        None,
        description="After a task's end, logs are read until quiet for so long. "
        f"By default {LOG_SETTLE_SECONDS:g} s, locally 0.",
    )
    task_settle: Annotated[Seconds, duration(0, 300, "settling takes")] | None = Field(
        None,
        description="For so long ECS may not show a task that it has just started. "
        f"By default {TASK_SETTLE_SECONDS:g} s, locally 0.",
    )
    audit_log_group: LogGroup | None = Field(
        None, description="CloudWatch log group to which who started, stopped and finished what is written."
    )
    history_log_group: LogGroup | None = Field(
        None,
        description="CloudWatch log group into which the rule of deploy/history.yaml writes what happens to tasks. "
        "By default /aws/events/jobrunner-PROJECT, with a stage /aws/events/jobrunner-PROJECT-STAGE.",
    )
    tags: Tags | None = Field(
        None, description="AWS tags of every task and definition; a job's own tags go before them."
    )
    budget: Usd | None = Field(
        None,
        description="US dollars that the project, or one stage of it, may cost a month on Fargate: run and apply "
        "refuse what would go above, unless --over-budget.",
    )
    state_dir: str | None = Field(
        None,
        description="Directory of the run records of this machine. "
        "By default $XDG_STATE_HOME/jobrunner, or ~/.local/state/jobrunner.",
    )
    endpoint: (
        Annotated[
            str,
            Matching(
                r"local|aws|https?://[^\s/?#@]+(/[^\s?#]*)?",
                "an endpoint: local, aws or an http(s) URL without credentials",
            ),
        ]
        | None
    ) = Field(
        None,
        description="local: the AWS endpoint that jobrunner starts on 127.0.0.1; a URL; "
        "or aws, AWS itself, the default.",
    )
    local: LocalTimes | None = Field(None, description="Times that the local endpoint simulates.")
    on_interrupt: Literal["stop", "detach"] | None = Field(
        None, description="What the first Ctrl-C does to the task: stop it, the default, or leave it running."
    )
    defaults: Mapping[str, Any] | None = Field(
        None,
        description="Keys of a job that every job has unless it writes them itself. "
        "Mappings are merged key by key, lists are replaced.",
    )


class ProjectFile(Overlay):
    """The keys of `jobrunner.yaml`."""

    project: (
        Annotated[
            str,
            Matching(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", "a project's name: up to 32 letters, digits, - and _"),
        ]
        | None
    ) = Field(None, description="Name of the project; by default the directory's.")
    default_stage: Stage | None = Field(None, description="The stage when none is named. The built-in stage is local.")
    jobs: str | None = Field(None, description="Directory of the jobs' files, relative to this file. By default jobs.")
    stages: Mapping[Stage, Annotated[Overlay, BeforeValidator(_nothing_is_empty)]] | None = Field(
        None, description="Overlays by name, chosen with --stage."
    )


#: Every setting by its dotted key, in the order in which they are shown.
KEYS = (
    "project",
    "stage",
    "region",
    "profile",
    "endpoint",
    "cluster",
    "network.subnets",
    "network.security_groups",
    "network.assign_public_ip",
    "execution_role",
    "task_role",
    "scheduler_role",
    "schedule_group",
    "state_machine",
    "dead_letter_queue",
    "first_look",
    "log_group",
    "log_retention",
    "log_settle",
    "task_settle",
    "audit_log_group",
    "history_log_group",
    "tags",
    "budget",
    "jobs",
    "state_dir",
    "local.startup",
    "local.deprovision",
    "on_interrupt",
)


class Row(NamedTuple):
    """A setting in effect: its dotted key, its value, and where the value came from."""

    key: str
    value: object
    origin: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The values in effect. `provenance` says of each dotted key where it came from; it holds no values.

    Attributes:
        project: Name of the project.
        stage: Name of the stage, or None when none was named: then the project file is the stage.
        region: AWS region, or None: boto3's chain decides.
        profile: Named AWS profile, or None.
        cluster: ECS cluster, name or ARN.
        network: Every key None that nobody set.
        execution_role: Name or ARN, or None.
        task_role: Name or ARN, or None.
        scheduler_role: Name or ARN, or None: no schedules, and timeouts are kept by whoever follows a run.
        schedule_group: Of all schedules, those that stop tasks at their timeout included.
        state_machine: Name or ARN, or None: it is not deployed.
        dead_letter_queue: Name or ARN, or None.
        first_look: Seconds.
        log_group: CloudWatch log group.
        log_retention: Days.
        log_settle: Seconds, or None: the connection decides.
        task_settle: Seconds, or None: the connection decides.
        audit_log_group: CloudWatch log group, or None: no audit.
        history_log_group: CloudWatch log group of what happens to tasks and executions, or None: there is none.
        tags: Of every task and definition.
        budget: US dollars a calendar month of this stage's runs, or None.
        jobs: Directory of the jobs' files, relative to the project's.
        state_dir: Directory of the run records, absolute; it may not exist yet.
        endpoint: `local`, a URL, or None for AWS.
        local_startup: Simulated seconds, or None: as fast as it goes.
        local_deprovision: Simulated seconds, or None.
        on_interrupt: What the first Ctrl-C does.
        provenance: Dotted key → origin.
    """

    project: str
    stage: str | None = None
    region: str | None = None
    profile: str | None = None
    cluster: str = "default"
    network: Network = field(default_factory=Network)
    execution_role: str | None = None
    task_role: str | None = None
    scheduler_role: str | None = None
    schedule_group: str
    state_machine: str | None = None
    dead_letter_queue: str | None = None
    first_look: int = FIRST_LOOK_SECONDS
    log_group: str
    log_retention: int = 30
    log_settle: float | None = None
    task_settle: float | None = None
    audit_log_group: str | None = None
    history_log_group: str | None = None
    tags: Mapping[str, str] = field(default_factory=FrozenDict)
    budget: Decimal | None = None
    jobs: str = "jobs"
    state_dir: Path
    endpoint: str | None = None
    local_startup: float | None = None
    local_deprovision: float | None = None
    on_interrupt: Literal["stop", "detach"] = "stop"
    provenance: Mapping[str, str] = field(default_factory=FrozenDict)

    @property
    def title(self) -> str:
        """The project with its stage, for people: `shop/prod`."""
        return "/".join(filter(None, (self.project, self.stage)))

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is the one that jobrunner starts on 127.0.0.1."""
        return self.endpoint == local_stage.ENDPOINT

    def rows(self) -> tuple[Row, ...]:
        """Every setting with its value and its origin, each tag by itself."""
        return tuple(row for key in KEYS for row in self._rows(key))

    def _rows(self, key: str) -> Iterator[Row]:
        if key == "tags" and self.tags:
            for name, value in self.tags.items():
                yield Row(f"tags.{name}", value, self.provenance.get(f"tags.{name}", "default"))
            return
        group, _, name = key.partition(".")
        value = getattr(self.network, name) if group == "network" else getattr(self, key.replace(".", "_"))
        yield Row(key, value, self.provenance.get(key, "default"))


#: What the local endpoint brings, as the lowest layer under whoever says `endpoint: local`.
LOCAL_VALUES: Mapping[str, Any] = FrozenDict(
    {
        "region": local_stage.REGION,
        "cluster": local_stage.CLUSTER,
        "network": {
            "subnets": list(local_stage.SUBNETS),
            "security_groups": list(local_stage.SECURITY_GROUPS),
            "assign_public_ip": True,
        },
        "execution_role": local_stage.EXECUTION_ROLE,
        "task_role": local_stage.TASK_ROLE,
        "scheduler_role": local_stage.SCHEDULER_ROLE,
        # Names and not ARNs: a local stage may be in any region.
        "state_machine": local_stage.STATE_MACHINE.rpartition(":")[2],
        "dead_letter_queue": local_stage.DEAD_LETTER_QUEUE.rpartition(":")[2],
        "first_look": 1,
        "history_log_group": local_stage.HISTORY_LOG_GROUP,
    }
)
