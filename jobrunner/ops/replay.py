"""Read the log of a run that is over, or what there is so far, without watching its task."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobrunner.core import naming
from jobrunner.core.ending import UNSEEN
from jobrunner.core.events import Finished, LogBatch, Started, WatchEvent
from jobrunner.core.follow import Follow
from jobrunner.core.outcome import LogReport, Verdict, merged

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from datetime import datetime

    from jobrunner.core.outcome import Outcome
    from jobrunner.core.record import RunRecord
    from jobrunner.ops.ports import Ports

#: Seconds by which AWS's clock and ours may differ without a doubt about a log being settled.
_CLOCK_SKEW = 60.0


def replay(ports: Ports, record: RunRecord) -> Iterator[WatchEvent]:
    """Give the whole log of a run that is over, then `Finished` with its outcome and the log's report.

    The outcome is stored again when this reading is the first that is complete.
    """
    outcome = record.outcome
    if outcome is None:
        raise ValueError(f"run {record.run_id} is not over")
    earlier = yield from read_earlier(ports, record, outcome.earlier)
    if record.task_arn is not None or not earlier:
        yield Started(run_id=record.run_id, task_arn=record.task_arn, attempt=outcome.attempt)
    report = yield from read_log(ports, record, over_since=outcome.stopped_at)
    finished = replace(
        outcome, logs=merged([*(one.logs for one in earlier), _own_report(outcome, report)]), earlier=earlier
    )
    if finished != outcome and not outcome.logs.complete:
        ports.runs.save(record.with_outcome(finished))
    yield Finished(outcome=finished)


def read_earlier(
    ports: Ports, record: RunRecord, earlier: Sequence[Outcome]
) -> Generator[WatchEvent, None, tuple[Outcome, ...]]:
    """Give the logs of attempts that are over, each after its `Started`; return their outcomes with the reports."""
    read = []
    for one in earlier:
        if one.task_arn is not None:
            yield Started(run_id=record.run_id, task_arn=one.task_arn, attempt=one.attempt)
        report = yield from read_log(ports, replace(record, task_arn=one.task_arn), over_since=one.stopped_at)
        read.append(replace(one, logs=_own_report(one, report)))
    return tuple(read)


def read_log(
    ports: Ports, record: RunRecord, *, over_since: datetime | None, to_end: bool = True
) -> Generator[LogBatch, None, LogReport]:
    """Give the log of a run, and return the report on its completeness.

    Args:
        ports: The outside.
        record: The run.
        over_since: When its task stopped, by AWS's clock; None when that is unknown.
        to_end: Read until it is shown to be complete; otherwise until nothing more is there now.
    """
    if record.task_arn is None:
        return LogReport(complete=True, events=0)
    task_id = naming.task_id(record.task_arn)
    streams = [stream for source in record.logs if (stream := source.stream(task_id))]
    settle = ports.connection.log_settle if to_end else 0.0
    blind = [source.blind for source in record.logs if source.blind]
    follow = Follow(streams, settle=settle, blind=blind, patience=ports.connection.patience)
    follow.containers_over(_over(ports, over_since, settle))
    while not follow.quiet():
        asked = ports.clock.now().timestamp()
        due = follow.next_due()
        if due is not None and due > asked:
            ports.clock.sleep(due - asked)
            continue
        for question in follow.due(asked):
            follow.take(question, ports.logs.read(question), asked=asked)
        yield from follow.release()
    return follow.report()


def _over(ports: Ports, over_since: datetime | None, settle: float) -> float:
    now = ports.clock.now().timestamp()
    if over_since is not None and now - over_since.timestamp() > settle + _CLOCK_SKEW:
        return now - settle
    return now


def _own_report(outcome: Outcome, report: LogReport) -> LogReport:
    """Give the report on an attempt's log, as far as how it ended allows one."""
    if outcome.verdict is Verdict.NEVER_STARTED and outcome.logs.complete:
        return LogReport(complete=True, events=report.events)  # where nothing ran there was nothing to read
    if outcome.verdict is Verdict.LOST and outcome.stopped_at is None and report.complete:
        return replace(report, complete=False, reason=UNSEEN)
    return report
