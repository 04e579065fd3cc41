"""What the past runs of a project came to, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobrunner.core.history import Query, Source
from jobrunner.core.report import By
from jobrunner.core.report_making import dates_of, make_report
from jobrunner.core.schedule import check_zone
from jobrunner.ops.history import sync as read_on
from jobrunner.ops.own_records import OwnRecords

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobrunner.core.figures import Figures
    from jobrunner.core.history import Entry
    from jobrunner.core.report import Grouping, Report
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec
    from jobrunner.ops.history import Synced
    from jobrunner.ops.ports import Ports


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A report, and what it rests on.

    Attributes:
        report: The report.
        synced: What came of reading on in AWS's history; None when AWS was not asked.
        trouble: What was wrong with the file of what had been read, and what was done, in one sentence; None when
            nothing was.
        figures: Of each of its runs, if runs were asked for.
        entries: Its newest runs, as many as were asked for, the one that was due last first.
    """

    report: Report
    synced: Synced | None
    trouble: str | None = None
    figures: Sequence[Figures] = ()
    entries: Sequence[Entry] = ()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a report is to be about.

    Attributes:
        by: How to group the runs.
        job: Only runs of this job; the project may not have it any more.
        since: Only runs that were due then or later.
        until: Only runs that were due before then.
        timezone: Whose days and months, by IANA's name.
        newest: How many runs are given one by one, with the figures of all; 0 for neither.
    """

    by: Grouping
    job: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    timezone: str = "UTC"
    newest: int = 0

    def __post_init__(self) -> None:
        check_zone(self.timezone)
        for name, bound in (("since", self.since), ("until", self.until)):
            if bound is not None and bound.tzinfo is None:
                raise ValueError(f"{name} has no time zone: {bound.isoformat()}")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError(f"since, {self.since.isoformat()}, is not before until, {self.until.isoformat()}")
        if self.newest < 0:
            raise ValueError(f"newest is {self.newest}")


def report(ports: Ports, settings: Settings, jobs: Mapping[str, JobSpec], asked: Asked, *, sync: bool) -> Reported:
    """Add up the runs of a project and stage; by stage, those of all its stages that this machine has read.

    Args:
        ports: The outside.
        settings: Whose runs.
        jobs: The project's, by name, for their tags: of a run, ECS's events tell none ("Amazon ECS task state change
            events", ECS guide).
        asked: What it is to be about.
        sync: Whether AWS is asked for what has happened since it was asked last; else this machine's own records are
            read alone.

    Raises:
        StoreError: What this machine has read cannot be read again.
    """
    synced = read_on(ports, settings) if sync else None
    if not sync:
        OwnRecords(ports, Source.at(ports.connection, project=settings.project, stage=settings.stage)).take()
    query = _query(settings, asked)
    figures = ports.history.figures(query)
    kept = list(figures) if asked.newest else None
    made = make_report(
        figures if kept is None else kept,
        by=asked.by,
        project=settings.project,
        stage=query.stage,
        since=asked.since,
        until=asked.until,
        timezone=asked.timezone,
        tags={name: {**settings.tags, **spec.tags} for name, spec in jobs.items()},
        prices=dates_of(ports.prices, ports.connection.region),
    )
    trouble = ports.history.trouble
    if kept is None:
        return Reported(report=made, synced=synced, trouble=trouble)
    entries = ports.history.entries(replace(query, limit=asked.newest))
    return Reported(report=made, synced=synced, trouble=trouble, figures=kept, entries=entries)


def _query(settings: Settings, asked: Asked) -> Query:
    everywhere = asked.by.by is By.STAGE
    return Query(
        project=settings.project,
        stage=None if everywhere else settings.stage,
        every_stage=everywhere,
        job=asked.job,
        since=asked.since,
        until=asked.until,
    )
