"""`python tests/faults/table.py` writes docs/fault-table.md: what the cases assert, for people who choose a tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from cases import CASES, GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fault_case import Case

PATH: Final = Path(__file__).parents[2] / "docs" / "fault-table.md"

_ABOUT: Final = """\
# What happens when AWS has a bad day

Each row is a test, `tests/faults`: it runs a job on the [local endpoint](faults.md), lets happen what the first column
says, and compares what jobrunner says with what the endpoint itself knows. The {count} cases are tried in three ways:
the process that starts the run follows it (`run`); another one takes over right after the start (`attach`); another
one reads along (`logs -f`). When it is over, `attach` and `logs` are asked again, on the same machine or on one that
never heard of the run.

In every row, in every way:

- the verdict, the exit code and the bill are the same for everybody; where ECS has no task of the run to show, the
  other machine says that it knows no such run;
- the log has every line once and in order, or it is said not to be complete, and why;
- so many tasks have been started as the row says, and none more;
- no task and no process of the job goes on, and no schedule is left.

The jobs take seconds. A task whose image pull has begun is billed for a minute at least; the bill is compared with
the times that ECS gives. Exit codes: the job's own, 124 timed out, 125 never started or lost, 128 + n stopped by a
signal, 69 AWS cannot be reached or refused.

`logs -f` ends with the attempt that it follows; `run` and `attach` go on to the next one.
"""

_KILLED: Final = """\
## jobrunner itself is killed

`make faults` plays {rounds} rounds of another test: `run JOB --key K` is killed with SIGKILL at a random moment,
sometimes beside a fault of the above, sometimes while another machine runs the same key. Then somebody attaches, and
the same key is run again, here or there. In every round:

- one task is started for each attempt of the job, none twice;
- `attach` and the repeated key tell how the job really ended, with its whole log, or that nothing was started;
- nothing goes on.
"""
_ROUNDS: Final = 200


def table() -> str:
    """The page."""
    sections = [f"## {title}\n\n{_rows(cases)}\n" for title, cases in GROUPS.items()]
    return "\n".join([_ABOUT.format(count=len(CASES)), *sections, _KILLED.format(rounds=_ROUNDS)])


def _rows(cases: tuple[Case, ...]) -> str:
    head = ("| what happens | `run` says | tasks | bill | log |", "|---|---|---|---|---|")
    return "\n".join((*head, *(f"| {' | '.join(_cells(case))} |" for case in cases)))


def _cells(case: Case) -> Iterator[str]:
    yield case.happens
    yield _says(case)
    yield _tasks(case)
    yield "unknown" if case.bill is None else f"{case.bill} s"
    yield _log(case)


def _tasks(case: Case) -> str:
    capacities = ["Spot" if spot else "on demand" for spot in case.spot or (False,) * len(case.bills)]
    return f"{len(case.bills)} ({', '.join(capacities)})" if "capacity" in case.job else str(len(case.bills))


def _says(case: Case) -> str:
    verdict = str(case.verdict).replace("_", " ")
    if not case.followed:
        return f"`attach` later: {verdict}, exit code {case.code}"
    if case.error is None:
        return f"{verdict}, exit code {case.code}"
    return f"an error, exit code {case.code}; `attach` later: {verdict}, exit code {case.later_code}"


def _log(case: Case) -> str:
    if case.log_reason is not None:
        return "not complete, and says why"
    lines = len(case.lines)
    return f"complete, {lines} lines" if lines else "there is none"


if __name__ == "__main__":
    PATH.write_text(table(), encoding="utf-8")
