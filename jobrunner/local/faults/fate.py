"""What has been dealt to one task, and when it strikes. Everything here happens in the event loop's thread."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Final

from jobrunner.local.faults.held_lines import HeldLines
from jobrunner.local.faults.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.awslogs import AwsLogs
    from jobrunner.local.faults.book import Deal, FaultBook
    from jobrunner.local.faults.misfortunes import Victim
    from jobrunner.local.output import Sink
    from jobrunner.local.task import Task

#: A task gets one fault of each; `missing` is dealt by RunTask, before anybody can ask.
_GROUPS: Final = ("start-up", "misfortune", "deprovisioning", "forgotten", "logs", "late events", "doubled events")


class Fate:
    """The faults of one task.

    Args:
        task: Whose; what is dealt to it stands in its `faults`.
        victim: Its run.
        book: What is ordered.
    """

    def __init__(self, task: Task, victim: Victim, book: FaultBook) -> None:
        self._task = task
        self._victim = victim
        self._book = book
        #: Deals whose moment has not come; the one question of whoever changes the task.
        self.waiting: list[Deal] = []
        self._heard: set[Deal] = set()

    def draw(self) -> None:
        """Take from the book what concerns the task, if it is not too late for it."""
        if not self._book.ordered:
            return
        subject = Subject.of(self._task)
        for group in _GROUPS:
            had = self._task.faults.get(group)
            if had is not None and not had.void:
                continue
            deal = self._book.deal(group, subject, self._task.arn)
            if deal is not None:
                self._task.faults[group] = deal
                if deal.fault.timed:
                    self.waiting.append(deal)
        self.moved()

    # -- moments -----------------------------------------------------------------------------------------------

    def moved(self) -> None:
        """The task has changed: strike what has been waiting for that."""
        for deal in [deal for deal in self.waiting if self._has_come(deal)]:
            self.waiting.remove(deal)
            if deal.fault.after:
                asyncio.get_running_loop().call_later(deal.fault.after, self._strike, deal)
            else:
                self._strike(deal)

    def _has_come(self, deal: Deal) -> bool:
        """Whether a deal's moment has come. A line may be read before its container is known to have started."""
        return (deal.fault.line is None or deal in self._heard) and deal.fault.begun(self._victim)

    def _strike(self, deal: Deal) -> None:
        if deal.open and deal.fault.befall(self._victim):
            deal.strike()

    def listening(self, driver: AwsLogs | None) -> Sink | None:
        """The driver of a container, or who stands before it if somebody waits for a line."""
        sink: Sink | None = driver
        for deal in self.waiting:
            if deal.fault.line is not None:
                sink = _Listener(sink, deal.fault.line.encode(), functools.partial(self._hear, deal))
        return sink

    def _hear(self, deal: Deal) -> None:
        self._heard.add(deal)
        self.moved()

    # -- the start and the end ---------------------------------------------------------------------------------

    def failure(self, status: str, *, pulls: bool) -> str | None:
        """The stopped reason of a task that fails to start in this status, in the pull of its image or not."""
        deal = self._task.faults.get("misfortune")
        if deal is None or deal.fault.timed or (deal.fault.status, deal.fault.pulls) != (status, pulls):
            return None
        return deal.fault.stopped_reason(self._task) if deal.strike() else None

    def longer(self, status: str) -> float:
        """Seconds by which a status of the start-up, or DEPROVISIONING, is to last longer."""
        deal = self._task.faults.get("deprovisioning" if status == "DEPROVISIONING" else "start-up")
        if deal is None or getattr(deal.fault, "at", status) != status or not deal.strike():
            return 0.0
        return float(deal.fault.seconds)

    def held_lines(self, container: str) -> HeldLines | None:
        """Who holds a container's lines back; None if nobody does."""
        deal = self._task.faults.get("logs")
        if deal is None or deal.fault.container not in {None, container}:
            return None
        return HeldLines(deal)


class _Listener:
    """Stands before a log driver, and tells of the first line that has a text in it."""

    def __init__(self, driver: Sink | None, text: bytes, heard: Callable[[], None]) -> None:
        self._driver = driver
        self._text = text
        self._heard = heard

    def write(self, lines: bytes, count: int, now: int) -> None:
        """Pass lines on, then listen to them: what strikes because of a line finds it in the log."""
        if self._driver is not None:
            self._driver.write(lines, count, now)
        if self._text in lines:
            self._heard()
