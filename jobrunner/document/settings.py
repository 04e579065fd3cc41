"""Flag over environment over stage over project file over default: the settings in effect.

Every layer is a tree whose values know their place, so that the origin of a value is simply where the
winning one stands.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobrunner.core import local_stage
from jobrunner.core.frozen import FrozenDict
from jobrunner.core.problems import did_you_mean
from jobrunner.core.settings import AWS, LOCAL_VALUES, Overlay, ProjectFile, Settings
from jobrunner.core.spec import JobSpec, Network
from jobrunner.document.check import check, problems
from jobrunner.document.environment import STAGE, from_environment
from jobrunner.document.files import read_text, shown
from jobrunner.document.parse import parse
from jobrunner.document.tree import (
    Node,
    Place,
    from_values,
    is_mapping,
    leaves,
    mapping,
    overlay,
    place_of,
    with_entry,
    without,
)
from jobrunner.errors import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILES = ("jobrunner.yaml", "jobrunner.yml")
_ONLY_TOP = ("project", "default_stage", "jobs", "stages")
_EMPTY = Node({}, Place("default"), {})


@dataclass(frozen=True, kw_only=True)
class Effective:
    """The settings in effect, and what else the layers say.

    Attributes:
        settings: The values.
        defaults: Keys under every job, as a tree.
        jobs_place: Where `jobs` was written, or None.
        warnings: Variables that look like misspelt settings.
        problems: All that is wrong with the project file; the settings are then a best effort.
    """

    settings: Settings
    defaults: Node
    jobs_place: Place | None
    warnings: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


def project_file(directory: Path) -> Path | None:
    """The project file of the directory, if it has one."""
    return next((directory / name for name in FILES if os.path.lexists(directory / name)), None)


def effective(
    directory: Path, *, stage: str | None, environ: Mapping[str, str], overrides: Mapping[str, object]
) -> Effective:
    """The settings of the project in the directory; problems are collected, not raised."""
    wrong: list[Problem] = []
    written = _read(directory, wrong)
    environment, warnings = _environment(environ, wrong)
    flags = _flags(overrides)
    for layer in (environment, flags):
        wrong += problems(check(ProjectFile, layer)[1], layer)
    name = _stage(written, stage, environ, wrong)
    merged = _layers(written, name, environment, flags)
    if wrong:
        merged = _EMPTY
    values, _ = check(ProjectFile, without(merged, ("stages", "default_stage")))
    settings = _settings(values or ProjectFile(), merged, written, directory, name, environ)
    defaults = merged.value.get("defaults", _EMPTY)
    return Effective(
        settings=settings,
        defaults=defaults if is_mapping(defaults) else _EMPTY,
        jobs_place=(merged.keys or {}).get("jobs"),
        warnings=tuple(warnings),
        problems=tuple(wrong),
    )


def _read(directory: Path, wrong: list[Problem]) -> Node:
    path = project_file(directory)
    if path is None:
        return _EMPTY
    file = shown(path)
    try:
        nodes, syntax = parse(read_text(path), file=file)
    except SpecError as error:
        wrong += error.problems
        return _EMPTY
    wrong += syntax
    if len(nodes) > 1:
        wrong.append(nodes[1].place.problem("the project file is one document; this is a second one"))
    node = nodes[0] if nodes else Node({}, Place(file, 1, 1), {})
    if not is_mapping(node):
        wrong.append(node.place.problem("the project file is a mapping (key: value)"))
        return _EMPTY
    wrong += problems(check(ProjectFile, node)[1], node)
    wrong += _defaults_problems(node)
    return node


def _defaults_problems(node: Node) -> Iterator[Problem]:
    """Each `defaults` by itself: keys and values, but not what a whole job must have."""
    stages = node.value.get("stages")
    overlays = stages.value.values() if stages is not None and is_mapping(stages) else ()
    for layer in (node, *overlays):
        defaults = layer.value.get("defaults") if is_mapping(layer) else None
        if defaults is not None and is_mapping(defaults):
            yield from _partial_problems(defaults)


def _partial_problems(defaults: Node) -> Iterator[Problem]:
    if "name" in defaults.value:
        yield (defaults.keys or {})["name"].problem("name cannot be a default: each job has its own")
    named = with_entry(without(defaults, ("name", "env_file")), "name", Node("defaults", defaults.place))
    _, found = check(JobSpec, named)
    yield from problems([one for one in found if not one.about], named)


def _environment(environ: Mapping[str, str], wrong: list[Problem]) -> tuple[Node, list[str]]:
    try:
        return from_environment(environ)
    except SpecError as error:
        wrong += error.problems
        return _EMPTY, []


def _flags(overrides: Mapping[str, object]) -> Node:
    tree = _EMPTY
    for key, value in overrides.items():
        if value is not None:
            tree = with_entry(tree, key, from_values(value, Place("--" + key.replace("_", "-"))))
    return tree


def _stage(written: Node, flag: str | None, environ: Mapping[str, str], wrong: list[Problem]) -> str | None:
    default = written.value.get("default_stage")
    stages = written.value.get("stages")
    known = [*(stages.value if stages is not None and is_mapping(stages) else ()), local_stage.STAGE]
    choices = [(flag, Place("--stage")), (environ.get(STAGE), Place(STAGE))]
    if default is not None and isinstance(default.value, str):
        choices.append((default.value, default.place))
    for name, place in choices:
        if name:
            if name not in known:
                listed = ", ".join(dict.fromkeys(known))
                wrong.append(place.problem(f"there is no stage {name!r}{did_you_mean(name, known)}; stages: {listed}"))
            return name
    return None


def _layers(written: Node, stage: str | None, environment: Node, flags: Node) -> Node:
    """The layers from low to high, with what the local endpoint brings under whoever chose that endpoint."""
    layers = [without(written, ("stages", "default_stage")), _overlay_of(written, stage), environment, flags]
    chosen = [index for index, layer in enumerate(layers) if "endpoint" in layer.value]
    merged = _EMPTY
    for index, layer in enumerate(layers):
        if chosen and index == chosen[-1] and layer.value["endpoint"].value == local_stage.ENDPOINT:
            merged = overlay(merged, _built_in())
        merged = overlay(merged, layer)
    return merged


def _overlay_of(written: Node, stage: str | None) -> Node:
    stages = written.value.get("stages")
    own = stages.value.get(stage) if stages is not None and is_mapping(stages) else None
    node = own if own is not None and is_mapping(own) else _EMPTY
    if stage == local_stage.STAGE and "endpoint" not in node.value:
        return with_entry(node, "endpoint", Node(local_stage.ENDPOINT, Place(_BUILT_IN)))
    return node


_BUILT_IN = f"built-in stage {local_stage.STAGE}"
#: Settings of a real account that make no sense at the local endpoint: a project's do not reach it.
_NOT_LOCAL = ("profile", "log_group", "log_settle", "audit_log_group")


def _built_in() -> Node:
    return from_values({**LOCAL_VALUES, **dict.fromkeys(_NOT_LOCAL)}, Place(_BUILT_IN))


def _settings(
    values: ProjectFile, merged: Node, written: Node, directory: Path, stage: str | None, environ: Mapping[str, str]
) -> Settings:
    project = values.project or sanitised(directory.resolve().name)
    local = values.local
    given: dict[str, Any] = {
        key: getattr(values, key)
        for key in (
            "region",
            "profile",
            "cluster",
            "execution_role",
            "task_role",
            "log_retention",
            "log_settle",
            "audit_log_group",
            "jobs",
            "on_interrupt",
        )
        if getattr(values, key) is not None
    }
    origins = dict(_origins(merged, written, stage))
    if "region" not in given and (variable := _region_variable(environ)):
        given["region"] = environ[variable]
        origins["region"] = variable
    return Settings(
        project=project,
        stage=stage,
        network=values.network or Network(),
        log_group=values.log_group or "/".join(filter(None, ("/jobrunner", project, stage))),
        tags=values.tags or FrozenDict(),
        state_dir=state_directory(values.state_dir, merged, directory, environ),
        endpoint=None if values.endpoint == AWS else values.endpoint,
        local_startup=local.startup if local else None,
        local_deprovision=local.deprovision if local else None,
        provenance=FrozenDict(origins),
        **given,
    )


def _region_variable(environ: Mapping[str, str]) -> str | None:
    """boto3 reads AWS_DEFAULT_REGION, the AWS SDKs agree on AWS_REGION."""
    return next((name for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if environ.get(name)), None)


def sanitised(name: str) -> str:
    """A directory's name as a project's: what is not allowed becomes `-`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:32] or "project"


def state_directory(written: str | None, merged: Node, directory: Path, environ: Mapping[str, str]) -> Path:
    """The directory of the run records. A relative path in a file is relative to the file."""
    home = Path(environ.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111  # Path.home() raises without HOME
    if written is None:
        base = environ.get("XDG_STATE_HOME")
        # XDG base directory specification: a relative path here is invalid and to be ignored.
        return (Path(base) if base and Path(base).is_absolute() else home / ".local" / "state") / "jobrunner"
    path = home / written.removeprefix("~/") if written.startswith("~/") else Path(written)
    from_file = place_of(merged, ("state_dir",)).line is not None
    return directory.absolute() / path if from_file else path.absolute()


def _origins(merged: Node, written: Node, stage: str | None) -> Iterator[tuple[str, str]]:
    """Dotted key → where its value stands."""
    of_stage = {place for _, place in leaves(_overlay_of(written, stage))}
    for path, place in leaves(merged):
        if place.file.startswith("--"):
            origin = f"flag {place.file}"
        else:
            origin = f"{place} (stage {stage})" if place in of_stage and place.line else str(place)
        yield ".".join(path), origin
