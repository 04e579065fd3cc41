"""What this machine remembers of a run.

It is written before the call that starts the task: whatever happens afterwards, the run can be found again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobrunner.core import naming
from jobrunner.core.logs import LogSource
from jobrunner.core.outcome import Outcome, iso, parse_iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.core.connection import Connection


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run.

    Attributes:
        run_id: 16 characters.
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
        request: The RunTask request as sent; a repeated call must send the same. None for a run that this
            machine did not start.
        main: The job's own container.
        logs: Where its containers log.
        architecture: As asked for.
        timeout: Seconds, or None.
        scheduled_time: The logical time, or None.
        key: The caller's key, or None.
        task_arn: None until ECS has answered.
        outcome: None until the end is known.
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
    request: Mapping[str, Any] | None = None
    main: str = naming.MAIN_CONTAINER
    logs: tuple[LogSource, ...] = ()
    architecture: str = "x86_64"
    timeout: int | None = None
    scheduled_time: datetime | None = None
    key: str | None = None
    task_arn: str | None = None
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
    def deadline(self) -> datetime | None:
        """When the run times out."""
        return None if self.timeout is None else self.created_at + timedelta(seconds=self.timeout)

    def at(self, connection: Connection) -> bool:
        """Tell whether the run is on this connection: the same endpoint, and the same life of it."""
        return (self.endpoint_url, self.endpoint_id) == (connection.endpoint_url, connection.endpoint_id)

    def with_task(self, task_arn: str) -> RunRecord:
        """Give the record with its task."""
        return replace(self, task_arn=task_arn)

    def with_outcome(self, outcome: Outcome) -> RunRecord:
        """Give the record with its end."""
        return replace(self, outcome=outcome, task_arn=outcome.task_arn or self.task_arn)

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object that `from_json` reads back."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "created_at": iso(self.created_at),
            "scheduled_time": iso(self.scheduled_time),
            "request": None if self.request is None else dict(self.request),
            "logs": [
                {name: getattr(source, name) for name in ("container", "group", "prefix", "blind", "caution")}
                for source in self.logs
            ],
            "outcome": None if self.outcome is None else self.outcome.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RunRecord:
        """Read what `to_json` gave."""
        outcome = document["outcome"]
        return cls(
            **{name: document[name] for name in _PLAIN},
            created_at=datetime.fromisoformat(document["created_at"]),
            scheduled_time=parse_iso(document["scheduled_time"]),
            request=document["request"],
            logs=tuple(LogSource(**source) for source in document["logs"]),
            outcome=None if outcome is None else Outcome.from_json(outcome),
        )


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
