"""What this machine remembers of a run.

It is written before the call that starts the task: whatever happens afterwards, the run can be found again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobrunner.core import naming
from jobrunner.core.lifecycle import TaskSnapshot
from jobrunner.core.logs import LogSource
from jobrunner.core.observations import Subject
from jobrunner.core.outcome import Outcome, Verdict, iso, parse_iso
from jobrunner.core.request import relaunched
from jobrunner.core.retry import NO_RETRIES, ON_DEMAND, Policy, Position

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.core.connection import Connection


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run.

    Attributes:
        run_id: 16 characters, or `JOB@TIME` of a run that a schedule has started.
        job: The job's name.
        project: The project's name.
        stage: The stage's name, or None.
        trigger: manual, schedule, backfill or library.
        created_at: When it was stored, just before RunTask.
        region: Of the cluster.
        cluster: Name or ARN, as it was sent.
        endpoint_url: Of the AWS endpoint, None for AWS's own.
        endpoint_id: Which local endpoint it was; that one forgets its tasks when it ends.
        attempt: From 1.
        launch: Which launch of the attempt, from 1.
        capacity: Of this launch, `on-demand` or `spot`.
        policy: What the run does about failures.
        requested_at: When the attempt was first to be launched; its start window begins here.
        launched_at: When this launch was or is to be sent, or when ECS has made its task; the timeout counts from here.
        sent: False while this launch is only planned: RunTask cannot have been called with its token.
        guard: The name of the schedule that stops the task at its timeout; None while there is none.
        request: The RunTask request as sent; a repeated call must send the same. None for a run that this
            machine did not start.
        main: The job's own container.
        logs: Where its containers log.
        architecture: As asked for.
        timeout: Seconds, or None.
        scheduled_time: The logical time, or None.
        key: The caller's key, or None.
        task_arn: Of this launch; None until ECS has answered.
        earlier: The outcomes of the attempts before this one.
        tasks: What ECS last said of every task of the run that has ended, for `explain`: ECS itself forgets it.
        outcome: None until the end of the run is known.
    """

    run_id: str
    job: str
    project: str
    stage: str | None
    trigger: str
    created_at: datetime
    region: str
    cluster: str
    endpoint_url: str | None = None
    endpoint_id: str | None = None
    attempt: int = 1
    launch: int = 1
    capacity: str = ON_DEMAND
    policy: Policy = NO_RETRIES
    requested_at: datetime | None = None
    launched_at: datetime | None = None
    sent: bool = True
    guard: str | None = None
    request: Mapping[str, Any] | None = None
    main: str = naming.MAIN_CONTAINER
    logs: tuple[LogSource, ...] = ()
    architecture: str = "x86_64"
    timeout: int | None = None
    scheduled_time: datetime | None = None
    key: str | None = None
    task_arn: str | None = None
    earlier: tuple[Outcome, ...] = ()
    tasks: tuple[TaskSnapshot, ...] = ()
    outcome: Outcome | None = None

    @property
    def ref(self) -> naming.RunRef:
        """The run's printable identity."""
        return naming.RunRef(
            run_id=self.run_id,
            region=self.region,
            cluster=self.cluster.rsplit("/", 1)[-1],
            task_id=naming.task_id(self.task_arn) if self.task_arn else None,
        )

    @property
    def position(self) -> Position:
        """Which attempt, which launch of it, on what capacity."""
        return Position(attempt=self.attempt, launch=self.launch, capacity=self.capacity)

    @property
    def asked_at(self) -> datetime:
        """When the launch was or is to be sent."""
        return self.launched_at or self.created_at

    @property
    def deadline(self) -> datetime | None:
        """When the attempt times out."""
        return None if self.timeout is None else self.asked_at + timedelta(seconds=self.timeout)

    @property
    def start_deadline(self) -> datetime | None:
        """When the attempt's container must have started."""
        limit = self.policy.start_timeout
        return None if limit is None else (self.requested_at or self.created_at) + timedelta(seconds=limit)

    @property
    def token(self) -> str:
        """The `clientToken` of this launch."""
        return naming.client_token(self.run_id, self.attempt, self.launch)

    def is_behind(self, other: RunRecord) -> bool:
        """Tell whether `other`, which is stored, knows more of the same run: a later launch, its task, or its end.

        An end that is stored is the end for whoever has no task yet, and for whoever has come to another one and
        knows no more. So two records may each be behind the other: of two processes that disagree, the one that
        stored first is right.
        """
        ours, theirs = self._progress(), other._progress()
        over = other.outcome is not None and self.outcome is None and self.task_arn is None
        late = ours == theirs and other.outcome is not None and self.outcome != other.outcome
        return self._is_run(other) and (over or late or ours < theirs)

    def replaces(self, stored: RunRecord | None) -> bool:
        """Tell whether this record is to be stored in the place of another one of the same run id, if any."""
        return stored is None or not self._is_run(stored) or stored.is_behind(self)

    def _is_run(self, other: RunRecord) -> bool:
        return self.at(other) and self.is_of(other.project, other.stage)

    def is_of(self, project: str, stage: str | None) -> bool:
        """Tell whether the run's id means it there.

        The id of a scheduled run is made of job and time: those of two projects, or of two stages, may be the same.
        Any other id is one run's only.
        """
        return not self.scheduled or (self.project, self.stage) == (project, stage)

    @property
    def unstarted(self) -> bool:
        """Whether it is over without any task: not placed, refused, or stopped before anything was sent.

        Then its key may launch it again.
        """
        outcome = self.outcome
        return (
            outcome is not None and outcome.task_arn is None and not self.earlier and outcome.verdict in _WITHOUT_TASK
        )

    @property
    def scheduled(self) -> bool:
        """Whether a schedule has started it. Then AWS alone launches its attempts, and ECS says how far it has come."""
        return naming.scheduled_of(self.run_id) is not None

    def _progress(self) -> tuple[object, ...]:
        # An end without a task may have been told of a launch whose process was only slow.
        launch = (self.attempt, self.launch, self.task_arn is not None, self.sent)
        if self.outcome is None:
            return (*launch, False, False, False)
        return (*launch, True, self.outcome.billed_seconds is not None, self.outcome.logs.complete)

    def at(self, place: Connection | RunRecord) -> bool:
        """Tell whether the run is there: at the same endpoint, and in the same life of it."""
        return (self.endpoint_url, self.endpoint_id) == (place.endpoint_url, place.endpoint_id)

    def with_task(self, task_arn: str) -> RunRecord:
        """Give the record with the task of its launch."""
        return replace(self, task_arn=task_arn, sent=True)

    def with_outcome(self, outcome: Outcome) -> RunRecord:
        """Give the record with the end of the run."""
        return replace(self, outcome=outcome, task_arn=outcome.task_arn or self.task_arn)

    def with_ended(self, task: TaskSnapshot | None) -> RunRecord:
        """Give the record with the last that ECS said of a task of this run."""
        if task is None or task.last_status is None:
            return self
        others = tuple(one for one in self.tasks if one.task_arn != task.task_arn)
        return replace(self, tasks=(*others, task))

    def relaunch(self, at: Position, *, when: datetime, ended: Outcome | None = None) -> RunRecord:
        """Give the record of the run's next launch, planned and not yet sent.

        Args:
            at: Where the run goes.
            when: When RunTask is to be called.
            ended: The outcome of the task that has ended; None when the launch before made no task, whose start
                window then goes on.
        """
        return replace(
            self,
            attempt=at.attempt,
            launch=at.launch,
            capacity=at.capacity,
            request=None if self.request is None else relaunched(self.request, self.run_id, at),
            requested_at=when if ended is not None else self.requested_at,
            launched_at=when,
            sent=False,
            guard=None,
            task_arn=None,
            earlier=self.earlier if ended is None else (*self.earlier, ended),
            outcome=None,
        )

    def subject(self, *, logs: bool) -> Subject:
        """Give what is to be watched of a run that has a task, with its log streams or without."""
        task_arn = self.task_arn or ""
        streams = [source.stream(naming.task_id(task_arn)) for source in self.logs]
        return Subject(
            run_id=self.run_id,
            job=self.job,
            attempt=self.attempt,
            task_arn=task_arn,
            main=self.main,
            streams=tuple(stream for stream in streams if stream) if logs else None,
            blind=tuple(source.blind for source in self.logs if source.blind),
            region=self.region,
            architecture=self.architecture,
            capacity=self.capacity,
            launched_at=self.asked_at,
            deadline=self.deadline,
            timeout=self.timeout,
            start_deadline=self.start_deadline,
            start_timeout=self.policy.start_timeout,
        )

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object that `from_json` reads back."""
        return {
            **{name: getattr(self, name) for name in (*_PLAIN, *_SINCE_ATTEMPTS)},
            "created_at": iso(self.created_at),
            "scheduled_time": iso(self.scheduled_time),
            "requested_at": iso(self.requested_at),
            "launched_at": iso(self.launched_at),
            "policy": self.policy.to_json(),
            "request": None if self.request is None else dict(self.request),
            "logs": [
                {name: getattr(source, name) for name in ("container", "group", "prefix", "blind", "caution")}
                for source in self.logs
            ],
            "earlier": [one.to_json() for one in self.earlier],
            "tasks": [task.to_json() for task in self.tasks],
            "outcome": None if self.outcome is None else self.outcome.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RunRecord:
        """Read what `to_json` gave, or what it gave before runs had several attempts."""
        outcome = document["outcome"]
        policy = document.get("policy")
        return cls(
            **{name: document[name] for name in _PLAIN},
            **{name: document[name] for name in _SINCE_ATTEMPTS if name in document},
            created_at=datetime.fromisoformat(document["created_at"]),
            scheduled_time=parse_iso(document["scheduled_time"]),
            requested_at=parse_iso(document.get("requested_at")),
            launched_at=parse_iso(document.get("launched_at")),
            policy=NO_RETRIES if policy is None else Policy.from_json(policy),
            earlier=tuple(map(Outcome.from_json, document.get("earlier") or ())),
            tasks=tuple(map(TaskSnapshot.from_json, document.get("tasks") or ())),
            request=document["request"],
            logs=tuple(LogSource(**source) for source in document["logs"]),
            outcome=None if outcome is None else Outcome.from_json(outcome),
        )


_WITHOUT_TASK = {Verdict.NEVER_STARTED, Verdict.INTERRUPTED, Verdict.STOPPED}
_PLAIN = (
    "run_id",
    "job",
    "project",
    "stage",
    "trigger",
    "region",
    "cluster",
    "endpoint_url",
    "endpoint_id",
    "attempt",
    "main",
    "architecture",
    "timeout",
    "key",
    "task_arn",
)
_SINCE_ATTEMPTS = ("launch", "capacity", "sent", "guard")
