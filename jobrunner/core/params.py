"""Parameters of a job: `${{ params.NAME }}` in its command and in the values of its environment.

`$${{` stands for a literal `${{`. Substitution is one pass: what a value brings is never read again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jobrunner.core.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TOKEN = re.compile(r"\$\$\{\{|\$\{\{([^{}]*)\}\}|\$\{\{")
_REFERENCE = re.compile(r"\s*params\.([A-Za-z_][A-Za-z0-9_-]*)\s*")

#: What a parameter may be called, as a pattern that has to match in full.
NAME_PATTERN = r"[A-Za-z_][A-Za-z0-9_-]{0,63}"


def references(text: str) -> tuple[str, ...]:
    """The parameter names that the text refers to, in order, each once.

    Raises:
        ValueError: A `${{` is not the start of `${{ params.NAME }}`.
    """
    return tuple(dict.fromkeys(_names(text)))


def _names(text: str) -> Iterator[str]:
    for token in _TOKEN.finditer(text):
        if token[0] != "$${{":
            yield _name(token)


def _name(token: re.Match[str]) -> str:
    reference = _REFERENCE.fullmatch(token[1] or "")
    if reference is None:
        raise ValueError(
            f"{quoted(token[0])} is not a parameter; write ${{{{ params.NAME }}}}, or $${{{{ for a literal ${{{{"
        )
    return reference[1]


def tighten(text: str) -> str:
    """The text with no space inside its `${{ … }}`, so that splitting it into words leaves them whole."""
    return _TOKEN.sub(lambda token: "".join(token[0].split()), text)


def substitute(text: str, values: Mapping[str, str]) -> str:
    """The text with each `${{ params.NAME }}` replaced by its value and each `$${{` by `${{`.

    Raises:
        ValueError: A `${{` is not the start of `${{ params.NAME }}`.
        KeyError: A name has no value.
    """
    return _TOKEN.sub(lambda token: "${{" if token[0] == "$${{" else values[_name(token)], text)


def escape(text: str) -> str:
    """The text that `substitute` turns back into this one."""
    return text.replace("${{", "$${{")
