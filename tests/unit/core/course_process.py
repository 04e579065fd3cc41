"""The processes that follow a run in the world of `course_world`, one turn at a time.

A process does what `ops.observe` does; a test may stop it or kill it between any two of its acts.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from course_world import BEGIN, PATIENCE, QUIET, World, prices

from jobrunner.core.course import Course, Manner
from jobrunner.core.events import Finished, PhaseChanged
from jobrunner.core.events import Warning as WarningEvent
from jobrunner.core.observations import Ask, Observation, Overtaken
from jobrunner.core.record import RunRecord
from jobrunner.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobrunner.core.events import WatchEvent
    from jobrunner.core.outcome import Outcome


@dataclass
class Store:
    """The records of one run, as `ports.Runs.advance` keeps them.

    Attributes:
        record: What is stored.
    """

    record: RunRecord

    def advance(self, record: RunRecord) -> RunRecord:
        """Store a record unless what is stored knows more."""
        if not record.is_behind(self.record):
            self.record = RunRecord.from_json(record.to_json())
        return self.record

    @property
    def settled(self) -> bool:
        """Whether who attaches need not find out first whether the launch was made; see `ops.find.settle_launch`."""
        return self.record.task_arn is not None or not self.record.sent or self.record.outcome is not None


class Process:
    """One process that follows the run.

    Args:
        world: Where.
        store: What it shares with the others.
        manner: How it follows.
        fresh: Whether nobody can have sent the launch.
        known: What it knew when it began, if others have gone further since.

    Attributes:
        course: Its state machine.
        events: What it has told.
        due: When its next turn is.
        outcome: What it ended with.
        error: What it raised.
    """

    def __init__(
        self,
        world: World,
        store: Store,
        *,
        manner: Manner = QUIET,
        fresh: bool = False,
        known: RunRecord | None = None,
    ) -> None:
        self.events: list[WatchEvent] = []
        self.turns = 0
        self.error: AwsError | None = None
        self._world = world
        self._store = store
        self._manner = manner
        self._stop: str | None = None
        self._stop_is_new = False
        self.open(known or store.record, fresh=fresh)

    def open(self, record: RunRecord | None = None, *, fresh: bool = False) -> None:
        """Begin from what is stored: also after a crash, of which nothing else remains."""
        record = record or self._store.record
        self.due = self._world.now
        self._asks: tuple[Ask, ...] = ()
        self._overtaken: Overtaken | None = None
        self.outcome: Outcome | None = record.outcome
        self.course = Course(
            record, manner=self._manner, patience=PATIENCE, prices=prices(), now=self._world.now, fresh=fresh
        )
        if self._stop is not None:
            self.course.request_stop(self._stop)

    def stop(self, reason: str) -> None:
        """Ask for the stop of the run, with the first reason; what was to be asked is asked after it."""
        self._stop, self._stop_is_new, self.due = self._stop or reason, True, self._world.now

    def attach_again(self) -> None:
        """Follow the run once more after an error of the tool, as a user would; do nothing without one."""
        if self.error is not None:
            self.error = None
            self.open()

    @property
    def over(self) -> bool:
        """Whether it has told the end, or raised an error."""
        return self.outcome is not None or self.error is not None

    def turn(self, *, crash: str | None = None, sleep: float = 0.0) -> None:
        """Make the calls of the last step, advance, store; or die before, between or after.

        Args:
            crash: `unasked`, `unanswered`, `unstored` or `stored`.
            sleep: For how long the machine sleeps between the answers and what is made of them.
        """
        self.turns += 1
        if crash == "unasked":
            self.open()
            return
        observations = self._observe()
        self._world.advance_to(self._world.now + timedelta(seconds=sleep))
        if crash == "unanswered":
            self.open()
            return
        try:
            step = self.course.advance(self._world.now, observations)
        except AwsError as error:
            self.error = error
            return
        if crash == "unstored":
            self.open()
            return
        stored = self._store.record if step.record is None else self._store.advance(step.record)
        if crash == "stored":
            self.open()
            return
        if step.record is not None and step.error is None and step.record.is_behind(stored):
            self._overtaken = Overtaken(record=stored)
            step = step.without_end()
        self.events += step.events
        self.error, self.outcome = step.error, step.outcome
        self.due = self._world.now + timedelta(seconds=0.0 if self._overtaken else step.wait)
        self._asks = step.asks

    def _observe(self) -> list[Observation]:
        if self._overtaken is not None:
            overtaken, self._overtaken = self._overtaken, None
            return [overtaken]
        if self._stop_is_new and self._stop is not None:
            self._stop_is_new = False
            self.course.request_stop(self._stop)
            return []
        return [self._world.answer(ask, self.course.record) for ask in self._asks]


def live(
    world: World,
    *processes: Process,
    stops: Iterable[tuple[float, str]] = (),
    limit: int = 5_000,
) -> None:
    """Let processes follow a run until each has told its end or raised an error.

    Args:
        world: Where.
        processes: They take turns as their times come, the first first.
        stops: When the first process is asked to stop the run, in seconds, and the reason.
        limit: Turns after which the run does not end at all.
    """
    waiting = deque(stops)
    for _ in range(limit):
        active = [process for process in processes if not process.over]
        if not active:
            return
        process = min(active, key=lambda one: one.due)
        if waiting and BEGIN + timedelta(seconds=waiting[0][0]) <= process.due and not processes[0].over:
            at, reason = waiting.popleft()
            world.advance_to(BEGIN + timedelta(seconds=at))
            processes[0].stop(reason)
            continue
        world.advance_to(process.due)
        process.turn()
    raise AssertionError("the run never ended")


def end_of(process: Process) -> Outcome:
    """The outcome that a process has told, which is stored as well."""
    assert process.outcome is not None, process.error
    assert process.events[-1] == Finished(outcome=process.outcome)
    return process.outcome


def one_life(
    world: World, record: RunRecord, *, manner: Manner = QUIET, stops: tuple[tuple[float, str], ...] = ()
) -> Process:
    """Follow a fresh run to its end."""
    process = Process(world, Store(record), manner=manner, fresh=True)
    live(world, process, stops=stops)
    return process


def kinds(events: list[WatchEvent]) -> list[str]:
    """The events in short."""
    return [event.phase if isinstance(event, PhaseChanged) else type(event).__name__ for event in events]


def warnings(process: Process) -> list[str]:
    """What a process has warned of."""
    return [event.message for event in process.events if isinstance(event, WarningEvent)]
