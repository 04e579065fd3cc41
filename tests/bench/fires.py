"""Fire times: `jobrunner next` of ten thousand of them against croniter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tests.bench.measure import BenchError, Contender, Laboratory, peer, program
from tests.bench.report import Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.plan import Plan

_COUNT: Final = 10_000
#: In working hours: croniter fires twice in the hour that the clocks show twice, and AWS does not.
_CRON: Final = "*/7 9-17 * * MON-FRI"
_ZONE: Final = "Europe/London"
_SINCE: Final = "2026-11-23T00:00:00Z"


def measure(plan: Plan, directory: Path) -> Iterator[Result]:
    """Measure fire times."""
    words = ["next", "--cron", _CRON, "--timezone", _ZONE, "--from", _SINCE, "-n", str(_COUNT), "--output", "json"]
    croniter = Contender(name="croniter, get_next", argv=peer("next_croniter.py", _CRON, _ZONE, _SINCE, str(_COUNT)))
    contenders = [Contender(name="jobrunner next", argv=[program("jobrunner"), *words]), croniter]
    with Laboratory(directory) as laboratory:
        expected = _times(laboratory.output(croniter))

        def check(out: Path) -> None:
            if _times(out.read_text()) != expected:
                raise BenchError(f"not every one of the {_COUNT:,} fire times is croniter's: {out}")

        yield Result(
            title=f"The next {_COUNT:,} fire times of {_CRON} in {_ZONE}",
            aim="within a second",
            series=laboratory.compare(contenders, rounds=plan.startup, check=check),
            baselines=[croniter.name],
        )


def _times(output: str) -> list[tuple[str, str]]:
    found = [(one["utc"], one["local"]) for one in map(json.loads, output.splitlines())]
    if len(found) != _COUNT:
        raise BenchError(f"{len(found):,} fire times were printed, not {_COUNT:,}")
    return found
