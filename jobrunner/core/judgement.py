"""A judgement: how a run ended and why, in one word for programs and one sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobrunner.core.outcome import Verdict


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict with its cause.

    Attributes:
        verdict: How the run ended.
        reason: One stable word for programs.
        exit_code: Of the job's own container; None when there is none.
        detail: The cause in a sentence, with ECS's own words where it gave any.
        transient: Whether the same request may succeed later: it was the infrastructure, not the job.
    """

    verdict: Verdict
    reason: str
    exit_code: int | None
    detail: str
    transient: bool = False
