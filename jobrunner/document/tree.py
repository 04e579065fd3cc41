"""A document as a tree of text, lists and mappings in which every key and value knows its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from jobrunner.core.frozen import FrozenDict
from jobrunner.core.wording import visible
from jobrunner.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.core.problems import Path

#: A job nests about six levels deep.
MAX_DEPTH = 50


class Place(NamedTuple):
    """Where something was written: a file with line and column from 1, or only a name, such as a variable's."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in self if part is not None)

    def problem(self, message: str) -> Problem:
        """A problem at this place."""
        return Problem(message, file=visible(self.file), line=self.line, column=self.column)


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
    keys: Mapping[str, Place] = FrozenDict()
    size: int = 1


def mapping(entries: dict[str, Node], place: Place, keys: Mapping[str, Place]) -> Node:
    """A mapping node."""
    return Node(entries, place, keys, 1 + sum(node.size for node in entries.values()))


def is_mapping(node: Node) -> bool:
    """Whether the node has keys."""
    return isinstance(node.value, dict)


def plain(node: Node) -> Any:
    """The value as Python's own dictionaries, lists and texts, for pydantic."""
    value = node.value
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def place_of(node: Node, path: Path, *, on_key: bool = False) -> Place:
    """The place of the value (or the key) at the path; of what is not there, the place of what should hold it.

    Steps that the document does not have are passed over: a single schedule is validated as a list of one.
    """
    place = node.place
    for number, step in enumerate(path, 1):
        if isinstance(step, str) and step in node.keys:
            place, node = node.keys[step], node.value[step]
            if not (on_key and number == len(path)):
                place = node.place
        elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            place = node.place
    return place


def overlay(lower: Node, upper: Node) -> Node:
    """The upper mapping laid over the lower: mappings key by key, everything else replaced whole."""
    if not is_mapping(lower) or not is_mapping(upper):
        return upper
    entries, keys = dict(lower.value), dict(lower.keys)
    for key, node in upper.value.items():
        entries[key] = overlay(entries[key], node) if key in entries else node
        keys[key] = upper.keys[key]
    return mapping(entries, upper.place, keys)


def without(node: Node, dropped: tuple[str, ...]) -> Node:
    """The mapping without some keys."""
    if not any(key in node.keys for key in dropped):
        return node
    kept = {key: inner for key, inner in node.value.items() if key not in dropped}
    return mapping(kept, node.place, {key: node.keys[key] for key in kept})


def with_entry(node: Node, key: str, inner: Node) -> Node:
    """The mapping with one more, or another, entry."""
    return mapping({**node.value, key: inner}, node.place, {**node.keys, key: inner.place})


def leaves(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Place]]:
    """The path and the key's place of every value of a mapping that is not itself a mapping."""
    for key, inner in node.value.items():
        here = (*path, key)
        if is_mapping(inner):
            yield from leaves(inner, here)
        else:
            yield here, node.keys[key]


def from_values(value: Any, place: Place, depth: int = 0) -> Node:
    """A tree of Python values that were all written in one place.

    Raises:
        ValueError: They are nested deeper than any document may be.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        entries = {str(key): from_values(inner, place, depth + 1) for key, inner in value.items()}
        return mapping(entries, place, dict.fromkeys(entries, place))
    if isinstance(value, list | tuple):
        return Node([from_values(inner, place, depth + 1) for inner in value], place)
    return Node(value, place)
