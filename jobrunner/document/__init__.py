"""YAML text → tree with positions → checked values, with all problems at once.

`load_project` reads a project; `load_job_text` one job; `find_project` looks for the project's directory.
"""

from __future__ import annotations

from jobrunner.document.env_file import read_env_file
from jobrunner.document.jobs import load_job_text
from jobrunner.document.project import Project, find_project, load_project

__all__ = ["Project", "find_project", "load_job_text", "load_project", "read_env_file"]
