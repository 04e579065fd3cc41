"""Flag over environment over stage over project file over default: the settings in effect."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobrunner.core.frozen import FrozenDict
from jobrunner.core.naming import schedule_group
from jobrunner.core.settings import AWS, KEYS, ProjectFile, Settings
from jobrunner.core.spec import Network
from jobrunner.document.check import check
from jobrunner.document.layers import EMPTY, Layers, read_layers
from jobrunner.document.tree import is_mapping, leaves, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobrunner.document.tree import Node, Place
    from jobrunner.errors import Problem

#: Settings whose effective value is simply the written one, where one is written.
_AS_WRITTEN = (
    "region",
    "profile",
    "cluster",
    "network",
    "execution_role",
    "task_role",
    "scheduler_role",
    "schedule_group",
    "state_machine",
    "dead_letter_queue",
    "first_look",
    "log_group",
    "log_retention",
    "log_settle",
    "task_settle",
    "audit_log_group",
    "history_log_group",
    "tags",
    "budget",
    "jobs",
    "on_interrupt",
)


@dataclass(frozen=True, kw_only=True)
class Effective:
    """The settings in effect, and what else the layers say.

    Attributes:
        settings: The values; of a project with problems, the defaults.
        defaults: Keys under every job, as a tree.
        jobs_place: Where `jobs` was written, or None.
        warnings: Variables that look like misspelt settings.
        problems: All that is wrong with the layers.
    """

    settings: Settings
    defaults: Node
    jobs_place: Place | None
    warnings: tuple[str, ...]
    problems: tuple[Problem, ...]


def effective(
    directory: Path, *, stage: str | None, environ: Mapping[str, str], overrides: Mapping[str, object]
) -> Effective:
    """The settings of the project in the directory; what is wrong is collected, not raised."""
    layers = read_layers(directory, stage=stage, environ=environ, overrides=overrides)
    merged = layers.merged()
    values, _ = check(ProjectFile, merged)
    defaults = merged.value.get("defaults", EMPTY)
    return Effective(
        settings=_settings(values or ProjectFile(), merged, layers, directory, environ),
        defaults=defaults if is_mapping(defaults) else EMPTY,
        jobs_place=merged.keys.get("jobs"),
        warnings=layers.warnings,
        problems=tuple(layers.problems),
    )


def _settings(
    values: ProjectFile, merged: Node, layers: Layers, directory: Path, environ: Mapping[str, str]
) -> Settings:
    project = values.project or sanitised(Path(os.path.abspath(directory)).name)  # noqa: PTH100  # resolve() may raise
    given: dict[str, Any] = {
        "log_group": "/".join(filter(None, ("/jobrunner", project, layers.stage))),
        "schedule_group": schedule_group(project=project, stage=layers.stage),
        "history_log_group": f"/aws/events/{schedule_group(project=project, stage=layers.stage)}",
        "network": Network(),
        **{key: value for key in _AS_WRITTEN if (value := getattr(values, key)) is not None},
    }
    origins = dict.fromkeys(KEYS, "default") | dict(_origins(merged, layers))
    variable = next((name for name in REGION_VARIABLES if environ.get(name)), None)
    if "region" not in given and variable is not None:
        given["region"] = environ[variable]
        origins["region"] = variable
    return Settings(
        project=project,
        stage=layers.stage,
        state_dir=_state_directory(values.state_dir, merged, directory, environ),
        endpoint=None if values.endpoint == AWS else values.endpoint,
        local_startup=values.local.startup if values.local else None,
        local_deprovision=values.local.deprovision if values.local else None,
        provenance=FrozenDict(origins),
        **given,
    )


#: What the AWS SDKs agree on, and what boto3 reads. A region of a profile is boto3's to find.
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


def sanitised(name: str) -> str:
    """A directory's name as a project's: what is not allowed becomes `-`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:32] or "project"


def _state_directory(written: str | None, merged: Node, directory: Path, environ: Mapping[str, str]) -> Path:
    """The directory of the run records. A relative path in a file is relative to the file."""
    home = Path(environ.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111  # Path.home() raises without HOME
    if written is None:
        base = environ.get("XDG_STATE_HOME")
        # XDG base directory specification: a relative path here is invalid and to be ignored.
        return (Path(base) if base and Path(base).is_absolute() else home / ".local" / "state") / "jobrunner"
    path = home / written[1:].lstrip("/") if written == "~" or written.startswith("~/") else Path(written)
    from_file = place_of(merged, ("state_dir",)).line is not None
    return directory.absolute() / path if from_file else path.absolute()


def _origins(merged: Node, layers: Layers) -> Iterator[tuple[str, str]]:
    """Dotted key → where its value stands. What `defaults` holds is no setting, but part of the jobs."""
    if layers.stage_place is not None:
        yield "stage", _origin(layers.stage_place)
    of_stage = {place for _, place in leaves(layers.of_stage)}
    for path, place in leaves(merged):
        if path[0] != "defaults":
            suffix = f" (stage {layers.stage})" if place in of_stage and place.line else ""
            yield ".".join(path), _origin(place) + suffix


def _origin(place: Place) -> str:
    return f"flag {place}" if place.file.startswith("--") else str(place)
