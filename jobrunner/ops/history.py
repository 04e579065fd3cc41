"""Bring what this machine knows of the past up to date: AWS's log of events, its own records, and what ECS still lists.

All three become notes, which the cache of history takes in any order and any number of times. So nothing has to be
remembered of a sync but how far it came, and one that is interrupted goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from jobrunner.core import naming
from jobrunner.core.history import Source
from jobrunner.core.history_events import TaskEvent, is_of, notes_of
from jobrunner.core.request import JOB_VARIABLE
from jobrunner.errors import AwsError, AwsRefusedError
from jobrunner.ops.own_records import OwnRecords
from jobrunner.ops.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from jobrunner.core.history_events import Event, EventPage
    from jobrunner.core.history_notes import Note
    from jobrunner.core.settings import Settings
    from jobrunner.ops.ports import Ports

#: How late an event may come into the log and still be read.
OVERLAP: Final = timedelta(hours=1)
#: Tasks of one DescribeTasks.
_TASKS: Final = 100


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What a sync came to.

    Attributes:
        events: Events that were read; those of the last hour are read each time.
        changed: Changes of runs that they, the records and ECS made.
        rule: Whether there is the log group that the rule of deploy/history.yaml writes to; True also when that could
            not be asked.
        unreadable: How many messages in the log are no events that can be read.
        trouble: What AWS said when it refused or did not answer: then history is as it was read before. None when all
            went well.
    """

    events: int
    changed: int
    rule: bool
    unreadable: int
    trouble: AwsError | None


def _untold(_: int) -> None:
    """Tell nobody."""


def sync(
    ports: Ports, settings: Settings, *, running: bool = False, progress: Callable[[int], None] = _untold
) -> Synced:
    """Read what has happened since the last time.

    ECS is asked where there is no rule, or where its log may not be read: it lists a task for an hour after its end.

    Args:
        ports: The outside.
        settings: Of the project and stage whose runs they are.
        running: Whether ECS is asked also where there is a rule, for what runs at this moment.
        progress: Is told after each page how many events have been read so far.

    Raises:
        StoreError: The cache of history or the records cannot be used.
    """
    return _Sync(ports, settings, progress).run(running=running)


class _Sync:
    def __init__(self, ports: Ports, settings: Settings, progress: Callable[[int], None]) -> None:
        self._ports = ports
        self._settings = settings
        self._progress = progress
        self._source = Source.at(ports.connection, project=settings.project, stage=settings.stage)
        self._systems: dict[str, str | None] = {}
        self._read = self._changed = self._unreadable = 0

    def run(self, *, running: bool) -> Synced:
        rule, trouble = True, None
        try:
            rule = self._take_log()
        except AwsError as error:
            trouble = error
        self._changed += OwnRecords(self._ports, self._source).take()
        listed = not rule or isinstance(trouble, AwsRefusedError)
        if listed or (running and trouble is None):
            try:
                self._take_tasks(stopped=listed)
            except AwsError as error:
                trouble = trouble or error
        return Synced(events=self._read, changed=self._changed, rule=rule, unreadable=self._unreadable, trouble=trouble)

    def _take_log(self) -> bool:
        """Read the log of events to its end, page by page; tell whether there is one."""
        group = self._settings.history_log_group
        if group is None:
            return False
        read_to = self._ports.history.read_to(self._source, group)
        since = None if read_to is None else read_to - OVERLAP
        page = self._page(group, since, None)
        while page is not None:
            read_to = self._take_page(page, group, read_to)
            if page.token is None:
                return True
            page = self._page(group, since, page.token)
        return False

    def _page(self, group: str, since: datetime | None, token: str | None) -> EventPage | None:
        ports = self._ports
        return patiently(ports.clock, lambda: ports.events.read(group, since=since, token=token))

    def _take_page(self, page: EventPage, group: str, read_to: datetime | None) -> datetime | None:
        notes = self._noted(page.events)
        # Not further than now: CloudWatch Logs takes events of up to two hours in the future ("PutLogEvents").
        to = read_to if page.newest is None else min(page.newest, self._ports.clock.now())
        if read_to is not None and to is not None:
            to = max(to, read_to)
        if notes or to != read_to:
            self._changed += self._ports.history.add(self._source, notes, group=group, to=to)
        self._read += len(page.events)
        self._unreadable += page.unreadable
        self._progress(self._read)
        return to

    def _noted(self, events: Iterable[Event]) -> list[Note]:
        known = (self._with_system(event) if isinstance(event, TaskEvent) else event for event in events)
        noted = (notes_of(event, source=self._source, prices=self._ports.prices) for event in known)
        return [note for note in noted if note is not None]

    def _with_system(self, event: TaskEvent) -> TaskEvent:
        """Give an event with the operating system, which events do not have (ECS guide) and a bill goes by.

        What jobrunner registers runs on Linux; a job that names another's task definition may be one of Windows.
        """
        task, settings = event.task, self._settings
        arn, job = task.task_definition_arn or "", task.environment.get(JOB_VARIABLE, "")
        ours = arn.rpartition("/")[2].startswith(f"{naming.FAMILY_PREFIX}-")
        here = is_of(task, project=settings.project, stage=settings.stage)
        if task.operating_system is not None or ours or not (arn and job and here):
            return event
        return replace(event, task=replace(task, operating_system=self._system_of(arn)))

    def _system_of(self, arn: str) -> str | None:
        if arn not in self._systems:
            ports = self._ports
            try:
                found = patiently(ports.clock, lambda: ports.definitions.describe(arn))
            except AwsRefusedError:  # who may read history may not read that, and most are of Linux
                found = None
            platform = found.members.get("runtimePlatform") if found is not None else None
            self._systems[arn] = (platform or {}).get("operatingSystemFamily")
        return self._systems[arn]

    def _take_tasks(self, *, stopped: bool) -> None:
        """Ask ECS for the tasks of the cluster, but for those whose end and bill are known."""
        ports, cluster = self._ports, self._settings.cluster
        listed = patiently(ports.clock, lambda: ports.tasks.find(cluster, stopped=stopped))
        new = [arn for arn in listed if not self._is_over(arn)]
        for start in range(0, len(new), _TASKS):
            asked = new[start : start + _TASKS]
            found = patiently(ports.clock, partial(ports.tasks.describe, cluster, asked))
            now = ports.clock.now()
            events = [TaskEvent(task=task, version=0, at=task.created_at or now) for task in found.values()]
            if notes := self._noted(events):
                self._changed += ports.history.add(self._source, notes)

    def _is_over(self, task_arn: str) -> bool:
        entry = self._ports.history.by_task(task_arn)
        outcomes = () if entry is None else (one.outcome for one in entry.launches if one.task_arn == task_arn)
        return any(one is not None and one.billed_seconds is not None for one in outcomes)
