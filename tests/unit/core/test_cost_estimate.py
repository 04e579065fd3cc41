"""What a job will cost: a run, a month, and an instance that is always on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from planning import SETTINGS

from jobrunner.core.billing import Price, PriceTable
from jobrunner.core.cost import Basis, Duration, Estimate, Past, duration_of, estimate, past_of
from jobrunner.core.spec import Network, job_spec
from jobrunner.errors import SpecError

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WEST = replace(SETTINGS, region="us-west-2")


def price(usd: str) -> Price:
    """A row of the table."""
    return Price(usd=Decimal(usd), as_of=date(2026, 11, 1), source="made up")


PRICES = PriceTable(
    prices={
        ("us-west-2", "linux", "x86_64", "on-demand", "vcpu-hour"): price("0.04048"),
        ("us-west-2", "linux", "x86_64", "on-demand", "gb-hour"): price("0.004445"),
        ("us-west-2", "linux", "x86_64", "spot", "vcpu-hour"): price("0.012"),
        ("us-west-2", "linux", "x86_64", "spot", "gb-hour"): price("0.001"),
        ("us-west-2", "linux", "x86_64", "on-demand", "t2.micro-hour"): price("0.0116"),
        ("us-west-2", "linux", "x86_64", "on-demand", "t3.nano-hour"): price("0.0052"),
        ("any", "any", "any", "any", "public-ipv4-hour"): price("0.005"),
    }
)


def of(*, settings: Any = WEST, given: dict[str, Any] | None = None, **keys: Any) -> Estimate:
    """The estimate for a job with these keys."""
    spec = job_spec(name="nightly", **{"image": "busybox", **keys})
    return estimate(spec, settings, PRICES, now=NOW, **(given or {}))


def test_how_long_a_run_takes() -> None:
    """Somebody's word goes before the past, that before the timeout, that before the least that is billed."""
    found = [
        duration_of(given=1, past=Past(seconds=2, runs=9), timeout=3),
        duration_of(past=Past(seconds=2, runs=9), timeout=3),
        duration_of(past=None, timeout=3),
        duration_of(past=None, timeout=None),
        duration_of(given=0, past=Past(seconds=2, runs=9), timeout=3),
    ]
    expected = [(1, Basis.GIVEN, 0), (2, Basis.HISTORY, 9), (3, Basis.TIMEOUT, 0), (60, Basis.MINIMUM, 0)]
    assert [*expected, (0, Basis.GIVEN, 0)] == [(one.seconds, one.basis, one.past_runs) for one in found]


@pytest.mark.parametrize(
    ("billed", "past"),
    [
        ((), None),
        ((90,), Past(seconds=90, runs=1)),
        ((600, 60, 70), Past(seconds=70, runs=3)),
        ((60, 70, 80, 600), Past(seconds=80, runs=4)),
    ],
)
def test_the_median_of_past_runs(billed: tuple[int, ...], past: Past | None) -> None:
    """That of an even number is the upper one: it was really billed, and a guard does not flatter."""
    assert past == past_of(billed)


def test_a_minute_is_billed_at_least() -> None:
    """A longer time is billed as it is."""
    assert (60, 61) == tuple(Duration(seconds=one, basis=Basis.GIVEN).billed for one in (5, 61))


def test_a_run_and_a_month() -> None:
    """Thirty nights at the job's timeout; the month is not thirty times a rounded run."""
    found = of(timeout="10m", schedule={"cron": "30 2 * * *"})
    [choice] = found.choices
    assert (600, Decimal("0.002057")) == (choice.run.seconds, choice.run.total)
    assert (30, Decimal("0.061713")) == (found.runs, choice.month.total)
    assert ("on-demand", True, 1) == (choice.capacity, found.scheduled, found.attempts)


def test_what_past_runs_took() -> None:
    """Whoever knows their median says it; the timeout is then no measure."""
    found = of(timeout="10m", given={"past": Past(seconds=90, runs=7)})
    expected = Duration(seconds=90, basis=Basis.HISTORY, past_runs=7)
    assert (expected, 90) == (found.duration, found.choices[0].run.seconds)
    run = found.to_json()["run"]
    assert (90, "history", 7) == (run["seconds"], run["basis"], run["past_runs"])


def test_what_somebody_says() -> None:
    """A duration and a number of runs go before timeout and schedule."""
    found = of(timeout="2h", schedule={"rate": "1 hour"}, given={"duration": 90, "runs": 7})
    assert (7 * 90, False) == (found.choices[0].month.seconds, found.scheduled)


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ((), 0),
        ({"cron": "0 0 1 * *"}, 1),
        ({"rate": "12 hours"}, 60),
        ({"at": "2026-12-01T09:00"}, 1),
        ({"at": "2027-12-01T09:00"}, 0),
        ({"cron": "0 * * * *", "end": "2026-11-25T00:00"}, 13),
        ({"cron": "0 9 13 * FRI"}, 5),
        ([{"cron": "0 * * * *"}, {"cron": "0 2 * * *", "name": "daily"}], 720),
    ],
)
def test_the_runs_of_a_month(schedule: Any, runs: int) -> None:
    """The fires of the next 30 days; for one moment, a job has one run."""
    assert runs == of(schedule=schedule).runs


def test_a_paused_job_starts_nothing() -> None:
    """Until it is resumed."""
    assert (0, Decimal("0.000000")) == ((found := of(schedule={"rate": "1 hour"}, paused="true")).runs,
                                        found.choices[0].month.total)  # fmt: skip


