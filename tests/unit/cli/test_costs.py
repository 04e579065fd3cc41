"""An estimate as a person reads it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from jobrunner.cli import costs
from jobrunner.core.billing import Price, PriceTable
from jobrunner.core.cost import Estimate, Past, estimate
from jobrunner.core.settings import Settings
from jobrunner.core.spec import Network, job_spec

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def price(usd: str, day: int = 1) -> Price:
    """A row of the table."""
    return Price(usd=Decimal(usd), as_of=date(2026, 11, day), source="made up")


PRICES = PriceTable(
    prices={
        ("us-west-2", "linux", "x86_64", "on-demand", "vcpu-hour"): price("0.04048"),
        ("us-west-2", "linux", "x86_64", "on-demand", "gb-hour"): price("0.004445"),
        ("us-west-2", "linux", "x86_64", "spot", "vcpu-hour"): price("0.012"),
        ("us-west-2", "linux", "x86_64", "spot", "gb-hour"): price("0.001"),
        ("us-west-2", "linux", "x86_64", "on-demand", "t2.micro-hour"): price("0.0116"),
        ("us-west-2", "linux", "x86_64", "on-demand", "t3.nano-hour"): price("0.0052"),
        ("any", "any", "any", "any", "public-ipv4-hour"): price("0.005", 2),
    }
)


def of(
    *, region: str = "us-west-2", public: bool = False, given: dict[str, Any] | None = None, **keys: Any
) -> Estimate:
    """The estimate for a job with these keys."""
    spec = job_spec(name="nightly", image="busybox", **keys)
    settings = Settings(
        project="p",
        region=region,
        network=Network(assign_public_ip=public),
        schedule_group="g",
        log_group="/g",
        state_dir=Path("/nowhere"),
    )
    return estimate(spec, settings, PRICES, now=NOW, **(given or {}))


def test_the_whole_estimate() -> None:
    """It says that it is one, what it is made of, and of which day the prices are."""
    expected = """\
nightly: about $0.017343 a run, about $0.520275 a month (estimate)
  task       0.25 vCPU, 0.5 GB, x86_64, us-west-2
  run        1h, its timeout, the longest that an attempt takes
  on demand  $0.017343 a run
             0.25 vCPU: $0.010120 ($0.04048 an hour, as of 2026-11-01)
             0.5 GB of memory: $0.002223 ($0.004445 an hour, as of 2026-11-01)
             1 public IPv4 address: $0.005000 ($0.005 an hour, as of 2026-11-02)
  month      about $0.520275: 30 runs in 30 days
  always on  EC2 t2.micro: $8.35 a month without disk and address; cheaper from 22.6 hours a day on
             EC2 t3.nano: $3.74 a month without disk and address; cheaper from 10.1 hours a day on
  prices     as of 2026-11-01 to 2026-11-02; `jobrunner prices --region us-west-2` has their sources
"""
    assert expected == costs.text(of(public=True, timeout="1h", schedule={"cron": "30 2 * * *"}))


def test_either_capacity() -> None:
    """Both bills are shown, and every sum is from the one to the other."""
    lines = costs.text(of(capacity="spot-then-on-demand", given={"duration": 3600, "runs": 1000})).splitlines()
    assert "nightly: about $0.003500 to $0.012343 a run, about $3.50 to $12.34 a month (estimate)" == lines[0]
    assert "  on Spot    $0.003500 a run" in lines
    assert "  on demand  $0.012343 a run" in lines
    assert "  month      about $3.50 to $12.34: 1,000 runs, as given" in lines


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"given": {"duration": 5}}, "5s, as given, billed as 60 s, the minimum"),
        (
            {"given": {"past": Past(seconds=90, runs=7)}},
            "1m30s, the median of 7 past runs in the last 90 days, billed with all attempts",
        ),
        ({"timeout": "2h"}, "2h, its timeout, the longest that an attempt takes"),
        ({}, "1m, the least that is billed: no past run, no timeout and no --duration says more"),
    ],
)
def test_why_a_run_takes_so_long(keys: dict[str, Any], said: str) -> None:
    """An estimate is as good as its assumption, so it is said."""
    assert f"  run        {said}" in costs.text(of(**keys)).splitlines()


def test_a_job_that_nothing_starts() -> None:
    """It has no cost of a month in its headline."""
    lines = costs.text(of()).splitlines()
    assert "nightly: about $0.000206 a run (estimate)" == lines[0]
    assert "  month      nothing: 0 runs in 30 days" in lines


def test_what_is_unknown_is_said_line_by_line() -> None:
    """A sum with an unknown part is unknown; the parts that are known are there."""
    found = of(ephemeral_storage="30 GB", schedule={"rate": "1 day"})
    lines = costs.text(found).splitlines()
    assert "nightly: unknown a run, unknown a month (estimate)" == lines[0]
    assert "  task       0.25 vCPU, 0.5 GB, 30 GB of disk, x86_64, us-west-2" in lines
    assert "             10 GB of disk above 20: unknown" in lines
    assert "             0.25 vCPU: $0.000169 ($0.04048 an hour, as of 2026-11-01)" in lines
    expected = [
        "the price table has no us-west-2 linux any on-demand storage-gb-hour: what it costs is unknown",
        "`the command` asks AWS for its prices",
    ]
    assert expected == list(costs.missing(found, PRICES, refresh="the command"))


def test_spot_prices_cannot_be_asked_for() -> None:
    """So it is not proposed."""
    found = of(capacity="spot", architecture="arm64")
    *_, last = costs.missing(found, PRICES, refresh="the command")
    assert "Spot prices are not in AWS's price list: `capacity: on-demand` shows what it costs at most" == last


def test_another_region_has_no_instances() -> None:
    """They are named with where they are known."""
    found = of(region="eu-west-1")
    assert "  prices     none known" in costs.text(found).splitlines()
    assert "  always on  EC2 t2.micro: unknown" in costs.text(found).splitlines()
    said = "the price of EC2's t2.micro in eu-west-1 is not known; known: us-west-2"
    assert said in list(costs.missing(found, PRICES, refresh=""))
    nowhere = "the price of EC2's t2.micro in eu-west-1 is not known; known: none"
    assert nowhere in list(costs.missing(found, PriceTable(prices={}), refresh=""))


def test_nothing_is_missing() -> None:
    """Then there is nothing to say."""
    assert [] == list(costs.missing(of(), PRICES, refresh=""))


def test_instances_that_are_no_alternative() -> None:
    """Too small, or never cheaper."""
    big = costs.text(of(cpu="1 vCPU", memory="2 GB"))
    assert "EC2 t2.micro: $8.35 a month without disk and address, but 1 GB of memory is too little for this task" in big
    spot = costs.text(of(capacity="spot"))
    assert "without disk and address; never cheaper: a task day and night costs no more" in spot
    assert "always on  EC2 t2.micro: $8.35 a month without disk and address\n" in costs.text(of(architecture="arm64"))
