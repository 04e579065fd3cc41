"""What a caller may change for one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_NONE: Mapping[str, str] = MappingProxyType({})


class Trigger(StrEnum):
    """Who started a run; the job sees it as `JOBRUNNER_TRIGGER`."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    BACKFILL = "backfill"
    LIBRARY = "library"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a caller changes for one run; everything unset is as the job says.

    Attributes:
        args: Replaces the job's `command` (the entrypoint stays), as in `docker run IMAGE ARG…`.
        environment: Added to the job's environment; wins over it.
        params: Values of the job's `params`.
        cpu: Units; with `memory` it must give a Fargate size.
        memory: MiB.
        capacity: `on-demand`, `spot` or `spot-then-on-demand`.
        timeout: Seconds; 0 for none.
        scheduled_time: The logical time that the job works on, timezone-aware.
        key: Makes the run unique: the same key of the same job never starts a second one.
        trigger: Who starts it.
        over_budget: Whether it is started although that would go above a budget.
    """

    args: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: _NONE)
    params: Mapping[str, str] = field(default_factory=lambda: _NONE)
    cpu: int | None = None
    memory: int | None = None
    capacity: str | None = None
    timeout: int | None = None
    scheduled_time: datetime | None = None
    key: str | None = None
    trigger: Trigger = Trigger.LIBRARY
    over_budget: bool = False
