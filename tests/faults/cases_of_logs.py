"""Nothing at all, and logs: late, out of order, in bursts, behind empty pages."""

from __future__ import annotations

from typing import Final

from fault_case import FAILS, SIX_LINES, Case, works_for_a_while

from jobrunner.local.faults import LateLogs

WELL: Final = (
    Case(name="well", happens="Nothing goes wrong."),
    Case(
        name="job-fails",
        happens="The job fails.",
        **FAILS,
    ),
)

LOGS: Final = (
    Case(
        name="log-late",
        happens="Every line can be read 0.4 s after it was written, within `log_settle`; the job has failed by then.",
        faults=(LateLogs(seconds=0.4),),
        **FAILS,
        log_settle=1,
    ),
    Case(
        name="log-out-of-order",
        happens="Every other line comes late, within `log_settle`, and stands behind newer ones.",
        faults=(LateLogs(seconds=0.4, every=2),),
        job=works_for_a_while(),
        lines=("1.1", "1.3", "1.2", "1.5", "1.4", "1.6"),
        log_settle=1,
    ),
    Case(
        name="log-in-bursts",
        happens="Lines come in bursts, within `log_settle`, and behind empty pages.",
        faults=(LateLogs(burst=0.5, empty_pages=2),),
        job=works_for_a_while(),
        lines=SIX_LINES,
        log_settle=1,
    ),
    Case(
        name="log-empty-pages",
        happens="There are three empty pages before each page with lines.",
        faults=(LateLogs(empty_pages=3),),
        job=works_for_a_while(),
        lines=SIX_LINES,
    ),
    Case(
        name="log-later-than-promised",
        happens="Every line comes a second late, later than `log_settle` allows for: the first lines show it.",
        faults=(LateLogs(seconds=1),),
        job=works_for_a_while(),
        lines=SIX_LINES,
        log_settle=0.2,
    ),
)
