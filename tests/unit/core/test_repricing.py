"""What a launch cost whose price was read later."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from noted import ended, launch, unlaunched

from jobrunner.core.billing import Price, PriceTable
from jobrunner.core.repricing import repriced

if TYPE_CHECKING:
    from jobrunner.core.history_notes import LaunchNote

PRICES = PriceTable(
    prices={
        ("mars-1", "linux", "x86_64", capacity, unit): Price(usd=Decimal(usd), as_of=date(2026, 11, 24), source="Mars")
        for capacity, unit, usd in (
            ("on-demand", "vcpu-hour", "0.36"),
            ("on-demand", "gb-hour", "0.036"),
            ("spot", "vcpu-hour", "0.036"),
            ("spot", "gb-hour", "0.0036"),
        )
    }
)


def unpriced(*, spot: bool = False) -> LaunchNote:
    """A launch of 1 vCPU and 2 GB that was billed 95 s, at a price that was unknown."""
    note = ended(launch(spot=spot), cost_usd=None)
    assert note.task is not None
    return replace(note, task=replace(note.task, cpu=1024, memory=2048), on_demand_usd=None)


def costs(note: LaunchNote, region: str = "mars-1") -> tuple[Decimal | None, Decimal | None]:
    """What it cost, and would have cost on demand."""
    priced = repriced(note, region=region, prices=PRICES)
    assert priced.outcome is not None
    return priced.outcome.cost_usd, priced.on_demand_usd


def test_a_price_that_is_known_now_makes_the_cost_known() -> None:
    """95 s of 0.36 + 2 * 0.036 dollars an hour; a tenth of it on Spot."""
    assert (Decimal("0.011400"), Decimal("0.011400")) == costs(unpriced())
    assert (Decimal("0.001140"), Decimal("0.011400")) == costs(unpriced(spot=True))


def test_nothing_else_of_the_launch_changes() -> None:
    """Least of all how it ended, and what was read of its log."""
    note = unpriced()
    priced = repriced(note, region="mars-1", prices=PRICES)
    assert note.outcome is not None
    assert priced.outcome is not None
    assert note == replace(priced, outcome=replace(priced.outcome, cost_usd=None), on_demand_usd=None)


@pytest.mark.parametrize(
    "note",
    [
        launch(),
        ended(launch()),
        unlaunched(launch()),
        replace(unpriced(), task=None),
        ended(launch(), cost_usd=None),
        ended(launch(), cost_usd=None, billed_seconds=None),
    ],
)
def test_what_cannot_be_priced_stays_as_it_is(note: LaunchNote) -> None:
    """It is not over, has a price, had no task, or of what size or for how long is not known."""
    assert note is repriced(note, region="mars-1", prices=PRICES)


def test_a_price_that_is_still_unknown_changes_nothing() -> None:
    """Another region's is no help."""
    note = unpriced()
    assert note is repriced(note, region="venus-1", prices=PRICES)
