"""What the use cases need of the outside, one protocol per outside service.

Domain values in and out: the vendor's documents and exceptions stop in `jobrunner.aws`. Every method may raise
`AwsError` (its three kinds say whether a retry makes sense) unless it says otherwise. `jobrunner.testing` has a
public fake of each, and one contract suite runs on the fakes and on the local endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from jobrunner.core.frozen import FrozenDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from jobrunner.core.billing_prices import Key, Price
    from jobrunner.core.deadline import Deadline
    from jobrunner.core.execution import Execution
    from jobrunner.core.figures import Figures
    from jobrunner.core.follow import LogStream, ReadLog, ReadResult
    from jobrunner.core.history import Entry, LaunchNote, Note, Query, Source
    from jobrunner.core.history_events import EventPage
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.notice import Message, Ping, Undelivered
    from jobrunner.core.record import RunRecord
    from jobrunner.core.request import RunRequest
    from jobrunner.core.schedule_group import ScheduleGroup


#: The reason of a launch whose token has been used by another request, of another machine or an earlier version of
#: the job, that no task is known of.
OTHER_REQUEST = "its clientToken stands for another request, which started no task"

#: What EventBridge Scheduler says, in lower case, of a role that it may not assume: because the role's trust policy
#: is wrong, or because IAM has not made a new role known everywhere yet. It tries the role when a schedule is written.
ROLE_NOT_TRUSTED = "must allow aws eventbridge scheduler to assume the role"
#: AWS's codes for a name that is taken, and for what does not exist, in `AwsError.code`.
CONFLICT = "ConflictException"
NOT_FOUND = "ResourceNotFoundException"


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
        cpu: Units of a task; None when that is not said, which Fargate does not allow.
        memory: MiB of a task; None as above.
        architecture: `x86_64` or `arm64`; None when that is not said.
        ephemeral_storage: GiB; None when that is not said: then it is 20 on Fargate.
        members: The rest of what ECS says of it, and the text of the above, in its own words: `networkMode`,
            `executionRoleArn`, …
    """

    arn: str
    containers: Sequence[Mapping[str, Any]]
    hash: str | None = None
    active: bool = True
    cpu: int | None = None
    memory: int | None = None
    architecture: str | None = None
    ephemeral_storage: int | None = None
    members: Mapping[str, Any] = FrozenDict()


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


class Schedules(Protocol):
    """EventBridge Scheduler's schedules and their groups.

    A schedule is the document that CreateSchedule takes, without a `ClientToken`; times in it are ISO 8601 in UTC with
    whole seconds, `2026-11-24T02:30:00Z`.
    """

    def group(self, name: str) -> ScheduleGroup | None:
        """Describe a group; None if there is none."""
        ...

    def make_group(self, name: str, tags: Mapping[str, str]) -> bool:
        """Create a group with these tags and `managed-by`; tell whether it was created: it may be there already."""
        ...

    def delete_group(self, name: str) -> None:
        """Delete a group and every schedule in it; one that is not there is no error.

        It may take a while, during which the group is `deleting`.
        """
        ...

    def names(self, group: str) -> Sequence[str]:
        """List the names of all schedules of a group, in their order; none of a group that does not exist."""
        ...

    def written(self, group: str) -> Mapping[str, datetime]:
        """Say when each schedule of a group was created or last changed; none of a group that does not exist."""
        ...

    def get(self, group: str, name: str) -> Mapping[str, Any] | None:
        """Give a schedule with AWS's defaults filled in; None if there is none."""
        ...

    def create(self, body: Mapping[str, Any]) -> None:
        """Create a schedule. Refused with the code `CONFLICT` when the name is taken, `NOT_FOUND` without its group."""
        ...

    def update(self, body: Mapping[str, Any]) -> None:
        """Replace a schedule: what the body leaves out gets its default. Refused with `NOT_FOUND` if there is none."""
        ...

    def delete(self, group: str, name: str) -> bool:
        """Delete a schedule; tell whether there was one."""
        ...


class Executions(Protocol):
    """Step Functions' executions of the state machine that looks after scheduled runs."""

    def describe(self, machine: str, name: str) -> Execution | None:
        """Describe an execution; None if there is none, or no such state machine.

        It may be behind by a moment: "the results are best effort" (DescribeExecution, API reference).

        Args:
            machine: The ARN of the state machine.
            name: The execution's name.
        """
        ...

    def stop(self, machine: str, name: str, *, error: str, cause: str) -> bool:
        """Stop an execution, which then launches nothing more; tell whether there is one.

        One that has ended stays as it is, and is no error.

        Args:
            machine: As above.
            name: As above.
            error: A word for programs; it becomes the execution's error.
            cause: Why, in words.
        """
        ...


