"""The record of a run from what history has of it: of a run that ECS has forgotten and this machine never knew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from jobrunner.core import naming
from jobrunner.core.logs import log_sources
from jobrunner.core.record import RunRecord
from jobrunner.core.retry import ON_DEMAND, SPOT
from jobrunner.core.verdict import judge
from jobrunner.errors import AwsError
from jobrunner.ops.patience import patiently
from jobrunner.ops.status import goes_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobrunner.core.connection import Connection
    from jobrunner.core.history import Entry, LaunchNote
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.ports import History
    from jobrunner.core.settings import Settings
    from jobrunner.ops.history import Synced
    from jobrunner.ops.ports import Ports

#: For so long at least ECS shows a task: about an hour after its end, and it began before that ("DescribeTasks").
_REMEMBERED: Final = timedelta(hours=1)
#: More runs than anybody would pick from; those of one id at many local endpoints, or of several projects, included.
_MOST: Final = 100


@dataclass(frozen=True, kw_only=True)
class Recollection:
    """What history has under a name.

    Attributes:
        entries: One of each run, the newest first.
        synced: What came of reading on; None when what had been read before was enough.
    """

    entries: Sequence[Entry]
    synced: Synced | None = None

    @property
    def ids(self) -> Sequence[str]:
        """Their ids."""
        return [one.identity.run_id for one in self.entries]

    def entry(self, run_id: str) -> Entry:
        """Give the one of an id."""
        return next(one for one in self.entries if one.identity.run_id == run_id)

    @property
    def trouble(self) -> AwsError | None:
        """Why AWS's history could not be read; None when it was, or need not be."""
        return None if self.synced is None else self.synced.trouble

    @property
    def words(self) -> str:
        """What was asked, in a sentence, for whoever is told that nobody knows a run."""
        if self.trouble is not None:
            return f"History could not be read: {self.trouble.what}."
        if self.synced is not None and not self.synced.rule:
            return "Without the rule of deploy/history.yaml, history has what this machine started and ECS still knows."
        return "What history has was read up to now."


def recall(ports: Ports, settings: Settings, name: str) -> Recollection:
    """Look a run up in history: in what this machine has read of it, then in what there is by now.

    What has been read is enough if it tells the end of one run. Of a part of a scheduled run's id it may know too
    little: which of its runs are meant, a later one decides.

    Args:
        ports: The outside.
        settings: For whose scheduled runs are meant.
        name: As `ops.find.find`, as text.
    """
    from jobrunner.ops.history import sync  # noqa: PLC0415  few runs are so old

    found = entries_named(ports.history, settings, name, place=ports.connection)
    vague = "@" in name and not (naming.is_ref(name) or naming.is_run_id(name))
    if found and not vague and all(one.outcome is not None for one in found):
        return Recollection(entries=found)
    synced = sync(ports, settings)
    return Recollection(entries=entries_named(ports.history, settings, name, place=ports.connection), synced=synced)


def entries_named(history: History, settings: Settings, name: str, *, place: Connection | None) -> Sequence[Entry]:
    """Give the runs that a name may mean, as far as this machine has read history.

    Args:
        history: What it has read.
        settings: For whose scheduled runs are meant.
        name: As `ops.find.find`, as text.
        place: Where a run is looked for first; local endpoints may each have had one of an id.
    """
    if naming.is_task_arn(name):
        one = history.by_task(name)
        return () if one is None else (one,)
    prefix = naming.RunRef.parse(name).run_id if naming.is_ref(name) else name
    chosen: dict[str, Entry] = {}
    for one in _of_prefix(history, prefix):
        known = chosen.get(one.identity.run_id)
        if _meant(one, settings) and (known is None or (_is_at(one, place) and not _is_at(known, place))):
            chosen[one.identity.run_id] = one
    return sorted(chosen.values(), key=lambda one: one.due, reverse=True)


def _of_prefix(history: History, prefix: str) -> Iterator[Entry]:
    """Give the runs whose id begins so: one that was drawn may be typed in capitals, the name of a job may not."""
    if prefix:
        yield from history.named(prefix, limit=_MOST)
    if (spelt := prefix.lower()) != prefix:
        found = history.named(spelt, limit=_MOST)
        yield from (one for one in found if naming.scheduled_of(one.identity.run_id) is None)


