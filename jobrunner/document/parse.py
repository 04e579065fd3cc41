"""YAML text → trees, one for each document, with every bound that a hostile file could test.

Not `yaml.load`: it would turn 22:30 into 1350 and NO into False, forget positions and let a duplicate key
win in silence. Not `yaml.compose` either: it recurses as deep as the document does.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

from jobrunner.core.wording import quoted
from jobrunner.document.files import printable
from jobrunner.document.tree import MAX_DEPTH, Node, Place, is_mapping, mapping
from jobrunner.errors import Problem

#: Values in one file with every alias written out: "billion laughs" has 10^9 in ten lines.
MAX_NODES = 100_000
#: Documents in one file, and problems that are worth telling.
MAX_DOCUMENTS = 1000
MAX_PROBLEMS = 100

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TOO_DEEP = f"the document is nested more than {MAX_DEPTH} levels deep"
# Escapes in double quotes can write what the file itself may not hold.
_UNPASSABLE = re.compile("[\0\ud800-\udfff]")
_TAGS = frozenset({"!"} | {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "map", "seq")})


class _Stopped(Exception):  # noqa: N818  # not an error of the caller's: it only leaves the loop
    """The rest of the file makes no sense any more."""


class _Key(NamedTuple):
    """A key whose value has not come yet: its text, or None if it cannot be a key."""

    text: str | None
    place: Place
    is_merge: bool


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("anchor", "entries", "items", "key", "keys", "merged", "place", "size")

    def __init__(self, place: Place, anchor: str | None, *, is_map: bool) -> None:
        self.place = place
        self.anchor = anchor
        self.items: list[Node] | None = None if is_map else []
        self.entries: dict[str, Node] = {}
        self.keys: dict[str, Place] = {}
        self.key: _Key | None = None
        self.merged: list[Node] = []
        self.size = 1


def parse(text: str, *, file: str) -> tuple[list[Node], list[Problem]]:
    """The documents of a YAML text, and all that is wrong with its syntax; empty documents are left out.

    After a problem the tree is still worth validating, so that its other problems come out as well.

    Raises:
        SpecError: The text has characters that no document may have.
    """
    builder = _Builder(file)
    try:
        for event in yaml.parse(printable(text, file=file), Loader=_LOADER):
            builder.take(event)
    except _Stopped:
        pass
    except yaml.YAMLError as error:
        builder.problems.append(_syntax_problem(error, text.removeprefix("\ufeff"), file))
    return builder.documents, builder.problems


class _Builder:
    """Takes the events of PyYAML's parser, with a stack of its own instead of recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.documents: list[Node] = []
        self.problems: list[Problem] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._takers = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.DocumentStartEvent: self._document,
        }

    def take(self, event: Any) -> None:
        taker = self._takers.get(type(event))
        if taker is not None:
            taker(event)
        if len(self.problems) > MAX_PROBLEMS:
            self._stop(self._place(event), "there are too many problems; the rest of the file was not read")

    def _place(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _stop(self, place: Place, message: str) -> None:
        self.problems.append(place.problem(message))
        raise _Stopped

    def _document(self, _event: Any) -> None:
        self._anchors = {}

    def _scalar(self, event: Any) -> None:
        place = self._place(event)
        text: str | None = event.value
        is_plain = event.implicit[0]
        if event.tag is not None and event.tag not in _TAGS:
            self._refuse_tag(event, place)
        elif event.tag is None and is_plain and text in _NULL:
            text = None
        if text is not None and _UNPASSABLE.search(text):
            self.problems.append(
                place.problem("the text has a NUL or half a character (\\0, \\ud800), which no value may have")
            )
        node = Node(text, place)
        self._remember(event.anchor, node)
        self._add(node, is_merge=is_plain and text == "<<")

    def _refuse_tag(self, event: Any, place: Place) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        self.problems.append(place.problem(f"the tag {tag} is not supported; write the value without it"))

    def _alias(self, event: Any) -> None:
        place = self._place(event)
        if event.anchor not in self._anchors:
            self._stop(place, f"there is no anchor &{event.anchor} before this; quote a text that starts with '*'")
        node = self._anchors[event.anchor]
        if node is None:
            self._stop(place, f"the alias *{event.anchor} stands inside what it stands for")
        else:
            self._add(node, is_merge=False)

    def _start(self, event: Any) -> None:
        place = self._place(event)
        if event.tag is not None and event.tag not in _TAGS:
            self._refuse_tag(event, place)
        if len(self._stack) >= MAX_DEPTH:
            self._stop(place, _TOO_DEEP)
        self._remember(event.anchor, None)
        self._stack.append(_Open(place, event.anchor, is_map=isinstance(event, yaml.MappingStartEvent)))

    def _end(self, _event: Any) -> None:
        done = self._stack.pop()
        node = _merged(done) if done.items is None else Node(done.items, done.place, size=done.size)
        self._remember(done.anchor, node)
        self._add(node, is_merge=False)

    def _remember(self, anchor: str | None, node: Node | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node

    def _add(self, node: Node, *, is_merge: bool) -> None:
        if not self._stack:
            if node.value is not None:
                self.documents.append(node)
            if len(self.documents) > MAX_DOCUMENTS:
                self._stop(node.place, f"the file has more than {MAX_DOCUMENTS} documents")
            return
        parent = self._stack[-1]
        parent.size += node.size
        if parent.size > MAX_NODES:
            self._stop(parent.place, f"the document has more than {MAX_NODES} values once its aliases are written out")
        if parent.items is not None:
            parent.items.append(node)
        elif parent.key is None:
            parent.key = self._key(node, is_merge=is_merge)
        else:
            self._entry(parent, parent.key, node)
            parent.key = None

    def _key(self, node: Node, *, is_merge: bool) -> _Key:
        if isinstance(node.value, str):
            return _Key(node.value, node.place, is_merge)
        hint = "quote it" if node.value is None else "quote a text that starts with '{' or '['"
        found = "nothing" if node.value is None else "a mapping" if is_mapping(node) else "a list"
        self.problems.append(node.place.problem(f"a key must be text, not {found}; {hint}"))
        return _Key(None, node.place, is_merge=False)

    def _entry(self, parent: _Open, key: _Key, node: Node) -> None:
        if key.is_merge:
            self._merge(parent, node)
        elif key.text is None:
            return
        elif key.text in parent.keys:
            first = parent.keys[key.text]
            message = f"duplicate key {quoted(key.text)}; first at line {first.line}, column {first.column}"
            self.problems.append(key.place.problem(message))
        else:
            parent.entries[key.text] = node
            parent.keys[key.text] = key.place

    def _merge(self, parent: _Open, node: Node) -> None:
        sources = node.value if isinstance(node.value, list) else [node]
        for source in sources:
            if not is_mapping(source):
                self.problems.append(source.place.problem("<< merges mappings only, as in <<: *anchor"))
            else:
                parent.merged.append(source)


def _merged(done: _Open) -> Node:
    """Written keys win over merged ones, and earlier merged mappings over later ones (YAML merge key type)."""
    entries, keys = done.entries, done.keys
    for source in done.merged:
        for key, node in source.value.items():
            if key not in entries:
                entries[key] = node
                keys[key] = source.keys[key]
    return mapping(entries, done.place, keys)


#: libyaml's own bound since 0.2.6, 1000 levels: its scanner looks ahead and meets it before the first event comes.
_LIBYAML_TOO_DEEP = "exceeded maximum nesting depth"
_HINTS = (
    ("mapping values are not allowed", "quote a text that contains ': ', and check the indentation"),
    ("scanning an alias", "quote a text that starts with '*', such as a cron expression"),
    ("scanning an anchor", "quote a text that starts with '&'"),
    ("could not find expected ':'", "a key is followed by ': '"),
    ("cannot start any token", "quote a text that starts with @, ` or %"),
    ("block mapping", "check the indentation, and that quotes and brackets are closed"),
    ("flow", "check that brackets and braces are closed, and that a comma stands between entries"),
    ("quoted scalar", "check that the quotes are closed"),
)


def _syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return Problem(f"this is not YAML: {' '.join(str(error).split())}", file=file)
    place = Place(file, mark.line + 1, mark.column + 1)
    if getattr(error, "problem", None) == _LIBYAML_TOO_DEEP:
        return place.problem(_TOO_DEEP)
    if _is_tab(text, mark):
        return place.problem("a tab cannot indent YAML; use spaces")
    sentence = ", ".join(filter(None, (getattr(error, "problem", None), _context(error, mark))))
    hint = next((hint for words, hint in _HINTS if words in sentence), None)
    return place.problem(f"this is not YAML: {sentence}" + (f"; {hint}" if hint else ""))


def _context(error: yaml.YAMLError, problem_mark: Any) -> str | None:
    """What the parser was reading, and where that began: often the better place to look at."""
    context, mark = getattr(error, "context", None), getattr(error, "context_mark", None)
    if mark is None or (mark.line, mark.column) == (problem_mark.line, problem_mark.column):
        return context
    return f"{context} that begins at line {mark.line + 1}, column {mark.column + 1}"


def _is_tab(text: str, mark: Any) -> bool:
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
    line = lines[mark.line] if mark.line < len(lines) else ""
    return "\t" in line[: mark.column + 1] and not line[: mark.column].strip()
