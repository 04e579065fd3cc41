"""Control sequences on a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.cli.harmless import harmless, harmless_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\tb\nc", "a\tb\nc"),
        ("ümläut 日本 \U0001f600", "ümläut 日本 \U0001f600"),
        ("\x1b[2J", "^[[2J"),
        ("\x1b]0;title\x07", "^[]0;title^G"),
        ("\x00\x08\x7f", "^@^H^?"),
        ("10%\r20%", "10%^M20%"),
        ("windows\r\nlines\r\n", "windows\nlines\n"),
        ("\x9b2J \x9d0;x\x9c", "M-^[2J M-^]0;x" + "M-^\\"),
        ("a\u202eb\u2066c\u200fd", "a<U+202E>b<U+2066>c<U+200F>d"),
        ("one\u2028two\u0085three", "one<U+2028>twoM-^Ethree"),
    ],
)
def test_shown_as_cat_v_shows_it(text: str, expected: str) -> None:
    """Everything that could act on a terminal, or hide text, is written out; text of any language is left."""
    assert expected == harmless(text)


@given(st.text())
def test_nothing_that_acts_is_left(text: str) -> None:
    """Whatever the text, the result has no control character but tab and line feed."""
    shown = harmless(text)
    assert [] == [char for char in shown if (ord(char) < 32 and char not in "\t\n") or 127 <= ord(char) < 160]


@given(st.text())
def test_harmless_twice_is_harmless_once(text: str) -> None:
    """What is harmless already is not changed."""
    assert harmless(text) == harmless(harmless(text))


def test_a_line_stays_one_line() -> None:
    """In a table or the status line, a line feed is made visible too."""
    assert "one^Jtwo" == harmless_line("one\ntwo")
