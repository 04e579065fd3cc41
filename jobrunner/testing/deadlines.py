"""A fake of `ports.Deadlines`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.core.naming import task_id
from jobrunner.testing.clock import ScriptedClock
from jobrunner.testing.ecs import Scripted

if TYPE_CHECKING:
    from jobrunner.core.deadline import Deadline
    from jobrunner.testing.aws import FakeAws


class FakeDeadlines(Scripted):
    """`ports.Deadlines` on a `FakeAws`: a task is stopped when its clock passes the time.

    Attributes:
        pending: Those that have neither fired nor been cleared, by group and name.
        fired: Those that have fired, in order; also one whose task had ended before.
    """

    def __init__(self, aws: FakeAws) -> None:
        super().__init__()
        self._aws = aws
        self.pending: dict[tuple[str, str], Deadline] = {}
        self.fired: list[Deadline] = []

    def set(self, deadline: Deadline) -> None:
        """Plan the stop; see `ports.Deadlines.set`. One whose time has passed fires in the clock's next sleep.

        Raises:
            TypeError: The clock is not a `ScriptedClock`, so nothing would ever fire.
        """
        self._called("set")
        clock = self._aws.clock
        if not isinstance(clock, ScriptedClock):
            raise TypeError("FakeDeadlines needs a ScriptedClock: it does things at their times")
        if self.pending.setdefault((deadline.group, deadline.name), deadline) is deadline:
            seconds = (deadline.at - clock.now()).total_seconds()
            clock.after(max(0.0, seconds), lambda: self._fire(deadline))

    def clear(self, name: str, group: str) -> None:
        """Forget the stop; see `ports.Deadlines.clear`."""
        self._called("clear")
        self.pending.pop((group, name), None)

    def _fire(self, deadline: Deadline) -> None:
        key = (deadline.group, deadline.name)
        if self.pending.get(key) is not deadline:
            return  # it was cleared, and perhaps set again
        del self.pending[key]
        self.fired.append(deadline)
        for task in self._aws.started:
            if task_id(task.arn) == task_id(deadline.task_arn):
                task.stop(deadline.reason, self._aws.clock.now())
