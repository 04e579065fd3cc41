"""The ways to look at a run: the process that starts it, one that attaches to it, one that reads its log."""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from laboratory import Trial, Truth, until

from jobrunner import AwsError, Finished, JobRunner, JobrunnerError, LogBatch
from jobrunner.cli import exits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fault_case import Case
    from laboratory import Laboratory

    from jobrunner.core.events import WatchEvent
    from jobrunner.core.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class View:
    """What somebody has seen of a run.

    Attributes:
        code: The exit code of `run` or `attach`.
        lines: The log lines, in the order in which they were given.
        outcome: The end; None if an error came first.
        error: The error's words.
    """

    code: int
    lines: tuple[str, ...]
    outcome: Outcome | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All views of a run by who has them, and what the endpoint knows.

    Attributes:
        first: Of who followed it while it ran.
        later: Of who came when it was over, to the machine that had started it.
        elsewhere: Of who came then, on another machine.
        read: Lines that somebody has read without being told of the end.
        truth: The endpoint's.
    """

    first: View
    later: Mapping[str, View]
    elsewhere: Mapping[str, View]
    truth: Truth
    read: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def look(events: Callable[[], Iterator[WatchEvent]]) -> View:
    """Take all events to the end."""
    lines: list[str] = []
    outcome = None
    try:
        for event in events():
            if isinstance(event, LogBatch):
                lines.extend(event.messages)
            elif isinstance(event, Finished):
                outcome = event.outcome
    except JobrunnerError as error:
        return View(code=exits.of_error(error), lines=tuple(lines), error=str(error))
    assert outcome is not None, f"the events ended without Finished, after {lines}"
    return View(code=exits.of_outcome(outcome), lines=tuple(lines), outcome=outcome)


def attach(machine: JobRunner, trial: Trial) -> View:
    """As `jobrunner attach` does."""
    return look(lambda: machine.attach(trial.run_id).stream())


def logs(machine: JobRunner, trial: Trial, *, follow: bool = False) -> View:
    """As `jobrunner logs` does."""
    return look(lambda: machine.logs(trial.run_id, follow=follow))


def launch(trial: Trial, machine: JobRunner) -> Iterator[WatchEvent]:
    """Launch the run as `run --detach` does; the events of who would follow it, who may be gone as well."""
    run = machine.begin(trial.spec, **trial.options)
    with suppress(AwsError):  # the case says what is to be seen of that
        run.launch()
    return run.stream()


def run(trial: Trial) -> View:
    """As `jobrunner run` does: store, launch, follow."""
    machine = trial.machine()
    return look(lambda: machine.begin(trial.spec, **trial.options).stream())


def _attach(trial: Trial) -> View:
    """The process that has started the run is gone; somebody on the same machine attaches and follows."""
    launch(trial, trial.machine())
    return attach(trial.machine(), trial)


def _logs(trial: Trial) -> View:
    """`logs -f` in another process; who has started the run follows it only if the case needs that."""
    events = launch(trial, trial.machine())
    starter = threading.Thread(target=lambda: look(lambda: events))
    if trial.case.needs_starter:
        starter.start()
    try:
        return logs(trial.machine(), trial, follow=True)
    finally:
        if trial.case.needs_starter:
            starter.join()


def _unfollowed(trial: Trial) -> View:
    """Nobody follows the run until it has stopped; then somebody attaches."""
    launch(trial, trial.machine())
    until(trial.over, f"the end of {trial.case}")
    return attach(trial.machine(), trial)


_FIRST: Final = {"run": run, "attach": _attach, "logs": _logs}
WAYS: Final = tuple(_FIRST)


def try_out(laboratory: Laboratory, case: Case, way: str) -> Seen:
    """Let a case happen, and look at it in one way while it does; then again, in all ways that may tell otherwise."""
    with closing(Trial(laboratory, case, way)) as trial:
        first = (_FIRST[way] if case.followed else _unfollowed)(trial)
        until(trial.over, f"the end of {case}")
        later, elsewhere = {}, {}
        if way == "run":
            server = trial.machine("server")
            elsewhere = {"attach": attach(server, trial), "logs": logs(server, trial)}
        else:
            here = trial.machine()
            # Who has only read the log may have left something for the next one to find out.
            later = {"logs": logs(here, trial)} if way == "logs" else {}
            later["attach"] = attach(here, trial)
        return Seen(first=first, later=later, elsewhere=elsewhere, truth=trial.truth())
