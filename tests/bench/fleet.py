"""Many runs at once: AWS calls, and memory for each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from tests.bench import endpoint
from tests.bench.measure import BenchError, Contender, Laboratory, clean_environment, peer, program
from tests.bench.projects import write_runnable
from tests.bench.report import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.bench.endpoint import RunningEndpoint
    from tests.bench.plan import Plan

#: Of two cores: a task lasts for longer than it takes to start them all, so that they do run at once.
_STARTS_A_SECOND: Final = 100
_LEAST_SECONDS: Final = 2
_JOB: Final = "sleep"
#: `jobrunner show` prints it.
_FAMILY: Final = f"jobrunner-bench-local-{_JOB}"
_PAGE: Final = 100


def measure(plan: Plan, directory: Path) -> Iterator[Result]:
    """Measure fleets, all on one endpoint, beside a single run for the memory that each further one takes."""
    project = write_runnable(directory / "fleet")
    with (
        endpoint.running(project, clean_environment(directory)) as served,
        Laboratory(directory, variables=served.variables, calls=served.calls) as laboratory,
    ):
        # The script finds the task definition, as it would that of a deployment.
        laboratory.output(Contender(name="the first run", argv=_ours(project, "-p", "seconds=0")))
        for runs, rounds in plan.fleet.items():
            yield _result(laboratory, served, project, runs, rounds=rounds)


def _result(laboratory: Laboratory, served: RunningEndpoint, project: Path, runs: int, *, rounds: int) -> Result:
    tasks = Tasks(served)
    alone = laboratory.compare(_contenders(project, 1, seconds=0), rounds=rounds, check=lambda _: tasks.check(1))
    tasks.most = 0
    seconds = max(_LEAST_SECONDS, runs // _STARTS_A_SECOND)
    contenders = _contenders(project, runs, seconds=seconds)
    series = laboratory.compare(contenders, rounds=rounds, check=lambda _: tasks.check(runs))
    return Result(
        title=f"A fleet: {runs:,} runs of sleep {seconds}",
        aim="no more AWS calls than the boto3 script, and under 100 KB a run",
        series=series,
        baselines=[contenders[1].name],
        runs=runs,
        alone=alone,
        notes=[
            f"Up to {tasks.most:,} tasks ran at the same time.",
            "KB/run is what the peak has grown from a single run's, divided among the others.",
        ],
    )


def _contenders(project: Path, runs: int, *, seconds: int) -> list[Contender]:
    words = ["--count", str(runs), "--parallel", str(runs), "-p", f"seconds={seconds}"]
    script = peer("fleet_boto3.py", _FAMILY, str(runs), "sleep", str(seconds))
    return [
        Contender(name="jobrunner run --count", argv=_ours(project, *words)),
        Contender(name="boto3 script, poll 1 s", argv=script),
    ]


def _ours(project: Path, *words: str) -> list[str]:
    return [program("jobrunner"), "run", _JOB, "--project", str(project), *words]


class Tasks:
    """The tasks of the endpoint, as ECS shows them.

    Attributes:
        most: How many were seen to have run at the same time.
    """

    def __init__(self, served: RunningEndpoint) -> None:
        self._served = served
        self._known = set(self._listed())
        self.most = 0

    def check(self, runs: int) -> None:
        """Look at the tasks that are new since the last time.

        Raises:
            BenchError: They are not so many tasks, each told apart from the others, that all have ended well.
        """
        fresh = [arn for arn in self._listed() if arn not in self._known]
        self._known.update(fresh)
        tasks = list(self._described(fresh))
        good = [task for task in tasks if all(one.get("exitCode") == 0 for one in task["containers"])]
        told_apart = {json.dumps(task["overrides"], sort_keys=True) for task in good}
        if not len(tasks) == len(good) == len(told_apart) == runs:
            found = f"{len(tasks)} tasks, {len(good)} with exit code 0, {len(told_apart)} told apart"
            raise BenchError(f"there should be {runs} tasks that stopped well, and there are {found}")
        self.most = max(self.most, _at_once(tasks))

    def _listed(self) -> Iterator[str]:
        question: dict[str, Any] = {"cluster": "jobrunner", "family": _FAMILY, "desiredStatus": "STOPPED"}
        while True:
            page = self._served.ecs("ListTasks", **question)
            yield from page["taskArns"]
            if not page.get("nextToken"):
                return
            question["nextToken"] = page["nextToken"]

    def _described(self, arns: list[str]) -> Iterator[dict[str, Any]]:
        for first in range(0, len(arns), _PAGE):
            yield from self._served.ecs("DescribeTasks", cluster="jobrunner", tasks=arns[first : first + _PAGE])[
                "tasks"
            ]


def _at_once(tasks: Iterable[dict[str, Any]]) -> int:
    """Give how many of the tasks were running at the same time, at most."""
    changes = [change for task in tasks for change in ((task["startedAt"], 1), (task["stoppedAt"], -1))]
    running = most = 0
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return most
