"""The repository's own documents are valid, and what they start is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from job_scripts import ROOT

from jobrunner.document import Project, load_project

if TYPE_CHECKING:
    from jobrunner.core.spec import JobSpec

JOBS = ["chatty", "etl", "fail", "hello", "migrate", "sidecar", "slow"]


@pytest.fixture(scope="module")
def project() -> Project:
    """The project of the repository, whatever this machine's environment says."""
    return load_project(ROOT, environ={})


def commands(job: JobSpec) -> list[tuple[str, ...]]:
    """What a job starts: its own command, its sidecars', their health checks."""
    beside = job.sidecars.values()
    checks = [sidecar.health_check.command[1:] for sidecar in beside if sidecar.health_check]
    return [tuple(words or ()) for words in (job.command, *(sidecar.command for sidecar in beside), *checks)]


def test_nothing_looks_like_a_slip(project: Project) -> None:
    """The documents are valid, without a warning, and every job is known here."""
    assert (JOBS, ()) == (sorted(project.jobs), project.warnings)


@pytest.mark.parametrize("name", JOBS)
def test_every_script_exists(project: Project, name: str) -> None:
    """Each command, of sidecars and health checks as well, starts a script of the job's own folder."""
    for program, script, *_ in commands(project.jobs[name]):
        assert ("python", f"jobs/{name}/") == (program, script[: len(f"jobs/{name}/")])
        assert (ROOT / script).is_file()


@pytest.mark.parametrize("name", ["etl", "migrate"])
def test_a_locked_database_is_tried_again(project: Project, name: str) -> None:
    """The exit code by which the script says so is one that the job retries."""
    retries = project.jobs[name].retries
    assert retries is not None
    assert ("infrastructure", 75) == retries.on


def test_the_project_is_local_unless_told(project: Project) -> None:
    """The first run needs no AWS account: nobody is sent to the example stage unasked."""
    assert ("jobrunner-demo", "local") == (project.settings.project, project.settings.stage)


def test_the_example_stage_is_complete() -> None:
    """The example of a stage in AWS says all that Fargate needs, and nothing of it is local."""
    settings = load_project(ROOT, stage="prod", environ={}).settings
    assert ("eu-west-1", "jobs", None) == (settings.region, settings.cluster, settings.endpoint)
    assert (2, 1, False) == (
        len(settings.network.subnets or ()),
        len(settings.network.security_groups or ()),
        settings.network.assign_public_ip,
    )
    assert settings.execution_role is not None
