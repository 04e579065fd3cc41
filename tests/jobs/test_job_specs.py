"""The repository's own documents are valid, and what they start is there."""

from __future__ import annotations

import pytest
import yaml
from job_scripts import ROOT

from jobrunner.core.settings import ProjectFile
from jobrunner.core.spec import JobSpec, job_spec

JOBS = ["chatty", "etl", "fail", "hello", "migrate", "sidecar", "slow"]


def spec(name: str) -> JobSpec:
    """A job of the repository, its scalars as they are written."""
    text = (ROOT / "jobs" / f"{name}.yaml").read_text("utf-8")
    return job_spec(name=name, **yaml.load(text, yaml.BaseLoader))  # noqa: S506 - the loader that makes text only


def test_every_document_is_known_here() -> None:
    """A job that is added is added to these tests."""
    assert JOBS == sorted(file.stem for file in (ROOT / "jobs").glob("*.yaml"))


@pytest.mark.parametrize("name", JOBS)
def test_every_script_exists(name: str) -> None:
    """Each command, of sidecars and health checks as well, starts a script of the job's own folder."""
    job = spec(name)
    checks = [sidecar.health_check.command[1:] for sidecar in job.sidecars.values() if sidecar.health_check]
    for command in [job.command, *(sidecar.command for sidecar in job.sidecars.values()), *checks]:
        assert command is not None
        assert "python" == command[0]
        assert command[1].startswith(f"jobs/{name}/")
        assert (ROOT / command[1]).is_file()


@pytest.mark.parametrize("name", ["etl", "migrate"])
def test_a_locked_database_is_tried_again(name: str) -> None:
    """The exit code by which the script says so is one that the job retries."""
    retries = spec(name).retries
    assert retries is not None
    assert ("infrastructure", 75) == retries.on


def test_the_project_is_local_unless_told() -> None:
    """The first run needs no AWS account: nobody is sent to the example stage unasked."""
    text = (ROOT / "jobrunner.yaml").read_text("utf-8")
    project = ProjectFile(**yaml.load(text, yaml.BaseLoader))  # noqa: S506 - as above
    assert ("jobrunner-demo", "local") == (project.project, project.default_stage)
    assert ["prod"] == list(project.stages or {})
