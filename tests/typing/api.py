"""The public API as a caller types it; mypy reads this file, nothing runs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, assert_never, assert_type

from jobrunner import (
    Event,
    Finished,
    JobRunner,
    JobSpec,
    LogLine,
    Outcome,
    PhaseChanged,
    Retrying,
    Run,
    RunOptions,
    RunRef,
    Started,
    Trigger,
    Verdict,
    VerdictKnown,
    Warning,  # noqa: A004  the event
    job_spec,
)

if TYPE_CHECKING:
    from decimal import Decimal


def library(runner: JobRunner) -> Decimal | None:
    """Start, follow, find again."""
    spec: JobSpec = job_spec(name="etl", image="python:3.13-slim", command=["python", "-m", "etl"])
    run = runner.start(spec, RunOptions(params={"day": "1"}, trigger=Trigger.LIBRARY), key="1")
    assert_type(run, Run)
    assert_type(run.ref, RunRef)
    assert_type(run.events(), Iterator[Event])
    found = runner.attach(str(run.ref))
    outcome = found.wait()
    assert_type(outcome, Outcome)
    assert_type(outcome.verdict, Verdict)
    assert_type(runner.run("etl").raise_for_failure(), Outcome)
    return outcome.cost_usd


def every_event(event: Event) -> str:
    """The events are a closed union: a reader that forgets one is told."""
    match event:
        case Started() | Finished():
            return "edge"
        case PhaseChanged():
            return event.phase
        case LogLine():
            return event.message
        case Warning():
            return event.message
        case VerdictKnown():
            return event.judgement.detail
        case Retrying():
            return event.capacity
        case _:
            assert_never(event)
