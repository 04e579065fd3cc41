"""Faults on order: what goes wrong on AWS goes wrong at the local endpoint when somebody asks for it.

docs/faults.md tells users what can be ordered, and how. A fault is a frozen value that says whom it concerns, how
often it strikes, and what it does; its behaviour stands beside its data:

    calls          ErrorAnswer, SlowAnswer, NoAnswer, DroppedConnection: any operation of any service
    placement      RunTaskFailure: `failures[]` with HTTP 200, and no task
    start_up       TaskFailedToStart, SlowStart, SlowStop
    misfortunes    SpotInterruption, TaskRetirement, HostTerminated, OutOfMemory, NoExitCode
    knowledge      Missing, Forgotten: what ECS does not know, not yet or not any more
    lateness       LateLogs, LateEvents, DoubledEvents
    values         what they have in common

    book           what is ordered: matches, counts, deals it out        subject    whom a request or a task concerns
    answering      around every request        operations, replies       which operation it is, errors in its protocol
    fate           what has been dealt to one task, and when it strikes  held_lines lines that are not readable yet
    document       YAML or JSON → faults       view                      /_jobrunner/faults

Nothing of pydantic is imported before the first fault is: an endpoint without faults starts as fast as ever.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobrunner.local.faults.book import FaultBook as FaultBook
    from jobrunner.local.faults.book import Order as Order
    from jobrunner.local.faults.book import Strike as Strike
    from jobrunner.local.faults.calls import HIDDEN_THROTTLES as HIDDEN_THROTTLES
    from jobrunner.local.faults.calls import DroppedConnection as DroppedConnection
    from jobrunner.local.faults.calls import ErrorAnswer as ErrorAnswer
    from jobrunner.local.faults.calls import NoAnswer as NoAnswer
    from jobrunner.local.faults.calls import SlowAnswer as SlowAnswer
    from jobrunner.local.faults.document import KINDS as KINDS
    from jobrunner.local.faults.document import load_faults as load_faults
    from jobrunner.local.faults.document import read_faults as read_faults
    from jobrunner.local.faults.knowledge import Forgotten as Forgotten
    from jobrunner.local.faults.knowledge import Missing as Missing
    from jobrunner.local.faults.lateness import DoubledEvents as DoubledEvents
    from jobrunner.local.faults.lateness import LateEvents as LateEvents
    from jobrunner.local.faults.lateness import LateLogs as LateLogs
    from jobrunner.local.faults.misfortunes import HostTerminated as HostTerminated
    from jobrunner.local.faults.misfortunes import NoExitCode as NoExitCode
    from jobrunner.local.faults.misfortunes import OutOfMemory as OutOfMemory
    from jobrunner.local.faults.misfortunes import SpotInterruption as SpotInterruption
    from jobrunner.local.faults.misfortunes import TaskRetirement as TaskRetirement
    from jobrunner.local.faults.placement import RunTaskFailure as RunTaskFailure
    from jobrunner.local.faults.start_up import SlowStart as SlowStart
    from jobrunner.local.faults.start_up import SlowStop as SlowStop
    from jobrunner.local.faults.start_up import TaskFailedToStart as TaskFailedToStart
    from jobrunner.local.faults.values import ALWAYS as ALWAYS
    from jobrunner.local.faults.values import FOREVER as FOREVER
    from jobrunner.local.faults.values import Fault as Fault

_HOMES = {
    "ALWAYS": "values",
    "FOREVER": "values",
    "HIDDEN_THROTTLES": "calls",
    "KINDS": "document",
    "DoubledEvents": "lateness",
    "DroppedConnection": "calls",
    "ErrorAnswer": "calls",
    "Fault": "values",
    "FaultBook": "book",
    "Forgotten": "knowledge",
    "HostTerminated": "misfortunes",
    "LateEvents": "lateness",
    "LateLogs": "lateness",
    "Missing": "knowledge",
    "NoAnswer": "calls",
    "NoExitCode": "misfortunes",
    "Order": "book",
    "OutOfMemory": "misfortunes",
    "RunTaskFailure": "placement",
    "SlowAnswer": "calls",
    "SlowStart": "start_up",
    "SlowStop": "start_up",
    "SpotInterruption": "misfortunes",
    "Strike": "book",
    "TaskFailedToStart": "start_up",
    "TaskRetirement": "misfortunes",
    "load_faults": "document",
    "read_faults": "document",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  a test compares it with what is importable


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return [*__all__]
