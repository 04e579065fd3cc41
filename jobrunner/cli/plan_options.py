"""The options of the commands that change schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")

_OF_A_PLAN = (
    click.option("--prune", is_flag=True, help="Delete jobrunner's schedules that the project has no more."),
    click.option(
        "--adopt", is_flag=True, help="Take over schedules of the same names that somebody else has made in the group."
    ),
    click.option("--verbose", is_flag=True, help="List what is unchanged, and every field of what is created."),
)


def plan_options(function: F) -> F:
    """Add the options that say what a plan is about."""
    for option in reversed(_OF_A_PLAN):
        function = option(function)
    return function
