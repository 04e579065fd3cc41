"""Many runs of one job: a live table on a terminal, a line for each change elsewhere, and a summary."""

from __future__ import annotations

import json
import time
from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from click import UsageError

from jobrunner.cli import budgets, collector, exits, words
from jobrunner.cli.board import Board, Failed, change
from jobrunner.cli.harmless import harmless
from jobrunner.cli.interrupts import Interrupts, Left
from jobrunner.cli.session import Session, to_start_many
from jobrunner.cli.terminal import OutputLostError
from jobrunner.core.events import Finished, LogBatch, Retrying, Started
from jobrunner.core.events import Warning as WarningEvent
from jobrunner.core.matrix import label, parse_matrix
from jobrunner.core.tally import Place
from jobrunner.core.variations import Variation
from jobrunner.errors import JobrunnerError, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from jobrunner.cli.invocation import Invocation
    from jobrunner.cli.terminal import Space
    from jobrunner.core.options import RunOptions
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.tally import Tally
    from jobrunner.core.variations import RunEvent
    from jobrunner.ops.fleet import Fleet

_PARALLEL: Final = 100
#: Failed runs that the summary names; all of them are in the output.
_NAMED: Final = 20
#: Failed runs that are kept for the table.
_KEPT: Final = 50
INDEX: Final = "JOBRUNNER_INDEX"


@dataclass(frozen=True, kw_only=True)
class Group:
    """What the command line asks for.

    Attributes:
        job: The job.
        options: What all runs have in common; with a key, each run gets one of its own from it.
        count: How many runs, or None.
        matrix: The words of `--matrix`; empty for none.
        parallel: How many at once, or None for the default.
        fail_fast: Whether the first failure stops the rest.
    """

    job: str
    options: RunOptions
    count: int | None
    matrix: tuple[str, ...]
    parallel: int | None
    fail_fast: bool

    def variations(self) -> list[Variation]:
        """Give one variation for each run.

        Raises:
            UsageError: Both --count and --matrix are given, or a parameter is given twice.
            SpecError: A word of --matrix cannot be read, or they make too many runs.
        """
        if self.count is not None and self.matrix:
            raise UsageError("--count and --matrix cannot be combined; give one of them")
        points = self._points()
        twice = sorted(set(self.options.params) & {name for point in points for name in point})
        if twice:
            raise UsageError(f"the parameter {twice[0]} is given by -p and by --matrix; give it once")
        return [self._variation(index, point) for index, point in enumerate(points)]

    def _points(self) -> list[Mapping[str, str]]:
        if not self.matrix:
            return [{} for _ in range(self.count or 0)]
        try:
            return list(parse_matrix(self.matrix).points())
        except ValueError as error:
            raise SpecError(f"--matrix: {error}") from None

    def _variation(self, index: int, point: Mapping[str, str]) -> Variation:
        name = label(point) if point else f"#{index}"
        options = replace(
            self.options,
            params={**self.options.params, **point},
            environment={**self.options.environment, INDEX: str(index)},
            key=None if self.options.key is None else f"{self.options.key}/{_own_key(index, point)}",
        )
        return Variation(label=name, options=options)


def _own_key(index: int, point: Mapping[str, str]) -> str:
    """Give what tells a run's key from those of the others: its whole values, in whatever order they were written.

    Not the label, which is for people and may be cut.
    """
    return json.dumps(dict(sorted(point.items())), separators=(",", ":")) if point else f"#{index}"


def run(invocation: Invocation, group: Group, *, on_interrupt: str | None) -> int:
    """Run them all; give the exit code, 0 only if all have succeeded.

    Raises:
        AwsError: AWS refuses or does not answer what all runs need; those under way run on.
        StoreError: Runs cannot be stored; likewise.
    """
    variations = group.variations()
    with to_start_many(invocation, group.job, [one.options for one in variations]) as session:
        fleet = session.runner.map(
            group.job, variations, parallel=group.parallel or _PARALLEL, fail_fast=group.fail_fast
        )
        return follow_all(invocation, session, group.job, fleet, on_interrupt=on_interrupt)


