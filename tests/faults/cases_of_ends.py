"""Tasks that are taken away, that end without the truth about it, or that ECS does not know."""

from __future__ import annotations

from typing import Final

from fault_case import (
    FAILS,
    LINES,
    MINUTE,
    SECOND_LINES,
    SIX_LINES,
    STOPPED_LINES,
    Case,
    ignores_sigterm,
    waits,
    waits_once,
    works,
    works_for_a_while,
)

from jobrunner import Verdict
from jobrunner.local.faults import (
    DoubledEvents,
    Forgotten,
    HostTerminated,
    LateEvents,
    Missing,
    NoExitCode,
    OutOfMemory,
    SlowStart,
    SlowStop,
    SpotInterruption,
    TaskRetirement,
)

#: The last of the three lines of which a job is certain.
_AT: Final = LINES[-1]
_ON_INFRASTRUCTURE: Final = {"attempts": 2, "backoff": "0s", "on": ["infrastructure"]}
_ON_SPOT: Final = {"attempts": 2, "backoff": "0s", "on": ["spot"]}

_INTERRUPTED: Final = {"verdict": Verdict.STOPPED, "reason": "spot_interruption"}

SPOT: Final = (
    Case(
        name="spot-interrupted",
        happens="Spot capacity is taken back while the job runs, and the job ends with 143.",
        faults=(SpotInterruption(line=_AT),),
        job=waits(143, capacity="spot"),
        exit_code=143,
        code=143,
        lines=STOPPED_LINES,
        spot=(True,),
        **_INTERRUPTED,
    ),
    Case(
        name="spot-interrupted-politely",
        happens="Spot capacity is taken back, and the job, half done, ends with exit code 0.",
        faults=(SpotInterruption(line=_AT),),
        job=waits(0, capacity="spot"),
        exit_code=0,
        code=143,
        lines=STOPPED_LINES,
        spot=(True,),
        **_INTERRUPTED,
    ),
    Case(
        name="spot-interrupted-stubbornly",
        happens="Spot capacity is taken back, the job ignores the warning, and is killed.",
        faults=(SpotInterruption(line=_AT, stop_code="TerminationNotice"),),
        job=ignores_sigterm(capacity="spot"),
        exit_code=137,
        code=137,
        spot=(True,),
        **_INTERRUPTED,
    ),
    Case(
        name="spot-interrupted-in-start",
        happens="Spot capacity is taken back before the job has started.",
        faults=(SlowStart(at="PENDING"), SpotInterruption(at="PENDING", after=0.3)),
        job=works(capacity="spot"),
        verdict=Verdict.NEVER_STARTED,
        reason="spot_interruption",
        exit_code=None,
        code=125,
        spot=(True,),
        lines=(),
    ),
    Case(
        name="spot-retried",
        happens="Spot capacity is taken back once, and the job has retries for `spot`.",
        faults=(SpotInterruption(line=_AT, times=1),),
        job=waits_once(capacity="spot", retries=_ON_SPOT),
        bills=(MINUTE, MINUTE),
        spot=(True, True),
        lines=(*STOPPED_LINES, *SECOND_LINES),
        attempt=2,
        needs_starter=True,
    ),
    Case(
        name="spot-then-on-demand",
        happens="Spot capacity is taken back, and the job is `spot-then-on-demand`.",
        faults=(SpotInterruption(line=_AT),),
        job=waits_once(capacity="spot-then-on-demand"),
        bills=(MINUTE, MINUTE),
        spot=(True, False),
        lines=(*STOPPED_LINES, *SECOND_LINES),
        attempt=2,
        needs_starter=True,
    ),
)

