"""Many runs of one job in one process: one loop drives the courses of all of them.

Each run is a `core.course`, as a single one is: the same verdicts, retries and timeouts. What they share is the
looking (`ops.dispatch`), the storing (one transaction for all that became known together), and the task
definition. At most `parallel` of them are under way; those that wait cost nothing but their options.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jobrunner.core.agenda import Agenda
from jobrunner.core.budget import UNLIMITED, Budget, aws_limits
from jobrunner.core.course import Course, Manner
from jobrunner.core.events import Finished, WatchEvent
from jobrunner.core.observations import SHARED, Ask, DescribeTask, Observation, Overtaken, Step
from jobrunner.core.tally import Tally
from jobrunner.core.variations import RunEvent
from jobrunner.core.verdict import FAIL_FAST
from jobrunner.errors import AwsError
from jobrunner.ops.dispatch import WORKERS, Dispatcher
from jobrunner.ops.observe import audit_end, patience_of
from jobrunner.ops.perform import task_accepted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from jobrunner.core.guarding import Guard
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.record import RunRecord
    from jobrunner.core.spend import Standing
    from jobrunner.core.variations import Variation
    from jobrunner.ops.notify import Telling
    from jobrunner.ops.ports import Ports
    from jobrunner.ops.start import Beginner, Begun

#: Runs are stored and launched so many at a time: a transaction for each would wait for the disk a thousand times.
_TOGETHER = 25
#: When no more launches than these wait for their turn, the next runs are stored.
_FEW = 8
#: With nothing due and nothing under way, whoever waits looks up now and then for a stop.
_LONGEST_WAIT = 60.0
#: Seconds between two looks at a run while others are still being launched.
_CALM = 5.0


@dataclass(kw_only=True, slots=True)
class _Member:
    """A run that is under way.

    Attributes:
        index: Which variation it is.
        course: Its state machine.
        asks: What it asks for when its time comes.
        asked: How many answers it waits for.
        observations: Those that have come.
    """

    index: int
    course: Course
    asks: tuple[Ask, ...] = ()
    asked: int = 0
    observations: list[Observation] = field(default_factory=list)


class Fleet:
    """Runs many variations of one job; see the module's docstring. It is used once.

    Args:
        ports: The outside.
        beginner: Stores the runs.
        variations: One for each run.
        dispatcher: Makes the calls.
        guard: Of the timeouts.
        parallel: How many may be under way at once.
        fail_fast: Whether the first failure stops all others.
        logs: Whether their logs are read; then log lines are among the events.
        over_budget: The budgets that they exceed, as they were told to.
        telling: Tells of them.

    Attributes:
        tally: How many are where; always up to date.
        outcomes: By variation; None where there is none (yet): not begun, or lost sight of.
        errors: What kept a run from being followed to its end, by variation.
    """

    def __init__(
        self,
        ports: Ports,
        beginner: Beginner,
        variations: Sequence[Variation],
        *,
        dispatcher: Dispatcher,
        guard: Guard,
        parallel: int,
        fail_fast: bool = False,
        logs: bool = False,
        over_budget: Sequence[Standing] = (),
        telling: Telling | None = None,
    ) -> None:
        if parallel < 1:
            raise ValueError(f"parallel is {parallel}: at least one run must be under way for any to end")
        self._ports = ports
        self._beginner = beginner
        self._variations = variations
        self._dispatcher = dispatcher
        self._manner = Manner(logs=logs, pace=SHARED, guard=guard)
        self._patience = patience_of(ports)
        self._parallel = parallel
        self._fail_fast = fail_fast
        self._telling = telling
        self._queue = deque(range(len(variations)))
        self._members: dict[int, _Member] = {}
        self._agenda = Agenda()
        self._ready: deque[int] = deque()
        self._stop: str | None = None
        self._stop_taken = self._leaving = False
        self.over_budget = tuple(over_budget)
        self.tally = Tally(len(variations))
        self.outcomes: list[Outcome | None] = [None] * len(variations)
        self.errors: dict[int, AwsError] = {}

    def stop(self, reason: str) -> None:
        """Begin no further run, and stop those that are under way; `stream` goes on until they have ended.

        May be called from another thread or from a signal handler.
        """
        self._stop = self._stop or reason
        self._dispatcher.wake()

    @property
    def leavable(self) -> bool:
        """Whether whoever follows the runs may go: none is just being launched, or lacks its deadline."""
        return all(member.course.leavable for member in list(self._members.values()))

    def leaving(self) -> None:
        """Begin no further run: whoever follows them is about to go. May be called from a signal handler."""
        self._leaving = True
        self._dispatcher.wake()

    @property
    def under_way(self) -> int:
        """How many runs have been begun and are not over."""
        return len(self._members)

    def wait(self) -> Sequence[Outcome | None]:
        """Block until all runs have ended; give their outcomes in the order of the variations.

        Raises:
            AwsError: As `stream`.
        """
        for _ in self.stream():
            pass
        return self.outcomes

    def stream(self) -> Iterator[RunEvent]:
        """Give what happens until all runs have ended. Leaving it early leaves their tasks running.

        What AWS refuses to one run is kept in `errors` and ends the following of that run only.

        Raises:
            AwsError: AWS refuses, or does not answer, what the runs share: the task definition.
            StoreError: Runs cannot be stored; those under way run on.
        """
        with self._dispatcher:
            while self._members or (self._queue and not self._leaving):
                self._take_stop()
                yield from self._begin()
                yield from self._advance()
                if self._members:
                    for index, observation in self._dispatcher.collect(self._send()):
                        self._answered(index, observation)

    # -- beginning ---------------------------------------------------------------------------------------------

    def _begin(self) -> Iterator[RunEvent]:
        """Store the next runs, no more than can be launched soon: a run's start window begins here."""
        if self._leaving or self._dispatcher.launching() > _FEW:
            return
        room = min(self._parallel - len(self._members), _TOGETHER, len(self._queue))
        if room <= 0:
            return
        indexes = [self._queue.popleft() for _ in range(room)]
        if not self._launching:
            # Whoever was to be looked at later is looked at soon.
            self._agenda.hasten(self._ports.clock.now().timestamp() + SHARED.first)
        begun = self._beginner.begin_all([self._variations[index].options for index in indexes])
        for index, one in zip(indexes, begun, strict=True):
            self.tally.begun(index)
            if one.record.outcome is not None:
                yield from self._end(index, one.record.outcome)
            else:
                self._members[index] = _Member(index=index, course=self._course(one))
                self._ready.append(index)

    def _course(self, begun: Begun) -> Course:
        return Course(
            begun.record,
            manner=self._manner,
            patience=self._patience,
            prices=self._ports.prices,
            now=self._ports.clock.now(),
            fresh=begun.fresh,
        )

    # -- the courses -------------------------------------------------------------------------------------------

    def _advance(self) -> Iterator[RunEvent]:
        """Advance every run that has its answers or whose time has come; store, then tell, then ask."""
        for index in self._agenda.due(self._ports.clock.now().timestamp()):
            self._ask(self._members[index])
        while self._ready:
            now = self._ports.clock.now()
            steps = list(self._steps(now))
            overtaken = self._store([(member, step) for member, step in steps if step.record is not None])
            for member, taken in steps:
                theirs = overtaken.get(member.index)
                step = taken if theirs is None else taken.without_end()
                yield from self._told(member, step)
                if step.outcome is None:
                    self._schedule(member, step, theirs, now)

    def _steps(self, now: datetime) -> Iterator[tuple[_Member, Step]]:
        ready, self._ready = self._ready, deque()
        for index in ready:
            member = self._members[index]
            observations, member.observations = member.observations, []
            try:
                yield member, member.course.advance(now, observations)
            except AwsError as error:
                self._lose(member, error)

    def _store(self, steps: Sequence[tuple[_Member, Step]]) -> dict[int, RunRecord]:
        """Store what became known in one transaction; give the records of runs that others have taken further."""
        records = [step.record for _, step in steps if step.record is not None]
        stored = self._ports.runs.advance_all(records) if records else ()
        return {
            member.index: there
            for (member, step), ours, there in zip(steps, records, stored, strict=True)
            if step.error is None and ours.is_behind(there)
        }

    def _told(self, member: _Member, step: Step) -> Iterator[RunEvent]:
        run_id = member.course.record.run_id
        for event in step.events:
            if not isinstance(event, Finished):
                self.tally.take(member.index, event)
                yield self._event(member.index, run_id, event)
        if step.outcome is not None:
            audit_end(self._ports, step.outcome)
            if self._telling is not None:
                self._telling.ended(member.course.record, step.outcome)
            del self._members[member.index]
            if step.error is not None:
                self._refused(member.index, step.error)
            yield from self._end(member.index, step.outcome)

    def _end(self, index: int, outcome: Outcome) -> Iterator[RunEvent]:
        self.outcomes[index] = outcome
        finished = Finished(outcome=outcome)
        self.tally.take(index, finished)
        yield self._event(index, outcome.run_id, finished)
        if self._fail_fast and not outcome.succeeded:
            self.stop(FAIL_FAST)

    def _lose(self, member: _Member, error: AwsError) -> None:
        del self._members[member.index]
        self.tally.lost(member.index)
        self._refused(member.index, error)

    def _refused(self, index: int, error: AwsError) -> None:
        """Keep the error, and begin no further run: AWS would refuse all of them, or not answer them either."""
        self.errors[index] = error
        self._queue.clear()

    # -- asking ------------------------------------------------------------------------------------------------

    def _schedule(self, member: _Member, step: Step, overtaken: RunRecord | None, now: datetime) -> None:
        if overtaken is not None:
            member.observations.append(Overtaken(record=overtaken))
            self._ready.append(member.index)
            return
        member.asks = step.asks
        if step.wait <= 0:
            self._ask(member)
            return
        # While others are still to be launched, nobody waits for this one.
        calm = _CALM if self._launching and step.asks == _A_LOOK else 0.0
        self._agenda.put(member.index, now.timestamp() + max(step.wait, calm))

    @property
    def _launching(self) -> bool:
        """Whether runs are being launched, and not only when others end."""
        return bool(self._queue) and len(self._members) < self._parallel

    def _ask(self, member: _Member) -> None:
        """Hand a run's questions over; one that only waited for time goes on at once."""
        asks, member.asks = member.asks, ()
        member.asked = len(asks)
        for ask in asks:
            self._dispatcher.put(member.index, ask, member.course.record)
        if not asks:
            self._ready.append(member.index)

    def _send(self) -> float:
        """Send what may be sent; give how long to wait for answers."""
        now = self._ports.clock.now().timestamp()
        allowed = self._dispatcher.send(now, self._company)
        soonest = self._agenda.soonest()
        waits = [_LONGEST_WAIT, allowed, None if soonest is None else soonest - now]
        return 0.0 if self._ready else max(0.0, min(wait for wait in waits if wait is not None))

    def _company(self, room: int, cluster: str) -> list[tuple[int, RunRecord]]:
        """Give runs that would next ask for nothing but a look, the soonest first: a call describes a hundred."""

        def wanted(index: int) -> bool:
            member = self._members[index]
            return member.asks == _A_LOOK and member.course.record.cluster == cluster

        company = self._agenda.take(room, wanted)
        for index in company:
            self._members[index].asks, self._members[index].asked = (), 1
        return [(index, self._members[index].course.record) for index in company]

    def _answered(self, index: int, observation: Observation) -> None:
        member = self._members.get(index)
        if member is None:
            return
        if self._telling is not None and (task_arn := task_accepted(observation)) is not None:
            self._telling.started(member.course.record, task_arn)
        member.observations.append(observation)
        member.asked -= 1
        if member.asked == 0:
            self._ready.append(index)

    # -- stopping ----------------------------------------------------------------------------------------------

    def _take_stop(self) -> None:
        """Tell every run of a stop that is new; what they asked for and is not sent is not sent any more."""
        if self._stop is None or self._stop_taken:
            return
        self._stop_taken = True
        self._queue.clear()
        for member in self._members.values():
            member.course.request_stop(self._stop)
            self._agenda.withdraw(member.index)
            member.asks = ()
            member.asked -= self._dispatcher.withdraw(member.index)
            if member.asked == 0 and member.index not in self._ready:
                self._ready.append(member.index)

    def _event(self, index: int, run_id: str, event: WatchEvent) -> RunEvent:
        return RunEvent(index=index, label=self._variations[index].label, run_id=run_id, event=event)


_A_LOOK = (DescribeTask(),)


def open_fleet(
    ports: Ports,
    beginner: Beginner,
    variations: Sequence[Variation],
    *,
    threads: bool = True,
    **how: Any,
) -> Fleet:
    """Give a fleet with a budget of calls that fits the connection.

    Args:
        ports: The outside; its calls are tried once, as the budget repeats them.
        beginner: Stores the runs.
        variations: One for each run.
        threads: Whether calls are made in threads; without, on a scripted clock.
        **how: The other arguments of `Fleet`.
    """
    connection = ports.connection
    budget = Budget(aws_limits(connection.region) if connection.quotas else UNLIMITED)
    dispatcher = Dispatcher(ports, budget, workers=WORKERS if threads else 0)
    return Fleet(ports, beginner, variations, dispatcher=dispatcher, **how)
