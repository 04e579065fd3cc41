"""The layers of settings as trees: project file, stage, environment, flags; each checked by itself.

Every value knows its place, so the origin of an effective value is simply where the winning one stands.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobrunner.core import local_stage
from jobrunner.core.settings import LOCAL_VALUES, ProjectFile
from jobrunner.core.spec import JobSpec
from jobrunner.core.wording import did_you_mean, kind_of, listed, quoted
from jobrunner.document.check import check, problems
from jobrunner.document.environment import STAGE, from_environment
from jobrunner.document.files import read_text, shown
from jobrunner.document.parse import parse
from jobrunner.document.tree import Node, Place, from_values, is_mapping, overlay, with_entry, without
from jobrunner.errors import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FILES = ("jobrunner.yaml", "jobrunner.yml")
EMPTY = Node({}, Place("default"), {})
BUILT_IN = f"built-in stage {local_stage.STAGE}"

#: Settings of a real account that make no sense at the local endpoint: a project's do not reach it.
_NOT_LOCAL = ("profile", "log_group", "log_settle", "audit_log_group")
#: Keys of the project file about stages, not of one.
_ABOUT_STAGES = ("stages", "default_stage")


@dataclass(frozen=True, kw_only=True)
class Layers:
    """What was written, from low to high, and what is wrong with it.

    Attributes:
        stage: Name of the stage, or None.
        stage_place: Where the stage was named, or None.
        written: The project file without its stages.
        of_stage: The overlay of the stage.
        environment: The JOBRUNNER_* variables.
        flags: What flags say.
        warnings: Variables that look like misspelt settings.
        problems: All problems of all layers.
    """

    stage: str | None = None
    stage_place: Place | None = None
    written: Node = EMPTY
    of_stage: Node = EMPTY
    environment: Node = EMPTY
    flags: Node = EMPTY
    warnings: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)

    def merged(self) -> Node:
        """The layers laid over each other.

        What the local endpoint brings lies directly under the layer that chose that endpoint, so that a
        project's `cluster: prod` does not reach the local stage, and what the local stage writes itself does.
        """
        layers = (self.written, self.of_stage, self.environment, self.flags)
        chosen = [index for index, layer in enumerate(layers) if "endpoint" in layer.value]
        merged = EMPTY
        for index, layer in enumerate(layers):
            if chosen and index == chosen[-1] and layer.value["endpoint"].value == local_stage.ENDPOINT:
                merged = overlay(merged, _built_in())
            merged = overlay(merged, layer)
        return merged


def read_layers(
    directory: Path, *, stage: str | None, environ: Mapping[str, str], overrides: Mapping[str, object]
) -> Layers:
    """All layers of the project in the directory; what is wrong is collected, not raised."""
    wrong: list[Problem] = []
    file = _project_file(directory, wrong)
    environment, warnings = _environment(environ, wrong)
    flags = _flags(overrides, wrong)
    for layer in (environment, flags):
        wrong += problems(check(ProjectFile, layer)[1], layer)
        wrong += _defaults_problems(layer)
    name, place = _choice(file, stage, environ)
    if name is not None and place is not None and name not in (known := [*_stages(file), local_stage.STAGE]):
        hint = did_you_mean(name, known) or f"; stages: {listed(dict.fromkeys(known))}"
        wrong.append(place.problem(f"there is no stage {quoted(name)}{hint}"))
    return Layers(
        stage=name,
        stage_place=place,
        written=without(file, _ABOUT_STAGES),
        of_stage=_overlay_of(file, name),
        environment=environment,
        flags=flags,
        warnings=tuple(warnings),
        problems=wrong,
    )


def project_file(directory: Path) -> Path | None:
    """The project file of the directory, if it has one."""
    return next((directory / name for name in FILES if os.path.lexists(directory / name)), None)


def stage_names(directory: Path) -> tuple[str, ...]:
    """The stages that the project file of the directory writes, in its order; without the built-in one."""
    return tuple(_stages(_project_file(directory, [])))


def _project_file(directory: Path, wrong: list[Problem]) -> Node:
    path = project_file(directory)
    if path is None:
        return EMPTY
    file = shown(path)
    if path.name == FILES[0] and os.path.lexists(directory / FILES[1]):
        wrong.append(Problem(f"{FILES[1]} stands beside it; keep one of them", file=file))
    try:
        nodes, syntax = parse(read_text(path), file=file)
    except SpecError as error:
        wrong += error.problems
        return EMPTY
    wrong += syntax
    for more in nodes[1:2]:
        wrong.append(more.place.problem("the project file is one document; this is a second one"))
    node = nodes[0] if nodes else EMPTY
    if not is_mapping(node):
        wrong.append(node.place.problem(f"the project file is a mapping (key: value), not {kind_of(node.value)}"))
        return EMPTY
    wrong += problems(check(ProjectFile, node)[1], node)
    for layer in (node, *_stages(node).values()):
        wrong += _defaults_problems(layer)
    return node


def _stages(file: Node) -> Mapping[str, Node]:
    stages = file.value.get("stages")
    return stages.value if stages is not None and is_mapping(stages) else {}


def _defaults_problems(layer: Node) -> Iterator[Problem]:
    """`defaults` by itself: its keys and values, but not what only a whole job must have."""
    defaults = layer.value.get("defaults") if is_mapping(layer) else None
    if defaults is None or not is_mapping(defaults):
        return
    if "name" in defaults.value:
        yield defaults.keys["name"].problem("name cannot be a default: each job has its own")
    # A default env_file is read, and judged, with each job.
    job = with_entry(without(defaults, ("name", "env_file")), "name", Node("defaults", defaults.place))
    yield from problems((one for one in check(JobSpec, job)[1] if not one.across), job)


def _environment(environ: Mapping[str, str], wrong: list[Problem]) -> tuple[Node, list[str]]:
    try:
        return from_environment(environ)
    except SpecError as error:
        wrong += error.problems
        return EMPTY, []


def _flags(overrides: Mapping[str, object], wrong: list[Problem]) -> Node:
    tree = EMPTY
    for key, value in overrides.items():
        place = Place("--" + key.replace("_", "-"))
        try:
            tree = tree if value is None else with_entry(tree, key, from_values(value, place))
        except ValueError as error:
            wrong.append(place.problem(str(error)))
    return tree


def _choice(file: Node, flag: str | None, environ: Mapping[str, str]) -> tuple[str | None, Place | None]:
    """The stage, and where it was named: flag over environment over file. Nobody names one: there is none."""
    if flag:
        return flag, Place("--stage")
    if environ.get(STAGE):
        return environ[STAGE], Place(STAGE)
    default = file.value.get("default_stage")
    if default is not None and isinstance(default.value, str):
        return default.value, default.place
    return None, None


def _overlay_of(file: Node, stage: str | None) -> Node:
    own = _stages(file).get(stage) if stage is not None else None
    node = own if own is not None and is_mapping(own) else EMPTY
    if stage == local_stage.STAGE and "endpoint" not in node.value:
        return with_entry(node, "endpoint", Node(local_stage.ENDPOINT, Place(BUILT_IN)))
    return node


def _built_in() -> Node:
    return from_values({**LOCAL_VALUES, **dict.fromkeys(_NOT_LOCAL)}, Place(BUILT_IN))
