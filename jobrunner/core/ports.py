"""What the use cases need of the outside, one protocol per outside service.

Domain values in and out: the vendor's documents and exceptions stop in `jobrunner.aws`. Every method may raise
`AwsError` (its three kinds say whether a retry makes sense) unless it says otherwise. `jobrunner.testing` has a
public fake of each, and one contract suite runs on the fakes and on the local endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobrunner.core.deadline import Deadline
    from jobrunner.core.follow import LogStream, ReadLog, ReadResult
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.record import RunRecord
    from jobrunner.core.request import RunRequest


#: The reason of a launch whose token has been used by another request, of another machine or an earlier version of
#: the job, that no task is known of.
OTHER_REQUEST = "its clientToken stands for another request, which started no task"


@dataclass(frozen=True, kw_only=True)
class PlacementFailure:
    """One entry of RunTask's `failures[]`, which comes with HTTP 200."""

    reason: str
    detail: str | None = None
    arn: str | None = None

    def __str__(self) -> str:
        return ": ".join(part for part in (self.reason, self.detail) if part)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """The answer of RunTask: a task, or every failure that it names. Exactly one of both is empty."""

    task: TaskSnapshot | None
    failures: tuple[PlacementFailure, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A registered task definition.

    Attributes:
        arn: With its revision.
        containers: `containerDefinitions` as ECS describes them.
        hash: The content hash that jobrunner tagged it with; None when it is not ours.
        active: Whether new tasks may use it.
    """

    arn: str
    containers: Sequence[Mapping[str, Any]]
    hash: str | None = None
    active: bool = True


class Tasks(Protocol):
    """ECS's tasks."""

    def run(self, request: RunRequest) -> Launch:
        """Send RunTask.

        A repeated `clientToken` gives the task that it started before. A ConflictException (the token was
        used with other parameters) gives that task too: it is this run, started by an earlier version of it. If it
        names no task, that is a failure to place one, `OTHER_REQUEST`: only another token can start this run.
        """
        ...

    def describe(self, cluster: str, tasks: Sequence[str]) -> Mapping[str, TaskSnapshot]:
        """Describe tasks by ARN or id, in batches of 100; those that ECS does not know are left out.

        The keys are what was asked with.
        """
        ...

    def find(
        self, cluster: str, *, started_by: str | None = None, family: str | None = None, stopped: bool = True
    ) -> Sequence[str]:
        """List the ARNs of tasks: running ones, then (if `stopped`) those stopped within about an hour."""
        ...

    def stop(self, cluster: str, task: str, reason: str) -> None:
        """Tell ECS to stop a task; a task that has already stopped is no error."""
        ...


class Definitions(Protocol):
    """ECS's task definitions."""

    def describe(self, name: str) -> Definition | None:
        """Describe `family` (its newest active revision), `family:revision` or an ARN; None if there is none."""
        ...

    def revisions(self, family: str, limit: int) -> Sequence[str]:
        """List the ARNs of active revisions, newest first, at most `limit`."""
        ...

    def register(self, request: Mapping[str, Any]) -> Definition:
        """Register a revision."""
        ...


class Deadlines(Protocol):
    """One-off schedules of EventBridge Scheduler that stop a task at its timeout."""

    def set(self, deadline: Deadline) -> None:
        """Create the schedule; one of that name that exists already stays as it is, and is no error."""
        ...

    def clear(self, name: str, group: str) -> None:
        """Delete the schedule; one that is not there, because it has fired or was never made, is no error."""
        ...


class Logs(Protocol):
    """CloudWatch Logs."""

    def read(self, question: ReadLog) -> ReadResult:
        """Read a page. Raises nothing: what AWS cannot or will not answer is part of the answer."""
        ...

    def tail(self, stream: LogStream, limit: int) -> Sequence[str]:
        """Give the last messages of a stream, at most `limit`, oldest first; none of one that does not exist."""
        ...

    def ensure_group(self, group: str, *, retention_days: int, tags: Mapping[str, str]) -> bool:
        """Create the log group if it does not exist, with its retention; tell whether it was created."""
        ...


class Runs(Protocol):
    """The records of runs on this machine. Raises `StoreError` only; safe from several threads and processes."""

    def add(self, record: RunRecord) -> RunRecord:
        """Store a new record durably, and give it back.

        When a record of that run id exists, nothing is stored and the existing one is given: two processes
        with one key agree on one run.
        """
        ...

    def add_all(self, records: Sequence[RunRecord]) -> Sequence[RunRecord]:
        """Store many at once, as `add` would one by one; but a record replaces one that is behind or elsewhere.

        Elsewhere: at an endpoint that has gone, whose run of the same key this one is not.
        """
        ...

    def save(self, record: RunRecord) -> None:
        """Replace the record of that run id."""
        ...

    def advance(self, record: RunRecord) -> RunRecord:
        """Store a record unless what is stored knows more of the run, and give what is stored then.

        Processes that follow one run all report what they see; a late one takes nothing back
        (`RunRecord.is_behind`).
        """
        ...

    def advance_all(self, records: Sequence[RunRecord]) -> Sequence[RunRecord]:
        """Store many at once, durably, as `advance` would one by one."""
        ...

    def get(self, run_id: str) -> RunRecord | None:
        """Give the record of a run id, or None."""
        ...

    def find(self, prefix: str, limit: int = 10) -> Sequence[RunRecord]:
        """Give records whose run id starts so, newest first."""
        ...

    def by_task(self, task_arn: str) -> RunRecord | None:
        """Give the record of a task, or None."""
        ...

    def recent(self, *, job: str | None = None, unfinished: bool = False, limit: int = 100) -> Sequence[RunRecord]:
        """Give records, newest first."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


class Wake(Protocol):
    """What ends a wait early; a `threading.Event` is one."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set or the timeout has passed."""
        ...


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Give the time, in UTC."""
        ...

    def sleep(self, seconds: float, wake: Wake | None = None) -> None:
        """Wait for so long, or until `wake` is set, whichever comes first."""
        ...


class Audit(Protocol):
    """Who did what; never delays and never fails a run.

    Attributes:
        trouble: After `close()`, what could not be written, in one sentence; None when all was.
    """

    trouble: str | None

    def record(self, action: str, fields: Mapping[str, Any]) -> None:
        """Note that something was done."""
        ...

    def close(self) -> None:
        """Write out what was noted, within a bounded time."""
        ...
