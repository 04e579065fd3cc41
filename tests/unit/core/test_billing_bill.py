"""A bill line by line; among the tests every worked example of aws.amazon.com/fargate/pricing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core.billing import (
    Bill,
    Item,
    Price,
    PriceTable,
    Resources,
    Tariff,
    bill_of,
    billed_seconds,
    cost_of,
    cost_usd,
    hourly_usd,
)
from jobrunner.core.lifecycle import TaskSnapshot
from jobrunner.core.outcome import parse_iso

DAY = date(2026, 11, 1)
CENT = Decimal("0.01")
LINUX = Tariff(region="us-east-1", operating_system="linux", architecture="x86_64", capacity="on-demand")
ARM = replace(LINUX, architecture="arm64")
WINDOWS = replace(LINUX, operating_system="windows")
SMALL = Resources(cpu=256, memory=512)


def price(usd: str | Decimal) -> Price:
    """A row of the table."""
    return Price(usd=Decimal(usd), as_of=DAY, source="made up")


def table(**rows: str) -> PriceTable:
    """Prices of us-east-1: `linux__x86_64__vcpu_hour="0.04"`, for an hour or, ending with `/s`, a second."""
    prices = {}
    for name, text in rows.items():
        system, architecture, unit = name.split("__")
        usd = Decimal(text.removesuffix("/s")) * (3600 if text.endswith("/s") else 1)
        key = ("any", "any", "any", "any") if system == "any" else ("us-east-1", system, architecture, "on-demand")
        prices[*key, unit.replace("_", "-")] = price(usd)
    return PriceTable(prices=prices)


#: As the examples of the page name them, for a second.
PAGE = table(
    linux__x86_64__vcpu_hour="0.000011244/s",
    linux__x86_64__gb_hour="0.000001235/s",
    linux__arm64__vcpu_hour="0.0000089944/s",
    linux__arm64__gb_hour="0.0000009889/s",
    linux__any__storage_gb_hour="0.0000000308/s",
    windows__x86_64__vcpu_hour="0.0000254167/s",
    windows__x86_64__gb_hour="0.0000027778/s",
    windows__x86_64__licence_vcpu_hour="0.0000127778/s",
)
FULL = table(
    linux__x86_64__vcpu_hour="0.04048",
    linux__x86_64__gb_hour="0.004445",
    linux__any__storage_gb_hour="0.000111",
    any__any__public_ipv4_hour="0.005",
)


def cents(bill: Bill) -> dict[str, str]:
    """The lines to the cent, as the page rounds them."""
    return {str(line.item): str((line.usd or Decimal(-1)).quantize(CENT)) for line in bill.lines}


@pytest.mark.parametrize(
    ("tariff", "resources", "seconds", "lines", "total"),
    [
        # Example 1: Linux, 10 GB above the free 20.
        (
            LINUX,
            Resources(cpu=1024, memory=2048, storage=30),
            5 * 600,
            {"vcpu": "1.01", "memory": "0.22", "storage": "0.03"},
            "1.26",
        ),
        # Example 2: the same on Graviton.
        (
            ARM,
            Resources(cpu=1024, memory=2048, storage=30),
            5 * 600,
            {"vcpu": "0.81", "memory": "0.18", "storage": "0.03"},
            "1.02",
        ),
        # Example 3: of pods; a task of that size costs the same.
        (LINUX, Resources(cpu=256, memory=1024), 10 * 3600, {"vcpu": "3.04", "memory": "1.33"}, "4.37"),
        # Example 4: Windows, with its licence, at the prices that the example has.
        (
            WINDOWS,
            Resources(cpu=1024, memory=2048),
            10 * 3600,
            {"vcpu": "27.45", "memory": "6.00", "licence": "13.80"},
            "47.25",
        ),
    ],
)
def test_the_examples_of_the_pricing_page(
    tariff: Tariff, resources: Resources, seconds: int, lines: dict[str, str], total: str
) -> None:
    """So many tasks for so many seconds each day of a month of 30 days."""
    bill = bill_of(resources, tariff, PAGE, seconds=seconds * 30)
    assert (lines, total) == (cents(bill), str((bill.total or Decimal(-1)).quantize(CENT)))


def test_a_month_day_and_night() -> None:
    """0.25 vCPU and 0.5 GB for 30 days at $0.04048 and $0.004445: $7.29 + $1.60 = $8.89."""
    bill = bill_of(SMALL, LINUX, FULL, seconds=30 * 86_400)
    assert ({"vcpu": "7.29", "memory": "1.60"}, Decimal("8.886600")) == (cents(bill), bill.total)


def test_a_public_address_is_a_line_of_its_own() -> None:
    """Amazon VPC charges it: it is in the total, and not in what Fargate charges."""
    bill = bill_of(SMALL, LINUX, FULL, seconds=3600, public_ipv4=True)
    assert (Decimal("0.012343"), Decimal("0.017343")) == (bill.fargate, bill.total)
    assert (Item.PUBLIC_IPV4, Decimal("0.005000")) == (bill.lines[-1].item, bill.lines[-1].usd)


def test_what_costs_nothing_has_no_line() -> None:
    """Storage within the free 20 GB, a licence of Linux, an address that a task has not."""
    for storage in (None, 20):
        bill = bill_of(Resources(cpu=256, memory=512, storage=storage), LINUX, FULL, seconds=60)
        assert [Item.VCPU, Item.MEMORY] == [line.item for line in bill.lines]


def test_an_unknown_price_makes_the_sum_unknown() -> None:
    """What is known is still there, and what is missing has a name."""
    bill = bill_of(SMALL, replace(LINUX, region="us-west-2"), FULL, seconds=3600, public_ipv4=True)
    key = ("us-west-2", "linux", "x86_64", "on-demand")
    assert (None, None) == (bill.fargate, bill.total)
    assert [None, None, Decimal("0.005000")] == [line.usd for line in bill.lines]
    assert ((*key, "vcpu-hour"), (*key, "gb-hour")) == bill.missing


def test_an_address_of_unknown_price_leaves_fargates_known() -> None:
    """They are charged by two services."""
    linux = PriceTable(prices={key: one for key, one in FULL.prices.items() if key[0] != "any"})
    bill = bill_of(SMALL, LINUX, linux, seconds=3600, public_ipv4=True)
    assert (Decimal("0.012343"), None) == (bill.fargate, bill.total)


def test_no_time_costs_nothing() -> None:
    """At whatever price: nothing of it is unknown."""
    bill = bill_of(SMALL, ARM, FULL, seconds=0)
    assert (Decimal("0.000000"), (), [False, False]) == (bill.total, bill.missing, [one.unknown for one in bill.lines])
    assert [Decimal(0), Decimal(0)] == [one.usd for one in bill.lines]


def test_windows_is_unknown_without_its_licence() -> None:
    """It has one on every vCPU; storage of Linux and prices of Spot are none of its."""
    bare = PriceTable(prices={key: one for key, one in PAGE.prices.items() if key[4] != "licence-vcpu-hour"})
    size = Resources(cpu=2048, memory=4096)
    assert None is cost_of(size, 3600, WINDOWS, bare)
    assert None is cost_of(replace(size, storage=30), 3600, WINDOWS, PAGE)
    assert None is cost_of(size, 3600, replace(WINDOWS, capacity="spot"), PAGE)
    [licence] = [line for line in bill_of(size, WINDOWS, PAGE, seconds=1).lines if line.item is Item.LICENCE]
    assert Decimal(2) == licence.amount


@pytest.mark.parametrize(("ended", "billed"), [("02:30:01", 300), ("02:35:00", 300), ("02:35:00.001", 301)])
def test_windows_is_billed_for_five_minutes_at_least(ended: str, billed: int) -> None:
    """aws.amazon.com/fargate/pricing, "Duration"."""
    snapshot = TaskSnapshot(
        task_arn="arn",
        last_status="STOPPED",
        operating_system="WINDOWS_SERVER_2022_CORE",
        pull_started_at=parse_iso("2026-11-23T02:30:00Z"),
        stopped_at=parse_iso(f"2026-11-23T{ended}Z"),
    )
    assert billed == billed_seconds(snapshot)


def test_an_hour() -> None:
    """Exactly, not rounded: whoever multiplies it rounds once."""
    assert Decimal("0.0123425") == hourly_usd(SMALL, LINUX, FULL)
    assert None is hourly_usd(SMALL, ARM, FULL)


@given(st.integers(0, 10**9), st.sampled_from([(256, 512), (1024, 3072), (32768, 249856)]), st.integers(0, 200))
def test_one_task_costs_what_its_parts_do(seconds: int, size: tuple[int, int], storage: int) -> None:
    """The sum is rounded once: it is no further from the rounded lines than they are from what they were."""
    resources = Resources(cpu=size[0], memory=size[1], storage=storage)
    bill = bill_of(resources, LINUX, FULL, seconds=seconds)
    lines = [line.usd for line in bill.lines]
    assert None not in lines
    assert bill.total is not None
    assert abs(bill.total - sum(one for one in lines if one is not None)) <= Decimal("0.000001") * len(lines)
    task = TaskSnapshot(task_arn="arn", cpu=size[0], memory=size[1], ephemeral_storage=storage)
    assert (
        bill.total == bill.fargate == cost_usd(seconds, task, LINUX, FULL) == cost_of(resources, seconds, LINUX, FULL)
    )


def test_as_json() -> None:
    """Money is text; each line says which price it is made of, from where and when; what is unknown is null."""
    known = {"item": "vcpu", "amount": "0.25", "price_usd_per_hour": "0.04048", "as_of": "2026-11-01"}
    bill = bill_of(SMALL, LINUX, FULL, seconds=3600).to_json()
    assert {**known, "source": "made up", "usd": "0.010120"} == bill["lines"][0]
    assert (3600, "0.012343", "0.012343") == (bill["seconds"], bill["fargate_usd"], bill["total_usd"])
    unknown = bill_of(SMALL, ARM, FULL, seconds=3600).to_json()
    nothing = dict.fromkeys(("price_usd_per_hour", "as_of", "source", "usd"))
    assert {"item": "memory", "amount": "0.5", **nothing} == unknown["lines"][1]
    assert (None, None) == (unknown["fargate_usd"], unknown["total_usd"])


def test_a_newer_row_goes_before_an_older_one() -> None:
    """Row by row; one of the same day or an earlier one changes nothing, one that was unknown is added."""
    old, new = price("1"), replace(price("2"), as_of=date(2026, 11, 2))
    known = PriceTable(prices={("a", "b", "c", "d", "e"): old, ("f", "b", "c", "d", "e"): new})
    same = replace(old, usd=Decimal(3))
    updated = known.updated(
        {("a", "b", "c", "d", "e"): new, ("f", "b", "c", "d", "e"): old, ("g", "", "", "", ""): old}
    )
    assert [new, new, old] == list(updated.prices.values())
    assert known == known.updated({("a", "b", "c", "d", "e"): same})
