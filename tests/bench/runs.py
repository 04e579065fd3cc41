"""A whole run: start a task, wait for its end, show its log, pass its exit code on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench import endpoint
from tests.bench.measure import BenchError, Contender, Laboratory, clean_environment, peer, program
from tests.bench.projects import COMMANDS, write_runnable
from tests.bench.report import Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.plan import Plan


def measure(plan: Plan, directory: Path) -> Iterator[Result]:
    """Measure whole runs, all on one endpoint."""
    project = write_runnable(directory / "runs")
    with (
        endpoint.running(project, clean_environment(directory)) as served,
        Laboratory(directory, variables=served.variables, calls=served.calls) as laboratory,
    ):
        yield _result(laboratory, project, "instant", "done\n", rounds=plan.instant)
        yield _result(laboratory, project, "two-seconds", "begin\nend\n", rounds=plan.seconds)


def _result(laboratory: Laboratory, project: Path, job: str, expected: str, *, rounds: int) -> Result:
    def check(out: Path) -> None:
        printed = out.read_text()
        if printed != expected:
            raise BenchError(f"the job {job} printed {printed!r}, not {expected!r}")

    ours = [program("jobrunner"), "run", job, "--project", str(project)]
    contenders = [
        Contender(name="jobrunner run", argv=ours),
        _script(job, "boto3 script, poll 1 s", "1"),
        _script(job, "boto3 script, poll 0.1 s", "0.1"),
        _script(job, "boto3 script, tasks_stopped waiter", "waiter"),
    ]
    return Result(
        title=f"A whole run of a task: {' '.join(COMMANDS[job])}",
        aim="no slower than the boto3 script, wall and CPU",
        series=laboratory.compare(contenders, rounds=rounds, check=check),
        baselines=[one.name for one in contenders[1:]],
    )


def _script(job: str, name: str, pause: str) -> Contender:
    # `jobrunner show JOB` prints the names; that the script finds the task definition and the log proves them.
    names = [f"jobrunner-bench-local-{job}", "/jobrunner/bench/local", job]
    return Contender(name=name, argv=peer("run_boto3.py", *names, pause, *COMMANDS[job]))
