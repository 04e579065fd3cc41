"""Files of environment variables in docker's syntax (`docker run --env-file`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jobrunner.core.fields import VARIABLE_NAME
from jobrunner.document.files import read_text, shown
from jobrunner.errors import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAME = re.compile(VARIABLE_NAME)


def read_env_file(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of a file: `NAME=VALUE` lines, `#` comments, and `NAME` alone for this process's value.

    As with docker, nothing is unquoted or expanded, and a `NAME` alone that is not set here is left out.

    Args:
        path: The file.
        environ: The environment of this process.

    Raises:
        SpecError: The file cannot be read, or a line is none of these; with all such lines.
    """
    values: dict[str, str] = {}
    problems: list[Problem] = []
    file = shown(path)
    for number, raw in enumerate(read_text(path).split("\n"), 1):
        line = raw.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if _NAME.fullmatch(name) is None:
            problems.append(Problem(_bad_name(name, bool(equals)), file=file, line=number, column=1))
        elif equals:
            values[name] = value
        elif name in environ:
            values[name] = environ[name]
    if problems:
        raise SpecError(problems)
    return values


def _bad_name(name: str, has_value: bool) -> str:  # noqa: FBT001  # private, called once
    if not has_value:
        return "this line is not NAME=VALUE"  # the line may hold a secret: it is not repeated
    return f"{name!r} cannot be the name of an environment variable: no spaces, no '='"
