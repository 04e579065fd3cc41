"""FilterLogEvents' patterns of terms: `a b` (both), `?a ?b` (either), `-a` (not), `"a phrase"`.

Source: the CloudWatch Logs user guide, "Filter pattern syntax". JSON (`{ $.x = 1 }`) and column (`[a, b]`) patterns
are refused instead of matching everything or nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

_TERM: Final = re.compile(r'\s*([?-]?)("(?:[^"\\]|\\.)*"|%[^%]*%|[^\s"]+)')


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A function that says whether a message matches. Terms are case-sensitive.

    Raises:
        ApiError: InvalidParameterException, for what this endpoint does not understand.
    """
    pattern = pattern.strip()
    if not pattern:
        return lambda _: True
    if pattern[0] in "{[":
        raise ApiError(
            "InvalidParameterException",
            "Invalid filter pattern: the local endpoint understands patterns of terms only, not JSON or columns.",
        )
    required, optional, excluded = _terms(pattern)

    def matches(message: str) -> bool:
        return (
            all(test(message) for test in required)
            and not any(test(message) for test in excluded)
            and (not optional or bool(required) or any(test(message) for test in optional))
        )

    return matches


_Tests = list["Callable[[str], bool]"]


def _terms(pattern: str) -> tuple[_Tests, _Tests, _Tests]:
    kinds: dict[str, _Tests] = {"": [], "?": [], "-": []}
    place = 0
    while place < len(pattern):
        found = _TERM.match(pattern, place)
        if found is None:
            raise ApiError("InvalidParameterException", "Invalid filter pattern")
        kinds[found[1]].append(_test(found[2]))
        place = found.end()
    return kinds[""], kinds["?"], kinds["-"]


def _test(term: str) -> Callable[[str], bool]:
    if term.startswith("%"):
        try:
            expression = re.compile(term.strip("%"))
        except re.error:
            raise ApiError("InvalidParameterException", "Invalid filter pattern") from None
        return lambda message: expression.search(message) is not None
    text = re.sub(r"\\(.)", r"\1", term[1:-1]) if term.startswith('"') else term
    return lambda message: text in message
