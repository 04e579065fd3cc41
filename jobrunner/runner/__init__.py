"""The façade: what the command line, orchestrators and scripts call.

    with JobRunner.open("path/to/project", stage="prod") as runner:
        run = runner.start("nightly-etl", key="2026-11-23")
        for event in run.events():
            ...
        run.wait().raise_for_failure()

Its methods are in three files, by what they are about: `runs`, `schedules` and `past`; `base` binds them to a project
and to what is outside. It prints nothing, installs no signal handler, and may be used from several threads.
"""

from __future__ import annotations

from jobrunner.ops.handle import Run
from jobrunner.runner.past import PastOfProject
from jobrunner.runner.runs import RunsOfProject
from jobrunner.runner.schedules import SchedulesOfProject

__all__ = ["JobRunner", "Run"]


class JobRunner(RunsOfProject, SchedulesOfProject, PastOfProject):
    """Runs the jobs of one project on one connection.

    Args:
        project: A loaded project.
        connection: Where AWS is; by default what the project's settings say.
        ports: Replaces everything outside, for tests; see `jobrunner.testing`.

    Raises:
        SpecError: The stage's endpoint is `local`, and no connection to a local endpoint is given.
    """
