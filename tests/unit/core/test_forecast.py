"""The estimate of a month: how many runs, and between what and what they cost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from planning import NOW, PLACE, SETTINGS, job, requests

from jobrunner.core.billing import Price, PriceTable
from jobrunner.core.cost import Past
from jobrunner.core.forecast import Assumptions, Month, definition_named, sizes_of
from jobrunner.core.ports import Definition
from jobrunner.core.schedule_request import schedule_requests
from jobrunner.core.spend import Coming
from jobrunner.core.task_size import TaskSize

if TYPE_CHECKING:
    from jobrunner.core.spec import JobSpec


def price(usd: str) -> Price:
    """A row of the table."""
    return Price(usd=Decimal(usd), as_of=date(2026, 11, 1), source="made up")


#: An hour of a vCPU for 60 cents makes a minute of the smallest task a quarter of a cent; of Spot a tenth of that.
PRICES = PriceTable(
    prices={
        ("eu-west-1", "linux", "x86_64", capacity, unit): price(usd)
        for capacity, unit, usd in (
            ("on-demand", "vcpu-hour", "0.60"),
            ("on-demand", "gb-hour", "0"),
            ("spot", "vcpu-hour", "0.06"),
            ("spot", "gb-hour", "0"),
        )
    }
    | {("eu-west-1", "linux", "any", "on-demand", "storage-gb-hour"): price("0.60")}
)
#: A minute of the smallest task on demand.
MINUTE = Decimal("0.0025")


def month(*specs: JobSpec, **more: Any) -> Month:
    """The estimate for jobs."""
    asked = requests(*specs)
    given: dict[str, Any] = {"region": "eu-west-1", "prices": PRICES, "sizes": sizes_of(asked, named(*specs)), **more}
    return Assumptions(now=NOW, **given).month([(one.job, one.body) for one in asked])


def named(*specs: JobSpec) -> dict[str, JobSpec]:
    """The jobs by their names."""
    return {spec.name: spec for spec in specs}


def test_no_schedules() -> None:
    """Nothing runs, and costs nothing."""
    assert Month(runs=0, least=Decimal(0), most=Decimal(0)) == month()


def test_a_minute_at_least() -> None:
    """Thirty nights are thirty minutes at least; without a timeout there is no most."""
    assert Month(runs=30, least=30 * MINUTE, most=None) == month(job())


def test_its_timeout_in_every_attempt_at_most() -> None:
    """A timeout that is shorter than a minute is billed like one."""
    assert 30 * 120 * MINUTE == month(job(timeout="2h")).most
    assert 30 * 3 * 120 * MINUTE == month(job(timeout="2h", retries={"attempts": "3"})).most
    assert 30 * MINUTE == month(job(timeout="5s")).most
    assert month(job(retries={"attempts": "3"})).most is None


@pytest.mark.parametrize(
    ("capacity", "least", "most"),
    [
        ("on-demand", 30 * MINUTE, 60 * MINUTE),
        ("spot", 3 * MINUTE, 6 * MINUTE),
        ("spot-then-on-demand", 3 * MINUTE, 60 * MINUTE),
    ],
)
def test_capacity(capacity: str, least: Decimal, most: Decimal) -> None:
    """What may run on either costs as little as one and as much as the other."""
    found = month(job(timeout="2m", capacity=capacity))
    assert (least, most) == (found.least, found.most)


def test_spot_without_a_state_machine() -> None:
    """What goes from the schedule to RunTask says its capacity there."""
    assert 3 * MINUTE == month(job(capacity="spot")).least


def test_the_size_of_the_task() -> None:
    """Cpu and disk are those of the job, where the schedule does not say otherwise."""
    assert 4 * 30 * MINUTE == month(job(cpu="1 vCPU")).least
    # A GiB more than is free costs here what a vCPU does.
    assert (4 + 4) * 30 * MINUTE == month(job(cpu="1 vCPU", ephemeral_storage="21 GiB")).least


def test_sums() -> None:
    """Of all jobs; one that is not known makes the sum unknown, but not the number of runs."""
    assert Month(runs=60, least=60 * MINUTE, most=None) == month(job(timeout="1m"), job("other"))
    arm = job("arm", architecture="arm64", timeout="1m")
    assert Month(runs=60, least=None, most=None) == month(job(timeout="1m"), arm)
    assert Month(runs=30, least=None, most=None) == month(job(timeout="1m"), region=None)
    assert Month(runs=30, least=None, most=None) == month(job(timeout="1m"), sizes={})


def test_what_does_not_fire() -> None:
    """A paused schedule costs nothing, and neither does one that does not fire within the month."""
    nothing = Month(runs=0, least=Decimal(0), most=Decimal(0))
    assert nothing == month(job(paused="true"))
    assert nothing == month(job(schedule={"at": "2027-06-01T00:00"}), prices=PriceTable(prices={}))


def test_one_run_for_one_time() -> None:
    """Schedules of one job that fire at one moment start one run; of two jobs they start two."""
    hourly, daily = {"cron": "0 * * * *"}, {"cron": "0 2 * * *", "name": "daily"}
    assert 720 == month(job(schedule=[hourly, daily])).runs
    assert 750 == month(job(schedule=hourly), job("other", schedule=daily)).runs


def test_an_existing_task_definition() -> None:
    """Its size is known when somebody has looked; what the job overrides goes before it."""
    bare = {"image": None, "task_definition": "etl:7"}
    plain, small = job("etl", **bare), job("etl", **bare, cpu="256", memory="512")
    assert [None, None] == [month(plain).least, month(small).least]
    looked = {"etl:1": TaskSize(cpu=1024, memory=2048)}
    assert [4 * 30 * MINUTE, 30 * MINUTE] == [month(one, sizes=looked).least for one in (plain, small)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, TaskSize(cpu=1024, memory=2048)),
        ({"architecture": "arm64"}, TaskSize(cpu=1024, memory=2048, architecture="arm64")),
        ({"ephemeral_storage": 50}, TaskSize(cpu=1024, memory=2048, storage=50)),
        ({"members": {"runtimePlatform": {"operatingSystemFamily": "LINUX"}}}, TaskSize(cpu=1024, memory=2048)),
        ({"members": {"runtimePlatform": None}}, TaskSize(cpu=1024, memory=2048)),
        ({"members": {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}}, None),
        ({"cpu": None}, None),
        ({"memory": None}, None),
    ],
)
def test_the_size_that_a_definition_has(fields: dict[str, Any], expected: TaskSize | None) -> None:
    """Of what says no architecture, Fargate's; none of what is for EC2, or of Windows, whose price nobody knows."""
    described = Definition(**{"arn": "etl:1", "containers": (), "cpu": 1024, "memory": 2048, **fields})
    assert expected == TaskSize.described(described)


