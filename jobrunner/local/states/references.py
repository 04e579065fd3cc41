"""What an expression refers to, as far as its text shows.

An expression of Step Functions has no context item: data come in `$states` and in variables. A path that begins with a
bare name, and `$$`, mean nothing then; that AWS refuses them, and in which words, is from a public emulator's notes of
what it measured (floci-io/floci), and not from AWS's documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jsonata.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Parts of a node that see what the node sees, and those that see an item of it.
_SAME: Final = (
    "lhs", "rhs", "expression", "expressions", "procedure", "arguments", "body", "condition", "then", "_else",
    "lhs_object",
)  # fmt: skip
_INSIDE: Final = ("predicate", "stages", "expr", "terms", "group", "pattern", "update", "delete")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One reference: a bare name at the top level, `$$`, or a member of `$states`.

    Attributes:
        kind: `name`, `root` or `states`.
        name: The name, or the member; None for `$states` as a whole.
    """

    kind: str
    name: str | None = None


def references(node: Any, *, top: bool = True) -> Iterator[Reference]:
    """The references of a parsed expression."""
    if isinstance(node, (list, tuple)):
        for item in node:
            yield from references(item, top=top)
    elif isinstance(node, Parser.Symbol):
        yield from _path(node, top=top) if node.type == "path" else _node(node, top=top)


def _path(node: Any, *, top: bool) -> Iterator[Reference]:
    first, *rest = node.steps
    if first.type == "name" and top:
        yield Reference(kind="name", name=str(first.value))
    if first.type == "variable" and first.value == "states":
        member = str(rest[0].value) if rest and rest[0].type == "name" else None
        yield Reference(kind="states", name=member)
        yield from _inside(first)
    else:
        yield from references(first, top=top)
    yield from references(rest, top=False)
    yield from references(node.group, top=False)


def _node(node: Any, *, top: bool) -> Iterator[Reference]:
    if node.type == "variable" and node.value in {"$", "states"}:
        yield Reference(kind="root" if node.value == "$" else "states")
    for part in _SAME:
        yield from references(getattr(node, part, None), top=top)
    yield from _inside(node)


def _inside(node: Any) -> Iterator[Reference]:
    for part in _INSIDE:
        yield from references(getattr(node, part, None), top=False)
