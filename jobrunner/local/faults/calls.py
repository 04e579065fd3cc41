"""Faults of calls: any operation of any service answers badly, late, or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator

from jobrunner.core.fields import Matching, whole_number
from jobrunner.core.wording import quoted
from jobrunner.local.faults.replies import error_in
from jobrunner.local.faults.values import Fault, Line, Times, Wait, refuse
from jobrunner.local.wire import ApiError, DropConnectionError, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobrunner.local.faults.operations import Operation
    from jobrunner.local.faults.subject import Subject
    from jobrunner.local.wire import Request

_NAME: Final = re.compile(r"([a-z0-9.-]+:)?[A-Za-z0-9*]+")
_ROUTE: Final = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|\*) /\S*")

#: Error codes that have a message and a status of their own.
_KNOWN: Final = {
    "ThrottlingException": ("Rate exceeded", 400),
    "ServerException": ("Service Unavailable. Please try again later.", 500),
    "InternalFailure": ("The request processing has failed because of an unknown error, exception or failure.", 500),
    "ServiceUnavailable": ("The request has failed due to a temporary failure of the server.", 503),
    "InternalServerException": ("Internal server error", 500),
    "AccessDeniedException": ("User is not authorized to perform this action", 400),
    "ExpiredTokenException": ("The security token included in the request is expired", 400),
    "UnrecognizedClientException": ("The security token included in the request is invalid.", 400),
}

#: Code and message of errors with which ECS says "later" under a code that says "never"; quoted in public issues
#: (hashicorp/terraform-provider-aws#9777 for the last).
HIDDEN_THROTTLES: Final = (
    ("InvalidParameterException", "Rate exceeded"),
    ("ClientException", "Rate exceeded"),
    ("InvalidParameterException", "Request limit exceeded."),
    ("ClientException", "Request limit exceeded."),
    ("InvalidParameterException", "InternalError"),
    ("ClientException", "InternalError"),
    ("ClientException", "Too many concurrent attempts to create a new revision of the specified family."),
)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request on its way to whoever executes it.

    Attributes:
        execute: Executes it; its answer, an error's too. None when nobody here has one.
        subjects: Whom it concerns; asked only if a fault wants to know.
        wait: Lets time pass, until the endpoint ends.
    """

    request: Request
    operation: Operation
    execute: Callable[[], Reply | None]
    subjects: Callable[[], Iterable[Subject]]
    wait: Callable[[float], None]


def _checked(pattern: str) -> str:
    if _NAME.fullmatch(pattern) or _ROUTE.fullmatch(pattern):
        return pattern
    raise ValueError(
        f"{quoted(pattern)} is not an operation; write a name (RunTask), with its service (ecs:RunTask, logs:*), "
        "a method and a path (POST /schedules/*), or * for all"
    )


class CallFault(Fault):
    """A fault of calls.

    Attributes:
        operation: `RunTask`, `ecs:RunTask`, `Describe*`, `logs:*`, `POST /schedules/*`, or `*`. The service is that of
            the signature; `*` stands for any characters; a path is compared without its query.
        when: `before`: the call is not executed. `after`: it is, and what happens then happens to its answer.
    """

    group: ClassVar[str] = "calls"

    operation: Annotated[Line, AfterValidator(_checked)]
    when: Literal["before", "after"] = "before"
    times: Times = 1

    def concerns(self, seen: Call) -> bool:
        """Whether the call gets the fault."""
        return self._matches(seen) and (not self.selective or any(map(self.about, seen.subjects())))

    def _matches(self, call: Call) -> bool:
        if " " in self.operation:
            path = call.request.path.partition("?")[0]
            return fnmatchcase(f"{call.request.method} {path}", self.operation)
        service, _, name = self.operation.rpartition(":")
        return service in {"", call.operation.service} and fnmatchcase(call.operation.name, name)

    def answer(self, call: Call) -> Reply | None:
        """The answer to a call that gets the fault.

        Raises:
            DropConnectionError: There is none.
        """
        raise NotImplementedError


class ErrorAnswer(CallFault):
    """AWS answers with an error.

    Attributes:
        code: The error's code.
        message: Its message; well-known codes have one of their own.
        status: Its HTTP status; 400, if the code has none of its own.
    """

    code: Annotated[str, Matching(r"[A-Za-z][A-Za-z0-9._-]*", "an error code, such as ThrottlingException")] = (
        "ThrottlingException"
    )
    message: str | None = None
    status: Annotated[int, BeforeValidator(whole_number(400, 599))] | None = None

    @model_validator(mode="after")
    def _has_message(self) -> Any:
        if self.message is None and self.code not in _KNOWN:
            raise refuse("", f"message is missing; only {', '.join(_KNOWN)} have one of their own", "code", "message")
        return self

    @property
    def error(self) -> ApiError:
        """The error."""
        message, status = _KNOWN.get(self.code, ("", 400))
        return ApiError(self.code, message if self.message is None else self.message, status=self.status or status)

    def answer(self, call: Call) -> Reply:
        """The error, in the protocol of the call."""
        if self.when == "after":
            call.execute()
        return error_in(call.operation.protocol, self.error, call.operation.service)


class SlowAnswer(CallFault):
    """The answer comes late.

    Attributes:
        seconds: How late.
        when: `after`, the default: the call is executed at once, and its answer is old when it comes. `before`: it is
            executed late.
    """

    seconds: Wait
    when: Literal["before", "after"] = "after"

    def answer(self, call: Call) -> Reply | None:
        """The call's own answer."""
        if self.when == "before":
            call.wait(self.seconds)
            return call.execute()
        reply = call.execute()
        call.wait(self.seconds)
        return reply


class NoAnswer(CallFault):
    """The connection hangs: nothing comes, and in the end it is closed.

    Attributes:
        seconds: How long it hangs; the end of the endpoint ends it too.
    """

    seconds: Wait

    def answer(self, call: Call) -> Reply | None:
        """None."""
        if self.when == "after":
            call.execute()
        call.wait(self.seconds)
        raise DropConnectionError


class DroppedConnection(CallFault):
    """The connection is closed without an answer; with `when: after`, although the call was executed."""

    def answer(self, call: Call) -> Reply | None:
        """None."""
        if self.when == "after":
            call.execute()
        raise DropConnectionError