def test_the_definition_that_a_schedule_names() -> None:
    """Itself, or in the input of an execution; none of what is no request."""
    assert ["nightly:1", "guarded:1"] == [
        definition_named(one.body) for one in requests(job(), job("guarded", timeout="1h"))
    ]
    for text in ("", "[]", "{}", '{"request": {}}', '{"TaskDefinition": 7}'):
        assert None is definition_named({"Target": {"Input": text}})
    assert None is definition_named({})


@pytest.mark.parametrize(
    "text",
    [None, "no json", "[]", "{}", '{"request": 1}', '{"TaskDefinition": "nightly:1"}',
     '{"TaskDefinition": "nightly:1", "LaunchType": "FARGATE", "Overrides": {"Cpu": "much"}}',
     '{"TaskDefinition": "nightly:1", "LaunchType": "FARGATE", "Overrides": {"EphemeralStorage": {"SizeInGiB": "x"}}}',
     '{"TaskDefinition": "nightly:1", "CapacityProviderStrategy": []}',
     '{"TaskDefinition": "nightly:1", "CapacityProviderStrategy": [1]}',
     '{"TaskDefinition": "nightly:1", "LaunchType": "EXTERNAL"}',
     '{"TaskDefinition": ["nightly:1"], "LaunchType": "FARGATE"}',
     '{"request": {"TaskDefinition": "nightly:1"}, "policy": {}, "timeout": "long"}',
     '{"request": {"TaskDefinition": "nightly:1"}, "policy": 7}'],
)  # fmt: skip
def test_what_somebody_else_has_written(text: str | None) -> None:
    """It fires as it says, at a price that nobody knows."""
    [asked] = requests(job())
    target = {key: value for key, value in asked.body["Target"].items() if key != "Input"}
    body = {**asked.body, "Target": target if text is None else {**target, "Input": text}}
    sizes = {"nightly:1": TaskSize(cpu=256, memory=512)}
    found = Assumptions(now=NOW, region="eu-west-1", sizes=sizes, prices=PRICES).month([("nightly", body)])
    assert Month(runs=30, least=None, most=None) == found


def test_times_that_nobody_understands() -> None:
    """Then not even the runs are known."""
    [asked] = requests(job())
    body = {**asked.body, "ScheduleExpression": "banana"}
    found = Assumptions(now=NOW, region="eu-west-1", sizes={}, prices=PRICES).month([("nightly", body)])
    assert Month(runs=None, least=None, most=None) == found


