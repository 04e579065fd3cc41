"""What a case is: a fault, a job that it befalls, and all that must be true afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jobrunner import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.local.faults import Fault

#: Seconds that AWS bills at least for a task whose image pull has begun; nothing here runs longer.
MINUTE: Final = 60

#: `say 1` writes "2.1" in the second attempt. What a shell says of signals is not in its log.
_SAY: Final = 'exec 2>/dev/null; say() { echo "$JOBRUNNER_ATTEMPT.$1"; }; '
_THREE: Final = "for number in 1 2 3; do say $number; done; "


def job(script: str, **keys: Any) -> Mapping[str, Any]:
    """A job that runs a shell script."""
    return {"image": "busybox", "command": ["sh", "-c", _SAY + script], **keys}


def works(exit_code: int = 0, **keys: Any) -> Mapping[str, Any]:
    """A job that writes three lines and ends."""
    return job(f"{_THREE}exit {exit_code}", **keys)


def works_for_a_while(**keys: Any) -> Mapping[str, Any]:
    """A job that writes three lines, three more a second later, and ends."""
    return job(f"{_THREE}sleep 1; for number in 4 5 6; do say $number; done", **keys)


def waits(exit_code: int, **keys: Any) -> Mapping[str, Any]:
    """A job that writes three lines and waits; it says so when it is told to stop, and ends with this exit code."""
    return job(f"trap 'say stopped; exit {exit_code}' TERM; {_THREE}sleep 600 & wait; sleep 600", **keys)


def waits_once(**keys: Any) -> Mapping[str, Any]:
    """A job whose first attempt waits as `waits` does, and whose second one writes three lines and ends."""
    again = f"[ $JOBRUNNER_ATTEMPT = 1 ] || {{ {_THREE} exit 0; }}; "
    return job(f"{again}trap 'say stopped; exit 143' TERM; {_THREE}sleep 600 & wait; sleep 600", **keys)


def ignores_sigterm(**keys: Any) -> Mapping[str, Any]:
    """A job that writes three lines and goes on, whoever tells it to stop."""
    return job(f"trap '' TERM; {_THREE}while :; do sleep 1; done", stop_timeout="2s", **keys)


#: The end of a job that fails, whatever AWS does.
FAILS: Final[Mapping[str, Any]] = {"job": works(3), "verdict": Verdict.FAILED, "exit_code": 3, "code": 3}

#: What these jobs write.
LINES: Final = ("1.1", "1.2", "1.3")
SIX_LINES: Final = (*LINES, "1.4", "1.5", "1.6")
STOPPED_LINES: Final = (*LINES, "1.stopped")
SECOND_LINES: Final = ("2.1", "2.2", "2.3")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault, a job, and the expected end of its run.

    Attributes:
        name: Short, for the test's id.
        happens: What happens, in a sentence for people who choose a tool.
        faults: What is ordered, for this job only.
        job: The keys of the job's document.
        verdict: Of the run; of one whose command ends with an error, what `attach` says later.
        reason: The word for programs.
        exit_code: The container's own.
        code: The exit code of the command.
        bills: What AWS bills for each task that is started, in their order; None where that cannot be known.
        spot: For each of them, whether it is on Spot capacity; on demand, if nothing is said.
        lines: All lines of all tasks.
        log_reason: A part of the reason why the log is not complete; None when it is.
        attempt: The last one.
        error: A part of the message with which the command ends, instead of following the run to its end.
        error_of_start: Whether it is the launch that fails: who attaches then is not concerned.
        later_code: The exit code of a later `attach`, where that is another one.
        log_settle: Seconds, of the connection.
        task_settle: The same.
        followed: Whether somebody follows the run. Otherwise whoever started it has gone, and it is looked at later.
        needs_starter: Whether the process that has started the run must follow it, whoever else does.
        elsewhere: Whether another machine, which has no record of the run, can tell its end from what ECS still knows.
    """

    name: str
    happens: str
    faults: tuple[Fault, ...] = ()
    job: Mapping[str, Any] = field(default_factory=works)
    verdict: Verdict = Verdict.SUCCEEDED
    reason: str = "exit"
    exit_code: int | None = 0
    code: int = 0
    bills: tuple[int | None, ...] = (MINUTE,)
    spot: tuple[bool, ...] = ()
    lines: tuple[str, ...] = LINES
    log_reason: str | None = None
    attempt: int = 1
    error: str | None = None
    error_of_start: bool = False
    later_code: int | None = None
    log_settle: float = 0.0
    task_settle: float = 0.0
    followed: bool = True
    needs_starter: bool = False
    elsewhere: bool = True

    def __str__(self) -> str:
        return self.name

    @property
    def bill(self) -> int | None:
        """The bill of the run."""
        known = [bill for bill in self.bills if bill is not None]
        return sum(known) if len(known) == len(self.bills) else None

    @property
    def retried(self) -> bool:
        """Whether several tasks are started for the run."""
        return len(self.bills) > 1
