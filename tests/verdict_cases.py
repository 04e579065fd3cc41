"""Every way in which a task ends, as ECS tells it, where it was told so, and how jobrunner judges it.

The sources are pages of the Amazon ECS Developer Guide unless they say something else.

`from verdict_cases import CASES`: pytest's `pythonpath` has this folder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from jobrunner.core.lifecycle import STOPPED, ContainerSnapshot, TaskSnapshot
from jobrunner.core.outcome import Verdict
from jobrunner.core.stops import REPLACED
from jobrunner.core.verdict import FAIL_FAST, INTERRUPT, START_TIMEOUT, STOP, TIMEOUT

STARTED = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
EXITED = "Essential container in task exited"
MEMORY = "OutOfMemoryError: Container killed due to memory usage"
RETIRED = "ECS is performing maintenance on the underlying infrastructure hosting the task"
SPOT = "Your Spot Task was interrupted."
HOST = "Host EC2 (instance i-0123456789abcdef0) terminated."
PULL = "CannotPullContainerError: "
INIT = "ResourceInitializationError: "
AUTH = f"{INIT}unable to pull secrets or registry auth: "
NO_GROUP = "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist."
LOGGING = "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: "
NO_WAY = "There is a connection issue between the task and Amazon CloudWatch. Check your network configuration."
INTERFACE = "Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-1': "
SHIM = (
    "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to "
    "create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
)


def container(name: str, exit_code: int | None = None, reason: str | None = None) -> ContainerSnapshot:
    """A container that has ended."""
    return ContainerSnapshot(name=name, last_status=STOPPED, exit_code=exit_code, reason=reason)


def stopped(
    exit_code: int | None = None,
    *,
    code: str | None = "EssentialContainerExited",
    reason: str | None = EXITED,
    container_reason: str | None = None,
    started: bool = True,
    others: tuple[ContainerSnapshot, ...] = (),
) -> TaskSnapshot:
    """A stopped task; by default its essential container exited."""
    return TaskSnapshot(
        task_arn="arn",
        last_status=STOPPED,
        desired_status=STOPPED,
        stop_code=code,
        stopped_reason=reason,
        started_at=STARTED if started else None,
        containers=(*others, container("main", exit_code, container_reason)),
    )


def failed(reason: str | None, **more: object) -> TaskSnapshot:
    """A task of which no container started."""
    task = stopped(code="TaskFailedToStart", reason=reason, started=False)
    return replace(task, **more)  # type: ignore[arg-type]  # the fields of a snapshot


@dataclass(frozen=True)
class Case:
    """A snapshot, where it comes from, and what is to be made of it."""

    case: str
    source: str
    task: TaskSnapshot
    verdict: Verdict
    reason: str
    exit_code: int | None = None
    transient: bool = False


def never(case: str, source: str, task: TaskSnapshot, reason: str, *, transient: bool) -> Case:
    """A case in which nothing of the job ran."""
    return Case(case, source, task, Verdict.NEVER_STARTED, reason, transient=transient)


GUARD = container("aws-guardduty-agent-4cXjK", 1, "exited")

API, STOPPED_TASKS, LIFECYCLE = "ECS API: Task, Container", "Stopped tasks error messages", "Task lifecycle"
PULL_ERRORS, INIT_ERRORS = "CannotPullContainer task errors", "ResourceInitializationError errors"
START_ERRORS, NETWORK, QUOTAS = "TaskFailedToStart errors", "Fargate task networking", "Service event messages"

ENDED = (
    Case("exit 0", LIFECYCLE, stopped(0), Verdict.SUCCEEDED, "exit", 0),
    Case("exit 3", API, stopped(3), Verdict.FAILED, "exit", 3),
    Case("127", API, stopped(127), Verdict.FAILED, "exit", 127),
    Case("137 without a reason is no memory kill", API, stopped(137), Verdict.FAILED, "exit", 137),
    Case("139", API, stopped(139), Verdict.FAILED, "exit", 139),
    Case("143 and nobody stopped it", API, stopped(143), Verdict.FAILED, "exit", 143),
    Case("neither code nor reason", "moto", stopped(0, code=None, reason=None), Verdict.SUCCEEDED, "exit", 0),
    Case("no stop code", API, stopped(0, code=None), Verdict.SUCCEEDED, "exit", 0),
    Case("no exit code", API, stopped(None), Verdict.LOST, "no_exit_code", transient=True),
    Case(
        "no exit code, no words", API, stopped(None, code=None, reason=None),
        Verdict.LOST, "no_exit_code", transient=True,
    ),
    Case(
        "no exit code, the runtime says why", STOPPED_TASKS,
        stopped(None, container_reason="CannotInspectContainerError: Could not transition to inspecting"),
        Verdict.LOST, "container_runtime", transient=True,
    ),
    Case(
        "it could not be stopped", STOPPED_TASKS,
        stopped(None, container_reason="CannotStopContainerError: timed out"),
        Verdict.LOST, "container_runtime", transient=True,
    ),
    Case(
        "memory kill with 137", STOPPED_TASKS, stopped(137, container_reason=MEMORY),
        Verdict.OUT_OF_MEMORY, "out_of_memory", 137,
    ),
    Case(
        "memory kill with 0", "amazon-ecs-agent#2467", stopped(0, container_reason="OutOfMemoryError: killed"),
        Verdict.OUT_OF_MEMORY, "out_of_memory", 0,
    ),
    Case(
        "memory kill without a code", STOPPED_TASKS, stopped(None, container_reason=MEMORY),
        Verdict.OUT_OF_MEMORY, "out_of_memory",
    ),
    Case(
        "memory kill, said by the task", STOPPED_TASKS, stopped(137, reason=MEMORY),
        Verdict.OUT_OF_MEMORY, "out_of_memory", 137,
    ),
    Case(
        "memory kill with 0, said by the task", STOPPED_TASKS, stopped(0, reason=MEMORY),
        Verdict.OUT_OF_MEMORY, "out_of_memory", 0,
    ),
    Case(
        "memory kill of a sidecar, said by the task", LIFECYCLE,
        stopped(143, reason=MEMORY, others=(container("proxy", 137, MEMORY),)), Verdict.FAILED, "sidecar", 143,
    ),
    Case(
        "sidecar failed, job did not", API,
        stopped(0, others=(container("proxy", 1),)), Verdict.SUCCEEDED, "exit", 0,
    ),
    Case("sidecar fine, job failed", API, stopped(1, others=(container("proxy", 0),)), Verdict.FAILED, "exit", 1),
    Case(
        "sidecar failed first", LIFECYCLE, stopped(143, others=(container("proxy", 2),)),
        Verdict.FAILED, "sidecar", 143,
    ),
    Case(
        "sidecar could not be pulled", PULL_ERRORS,
        stopped(143, code="TaskFailedToStart", reason="Task failed to start",
                others=(container("proxy", None, f"{PULL}i/o timeout"),)),
        Verdict.FAILED, "sidecar", 143, transient=True,
    ),
    Case(
        "sidecar was told to stop as well", LIFECYCLE, stopped(143, others=(container("proxy", 143),)),
        Verdict.FAILED, "exit", 143,
    ),
    Case(
        "sidecar had done its part", "wait_for: success", stopped(143, others=(container("proxy", 0),)),
        Verdict.FAILED, "exit", 143,
    ),
    Case(
        "SIGKILL may have been the memory", LIFECYCLE, stopped(137, others=(container("proxy", 1),)),
        Verdict.FAILED, "exit", 137,
    ),
    Case("an injected one is not blamed", "GuardDuty", stopped(143, others=(GUARD,)), Verdict.FAILED, "exit", 143),
    Case(
        "exit 0 while the task failed to start", "undecidable, so no success",
        stopped(0, code="TaskFailedToStart", reason="Task failed to start",
                others=(container("proxy", None, f"{PULL}not found"),)),
        Verdict.STOPPED, "image_not_found", 0,
    ),
    Case(
        "exit 0 while the task failed to start for no known reason", "undecidable, so no success",
        stopped(0, code="TaskFailedToStart", reason="Task failed to start"), Verdict.STOPPED, "unknown_stop", 0,
    ),
    Case("unknown stop code", API, stopped(1, code="Martian"), Verdict.FAILED, "exit", 1),
    Case(
        "unknown stop code, no exit code", API, stopped(None, code="Martian"),
        Verdict.LOST, "no_exit_code", transient=True,
    ),
    Case(
        "unknown stop code, exit 0", "unknown is never success", stopped(0, code="Martian", reason="?"),
        Verdict.STOPPED, "unknown_stop", 0,
    ),
    Case(
        "unknown reason without a stop code, exit 0", "unknown is never success",
        stopped(0, code=None, reason="maintenance"), Verdict.STOPPED, "unknown_stop", 0,
    ),
)  # fmt: skip

STOPS = (
    Case(
        "our timeout", "StopTask", stopped(143, code="UserInitiated", reason=f"{TIMEOUT} after 2h"),
        Verdict.TIMED_OUT, "timeout", 143,
    ),
    Case(
        "our timeout, exit 0", "may be the answer to SIGTERM",
        stopped(0, code="UserInitiated", reason=f"{TIMEOUT} after 2h"), Verdict.TIMED_OUT, "timeout", 0,
    ),
    Case(
        "our timeout before the start", "StopTask",
        stopped(None, code="UserInitiated", reason=f"{TIMEOUT} after 2h", started=False), Verdict.TIMED_OUT, "timeout",
    ),
    Case(
        "our timeout came after the end", "the stop code says what was first", stopped(0, reason=f"{TIMEOUT} after 2h"),
        Verdict.SUCCEEDED, "exit", 0,
    ),
    Case(
        "our timeout came after a failure", "the stop code says what was first",
        stopped(3, reason=f"{TIMEOUT} after 2h"), Verdict.FAILED, "exit", 3,
    ),
    Case(
        "our interrupt, no stop code", API,
        stopped(None, code=None, reason=f"{INTERRUPT} by SIGINT"), Verdict.INTERRUPTED, "interrupt",
    ),
    Case(
        "our stop", "StopTask", stopped(143, code="UserInitiated", reason=f"{STOP} by request"),
        Verdict.STOPPED, "user", 143,
    ),
    Case(
        "our stop for the next run", "StopTask",
        stopped(143, code="UserInitiated", reason=f"{REPLACED} by nightly@2026-11-24T02:30:00Z"),
        Verdict.STOPPED, "replaced", 143,
    ),
    Case(
        "our stop of the others", "StopTask", stopped(143, code="UserInitiated", reason=FAIL_FAST),
        Verdict.STOPPED, "fail_fast", 143,
    ),
    never(
        "our start timeout", "StopTask",
        stopped(None, code="UserInitiated", reason=f"{START_TIMEOUT} within 5m", started=False),
        "start_timeout", transient=True,
    ),
    never(
        "our start timeout while a sidecar ran", "the job's container decides",
        stopped(None, code="UserInitiated", reason=START_TIMEOUT, started=False, others=(container("proxy", 143),)),
        "start_timeout", transient=True,
    ),
    Case(
        "our start timeout, and it had just started", "StopTask",
        stopped(0, code="UserInitiated", reason=f"{START_TIMEOUT} within 5m"),
        Verdict.STOPPED, "start_timeout", 0, transient=True,
    ),
    Case(
        "our start timeout came after the end", "the stop code says what was first", stopped(0, reason=START_TIMEOUT),
        Verdict.SUCCEEDED, "exit", 0,
    ),
    Case(
        "somebody's stop", "StopTask",
        stopped(0, code="UserInitiated", reason="Task stopped by user"), Verdict.STOPPED, "user", 0,
    ),
    Case(
        "somebody's stop without a word", "StopTask", stopped(1, code="UserInitiated", reason=None),
        Verdict.STOPPED, "user", 1,
    ),
    Case(
        "Spot", "Amazon ECS clusters for Fargate", stopped(143, code="SpotInterruption", reason=SPOT),
        Verdict.STOPPED, "spot_interruption", 143, transient=True,
    ),
    Case(
        "Spot with 137", LIFECYCLE, stopped(137, code="SpotInterruption", reason=SPOT),
        Verdict.STOPPED, "spot_interruption", 137, transient=True,
    ),
    Case(
        "Spot, exit 0", "may be the answer to SIGTERM", stopped(0, code="TerminationNotice", reason=None),
        Verdict.STOPPED, "spot_interruption", 0, transient=True,
    ),
    Case(
        "Spot without a stop code", "containers-roadmap#1565", stopped(0, code=None, reason=SPOT),
        Verdict.STOPPED, "spot_interruption", 0, transient=True,
    ),
    never(
        "no Spot capacity", "SpotInterruption errors",
        stopped(None, code="SpotInterruption", reason=SPOT, started=False), "spot_interruption", transient=True,
    ),
    Case(
        "retirement", "Task maintenance", stopped(0, code="UserInitiated", reason=RETIRED),
        Verdict.STOPPED, "task_retirement", 0, transient=True,
    ),
    Case(
        "retirement with the scheduler's code", "Task maintenance",
        stopped(143, code="ServiceSchedulerInitiated", reason=f"Service x: {RETIRED}"),
        Verdict.STOPPED, "task_retirement", 143, transient=True,
    ),
    Case(
        "service scheduler", API,
        stopped(0, code="ServiceSchedulerInitiated", reason="Scaling activity initiated by (deployment ecs-svc/1)"),
        Verdict.STOPPED, "service_scheduler", 0,
    ),
    Case(
        "host lost", STOPPED_TASKS, stopped(None, code=None, reason=HOST), Verdict.LOST, "host_lost", transient=True
    ),
    Case(
        "host lost, exit code known", STOPPED_TASKS, stopped(0, reason=HOST),
        Verdict.STOPPED, "host_lost", 0, transient=True,
    ),
    never("host lost early", STOPPED_TASKS, failed(HOST), "host_lost", transient=True),
    Case(
        "infrastructure health", API, stopped(0, code="InfrastructureHealth", reason=None),
        Verdict.STOPPED, "infrastructure_health", 0, transient=True,
    ),
)  # fmt: skip

#: Tasks of which ECS says why no container started: case, source, word, whether a retry may help, `stoppedReason`.
TEXTS = (
    ("image not found", PULL_ERRORS, "image_not_found", False, f"{PULL}repository x/y not found"),
    ("image not found, older words", PULL_ERRORS, "image_not_found", False, f"{PULL}API error (404)"),
    ("image platform", PULL_ERRORS, "image_platform", False,
     f"{PULL}image Manifest does not contain descriptor matching platform 'linux/amd64'"),
    ("image access denied", PULL_ERRORS, "image_access_denied", False,
     f"{PULL}The task can\u2019t pull the image. Check that the role has the permissions to pull images from it."),
    ("image private or absent", PULL_ERRORS, "image_access_denied", False,
     f"{PULL}pull access denied for x, repository does not exist or may require login"),
    ("Docker Hub's limit", PULL_ERRORS, "registry_throttled", True,
     f"{PULL}inspect image has been retried 1 time(s): toomanyrequests: You have reached your pull rate limit"),
    ("pull timeout", PULL_ERRORS, "registry_unreachable", True,
     f"{PULL}pull image manifest has been retried 1 time(s): dial tcp: i/o timeout"),
    ("pull without a route", PULL_ERRORS, "registry_unreachable", True,
     f"{PULL}API error (500): Get https://x/v2/: net/http: request canceled while waiting for connection"),
    ("registry's name unknown", NETWORK, "registry_unreachable", False,
     f"{PULL}dial tcp: lookup registry.exmaple on 10.0.0.2:53: no such host"),
    ("registry error", PULL_ERRORS, "registry_error", True,
     f"{PULL}ref pull has been retried 1 time(s): httpReaderSeeker: failed open: unexpected status code"),
    ("pull, cut short", PULL_ERRORS, "image_pull", False, "CannotPullImageManifestError: Error resp"),
    ("disk full", PULL_ERRORS, "disk_full", False, f"{PULL}write /x: no space left on device"),
    ("secrets time out", INIT_ERRORS, "endpoint_unreachable", True,
     f"{AUTH}execution resource retrieval failed: context deadline exceeded"),
    ("secrets' service unknown by name", NETWORK, "endpoint_unreachable", False,
     f"{AUTH}lookup secretsmanager.x: no such host"),
    ("registry credentials time out", INIT_ERRORS, "endpoint_unreachable", True,
     f"{AUTH}The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and it"),
    ("registry credentials denied", INIT_ERRORS, "image_access_denied", False,
     f"{AUTH}AccessDeniedException: not authorized to perform: ecr:GetAuthorizationToken on resource: *"),
    ("secret denied", INIT_ERRORS, "secret_access_denied", False,
     f"{AUTH}AccessDeniedException: not authorized to perform: secretsmanager:GetSecretValue on resource: arn"),
    ("secret missing", "ResourceNotFoundException errors", "secret_unavailable", False,
     "ResourceNotFoundException: Fetching secret data from AWS Secrets Manager in region x: secret y"),
    ("secret's key missing", "local endpoint", "secret_unavailable", False,
     f"{AUTH}retrieved secret from Secrets Manager did not contain json key url"),
    ("secrets throttled", INIT_ERRORS, "throttled", True, f"{AUTH}ThrottlingException: Rate exceeded"),
    ("secrets' service ill", INIT_ERRORS, "resource_initialization", True, f"{AUTH}InternalServiceError"),
    ("initialization, cut short", INIT_ERRORS, "resource_initialization", False, f"{INIT}failed"),
    ("log group missing", INIT_ERRORS, "log_group_missing", False,
     f"{INIT}failed to validate logger args: create stream has been retried 1 times: {NO_GROUP}"),
    ("log group missing, shorter", INIT_ERRORS, "log_group_missing", False,
     f"{INIT}failed to initialize logging driver"),
    ("log group not reached", INIT_ERRORS, "endpoint_unreachable", True,
     f"{INIT}The task cannot find the Amazon CloudWatch log group defined in the task definition. {NO_WAY}"),
    ("log service unknown by name", NETWORK, "endpoint_unreachable", False,
     f"{LOGGING}dial tcp: lookup logs.x on 10.0.0.2:53: no such host"),
    ("log service throttled", INIT_ERRORS, "throttled", True,
     f"{LOGGING}failed to create Cloudwatch log stream: ThrottlingException: Rate exceeded"),
    ("log service not reached", "amazon-ecs-cli#752", "endpoint_unreachable", True,
     f"{LOGGING}RequestError: send request failed caused by: Post https://logs.x: dial tcp: i/o timeout"),
    ("log denied", INIT_ERRORS, "log_access_denied", False,
     f"{INIT}failed to validate logger args: AccessDeniedException: not authorized to perform: logs:CreateLogStream"),
    ("role without trust", "Task execution IAM role", "role_not_assumable", False,
     "ECS was unable to assume the role 'arn:aws:iam::123456789012:role/x' that was provided for this task."),
    ("environment file", INIT_ERRORS, "env_file", False,
     f"{INIT}failed to download env files: file download command: non empty error stream"),
    ("environment file not reached", INIT_ERRORS, "endpoint_unreachable", True,
     f"{INIT}failed to download env files: dial tcp: i/o timeout"),
    ("volume", STOPPED_TASKS, "volume", False, "CannotCreateVolumeError: x"),
    ("file system not reached", INIT_ERRORS, "volume", True,
     f"{INIT}failed to invoke EFS utils commands to set up EFS volumes: connection timed out"),
    ("network interface times out", STOPPED_TASKS, "network_interface", True,
     "Timeout waiting for network interface provisioning to complete."),
    ("subnet full", NETWORK, "network_interface", True,
     f"{INTERFACE}InsufficientFreeAddressesInSubnet"),
    ("security group deleted", START_ERRORS, "network_interface", False,
     f"{INTERFACE}InvalidGroup.NotFound"),
    ("disk not there in time", "dagster: _is_transient_stop_reason", "ephemeral_storage", True,
     "Timeout waiting for EphemeralStorage provisioning to complete."),
    ("no capacity", QUOTAS, "capacity", True, "Capacity is unavailable at this time. Please try again later"),
    ("quota", QUOTAS, "vcpu_limit", True, "You\u2019ve reached the limit on the number of vCPUs you can run"),
    ("too large", QUOTAS, "size_limit", False, "The requested CPU configuration is above your limit"),
    ("no room", "API failure reasons", "resources", True, "TaskFailedToStart: RESOURCE:MEMORY"),
    ("other processor", STOPPED_TASKS, "exec_format", False, f"{SHIM}exec /job: exec format error: unknown"),
    ("no such program", "local endpoint", "command_not_found", False,
     f'{SHIM}exec: "job": executable file not found in $PATH: unknown'),
    ("no such file", "local endpoint", "command_not_found", False,
     f'{SHIM}exec: "/job": no such file or directory: unknown'),
    ("not executable", "local endpoint", "command_not_executable", False,
     f'{SHIM}exec: "./job": permission denied: unknown'),
    ("too little memory to start", "runc", "out_of_memory", False,
     f"{SHIM}container init was OOM-killed (memory limit too low?): unknown"),
    ("runtime too slow", STOPPED_TASKS, "container_runtime", True,
     "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m"),
    ("runtime fails", STOPPED_TASKS, "container_runtime", True, "ContainerRuntimeError: x"),
    ("agent fails", START_ERRORS, "container_runtime", True, "InternalError: x"),
    ("dependency failed", "local endpoint", "dependency", False,
     "DependencyError: dependency graph: failed to resolve container ordering dependency [db] for target [main]"),
)  # fmt: skip

NEVER = (
    *(never(case, source, failed(text), word, transient=passing) for case, source, word, passing, text in TEXTS),
    never(
        "container cannot start, said by the container", STOPPED_TASKS,
        stopped(None, code="TaskFailedToStart", reason="Task failed to start",
                container_reason="CannotStartContainerError: chdir to cwd failed"),
        "cannot_start_container", transient=False,
    ),
    never(
        "container cannot start, with an exit code", "amazon-ecs-agent#3218",
        stopped(143, container_reason="CannotStartContainerError: dependency graph: failed to resolve x"),
        "dependency", transient=False,
    ),
    never(
        "container cannot be created", STOPPED_TASKS,
        stopped(0, container_reason="CannotCreateContainerError: no such image"),
        "cannot_start_container", transient=False,
    ),
    never(
        "failed to start although the task was RUNNING", "API: the stop code says what was first",
        stopped(None, code="TaskFailedToStart", reason="Task failed to start"),
        "task_failed_to_start", transient=True,
    ),
    never(
        "Spot, and a container that could not start", "amazon-ecs-agent#3218: exit code 143 of what never ran",
        stopped(143, code="SpotInterruption", reason=SPOT, container_reason="CannotStartContainerError: x"),
        "spot_interruption", transient=True,
    ),
    never(
        "sidecar keeps the job from starting", "containers-roadmap#817",
        failed("Task failed to start", containers=(GUARD, container("migrate", 2), container("main"))),
        "sidecar", transient=False,
    ),
    never(
        "sidecar cannot be pulled", PULL_ERRORS,
        failed("Task failed to start", containers=(container("db", None, f"{PULL}not found"), container("main"))),
        "image_not_found", transient=False,
    ),
    never(
        "nothing is said", "unknown", stopped(None, code=None, reason=None, started=False),
        "task_failed_to_start", transient=True,
    ),
    never(
        "no such container", "another definition", failed(None, stop_code=None, containers=(container("app", 0),)),
        "no_container", transient=False,
    ),
    never(
        "no container shown, but why", "unknown", failed(f"{PULL}not found", stop_code=None, containers=()),
        "image_not_found", transient=False,
    ),
    never(
        "no container shown, failed to start", "unknown", failed(None, containers=()),
        "task_failed_to_start", transient=True,
    ),
    Case(
        "no container shown", "ECS_Idempotency: only ARN and states", failed(None, stop_code=None, containers=()),
        Verdict.LOST, "no_container",
    ),
    Case(
        "no container shown, though it ran", "unknown",
        failed(MEMORY, stop_code=None, started_at=STARTED, containers=()), Verdict.LOST, "no_container",
    ),
)  # fmt: skip

CASES = (*ENDED, *STOPS, *NEVER)
