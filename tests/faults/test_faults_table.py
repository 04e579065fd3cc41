"""docs/fault-table.md says what the cases assert."""

from __future__ import annotations

from cases import CASES, GROUPS
from table import PATH, table
from ways import WAYS


def test_the_table_is_up_to_date() -> None:
    """`python tests/faults/table.py` writes it."""
    assert table() == PATH.read_text(encoding="utf-8")


def test_every_case_has_a_row() -> None:
    """A case in no group would be tried by nobody; one in two would have two rows."""
    assert sorted(case.name for cases in GROUPS.values() for case in cases) == sorted({case.name for case in CASES})


def test_the_ways_are_those_of_the_page() -> None:
    """It names them."""
    assert ("run", "attach", "logs") == WAYS
