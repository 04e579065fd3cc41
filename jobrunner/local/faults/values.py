"""What all faults have in common: whom they concern, how often they strike, and how their keys are read."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, PlainSerializer
from pydantic_core import PydanticCustomError

from jobrunner.core.durations import parse_duration
from jobrunner.core.fields import Matching, whole_number
from jobrunner.core.part import Part
from jobrunner.core.problems import Inconsistency
from jobrunner.core.wording import quoted

if TYPE_CHECKING:
    from jobrunner.local.faults.subject import Subject

#: `times` of a fault that never wears off.
ALWAYS: Final = "always"
#: Seconds of what does not end by itself.
FOREVER: Final = math.inf

_FOREVER_WORD: Final = "forever"
_MAX_SECONDS: Final = 86_400
_FRACTION: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_MOST: Final = 1_000_000

#: A task's `lastStatus`, in the order of its life (developer guide, "Amazon ECS task lifecycle").
STATUSES: Final = (
    "PROVISIONING",
    "PENDING",
    "ACTIVATING",
    "RUNNING",
    "DEACTIVATING",
    "STOPPING",
    "DEPROVISIONING",
    "STOPPED",
)


#: The group of what ends a task before its time, or hides how it ended: a task gets one of all these.
MISFORTUNE: Final = "misfortune"


def read_seconds(value: object) -> float:
    """`0.5`, `2`, `30s` or `1h30m`, up to a day.

    Raises:
        ValueError: It is something else.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_fraction = isinstance(value, str) and _FRACTION.fullmatch(value.strip())
    seconds = float(value) if is_number or is_fraction else float(parse_duration(value))  # type: ignore[arg-type]  # one of both
    if not 0 <= seconds <= _MAX_SECONDS:
        raise ValueError(f"{quoted(value)} is out of range: 0 to {_MAX_SECONDS} seconds")
    return seconds


def _read_wait(value: object) -> float:
    if value in (_FOREVER_WORD, FOREVER):
        return FOREVER
    try:
        return read_seconds(value)
    except ValueError as error:
        raise ValueError(f"{error}; or write {_FOREVER_WORD}") from None


_count = whole_number(1, _MOST)


def _read_times(value: object) -> int | str:
    if value == ALWAYS:
        return ALWAYS
    try:
        return _count(value)
    except ValueError as error:
        raise ValueError(f"{error}; or write {ALWAYS}") from None


def _write_wait(seconds: float) -> float | str:
    return _FOREVER_WORD if seconds == FOREVER else seconds


Seconds = Annotated[float, BeforeValidator(read_seconds)]
#: Seconds, or `forever`.
Wait = Annotated[float, BeforeValidator(_read_wait), PlainSerializer(_write_wait, when_used="json")]
Times = Annotated[int | Literal["always"], BeforeValidator(_read_times)]
Attempt = Annotated[int, BeforeValidator(whole_number(1, _MOST))]
Count = Annotated[int, BeforeValidator(whole_number(0, _MOST))]
Every = Annotated[int, BeforeValidator(_count)]
#: A text of a line, at least one character; control characters would be no name and no reason.
Line = Annotated[str, Matching(r"[^\x00-\x1f\x7f]+", "a line of text", portable=False)]


class Fault(Part):
    """A fault on order.

    Attributes:
        job: Only what concerns this job: the `JOBRUNNER_JOB` of a task, or the family of its task definition.
        run_id: Only what concerns this run, by `JOBRUNNER_RUN_ID`.
        attempt: Only what concerns this attempt, by `JOBRUNNER_ATTEMPT`.
        times: How many calls or tasks get it; `always` for every one.
        skip: How many calls or tasks that match are let pass first.
    """

    #: Of the faults of one group, a call or a task gets one at most: the first in the book that concerns it.
    group: ClassVar[str]

    job: Line | None = None
    run_id: Line | None = None
    attempt: Attempt | None = None
    times: Times = "always"
    skip: Count = 0

    @property
    def selective(self) -> bool:
        """Whether it matters whom a call or a task concerns."""
        return (self.job, self.run_id, self.attempt) != (None, None, None)

    def about(self, subject: Subject) -> bool:
        """Whether the subject is whom the fault is meant for."""
        return (
            (self.job is None or self.job in subject.names)
            and (self.run_id is None or self.run_id == subject.run_id)
            and (self.attempt is None or str(self.attempt) == subject.attempt)
        )

    def concerns(self, seen: Any) -> bool:
        """Whether what has been seen, a `Subject` or for faults of calls a `Call`, gets the fault."""
        raise NotImplementedError


class TaskFault(Fault):
    """A fault of tasks; it is dealt to a task when the task begins, or, if it is not too late, when it is ordered.

    Attributes:
        capacity_provider: Only tasks of this provider; a task of launch type FARGATE counts as FARGATE's.
    """

    #: Whether it strikes at a moment of its own.
    timed: ClassVar[bool] = False

    capacity_provider: Literal["FARGATE", "FARGATE_SPOT"] | None = None

    def concerns(self, seen: Subject) -> bool:
        """Whether the task gets the fault."""
        provider = self.capacity_provider in {None, seen.capacity_provider}
        return provider and self.about(seen) and self.in_time(seen)

    def in_time(self, subject: Subject) -> bool:
        """Whether it is early enough in the task's life."""
        return subject.status != "STOPPED"


def reached(status: str, wanted: str) -> bool:
    """Whether a task in a status has come as far as another one, or further."""
    return STATUSES.index(status) >= STATUSES.index(wanted)


def refuse(key: str, message: str, *about: str) -> PydanticCustomError:
    """The error for keys that do not go together; `document` shows it at the key."""
    found = (Inconsistency(at=(key,) if key else (), message=message, about=about),)
    return PydanticCustomError("inconsistent", message, {"found": found})