def follow_all(invocation: Invocation, session: Session, job: str, fleet: Fleet, *, on_interrupt: str | None) -> int:
    """Show many runs until all have ended; give the exit code, and raise as `run`."""
    budgets.going_on(invocation, fleet.over_budget)
    view = _View(invocation, session, job, fleet)
    mode = on_interrupt or session.runner.settings.on_interrupt
    with Interrupts(invocation.terminal, mode, said="stopping all tasks") as interrupts:
        try:
            with interrupts.may_leave():
                _follow(fleet, view, interrupts)
        except Left as left:
            session.linger(invocation)
            return _leave(invocation, fleet, left)
        except JobrunnerError:
            if fleet.under_way:
                invocation.note(f"{words.counted(fleet.under_way, 'run')} may go on without this command")
                invocation.terminal.say(f"  next  {invocation.command('ps')}")
            raise
    view.finish()
    return _code(fleet, view, interrupts)


def _follow(fleet: Fleet, view: _View, interrupts: Interrupts) -> None:
    interrupts.watch(fleet)
    collector.work()
    with view.shown():
        for event in fleet.stream():
            view.show(event)
            interrupts.check()


def _code(fleet: Fleet, view: _View, interrupts: Interrupts) -> int:
    if interrupts.received is not None and not fleet.tally.succeeded:
        return exits.of_signal(interrupts.received)
    if fleet.errors:
        raise next(iter(fleet.errors.values()))
    return view.code(exits.OK if fleet.tally.succeeded else exits.FAILED)


def _leave(invocation: Invocation, fleet: Fleet, left: Left) -> int:
    under_way = fleet.under_way
    state = "may go on, or are being stopped" if left.stopping else "go on"
    message = f"left {words.counted(under_way, 'run')}, which {state}; no further one is started"
    hint = invocation.command("ps")
    invocation.note(message)
    invocation.terminal.say(f"  next  {hint}")
    if invocation.json:
        invocation.write_json({"event": "error", "message": message, "hint": hint})
    return exits.of_signal(left.signal)


