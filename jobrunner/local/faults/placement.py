"""RunTask answers with HTTP 200, `failures[]` and no task.

Source of the reasons: API reference, "API failure messages" (RESOURCE:…); of Fargate's, public reports
(gchq/sleeper#904 for the capacity; the limit of vCPUs occurs with a straight and with a typographic apostrophe).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from pydantic import model_validator

from jobrunner.local.faults.values import Line, TaskFault, Times, refuse

_VCPU: Final = "You{}ve reached the limit on the number of vCPUs you can run concurrently"
_REASONS: Final = {
    "capacity": "Capacity is unavailable at this time. Please try again later or in a different availability zone",
    "vcpu-limit": _VCPU.format("'"),
    "vcpu-limit-typographic": _VCPU.format("\N{RIGHT SINGLE QUOTATION MARK}"),
    "eni": "RESOURCE:ENI",
}


class RunTaskFailure(TaskFault):
    """ECS has no place for a task: RunTask gives a failure for it, no task, and no event.

    Each task of a call is counted. The same `clientToken` gets the same failure again, uncounted, because the token
    stands for the first answer (developer guide, "Ensuring idempotency"); another token is another call.

    Attributes:
        cause: A well-known reason.
        reason: Or any other text.
    """

    group: ClassVar[str] = "placement"

    cause: Literal["capacity", "vcpu-limit", "vcpu-limit-typographic", "eni"] | None = None
    reason: Line | None = None
    times: Times = 1

    @model_validator(mode="after")
    def _has_one(self) -> Any:
        if (self.cause is None) == (self.reason is None):
            raise refuse("", "a RunTaskFailure has a cause or a reason, and not both", "cause", "reason")
        return self

    @property
    def text(self) -> str:
        """The failure's `reason`."""
        return self.reason if self.cause is None else _REASONS[self.cause]  # type: ignore[return-value]  # one of them
