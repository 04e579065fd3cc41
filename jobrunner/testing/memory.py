"""Fakes of `ports.Runs`, `ports.Audit` and `ports.Told` in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobrunner.testing.ecs import Scripted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from jobrunner.core.record import RunRecord


class MemoryRuns(Scripted):
    """`ports.Runs` in memory; `fail("add", StoreError(…))` makes a call fail."""

    def __init__(self) -> None:
        super().__init__()
        self._records: dict[str, RunRecord] = {}

    def add(self, record: RunRecord) -> RunRecord:
        """Store a new record, or give the one that exists."""
        self._called("add")
        return self._records.setdefault(record.run_id, record)

    def add_all(self, records: Sequence[RunRecord]) -> Sequence[RunRecord]:
        """Store many at once; see `ports.Runs.add_all`."""
        self._called("add_all")
        for record in records:
            if record.replaces(self._records.get(record.run_id)):
                self._records[record.run_id] = record
        return [self._records[record.run_id] for record in records]

    def save(self, record: RunRecord) -> None:
        """Replace the record of that run id."""
        self._called("save")
        self._records[record.run_id] = record

    def advance(self, record: RunRecord) -> RunRecord:
        """Store a record unless what is stored knows more; see `ports.Runs.advance`."""
        self._called("advance")
        return self._advanced(record)

    def advance_all(self, records: Sequence[RunRecord]) -> Sequence[RunRecord]:
        """Store many at once; see `ports.Runs.advance_all`."""
        self._called("advance_all")
        return [self._advanced(record) for record in records]

    def _advanced(self, record: RunRecord) -> RunRecord:
        stored = self._records.get(record.run_id)
        if stored is None or not record.is_behind(stored):
            self._records[record.run_id] = stored = record
        return stored

    def get(self, run_id: str) -> RunRecord | None:
        """Give the record of a run id, or None."""
        self._called("get")
        return self._records.get(run_id)

    def find(self, prefix: str, limit: int = 10) -> Sequence[RunRecord]:
        """Give records whose run id starts so, newest first."""
        self._called("find")
        return [record for record in self._newest_first() if record.run_id.startswith(prefix)][:limit]

    def by_task(self, task_arn: str) -> RunRecord | None:
        """Give the record of a task, or None."""
        self._called("by_task")
        return next((record for record in self._newest_first() if record.task_arn == task_arn), None)

    def recent(self, *, job: str | None = None, unfinished: bool = False, limit: int = 100) -> Sequence[RunRecord]:
        """Give records, newest first."""
        self._called("recent")
        return [
            record
            for record in self._newest_first()
            if job in {None, record.job} and not (unfinished and record.outcome is not None)
        ][:limit]

    def begun_since(self, moment: datetime | None, *, project: str, stage: str | None) -> Iterator[RunRecord]:
        """Give records, oldest first; see `ports.Runs.begun_since`."""
        self._called("begun_since")
        return iter(
            [
                record
                for record in sorted(self._records.values(), key=lambda one: one.created_at)
                if (record.project, record.stage) == (project, stage)
                and (moment is None or record.created_at >= moment)
            ]
        )

    def close(self) -> None:
        """Do nothing: the records stay."""
        self._called("close")

    def _newest_first(self) -> list[RunRecord]:
        # Of two of one moment, the one that was stored later is the newer one.
        return sorted(self._records.values(), key=lambda record: record.created_at)[::-1]


class MemoryAudit:
    """`ports.Audit` in memory.

    Attributes:
        records: `(action, fields)` in order.
        closed: Whether it was closed.
        trouble: What a real one would have to warn about; None.
    """

    def __init__(self) -> None:
        self.records: list[tuple[str, dict[str, Any]]] = []
        self.closed = False
        self.trouble: str | None = None

    def record(self, action: str, fields: Mapping[str, Any]) -> None:
        """Note that something was done."""
        self.records.append((action, dict(fields)))

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


class MemoryTold(Scripted):
    """`ports.Told` in memory, which forgets nothing.

    Attributes:
        claimed: What was told, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.claimed: dict[str, datetime] = {}

    def claim(self, what: str, now: datetime) -> bool:
        """Take it upon oneself to tell something; see `ports.Told.claim`."""
        self._called("claim")
        if what in self.claimed:
            return False
        self.claimed[what] = now
        return True

    def forget(self, what: str) -> None:
        """Give a claim back; see `ports.Told.forget`."""
        self._called("forget")
        self.claimed.pop(what, None)
