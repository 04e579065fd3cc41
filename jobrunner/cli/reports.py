"""A report as a table, with the waste under it in words; and as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from jobrunner.cli import words
from jobrunner.cli.harmless import harmless_line
from jobrunner.core.billing import MINIMUM_SECONDS
from jobrunner.core.durations import format_duration
from jobrunner.core.report import By, parse_grouping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from jobrunner.core.report import Group, Report

#: Columns of a screen that the table fits: names are cut for it, but to no less than their shortest.
WIDTH: Final = 100
_SHORTEST: Final = 12
_GAP: Final = "  "
_NOTHING: Final = "-"
_MINUTE: Final = 60
#: What spreadsheets take for the beginning of a formula, full-width letters among them ("CSV Injection", OWASP).
_FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
#: The columns of the CSV, each with where it stands in the JSON of a group.
_CSV: Final[Mapping[str, tuple[str, ...]]] = {
    "key": ("key",),
    "runs": ("runs",),
    "succeeded": ("succeeded",),
    "failed": ("failed",),
    "skipped": ("skipped",),
    "running": ("running",),
    "success_rate": ("success_rate",),
    "median_seconds": ("duration_seconds", "median"),
    "p95_seconds": ("duration_seconds", "p95"),
    "billed_seconds": ("billed_seconds",),
    "unknown_billed_runs": ("unknown_billed_runs",),
    "cost_usd": ("cost_usd",),
    "unknown_cost_runs": ("unknown_cost_runs",),
    "pull_seconds": ("waste", "pull_seconds"),
    "pull_share": ("waste", "pull_share"),
    "unknown_pull_runs": ("unknown_pull_runs",),
    "minimum_seconds": ("waste", "minimum_seconds"),
    "failed_usd": ("waste", "failed_usd"),
    "unknown_failed_cost_runs": ("unknown_failed_cost_runs",),
    "retried_usd": ("waste", "retried_usd"),
    "unknown_retried_cost_runs": ("unknown_retried_cost_runs",),
    "spot_saving_usd": ("waste", "spot_saving_usd"),
    "unknown_saving_runs": ("unknown_saving_runs",),
}


def text(report: Report, *, region: str | None, local: bool) -> str:
    """Give the report as a person reads it.

    Args:
        report: The report.
        region: Whose prices they are.
        local: Whether it is of runs on the local endpoint, which cost nothing.
    """
    parts = [_heading(report), _table(report)]
    if report.groups:
        parts += [
            words.fields(_waste(report.total)),
            "".join(f"{note}\n" for note in _notes(report, region, local=local)),
        ]
    return "\n".join(parts)


def csv_text(report: Report) -> str:
    """Give the groups as CSV (RFC 4180), numbers as they are, unknown ones empty.

    Without the total: whoever sums a column must not count it twice. A text that a spreadsheet would take for a formula
    has an apostrophe before it.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_CSV)
    writer.writerows([_cell(group.to_json(), path) for path in _CSV.values()] for group in report.groups)
    return out.getvalue()


def _cell(document: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = document
    for name in path:
        value = value[name]
    inert = path != ("key",) or not value.startswith(_FORMULA)
    return value if inert else f"'{value}"


def _heading(report: Report) -> str:
    stage = f", stage {report.stage}" if report.stage is not None else ""
    start = "from the beginning" if report.since is None else f"from {words.moment(report.since)}"
    end = "on" if report.until is None else f"until {words.moment(report.until)}"
    zone = "" if report.timezone == "UTC" else f" ({report.timezone})"
    return f"{report.project}{stage}: {start} {end}, by {harmless_line(report.by)}{zone}; costs are estimates\n"


def _table(report: Report) -> str:
    groups = (*report.groups, report.total)
    columns = [_names(report), *_figures(groups, cents=report.total.cost_usd >= 1)]
    taken = sum(len(_GAP) + max(map(len, column)) for column in columns[1:])
    columns[0] = [_cut(name, max(_SHORTEST, WIDTH - taken)) for name in columns[0]]
    widths = [max(map(len, column)) for column in columns]
    return "".join(
        _GAP.join(
            [f"{name:<{widths[0]}}", *(f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))]
        )
        + "\n"
        for name, *cells in zip(*columns, strict=True)
    )


def _names(report: Report) -> list[str]:
    header = str(parse_grouping(report.by).by).upper()
    return [header, *(harmless_line(group.key or "") for group in report.groups), "TOTAL"]


def _figures(groups: Sequence[Group], *, cents: bool) -> Iterator[list[str]]:
    """Give the other columns; those of what hardly ever happens, only if it has."""
    yield ["RUNS", *(f"{group.runs:,}" for group in groups)]
    yield ["FAILED", *(f"{group.failed:,}" for group in groups)]
    if any(group.skipped for group in groups):
        yield ["SKIPPED", *(f"{group.skipped:,}" for group in groups)]
    if any(group.running for group in groups):
        yield ["RUNNING", *(f"{group.running:,}" for group in groups)]
    yield ["SUCCESS", *map(_success, groups)]
    yield ["MEDIAN", *(_seconds(group.duration_seconds.median) for group in groups)]
    yield ["P95", *(_seconds(group.duration_seconds.p95) for group in groups)]
    yield ["BILLED", *map(_billed, groups)]
    yield ["COST", *(_cost(group, cents=cents) for group in groups)]