class _View:
    """Shows what happens to many runs."""

    def __init__(self, invocation: Invocation, session: Session, job: str, fleet: Fleet) -> None:
        self._invocation = invocation
        self._terminal = invocation.terminal
        self._session = session
        self._job = job
        self._fleet = fleet
        self._total = len(fleet.outcomes)
        self._began = time.monotonic()
        self._failed: deque[Failed] = deque(maxlen=_KEPT)
        self._said: set[str] = set()
        self._lost: OutputLostError | None = None

    def shown(self) -> AbstractContextManager[None]:
        """Show the table while the block runs, where there is one."""
        return nullcontext() if self._invocation.json else self._terminal.block(self._lines)

    def _lines(self, space: Space) -> Sequence[str]:
        colour = self._terminal.colour_err
        return self._board().lines(columns=space.columns, rows=space.rows, colour=colour)

    def _board(self) -> Board:
        tally = self._fleet.tally
        counts = tally.counts
        return Board(
            job=self._job,
            total=self._total,
            queued=counts[Place.QUEUED],
            starting=counts[Place.STARTING],
            running=counts[Place.RUNNING],
            succeeded=counts[Place.SUCCEEDED],
            failed=counts[Place.FAILED] + counts[Place.LOST],
            failures=tuple(self._failed),
            elapsed=time.monotonic() - self._began,
            billed_seconds=tally.billed_seconds,
            cost_usd=tally.cost_usd,
            local=self._session.local,
        )

    def show(self, event: RunEvent) -> None:
        """Show one event."""
        try:
            self._write(event)
        except OutputLostError as error:
            self._lost = error
            said = "nobody reads stdout any more" if error.broken_pipe else f"error: {error}"
            self._invocation.note(f"{said}; following the runs to their end all the same")
        if isinstance(event.event, Finished) and not event.event.outcome.succeeded:
            outcome = event.event.outcome
            self._failed.append(Failed(run_id=event.run_id, label=event.label, words=_why(outcome)))

    def _write(self, event: RunEvent) -> None:
        if self._invocation.json:
            self._write_json(event)
        elif isinstance(event.event, WarningEvent):
            self._warn(event.event.message)
        elif not self._terminal.has_status:
            self._say_change(event)
        if isinstance(event.event, Finished) and not self._invocation.json and not self._terminal.out_is_terminal:
            outcome = event.event.outcome
            code = "-" if outcome.exit_code is None else outcome.exit_code
            self._terminal.write(f"{event.run_id}\t{outcome.verdict}\t{code}\t{harmless(event.label)}\n")

    def _write_json(self, event: RunEvent) -> None:
        if isinstance(event.event, LogBatch):
            return  # logs are not asked for
        more = {"run_id": event.run_id, "index": event.index, "label": event.label}
        self._invocation.write_json({**event.event.to_json(), **more})

    def _warn(self, message: str) -> None:
        """Say once what may be true of a thousand runs."""
        if message not in self._said:
            self._said.add(message)
            self._invocation.note(f"warning: {message}")

    def _say_change(self, event: RunEvent) -> None:
        state, why = _change(event)
        if state is None:
            return
        counts = self._fleet.tally.counts
        done = counts[Place.SUCCEEDED] + counts[Place.FAILED] + counts[Place.LOST]
        self._invocation.note(
            change(run_id=event.run_id, label=event.label, state=state, done=done, total=self._total, why=why)
        )

    def finish(self) -> None:
        """Say how it all ended."""
        tally, counts = self._fleet.tally, self._fleet.tally.counts
        if self._invocation.json:
            self._invocation.write_json(summary(self._job, tally))
            return
        rows = words.fields(self._rows(), indent="  ").rstrip()
        said = "all succeeded" if tally.succeeded else f"{counts[Place.SUCCEEDED]:,} of {self._total:,} succeeded"
        self._terminal.say(f"jobrunner: {self._job}: {said}\n{rows}")

    def _rows(self) -> Iterator[tuple[str, str]]:
        tally, counts = self._fleet.tally, self._fleet.tally.counts
        yield "runs", ", ".join(f"{counts[place]:,} {_over(place)}" for place in Place if counts[place])
        if counts[Place.FAILED]:
            yield "failed", "\n".join(self._named(counts[Place.FAILED]))
        for error in list(self._fleet.errors.values())[:1]:
            yield "lost", f"{words.counted(len(self._fleet.errors), 'run')} could not be followed: {error.what}"
        yield "duration", words.duration(time.monotonic() - self._began)
        unknown = f", and {words.counted(tally.unbilled, 'run')} whose bill is not known" if tally.unbilled else ""
        yield "billed", f"{tally.billed_seconds:,} s{unknown}"
        yield "cost", self._cost()
        failed = next(iter(self._failed), None)
        if failed is not None:
            yield "next", self._invocation.command("explain", failed.run_id)

    def _cost(self) -> str:
        tally = self._fleet.tally
        cost = words.cost(tally.cost_usd, local=self._session.local, seconds=tally.billed_seconds)
        return f"{cost}, without {words.counted(tally.unpriced, 'run')}" if tally.unpriced else cost

    def _named(self, failed: int) -> Iterator[str]:
        for one in list(self._failed)[:_NAMED]:
            yield harmless(f"{one.run_id}  {one.label}  {one.words}")
        if failed > _NAMED:
            yield f"and {failed - _NAMED:,} more"

    def code(self, code: int) -> int:
        """Give the exit code: a success that could not be written is none."""
        unwritten = self._lost is not None and not self._lost.broken_pipe
        return exits.UNWRITABLE if code == exits.OK and unwritten else code


def summary(job: str, tally: Tally) -> dict[str, object]:
    """Give the last JSON line of many runs."""
    counts = tally.counts
    return {
        "event": "summary",
        "job": job,
        "total": sum(counts.values()),
        **{str(place): count for place, count in counts.items()},
        "billed_seconds": None if tally.unbilled else tally.billed_seconds,
        "cost_usd": None if tally.unpriced else f"{tally.cost_usd:f}",
    }


def _change(event: RunEvent) -> tuple[str | None, str | None]:
    match event.event:
        case Started(attempt=1, task_arn=str()):
            return "starting", None
        case Retrying(ended=ended):
            return "retrying", _why(ended)
        case Finished(outcome=outcome):
            return ("succeeded", None) if outcome.succeeded else ("failed", _why(outcome))
        case _:
            return None, None


def _over(place: Place) -> str:
    """Give a place's name once nothing moves any more."""
    return "not started" if place is Place.QUEUED else str(place)


def _why(outcome: Outcome) -> str:
    """Say in a few words why a run did not succeed; the detail of a stop begins with the verdict's own word."""
    verdict = outcome.verdict.replace("_", " ")
    said = outcome.reason == "exit" or outcome.detail.startswith(verdict)
    return outcome.detail if said else f"{verdict}: {outcome.detail}"
