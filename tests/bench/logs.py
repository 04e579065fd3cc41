"""The log of a run that is over: lines a second, and peak memory."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from tests.bench import endpoint
from tests.bench.measure import BenchError, Contender, Laboratory, clean_environment, peer, program
from tests.bench.peers.lines import lines
from tests.bench.projects import write_runnable
from tests.bench.report import Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.plan import Plan


def measure(plan: Plan, directory: Path) -> Iterator[Result]:
    """Measure the reading of logs of several lengths, each of a run that has really written it."""
    project = write_runnable(directory / "logs")
    with (
        endpoint.running(project, clean_environment(directory)) as served,
        Laboratory(directory, variables=served.variables, calls=served.calls) as laboratory,
    ):
        for count, rounds in plan.logs.items():
            yield _result(laboratory, project, count, rounds=rounds)


def _result(laboratory: Laboratory, project: Path, count: int, *, rounds: int) -> Result:
    expected = hashlib.sha256("".join(lines(count)).encode()).digest()

    def check(out: Path) -> None:
        with out.open("rb") as file:
            if hashlib.file_digest(file, "sha256").digest() != expected:
                raise BenchError(f"of {count:,} lines, not every one was printed exactly once and in order: {out}")

    run_id, task_id = _write(laboratory, project, count)
    logs = [program("jobrunner"), "logs", run_id, "--project", str(project)]
    script = peer("logs_boto3.py", "/jobrunner/bench/local", f"lines/main/{task_id}")
    contenders = [
        Contender(name="jobrunner logs", argv=logs),
        Contender(name="boto3 get_log_events loop", argv=script),
    ]
    return Result(
        title=f"The log of a run: {count:,} lines of 100 bytes",
        aim="2.5 times the boto3 loop's lines a second; memory that does not grow with the log",
        series=laboratory.compare(contenders, rounds=rounds, check=check),
        baselines=[contenders[1].name],
        lines=count,
    )


def _write(laboratory: Laboratory, project: Path, count: int) -> tuple[str, str]:
    """Run the job that writes so many lines; give the ids of its run and of its task."""
    words = ["--output", "json", "--project", str(project), "run", "lines", "-p", f"lines={count}"]
    run = Contender(name=f"the job that writes {count:,} lines", argv=[program("jobrunner"), *words])
    finished = json.loads(laboratory.output(run).rstrip().rpartition("\n")[2])
    if finished["logs"] != {"complete": True, "events": count}:
        raise BenchError(f"{run.name}: its log is {finished['logs']}")
    return finished["run_id"], finished["task_arn"].rpartition("/")[2]
