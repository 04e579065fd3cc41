"""How a budget stands, in figures and in words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from jobrunner.core.spend import Coming, Spent, Standing, exceeded, refuse, together
from jobrunner.errors import BudgetError

KEY = ("eu-west-1", "linux", "arm64", "on-demand", "vcpu-hour")
SPOT = ("eu-west-1", "linux", "arm64", "spot", "vcpu-hour")


def usd(text: str) -> Decimal:
    """Dollars."""
    return Decimal(text)


def standing(budget: str = "25", *, job: str | None = "etl", **more: Any) -> Standing:
    """A budget beside what is to come, and what has been if that is said."""
    return Standing(**{"job": job, "project": "shop/prod", "budget": usd(budget), "coming": Coming(), **more})


@pytest.mark.parametrize(("coming", "over"), [("24.99", False), ("25", False), ("25.000001", True)])
def test_a_budget_may_be_used_up(coming: str, *, over: bool) -> None:
    """To the micro-dollar, and no further; what has been counts with what is to come."""
    assert over is standing(coming=Coming(usd=usd(coming))).exceeded
    assert over is standing(coming=Coming(usd=usd(coming) - 20), spent=Spent(usd=usd("20"))).exceeded


def test_what_is_unknown_exceeds() -> None:
    """A price, a size, or the history of the month; but not the cost of what has been, nor what is under way."""
    within = [Spent(unknown=3), Spent(under_way=2)]
    assert [False, False] == [standing(spent=spent).exceeded for spent in within]
    assert [True, True, True] == [
        standing(coming=Coming(missing=(KEY,))).exceeded,
        standing(coming=Coming(unknown=("when",))).exceeded,
        standing(spent=Spent(trouble="no answer")).exceeded,
    ]


def test_sums() -> None:
    """All is added up, and every reason is kept once."""
    parts = [
        Coming(runs=1, under_way=2, usd=usd("1.5"), missing=(KEY,), unknown=("a",)),
        Coming(runs=2, usd=usd("0.25"), at_least=True, missing=(KEY, SPOT), unknown=("a", "b")),
    ]
    expected = Coming(
        runs=3, under_way=2, usd=usd("1.75"), at_least=True, missing=(KEY, SPOT), unknown=("a", "b")
    )  # fmt: skip
    assert [expected, Coming()] == [together(parts), together([])]


BUDGET = "its budget of $25.00 a month"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            standing(coming=Coming(runs=720, usd=usd("31.2"))),
            f"job etl: about $31.20 for 720 runs in the next 30 days; $31.20 is above {BUDGET}",
        ),
        (
            standing(job=None, coming=Coming(runs=1000, usd=usd("3"), at_least=True)),
            f"project shop/prod: at least $3.00 for 1,000 runs in the next 30 days, within {BUDGET}",
        ),
        (
            standing(coming=Coming(runs=1, usd=usd("0.2")), spent=Spent(runs=121, usd=usd("24.9"))),
            f"job etl: $24.90 this month (121 runs), and about $0.20 for 1 run to come; $25.10 is above {BUDGET}",
        ),
        (
            standing(
                coming=Coming(runs=1, under_way=2, usd=usd("0.2"), at_least=True),
                spent=Spent(runs=1, usd=usd("25"), unknown=3, under_way=1),
            ),
            (
                "job etl: $25.00 this month (1 run, plus 3 runs of unknown cost and 1 run under way), and at least "
                f"$0.20 for 1 run to come and 2 runs under way; $25.20 is above {BUDGET}"
            ),
        ),
        (
            standing(coming=Coming(runs=1, usd=usd("5")), spent=Spent(runs=2, usd=usd("21"), partial=True)),
            (
                "job etl: $21.00 this month that this machine knows of (2 runs), and about $5.00 for 1 run to come; "
                f"$26.00 is above {BUDGET}"
            ),
        ),
        (
            standing(coming=Coming(runs=3, usd=usd("0.001")), spent=Spent(usd=usd("25"))),
            f"job etl: $25.00 this month (0 runs), and about $0.001 for 3 runs to come; $25.001 is above {BUDGET}",
        ),
        (
            standing(coming=Coming(runs=3, missing=(KEY,), unknown=("the size of the tasks of b",))),
            (
                "job etl: at least $0.00 for 3 runs in the next 30 days; whether that stays within "
                f"{BUDGET} is not known: the price table has no eu-west-1 linux arm64 on-demand vcpu-hour, "
                "the size of the tasks of b"
            ),
        ),
        (
            standing(coming=Coming(runs=1), spent=Spent(trouble="no answer")),
            (
                "job etl: $0.00 this month (0 runs), and about $0.00 for 1 run to come; whether that stays within "
                f"{BUDGET} is not known: no answer"
            ),
        ),
        (
            standing(coming=Coming(runs=9, usd=usd("26"), unknown=("when a schedule of b fires",))),
            f"job etl: at least $26.00 for 9 runs in the next 30 days; $26.00 is above {BUDGET}",
        ),
    ],
)
def test_in_a_sentence(found: Standing, said: str) -> None:
    """Whose it is, what there is, and why that is too much; what is known to be too much needs no more reasons."""
    assert said == str(found)


def test_as_json() -> None:
    """Money is text; of a forecast there is nothing that has been."""
    common = {"job": "etl", "estimate": True, "budget_usd": "25"}
    coming = {"coming_usd": "0.20", "coming_runs": 1, "coming_under_way": 0, "at_least": False, "unknown": []}
    one = standing(coming=Coming(runs=1, usd=usd("0.20")))
    assert {**common, **coming, "exceeded": False} == one.to_json()
    spent = {"spent_usd": "24.9", "spent_runs": 7, "unknown_cost_runs": 1, "under_way_runs": 2, "partial": False}
    past = standing(coming=one.coming, spent=Spent(runs=7, usd=usd("24.9"), unknown=1, under_way=2))
    assert {**common, **spent, **coming, "exceeded": True} == past.to_json()
    why = "the price table has no eu-west-1 linux arm64 on-demand vcpu-hour"
    blind = standing(coming=Coming(runs=1, missing=(KEY,))).to_json()
    assert (None, [why], True) == (blind["coming_usd"], blind["unknown"], blind["exceeded"])


def test_all_are_refused_at_once() -> None:
    """Each budget that is exceeded, and none of the others; the last word is how to go on."""
    over = [standing("1", coming=Coming(usd=usd("2"))), standing("1", job=None, coming=Coming(usd=usd("3")))]
    found = exceeded([over[0], standing(), over[1]])
    assert tuple(over) == found
    with pytest.raises(BudgetError) as caught:
        refuse(found)
    assert (tuple(over), f"{over[0]}\n{over[1]}") == (caught.value.exceeded, caught.value.what)
    assert "--over-budget goes on all the same" == caught.value.hint
    refuse(())


@pytest.mark.parametrize(
    ("missing", "hint"),
    [
        ((KEY,), "`jobrunner prices refresh --region eu-west-1` asks AWS for its prices; "),
        ((SPOT,), "Spot prices are not in AWS's price list: `capacity: on-demand` has known ones; "),
    ],
)
def test_where_prices_come_from(missing: Any, hint: str) -> None:
    """AWS tells those that are on demand."""
    with pytest.raises(BudgetError) as caught:
        refuse([standing(coming=Coming(missing=missing))])
    assert f"{hint}--over-budget goes on all the same" == caught.value.hint
