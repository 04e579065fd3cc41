"""What the runs of a calendar month have cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from jobrunner.core.account import Account, month_of
from jobrunner.core.figures import Figures, microseconds
from jobrunner.core.spend import Spent

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def run(job: str = "etl", *, cost: int | None = None, **more: Any) -> Figures:
    """One run; over, unless it says otherwise."""
    given: dict[str, Any] = {
        "stage": None, "job": job, "trigger": "manual", "due": microseconds(NOW), "verdict": "succeeded",
        "skipped": False, "duration": None, "attempts": 1, "billed": None, "minimum": 0, "pull": None, "cost": cost,
        "retried": None, "saving": None,
    }  # fmt: skip
    return Figures(**{**given, **more})


def account(*runs: Figures) -> Account:
    """The account of etl."""
    found = Account(since=NOW - timedelta(days=1), job="etl")
    found.take(runs)
    return found


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW, datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime(2026, 11, 1, 0, 0, 0, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime(2026, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))), datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime(2027, 1, 31, 23, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_the_month_is_that_of_utc(now: datetime, expected: datetime) -> None:
    """Whatever the local time is: AWS bills by it."""
    assert expected == month_of(now)


def test_an_empty_month() -> None:
    """Nothing was spent."""
    assert [Spent(), Spent()] == [account().spent(whole=whole) for whole in (True, False)]


def test_sums_are_exact() -> None:
    """Micro-dollars, of the job and of the whole project; a failed run costs, too."""
    found = account(run(cost=823), run(cost=1_000_000, verdict="failed"), run("other", cost=5))
    assert Spent(runs=2, usd=Decimal("1.000823")) == found.spent(whole=False)
    assert Spent(runs=3, usd=Decimal("1.000828")) == found.spent(whole=True)


def test_what_is_not_known_is_counted() -> None:
    """A run that is over without a cost; a skipped one was none."""
    found = account(run(), run("other"), run(skipped=True, verdict="stopped"), run(cost=1))
    assert Spent(runs=1, usd=Decimal("0.000001"), unknown=1) == found.spent(whole=False)
    assert Spent(runs=1, usd=Decimal("0.000001"), unknown=2) == found.spent(whole=True)


def test_what_is_under_way() -> None:
    """Of the job it is counted apart, unless it is so old that nobody has seen its end; of others it is told."""
    old = microseconds(NOW - timedelta(days=1)) - 1
    running = [run(verdict=None), run(verdict=None, due=old + 1), run(verdict=None, due=old)]
    found = account(*running, run("other", verdict=None), run("other", verdict=None, due=old))
    assert 2 == found.under_way
    assert Spent(unknown=1) == found.spent(whole=False)
    assert Spent(unknown=1, under_way=2, partial=True, trouble="no") == found.spent(
        whole=True, partial=True, trouble="no"
    )
