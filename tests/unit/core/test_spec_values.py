"""Parameters, frozen mappings and the words of messages."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core import problems
from jobrunner.core.frozen import FrozenDict
from jobrunner.core.params import escape, references, substitute, tighten
from jobrunner.core.spec import JobSpec
from jobrunner.core.wording import did_you_mean, kind_of, listed, quoted, visible


def test_references() -> None:
    """Each parameter is named once, in order; `$${{` is no reference."""
    assert ("a", "b-c") == references("${{ params.a }}/${{params.b-c}}/${{params.a}}/$${{ params.d }}")


@pytest.mark.parametrize("text", ["${{", "${{ params }}", "${{ params.a b }}", "${{ secrets.a }}", "${{ params.1 }}"])
def test_other_references(text: str) -> None:
    """What looks like a parameter and is none is not passed on in silence."""
    with pytest.raises(ValueError, match=r"is not a parameter; write \$\{\{ params.NAME \}\}"):
        references(text)


def test_substitute() -> None:
    """Values go in once; what they bring is not read again."""
    assert "x=${{ params.b }} ${{ y" == substitute("x=${{ params.a }} $${{ y", {"a": "${{ params.b }}", "b": "no"})


def test_tighten() -> None:
    """A reference without spaces survives a split into words."""
    assert "a ${{params.x}} b $${{ c" == tighten("a ${{ params.x }} b $${{ c")


@given(st.text(alphabet="${} ap.rms"))
def test_escape(text: str) -> None:
    """An escaped text comes out of the substitution as it was, and refers to nothing."""
    assert ((), text) == (references(escape(text)), substitute(escape(text), {}))


def test_frozen_dict() -> None:
    """A frozen mapping is a dictionary in every way but change."""
    one = FrozenDict({"a": 1})
    assert one == {"a": 1} == copy.copy(one) == copy.deepcopy(one) == pickle.loads(pickle.dumps(one))  # noqa: S301  # our own bytes
    assert '{"a": 1}' == json.dumps(one)
    assert hash(one) == hash(FrozenDict(a=1))
    for change in (one.clear, one.popitem, lambda: one.update(b=2), lambda: one.pop("a")):
        with pytest.raises(TypeError, match="this mapping is frozen"):
            change()


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "empty"), ("a", "the text 'a'"), ({}, "a mapping"), ([], "a list"), ((), "a list"), (1.5, "1.5")],
)
def test_kinds(value: object, words: str) -> None:
    """Values are named as YAML names them."""
    assert words == kind_of(value)


def test_quoted() -> None:
    """Control characters are written out and long texts cut."""
    assert ["'\\x1b[31m'", "'" + "x" * 79 + "…'"] == [quoted("\x1b[31m"), quoted("x" * 1000)]


def test_visible() -> None:
    """What a terminal would obey, or cannot print, is written out; the rest stays as it is."""
    assert ["jobs/é.yaml", "a\\x1b[31m\\udcff"] == [visible("jobs/é.yaml"), visible("a\x1b[31m\udcff")]


def test_listed() -> None:
    """Lists read as a sentence."""
    assert ["a", "a and b", "a, b or c"] == [listed("a"), listed("ab"), listed("abc", "or")]


def test_did_you_mean() -> None:
    """Case, `-` and `_` do not count; what is far from everything gives no hint."""
    assert ["; did you mean 'stop_timeout'?", ""] == [
        did_you_mean("Stop-Timeout", ["stop_timeout"]),
        did_you_mean("zzz", ["stop_timeout"]),
    ]


def test_unforeseen_problems_have_words() -> None:
    """A kind of error that pydantic may add later still gives a sentence."""
    detail = {"type": "some_new_error", "loc": ("cpu",), "input": 1, "msg": "", "ctx": {}}
    (found,) = problems._finding(detail, JobSpec)  # type: ignore[arg-type]
    assert "cpu: some new error" == found.message


def test_keys_of_unknown_places() -> None:
    """Below what is no model there are no keys to suggest."""
    assert [] == problems.keys_at(JobSpec, ("environment",))
