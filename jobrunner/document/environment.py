"""The JOBRUNNER_* variables as one layer of settings, read by pydantic-settings.

pydantic-settings costs about 60 ms more than pydantic to import (it brings asyncio and ssl), so it is imported
only when there is a variable that could be a setting.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobrunner.core.problems import did_you_mean
from jobrunner.core.settings import ProjectFile
from jobrunner.document.tree import Node, Place, mapping
from jobrunner.errors import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "JOBRUNNER_"
STAGE = "JOBRUNNER_STAGE"

#: Settings that the environment cannot set: stages are chosen by it, and a file's choice of one is the file's.
_NOT_FROM_ENVIRONMENT = frozenset({"stages", "default_stage"})
_SETTINGS = tuple(key for key in ProjectFile.model_fields if key not in _NOT_FROM_ENVIRONMENT)
#: What a job sees, and a run inside a job inherits: not settings, and no misspelt ones either.
_OF_A_RUN = ("JOB", "RUN_ID", "ATTEMPT", "TRIGGER", "SCHEDULED_TIME", "KEY")
_LISTS = frozenset({("network", "subnets"), ("network", "security_groups")})


def from_environment(environ: Mapping[str, str]) -> tuple[Node, list[str]]:
    """The layer, and warnings of variables that look like misspelt settings.

    Raises:
        SpecError: A variable that starts like JSON is not JSON.
    """
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value and name != STAGE}
    known = {name: value for name, value in ours.items() if _setting(name) in _SETTINGS}
    warnings = [warning for name in sorted(ours.keys() - known) if (warning := _misspelt(name))]
    if not known:
        return Node({}, Place("the environment"), {}), warnings
    problems: list[Problem] = []
    tree = _tree(_read(known), (), known, problems)
    if problems:
        raise SpecError(problems)
    return tree, warnings


def _setting(name: str) -> str:
    return name.removeprefix(PREFIX).split("__")[0].lower()


def _misspelt(name: str) -> str | None:
    setting = _setting(name)
    if setting.upper() in _OF_A_RUN:
        return None
    near = did_you_mean(setting, [*_SETTINGS, "stage"])
    return f"unknown variable {name}{near.replace(repr(near[15:-2]), PREFIX + near[15:-2].upper())}" if near else None


def _read(known: Mapping[str, str]) -> dict[str, Any]:
    """The variables as nested dictionaries of text, by pydantic-settings' own reader."""
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict  # noqa: PLC0415  # see above

    class FromEnvironment(BaseSettings, ProjectFile):
        model_config = SettingsConfigDict(defer_build=True, enable_decoding=False)

    source = EnvSettingsSource(FromEnvironment, env_prefix=PREFIX, env_nested_delimiter="__")
    # The variables are an argument here and not this process's, as everything that a layer is made of.
    source.env_vars = {name.lower(): value for name, value in known.items()}
    return source()


def _tree(value: Any, path: tuple[str, ...], known: Mapping[str, str], problems: list[Problem]) -> Node:
    place = Place(_variable(path, known))
    if isinstance(value, dict):
        entries = {key: _tree(inner, (*path, key), known, problems) for key, inner in value.items()}
        return mapping(entries, place, {key: node.place for key, node in entries.items()})
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        return _json(value, place, problems)
    if isinstance(value, str) and path in _LISTS:
        return Node([Node(item.strip(), place) for item in value.split(",")], place)
    return Node(value, place)


def _json(text: str, place: Place, problems: list[Problem]) -> Node:
    from jobrunner.document.tree import from_values  # noqa: PLC0415

    try:
        return from_values(_as_text(json.loads(text)), place)
    except (ValueError, RecursionError) as error:
        problems.append(place.problem(f"the value starts like JSON but is not: {error}"))
        return Node(None, place)


def _as_text(value: Any) -> Any:
    """JSON's scalars as the text that a document would hold."""
    if isinstance(value, dict):
        return {key: _as_text(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_text(inner) for inner in value]
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _variable(path: tuple[str, ...], known: Mapping[str, str]) -> str:
    """The variable that set the value at the path."""
    by_lower = {name.lower(): name for name in known}
    for length in range(len(path), 0, -1):
        name = (PREFIX + "__".join(path[:length])).lower()
        if name in by_lower:
            return by_lower[name]
    return "the environment"
