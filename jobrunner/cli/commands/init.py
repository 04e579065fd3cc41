"""`jobrunner init [DIR]`: a first project that runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobrunner.cli import exits
from jobrunner.cli.options import shared
from jobrunner.errors import SpecError

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation

_PROJECT = """\
# `jobrunner schema project` prints the schema of this file, and `jobrunner schema job` that of jobs/*.yaml.
project: {project}

# `jobrunner run hello` runs on an AWS endpoint that jobrunner starts on this machine: no account is needed.
# A real stage is always named: `jobrunner run hello --stage prod`.
default_stage: local

# What a job that does not say gets.
defaults:
  cpu: 0.25 vCPU
  memory: 512 MB

# stages:
#   prod:
#     region: eu-west-1
#     cluster: jobs
#     network:
#       subnets: [subnet-0123456789abcdef0]
#       security_groups: [sg-0123456789abcdef0]
#     execution_role: arn:aws:iam::123456789012:role/jobrunner-execution
#     task_role: arn:aws:iam::123456789012:role/jobrunner-task
#     scheduler_role: arn:aws:iam::123456789012:role/jobrunner-scheduler   # keeps timeouts when nobody watches
"""

_JOB = """\
# A job is its image and its command; the name is the file's. Run it: jobrunner run hello
image: public.ecr.aws/docker/library/busybox:stable
command: [sh, -c, 'echo "Hello, $GREETED! This is run $JOBRUNNER_RUN_ID of $JOBRUNNER_JOB."']
environment: {GREETED: "${{ params.name }}"}
params: {name: world}     # jobrunner run hello -p name=Fargate
timeout: 10m
"""


@click.command("init")
@click.argument("directory", metavar="[DIR]", default=None, required=False)
@shared
@click.pass_obj
def command(invocation: Invocation, *, directory: str | None) -> int:
    """Write a first project: jobrunner.yaml and one job.

    What exists is never changed. The job runs at once, on the local stage.
    """
    target = Path(directory if directory is not None else invocation.project or ".")
    try:
        target.mkdir(parents=True, exist_ok=True)
        written = list(filter(None, (_project_file(target), _first_job(target))))
    except OSError as error:
        raise SpecError(f"{error.filename or target} cannot be written: {error.strerror or error}") from None
    if invocation.json:
        invocation.write_json({"written": [str(path) for path in written]})
    for path in written:
        invocation.note(f"wrote {path}")
    if not written:
        invocation.note(f"{target} has a project and a job already; nothing was changed")
    elif not invocation.json:
        where = "" if target.resolve() == Path.cwd() else f"cd {target} && "
        invocation.terminal.say(f"  next  {where}jobrunner run hello")
    return exits.OK


def _project_file(target: Path) -> Path | None:
    if any((target / name).exists() for name in ("jobrunner.yaml", "jobrunner.yml")):
        return None
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", target.resolve().name).strip("-_")[:32] or "project"
    return _write(target / "jobrunner.yaml", _PROJECT.format(project=name))


def _first_job(target: Path) -> Path | None:
    jobs = target / "jobs"
    if any(jobs.glob("*.y*ml")):
        return None
    jobs.mkdir(exist_ok=True)
    return _write(jobs / "hello.yaml", _JOB)


def _write(path: Path, text: str) -> Path | None:
    try:
        with path.open("x", encoding="utf-8") as file:  # x: whoever wrote it meanwhile keeps it
            file.write(text)
    except FileExistsError:
        return None
    return path
