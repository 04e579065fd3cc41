"""Stops that the job did not cause: by jobrunner, by somebody else, by AWS.

Sources: TaskStopCode and StopTask, Amazon ECS API reference; "Task maintenance", "Troubleshooting Amazon ECS
SpotInterruption errors", Amazon ECS Developer Guide; aws/containers-roadmap#1565 for Spot interruptions without a
stop code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jobrunner.core.judgement import Judgement
from jobrunner.core.outcome import Verdict

if TYPE_CHECKING:
    from jobrunner.core.lifecycle import ContainerSnapshot, TaskSnapshot

#: Beginnings of the `reason` that jobrunner gives to StopTask. ECS keeps it as `stoppedReason`, so whoever
#: looks later, on any machine, sees why the task was stopped.
TIMEOUT = "jobrunner: timed out"
START_TIMEOUT = "jobrunner: did not start"
INTERRUPT = "jobrunner: interrupted"
STOP = "jobrunner: stopped"
FAIL_FAST = "jobrunner: stopped with the others"
#: Of a scheduled job with `overlap: replace`, by its next run.
REPLACED = "jobrunner: replaced"

#: The beginning, the verdict, the word. FAIL_FAST begins as STOP does, so it stands before it.
OURS: Final = (
    (TIMEOUT, Verdict.TIMED_OUT, "timeout"),
    (START_TIMEOUT, Verdict.STOPPED, "start_timeout"),
    (INTERRUPT, Verdict.INTERRUPTED, "interrupt"),
    (FAIL_FAST, Verdict.STOPPED, "fail_fast"),
    (REPLACED, Verdict.STOPPED, "replaced"),
    (STOP, Verdict.STOPPED, "user"),
)

USER_INITIATED: Final = "UserInitiated"
FAILED_TO_START: Final = "TaskFailedToStart"
#: Beginnings of the `reason` of a container that never was.
DID_NOT_START: Final = ("CannotPull", "CannotStart", "CannotCreate")


@dataclass(frozen=True, kw_only=True)
class AwsStop:
    """A stop by AWS, known by its stop code, or by a part of `stoppedReason` beside whatever code.

    Attributes:
        reason: Our word.
        detail: The cause in words.
        codes: Its stop codes.
        part: In lower case; None when there is no known text.
        transient: As in a judgement.
    """

    reason: str
    detail: str
    codes: frozenset[str] = frozenset()
    part: str | None = None
    transient: bool = True

    def fits(self, task: TaskSnapshot) -> bool:
        """Tell whether ECS says so of a task."""
        said = (task.stopped_reason or "").lower()
        return task.stop_code in self.codes or (self.part is not None and self.part in said)


#: Texts before codes: a task that is retired may carry the stop code of a scheduler.
BY_AWS: Final = (
    AwsStop(
        reason="task_retirement",
        detail="AWS retired the infrastructure under the task",
        part="performing maintenance on the underlying infrastructure",
    ),
    AwsStop(reason="host_lost", detail="the host of the task has gone", part="host ec2 (instance"),
    AwsStop(
        reason="spot_interruption",
        detail="AWS took the Spot capacity back",
        codes=frozenset({"SpotInterruption", "TerminationNotice"}),
        part="spot task was interrupted",
    ),
    AwsStop(
        reason="infrastructure_health",
        detail="AWS stopped the task for the health of the infrastructure under it",
        codes=frozenset({"InfrastructureHealth"}),
    ),
    # A task that belongs to a service was stopped because of how the service is set up, and would be again.
    AwsStop(
        reason="service_scheduler",
        detail="the ECS service scheduler stopped the task",
        codes=frozenset({"ServiceSchedulerInitiated"}),
        transient=False,
    ),
)

#: The words of this module.
REASONS: Final = frozenset({*(word for _, _, word in OURS), *(stop.reason for stop in BY_AWS)})


def stopped_by(reason: str) -> Judgement:
    """Judge a launch that jobrunner gave up before there was a task.

    Args:
        reason: What StopTask would have been told; see `STOP` and its like.
    """
    return _ours(reason, None, ran=False) or Judgement(
        verdict=Verdict.STOPPED, reason="user", exit_code=None, detail=reason
    )


def started(task: TaskSnapshot, container: ContainerSnapshot | None) -> bool:
    """Tell whether the job's container is known to have started.

    An exit code alone does not show it: one that cannot start for its dependencies is "marked with exitCode 143"
    (aws/amazon-ecs-agent#3218), and runtimes give 126 to 128 for what they cannot start.

    Args:
        task: What ECS says of the task.
        container: The job's own; None when ECS does not show it.
    """
    if container is not None:
        if (container.reason or "").startswith(DID_NOT_START):
            return False
        if container.exit_code is not None:
            return True
    return task.started_at is not None and task.stop_code != FAILED_TO_START


def stopped_from_outside(task: TaskSnapshot, container: ContainerSnapshot | None) -> Judgement | None:
    """Judge a task that somebody or something else than the job has stopped; None when nothing says so.

    Args:
        task: What ECS says of it.
        container: The job's own; None when ECS does not show it.
    """
    ran = started(task, container)
    exit_code = container.exit_code if container is not None and ran else None
    reason = task.stopped_reason or ""
    # With another stop code, our StopTask came after the task had already begun to stop by itself.
    if task.stop_code in {None, USER_INITIATED}:
        ours = _ours(reason, exit_code, ran=ran)
        if ours is not None:
            return ours
    stop = next((stop for stop in BY_AWS if stop.fits(task)), None)
    if stop is not None:
        return _by_aws(stop, reason, exit_code, ran=ran)
    if task.stop_code == USER_INITIATED:
        detail = f"stopped from outside: {reason or 'no reason given'}"
        return Judgement(verdict=Verdict.STOPPED, reason="user", exit_code=exit_code, detail=detail)
    return None


def _ours(reason: str, exit_code: int | None, *, ran: bool) -> Judgement | None:
    for beginning, verdict, word in OURS:
        if reason.startswith(beginning):
            late = word == "start_timeout"
            return Judgement(
                verdict=Verdict.NEVER_STARTED if late and not ran else verdict,
                reason=word,
                exit_code=exit_code,
                detail=reason.removeprefix("jobrunner: "),
                transient=late,
            )
    return None


def _by_aws(stop: AwsStop, reason: str, exit_code: int | None, *, ran: bool) -> Judgement:
    verdict, when = Verdict.STOPPED, ""
    if not ran:
        verdict, when = Verdict.NEVER_STARTED, ", before the job's container had started"
    elif stop.reason == "host_lost" and exit_code is None:
        verdict = Verdict.LOST
    return Judgement(
        verdict=verdict,
        reason=stop.reason,
        exit_code=exit_code,
        detail=f"{stop.detail}{when}{f': {reason}' if reason else ''}",
        transient=stop.transient,
    )
