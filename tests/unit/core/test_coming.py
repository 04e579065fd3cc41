"""What runs that are about to start will cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from jobrunner.core.billing import Price, PriceTable
from jobrunner.core.coming import coming_starts
from jobrunner.core.cost import Past
from jobrunner.core.options import RunOptions
from jobrunner.core.spec import job_spec
from jobrunner.core.spend import Coming
from jobrunner.core.task_size import TaskSize

#: A minute of the smallest task on demand costs a quarter of a cent, on Spot a tenth of that.
PRICES = PriceTable(
    prices={
        ("eu-west-1", "linux", "x86_64", capacity, unit): Price(usd=Decimal(usd), as_of=date(2026, 11, 1), source="-")
        for capacity, unit, usd in (
            ("on-demand", "vcpu-hour", "0.60"),
            ("on-demand", "gb-hour", "0"),
            ("spot", "vcpu-hour", "0.06"),
            ("spot", "gb-hour", "0"),
        )
    }
)
MINUTE = Decimal("0.0025")


def coming(*starts: RunOptions, keys: dict[str, Any] | None = None, **more: Any) -> Coming:
    """What these starts of a job come to."""
    spec = job_spec(name="nightly", **{"image": "busybox", **(keys or {})})
    given: dict[str, Any] = {"region": "eu-west-1", "prices": PRICES, "past": None, **more}
    return coming_starts(spec, starts, **given)


def test_nothing_to_come() -> None:
    """It costs nothing, and nothing of it is unknown."""
    assert Coming() == coming()


def test_how_long_a_run_is_taken_to_be() -> None:
    """As long as the median of the past, else as its timeout, else as the least that is billed, and then it says so."""
    one, long = RunOptions(), {"timeout": "1h"}
    assert [
        Coming(runs=1, usd=2 * MINUTE),
        Coming(runs=1, usd=60 * MINUTE),
        Coming(runs=1, usd=MINUTE, at_least=True),
        Coming(runs=1, usd=MINUTE),
    ] == [
        coming(one, keys=long, past=Past(seconds=120, runs=3)),
        coming(one, keys=long),
        coming(one),
        coming(one, keys={"timeout": "5s"}),
    ]


def test_what_a_run_changes() -> None:
    """Its size, capacity and timeout count, each run as it is; 0 is no timeout."""
    starts = [RunOptions(timeout=120), RunOptions(timeout=120), RunOptions(cpu=1024), RunOptions(capacity="spot")]
    assert Coming(runs=4, usd=2 * 2 * MINUTE + 4 * MINUTE + MINUTE / 10, at_least=True) == coming(*starts)
    assert Coming(runs=1, usd=MINUTE, at_least=True) == coming(RunOptions(timeout=0), keys={"timeout": "1h"})


def test_on_either_capacity() -> None:
    """A guard takes the dearer one."""
    assert MINUTE == coming(RunOptions(), keys={"capacity": "spot-then-on-demand"}).usd
    assert MINUTE == coming(RunOptions(capacity="spot-then-on-demand"), keys={"capacity": "spot"}).usd


def test_many_are_rounded_once() -> None:
    """The sum of a thousand runs is not a thousand times a rounded one."""
    many = coming(*[RunOptions()] * 1000, past=Past(seconds=61, runs=1))
    assert (1000, Decimal("2.541667")) == (many.runs, many.usd)


@pytest.mark.parametrize(
    ("keys", "more", "why"),
    [
        ({"architecture": "arm64"}, {}, "the price table has no eu-west-1 linux arm64 on-demand vcpu-hour"),
        ({"image": None, "task_definition": "etl:7"}, {}, "the size of the tasks of nightly"),
        ({}, {"region": None}, "the region of nightly"),
    ],
)
def test_what_is_not_known(keys: dict[str, Any], more: dict[str, Any], why: str) -> None:
    """The number of runs is; what they cost is not, and why."""
    found = coming(RunOptions(), keys=keys, **more)
    assert (1, why, Decimal(0)) == (found.runs, found.why_unknown[0], found.usd)


def test_an_existing_task_definition() -> None:
    """Its size is what ECS says of it."""
    keys = {"image": None, "task_definition": "etl:7"}
    assert 4 * MINUTE == coming(RunOptions(), keys=keys, described=TaskSize(cpu=1024, memory=2048)).usd
