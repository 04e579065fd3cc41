"""Schedules as code: the first apply of a thousand jobs, and plans of them, beside a script that asks one by one."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Final

from tests.bench import endpoint
from tests.bench.figures import Sample, Series
from tests.bench.measure import BenchError, Contender, Laboratory, clean_environment, peer, program
from tests.bench.projects import write_many
from tests.bench.report import Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.plan import Plan

_SCRIPT: Final = "boto3 script, one thread"


def measure(plan: Plan, directory: Path) -> Iterator[Result]:
    """Measure plan and apply, all on one endpoint."""
    for jobs, rounds in plan.schedules.items():
        project = write_many(directory / f"schedules-{jobs}", jobs)
        with (
            endpoint.running(project, clean_environment(directory)) as served,
            Laboratory(directory, variables=served.variables, calls=served.calls) as laboratory,
        ):
            yield from _results(laboratory, project, jobs, rounds=rounds)


def _results(laboratory: Laboratory, project: Path, jobs: int, *, rounds: int) -> Iterator[Result]:
    first = Contender(name="jobrunner plan", argv=_ours(project, "bench", "plan", "--output", "json"))
    yield Result(
        title=f"plan, {jobs:,} jobs, nothing applied",
        aim="under 10 s for 1,000 jobs",
        series=laboratory.compare([first], rounds=rounds, check=lambda out: _check_plan(out, "create", jobs)),
        baselines=[],
    )
    yield Result(
        title=f"The first apply, {jobs:,} jobs",
        aim=None,
        series=_applied(laboratory, project, jobs, rounds=rounds),
        baselines=[_SCRIPT],
        notes=["Both register each task definition and create each schedule; each round has a project of its own."],
    )
    again = Contender(name="jobrunner plan", argv=_ours(project, "bench-0", "plan", "--output", "json"))
    script = Contender(name=_SCRIPT, argv=peer("schedules_boto3.py", "compare", "bench-by-hand-0", str(jobs)))

    def check(out: Path) -> None:
        if not out.read_text().startswith("{"):
            _check_script(out, f"{jobs} unchanged")
        else:
            _check_plan(out, "keep", jobs)

    yield Result(
        title=f"plan, {jobs:,} jobs, all applied",
        aim="under 10 s for 1,000 jobs",
        series=laboratory.compare([again, script], rounds=rounds, check=check),
        baselines=[_SCRIPT],
        notes=["Both read each schedule and each task definition."],
    )


def _applied(laboratory: Laboratory, project: Path, jobs: int, *, rounds: int) -> list[Series]:
    """Apply in turn, each time what is not there yet; the first round is there to warm up."""
    samples: dict[str, list[Sample]] = {"jobrunner apply": [], _SCRIPT: []}
    for turn in range(rounds + 1):
        ours = Contender(name="jobrunner apply", argv=_ours(project, f"bench-{turn}", "apply", "--yes"))
        words = ["create", f"bench-by-hand-{turn}", str(jobs)]
        for one in (ours, Contender(name=_SCRIPT, argv=peer("schedules_boto3.py", *words))):
            sample = laboratory.measure(one)
            # jobrunner learns from the first refusal that it has to make the group.
            if sample.calls.get("POST schedules/NAME") not in {jobs, jobs + 1}:
                raise BenchError(f"{one.name} has not created {jobs} schedules: {sample.calls}")
            if turn:
                samples[one.name].append(sample)
    return [Series(name=name, samples=taken) for name, taken in samples.items()]


def _ours(project: Path, name: str, *words: str) -> list[str]:
    named = [str(shutil.which("env")), f"JOBRUNNER_PROJECT={name}"]
    return [*named, program("jobrunner"), *words, "--project", str(project)]


def _check_plan(out: Path, action: str, jobs: int) -> None:
    found = json.loads(out.read_text())["summary"][action]
    if found != jobs:
        raise BenchError(f"the plan has {found} schedules to {action}, not {jobs}")


def _check_script(out: Path, expected: str) -> None:
    if out.read_text().strip() != expected:
        raise BenchError(f"the script printed {out.read_text()!r}, not {expected!r}")
