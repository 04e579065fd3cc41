"""Reading AWS's Price List: patience, the day, and what has changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from noted import SOURCE, ended, launch

from jobrunner.core.billing import Price, PriceTable
from jobrunner.core.history import Query
from jobrunner.errors import AwsRefusedError, AwsThrottledError, SpecError
from jobrunner.ops.prices import price_the_past, read_prices
from jobrunner.store import open_history
from jobrunner.testing import FakePriceList, ScriptedClock

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW, SAME = (("eu-west-1", "linux", "x86_64", "on-demand", unit) for unit in ("a-hour", "b-hour", "c-hour"))


def price(usd: str, day: date = date(2026, 9, 29)) -> Price:
    """A row of the table."""
    return Price(usd=Decimal(usd), as_of=day, source="made up")


KNOWN = PriceTable(prices={OLD: price("1"), SAME: price("3.00"), ("eu-west-1", "", "", "spot", "a-hour"): price("9")})


@pytest.fixture
def listed() -> FakePriceList:
    """A list in which one price has changed, one is new and one is the same."""
    return FakePriceList({SAME: price("3"), NEW: price("2"), OLD: price("1.5")})


def test_what_has_changed(listed: FakePriceList) -> None:
    """New rows and other prices, in their order; every row has the day on which it was read."""
    clock = ScriptedClock()
    reading = read_prices(listed, clock, KNOWN, "eu-west-1")
    today = clock.now().date()
    assert [(OLD, price("1"), price("1.5", today)), (NEW, None, price("2", today))] == list(reading.changes)
    assert ({OLD, NEW, SAME}, "eu-west-1") == (set(reading.prices), reading.region)


def test_the_day_is_that_of_utc(listed: FakePriceList) -> None:
    """As everywhere."""
    clock = ScriptedClock(datetime(2026, 11, 24, 23, 59, tzinfo=UTC))
    assert {date(2026, 11, 24)} == {one.as_of for one in read_prices(listed, clock, KNOWN, "eu-west-1").prices.values()}


def test_throttling_is_waited_for(listed: FakePriceList) -> None:
    """For some fifteen seconds; then it is an error."""
    listed.fail("fargate", AwsThrottledError("slow down"), AwsThrottledError("slow down"))
    assert 3 == len(read_prices(listed, ScriptedClock(), KNOWN, "eu-west-1").prices)
    listed.fail("fargate", *(AwsThrottledError("slow down") for _ in range(6)))
    with pytest.raises(AwsThrottledError):
        read_prices(listed, ScriptedClock(), KNOWN, "eu-west-1")


def test_a_refusal_is_an_error(listed: FakePriceList) -> None:
    """At once."""
    listed.fail("fargate", AwsRefusedError("no"))
    with pytest.raises(AwsRefusedError):
        read_prices(listed, ScriptedClock(), KNOWN, "eu-west-1")
    assert ["fargate"] == listed.calls


def test_a_region_without_prices_is_a_slip(listed: FakePriceList) -> None:
    """Nothing would be kept of it, and nobody would notice."""
    with pytest.raises(SpecError, match="no Fargate prices in USD for region mars-1"):
        read_prices(listed, ScriptedClock(), KNOWN, "mars-1")


def test_the_past_is_priced_when_a_price_becomes_known(tmp_path: Path) -> None:
    """Runs of unknown cost get one, once; a run that was priced keeps what it was priced at."""
    one, other = ended(launch(1)), ended(launch(2))
    assert one.task is not None
    assert one.outcome is not None
    sized = replace(one.task, cpu=1024, memory=2048)
    unpriced = replace(one, task=sized, outcome=replace(one.outcome, cost_usd=None), on_demand_usd=None)
    priced = replace(other, identity=replace(other.identity, run_id="0000000000000002"))
    history = open_history(tmp_path)
    history.add(SOURCE, [unpriced, priced])
    rows = {(SOURCE.region, "linux", "x86_64", "on-demand", unit): price("3.6") for unit in ("vcpu-hour", "gb-hour")}
    assert [1, 0] == [price_the_past(history, SOURCE, PriceTable(prices=rows)) for _ in range(2)]
    costs = {
        run.identity.run_id: run.outcome and run.outcome.cost_usd
        for run in history.entries(Query(project="demo", stage="prod"))
    }
    assert {"0000000000000001": Decimal("0.285000"), "0000000000000002": Decimal("0.0095")} == costs
    history.close()
