# ruff: noqa: T201 - a script prints
"""PyYAML reads every file of a project, and nothing is checked. load_yaml.py LOADER DIRECTORY."""

import sys
from pathlib import Path

import yaml

loader = getattr(yaml, sys.argv[1])
files = [file for pattern in ("*.yaml", "jobs/*.yaml") for file in Path(sys.argv[2]).glob(pattern)]
print(sum(yaml.load(file.read_text(), loader) is not None for file in files), "documents")  # noqa: S506 - a safe one
