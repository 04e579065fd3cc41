"""What arrives late, twice or out of order: lines of a log, events of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator

from jobrunner.core.fields import one_or_list, whole_number
from jobrunner.core.wording import listed, quoted
from jobrunner.local.faults.values import STATUSES, Every, Line, Seconds, TaskFault, reached, refuse

if TYPE_CHECKING:
    from jobrunner.local.faults.subject import Subject

_MOST_PAGES = 100


class LateLogs(TaskFault):
    """Lines of a task become readable late. Only GetLogEvents and FilterLogEvents are asked: events and states are not.

    Attributes:
        container: Only this one's lines; those of all containers by default.
        seconds: How late.
        every: Only every n-th line is late, so that the others overtake it; 1, the default, for all.
        burst: The late lines of so many seconds become readable together, at their end.
        overtaken: What becomes of a line that others have overtaken. `found`: it stands behind them, with the time at
            which it became readable as its timestamp, and forward tokens find it. `missed`: it keeps its timestamp and
            stands before them, where a forward token has passed already; who reads from the beginning finds it.
            AWS documents neither.
        empty_pages: So many pages before each page with lines are empty, each with a new token, so that an empty page
            is not the end. Backward pages have none.
    """

    group: ClassVar[str] = "logs"

    container: Line | None = None
    seconds: Seconds = 0.0
    every: Every = 1
    burst: Seconds = 0.0
    overtaken: Literal["found", "missed"] = "found"
    empty_pages: Annotated[int, BeforeValidator(whole_number(0, _MOST_PAGES))] = 0

    @model_validator(mode="after")
    def _does_something(self) -> Any:
        if not (self.seconds or self.burst or self.empty_pages):
            raise refuse("", "a LateLogs has seconds, burst or empty_pages", "seconds", "burst", "empty_pages")
        return self

    def in_time(self, subject: Subject) -> bool:
        """Whether the log drivers are not there yet."""
        return not reached(subject.status, "PENDING")


def _statuses(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if word not in STATUSES:
            raise ValueError(f"{quoted(word)} is not a lastStatus; allowed: {listed(STATUSES)}")
    return words


class _OfEvents(TaskFault):
    """A fault of the `ECS Task State Change` events of a task.

    Attributes:
        last_status: Only events with this `lastStatus`, or one of these; all by default.
    """

    last_status: Annotated[tuple[Line, ...], BeforeValidator(one_or_list), AfterValidator(_statuses)] = ()

    def touches(self, status: str, version: int) -> bool:
        """Whether the event with this `lastStatus` and `version` gets the fault."""
        del version
        return not self.last_status or status in self.last_status


class LateEvents(_OfEvents):
    """Events are sent late; those that are not late overtake them. What they say and when they say it was stays.

    Attributes:
        seconds: How late.
        every: Only every n-th event, by `detail.version`.
    """

    group: ClassVar[str] = "late events"

    seconds: Seconds
    every: Every = 1

    def touches(self, status: str, version: int) -> bool:
        """Whether the event is late."""
        return super().touches(status, version) and version % self.every == 0


class DoubledEvents(_OfEvents):
    """Events are sent twice, the same both times.

    Attributes:
        seconds: How long after the first one the second is sent.
    """

    group: ClassVar[str] = "doubled events"

    seconds: Seconds = 0.0
