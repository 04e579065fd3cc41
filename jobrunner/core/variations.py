"""The words of many runs: what distinguishes one of them, and what happens to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobrunner.core.events import WatchEvent
    from jobrunner.core.options import RunOptions


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One run of many: what distinguishes it.

    Attributes:
        label: For people: `region=eu day=2026-01-01`.
        options: What it changes.
    """

    label: str
    options: RunOptions


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """Something that happened to one of many runs.

    Attributes:
        index: Which of them, from 0, in the order of the variations.
        label: Its label.
        run_id: Its id.
        event: What happened.
    """

    index: int
    label: str
    run_id: str
    event: WatchEvent
