"""The JOBRUNNER_* variables as one layer of settings, read by pydantic-settings.

pydantic-settings takes about 60 ms more than pydantic to import (it brings asyncio and ssl), so it is imported
only when a variable is there that is a setting.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobrunner.core.fields import RUN_VARIABLES
from jobrunner.core.settings import ProjectFile
from jobrunner.core.wording import nearest, visible
from jobrunner.document.tree import MAX_DEPTH, Node, Place, from_values, mapping
from jobrunner.errors import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "JOBRUNNER_"
STAGE = "JOBRUNNER_STAGE"

#: The environment chooses a stage, with STAGE; it does not define any.
_SETTINGS = tuple(key for key in ProjectFile.model_fields if key not in {"stages", "default_stage"})
#: What a job sees, and jobrunner inside of a job inherits: neither settings nor misspelt ones.
_NO_SETTINGS = frozenset({*RUN_VARIABLES, "JOBRUNNER_KEY"})
_LISTS = frozenset({("network", "subnets"), ("network", "security_groups")})


def from_environment(environ: Mapping[str, str]) -> tuple[Node, list[str]]:
    """The layer, and warnings of variables that look like misspelt settings. Empty variables do not count.

    Raises:
        SpecError: A variable that starts like JSON is not JSON, or is nested too deep.
    """
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value and name != STAGE}
    known = {name: value for name, value in ours.items() if _setting(name) in _SETTINGS}
    warnings = [warning for name in sorted(ours.keys() - known) if (warning := _misspelt(name))]
    problems = [
        Problem(f"the name has more than {MAX_DEPTH} parts", file=visible(name[:80]))
        for name in known
        if name.count("__") > MAX_DEPTH
    ]
    if problems or not known:
        return _done(mapping({}, Place("the environment"), {}), problems, warnings)
    return _done(_tree(_read(known), (), known, problems), problems, warnings)


def _done(tree: Node, problems: list[Problem], warnings: list[str]) -> tuple[Node, list[str]]:
    if problems:
        raise SpecError(problems)
    return tree, warnings


def _setting(name: str) -> str:
    return name.removeprefix(PREFIX).split("__")[0].lower()


def _misspelt(name: str) -> str | None:
    meant = None if name in _NO_SETTINGS else nearest(_setting(name), [*_SETTINGS, "stage"])
    return f"unknown variable {visible(name)}; did you mean {PREFIX}{meant.upper()}?" if meant else None


def _read(known: Mapping[str, str]) -> dict[str, Any]:
    """The variables as nested dictionaries of text, by pydantic-settings' own reader."""
    from pydantic_settings import (  # noqa: PLC0415  # see the module's docstring
        BaseSettings,
        EnvSettingsSource,
        SettingsConfigDict,
    )

    class FromEnvironment(BaseSettings, ProjectFile):
        model_config = SettingsConfigDict(defer_build=True, enable_decoding=False)

    source = EnvSettingsSource(FromEnvironment, env_prefix=PREFIX, env_nested_delimiter="__")
    # The variables are an argument here, and not this process's own.
    source.env_vars = {name.lower(): value for name, value in known.items()}
    return source()


def _tree(value: Any, path: tuple[str, ...], known: Mapping[str, str], problems: list[Problem]) -> Node:
    place = Place(_variable(path, known))
    if isinstance(value, dict):
        entries = {key: _tree(inner, (*path, key), known, problems) for key, inner in value.items()}
        return mapping(entries, place, {key: node.place for key, node in entries.items()})
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        return _json(value, place, problems)
    if isinstance(value, str) and path in _LISTS:
        return Node([Node(item.strip(), place) for item in value.split(",")], place)
    return Node(value, place)


def _json(text: str, place: Place, problems: list[Problem]) -> Node:
    try:
        # The scalars stay the text that was written, as in a document.
        value = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
        return from_values(_bools_as_text(value), place)
    except (ValueError, RecursionError) as error:
        reason = str(error) or "it is nested too deep"
        problems.append(place.problem(f"the value starts like JSON and is not: {reason}"))
        return Node(None, place)


def _bools_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _bools_as_text(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_bools_as_text(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else value


def _variable(path: tuple[str, ...], known: Mapping[str, str]) -> str:
    """The variable that set the value at the path: the one of that name, or of a mapping around it."""
    by_lower = {name.lower(): name for name in known}
    names = (f"{PREFIX}{'__'.join(path[:length])}".lower() for length in range(len(path), 0, -1))
    return next((by_lower[name] for name in names if name in by_lower), "the environment")