def _cut(name: str, width: int) -> str:
    """Leave out the middle of a name that is too long: both its ends tell it from others."""
    if len(name) <= width:
        return name
    end = (width - 1) // 2
    return f"{name[: width - 1 - end]}…{name[-end:]}"


def _success(group: Group) -> str:
    """Give the rate to a tenth of a percent, rounded down: 100 % is said of no group with a failure."""
    over = group.succeeded + group.failed
    if not over:
        return _NOTHING
    tenths = group.succeeded * 1000 // over
    return f"{tenths // 10}.{tenths % 10} %"


def _seconds(seconds: float | None) -> str:
    return _NOTHING if seconds is None else words.duration(seconds)


def _billed(group: Group) -> str:
    return _known(_time(group.billed_seconds), group.unknown_billed_runs, known=bool(group.billed_seconds))


def _time(seconds: int) -> str:
    return f"{seconds} s" if seconds < _MINUTE else format_duration(seconds)


def _cost(group: Group, *, cents: bool) -> str:
    amount = group.cost_usd
    small = cents and amount > 0 and not round(amount, 2)
    said = "<$0.01" if small else f"${amount:,.2f}" if cents else f"${amount:.6f}"
    return _known(said, group.unknown_cost_runs, known=bool(amount))


def _known(said: str, unknown: int, *, known: bool) -> str:
    """Say of a sum that some is unknown of it; of one of which nothing is known, no number at all."""
    if not unknown:
        return said
    return f"≥ {said}" if known else "unknown"


def _waste(total: Group) -> Iterator[tuple[str, str]]:
    """Give what was paid for and brought nothing, in words, and what Spot saved."""
    waste = total.waste
    rows: list[tuple[str, str]] = []
    if waste.pull_share:
        pulled = words.duration(waste.pull_seconds)
        rows.append(("images", f"{waste.pull_share * 100:.1f} % of the billed time is their pull, {pulled}"))
    if waste.minimum_seconds:
        seconds = f"{waste.minimum_seconds:,} s"
        rows.append(("minimum", f"{seconds} were paid only because AWS bills {MINIMUM_SECONDS} s at least"))
    if failed := _amount(waste.failed_usd, total.unknown_failed_cost_runs):
        rows.append(("failed", f"{failed} for {words.counted(total.failed, 'run')} that failed"))
    if retried := _amount(waste.retried_usd, total.unknown_retried_cost_runs):
        rows.append(("retries", f"{retried} for the attempts before those that succeeded"))
    saving = waste.spot_saving_usd
    if saved := _amount(abs(saving), total.unknown_saving_runs):
        rows.append(
            ("Spot", f"saved {saved} against on demand" if saving >= 0 else f"cost {saved} more than on demand")
        )
    for number, (what, said) in enumerate(rows or [("nothing", "")]):
        yield ("" if number else "waste", f"{what:<9}{said}".rstrip())


def _amount(usd: Decimal, unknown: int) -> str | None:
    """Give an amount of which some may be unknown; None of nothing at all."""
    if not usd and not unknown:
        return None
    return _known(words.money(usd), unknown, known=bool(usd))


def _notes(report: Report, region: str | None, *, local: bool) -> Iterator[str]:
    total = report.total
    for unknown, what in (
        (total.unknown_cost_runs, "cost"),
        (total.unknown_billed_runs, "billed time"),
        (total.unknown_pull_runs, "image pull"),
    ):
        if unknown:
            yield f"of {words.counted(unknown, 'run')} the {what} is unknown, and not in the sums"
    if total.running:
        yield f"{_are(total.running)} not over yet: what they are billed is not in the sums"
    if total.skipped:
        yield f"{words.counted(total.skipped, 'run')} skipped, because another one was under way: not among RUNS"
    if parse_grouping(report.by).by is By.TAG:
        yield "a run counts for each tag that its job has in the project now, and once in the total"
    yield _prices(report, region)
    if local:
        yield f"the local endpoint costs nothing: the costs are those on Fargate in {region}"


def _are(runs: int) -> str:
    return f"{words.counted(runs, 'run')} {'is' if runs == 1 else 'are'}"


def _prices(report: Report, region: str | None) -> str:
    dates = dict.fromkeys(day.isoformat() for day in (*report.prices[:1], *report.prices[-1:]))
    if not dates:
        return f"no price of Fargate in {region} is known; `jobrunner prices` shows those that are"
    return f"estimated with prices as of {' to '.join(dates)}: `jobrunner prices --region {region}`"
