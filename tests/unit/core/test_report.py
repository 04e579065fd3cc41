"""What runs come to, beside sums that are worked out another way."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core.billing_prices import Price, PriceTable
from jobrunner.core.figures import Figures, microseconds
from jobrunner.core.outcome import Verdict
from jobrunner.core.report import By, Duration, Group, Grouping, Report, Waste, parse_grouping
from jobrunner.core.report_making import NONE, dates_of, make_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def run(**given: Any) -> Figures:
    """The figures of a run: one that succeeded after a minute, unless something else is said."""
    plain: dict[str, Any] = {
        "stage": "prod",
        "job": "etl",
        "trigger": "manual",
        "due": NOON,
        "verdict": "succeeded",
        "skipped": False,
        "duration": 60_000,
        "attempts": 1,
        "billed": 60,
        "minimum": 0,
        "pull": 0,
        "cost": 100,
        "retried": 0,
        "saving": 0,
    }
    known = {**plain, **given}
    return Figures(**{**known, "due": microseconds(known["due"])})


def report(*figures: Figures, by: str = "job", **given: Any) -> Report:
    """The report of runs."""
    return make_report(iter(figures), by=parse_grouping(by), project="money", **given)


def keys(found: Report) -> list[str | None]:
    """The keys of the groups, in their order."""
    return [group.key for group in found.groups]


def runs(found: Report) -> dict[str | None, int]:
    """How many runs each group has."""
    return {group.key: group.runs for group in found.groups}


# --- by an oracle


def moments() -> st.SearchStrategy[datetime]:
    """Times of some weeks, the ends of days among them."""
    first = datetime(2026, 10, 20, tzinfo=UTC)
    hours = st.integers(0, 24 * 50).map(lambda hour: first + timedelta(hours=hour))
    beside = st.sampled_from([timedelta(), timedelta(microseconds=-1), timedelta(minutes=31, microseconds=7)])
    return st.tuples(hours, beside).map(lambda pair: max(first, pair[0] + pair[1]))


def figures() -> st.SearchStrategy[Figures]:
    """Runs of every kind: over, running, skipped, with what is unknown."""
    amounts = st.none() | st.integers(0, 5_000_000)
    return st.builds(
        run,
        stage=st.sampled_from([None, "prod", "test"]),
        job=st.sampled_from(["a", "b", "c", "gone"]),
        trigger=st.sampled_from(["manual", "schedule"]),
        due=moments(),
        verdict=st.sampled_from([None, *map(str, Verdict)]),
        skipped=st.sampled_from([False, False, False, True]),
        duration=st.none() | st.integers(0, 10_000),
        attempts=st.integers(1, 3),
        billed=st.none() | st.integers(0, 90),
        minimum=st.integers(0, 60),
        pull=st.none() | st.integers(0, 30_000),
        cost=amounts,
        retried=amounts,
        saving=st.none() | st.integers(-1_000, 1_000),
    )


TAGS = {"a": {"team": "data", "tier": "gold"}, "b": {"team": "data"}, "c": {"tier": ""}}
PLACES = {
    "job": lambda one: {one.job},
    "day": lambda one: {local(one).strftime("%Y-%m-%d")},
    "month": lambda one: {local(one).strftime("%Y-%m")},
    "stage": lambda one: {one.stage or "(none)"},
    "trigger": lambda one: {one.trigger},
    "tag": lambda one: {f"{key}={value}" for key, value in TAGS.get(one.job, {}).items()} or {"(none)"},
    "tag:tier": lambda one: {f"tier={TAGS[one.job]['tier']}"} if one.job in {"a", "c"} else {"(none)"},
}


def local(one: Figures) -> datetime:
    """The time of a run as London's clocks show it."""
    return datetime.fromtimestamp(one.due // 1_000_000, UTC).astimezone(ZoneInfo("Europe/London"))


def expected(key: str | None, some: Sequence[Figures]) -> dict[str, Any]:
    """Work out a group from the contract, with whole lists and fractions."""
    begun = [one for one in some if not one.skipped]
    over = [one for one in begun if one.verdict is not None]
    good = [one for one in over if one.verdict == "succeeded"]
    bad = [one for one in over if one.verdict != "succeeded"]
    durations = sorted(one.duration for one in over if one.duration is not None)
    both = [(one.pull, one.billed) for one in over if one.pull is not None and one.billed is not None]
    billed = sum(billed for _, billed in both)
    return {
        "key": key,
        "runs": len(begun),
        "succeeded": len(good),
        "failed": len(bad),
        "skipped": len(some) - len(begun),
        "running": len(begun) - len(over),
        "success_rate": float(Fraction(len(good), len(over))) if over else None,
        "duration_seconds": {"median": ranked(durations, 50), "p95": ranked(durations, 95)},
        "billed_seconds": known(one.billed for one in over),
        "unknown_billed_runs": unknown(one.billed for one in over),
        "cost_usd": dollars(known(one.cost for one in over)),
        "unknown_cost_runs": unknown(one.cost for one in over),
        "unknown_pull_runs": unknown(one.pull for one in over),
        "unknown_failed_cost_runs": unknown(one.cost for one in bad),
        "unknown_retried_cost_runs": unknown(one.retried for one in good),
        "unknown_saving_runs": unknown(one.saving for one in over),
        "waste": {
            "pull_seconds": float(Fraction(known(one.pull for one in over), 1000)),
            "pull_share": float(Fraction(sum(pull for pull, _ in both), 1000 * billed)) if billed else None,
            "minimum_seconds": sum(one.minimum for one in over),
            "failed_usd": dollars(known(one.cost for one in bad)),
            "retried_usd": dollars(known(one.retried for one in good)),
            "spot_saving_usd": dollars(known(one.saving for one in over)),
        },
    }


def known(values: Iterable[int | None]) -> int:
    """The sum of those that are known."""
    return sum(value for value in values if value is not None)


def unknown(values: Iterable[int | None]) -> int:
    """How many are not."""
    return sum(value is None for value in values)


def ranked(ordered: Sequence[int], percent: int) -> float | None:
    """The first value that so many percent of all do not exceed, in seconds."""
    for value in ordered:
        if Fraction(sum(one <= value for one in ordered), len(ordered)) >= Fraction(percent, 100):
            return float(Fraction(value, 1000))
    return None


def dollars(micro: int) -> str:
    """Whole micro-dollars as text."""
    sign, whole = ("-" if micro < 0 else ""), abs(micro)
    return f"{sign}{whole // 1_000_000}.{whole % 1_000_000:06d}"


@given(st.lists(figures(), max_size=40), st.sampled_from(sorted(PLACES)))
def test_every_figure(some: list[Figures], by: str) -> None:
    """Each group is what its runs come to, and the total is what all come to, each counted once."""
    found = report(*some, by=by, tags=TAGS, timezone="Europe/London").to_json()
    groups = {key: [one for one in some if key in PLACES[by](one)] for one in some for key in PLACES[by](one)}
    shown = {group["key"]: group for group in found["groups"] if by not in {"day", "month"} or group["key"] in groups}
    assert {key: expected(key, runs) for key, runs in groups.items()} == shown
    assert expected(None, some) == found["total"]


@given(st.lists(figures(), max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_the_runs_does_not_matter(some: list[Figures], random: Any) -> None:
    """The same runs in any order make the same report."""
    shuffled = random.sample(some, len(some))
    for by in PLACES:
        assert report(*some, by=by, tags=TAGS) == report(*shuffled, by=by, tags=TAGS)


# --- the parts of the contract by themselves


def test_nothing_ran() -> None:
    """Without a run there is no group, and the total is zeros, with no rate and no duration."""
    for by in PLACES:
        found = report(by=by)
        assert ((), Group(key=None)) == (found.groups, found.total)
    assert (None, Duration()) == (found.total.success_rate, found.total.duration_seconds)


def test_nearest_rank() -> None:
    """Of 20 durations the median is the tenth and the 95th percentile the nineteenth: no value between two."""
    twenty = report(*(run(duration=1000 * number) for number in range(20, 0, -1)))
    assert Duration(median=10.0, p95=19.0) == twenty.total.duration_seconds
    assert Duration(median=1.0, p95=2.0) == report(run(duration=1000), run(duration=2000)).total.duration_seconds
    hundred = report(*(run(duration=1000 * number) for number in range(1, 101)))
    assert Duration(median=50.0, p95=95.0) == hundred.total.duration_seconds


def test_a_run_that_runs() -> None:
    """It is a run, and neither its bill nor its end is unknown: there is none yet."""
    running = run(verdict=None, duration=None, billed=None, cost=None, retried=None, saving=None, pull=None)
    assert Group(key="etl", runs=1, running=1) == report(running).groups[0]


def test_a_run_that_was_skipped() -> None:
    """It is no run, and costs nothing."""
    skipped = run(verdict="never_started", skipped=True, duration=None, billed=None, cost=None)
    assert Group(key="etl", skipped=1) == report(skipped).groups[0]


def test_what_is_unknown_is_counted() -> None:
    """The sums are those of what is known; a failure whose cost is unknown counts as such."""
    failed = run(verdict="failed", cost=None, billed=None, pull=None, saving=None)
    retried = run(retried=None, pull=30_000, billed=120, minimum=5)
    [group] = report(failed, retried).groups
    assert (120, 1, Decimal("0.000100"), 1) == (
        group.billed_seconds,
        group.unknown_billed_runs,
        group.cost_usd,
        group.unknown_cost_runs,
    )
    assert (1, 1, 1, 1) == (
        group.unknown_pull_runs,
        group.unknown_failed_cost_runs,
        group.unknown_retried_cost_runs,
        group.unknown_saving_runs,
    )
    assert (
        Waste(
            pull_seconds=30.0,
            pull_share=0.25,
            minimum_seconds=5,
            failed_usd=Decimal(0),
            retried_usd=Decimal(0),
            spot_saving_usd=Decimal(0),
        )
        == group.waste
    )


def test_the_share_is_of_what_is_known_of_both() -> None:
    """A pull without a bill, and a bill without a pull, are in no share."""
    waste = report(run(pull=6_000), run(pull=9_000, billed=None), run(pull=None, billed=600)).total.waste
    assert (15.0, 0.1) == (waste.pull_seconds, waste.pull_share)


def test_money_is_exact() -> None:
    """Ten million runs of a tenth of a micro-dollar more than floats can tell are added up to the micro-dollar."""
    [group] = report(*[run(cost=9_007_199_254_740_993)] * 3).groups
    assert Decimal("27021597764.222979") == group.cost_usd
    assert "27021597764.222979" == group.to_json()["cost_usd"]


def test_the_dearest_first() -> None:
    """Of equal cost the one with more billed time, then by name; one of unknown cost by what is known."""
    found = report(
        run(job="cheap", cost=1),
        run(job="unknown", cost=None, billed=90),
        run(job="dear", cost=5),
        run(job="b", cost=1),
        run(job="long", cost=1, billed=61),
    )
    assert ["dear", "long", "b", "cheap", "unknown"] == keys(found)


def test_days_are_in_their_order_and_none_is_missing() -> None:
    """A day without a run, between two with some, is a group of zeros."""
    found = report(run(due=NOON), run(due=NOON - timedelta(days=2)), by="day")
    assert {"2026-11-22": 1, "2026-11-23": 0, "2026-11-24": 1} == runs(found)
    assert Group(key="2026-11-23") == found.groups[1]


def test_months_over_the_year() -> None:
    """Months without a run are there as well."""
    found = report(run(due=NOON + timedelta(days=70)), run(due=NOON), by="month")
    assert {"2026-11": 1, "2026-12": 0, "2027-01": 0, "2027-02": 1} == runs(found)


def test_days_of_a_time_zone() -> None:
    """A day is one of the clocks of a zone: half past eleven at night in London's summer is another day in UTC."""
    late = run(due=datetime(2026, 7, 1, 23, 30, tzinfo=UTC))
    assert ["2026-07-01"] == keys(report(late, by="day"))
    assert ["2026-07-02"] == keys(report(late, by="day", timezone="Europe/London"))
    assert "Europe/London" == report(late, timezone="Europe/London").timezone
    assert ["2026-07-02"] == keys(report(late, by="day", timezone="Asia/Kathmandu"))


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        (datetime.max.replace(tzinfo=UTC), "Asia/Tokyo", "9999-12-31"),
        (datetime.min.replace(tzinfo=UTC), "America/New_York", "0001-01-01"),
    ],
)
def test_made_up_times(moment: datetime, zone: str, day: str) -> None:
    """A time at the end of all times has a day, and no years are filled up to it."""
    assert {day: 1, "2026-11-24": 1} == runs(report(run(due=moment), run(), by="day", timezone=zone))


def test_tags_are_those_of_the_jobs() -> None:
    """A run counts in the group of each tag of its job, and once in the total; a job without tags has a group too."""
    found = report(run(job="a"), run(job="b"), run(job="gone"), by="tag", tags=TAGS)
    assert {"team=data": 2, "tier=gold": 1, NONE: 1} == runs(found)
    assert 3 == found.total.runs


def test_the_values_of_one_tag() -> None:
    """Jobs that have other tags alone are together with those that have none; an empty value is a value."""
    some = (run(job="a"), run(job="b"), run(job="c"), run(job="gone"))
    assert {"tier=gold": 1, "tier=": 1, NONE: 2} == runs(report(*some, by="tag:tier", tags=TAGS))
    assert {NONE: 4} == runs(report(*some, by="tag:tier"))


def test_no_stage() -> None:
    """Runs of a project without stages have a group."""
    assert {"prod": 1, NONE: 1} == runs(report(run(), run(stage=None), by="stage"))


@pytest.mark.parametrize("by", [*map(str, By), "tag:team", "tag:a:b"])
def test_groupings(by: str) -> None:
    """Each is written as it is read."""
    assert by == str(parse_grouping(by))


def test_a_grouping_by_one_tag() -> None:
    """The tag is what stands after the colon."""
    assert Grouping(by=By.TAG, tag="a:b") == parse_grouping("tag:a:b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dya", "'dya' is not one of job, day, month, stage, trigger, tag, tag:KEY; did you mean 'day'?"),
        ("tag:", "'tag:' is not one of job, day, month, stage, trigger, tag, tag:KEY; did you mean 'tag'?"),
        ("", "'' is not one of job, day, month, stage, trigger, tag, tag:KEY"),
    ],
)
def test_no_grouping(text: str, message: str) -> None:
    """What is no grouping is refused, with those that there are."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_grouping(text)


def test_dates_of_prices() -> None:
    """Those of Fargate in a region, each once, oldest first; what an instance of EC2 costs is no part of it."""

    def rows(region: str, **units: int) -> dict[tuple[str, str, str, str, str], Price]:
        return {
            (region, "linux", "x86_64", "on-demand", unit.replace("_", "-")): Price(
                usd=Decimal(1), as_of=date(2026, 11, day), source="made up"
            )
            for unit, day in units.items()
        }

    table = PriceTable(
        prices={
            **rows("eu-west-1", vcpu_hour=9, gb_hour=2, storage_gb_hour=9),
            **rows("us-east-1", vcpu_hour=3),
            ("eu-west-1", "linux", "x86_64", "on-demand", "t3.nano-hour"): Price(
                usd=Decimal(1), as_of=date(2026, 11, 5), source="made up"
            ),
        }
    )
    assert (date(2026, 11, 2), date(2026, 11, 9)) == dates_of(table, "eu-west-1")
    assert () == dates_of(table, "sa-east-1")


def test_json() -> None:
    """One object, whose money is text, with the word estimate and the dates of the prices."""
    found = report(
        run(cost=1_234_567),
        since=NOON,
        until=NOON + timedelta(days=1),
        stage="prod",
        prices=(date(2025, 8, 28), date(2026, 9, 29)),
    )
    document = found.to_json()
    assert document == json.loads(json.dumps(document))
    assert {
        "project": "money",
        "stage": "prod",
        "since": "2026-11-24T12:00:00.000Z",
        "until": "2026-11-25T12:00:00.000Z",
        "by": "job",
        "timezone": "UTC",
        "estimate": True,
        "prices_as_of": ["2025-08-28", "2026-09-29"],
    } == {key: value for key, value in document.items() if key not in {"groups", "total"}}
    assert ("etl", "1.234567") == (document["groups"][0]["key"], document["groups"][0]["cost_usd"])
    assert (None, "1.234567") == (document["total"]["key"], document["total"]["cost_usd"])


def test_json_of_everything_there_is() -> None:
    """Without bounds, there are none."""
    document = report(by="tag:team").to_json()
    assert (None, None, None, "tag:team") == tuple(document[key] for key in ("stage", "since", "until", "by"))
