"""Reading AWS's Price List: patience, the day, and what has changed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from jobrunner.core.billing import Price, PriceTable
from jobrunner.errors import AwsRefusedError, AwsThrottledError, SpecError
from jobrunner.ops.prices import read_prices
from jobrunner.testing import FakePriceList, ScriptedClock

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
