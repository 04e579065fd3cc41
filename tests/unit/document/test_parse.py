"""YAML text → trees: scalars keep their spelling, places are kept, and nothing explodes or hangs."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import only_spec_errors

from jobrunner.document import parse as module
from jobrunner.document.files import MAX_BYTES
from jobrunner.document.parse import MAX_DOCUMENTS, MAX_NODES, MAX_PROBLEMS, parse
from jobrunner.document.tree import MAX_DEPTH, Node, Place, from_values, leaves, overlay, place_of, plain, with_entry
from jobrunner.errors import SpecError


def values(text: str) -> list[Any]:
    """The documents of a text without problems, as plain values."""
    nodes, problems = parse(text, file="f")
    assert [] == problems
    return [plain(node) for node in nodes]


def problems(text: str) -> list[str]:
    """What is wrong with a text."""
    return [str(problem) for problem in parse(text, file="f")[1]]


def test_scalars_keep_their_spelling() -> None:
    """What YAML 1.1 would take for something else is what was written."""
    text = "{a: NO, b: 0512, c: 22:30, d: 1e3, e: 2026-01-01, f: 0x1F, g: =, h: on, on: x}"
    assert [
        {
            "a": "NO",
            "b": "0512",
            "c": "22:30",
            "d": "1e3",
            "e": "2026-01-01",
            "f": "0x1F",
            "g": "=",
            "h": "on",
            "on": "x",
        }
    ] == values(text)


def test_nothing_is_none() -> None:
    """A plain `~`, `null` or nothing is None; in quotes, or with !!str, it is text."""
    text = "a:\nb: ~\nc: null\nd: 'null'\ne: ''\nf: !!str\ng: !!str null\nh: |\n  null\n"
    assert [{"a": None, "b": None, "c": None, "d": "null", "e": "", "f": "", "g": "null", "h": "null\n"}] == values(
        text
    )


def test_documents() -> None:
    """Empty documents are left out; each document has its own anchors."""
    assert [{"a": "1"}, ["b"], "c"] == values("---\na: 1\n---\n---\n- b\n---\nc\n---\n# nothing\n")
    assert ["f:4:4: there is no anchor &x before this; quote a text that starts with '*'"] == problems(
        "a: &x 1\n---\nb: 2\nc: *x\n"
    )


@pytest.mark.parametrize("text", ["", "\n# only a comment\n", "---\n", "---\n...\n", "~", "\ufeff"])
def test_empty(text: str) -> None:
    """A text without a value has no documents."""
    assert [] == values(text)


def test_merge_keys() -> None:
    """Written keys win, then the earlier of the merged mappings; a quoted << is a key like any other."""
    text = "a: &a {k: 1, l: 1}\nb: &b {k: 2, m: 2}\nc: {<<: [*a, *b], l: 3}\nd: {'<<': x}\ne: {<<: *a, k: 0, <<: *b}\n"
    (document,) = values(text)
    assert ({"k": "1", "l": "3", "m": "2"}, {"<<": "x"}, {"k": "0", "l": "1", "m": "2"}) == (
        document["c"],
        document["d"],
        document["e"],
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ["f:3:1: duplicate key 'a'; first at line 1, column 1"]),
        ("x:\n  a: 1\n  'a': 2\n", ["f:3:3: duplicate key 'a'; first at line 2, column 3"]),
        ("a:\n\tb: 1\n", ["f:2:1: a tab cannot indent YAML; use spaces"]),
        ("a: 1\n\tb: 2\n", ["f:2:1: a tab cannot indent YAML; use spaces"]),
        ("a: *x\n", ["f:1:4: there is no anchor &x before this; quote a text that starts with '*'"]),
        ("a: &x [*x]\n", ["f:1:8: the alias *x stands inside what it stands for"]),
        ("a: !Ref x\n", ["f:1:4: the tag !Ref is not supported; write the value without it"]),
        ("a: !!binary aGk=\n", ["f:1:4: the tag !!binary is not supported; write the value without it"]),
        ("a: !!set {b}\n", ["f:1:4: the tag !!set is not supported; write the value without it"]),
        ("a: {{ x }}\n", ["f:1:5: a key must be text, not a mapping; quote a text that starts with '{' or '['"]),
        ("? [a]\n: b\n", ["f:1:3: a key must be text, not a list; quote a text that starts with '{' or '['"]),
        ("~: b\n", ["f:1:1: a key must be text, not nothing; quote it"]),
        ("a: {<<: x}\n", ["f:1:9: << merges mappings only, as in <<: *anchor"]),
        ('a: "\\0"\n', ["f:1:4: the text has a NUL or half a character (\\0, \\ud800), which no value may have"]),
    ],
)
def test_problems(text: str, expected: list[str]) -> None:
    """Each problem has its place and says what to do."""
    assert expected == problems(text)


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        (
            "cron: * * * * *",
            "f:1:8: this is not YAML: ",
            "; quote a text that starts with '*', such as a cron expression",
        ),
        ("cron: @daily", "f:1:7: this is not YAML: ", "; quote a text that starts with @, ` or %"),
        ("a: b: c", "f:1:5: this is not YAML: ", "; quote a text that contains ': ', and check the indentation"),
        (
            "a: [1, 2",
            "f:2:1: this is not YAML: ",
            "; check that brackets and braces are closed, and that a comma stands between entries",
        ),
        ("a: 'x", "f:1:6: this is not YAML: ", "; check that the quotes are closed"),
        ("a: &", "f:1:5: this is not YAML: ", "; quote a text that starts with '&'"),
        ("a: 1\nb\nc: 2", "f:3:1: this is not YAML: ", " that begins at line 2, column 1; a key is followed by ': '"),
        ("a: 1\n- b", "f:2:1: this is not YAML: ", "; check the indentation, and that quotes and brackets are closed"),
        ("%YAML 3.0\n---\na: 1", "f:1:1: this is not YAML: ", "found incompatible YAML document"),
    ],
)
def test_syntax(text: str, place: str, hint: str) -> None:
    """The parser's words come with the place and what is usually meant."""
    (problem,) = problems(text)
    assert (place, hint) == (problem[: len(place)], problem[-len(hint) :])