class Identity(Protocol):
    """STS."""

    def account(self) -> str:
        """Give the twelve digits of the account that the credentials belong to."""
        ...


class PriceList(Protocol):
    """AWS's Price List."""

    def fargate(self, region: str, *, as_of: date) -> Mapping[Key, Price]:
        """Give the on-demand prices of Fargate in a region, for rows of a `PriceTable`; none of an unknown region.

        Args:
            region: Any, whichever the connection's is.
            as_of: The day that is written beside them: the one on which they are read.
        """
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

    def kept_since(self, group: str, now: datetime) -> datetime | None:
        """Say since when a log group has kept what was written to it; None if there is none.

        That is since it was created, or for as long as its retention is.
        """
        ...


class EventLog(Protocol):
    """The log group into which a rule of EventBridge writes what happens to tasks and executions."""

    def read(self, group: str, *, since: datetime | None, token: str | None = None) -> EventPage | None:
        """Read a page of events, oldest first; None if there is no such log group.

        Args:
            group: The log group.
            since: The log's time of the first one; None for all that it keeps.
            token: Of the page before, asked for with the same `since`.
        """
        ...


class History(Protocol):
    """The runs of the past, as far as this machine has read them: a cache, which may be deleted at any time.

    Raises `StoreError` only; safe from several threads and processes. A file that is damaged, or of a newer jobrunner,
    is moved aside and made anew; `trouble` says so.

    Attributes:
        trouble: What was found and done, in one sentence; None when nothing was wrong.
    """

    trouble: str | None

    def add(
        self, source: Source, notes: Sequence[Note], *, group: str | None = None, to: datetime | None = None
    ) -> int:
        """Take notes in one transaction; give how many runs have changed. The same notes again change nothing.

        Args:
            source: Whose.
            notes: In any order.
            group: The log group that has been read for them.
            to: How far; what is stored of that never goes back. With None that is left as it is.
        """
        ...

    def read_to(self, source: Source, group: str) -> datetime | None:
        """Say how far a log group has been read for a source; None when it has not."""
        ...

    def reprice(self, source: Source, price: Callable[[LaunchNote], LaunchNote]) -> int:
        """Price the launches of runs again whose cost is not known; give how many runs have changed.

        Args:
            source: Whose.
            price: Gives a launch that is over with what is known of its cost now; see `core.repricing`.
        """
        ...

    def entries(self, query: Query) -> Sequence[Entry]:
        """Give runs, the one that was due last first."""
        ...

    def named(self, prefix: str, *, limit: int) -> Sequence[Entry]:
        """Give the runs, of all sources, whose id begins so, newest first; at most `limit`."""
        ...

    def by_task(self, task_arn: str) -> Entry | None:
        """Give the run that a task belongs to."""
        ...

    def figures(self, query: Query) -> Iterator[Figures]:
        """Give the figures of runs, in no order, without holding them all."""
        ...

    def close(self) -> None:
        """Release the file."""
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

    def begun_since(self, moment: datetime | None, *, project: str, stage: str | None) -> Iterator[RunRecord]:
        """Give the records of a project and stage that were created then or later, oldest first, without holding all.

        Args:
            moment: When; None for all.
            project: Whose.
            stage: Which stage's; None for those without one.
        """
        ...

    def close(self) -> None:
        """Release the file."""
        ...


class Topics(Protocol):
    """SNS's topics."""

    def publish(self, message: Message) -> None:
        """Publish a message: one try, of some seconds at most."""
        ...


class Webhooks(Protocol):
    """Web services that want to hear of runs."""

    def post(self, ping: Ping) -> Undelivered | None:
        """Send a ping: one try, of some seconds at most; give why it has not arrived. Raises nothing."""
        ...


class Told(Protocol):
    """What this machine has told somebody. Raises `StoreError` only; safe from several threads and processes."""

    def claim(self, what: str, now: datetime) -> bool:
        """Take it upon oneself to tell something; False when somebody has done so before.

        Args:
            what: The event, by a name that is only its own.
            now: The time; what was told long before is forgotten.
        """
        ...

    def forget(self, what: str) -> None:
        """Give a claim back: it has not been told."""
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
