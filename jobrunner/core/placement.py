"""What RunTask's `failures[]` mean. They come with HTTP 200: ECS has understood the request and started nothing.

A retry needs a new `clientToken`: within its lifetime the old one gives the old answer (ECS_Idempotency).

Sources: "API failure reasons" and "Service event messages", Amazon ECS Developer Guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobrunner.core.judgement import Judgement
from jobrunner.core.outcome import Verdict
from jobrunner.core.start_failure import PLACEMENT_REASONS, why_not_placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobrunner.core.ports import PlacementFailure

#: Reasons that a later request meets again: the definition asks for an attribute, a zone or an instance that the
#: cluster does not have, or the cluster has no capacity of its own and was not told to use Fargate. AGENT, "an
#: agent that's currently disconnected", is not among them.
LASTING: Final = frozenset({"attribute", "location", "missing", "inactive"})
LASTING_PARTS: Final = (
    "placement constraint",
    "no active instances",
    "no container instances",
    "empty capacity provider",
)

#: Every word that `judge_placement` may give as the reason.
REASONS: Final = PLACEMENT_REASONS | {"placement"}


def judge_placement(failures: Sequence[PlacementFailure]) -> Judgement:
    """Judge a RunTask that placed no task.

    Args:
        failures: As ECS named them; none is possible, and then the cause is unknown.

    Returns:
        A verdict of `never_started`. An unknown reason counts as transient: nothing has run, so that a retry does
        no harm, and most of what ECS names here passes ("Internal error").
    """
    texts = tuple(dict.fromkeys(map(str, failures)))
    failure = why_not_placed(texts)
    said = "; ".join(texts) or "it gave no reason"
    return Judgement(
        verdict=Verdict.NEVER_STARTED,
        reason=failure.reason if failure else "placement",
        exit_code=None,
        detail=f"ECS did not place the task: {said}",
        transient=failure.transient if failure else not any(map(_lasting, failures)),
    )


def _lasting(failure: PlacementFailure) -> bool:
    said = failure.reason.strip().lower()
    return said in LASTING or any(part in said for part in LASTING_PARTS)
