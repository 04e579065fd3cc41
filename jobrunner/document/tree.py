"""A document as a tree of text, lists and mappings in which every key and value knows its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.core.problems import Path

from jobrunner.errors import Problem


class Place(NamedTuple):
    """Where something was written: a file with line and column from 1, or only a name, such as a variable's."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in self if part is not None)

    def problem(self, message: str) -> Problem:
        """A problem at this place."""
        return Problem(message, file=self.file, line=self.line, column=self.column)


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place.

    Attributes:
        value: Text; None for a value that was not written (nothing, `~` or `null`); a list of nodes; a
            dictionary of nodes; or, for what does not come from a file, any other Python value.
        place: Where the value begins.
        keys: Of a mapping, where each key stands.
        size: How many nodes this is when every alias is written out.
    """

    value: Any
    place: Place
    keys: dict[str, Place] | None = None
    size: int = 1


Mapping: TypeAlias = Node


def mapping(entries: dict[str, Node], place: Place, keys: dict[str, Place]) -> Node:
    """A mapping node."""
    return Node(entries, place, keys, 1 + sum(node.size for node in entries.values()))


def is_mapping(node: Node) -> bool:
    """Whether the node has keys."""
    return node.keys is not None


def plain(node: Node) -> Any:
    """The value as Python's own dictionaries, lists and texts, for pydantic."""
    value = node.value
    if node.keys is not None:
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def place_of(node: Node, path: Path, *, on_key: bool = False) -> Place:
    """The place of the value (or the key) at the path; of what is not there, the place of what should hold it.

    Steps that the document does not have are passed over: a single schedule is validated as a list of one.
    """
    place = node.place
    for step in path:
        if node.keys is not None and step in node.keys:
            key_place, node = node.keys[str(step)], node.value[step]
            place = key_place if on_key and step == path[-1] else node.place
        elif node.keys is None and isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            place = node.place
    return place


def overlay(lower: Node, upper: Node) -> Node:
    """The upper mapping laid over the lower: mappings key by key, everything else replaced whole."""
    if lower.keys is None or upper.keys is None:
        return upper
    entries, keys = dict(lower.value), dict(lower.keys)
    for key, node in upper.value.items():
        entries[key] = overlay(entries[key], node) if key in entries else node
        keys[key] = upper.keys[key]
    return mapping(entries, upper.place, keys)


def without(node: Node, dropped: tuple[str, ...]) -> Node:
    """The mapping without some keys."""
    keys = node.keys or {}
    if not any(key in keys for key in dropped):
        return node
    kept = {key: inner for key, inner in node.value.items() if key not in dropped}
    return mapping(kept, node.place, {key: keys[key] for key in kept})


def with_entry(node: Node, key: str, inner: Node) -> Node:
    """The mapping with one more, or another, entry."""
    return mapping({**node.value, key: inner}, node.place, {**(node.keys or {}), key: inner.place})


def leaves(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Place]]:
    """The path and the key's place of every value of a mapping that is not itself a mapping."""
    for key, inner in node.value.items():
        here = (*path, key)
        if inner.keys is not None:
            yield from leaves(inner, here)
        else:
            yield here, (node.keys or {})[key]


def from_values(value: Any, place: Place) -> Node:
    """A tree of Python values that were all written in one place."""
    if isinstance(value, dict):
        return mapping(
            {str(k): from_values(v, place) for k, v in value.items()}, place, dict.fromkeys(map(str, value), place)
        )
    if isinstance(value, list | tuple):
        return Node([from_values(inner, place) for inner in value], place)
    return Node(value, place)
