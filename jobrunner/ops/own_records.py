"""This machine's own records, as notes for history: they know of logs that were read, and of runs without tasks.

A record changes until its run is over, and the store of records does not say which have changed. So they are read in
the order of their beginning, from where the oldest one stands that may still change; that time is kept where history
keeps how far it has read a log. A sync with nothing new thus reads next to nothing, however many records there are.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from jobrunner.core.history import Source
from jobrunner.core.history_events import on_demand_usd
from jobrunner.core.history_notes import ExecutionNote, Identity, LaunchNote, Teller
from jobrunner.core.lifecycle import TaskSnapshot
from jobrunner.core.outcome import Verdict
from jobrunner.core.retry import SPOT
from jobrunner.ops.from_ecs import last_of

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from jobrunner.core.billing import PriceTable
    from jobrunner.core.history_notes import Note
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.record import RunRecord
    from jobrunner.ops.ports import Ports

#: In place of a log group, which has no blank in its name.
RECORDS: Final = "records of this machine"
#: A record that is older and has no end has nobody any more who follows its run.
_FOLLOWED: Final = timedelta(days=30)
#: The same at a local endpoint that is not the present one.
_FOLLOWED_ELSEWHERE: Final = timedelta(days=1)
#: For so long after a run's end its log is read, at most, and its record may say more then.
_READ: Final = timedelta(hours=1)
#: A record is stored a moment after the time that it begins with.
_STORED: Final = timedelta(minutes=5)
#: Records of one transaction.
_AT_ONCE: Final = 1000
_LATER: Final = timedelta(milliseconds=1)
#: Places at which there is a run of one id: local endpoints that have ended, and projects whose jobs are called alike.
_PLACES: Final = 100


class OwnRecords:
    """The records of one project and stage.

    Those of another endpoint are another source's, and are left alone; but those of local endpoints that have ended
    belong to the local stage as those of the present one do.

    Args:
        ports: The outside.
        source: Whose.
    """

    def __init__(self, ports: Ports, source: Source) -> None:
        self._ports = ports
        self._source = source
        # Every local endpoint is another source: how far the records are read outlives it.
        self._marked = source if source.endpoint_id is None else replace(source, endpoint_url=None, endpoint_id=None)

    def take(self) -> int:
        """Give history what the records tell; give how many changes of runs that made."""
        ports, source = self._ports, self._source
        mark = ports.history.read_to(self._marked, RECORDS)
        records = ports.runs.begun_since(mark, project=source.project, stage=source.stage)
        open_since, last, changed = None, None, 0
        while batch := list(islice(records, _AT_ONCE)):
            changed += self._take(batch)
            if open_since is None:
                open_since = next((one.created_at for one in batch if self._may_change(one)), None)
            last = batch[-1].created_at
            mark = self._keep(open_since or last, mark, read=batch[0].created_at)
        if last is not None and open_since is None:
            self._keep(last + _LATER, mark, read=last)
        return changed

    def _keep(self, reached: datetime, mark: datetime | None, *, read: datetime) -> datetime | None:
        """Keep how far the records are read, if that spares the next sync what was read from there on."""
        to = min(reached, self._ports.clock.now() - _STORED)
        if read >= to or (mark is not None and to <= mark):
            return mark
        self._ports.history.add(self._marked, (), group=RECORDS, to=to)
        return to

    def _take(self, batch: list[RunRecord]) -> int:
        noted: dict[Source, list[Note]] = {}
        for record in batch:
            place = _source_of(record)
            if self._is_here(place):
                noted.setdefault(place, []).extend(notes_of_record(record, self._ports.prices))
        return sum(self._ports.history.add(place, notes) for place, notes in noted.items() if notes)

    def _is_here(self, place: Source) -> bool:
        return place == self._source or (self._source.endpoint_id is not None and place.endpoint_id is not None)

    def _may_change(self, record: RunRecord) -> bool:
        """Tell whether more is to be learnt of the run from its record than history has."""
        place, now = _source_of(record), self._ports.clock.now()
        followed = _FOLLOWED if place == self._source else _FOLLOWED_ELSEWHERE
        if _says_all(record.outcome) or not self._is_here(place) or record.created_at < now - followed:
            return False
        known = (one.outcome for one in self._ports.history.named(record.run_id, limit=_PLACES) if one.source == place)
        # Whoever follows the run still reads its log, when AWS has told of its end already.
        return not any(one is not None and _ended_before(one, now - _READ) for one in known)


def notes_of_record(record: RunRecord, prices: PriceTable) -> list[Note]:
    """Give what a record tells of a run: the launches that made a task, and how those ended that made none.

    A launch that is under way and has no task yet is left out: it is not known whether it will make one.
    """
    outcome = record.outcome
    ended = record.earlier if outcome is None else (*record.earlier, last_of(outcome))
    notes = [_note_of_end(record, one, prices) for one in ended]
    if outcome is None and record.task_arn is not None:
        notes.append(
            LaunchNote(
                identity=_identity(record),
                attempt=record.attempt,
                at=record.asked_at,
                main=record.main,
                task=TaskSnapshot(task_arn=record.task_arn),
                outcome=None,
                teller=Teller.RECORD,
            )
        )
    return notes


def _note_of_end(record: RunRecord, ended: Outcome, prices: PriceTable) -> Note:
    if record.scheduled and ended.task_arn is None:
        return _note_of_execution(record, ended)
    task = next((one for one in record.tasks if one.task_arn == ended.task_arn), None)
    return LaunchNote(
        identity=_identity(record),
        attempt=ended.attempt,
        at=ended.created_at or (None if task is None else task.created_at) or record.asked_at,
        main=record.main,
        task=task,
        outcome=ended,
        on_demand_usd=_on_demand(record, task, ended, prices),
        teller=Teller.RECORD,
    )


def _note_of_execution(record: RunRecord, ended: Outcome) -> ExecutionNote:
    """Note an end that only the execution of a scheduled run knew; when it ended, and its name, are not in the record.

    The id of the run, which holds colons, is no execution's name: what AWS tells of the execution stays beside it, and
    is later.
    """
    stops = (one.stopped_at for one in record.earlier if one.stopped_at is not None)
    return ExecutionNote(
        identity=_identity(record),
        name=record.run_id,
        at=max([record.asked_at, *(stop + _LATER for stop in stops)]),
        running=False,
        end=ended,
    )


def _on_demand(record: RunRecord, task: TaskSnapshot | None, ended: Outcome, prices: PriceTable) -> Decimal | None:
    if task is not None and task.on_spot:
        return on_demand_usd(task, ended, region=record.region, prices=prices)
    return None if ended.capacity == SPOT else ended.cost_usd


def _identity(record: RunRecord) -> Identity:
    return Identity(run_id=record.run_id, job=record.job, trigger=record.trigger, scheduled_time=record.scheduled_time)


def _source_of(record: RunRecord) -> Source:
    return Source(
        project=record.project,
        stage=record.stage,
        region=record.region,
        endpoint_url=record.endpoint_url,
        endpoint_id=record.endpoint_id,
    )


def _says_all(outcome: Outcome | None) -> bool:
    """Tell whether a run is over, and its bill is known or never will be."""
    if outcome is None:
        return False
    return outcome.stopped_at is not None or outcome.task_arn is None or outcome.verdict is Verdict.LOST


def _ended_before(outcome: Outcome, moment: datetime) -> bool:
    return outcome.stopped_at is None or outcome.stopped_at < moment
