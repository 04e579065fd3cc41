"""Budgets that are exceeded, said on stderr: what is JSON on stdout says it in words of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.cli.harmless import harmless_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.spend import Standing


def warn(invocation: Invocation, over: Iterable[Standing]) -> None:
    """Say which budgets are exceeded, or may be."""
    for one in over:
        invocation.note(f"warning: {harmless_line(str(one))}")


def going_on(invocation: Invocation, over: Iterable[Standing]) -> None:
    """Say which budgets are exceeded because somebody wants it so."""
    for one in over:
        invocation.note(f"warning: {harmless_line(str(one))}; going on, as --over-budget says")
