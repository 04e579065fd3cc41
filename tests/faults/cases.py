"""Every case: `from cases import CASES`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cases_of_calls import DEFINITION, DESCRIBE_TASKS, EVERYTHING, GET_LOG_EVENTS, RUN_TASK, SCHEDULES, STOP_TASK
from cases_of_ends import KNOWLEDGE, MISFORTUNES, SPOT, TIMEOUT
from cases_of_logs import LOGS, WELL
from cases_of_starts import PLACEMENT, START

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fault_case import Case

#: By what goes wrong, in the order of the table.
GROUPS: Final[Mapping[str, tuple[Case, ...]]] = {
    "Nothing goes wrong with AWS": WELL,
    "The start: RunTask": RUN_TASK,
    "Before the start": DEFINITION,
    "No place for the task": PLACEMENT,
    "The task does not start": START,
    "Spot": SPOT,
    "The task ends badly": MISFORTUNES,
    "Timeouts": (*TIMEOUT, *STOP_TASK, *SCHEDULES),
    "Watching: DescribeTasks": DESCRIBE_TASKS,
    "What ECS does not know": KNOWLEDGE,
    "The log": (*LOGS, *GET_LOG_EVENTS),
    "Everything at once": EVERYTHING,
}

#: In the order in which they are tried: those that wait longest first.
CASES: Final[tuple[Case, ...]] = tuple(
    case for title in sorted(GROUPS, key=lambda title: title not in {"The log", "Timeouts"}) for case in GROUPS[title]
)
