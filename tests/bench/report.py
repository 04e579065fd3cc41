"""Results as tables for people and as JSON for machines."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench.figures import Sample, Series, Spread, growth, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PACKAGES: Final = ("jobrunner", "boto3", "botocore", "click", "pydantic", "PyYAML", "moto")
_MIB: Final = 1_048_576


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one bench has measured.

    Attributes:
        title: What was done.
        aim: What jobrunner wants to reach; None when nothing was promised.
        series: The contenders.
        baselines: The names of those that the others are compared with.
        lines: How many log lines each run printed; 0 where that is not the point.
        runs: How many runs each contender had at once; 0 where it is one.
        alone: The same contenders with one run, in the same order, where there are several.
        notes: What else is to be said of the figures.
    """

    title: str
    aim: str | None
    series: Sequence[Series]
    baselines: Sequence[str]
    lines: int = 0
    runs: int = 0
    alone: Sequence[Series] = ()
    notes: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """As JSON; times in seconds, memory in bytes."""
        return {
            "title": self.title,
            "aim": self.aim,
            "baselines": list(self.baselines),
            "lines": self.lines,
            "runs": self.runs,
            "alone": [one.document() for one in self.alone],
            "notes": list(self.notes),
            "contenders": [one.document() for one in self.series],
        }


def render(result: Result) -> str:
    """Give the tables of a result: the figures of each contender, then the ratios."""
    rounds = len(result.series[0].samples)
    parts = [f"## {result.title}", f"{rounds} rounds; median (min-max)", _table(_figures(result))]
    parts += [_table(_ratios(result))] if result.baselines else []
    parts += result.notes
    if result.aim:
        parts.append(f"Aim: {result.aim}")
    return "\n\n".join(parts) + "\n"


def machine() -> dict[str, str]:
    """Say what everything was measured on."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {_processor()}",
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _figures(result: Result) -> list[list[str]]:
    counted = any(sample.calls for one in result.series for sample in one.samples)
    head = ["", "wall ms", "CPU ms", "peak MiB"]
    head += ["lines/s"] if result.lines else []
    head += ["AWS calls"] if counted else []
    rows = [_figures_of(one, result.lines, counted=counted) for one in result.series]
    if result.runs:
        head += ["calls/run", "KB/run"]
        for row, many, one in zip(rows, result.series, result.alone, strict=True):
            row.extend(_figures_per_run(many, one, result.runs))
    return [head, *rows]


def _figures_per_run(many: Series, one: Series, runs: int) -> list[str]:
    return [_show(many.of(_calls), 1 / runs, digits=2), f"{growth(many, one, runs=runs) / 1000:,.1f}"]


def _figures_of(one: Series, lines: int, *, counted: bool) -> list[str]:
    row = [one.name, _show(one.of(_wall), 1000), _show(one.of(_cpu), 1000), _show(one.of(_rss), 1 / _MIB, digits=1)]
    if lines:
        row.append(_show(one.of(lambda sample: lines / sample.wall), 1))
    if counted:
        row.append(_show(one.of(_calls), 1))
    return row


def _ratios(result: Result) -> list[list[str]]:
    by_name = {one.name: one for one in result.series}
    rows = [
        ["ratio", "wall", "CPU", "peak", *(["lines/s"] if result.lines else []), *(["calls"] if result.runs else [])]
    ]
    for ours in result.series:
        if ours.name in result.baselines:
            continue
        for name in result.baselines:
            theirs = by_name[name]
            figures: list[Callable[[Sample], float]] = [_wall, _cpu, _rss]
            figures += [lambda sample: 1 / sample.wall] if result.lines else []
            figures += [_calls] if result.runs else []
            shown = [_show(ratio(ours, theirs, figure), 1, digits=2) for figure in figures]
            rows.append([f"{ours.name} / {name}", *shown])
    return rows


def _wall(sample: Sample) -> float:
    return sample.wall


def _cpu(sample: Sample) -> float:
    return sample.cpu


def _rss(sample: Sample) -> float:
    return sample.rss


def _calls(sample: Sample) -> float:
    return sum(sample.calls.values())


def _show(spread: Spread, scale: float, *, digits: int = 0) -> str:
    middle, low, high = (f"{value * scale:,.{digits}f}" for value in (spread.median, spread.low, spread.high))
    return middle if low == high else f"{middle} ({low}-{high})"


def _table(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = ["-" * width for width in widths]
    lines = [
        " | ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(cells))
        for cells in (zip(row, widths, strict=True) for row in (rows[0], rule, *rows[1:]))
    ]
    return "\n".join(f"| {line} |" for line in lines)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"
