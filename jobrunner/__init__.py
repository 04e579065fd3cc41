"""Kubernetes' Job and CronJob for AWS Fargate, with no server to run.

The architecture in one page. Imports point down only (import-linter holds it to that):

    edges       cli/   local/                     the command line; an AWS endpoint that executes tasks
    façade      runner/  binding.py               `JobRunner`; it binds a `Connection` to the ports
    use cases   ops/                              start, observe, fleet, find, explain: core and ports, no boto3
    adapters    aws/  document/  store/  web/     boto3; YAML; SQLite; HTTP: each knows `core` only
    pure        core/                             no I/O, no clock
                errors.py                         the exception tree

A run goes through it like this. `document` turns `jobs/NAME.yaml` into a `JobSpec`, or says all that is wrong
with it. `core.request` builds the AWS requests, as values. `ops.start` stores a `RunRecord`. `core.course`, a state
machine without I/O, then takes the run from its first launch over all attempts to its end: `core.launching` brings an
attempt to its task, `core.watch` watches the task, `core.retry` decides what follows. They say what to ask AWS next;
`ops.observe` asks it for one run, `ops.fleet` for thousands. `core.verdict`, `core.billing` and `core.follow` say how
it ended, what it is billed, and whether the log is complete: an `Outcome`. `core.diagnosis` says why, and what to do.

A schedule sends the same request (`core.schedule_request`): straight to RunTask, or to the state machine that keeps
timeout, retries and overlap when nobody follows (`core.state_machine`, deployed by `deploy/`). `core.plan` compares
what the files say with what is there; `ops.plan` and `ops.apply` read and change it.

What has run is written by AWS into a log group (`deploy/history.yaml`). `ops.history` reads on in it;
`core.history_events` makes notes of what it says, `store.history`, a cache, keeps them, and `core.history` makes one
`Entry` of the notes of a run. `core.report` adds entries up, `core.missed` finds what should be among them and is not,
`core.spend` holds them against a budget, `core.notification` says what somebody is told.

Local is a connection, not a mode: `local.serve()` yields a `Connection` to an endpoint on 127.0.0.1 that really
executes tasks, and nothing else in the code knows.

The library in five lines:

    from jobrunner import JobRunner

    with JobRunner.open("path/to/project", stage="prod") as runner:
        run = runner.start("nightly-etl", key="2026-11-23")
        outcome = run.wait().raise_for_failure()

A failed job is a value (`Outcome`); a failed tool is an exception (`JobrunnerError`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobrunner.core.connection import Connection as Connection
    from jobrunner.core.events import Event as Event
    from jobrunner.core.events import Finished as Finished
    from jobrunner.core.events import LogBatch as LogBatch
    from jobrunner.core.events import LogLine as LogLine
    from jobrunner.core.events import PhaseChanged as PhaseChanged
    from jobrunner.core.events import Retrying as Retrying
    from jobrunner.core.events import Started as Started
    from jobrunner.core.events import VerdictKnown as VerdictKnown
    from jobrunner.core.events import Warning as Warning  # noqa: A004  the event, not the builtin
    from jobrunner.core.history import Entry as Entry
    from jobrunner.core.missed import Attendance as Attendance
    from jobrunner.core.missed import Missed as Missed
    from jobrunner.core.naming import RunRef as RunRef
    from jobrunner.core.options import RunOptions as RunOptions
    from jobrunner.core.options import Trigger as Trigger
    from jobrunner.core.outcome import LogReport as LogReport
    from jobrunner.core.outcome import Outcome as Outcome
    from jobrunner.core.outcome import Verdict as Verdict
    from jobrunner.core.plan import Plan as Plan
    from jobrunner.core.report import Group as Group
    from jobrunner.core.report import Report as Report
    from jobrunner.core.spec import JobSpec as JobSpec
    from jobrunner.core.spec import job_spec as job_spec
    from jobrunner.core.variations import RunEvent as RunEvent
    from jobrunner.core.variations import Variation as Variation
    from jobrunner.errors import AmbiguousRunError as AmbiguousRunError
    from jobrunner.errors import AwsError as AwsError
    from jobrunner.errors import AwsRefusedError as AwsRefusedError
    from jobrunner.errors import AwsThrottledError as AwsThrottledError
    from jobrunner.errors import AwsUnreachableError as AwsUnreachableError
    from jobrunner.errors import BudgetError as BudgetError
    from jobrunner.errors import JobrunnerError as JobrunnerError
    from jobrunner.errors import LocalEndpointError as LocalEndpointError
    from jobrunner.errors import Problem as Problem
    from jobrunner.errors import RunFailedError as RunFailedError
    from jobrunner.errors import SpecError as SpecError
    from jobrunner.errors import StoreError as StoreError
    from jobrunner.errors import UnknownJobError as UnknownJobError
    from jobrunner.errors import UnknownRunError as UnknownRunError
    from jobrunner.ops.apply import Applied as Applied
    from jobrunner.ops.explain import Explanation as Explanation
    from jobrunner.ops.fleet import Fleet as Fleet
    from jobrunner.ops.handle import Run as Run
    from jobrunner.ops.missed import Health as Health
    from jobrunner.ops.overview import ScheduleStatus as ScheduleStatus
    from jobrunner.ops.past import Past as Past
    from jobrunner.ops.pause import Paused as Paused
    from jobrunner.ops.report import Reported as Reported
    from jobrunner.runner import JobRunner as JobRunner

#: Where each public name lives. Nothing is imported before it is used: `import jobrunner` and `jobrunner --help`
#: would otherwise pay for pydantic and boto3.
_HOMES = {
    "AmbiguousRunError": "errors",
    "Applied": "ops.apply",
    "Attendance": "core.missed",
    "AwsError": "errors",
    "AwsRefusedError": "errors",
    "AwsThrottledError": "errors",
    "AwsUnreachableError": "errors",
    "BudgetError": "errors",
    "Connection": "core.connection",
    "Entry": "core.history",
    "Event": "core.events",
    "Explanation": "ops.explain",
    "Finished": "core.events",
    "Fleet": "ops.fleet",
    "Group": "core.report",
    "Health": "ops.missed",
    "JobRunner": "runner",
    "JobSpec": "core.spec",
    "JobrunnerError": "errors",
    "LocalEndpointError": "errors",
    "LogBatch": "core.events",
    "LogLine": "core.events",
    "LogReport": "core.outcome",
    "Missed": "core.missed",
    "Outcome": "core.outcome",
    "Past": "ops.past",
    "Paused": "ops.pause",
    "PhaseChanged": "core.events",
    "Plan": "core.plan",
    "Problem": "errors",
    "Report": "core.report",
    "Reported": "ops.report",
    "Retrying": "core.events",
    "Run": "ops.handle",
    "RunEvent": "core.variations",
    "RunFailedError": "errors",
    "RunOptions": "core.options",
    "RunRef": "core.naming",
    "ScheduleStatus": "ops.overview",
    "SpecError": "errors",
    "Started": "core.events",
    "StoreError": "errors",
    "Trigger": "core.options",
    "UnknownJobError": "errors",
    "UnknownRunError": "errors",
    "Variation": "core.variations",
    "Verdict": "core.outcome",
    "VerdictKnown": "core.events",
    "Warning": "core.events",
    "job_spec": "core.spec",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  a test compares it with what is importable


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
