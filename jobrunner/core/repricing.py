"""The cost of a launch whose price was not known when it ended, and is now: `prices refresh` has read it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobrunner.core.billing import cost_usd, tariff_of
from jobrunner.core.history_events import ARCHITECTURE, on_demand_usd

if TYPE_CHECKING:
    from jobrunner.core.billing import PriceTable
    from jobrunner.core.history_notes import LaunchNote


def repriced(note: LaunchNote, *, region: str, prices: PriceTable) -> LaunchNote:
    """Give a launch with its cost, if it is over, had none, and the prices know one; else as it is."""
    task, outcome = note.task, note.outcome
    if task is None or outcome is None or outcome.cost_usd is not None:
        return note
    tariff = tariff_of(task, region=region, architecture=ARCHITECTURE)
    cost = cost_usd(outcome.billed_seconds, task, tariff, prices)
    if cost is None:
        return note
    on_demand = on_demand_usd(task, outcome, region=region, prices=prices)
    return replace(note, outcome=replace(outcome, cost_usd=cost), on_demand_usd=on_demand)
