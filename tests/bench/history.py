"""History of a year: the newest runs, a report, and a sync, beside SQLite alone."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from jobrunner.core.figures import microseconds
from tests.bench.history_runs import JOBS, PROJECT, STAGE, fill, write_events
from tests.bench.measure import HERE, BenchError, Contender, Laboratory, peer, program
from tests.bench.report import Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.bench.measure import Check
    from tests.bench.plan import Plan

_BY_HAND: Final = "SELECT, with sqlite3"
_NEWEST: Final = 50
_DAYS: Final = 30
_PROJECT_FILE: Final = f"""\
project: {PROJECT}
stages:
  {STAGE}: {{region: eu-west-1, cluster: batch}}
"""


def measure(plan: Plan, directory: Path) -> Iterator[Result]:
    """Measure whole commands on a store of a year, and the reading of events into an empty one."""
    now = datetime.now(UTC)
    for runs, rounds in plan.history.items():
        state, project = directory / f"state-{runs}", directory / f"project-{runs}"
        project.mkdir()
        (project / "jobrunner.yaml").write_text(_PROJECT_FILE)
        fill(state, runs, until=now)
        with Laboratory(directory, variables={"JOBRUNNER_STATE_DIR": str(state)}) as laboratory:
            yield _newest(laboratory, project, state / "history.sqlite", runs, rounds=rounds)
            yield _report(laboratory, project, state / "history.sqlite", runs, now, rounds=rounds)
        (state / "history.sqlite").unlink()
    for events, rounds in plan.events.items():
        with Laboratory(directory) as laboratory:
            yield _sync(laboratory, directory / f"events-{events}", events, now, rounds=rounds)


def _newest(laboratory: Laboratory, project: Path, store: Path, runs: int, *, rounds: int) -> Result:
    words = ["history", "--limit", str(_NEWEST), "--since", "366d", "--offline", "--output", "json"]
    by_hand = peer("history_sqlite.py", str(store), "newest", str(_NEWEST))
    return Result(
        title=f"history --limit {_NEWEST} of {runs:,} runs",
        aim="under a second",
        series=laboratory.compare(
            _pair("jobrunner history", project, words, by_hand), rounds=rounds, check=_lines(_NEWEST)
        ),
        baselines=[_BY_HAND],
        notes=[f"The store of {runs:,} runs takes {store.stat().st_size / 1_000_000:,.0f} MB."],
    )


def _report(laboratory: Laboratory, project: Path, store: Path, runs: int, now: datetime, *, rounds: int) -> Result:
    words = ["report", "--since", f"{_DAYS}d", "--by", "job", "--offline", "--output", "json"]
    since = microseconds(now - timedelta(days=_DAYS))
    by_hand = peer("history_sqlite.py", str(store), "report", str(since))

    def check(out: Path) -> None:
        text = out.read_text()
        found = len(json.loads(text)["groups"]) if text.startswith("{") else len(text.splitlines())
        if found != JOBS:
            raise BenchError(f"a report of {JOBS} jobs has {found}")

    return Result(
        title=f"report --since {_DAYS}d --by job, {runs:,} runs in a year",
        aim="under a second",
        series=laboratory.compare(_pair("jobrunner report", project, words, by_hand), rounds=rounds, check=check),
        baselines=[_BY_HAND],
        notes=["The SELECT knows neither a median nor a percentile, nor what was wasted."],
    )


def _sync(laboratory: Laboratory, path: Path, events: int, now: datetime, *, rounds: int) -> Result:
    runs = write_events(path, events, until=now)
    by_hand = Contender(name="json and sqlite3", argv=peer("history_events_sqlite.py", str(path)))
    ours = Contender(name="sync", argv=[sys.executable, str(HERE / "history_sync.py"), str(path), str(runs)])
    expected = {f"{events} events, 0 unreadable, {runs} runs", f"{runs} tasks"}

    def check(out: Path) -> None:
        if out.read_text().strip() not in expected:
            raise BenchError(f"{out.read_text()!r} is none of {expected}")

    return Result(
        title=f"A first sync of {events:,} events of {runs:,} runs",
        aim="under a minute for 100,000 events",
        series=laboratory.compare([ours, by_hand], rounds=rounds, check=check),
        baselines=[by_hand.name],
        notes=[
            "The log is in the memory of both; the script stores the last message of each task, and judges nothing."
        ],
    )


def _pair(name: str, project: Path, words: Sequence[str], by_hand: Sequence[str]) -> list[Contender]:
    ours = [program("jobrunner"), *words, "--project", str(project), "--stage", STAGE]
    return [Contender(name=name, argv=ours), Contender(name=_BY_HAND, argv=by_hand)]


def _lines(expected: int) -> Check:
    def check(out: Path) -> None:
        found = len(out.read_text().splitlines())
        if found != expected:
            raise BenchError(f"there are {found} runs, not {expected}")

    return check
