"""The report as one HTML file: it opens from a disk, a mail or a bucket, and asks no network for anything."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC
from hashlib import sha256
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Final

from jobrunner.cli.page import sections
from jobrunner.cli.page.data import chart_data
from jobrunner.cli.page.markup import embedded, escaped
from jobrunner.cli.page.period import Period
from jobrunner.cli.page.plotly_js import library
from jobrunner.cli.page.rows import run_rows
from jobrunner.core.wall_clock import zone_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobrunner.core.figures import Figures
    from jobrunner.core.history import Entry
    from jobrunner.core.report import Report

#: One after the other in one function, so that the page has no global names.
_SCRIPTS: Final = ("format.js", "charts.js", "calendar.js", "runs.js", "page.js")


def page(
    *,
    title: str,
    report: Report,
    figures: Sequence[Figures],
    runs: Sequence[Entry],
    made_at: datetime,
) -> str:
    """Give the HTML of a report, about 5 MB of it the chart library.

    Args:
        title: What it is a report of.
        report: Its groups and their total.
        figures: Of every run of the report; the charts are drawn from them.
        runs: The runs to list one by one: all, or the newest, and then the page says so.
        made_at: When it was made.

    Raises:
        FileNotFoundError: The chart library is not installed.
    """
    period = Period.of(report.since, report.until, figures, zone_of(report.timezone))
    charts = chart_data(figures, period)
    days = charts["days"]
    return _filled(
        {
            "title": escaped(title),
            "period": escaped(period.words()),
            "zone": escaped(report.timezone),
            "made_at": f"{made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            "made_of": escaped(sections.made_of(report, runs)),
            "headline": sections.headline(report.total),
            "waste": sections.waste(report.total),
            "groups": sections.groups(report),
            "cost_summary": escaped(sections.cost_summary(report.total, charts["cost"], days)),
            "timeline_note": escaped(sections.timeline_note(charts["timeline"])),
            "calendar_note": escaped(sections.calendar_note(charts["calendar"], days)),
            "runs_note": escaped(sections.runs_note(len(runs), len(figures))),
            "data": embedded(
                {**charts, "zone": report.timezone, "total": report.total.to_json(), "runs": run_rows(runs)}
            ),
        }
    )


def _filled(values: Mapping[str, str]) -> str:
    scripts = {"library": library(), "script": _script()}
    policy = " ".join(f"'sha256-{_digest(text)}'" for text in scripts.values())
    template = Template(_text("template.html"))
    return template.substitute(values, **scripts, style=_text("style.css"), script_policy=policy)


def _script() -> str:
    return "(() => {\n'use strict';\n" + "".join(map(_text, _SCRIPTS)) + "})();\n"


def _digest(script: str) -> str:
    """Name a script in the page's policy: the browser runs these and no other, whatever a text smuggles in."""
    return b64encode(sha256(script.encode()).digest()).decode()


def _text(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
