"""Tell somebody how runs go: webhooks of every run of a job that has one, topics of what `notify.on` names.

It is done beside the run: a few threads send what happens, and neither a service that is slow nor one that is down
delays a verdict or changes it. `close` waits for them, for a bounded time; what was not told is `troubles`, and in the
audit trail.

Each event is told once by a machine, whichever of its processes follow the run: who claims it first (`ports.Told`)
tells it. A process that dies between the two has told nobody, and no other does. Another machine that follows the same
run tells again, with the same `rid`.

What a schedule starts needs no process of ours, and has none: a rule of `deploy/` publishes its failures. Only the
webhook of a scheduled run that somebody attaches to hears its end from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobrunner.core import notification as words
from jobrunner.core.history import SCHEDULE, Query, Source
from jobrunner.core.naming import task_id
from jobrunner.core.notification import MISSED, RECOVERY, Whose
from jobrunner.core.outcome import iso
from jobrunner.errors import AwsError, JobrunnerError, StoreError, UnknownJobError
from jobrunner.ops.deliver import CLOSE_SECONDS, Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from jobrunner.core.history import Entry
    from jobrunner.core.missed import Missed
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.parts import Notify
    from jobrunner.core.record import RunRecord
    from jobrunner.core.settings import Settings
    from jobrunner.ops.deliver import Notice
    from jobrunner.ops.ports import Ports

#: Lines of the log's end that are read; at most `notification.LOG_BYTES` of them are sent.
_LINES: Final = 200
#: Runs of the job among which the one before is looked for.
_BEFORE: Final = 20


class Telling:
    """Tells of the runs of one project and stage; see the module's docstring.

    Args:
        ports: The outside.
        settings: Of the project and stage.
        notify_of: Gives whom a job tells, by its name. May raise SpecError and UnknownJobError.
        threaded: Whether it is told in threads; without, at once, on a scripted clock.
        close_seconds: How long `close` waits.
    """

    def __init__(
        self,
        ports: Ports,
        settings: Settings,
        notify_of: Callable[[str], Notify | None],
        *,
        threaded: bool = True,
        close_seconds: float = CLOSE_SECONDS,
    ) -> None:
        self._ports = ports
        self._settings = settings
        self._notify_of = notify_of
        self._delivery = Delivery(ports, threaded=threaded, close_seconds=close_seconds)

    @property
    def troubles(self) -> Sequence[str]:
        """What was not told, and why; complete after `close`."""
        return self._delivery.troubles

    # -- what happens ------------------------------------------------------------------------------------------

    def started(self, record: RunRecord, task_arn: str) -> None:
        """Tell that ECS has accepted the first task of a run. Returns at once."""
        notify = self._whom(record)
        if notify is None or notify.webhook is None:
            return
        url, whose = notify.webhook, _whose(record)
        ping = words.start_ping(url, whose, job=record.job, run_id=record.run_id, task_arn=task_arn)
        self._tell(record.run_id, _name("start", record), "start", lambda: [ping])

    def ended(self, record: RunRecord, outcome: Outcome) -> None:
        """Tell how a run ended that this process has followed. Returns at once."""
        notify = self._whom(record)
        if notify is not None:
            self._tell(record.run_id, _name("end", record), "end", lambda: self._of_end(notify, record, outcome))

    def missed(self, missed: Missed) -> bool:
        """Tell that a scheduled run did not happen; False when that was told before, or nobody wants to know.

        What could not be told may be told another time.
        """
        notify = self._known(missed.job)
        if notify is None or MISSED not in notify.on:
            return False
        whose = self._ours()
        notices: list[Notice] = []
        if notify.sns is not None:
            notices.append(words.missed_message(notify.sns, whose, missed))
        if notify.webhook is not None:
            notices.append(words.missed_ping(notify.webhook, whose, missed))
        return self._tell_later(self._name_here("missed", missed.run_id), missed.run_id, MISSED, notices)

    def recoveries(self, entries: Sequence[Entry]) -> int:
        """Tell of scheduled runs that have succeeded after a failure; give how many have not been told before.

        Args:
            entries: The runs of one job, the one that was due last first, as history gives them.
        """
        notify = self._known(entries[0].identity.job) if entries else None
        if notify is None or notify.sns is None or RECOVERY not in notify.on:
            return 0
        failing, told = False, 0
        for entry in reversed(entries):
            if entry.outcome is None or words.wanted(entry.outcome):
                continue
            if failing and entry.outcome.succeeded and entry.identity.trigger == SCHEDULE:
                told += self._recovery(notify.sns, entry.outcome)
            failing = not entry.outcome.succeeded
        return told

    def close(self) -> None:
        """Wait until all is told, for a bounded time; what happens afterwards is not told. May be called twice."""
        self._delivery.close()

    # -- whom, and what ----------------------------------------------------------------------------------------

    def _whom(self, record: RunRecord) -> Notify | None:
        """Give whom a run's job tells; the files are of this project and stage only."""
        here = (record.project, record.stage) == (self._settings.project, self._settings.stage)
        return self._known(record.job) if here else None

    def _known(self, job: str) -> Notify | None:
        try:
            return self._notify_of(job)
        except UnknownJobError:
            return None
        except JobrunnerError as error:
            self._delivery.trouble(f"whom {job} tells is not known: {error.what}")
            return None

    def _of_end(self, notify: Notify, record: RunRecord, outcome: Outcome) -> Iterator[Notice]:
        whose = _whose(record)
        if notify.webhook is not None:
            yield words.end_ping(notify.webhook, whose, outcome, self._last_lines(record, outcome))
        if notify.sns is None or record.scheduled:
            return
        if words.failed(outcome) and words.FAILURE in notify.on:
            yield words.failure_message(notify.sns, whose, outcome)
        if outcome.succeeded and RECOVERY in notify.on and words.recovered(self._before(record)):
            yield words.recovery_message(notify.sns, whose, outcome)

    def _last_lines(self, record: RunRecord, outcome: Outcome) -> Sequence[str]:
        source = next((one for one in record.logs if one.container == record.main), None)
        stream = source.stream(task_id(outcome.task_arn)) if source is not None and outcome.task_arn else None
        if stream is None:
            return ()
        try:
            return self._ports.logs.tail(stream, _LINES)
        except AwsError as error:
            return (f"(the log could not be read: {error.what})",)

    def _before(self, record: RunRecord) -> Iterable[Outcome]:
        """Give the ends of the job's runs that were over when this one began, the latest first.

        As far as this machine knows them, by its own records and by what it has read of history: that is not read
        anew for this. One run may be among them twice, which does not matter.
        """
        ends = [*self._recorded(record), *self._in_history(record)]
        over = sorted(((at, end) for at, end in ends if at <= record.created_at), key=lambda one: one[0])
        return [end for _, end in reversed(over)]

    def _recorded(self, record: RunRecord) -> Iterator[tuple[datetime, Outcome]]:
        ours = (record.project, record.stage)
        for one in self._ports.runs.recent(job=record.job, limit=_BEFORE):
            other = one.run_id != record.run_id and one.at(record) and (one.project, one.stage) == ours
            if one.outcome is not None and other:
                yield one.outcome.stopped_at or one.created_at, one.outcome

    def _in_history(self, record: RunRecord) -> Iterator[tuple[datetime, Outcome]]:
        source = Source.at(self._ports.connection, project=record.project, stage=record.stage)
        query = Query(project=record.project, stage=record.stage, job=record.job, limit=_BEFORE)
        for one in self._ports.history.entries(query):
            if one.outcome is not None and one.identity.run_id != record.run_id and one.source == source:
                yield one.outcome.stopped_at or one.at, one.outcome

    def _recovery(self, topic: str, outcome: Outcome) -> bool:
        message = words.recovery_message(topic, self._ours(), outcome)
        name = self._name_here(RECOVERY, outcome.run_id)
        return self._tell_later(name, outcome.run_id, RECOVERY, [message])

    def _ours(self) -> Whose:
        settings = self._settings
        region = self._ports.connection.region
        return Whose(project=settings.project, stage=settings.stage, region=region, cluster=settings.cluster)

    def _name_here(self, what: str, run_id: str) -> str:
        """Give the name of an event of a run that is known by its time: where, too, because that comes everywhere."""
        connection = self._ports.connection
        place = (connection.region, connection.endpoint_url or "", connection.endpoint_id or "")
        return " ".join((what, self._ours().place, run_id, *filter(None, place)))

    # -- telling -----------------------------------------------------------------------------------------------

    def _tell(self, run_id: str, name: str, event: str, notices: Callable[[], Iterable[Notice]]) -> None:
        def told() -> None:
            if self._claimed(name):
                for notice in notices():
                    self._delivery.send(notice, run_id=run_id, event=event)

        self._delivery.put(run_id, told)

    def _tell_later(self, name: str, run_id: str, event: str, notices: Sequence[Notice]) -> bool:
        """Claim an event now and tell it; give the claim back if nobody has heard of it."""
        if not self._claimed(name):
            return False

        def told() -> None:
            heard = [self._delivery.send(notice, run_id=run_id, event=event) for notice in notices]
            if not any(heard):
                self._stored(lambda: self._ports.told.forget(name))

        self._delivery.put(run_id, told)
        return True

    def _claimed(self, name: str) -> bool:
        """Tell whether this process is the first; if that cannot be known, it tells: twice is better than never."""
        claimed = self._stored(lambda: self._ports.told.claim(name, self._ports.clock.now()))
        return claimed is not False

    def _stored(self, call: Callable[[], bool | None]) -> bool | None:
        try:
            return call()
        except StoreError as error:
            self._delivery.trouble(f"{error.what}; something may be told twice")
            return None


def _whose(record: RunRecord) -> Whose:
    return Whose(project=record.project, stage=record.stage, region=record.region, cluster=record.cluster)


def _name(what: str, record: RunRecord) -> str:
    """Give the name of an event of a run. A key whose run has never begun runs again by the same id, later."""
    return f"{what} {record.project}/{record.stage or ''} {record.run_id} {iso(record.created_at)}"
