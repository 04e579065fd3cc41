"""Billed seconds and the estimate of the cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core.billing import Price, PriceTable, Tariff, billed_seconds, cost_usd, tariff_of
from jobrunner.core.lifecycle import ContainerSnapshot, TaskSnapshot

PULLED = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
LINUX = Tariff(region="us-west-2", operating_system="linux", architecture="x86_64", capacity="on-demand")


def price(usd: str) -> Price:
    """A row of the table."""
    return Price(usd=Decimal(usd), as_of=date(2026, 11, 1), source="aws.amazon.com/fargate/pricing")


PRICES = PriceTable(
    prices={
        ("us-west-2", "linux", "x86_64", "on-demand", "vcpu-hour"): price("0.04048"),
        ("us-west-2", "linux", "x86_64", "on-demand", "gb-hour"): price("0.004445"),
        ("us-west-2", "linux", "x86_64", "spot", "vcpu-hour"): price("0.0125"),
        ("us-west-2", "linux", "x86_64", "spot", "gb-hour"): price("0.0014"),
        ("us-west-2", "linux", "any", "on-demand", "storage-gb-hour"): price("0.000111"),
    }
)


def task(seconds: float | None, *, pulled: bool = True, **fields: object) -> TaskSnapshot:
    """A stopped task of so many seconds."""
    stopped = None if seconds is None else PULLED + timedelta(seconds=seconds)
    known: dict[str, object] = {"cpu": 256, "memory": 512, **fields}
    return TaskSnapshot(
        task_arn="arn",
        last_status="STOPPED",
        pull_started_at=PULLED if pulled else None,
        stopped_at=stopped,
        **known,  # type: ignore[arg-type]  # fields of the snapshot, given by name
    )


@pytest.mark.parametrize(
    ("seconds", "billed"), [(0, 60), (1, 60), (59.999, 60), (60, 60), (60.001, 61), (61, 61), (3599.5, 3600)]
)
def test_seconds_are_rounded_up_with_a_minimum_of_a_minute(seconds: float, billed: int) -> None:
    """From the image pull to the stop, rounded up to the second (aws.amazon.com/fargate/pricing)."""
    assert billed == billed_seconds(task(seconds))


@given(st.integers(min_value=0, max_value=10**13))
def test_billed_seconds_are_the_least_that_cover_the_time(microseconds: int) -> None:
    """Exact to the microsecond, also for tasks of months."""
    snapshot = replace(task(0), stopped_at=PULLED + timedelta(microseconds=microseconds))

    billed = billed_seconds(snapshot)

    assert billed is not None
    assert billed >= 60
    assert billed * 1_000_000 >= microseconds
    assert billed == 60 or (billed - 1) * 1_000_000 < microseconds


def test_what_is_not_known_is_not_guessed() -> None:
    """No stop, no pull although it ran, or times that contradict each other: None, never a number."""
    exited = (ContainerSnapshot(name="main", exit_code=0),)

    assert billed_seconds(task(None)) is None
    assert billed_seconds(task(-5)) is None
    assert billed_seconds(task(90, pulled=False, containers=exited)) is None
    assert billed_seconds(task(90, pulled=False, started_at=PULLED)) is None
    assert billed_seconds(task(None, pulled=False)) is None
    assert billed_seconds(replace(task(90), last_status="DEPROVISIONING")) is None


def test_a_task_that_never_pulled_an_image_costs_nothing() -> None:
    """Billing begins with the image pull; a task that was never placed has not begun."""
    never = task(90, pulled=False)

    assert billed_seconds(never) == 0
    assert cost_usd(0, never, LINUX, PRICES) == Decimal(0)


def test_a_month_day_and_night_costs_what_the_pricing_page_says() -> None:
    """0.25 vCPU and 0.5 GB for 30 days at $0.04048 and $0.004445: $7.29 + $1.60 = $8.89."""
    month = 30 * 24 * 3600

    cost = cost_usd(month, task(month), LINUX, PRICES)

    assert cost == Decimal("8.886600")
    assert cost.quantize(Decimal("0.01")) == Decimal("8.89")


def test_spot_is_priced_by_the_capacity_provider() -> None:
    """`launchType` says FARGATE for both."""
    snapshot = task(3600, launch_type="FARGATE", capacity_provider="FARGATE_SPOT")
    tariff = tariff_of(snapshot, region="us-west-2", architecture="x86_64")

    assert tariff == replace(LINUX, capacity="spot")
    assert cost_usd(3600, snapshot, tariff, PRICES) == Decimal("0.003825")


def test_storage_above_20_gib_is_added() -> None:
    """The first 20 GiB cost nothing; more has one price for both capacities."""
    spot = replace(LINUX, capacity="spot")

    assert cost_usd(3600, task(1, ephemeral_storage=20), LINUX, PRICES) == Decimal("0.012343")
    assert cost_usd(3600, task(1, ephemeral_storage=30), LINUX, PRICES) == Decimal("0.013453")
    assert cost_usd(3600, task(1, ephemeral_storage=30), spot, PRICES) == Decimal("0.004935")


def test_an_unknown_price_is_unknown() -> None:
    """No extrapolation: not of a region, not of an architecture, not of Windows, not of an unknown size."""
    hour = task(3600)
    windows = tariff_of(task(1, operating_system="WINDOWS_SERVER_2022"), region="us-west-2", architecture="x86_64")

    assert cost_usd(3600, hour, replace(LINUX, region="mars-1"), PRICES) is None
    assert cost_usd(3600, hour, replace(LINUX, architecture="arm64"), PRICES) is None
    assert cost_usd(3600, hour, windows, PRICES) is None
    assert cost_usd(None, hour, LINUX, PRICES) is None
    assert cost_usd(3600, replace(hour, cpu=None), LINUX, PRICES) is None
    assert cost_usd(3600, replace(hour, memory=None), LINUX, PRICES) is None


def test_the_architecture_is_what_ecs_says_else_what_was_asked_for() -> None:
    """Some endpoints do not say."""
    said = tariff_of(task(1, architecture="arm64"), region="r", architecture="x86_64")
    silent = tariff_of(task(1), region="r", architecture="arm64")

    assert (said.architecture, silent.architecture) == ("arm64", "arm64")
