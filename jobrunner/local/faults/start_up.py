"""Tasks that do not start, start late, never start, or take long to go.

Source of the texts: developer guide, "Stopped tasks error messages", and public reports of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from pydantic import model_validator

from jobrunner.local.awslogs import NO_LOG_GROUP
from jobrunner.local.faults.values import FOREVER, MISFORTUNE, Line, Seconds, TaskFault, Wait, reached, refuse

if TYPE_CHECKING:
    from jobrunner.local.faults.subject import Subject
    from jobrunner.local.task import Task

_StartUp = Literal["PROVISIONING", "PENDING", "ACTIVATING"]
_Cause = Literal[
    "image-not-found",
    "image-access-denied",
    "image-rate-limit",
    "image-timeout",
    "image-platform",
    "eni-timeout",
    "eni-no-address",
    "log-group-missing",
    "secret-access-denied",
    "cannot-start-container",
]

#: ECS tries again by itself before it gives up, and says how often.
_RETRIED: Final = "CannotPullContainerError: pull image manifest has been retried {} time(s): "

_DENIED: Final = (
    "CannotPullContainerError: Error response from daemon: pull access denied for {image}, repository does not exist "
    "or may require 'docker login': denied: requested access to the resource is denied"
)
_TOO_MANY_PULLS: Final = (
    "failed to resolve ref {image}: 429 Too Many Requests - Server message: toomanyrequests: You have reached your "
    "pull rate limit. You may increase the limit by authenticating and upgrading: "
    "https://www.docker.com/increase-rate-limit"
)
_NO_ADDRESS: Final = (
    "Unexpected EC2 error while attempting to Create Network Interface in subnet '{subnet}': "
    "InsufficientFreeAddressesInSubnet"
)
_REFUSED_VALUE: Final = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
    "unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret: "
    "AccessDeniedException: User is not authorized to perform: secretsmanager:GetSecretValue"
)
_NO_PROCESS: Final = (
    "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: "
    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process"
)

#: Of each cause the status in which the task fails, and the stopped reason.
_REASONS: Final[dict[str, tuple[_StartUp, str]]] = {
    "image-not-found": ("PENDING", _RETRIED.format(1) + "failed to resolve ref {image}: {image}: not found"),
    "image-access-denied": ("PENDING", _DENIED),
    "image-rate-limit": ("PENDING", _RETRIED.format(1) + _TOO_MANY_PULLS),
    "image-timeout": (
        "PENDING",
        _RETRIED.format(5) + "failed to resolve ref {image}: failed to do request: Head: dial tcp: i/o timeout",
    ),
    "image-platform": (
        "PENDING",
        _RETRIED.format(1) + "image Manifest does not contain descriptor matching platform 'linux/amd64'",
    ),
    "eni-timeout": ("PROVISIONING", "Timeout waiting for network interface provisioning to complete."),
    "eni-no-address": ("PROVISIONING", _NO_ADDRESS),
    "log-group-missing": ("PENDING", NO_LOG_GROUP),
    "secret-access-denied": ("PENDING", _REFUSED_VALUE),
    "cannot-start-container": ("ACTIVATING", _NO_PROCESS),
}


class TaskFailedToStart(TaskFault):
    """The task stops before a container has run, with stopCode TaskFailedToStart and without exit codes.

    Attributes:
        cause: A well-known reason, with the status in which the task fails.
        reason: Or any other text.
        at: The status in which the task fails, of a `reason`; PENDING is when images are pulled.
    """

    group: ClassVar[str] = MISFORTUNE

    cause: _Cause | None = None
    reason: Line | None = None
    at: _StartUp | None = None

    @model_validator(mode="after")
    def _has_one(self) -> Any:
        if (self.cause is None) == (self.reason is None):
            raise refuse("", "a TaskFailedToStart has a cause or a reason, and not both", "cause", "reason")
        if self.cause is not None and self.at is not None:
            raise refuse("at", "at goes with a reason; a cause has its own status", "cause")
        return self

    @property
    def status(self) -> str:
        """The status in which the task fails."""
        return _REASONS[self.cause][0] if self.cause else self.at or "PENDING"

    @property
    def pulls(self) -> bool:
        """Whether it fails in the pull of an image: that has begun then, and the container says so too."""
        return self._text.startswith("CannotPull")

    @property
    def _text(self) -> str:
        return _REASONS[self.cause][1] if self.cause else self.reason or ""

    def stopped_reason(self, task: Task) -> str:
        """The task's stopped reason."""
        image = str(task.containers[0].definition.get("image", ""))
        return self._text.replace("{image}", image).replace("{subnet}", task.subnet)

    def in_time(self, subject: Subject) -> bool:
        """Whether it can still fail there."""
        return not reached(subject.status, _next(self.status))


class SlowStart(TaskFault):
    """The task stays in a status of its start-up, longer than it would, or until somebody stops it.

    Attributes:
        seconds: How much longer; `forever`, the default, until it is stopped.
        at: In which status.
    """

    group: ClassVar[str] = "start-up"

    seconds: Wait = FOREVER
    at: _StartUp = "PENDING"

    def in_time(self, subject: Subject) -> bool:
        """Whether the task has not left that status."""
        return not reached(subject.status, _next(self.at))


class SlowStop(TaskFault):
    """The task stays longer in DEPROVISIONING: its containers have ended, but it is not STOPPED.

    Attributes:
        seconds: How much longer.
    """

    group: ClassVar[str] = "deprovisioning"

    seconds: Seconds

    def in_time(self, subject: Subject) -> bool:
        """Whether the task is not there yet."""
        return not reached(subject.status, "DEPROVISIONING")


def _next(status: str) -> str:
    return {"PROVISIONING": "PENDING", "PENDING": "ACTIVATING", "ACTIVATING": "RUNNING"}[status]