def record_of_entry(entry: Entry, settings: Settings) -> RunRecord:
    """Build the record of a run; without where it logs, which only its task definition tells."""
    identity, source, outcome = entry.identity, entry.source, entry.outcome
    last = entry.launches[-1] if entry.launches else None
    task_arn = last.task_arn if last is not None else None if outcome is None else outcome.task_arn
    attempt = max(entry.attempts, 1)
    return RunRecord(
        run_id=identity.run_id,
        job=identity.job,
        project=source.project,
        stage=source.stage,
        trigger=identity.trigger,
        created_at=entry.at,
        region=source.region,
        cluster=naming.cluster_of(task_arn or "") or settings.cluster,
        endpoint_url=source.endpoint_url,
        endpoint_id=source.endpoint_id,
        attempt=attempt,
        launch=max(1, sum(one.attempt == attempt for one in entry.launches)),
        capacity=SPOT if last is not None and last.task is not None and last.task.on_spot else ON_DEMAND,
        requested_at=last.at if last is not None else None,
        launched_at=last.at if last is not None else None,
        sent=last is not None,
        main=last.main if last is not None else naming.MAIN_CONTAINER,
        architecture=(last.task.architecture if last is not None and last.task is not None else None) or "x86_64",
        scheduled_time=identity.scheduled_time,
        task_arn=task_arn,
        earlier=outcome.earlier if outcome is not None else _ended(entry.launches[:-1]),
        tasks=tuple(one.task for one in entry.launches if one.task is not None and one.task.stopped),
        outcome=outcome,
    )


def reminded(ports: Ports, settings: Settings, record: RunRecord) -> RunRecord:
    """Give the record of a run with the end, or the bill, that ECS has forgotten before anybody here saw it.

    Where nothing is missing, or ECS may still be asked, or history does not know it, the record as it is.
    """
    if not _is_forgotten(ports, record):
        return record
    found = recall(ports, settings, record.task_arn or "").entries
    told = record_of_entry(found[0], settings) if found else None
    if told is None or told.outcome is None or told.outcome.billed_seconds is None or told.attempt < record.attempt:
        return record
    if _is_to_go_on(told, record):
        return record
    names = ("earlier", "tasks", "outcome", "attempt", "launch", "capacity", "task_arn", "requested_at", "launched_at")
    return ports.runs.advance(replace(record, guard=None, **{name: getattr(told, name) for name in names}))


def _is_forgotten(ports: Ports, record: RunRecord) -> bool:
    """Tell whether something is missing that ECS, by now, cannot tell any more."""
    known = record.outcome is not None and record.outcome.billed_seconds is not None
    recent = ports.clock.now() - record.asked_at < _REMEMBERED
    if known or recent or record.task_arn is None or not record.at(ports.connection):
        return False
    try:
        return record.task_arn not in ports.tasks.describe(record.cluster, [record.task_arn])
    except AwsError:  # whoever asks ECS next is as patient as befits that
        return False


def _is_to_go_on(told: RunRecord, record: RunRecord) -> bool:
    """Tell whether the end of the last attempt is not that of the run: whoever repeats its key launches the next."""
    task = next((one for one in told.tasks if one.task_arn == told.task_arn), None)
    follows = replace(told, policy=record.policy)
    return task is not None and not record.scheduled and goes_on(follows, judge(task, told.main), task)


def over(ports: Ports, settings: Settings, name: str) -> RunRecord | None:
    """Give the record of the one run that a name means, if its end has been read; without where it logs."""
    found = entries_named(ports.history, settings, name, place=ports.connection)
    return record_of_entry(found[0], settings) if len(found) == 1 and found[0].outcome is not None else None


def complete_record(ports: Ports, settings: Settings, entry: Entry) -> RunRecord:
    """Build the record of a run, with where its containers log: ECS goes on describing a task definition."""
    record = record_of_entry(entry, settings)
    arns = [one.task.task_definition_arn for one in entry.launches if one.task is not None]
    arn = arns[-1] if arns else None
    definition = None if arn is None else patiently(ports.clock, lambda: ports.definitions.describe(arn))
    containers = definition.containers if definition else ()
    return replace(record, logs=log_sources(containers, region=record.region))


def _ended(launches: Sequence[LaunchNote]) -> tuple[Outcome, ...]:
    return tuple(one.outcome for one in launches if one.outcome is not None)


def _meant(entry: Entry, settings: Settings) -> bool:
    """Tell whether an id means that run: of a scheduled one, another project or stage may have the same."""
    scheduled = naming.scheduled_of(entry.identity.run_id) is not None
    whose = (entry.source.project, entry.source.stage)
    return not scheduled or whose == (settings.project, settings.stage)


def _is_at(entry: Entry, place: Connection | None) -> bool:
    source = entry.source
    here = None if place is None else (place.endpoint_url, place.endpoint_id)
    return here == (source.endpoint_url, source.endpoint_id)
