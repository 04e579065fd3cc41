"""Everything that jobrunner raises on purpose.

A failed *job* is not here: it is a value, an `Outcome`, and only `Outcome.raise_for_failure()` turns it into
`RunFailedError`. What is raised is a failure of the *tool*: callers stop.

    JobrunnerError
    ├── SpecError               a document, a setting or an override is invalid: nothing was sent
    ├── BudgetError             it would cost more than a budget allows, or nobody knows: nothing was sent
    ├── UnknownJobError         no job of that name
    ├── UnknownRunError         no run of that id, prefix or ARN
    ├── AmbiguousRunError       the prefix names several runs
    ├── AwsError                AWS answered with an error, or did not answer
    │   ├── AwsUnreachableError     no answer: no route, no endpoint, no credentials
    │   ├── AwsRefusedError         an answer that no retry will change (access denied, not found, invalid)
    │   └── AwsThrottledError       an answer that a later retry may change
    ├── LocalEndpointError      the endpoint on 127.0.0.1 cannot start, or has gone
    ├── StoreError              the run store on this machine cannot be used
    └── RunFailedError          raised by `Outcome.raise_for_failure()`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobrunner.core.outcome import Outcome
    from jobrunner.core.spend import Standing

__all__ = [
    "AmbiguousRunError",
    "AwsError",
    "AwsRefusedError",
    "AwsThrottledError",
    "AwsUnreachableError",
    "BudgetError",
    "JobrunnerError",
    "LocalEndpointError",
    "Problem",
    "RunFailedError",
    "SpecError",
    "StoreError",
    "UnknownJobError",
    "UnknownRunError",
]


class JobrunnerError(Exception):
    """Base of all: what happened, where, and what to do about it.

    Args:
        what: One sentence, without a final full stop needed.
        where: The file and line, the run, or the AWS call that it concerns.
        hint: What would help; often the next command to type.
    """

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        located = f"{self.where}: {self.what}" if self.where else self.what
        return f"{located}\n  {self.hint}" if self.hint else located


class Problem:
    """One thing that is wrong with a document, and the place where it stands.

    `str(problem)` is `file:line:column: message`, as compilers print it, so that editors can jump there.
    Lines and columns count from 1; a problem of a whole file has neither.
    """

    __slots__ = ("column", "file", "line", "message")

    def __init__(self, message: str, *, file: str, line: int | None = None, column: int | None = None) -> None:
        self.message = message
        self.file = file
        self.line = line
        self.column = column

    def __str__(self) -> str:
        place = "".join(f":{number}" for number in (self.line, self.column) if number is not None)
        return f"{self.file}{place}: {self.message}"

    def __repr__(self) -> str:
        return f"Problem({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class SpecError(JobrunnerError):
    """A document, a setting or an override is invalid. Carries all problems; nothing was sent to AWS."""

    def __init__(self, problems: Iterable[Problem] | str, *, where: str | None = None, hint: str | None = None) -> None:
        self.problems: tuple[Problem, ...] = () if isinstance(problems, str) else tuple(problems)
        what = problems if isinstance(problems, str) else "\n".join(map(str, self.problems))
        super().__init__(what, where=where, hint=hint)


class BudgetError(JobrunnerError):
    """What was to be started or scheduled would cost more than a budget allows, or what it costs is not known.

    Args:
        what: A sentence for each budget.
        exceeded: The budgets, each with what it was compared with.
        hint: What would help.
    """

    def __init__(self, what: str, *, exceeded: Iterable[Standing], hint: str | None = None) -> None:
        super().__init__(what, hint=hint)
        self.exceeded: tuple[Standing, ...] = tuple(exceeded)


class UnknownJobError(JobrunnerError):
    """No job of that name in the project."""


class UnknownRunError(JobrunnerError):
    """No run of that id, prefix or task ARN is known here or to ECS."""


class AmbiguousRunError(JobrunnerError):
    """The prefix names several runs; the hint lists them."""


class AwsError(JobrunnerError):
    """AWS answered with an error, or did not answer.

    Args:
        what: What was being done, and what AWS said.
        where: The operation, `ecs:RunTask` for instance.
        hint: What would help.
        code: AWS's error code, or None when there was no answer.
    """

    def __init__(
        self, what: str, *, where: str | None = None, hint: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.code = code


class AwsUnreachableError(AwsError):
    """There was no answer: no route, no endpoint, no credentials. Whether the call arrived is unknown."""


class AwsRefusedError(AwsError):
    """AWS said no, and the same call would get the same answer."""


class AwsThrottledError(AwsError):
    """AWS asked to be called less often, or failed on its side; the same call may succeed later."""


class LocalEndpointError(JobrunnerError):
    """The endpoint on 127.0.0.1 cannot be started, or the one that ran a task has gone."""


class StoreError(JobrunnerError):
    """The run store on this machine cannot be read or written."""


class RunFailedError(JobrunnerError):
    """A run did not succeed. Raised by `Outcome.raise_for_failure()` only; carries the outcome."""

    def __init__(self, what: str, *, outcome: Outcome, hint: str | None = None) -> None:
        super().__init__(what, where=outcome.run_id, hint=hint)
        self.outcome = outcome
