"""Durations, money, ages and tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from jobrunner.cli import words

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-1, "0.00 s"),
        (0.042, "0.04 s"),
        (4.24, "4.2 s"),
        (42.4, "42 s"),
        (59.4, "59 s"),
        (59.9, "59 s"),
        (60, "1m"),
        (3723, "1h2m3s"),
        (90061.5, "1d1h1m1s"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    """As much precision as anybody reads."""
    assert expected == words.duration(seconds)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172_800, "2d")],
)
def test_age(seconds: int, expected: str) -> None:
    """One unit, as kubectl; a clock that is ahead of ours makes no negative age."""
    assert expected == words.age(NOW - timedelta(seconds=seconds), NOW)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "unknown: AWS did not say when the image pull began"),
        (0, "0 s: nothing was pulled"),
        (60, "60 s, the minimum"),
        (61, "61 s"),
    ],
)
def test_billed(seconds: int | None, expected: str) -> None:
    """Unknown is said, not guessed, and the minimum is named."""
    assert expected == words.billed(seconds)


@pytest.mark.parametrize(
    ("amount", "local", "seconds", "expected"),
    [
        (None, False, 60, "unknown: the price table has no price for it"),
        (None, False, None, "unknown: so is what is billed"),
        ("0.000206", False, 60, "about $0.000206 (estimate)"),
        ("12.345678", False, 60, "about $12.35 (estimate)"),
        (None, True, 60, "nothing on the local endpoint"),
        ("0.000206", True, 60, "nothing on the local endpoint; on Fargate about $0.000206 (estimate)"),
    ],
)
def test_cost_says_that_it_is_an_estimate(
    amount: str | None,
    local: bool,  # noqa: FBT001  a table
    seconds: int | None,
    expected: str,
) -> None:
    """Wherever a person reads a cost, it is an estimate; on the local endpoint nobody pays."""
    assert expected == words.cost(Decimal(amount) if amount else None, local=local, seconds=seconds)


def test_counted() -> None:
    """One line, two lines, a thousand with its comma."""
    expected = ["0 lines", "1 line", "2 lines", "1,042 lines"]
    assert expected == [words.counted(number, "line") for number in (0, 1, 2, 1042)]


def test_table_is_aligned() -> None:
    """Columns are as wide as their widest cell; no line ends with a space."""
    expected = "A    LONG\nxx   y\nz    longer still\n"
    assert expected == words.table(("A", "LONG"), [("xx", "y"), ("z", "longer still")])


def test_fields_indent_what_goes_on() -> None:
    """A value of several lines stays under itself."""
    assert "  a     one\n        two\n  long  x\n" == words.fields([("a", "one\ntwo"), ("long", "x")], indent="  ")
    assert "" == words.fields([])