def test_a_change_is_seen() -> None:
    """The overrides of a schedule that somebody has changed count, and not the size of its task definition."""
    [asked] = requests(job())
    document = json.loads(asked.body["Target"]["Input"])
    document["Overrides"] |= {"Cpu": "1024", "Memory": "2048"}
    body = {**asked.body, "Target": {**asked.body["Target"], "Input": json.dumps(document)}}
    sizes = {"nightly:1": TaskSize(cpu=256, memory=512)}
    found = Assumptions(now=NOW, region="eu-west-1", sizes=sizes, prices=PRICES).month([("nightly", body)])
    assert 4 * 30 * MINUTE == found.least
    document["Overrides"]["EphemeralStorage"] = {"SizeInGiB": 21}
    body["Target"]["Input"] = json.dumps(document)
    found = Assumptions(now=NOW, region="eu-west-1", sizes=sizes, prices=PRICES).month([("nightly", body)])
    assert (4 + 4) * 30 * MINUTE == found.least


def test_as_json() -> None:
    """Money is text, as everywhere."""
    expected = {"runs": 30, "least_usd": "0.075000", "most_usd": None, "expected_usd": None, "past_runs": 0}
    assert expected == month(job()).to_json()


def test_the_request_of_a_state_machine_is_inside() -> None:
    """Its size is found by the task definition that the execution names."""
    spec = job(timeout="1h")
    asked = schedule_requests(spec, replace(SETTINGS, first_look=1), PLACE, task_definition="nightly:(new)")
    assert {"nightly:(new)": TaskSize(cpu=256, memory=512)} == sizes_of(asked, named(spec))


def test_what_is_expected() -> None:
    """With a past, every run is as long as its median; jobs without one as their timeout, or else the least."""
    past = {"nightly": Past(seconds=120, runs=7), "weekly": Past(seconds=1, runs=1)}
    found = month(job(timeout="2h"), job("other", timeout="3m"), job("third"), past=past)
    assert (30 * (2 + 3 + 1) * MINUTE, 7) == (found.expected, found.past_runs)
    assert {"expected_usd": "0.450000", "past_runs": 7}.items() <= found.to_json().items()
    assert (None, 0) == ((none := month(job("other", timeout="3m"), past=past)).expected, none.past_runs)


def test_what_is_expected_on_either_capacity() -> None:
    """The dearer one: what a run finds, nobody knows before."""
    past = {"nightly": Past(seconds=120, runs=7)}
    assert 60 * MINUTE == month(job(capacity="spot-then-on-demand"), past=past).expected


def test_what_is_expected_is_not_known() -> None:
    """Of a price that nobody knows; the past runs are known all the same."""
    found = month(job(), region=None, past={"nightly": Past(seconds=120, runs=7)})
    assert (None, 7) == (found.expected, found.past_runs)


def coming(*specs: JobSpec, **more: Any) -> dict[str, Coming]:
    """What is to come of jobs."""
    asked = requests(*specs)
    given: dict[str, Any] = {"region": "eu-west-1", "prices": PRICES, "sizes": sizes_of(asked, named(*specs)), **more}
    return Assumptions(now=NOW, **given).coming([(one.job, one.body) for one in asked])


def test_what_is_to_come_by_job() -> None:
    """Each job's month by itself; a paused one has none, and one whose times nobody reads is not known."""
    found = coming(job(), job("other", timeout="2m"), job("paused", paused="true"))
    expected = {"nightly": Coming(runs=30, usd=30 * MINUTE, at_least=True), "other": Coming(runs=30, usd=60 * MINUTE)}
    assert expected == found
    [asked] = requests(job())
    body = {**asked.body, "ScheduleExpression": "banana"}
    unread = Assumptions(now=NOW, region="eu-west-1", sizes={}, prices=PRICES).coming([("nightly", body)])
    assert {"nightly": Coming(unknown=("when a schedule of nightly fires",))} == unread


def test_what_is_to_come_on_an_unknown_capacity() -> None:
    """A schedule that somebody has changed, to a provider that is none of Fargate's."""
    [asked] = requests(job())
    document = json.loads(asked.body["Target"]["Input"]) | {"LaunchType": "EXTERNAL"}
    body = {**asked.body, "Target": {**asked.body["Target"], "Input": json.dumps(document)}}
    sizes = {"nightly:1": TaskSize(cpu=256, memory=512)}
    found = Assumptions(now=NOW, region="eu-west-1", sizes=sizes, prices=PRICES).coming([("nightly", body)])
    assert {"nightly": Coming(runs=30, unknown=("the capacity of nightly",))} == found