def test_spot_then_on_demand_is_between_both() -> None:
    """The cheaper one first."""
    found = of(capacity="spot-then-on-demand", given={"duration": 3600, "runs": 2})
    assert ["spot", "on-demand"] == [one.capacity for one in found.choices]
    month = found.to_json()["month"]
    assert ("0.007000", "0.024685") == (month["least_usd"], month["most_usd"])
    assert ["spot"] == [one.capacity for one in of(capacity="spot").choices]


def test_a_public_address_costs() -> None:
    """What the job says goes before the project's network; nobody's word is none."""
    public = replace(WEST, network=Network(assign_public_ip=True))
    private = replace(WEST, network=Network(assign_public_ip=False))
    unsaid = replace(WEST, network=Network())
    jobs: list[tuple[Any, dict[str, Any]]] = [
        (public, {}),
        (private, {}),
        (unsaid, {}),
        (private, {"network": {"assign_public_ip": "true"}}),
        (public, {"network": {"assign_public_ip": "false"}}),
    ]
    found = [of(settings=settings, **keys).choices[0].run.lines[-1].item for settings, keys in jobs]
    assert ["public_ipv4", "memory", "memory", "public_ipv4", "memory"] == found


def test_an_instance_that_is_always_on() -> None:
    """A task for $0.0123425 an hour: a t2.micro pays off from 22.6 hours a day on, a t3.nano from 10.1."""
    micro, nano = of().always_on
    assert ("t2.micro", Decimal("8.352000"), Decimal("22.6")) == (micro.instance.name, micro.month, micro.hours)
    assert ("t3.nano", Decimal("3.744000"), Decimal("10.1")) == (nano.instance.name, nano.month, nano.hours)
    assert [(True, False), (True, False)] == [(one.fits, one.never) for one in (micro, nano)]


def test_an_instance_that_never_pays_off() -> None:
    """On Spot a task costs $0.0035 an hour, less than either."""
    assert [(None, True), (None, True)] == [(one.hours, one.never) for one in of(capacity="spot").always_on]


def test_an_instance_that_is_too_small() -> None:
    """A task of 1 GB is none for a t3.nano."""
    assert [True, False] == [one.fits for one in of(memory="1 GB").always_on]


def test_unknown_prices() -> None:
    """Nothing is extrapolated: neither a region nor an architecture; each missing row is named once."""
    found = of(settings=replace(WEST, region="eu-west-1"), capacity="spot-then-on-demand")
    rows = [("eu-west-1", "linux", "x86_64", capacity, unit)
            for capacity in ("spot", "on-demand") for unit in ("vcpu-hour", "gb-hour")]  # fmt: skip
    assert rows == list(found.missing)
    assert [None, None] == [one.run.total for one in found.choices]
    assert [(None, None, None)] * 2 == [(one.month, one.hours, one.never) for one in found.always_on]
    arm = of(architecture="arm64")
    assert [(Decimal("8.352000"), None, None), (Decimal("3.744000"), None, None)] == [
        (one.month, one.hours, one.never) for one in arm.always_on
    ]
    assert () == arm.prices


def test_the_prices_that_it_rests_on() -> None:
    """Each once, with date and source."""
    assert [Decimal("0.04048"), Decimal("0.004445")] == [one.usd for one in of().prices]


def test_what_cannot_be_estimated() -> None:
    """A task definition that only ECS knows, and a region that nobody has set."""
    with pytest.raises(SpecError, match="existing task definition etl:7, whose size and processor"):
        of(image=None, task_definition="etl:7")
    with pytest.raises(SpecError, match="region is not set"):
        of(settings=replace(WEST, region=None))


def test_as_json() -> None:
    """One object; money and hours are text, and what is unknown is null."""
    found = of(ephemeral_storage="30 GB", retries={"attempts": "3"}, given={"duration": 5, "runs": 7}).to_json()
    [bill] = found["run"].pop("bills")
    assert ("on-demand", 60, None) == (bill["capacity"], bill["seconds"], bill["total_usd"])
    assert ["vcpu", "memory", "storage"] == [line["item"] for line in bill["lines"]]
    assert {"seconds": 5, "basis": "given", "past_runs": 0} == found["run"]
    assert {"days": 30, "runs": 7, "basis": "given", "least_usd": None, "most_usd": None} == found["month"]
    assert ["us-west-2/linux/any/on-demand/storage-gb-hour"] == found["missing"]
    keys = ("job", "estimate", "region", "architecture", "cpu", "memory", "ephemeral_storage", "attempts")
    assert ["nightly", True, "us-west-2", "x86_64", 256, 512, 30, 3] == [found[key] for key in keys]
    expected = {
        "instance": "t2.micro",
        "memory": 1024,
        "fits": True,
        "price_usd_per_hour": "0.0116",
        "as_of": "2026-11-01",
        "source": "made up",
        "month_usd": "8.352000",
        "cheaper_from_hours_a_day": "22.6",
        "never_cheaper": False,
    }
    assert expected == of().to_json()["always_on"][0]
    unknown = of(settings=replace(WEST, region="eu-west-1")).to_json()["always_on"][0]
    nothing = ("price_usd_per_hour", "as_of", "source", "month_usd", "cheaper_from_hours_a_day", "never_cheaper")
    assert {"instance": "t2.micro", "memory": 1024, "fits": True, **dict.fromkeys(nothing)} == unknown
    assert "schedule" == of().to_json()["month"]["basis"]
