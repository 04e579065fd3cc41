"""A plan as a person reads it: what becomes of each schedule, which fields change, what a month of it costs.

As terraform shows its plans, because its readers know how to read them. What is the same is counted, not listed.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from jobrunner.cli import words
from jobrunner.cli.harmless import harmless_line
from jobrunner.core.plan import Action

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobrunner.core.forecast import Month
    from jobrunner.core.plan import Change, FieldChange, Plan

_SIGNS: Final = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Action.KEEP: " ",
    Action.FOREIGN: "!",
}
_GREEN, _YELLOW, _RED, _BOLD_RED, _RESET = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[1;31m", "\x1b[0m"
_COLOURS: Final = {
    Action.CREATE: _GREEN,
    Action.UPDATE: _YELLOW,
    Action.DELETE: _RED,
    Action.FOREIGN: _BOLD_RED,
}
_CENT: Final = Decimal("0.01")
_LONGEST_VALUE: Final = 120


def text(plan: Plan, *, colour: bool = False, local: bool = False, verbose: bool = False) -> str:
    """Give the whole plan.

    Args:
        plan: What to show.
        colour: Whether it may be coloured.
        local: Whether it is for the local endpoint, where nothing costs anything.
        verbose: Whether to list what is kept, and every field of what is created or deleted, too.
    """
    changes = [change for change in plan.changes if verbose or change.action is not Action.KEEP or change.note]
    lines = [*_rows(changes, colour=colour, verbose=verbose)]
    if plan.register:
        jobs = harmless_line(", ".join(plan.register))
        lines.append(f"First a new revision of the task definition is registered for {jobs}.")
    lines += ["", *summary(plan, local=local)] if lines else summary(plan, local=local)
    return "\n".join(lines) + "\n"


def summary(plan: Plan, *, local: bool) -> Iterator[str]:
    """Give what it comes to: how many of each, and a month."""
    counts = [
        f"{plan.count(Action.CREATE)} to create",
        f"{plan.count(Action.UPDATE)} to update",
        f"{plan.count(Action.DELETE)} to delete",
        f"{plan.count(Action.KEEP)} unchanged",
    ]
    if plan.foreign:
        counts.append(f"{len(plan.foreign)} of somebody else left alone")
    yield f"Plan: {', '.join(counts)}."
    if plan.after is not None and (line := month(plan.before, plan.after, local=local)):
        yield line


def month(before: Month | None, after: Month, *, local: bool) -> str | None:
    """Give the estimate of a month, and what it was if that differs; None of nothing that stays nothing."""
    if after.runs is None:
        return "What it costs a month is not known: of one schedule it is not known when it fires."
    was = None if before is None else _was(before, after)
    if not after.runs:
        return None if was is None else f"Nothing runs in the next 30 days any more (was {was})."
    changed = "" if was is None else f" (was {was})"
    runs = words.counted(after.runs, "run")
    if (said := _money(after)) is None:
        return f"What it costs a month is not known{changed}: {runs} in 30 days."
    said = f"Nothing on the local endpoint; on Fargate {said}" if local else f"{said[0].upper()}{said[1:]}"
    if after.expected is not None:
        past = words.counted(after.past_runs, "past run")
        return f"{said} a month{changed}: an estimate for {runs} in 30 days by the median of {past}{_bounds(after)}."
    unlimited = "" if after.most is not None else "; without a timeout on every job there is no upper limit"
    return f"{said} a month{changed}: an estimate for {runs} in 30 days{unlimited}."


def applied(change: Change, failure: str | None, *, colour: bool = False) -> str:
    """Give the line of a change that was made, or was not."""
    what = f"{change.action} {change.name}{f' ({change.note})' if change.job is None and change.note else ''}"
    mark, paint, said = ("✓", _GREEN, what) if failure is None else ("✗", _RED, f"{what}: failed: {failure}")
    return f"{f'{paint}{mark}{_RESET}' if colour else mark} {harmless_line(said)}"


def _rows(changes: Sequence[Change], *, colour: bool, verbose: bool) -> Iterator[str]:
    width = max((len(harmless_line(change.name)) for change in changes), default=0)
    for change in changes:
        name = f"{harmless_line(change.name):<{width}}"
        head = f"{_SIGNS[change.action]} {change.action:<7} {name}   {_when(change)}".rstrip()
        paint = _COLOURS.get(change.action)
        yield f"{paint}{head}{_RESET}" if colour and paint else head
        if change.note:
            yield f"    {harmless_line(change.note)}"
        if verbose or change.action is Action.UPDATE:
            yield from map(_field, change.fields)
            yield from (
                f"    {harmless_line(one.path)}: {_value(one.new)} (set by hand, stays)" for one in change.by_hand
            )


def _when(change: Change) -> str:
    """Give `30 2 * * * Europe/London → next 2026-11-25 02:30:00Z`."""
    when = harmless_line(" ".join(filter(None, (change.when, change.timezone))))
    if change.paused:
        return f"{when} → paused"
    return when if change.next_fire is None else f"{when} → next {words.moment(change.next_fire)}"


def _field(field: FieldChange) -> str:
    return f"    {harmless_line(field.path)}: {_value(field.old)} → {_value(field.new)}"


def _value(value: object) -> str:
    if value is None:
        return "none"
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    said = said or '""'
    return harmless_line(said if len(said) <= _LONGEST_VALUE else f"{said[:_LONGEST_VALUE]}…")


def _was(before: Month, after: Month) -> str | None:
    """Give what it was; None when that was nothing, or as much as it will be, or as many runs of an unknown price."""
    if before == after or before.runs == 0:
        return None
    if (said := _money(before)) is not None or before.runs is None:
        return said or "not known"
    return None if before.runs == after.runs else f"not known, for {words.counted(before.runs, 'run')}"


def _money(month: Month) -> str | None:
    """Give `about $1.20 to $14.00`, `at least $1.20`; None when it is not known. Less than a cent is nothing much."""
    least, most = month.least, month.most
    if least is None:
        return None
    if month.expected is not None:
        return f"less than {_usd(_CENT)}" if month.expected < _CENT else f"about {_usd(month.expected)}"
    if most is None:
        return f"at least {_usd(least)}"
    if most < _CENT:
        return f"less than {_usd(_CENT)}"
    if least < _CENT:
        return f"up to about {_usd(most)}"
    return f"about {_usd(least)}" if _usd(least) == _usd(most) else f"about {_usd(least)} to {_usd(most)}"


def _bounds(month: Month) -> str:
    """Give `; between $1.20 and $14.00`, `; at least $1.20`; nothing where that is less than a cent."""
    least, most = month.least, month.most
    if least is not None and most is not None and most >= _CENT:
        return f"; between {_usd(least)} and {_usd(most)}"
    return f"; at least {_usd(least)}" if least is not None and most is None and least >= _CENT else ""


def _usd(amount: Decimal) -> str:
    """Give dollars and cents: an estimate has no millionths of them."""
    return f"${amount:,.2f}"