MISFORTUNES: Final = (
    Case(
        name="out-of-memory",
        happens="The job is killed because it needs too much memory.",
        faults=(OutOfMemory(line=_AT),),
        job=waits(0),
        verdict=Verdict.OUT_OF_MEMORY,
        reason="out_of_memory",
        exit_code=137,
        code=137,
    ),
    Case(
        name="out-of-memory-0",
        happens="A process of the job is killed for its memory, and the job ends with exit code 0.",
        faults=(OutOfMemory(exit_code=0),),
        verdict=Verdict.OUT_OF_MEMORY,
        reason="out_of_memory",
        exit_code=0,
        code=137,
    ),
    Case(
        name="no-exit-code",
        happens="The job ends, and AWS does not say with which exit code.",
        faults=(NoExitCode(),),
        verdict=Verdict.LOST,
        reason="no_exit_code",
        exit_code=None,
        code=125,
    ),
    Case(
        name="host-lost",
        happens="The host of the task is lost.",
        faults=(HostTerminated(line=_AT),),
        job=waits(0),
        verdict=Verdict.LOST,
        reason="host_lost",
        exit_code=None,
        code=125,
    ),
    Case(
        name="host-lost-retried",
        happens="The host of the task is lost once, and the job has retries for `infrastructure`.",
        faults=(HostTerminated(line=_AT, times=1),),
        job=waits_once(retries=_ON_INFRASTRUCTURE),
        bills=(MINUTE, MINUTE),
        lines=(*LINES, *SECOND_LINES),
        attempt=2,
        needs_starter=True,
    ),
    Case(
        name="retired",
        happens="AWS stops the task for maintenance, and the job ends with exit code 0.",
        faults=(TaskRetirement(line=_AT),),
        job=waits(0),
        verdict=Verdict.STOPPED,
        reason="task_retirement",
        exit_code=0,
        code=143,
        lines=STOPPED_LINES,
    ),
    Case(
        name="retired-retried",
        happens="AWS stops the task for maintenance, and the job has retries for `infrastructure`.",
        faults=(TaskRetirement(line=_AT, times=1),),
        job=waits_once(retries=_ON_INFRASTRUCTURE),
        bills=(MINUTE, MINUTE),
        lines=(*STOPPED_LINES, *SECOND_LINES),
        attempt=2,
        needs_starter=True,
    ),
)

KNOWLEDGE: Final = (
    Case(
        name="missing-at-first",
        happens="ECS does not show the task for a second after RunTask.",
        faults=(Missing(seconds=1),),
        task_settle=10,
    ),
    Case(
        name="missing-and-over",
        happens="ECS does not show the task for a second, and it has failed by then.",
        faults=(Missing(seconds=1),),
        **FAILS,
        task_settle=10,
    ),
    Case(
        name="forgotten-while-running",
        happens="ECS forgets the task while it runs.",
        faults=(Forgotten(line=_AT),),
        job=works_for_a_while(),
        verdict=Verdict.LOST,
        reason="vanished",
        exit_code=None,
        code=125,
        bills=(None,),
        lines=SIX_LINES,
        log_reason="ECS forgot the task",
        elsewhere=False,
    ),
    Case(
        name="forgotten-at-the-stop",
        happens="ECS forgets the task at its stop, when the exit code has been seen.",
        faults=(SlowStop(seconds=1), Forgotten()),
        **FAILS,
        bills=(None,),
        elsewhere=False,
    ),
    Case(
        name="events-doubled",
        happens="Every event of the task is sent twice.",
        faults=(DoubledEvents(),),
    ),
    Case(
        name="events-late",
        happens="Every other event of the task comes late, after newer ones.",
        faults=(LateEvents(seconds=0.5, every=2),),
    ),
)

_TIMED_OUT: Final = {"verdict": Verdict.TIMED_OUT, "reason": "timeout", "code": 124}

TIMEOUT: Final = (
    Case(
        name="timeout",
        happens="The job hangs, and has a timeout.",
        job=waits(143, timeout="2s"),
        exit_code=143,
        lines=STOPPED_LINES,
        needs_starter=True,
        **_TIMED_OUT,
    ),
    Case(
        name="timeout-politely",
        happens="The job hangs, and ends with exit code 0 when it is stopped at its timeout.",
        job=waits(0, timeout="2s"),
        exit_code=0,
        lines=STOPPED_LINES,
        needs_starter=True,
        **_TIMED_OUT,
    ),
    Case(
        name="timeout-stubbornly",
        happens="The job hangs and ignores SIGTERM; it is killed after its timeout.",
        job=ignores_sigterm(timeout="2s"),
        exit_code=137,
        needs_starter=True,
        **_TIMED_OUT,
    ),
    Case(
        name="timeout-unfollowed",
        happens="The job hangs, and nobody follows it at its timeout.",
        job=waits(143, timeout="2s"),
        exit_code=143,
        lines=STOPPED_LINES,
        followed=False,
        **_TIMED_OUT,
    ),
    Case(
        name="timeout-unfollowed-stubbornly",
        happens="The job hangs and ignores SIGTERM, and nobody follows it at its timeout.",
        job=ignores_sigterm(timeout="2s"),
        exit_code=137,
        followed=False,
        **_TIMED_OUT,
    ),
)
