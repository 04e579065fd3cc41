"""Amounts of US dollars."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core.money import parse_usd, show_usd


@pytest.mark.parametrize(
    ("written", "usd"),
    [
        ("25 USD", "25"),
        ("25USD", "25"),
        ("25 usd", "25"),
        ("$25", "25"),
        (" $ 25.00 ", "25.00"),
        ("25", "25"),
        ("0.50", "0.50"),
        ("0.000001", "0.000001"),
        ("999999999", "999999999"),
        (25, "25"),
        (Decimal("0.1"), "0.1"),
    ],
)
def test_spellings(written: object, usd: str) -> None:
    """As people write money, and as Python has it."""
    assert Decimal(usd) == parse_usd(written)


@pytest.mark.parametrize(
    "written",
    ["", "much", "-5", "$-5", "1,000", "1.0000001", "1000000000", ".5", "5.", "25 EUR", "$25 USD", "USD 25", "1e3",
     "٢٥", "25 USD\n1", 0.1, True, None, [25], -5],
)  # fmt: skip
def test_no_amounts(written: object) -> None:
    """Nothing is guessed: not a comma, not another currency, and no number that is not exact."""
    with pytest.raises(
        ValueError, match=r"is not an amount of US dollars; write for instance 25 USD, \$25, 25 or 0\.50$"
    ):
        parse_usd(written)


@pytest.mark.parametrize("written", ["0", "$0.00", 0])
def test_nothing_is_no_budget(written: object) -> None:
    """Who wants no run at all does not write a budget."""
    with pytest.raises(ValueError, match=f"^{re.escape(repr(written))} is not above nothing; write for instance"):
        parse_usd(written)


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        ("25", "$25.00"),
        ("1", "$1.00"),
        ("1234.567", "$1234.57"),
        ("0.5", "$0.50"),
        ("0", "$0.00"),
        ("0.250000", "$0.25"),
        ("0.999999", "$0.999999"),
        ("0.000823", "$0.000823"),
    ],
)
def test_as_shown(usd: str, said: str) -> None:
    """To the cent from a dollar on; what is less is as exact as it is."""
    assert said == show_usd(Decimal(usd))


@given(st.integers(1, 10**12))
def test_what_is_written_is_read(micro: int) -> None:
    """To the micro-dollar, in each spelling."""
    usd = Decimal(micro).scaleb(-6)
    if usd < 10**9:
        assert [usd, usd, usd] == [parse_usd(text) for text in (f"{usd:f}", f"${usd:f}", f"{usd:f} USD")]
