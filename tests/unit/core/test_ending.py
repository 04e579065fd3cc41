"""From a judgement to an outcome: what is known of a log that nobody has read."""

from __future__ import annotations

from dataclasses import replace

from jobrunner.core.ending import unread
from jobrunner.core.outcome import UNREAD, LogReport
from jobrunner.testing import container, stopped_task

_NOTHING = replace(stopped_task(), started_at=None, containers=(container("main"),))


def test_where_nothing_ran_there_is_no_log_to_read() -> None:
    """So it is complete."""
    assert LogReport(complete=True, events=0) == unread(_NOTHING)


def test_a_log_that_nobody_has_read_is_not_complete() -> None:
    """A sidecar may have written something before the job's container was to start."""
    sidecar = container("side", exit_code=1)
    assert [UNREAD, UNREAD] == [unread(stopped_task()), unread(replace(_NOTHING, containers=(sidecar,)))]
