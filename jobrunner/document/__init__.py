"""YAML text → tree with positions → checked values, with all problems at once.

`load_project` reads a project and `load_job_text` one job; `find_project` looks for the project's directory;
`read_env_file` reads docker's env files; `stage_names` knows the stages; `job_schema` and `project_schema` are for
editors.
"""

from __future__ import annotations

from jobrunner.document.env_file import read_env_file
from jobrunner.document.jobs import load_job_text
from jobrunner.document.layers import stage_names
from jobrunner.document.project import Project, find_project, load_project
from jobrunner.document.schema import job_schema, project_schema

__all__ = [
    "Project",
    "find_project",
    "job_schema",
    "load_job_text",
    "load_project",
    "project_schema",
    "read_env_file",
    "stage_names",
]
