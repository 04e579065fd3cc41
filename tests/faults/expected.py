"""What is expected of a case, and what was seen of it, in one form that can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from laboratory import Truth

if TYPE_CHECKING:
    from fault_case import Case
    from ways import View


@dataclass(frozen=True, kw_only=True)
class Told:
    """What somebody has been told of a run.

    Attributes:
        ending: Exit code of the command, verdict, reason, the container's exit code, attempt; of an error its words.
        bill: In seconds; None when it is said to be unknown.
        complete: Whether the log is said to be complete.
        lines: All lines, if it is.
        events: How many lines there are said to be.
    """

    ending: tuple[object, ...]
    bill: int | None = None
    complete: bool | None = None
    lines: tuple[str, ...] | None = None
    events: int | None = None


def told(view: View, *, words: str | None = None) -> Told:
    """What a view says; of an error that contains the expected words, just these."""
    outcome = view.outcome
    if outcome is None:
        return Told(ending=(view.code, words if words is not None and words in view.error else view.error))
    logs = outcome.logs
    return Told(
        ending=(view.code, str(outcome.verdict), outcome.reason, outcome.exit_code, outcome.attempt),
        bill=outcome.billed_seconds,
        complete=logs.complete,
        lines=view.lines if logs.complete else None,
        events=logs.events if logs.complete else None,
    )


def first_of(case: Case, way: str) -> Told:
    """What who follows the run while it happens is to be told."""
    if case.error is not None and not (case.error_of_start and way in {"attach", "logs"}):
        return Told(ending=(case.code, case.error))
    return later_of(case)


def later_of(case: Case) -> Told:
    """What who comes when it is over is to be told."""
    code = case.code if case.later_code is None else case.later_code
    complete = case.log_reason is None
    return Told(
        ending=(code, str(case.verdict), case.reason, case.exit_code, case.attempt),
        bill=case.bill,
        complete=complete,
        lines=case.lines if complete else None,
        events=len(case.lines) if complete else None,
    )


#: What a machine says that has no record of a run which ECS does not know.
UNKNOWN: Final = "neither this machine nor ECS knows run"


def elsewhere_of(case: Case) -> Told:
    """What another machine is to be told when it is over."""
    return later_of(case) if case.elsewhere else Told(ending=(65, UNKNOWN))


def truth_of(case: Case, strikes: tuple[int, ...]) -> Truth:
    """What the endpoint is to know afterwards: nothing runs, nothing is left, and every fault has struck.

    Args:
        case: The case.
        strikes: How often each fault has struck; of one that strikes always, any number but 0 is right.
    """
    wanted = [
        max(struck, 1) if fault.times == "always" else fault.times
        for fault, struck in zip(case.faults, strikes, strict=True)
    ]
    spot = case.spot or tuple(False for _ in case.bills)
    return Truth(bills=case.bills, spot=spot, lines=case.lines, strikes=tuple(wanted))


def in_order(lines: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    """Whether lines are some of the whole, each once at most, in its order."""
    rest = iter(whole)
    return all(line in rest for line in lines)
