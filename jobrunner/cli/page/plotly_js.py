"""plotly.js, the chart library, as the package `plotly` of PyPI brings it."""

from __future__ import annotations

import errno
from importlib.util import find_spec
from typing import Final

_FILE: Final = "plotly/package_data/plotly.min.js"


def library() -> str:
    """Give the text of plotly.js, which needs no network.

    Of the package only this file is read: to import its Python code costs more than the rest of the report.

    Raises:
        FileNotFoundError: The package is not installed.
    """
    package, _, path = _FILE.partition("/")
    spec = find_spec(package)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(errno.ENOENT, "the chart library is not there: pip install plotly", _FILE)
    # A loader of a wheel in an archive has a reader too, but no directory.
    reader = spec.loader.get_resource_reader(package)  # type: ignore[attr-defined]  # of every loader of the importlib
    text: str = reader.files().joinpath(path).read_text(encoding="utf-8")
    return text
