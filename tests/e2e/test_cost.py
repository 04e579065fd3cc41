"""`jobrunner cost` and `jobrunner prices`, offline; and `prices refresh`, which asks an endpoint of AWS's answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from console import console_in
from price_list import price_list_endpoint, product

from jobrunner.store import load_prices

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from console import Console
    from price_list import PriceListEndpoint

PROJECT = """
project: money
default_stage: {default}
stages:
  west: {{region: us-west-2, network: {{assign_public_ip: false}}}}
  ireland: {{region: eu-west-1, endpoint: "{url}"}}
"""
JOBS = """
name: nightly
image: busybox
timeout: 2h
retries: {attempts: 3}
schedule: {cron: "30 2 * * *", timezone: Europe/London}
---
name: arm
image: busybox
architecture: arm64
---
name: resting
image: busybox
paused: true
schedule: {rate: 1 hour}
---
name: existing
task_definition: etl:7
"""
KEEPS = "fargate-prices.csv"


@pytest.fixture
def endpoint() -> Iterator[PriceListEndpoint]:
    """AWS's Price List."""
    with price_list_endpoint() as serving:
        yield serving


@pytest.fixture
def money(tmp_path: Path, endpoint: PriceListEndpoint) -> Iterator[Console]:
    """A console in a project whose stages are in two regions."""
    (tmp_path / "jobrunner.yaml").write_text(PROJECT.format(default="west", url=endpoint.url), encoding="utf-8")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "all.yaml").write_text(JOBS, encoding="utf-8")
    with console_in(tmp_path) as console:
        console.env = {"AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "s"}
        yield console


def test_cost_of_a_scheduled_job(money: Console) -> None:
    """A run at its timeout, a month of nights, an instance that is always on; what it leaves out is on stderr."""
    result = money.run("cost", "nightly")
    assert "nightly: about $0.024685 a run, about $0.740550 a month (estimate)" == result.lines[0]
    assert "  month      about $0.740550: 30 runs in 30 days" in result.lines
    assert "cheaper from 22.6 hours a day on" in result.text
    assert "jobrunner: a run that fails may have 3 attempts, each billed by itself\n" == result.err


def test_cost_of_day_and_night_as_json(money: Console) -> None:
    """One object; 0.25 vCPU and 0.5 GB for 30 days in us-west-2 cost $8.89."""
    [found] = money.run("cost", "nightly", "--runs", "30", "--duration", "1d", "--output", "json").json
    assert ("8.886600", "8.886600") == (found["month"]["least_usd"], found["month"]["most_usd"])
    assert {"days": 30, "runs": 30, "basis": "given"} == {key: found["month"][key] for key in ("days", "runs", "basis")}
    assert ["0.242880", "0.053340"] == [line["usd"] for line in found["run"]["bills"][0]["lines"]]


def test_cost_that_is_unknown(money: Console) -> None:
    """It says which rows are missing, and what to do; that is no failure."""
    result = money.run("cost", "arm")
    assert "arm: unknown a run (estimate)" == result.lines[0]
    for said in (
        "arm has no schedule; --runs says how often it runs a month",
        "the price table has no us-west-2 linux arm64 on-demand vcpu-hour: what it costs is unknown",
        "`jobrunner prices refresh --region us-west-2` asks AWS for its prices",
    ):
        assert f"jobrunner: {said}\n" in result.err
    [found] = money.run("cost", "arm", "--output", "json").json
    keys = [f"us-west-2/linux/arm64/on-demand/{unit}" for unit in ("vcpu-hour", "gb-hour")]
    assert (keys, None) == (found["missing"], found["run"]["bills"][0]["total_usd"])


def test_cost_on_the_local_stage(money: Console) -> None:
    """There it costs nothing, and what it would cost on Fargate is told; no endpoint is started for it."""
    result = money.run("cost", "resting", "--local", "--runs", "10")
    assert "jobrunner: the local endpoint costs nothing: this is Fargate in us-east-1\n" in result.err
    assert "10 runs, as given" in result.text
    assert "local endpoint http" not in result.err


def test_cost_of_a_paused_job(money: Console) -> None:
    """Nothing starts it until it is resumed."""
    result = money.run("cost", "resting")
    assert "  month      nothing: 0 runs in 30 days" in result.lines
    said = "resting is paused: its schedules start nothing; --runs says how often it would run"
    assert f"jobrunner: {said}\n" in result.err


def test_cost_that_cannot_be_estimated(money: Console) -> None:
    """A size that only ECS knows; a wrong job or option."""
    assert "existing task definition etl:7" in money.run("cost", "existing", code=65).err
    money.run("cost", "nobody", code=65)
    assert "for instance" in money.run("cost", "nightly", "--duration", "soon", code=2).err
    money.run("cost", "nightly", "--runs", "-1", code=2)


def test_prices_are_a_table_with_sources(money: Console) -> None:
    """Each row has its date, and the number of its source, which stands below; as JSON a line for each row."""
    lines = money.run("prices", "--region", "us-west-2").lines
    assert ["REGION", "OS", "ARCH", "CAPACITY", "UNIT", "USD", "AS", "OF", "SOURCE"] == lines[0].split()
    row = next(line for line in lines if line.split()[:5] == ["us-west-2", "linux", "x86_64", "on-demand", "vcpu-hour"])
    *_, usd, as_of, number = row.split()
    assert ("0.04048", "2026-09-29") == (usd, as_of)
    assert any(line.startswith(f"{number} AWS AmazonECS Price List") for line in lines)
    found = money.run("prices", "--output", "json").json
    assert len(load_prices().prices) == len(found)
    assert {False} == {one["refreshed"] for one in found}
    assert {"region", "os", "architecture", "capacity", "unit", "usd", "as_of", "source", "refreshed"} == set(found[0])


def test_prices_of_an_unknown_region(money: Console) -> None:
    """What has one price for all regions is still shown, and what to do is said."""
    result = money.run("prices", "--region", "eu-south-2")
    assert "any" == result.lines[1].split()[0]
    assert "no prices of eu-south-2 are known; `jobrunner prices refresh --region eu-south-2` asks AWS" in result.err


def test_prices_refresh_is_used_from_then_on(money: Console, endpoint: PriceListEndpoint) -> None:
    """A price that has changed changes the estimates; it carries the day and AWS's version, and Spot stays."""
    before = money.run("prices", "--region", "eu-west-1", "--output", "json").json
    result = money.run("prices", "refresh", "--stage", "ireland")
    assert "2 prices of eu-west-1 read, 1 change; kept in " in result.err
    assert "linux x86_64 on-demand vcpu-hour: 0.05 (was 0.04048)" in result.err
    assert "" == result.text
    after = money.run("prices", "--region", "eu-west-1", "--output", "json").json
    assert len(before) == len(after)
    rows = {(one["capacity"], one["architecture"], one["unit"]): one for one in after}
    fresh = rows["on-demand", "x86_64", "vcpu-hour"]
    assert ("0.05", f"{datetime.now(UTC):%Y-%m-%d}", True) == (fresh["usd"], fresh["as_of"], fresh["refreshed"])
    assert "AWS Price List API, AmazonECS eu-west-1, version 20250828172723" in fresh["source"]
    assert [one for one in before if one["capacity"] == "spot"] == [one for one in after if one["capacity"] == "spot"]
    [cost] = money.run("cost", "nightly", "--stage", "ireland", "--output", "json").json
    assert "0.05" == cost["run"]["bills"][0]["lines"][0]["price_usd_per_hour"]
    assert "/us-east-1/pricing/" in endpoint.asked[0]["signed"]


def test_prices_refresh_of_another_region_as_json(money: Console) -> None:
    """One object, with what was known before; a second time nothing changes."""
    words = ("prices", "refresh", "--stage", "ireland", "--region", "us-east-1", "--output", "json")
    [found] = money.run(*words).json
    assert ("us-east-1", 8, []) == (found["region"], found["read"], found["changes"])
    assert str(money.state_dir / KEEPS) == found["file"]
    assert [found] == money.run(*words).json


def test_prices_refresh_without_a_price_list(money: Console, endpoint: PriceListEndpoint) -> None:
    """The local stage has none; a region may be unknown; AWS may answer with something else. Nothing is kept."""
    assert "jobrunner prices refresh --stage NAME" in money.run("prices", "refresh", "--local", code=65).err
    unknown = money.run("prices", "refresh", "--stage", "ireland", "--region", "mars-1", code=65)
    assert "no Fargate prices in USD for region mars-1" in unknown.err
    endpoint.items = [json.dumps(product("EU-Fargate-GB-Hours", "much", region="eu-west-1"))]
    assert "cannot be read" in money.run("prices", "refresh", "--stage", "ireland", code=69).err
    endpoint.errors = ["AccessDeniedException"]
    assert "lack the permission" in money.run("prices", "refresh", "--stage", "ireland", code=69).err
    assert not (money.state_dir / KEEPS).exists()


def test_damaged_prices_are_a_warning(money: Console) -> None:
    """The packaged ones are used, by every command, and each says so; a refresh mends it."""
    (money.state_dir / KEEPS).write_text("damaged\n", encoding="utf-8")
    warning = f"jobrunner: warning: the prices in {money.state_dir / KEEPS} cannot be read (line 1: "
    for words in (("prices",), ("cost", "nightly"), ("run", "resting", "--local", "--detach")):
        result = money.run(*words)
        assert 1 == result.err.count(warning), result
    assert "about $0.024685 a run" in money.run("cost", "nightly").text
    money.run("prices", "refresh", "--stage", "ireland")
    assert "warning" not in money.run("prices").err