def test_the_rest_is_read_after_a_problem() -> None:
    """Problems of one document do not hide the others, nor the values."""
    nodes, found = parse("a: 1\na: 2\nb: !x 3\n", file="f")
    assert (2, [{"a": "1", "b": "3"}]) == (len(found), [plain(node) for node in nodes])


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000, "a: " + "[" * 500])
def test_depth_is_bounded(text: str) -> None:
    """A document nested without end is refused at its first level too deep."""
    (problem,) = problems(text)
    assert problem.endswith(f": the document is nested more than {MAX_DEPTH} levels deep")


def test_a_billion_laughs() -> None:
    """Aliases are counted as what they stand for, without writing them out."""
    lines = ["a0: &a0 [ha, ha]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    (problem,) = problems("\n".join(lines))
    assert problem.endswith(f": the document has more than {MAX_NODES} values once its aliases are written out")


def test_merges_are_counted_too() -> None:
    """Merging is no way around the bound."""
    keys = ", ".join(f"k{n}: 1" for n in range(1000))
    text = f"a: &a {{{keys}}}\nb: [{', '.join(['{<<: *a}'] * 200)}]\n"
    (problem,) = problems(text)
    assert problem.endswith("values once its aliases are written out")


def test_documents_are_bounded() -> None:
    """A file of a thousand jobs is enough."""
    assert [f"f:{2 * MAX_DOCUMENTS + 2}:1: the file has more than {MAX_DOCUMENTS} documents"] == problems(
        "---\na\n" * (MAX_DOCUMENTS + 5)
    )


def test_problems_are_bounded() -> None:
    """Nobody reads the hundred and first problem of a file."""
    found = problems("a: 1\n" * 5000)
    assert (MAX_PROBLEMS + 2, True) == (len(found), found[-1].endswith("the rest of the file was not read"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: \0", "f:1:4: a NUL character is not allowed in a document"),
        ("a: 1\nb: \x1b", "f:2:4: the control character U+001B is not allowed in a document"),
        ("\ud800", "f:1:1: the control character U+D800 is not allowed in a document"),
        (" " * (MAX_BYTES + 1), "f: the text is larger than 1 MiB, the limit for a document"),
    ],
)
def test_characters(text: str, problem: str) -> None:
    """What no document may hold is named with its place."""
    with pytest.raises(SpecError) as caught:
        parse(text, file="f")
    assert [problem] == [str(one) for one in caught.value.problems]


@settings(max_examples=300)
@given(st.text(alphabet="ab:- \n\t'\"{}[]&*!|>?,#%~<0\0\u2028é", max_size=60) | st.text(max_size=60))
def test_any_text(text: str) -> None:
    """No text gives anything but trees and problems."""
    with only_spec_errors():
        nodes, found = parse(text, file="f")
        for node in nodes:
            plain(node)
        assert all(str(problem).startswith("f:") for problem in found)


@settings(max_examples=100)
@given(st.text(alphabet="ab:- \n'\"{}[]&*!|>?,#~<0", max_size=60))
def test_the_pure_parser_agrees(text: str) -> None:
    """Without libyaml, the same texts are valid, with the same values and places."""
    loader, module._LOADER = module._LOADER, yaml.SafeLoader
    try:
        pure = parse(text, file="f")
    finally:
        module._LOADER = loader
    fast = parse(text, file="f")
    # The two differ in a few corners of the syntax; where both read the text, they read the same.
    if not any("not YAML" in str(problem) for problem in (*pure[1], *fast[1])):
        assert [plain(node) for node in pure[0]] == [plain(node) for node in fast[0]]
        assert [node.place for node in pure[0]] == [node.place for node in fast[0]]


def test_places() -> None:
    """Every key and every value knows where it stands; what is missing has the place of what should hold it."""
    (node,) = parse("a:\n  b: [x, {c: y}]\n", file="f")[0]
    assert [
        Place("f", 1, 1),
        Place("f", 2, 6),
        Place("f", 2, 3),
        Place("f", 2, 14),
        Place("f", 2, 7),
        Place("f", 2, 6),
    ] == [
        place_of(node, ()),
        place_of(node, ("a", "b")),
        place_of(node, ("a", "b"), on_key=True),
        place_of(node, ("a", "b", 1, "c")),
        place_of(node, ("a", "b", 0, "gone")),
        place_of(node, ("a", "b", 9)),
    ]
    assert "f:2:14" == str(place_of(node, ("a", 0, "b", 1, "c")))


def test_overlay() -> None:
    """Mappings are merged key by key and keep their places; lists and texts are replaced."""
    (low,) = parse("a: {x: 1, y: 2}\nl: [1, 2]\n", file="low")[0]
    (high,) = parse("a: {y: 3}\nl: [4]\nm: 5\n", file="high")[0]
    both = overlay(low, high)
    assert {"a": {"x": "1", "y": "3"}, "l": ["4"], "m": "5"} == plain(both)
    assert ["low:1:5", "high:1:5"] == [str(place_of(both, ("a", key), on_key=True)) for key in "xy"]
    assert [("a", "x"), ("a", "y"), ("l",), ("m",)] == [path for path, _ in leaves(both)]
    assert 7 == both.size


def test_values_of_one_place() -> None:
    """What does not come from a file is a tree as well, of bounded depth."""
    tree = with_entry(from_values({"a": [1, ("b",)]}, Place("--x")), "c", Node(None, Place("--y")))
    assert {"a": [1, ["b"]], "c": None} == plain(tree)
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match=f"nested more than {MAX_DEPTH} levels deep"):
        from_values(endless, Place("--x"))


def test_an_error_without_a_place() -> None:
    """Whatever PyYAML may raise has words, also when it does not know where."""
    assert "f: this is not YAML: out of ideas" == str(module._syntax_problem(yaml.YAMLError("out\n of ideas"), "", "f"))
