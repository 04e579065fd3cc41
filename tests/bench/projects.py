"""The projects that are measured."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

from tests.bench.measure import HERE

if TYPE_CHECKING:
    from pathlib import Path

REPOSITORY: Final = HERE.parent.parent

_PROJECT: Final = """\
project: bench
default_stage: local
defaults: {cpu: 0.25 vCPU, memory: 512 MB}
"""

#: A job as in the README: most keys, so that a document costs what a document costs.
_JOB: Final = """\
description: Job {number} of the bench.
image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/etl:1.4.{number}
command: [python, -m, etl, --part, "{number}"]
cpu: 1 vCPU
memory: 4 GB
architecture: arm64
capacity: spot
environment: {{LOG_LEVEL: info, PART: "{number}"}}
secrets: {{DATABASE_URL: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:etl-AbCdEf:url::"}}
schedule:
  cron: "{minute} {hour} * * *"
  timezone: Europe/London
timeout: 2h
retries: {{attempts: 3, backoff: 30s, on: [infrastructure, 75]}}
overlap: forbid
tags: {{team: data}}
"""

#: Job → its command. They do next to nothing, so that what is measured is the client.
COMMANDS: Final = {
    "instant": ["echo", "done"],
    "two-seconds": ["sh", "-c", "echo begin; sleep 2; echo end"],
}


def write_many(directory: Path, jobs: int) -> Path:
    """Write a project of so many jobs."""
    folder = directory / "jobs"
    folder.mkdir(parents=True)
    (directory / "jobrunner.yaml").write_text(_PROJECT)
    for number in range(jobs):
        text = _JOB.format(number=number, minute=number % 60, hour=number // 60 % 24)
        (folder / f"job-{number:04}.yaml").write_text(text)
    return directory


def write_runnable(directory: Path) -> Path:
    """Write a project of `COMMANDS`; `lines`, which prints as many lines of 100 bytes as it is told; and `sleep`."""
    folder = directory / "jobs"
    folder.mkdir(parents=True)
    (directory / "jobrunner.yaml").write_text(_PROJECT)
    for name, command in COMMANDS.items():
        (folder / f"{name}.yaml").write_text(_job(command))
    lines = [sys.executable, str(HERE / "peers" / "lines.py"), "${{ params.lines }}"]
    (folder / "lines.yaml").write_text(_job(lines) + "params: {lines: 1000}\n")
    (folder / "sleep.yaml").write_text(_job(["sleep", "${{ params.seconds }}"]) + "params: {seconds: 0}\n")
    return directory


def _job(command: list[str]) -> str:
    # A JSON list is a YAML flow sequence.
    return f"image: example.com/bench:1\ncommand: {json.dumps(command)}\n"
