"""Stop a run from outside, whoever follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.core import verdict
from jobrunner.core.ending import unlaunched
from jobrunner.errors import AwsError
from jobrunner.ops.executions import stop_execution, stopped_between, waits
from jobrunner.ops.handle import Run
from jobrunner.ops.noting import noted
from jobrunner.ops.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.core.record import RunRecord
    from jobrunner.core.settings import Settings
    from jobrunner.ops.notify import Telling
    from jobrunner.ops.ports import Ports


def stop(
    ports: Ports, settings: Settings, attach: Callable[[], Run], reason: str | None, telling: Telling | None = None
) -> Run:
    """Tell AWS to stop a run; does not wait for the end of its task. A run that is over stays as it is.

    Of a scheduled run the state machine's execution is stopped first, so that no attempt follows the one that is
    stopped; one that waits for its next attempt ends here.

    Args:
        ports: The outside.
        settings: Of the project and stage.
        attach: Gives the run's handle, as it is now.
        reason: Why, in the user's words.
        telling: Tells of a run that ends here.

    Raises:
        AwsError: AWS refuses, or does not answer: the task may go on, or another attempt may follow.
    """
    run = attach()
    said = f"{verdict.STOP}: {reason}" if reason else f"{verdict.STOP} by request"
    if run.outcome is not None:
        return _over(run)
    if run.record.scheduled:
        run = _without_another(ports, settings, attach, run, said)
        if run.outcome is not None:
            return _told(telling, run)
    record = run.record
    if record.task_arn is None:
        ended = unlaunched(verdict.stopped_by(said), record).after(record.earlier)
        stopped = ports.runs.advance(record.with_outcome(ended))
        # Whoever follows the run may have launched it since it was looked at: then there is a task to stop.
        if stopped.outcome is None:
            return stop(ports, settings, attach, reason, telling)
        ports.audit.record("run_stopped", {"run_id": record.run_id, "job": record.job, "reason": said})
        return _told(telling, _ended_here(ports, stopped, said))
    with noted(ports.audit, "run_stopped", run_id=record.run_id, job=record.job, reason=said):
        patiently(ports.clock, lambda: ports.tasks.stop(record.cluster, record.task_arn or "", said))
    run.stop(said)  # the task may have ended by itself meanwhile: who waits for that must not launch the next one
    return run


def _over(run: Run) -> Run:
    """Give a run that is over, if that is certain."""
    if run.trouble is not None:
        raise run.trouble
    return run


def _without_another(ports: Ports, settings: Settings, attach: Callable[[], Run], run: Run, said: str) -> Run:
    """Stop the execution of a scheduled run; give the run as it is then."""
    record = run.record
    if waits(record):
        record = stopped_between(ports, settings, record, lambda: attach().record, said)
        return attach() if record.outcome is None else _ended_here(ports, record, said)
    try:
        stop_execution(ports, settings, record, said)
    except AwsError:
        # The state machine reads the reason that StopTask is given, and tries no more; if there is a task to stop.
        if not _runs(ports, record):
            raise
    return run


def _runs(ports: Ports, record: RunRecord) -> bool:
    name = record.task_arn or ""
    task = patiently(ports.clock, lambda: ports.tasks.describe(record.cluster, [name])).get(name)
    return task is not None and not task.stopped


def _told(telling: Telling | None, run: Run) -> Run:
    """Tell of the end of a run that nobody follows to it: whoever waited for its next attempt finds it over."""
    if telling is not None and run.outcome is not None:
        telling.ended(run.record, run.outcome)
    return run


def _ended_here(ports: Ports, record: RunRecord, said: str) -> Run:
    run = Run(ports, record)
    run.stop(said)
    return run
