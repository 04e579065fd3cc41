"""What the page says in words and in tables: made here, so that it can be read before, and without, its script."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from jobrunner.cli.page.markup import escaped, named
from jobrunner.cli.page.period import spelled_day
from jobrunner.cli.words import counted, money
from jobrunner.cli.words import duration as spelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobrunner.core.history import Entry
    from jobrunner.core.report import Group, Report

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_MICRODOLLAR: Final = Decimal("0.000001")
_NONE: Final = "\N{EN DASH}"
#: Of the table of groups: what stands above the columns of numbers. The template explains them.
_COLUMNS: Final = (
    "Runs",
    "Success",
    "Median",
    "95th pct.",
    "Billed",
    "Cost",
    "Pulls",
    "Minimum",
    "Failed",
    "Retried",
    "Spot saved",
)


def headline(total: Group) -> str:
    """Give the four figures that are read first."""
    over = total.succeeded + total.failed
    runs = [(total.failed, "failed"), (total.skipped, "skipped"), (total.running, "running")]
    rate = total.success_rate
    return "".join(
        (
            _tile("Runs", f"{total.runs:,}", ", ".join(f"{n:,} {word}" for n, word in runs if n) or _none(over)),
            _tile(
                "Success rate",
                _NONE if rate is None else share(total.succeeded, over),
                "no run is over" if rate is None else f"{total.succeeded:,} of {over:,} that are over",
            ),
            _tile("Billed time", *_billed(total)),
            _tile("Cost", *_cost(total), mark="estimate"),
        )
    )


def _none(over: int) -> str:
    return "none failed" if over else "nothing ran"


def _billed(total: Group) -> tuple[str, str]:
    unknown = total.unknown_billed_runs
    return _known(span(total.billed_seconds), total.billed_seconds, unknown), _unknown(unknown)


def _cost(total: Group) -> tuple[str, str]:
    return _known(dollars(total.cost_usd), total.cost_usd, total.unknown_cost_runs), _unknown(total.unknown_cost_runs)


def _known(said: str, amount: Decimal | float, unknown: int) -> str:
    """Give what is said of a sum, or that it is unknown: of nothing but unknown ones the sum is not nothing."""
    return said if amount or not unknown else "unknown"


def _unknown(runs: int) -> str:
    return f"without {counted(runs, 'run')}, of which it is unknown" if runs else "of all attempts"


def _tile(label: str, figure: str, note: str, *, mark: str = "") -> str:
    marked = f' <span class="mark">{mark}</span>' if mark else ""
    return f'<div class="tile"><dt>{label}{marked}</dt><dd>{figure}</dd><dd class="note">{note}</dd></div>'


def waste(total: Group) -> str:
    """Give in sentences what was paid for and brought nothing, and what Spot saved."""
    if not total.runs:
        return ""
    own = total.waste
    pulled = "" if own.pull_share is None else f", {percent(own.pull_share)} of the billed time"
    lines: list[tuple[str, str, Decimal | float, int]] = [
        ("Image pulls", f"{duration(own.pull_seconds)}{pulled}", own.pull_seconds, total.unknown_pull_runs),
        ("Rounding up to AWS's minimum", duration(own.minimum_seconds), own.minimum_seconds, 0),
        ("Runs that failed", dollars(own.failed_usd), own.failed_usd, total.unknown_failed_cost_runs),
        (
            "Attempts that had to be repeated",
            dollars(own.retried_usd),
            own.retried_usd,
            total.unknown_retried_cost_runs,
        ),
        ("Saved by Spot", dollars(own.spot_saving_usd), own.spot_saving_usd, total.unknown_saving_runs),
    ]
    rows = "".join(
        f"<div><dt>{label}</dt><dd>{_known(said, amount, unknown)}"
        + (f' <span class="note">{_unknown(unknown)}</span>' if unknown else "")
        + "</dd></div>"
        for label, said, amount, unknown in lines
    )
    return f'<h3>Waste and savings</h3><dl class="facts">{rows}</dl>'


def groups(report: Report) -> str:
    """Give the table of the groups, with the total below."""
    head = "".join(f'<th scope="col" class="number">{name}</th>' for name in _COLUMNS)
    body = "".join(f"<tr>{_named_row(one)}</tr>" for one in report.groups)
    by = escaped(report.by.replace("tag:", "tag ").capitalize())
    return (
        f'<thead><tr><th scope="col">{by}</th>{head}</tr></thead><tbody>{body}</tbody>'
        f'<tfoot><tr><th scope="row">Total</th>{_cells(report.total)}</tr></tfoot>'
    )


def _named_row(group: Group) -> str:
    return f'<th scope="row">{named(group.key or _NONE)}</th>{_cells(group)}'


def _cells(group: Group) -> str:
    over, own, took = group.succeeded + group.failed, group.waste, group.duration_seconds
    cells: Iterable[str] = (
        f"{group.runs:,}",
        share(group.succeeded, over) if over else _NONE,
        _NONE if took.median is None else duration(took.median),
        _NONE if took.p95 is None else duration(took.p95),
        _sum(duration(group.billed_seconds), group.billed_seconds, group.unknown_billed_runs),
        _sum(dollars(group.cost_usd), group.cost_usd, group.unknown_cost_runs),
        _NONE if own.pull_share is None else percent(own.pull_share),
        duration(own.minimum_seconds),
        _sum(dollars(own.failed_usd), own.failed_usd, group.unknown_failed_cost_runs),
        _sum(dollars(own.retried_usd), own.retried_usd, group.unknown_retried_cost_runs),
        _sum(dollars(own.spot_saving_usd), own.spot_saving_usd, group.unknown_saving_runs),
    )
    return "".join(f'<td class="number">{cell}</td>' for cell in cells)


def _sum(said: str, amount: Decimal | float, unknown: int) -> str:
    """Say next to a sum that it is not everything."""
    if not amount or not unknown:
        return _known(said, amount, unknown)
    return f'{said} <span class="note">+ {unknown:,} unknown</span>'


def cost_summary(total: Group, cost: dict[str, Any], days: Sequence[str]) -> str:
    """Give what the chart of the cost shows, in words."""
    known = [sum(one["days"][at] or 0 for one in cost["series"]) for at in range(len(days))]
    unknown = sum(cost["unknown"])
    if not cost["series"]:
        return f"{counted(unknown, 'run')} of unknown cost." if unknown else ""
    most = max(range(len(days)), key=known.__getitem__)
    said = [f"{dollars(total.cost_usd)} in {counted(len(days), 'day')}, an estimate."]
    if len(days) > 1:
        said.append(f"The costliest day was {spelled_day(days[most])}, with {micro(known[most])}.")
    other = cost["series"][-1]["jobs"]
    if other > 1:
        said.append(f"The {other} jobs that cost least are stacked as one.")
    if unknown:
        ends = (
            "is not in the bars; a ? marks its day." if unknown == 1 else "are not in the bars; a ? marks their days."
        )
        said.append(f"{counted(unknown, 'run')} of unknown cost {ends}")
    return " ".join(said)


def timeline_note(timeline: dict[str, Any]) -> str:
    """Say what the chart of the runs leaves out."""
    drawn = len(timeline["points"])
    return f"Only the newest {drawn:,} of {drawn + timeline['left']:,} runs are drawn." if timeline["left"] else ""


def calendar_note(calendar: dict[str, Any], days: Sequence[str]) -> str:
    """Say what the calendar leaves out."""
    said = []
    if calendar["first"]:
        said.append(f"Only the last {len(days) - calendar['first']} of {len(days):,} days are shown.")
    if calendar["left"]:
        verb = "is" if calendar["left"] == 1 else "are"
        said.append(f"{counted(calendar['left'], 'job')} with fewer runs {verb} left out.")
    return " ".join(said)


def runs_note(listed: int, runs: int) -> str:
    """Say whether the list is whole."""
    if listed >= runs:
        return ""
    return f"Only the newest {listed:,} of {runs:,} runs are listed; the figures and charts are of all."


def made_of(report: Report, runs: Sequence[Entry]) -> str:
    """Say what the costs are estimated with, and that a local endpoint costs nothing."""
    dates = [str(day) for day in report.prices]
    priced = f"Costs are estimated with Fargate's prices of {' and '.join(dates)}." if dates else ""
    if any(one.source.endpoint_id is not None for one in runs):
        priced += " The runs were on a local endpoint, which costs nothing: it is what Fargate would have charged."
    return priced.strip()


def duration(seconds: float) -> str:
    """Give a duration; none is `0 s`."""
    return spelled(seconds) if seconds else "0 s"


def dollars(amount: Decimal) -> str:
    """Give money to the micro-dollar, whatever it was written with: a column of it is aligned."""
    return money(amount.quantize(_MICRODOLLAR))


def micro(amount: int) -> str:
    """Give micro-dollars."""
    return dollars(amount * _MICRODOLLAR)


def share(part: int, whole: int) -> str:
    """Give per cent with a tenth; never 100 of what is not whole, nor 0 of what is something."""
    tenths = part * 1_000 // whole
    tenths = max(tenths, 1) if part else tenths
    return f"{tenths // 10} %" if part in {0, whole} else f"{tenths // 10}.{tenths % 10} %"


def percent(part: float) -> str:
    """Give a part of 1 in per cent."""
    return f"{part * 100:.0f} %" if not 0 < part < 0.01 else "under 1 %"  # noqa: PLR2004  one per cent


def span(seconds: int) -> str:
    """Give the two largest units, for a figure that is read at a glance: `3d 4h`."""
    parts = []
    rest = seconds
    for size, letter in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m"), (1, "s")):
        number, rest = divmod(rest, size)
        parts.append((number, letter))
    first = next((at for at, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number:,}{letter}" for number, letter in parts[first : first + 2] if number) or "0s"
