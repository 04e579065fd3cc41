"""Amounts of US dollars, as people write them and as they are shown."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from jobrunner.core.wording import quoted

_AMOUNT: Final = re.compile(r"\$?\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)(\s*USD)?", re.IGNORECASE)
_EXAMPLES: Final = "25 USD, $25, 25 or 0.50"
_DOLLAR: Final = Decimal(1)
_CENT: Final = Decimal("0.01")


def parse_usd(value: object) -> Decimal:
    """US dollars of `25 USD`, `$25`, `25` or `0.50`, a `Decimal` or an `int`; up to a billion, to the micro-dollar.

    A `float` is refused: 0.1 of it is not a tenth of a dollar.

    Raises:
        ValueError: It is not an amount, or not above nothing.
    """
    plain = str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value
    text = plain.strip() if isinstance(plain, str) else ""
    match = _AMOUNT.fullmatch(text)
    if match is None or (match[2] and text.startswith("$")):
        raise ValueError(f"{quoted(value)} is not an amount of US dollars; write for instance {_EXAMPLES}")
    amount = Decimal(match[1])
    if not amount:
        raise ValueError(f"{quoted(value)} is not above nothing; write for instance {_EXAMPLES}")
    return amount


def show_usd(amount: Decimal) -> str:
    """Give US dollars: to the cent from one dollar on; below, to the micro-dollar, if there are any."""
    if amount >= _DOLLAR or amount == amount.quantize(_CENT):
        return f"${amount:.2f}"
    return f"${amount:f}"
