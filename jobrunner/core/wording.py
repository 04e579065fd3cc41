"""Words for messages: what was found, shortened; and what was probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A value in a message is there to be recognised, not to be read in full.
LONGEST = 80


def quoted(value: object) -> str:
    """The value as Python writes it, so that nothing in it can control a terminal; cut when it is long."""
    text = repr(value[: LONGEST + 1] if isinstance(value, str) else value)
    return text if len(text) <= LONGEST + 2 else f"{text[:LONGEST]}…{text[0]}"


def visible(text: str) -> str:
    """The text with everything written out that a terminal would obey, or that no encoding can print."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, or None; case and `-` for `_` do not count."""
    by_form = {_form(one): one for one in known}
    near = get_close_matches(_form(word[:LONGEST]), by_form, n=1)
    return by_form[near[0]] if near else None


def _form(word: str) -> str:
    return word.lower().replace("-", "_")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'command'?`, or nothing when nothing is near."""
    meant = nearest(word, known)
    return f"; did you mean {meant!r}?" if meant is not None else ""


def listed(words: Iterable[object], last: str = "and") -> str:
    """`a, b and c`."""
    *most, final = map(str, words)
    return f"{', '.join(most)} {last} {final}" if most else final


def kind_of(value: Any) -> str:
    """What a value is, in the words of YAML."""
    if value is None:
        return "empty"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else quoted(value)
