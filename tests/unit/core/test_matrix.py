"""Matrices of parameters."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobrunner.core.matrix import EXAMPLES, MAX_POINTS, Matrix, label, parse_matrix

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)
values = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda text: text == text.strip())
listed_values = st.lists(values, min_size=1, max_size=4, unique=True)
days = st.dates(date(1, 1, 1), date(9999, 12, 1))


def values_of(word: str) -> list[str]:
    """Give the values that are read from one word."""
    (read,) = parse_matrix([word]).values.values()
    return list(read)


def refusal(*words: str) -> str:
    """Give the message with which the words are refused."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse_matrix(words)
    return str(caught.value)


def escaped(value: str) -> str:
    """Give a value as it is written so that nothing in it is read otherwise."""
    return value.replace("\\", "\\\\").replace(",", "\\,").replace(".", "\\.")


def test_product_in_the_order_written() -> None:
    """The first parameter changes slowest, the last fastest; parameters and values keep their order."""
    matrix = parse_matrix(["region=us,eu", "day=2026-02-28..2026-03-01"])
    expected = [
        {"region": "us", "day": "2026-02-28"},
        {"region": "us", "day": "2026-03-01"},
        {"region": "eu", "day": "2026-02-28"},
        {"region": "eu", "day": "2026-03-01"},
    ]
    assert expected == list(matrix.points())
    assert ["region=us day=2026-02-28", "region=us day=2026-03-01"] == [label(point) for point in expected[:2]]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a=x", ["x"]),
        ("a=x,y z,ü", ["x", "y z", "ü"]),
        ("a=b=c,d=", ["b=c", "d="]),
        ("a=1..3", ["1", "2", "3"]),
        ("a=7..7", ["7"]),
        ("a=-2..1", ["-2", "-1", "0", "1"]),
        ("a=08..11", ["08", "09", "10", "11"]),
        ("a=-01..01", ["-01", "00", "01"]),
        ("a=0..10..5", ["0", "5", "10"]),
        ("a=0..9..5", ["0", "5"]),
        ("a=1..2,x,4..5", ["1", "2", "x", "4", "5"]),
        ("a=2024-02-28..2024-03-01", ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ("a=2026-01-01..2026-01-20..7", ["2026-01-01", "2026-01-08", "2026-01-15"]),
        ("a=1.5,.5,v1.", ["1.5", ".5", "v1."]),
        (r"a=x\,y,z", ["x,y", "z"]),
        (r"a=\../data,v1\..v2", ["../data", "v1..v2"]),
        (r"a=C:\\temp,\\\,", [r"C:\temp", "\\,"]),
    ],
)
def test_spellings(word: str, expected: list[str]) -> None:
    """Lists, ranges of whole numbers and of days with both ends, steps, zeros that are kept, escapes."""
    assert expected == values_of(word)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("region", f"'region' is not NAME=VALUE,VALUE; write for instance {EXAMPLES}"),
        ("=eu", f"'' cannot be the name of a parameter; write for instance {EXAMPLES}"),
        ("a b=eu", f"'a b' cannot be the name of a parameter; write for instance {EXAMPLES}"),
        ("a=", "a has an empty value; write for instance a=a,b"),
        ("a=x,,y", "a has an empty value; write for instance a=a,b"),
        ("a=x,", "a has an empty value; write for instance a=a,b"),
        ("a=x, y", "' y', a value of a, begins or ends with a space"),
        ("a=x,y,x", "a has the value 'x' more than once"),
        ("a=1..3,2", "a has the value '2' more than once"),
        ("a=3..1", "the range '3..1' counts down; write its smaller end first"),
        (
            "a=2026-01-07..2026-01-01",
            "the range '2026-01-07..2026-01-01' counts down; write its smaller end first",
        ),
        ("a=2026-02-28..2026-02-29", "'2026-02-29' is not a day of the calendar"),
        ("a=0000-01-01..0001-01-01", "'0000-01-01' is not a day of the calendar"),
        ("a=1..010", "the ends of '1..010' have different numbers of digits, and one begins with 0"),
        ("a=1..5..0", "'1..5..0' is not FIRST..LAST or FIRST..LAST..STEP, with a whole number from 1 as step"),
        ("a=1..5..-1", "'1..5..-1' is not FIRST..LAST or FIRST..LAST..STEP, with a whole number from 1 as step"),
        ("a=1..5..1..1", "'1..5..1..1' is not FIRST..LAST or FIRST..LAST..STEP, with a whole number from 1 as step"),
        (r"a=C:\temp", r"in 'C:\\temp' a backslash stands before neither , nor .. nor \; double it"),
        ("a=x\\", r"in 'x\\' a backslash stands before neither , nor .. nor \; double it"),
    ],
)
def test_what_is_refused(word: str, expected: str) -> None:
    """The message quotes what was written, and says what to write."""
    assert expected == refusal(word)


@pytest.mark.parametrize("text", ["a..b", "..", "1..", "..1", "../data", "1...3", "1..2026-01-01", "٣..٤", "1e3..2e3"])
def test_dots_are_a_range_or_escaped(text: str) -> None:
    """Dots that make no range are never taken for a value: a slip of the pen would start runs with it."""
    hint = "write \\.. (in quotes, for a shell) for dots that are part of a value"
    assert f"{text!r} is a range of neither whole numbers nor days; {hint}" == refusal(f"a={text}")


def test_parameters_are_there_once() -> None:
    """A parameter that is written twice is refused, whatever its values."""
    assert "a is there twice; write all of its values in one word, a=a,b" == refusal("a=1", "b=1", "a=2")


def test_nothing_is_no_matrix() -> None:
    """A matrix without a parameter would be one run with nothing said of it."""
    assert f"a matrix has at least one parameter; write for instance {EXAMPLES}" == refusal()


def test_at_most_so_many() -> None:
    """The limit is on the combinations, and none of them is made before it is checked."""
    assert MAX_POINTS == len(parse_matrix(["a=1..100", "b=1..50"]))
    expected = "10,000 combinations (100 of a x 100 of b) are too many: at most 5,000 runs at once"
    assert expected == refusal("a=1..100", "b=1..100")
    assert "999,999,999,999,999 combinations" == refusal("a=1..999999999999999").partition(" (")[0]


def test_values_from_python() -> None:
    """The library's matrix is checked as the command's, and cannot be changed."""
    matrix = Matrix(values={"a": ["1..3", "x,y"]})
    assert [{"a": "1..3"}, {"a": "x,y"}] == list(matrix.points())
    assert {"a": ("1..3", "x,y")} == matrix.values
    with pytest.raises(ValueError, match=r"^a has a text where its values are listed: 'eu'$"):
        Matrix(values={"a": "eu"})
    with pytest.raises(ValueError, match=r"^a has an empty value"):
        Matrix(values={"a": []})
    with pytest.raises(ValueError, match=r"^5,001 combinations"):
        Matrix(values={"a": [str(number) for number in range(MAX_POINTS + 1)]})
    with pytest.raises(ValueError, match=r"^'1' cannot be the name"):
        Matrix(values={"1": ["x"]})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("eu", "a=eu"),
        ("ü/日本:1", "a=ü/日本:1"),
        ("two words", "a='two words'"),
        ("it's", "a=it's"),
        ("\x1b[2J", r"a='\x1b[2J'"),
        ("x" * 100, f"a='{'x' * 79}…'"),
    ],
)
def test_label(value: str, expected: str) -> None:
    """A value that is short and plain stands as it is; any other one as messages quote it."""
    assert expected == label({"a": value})


@given(st.dictionaries(names, listed_values, min_size=1, max_size=4))
def test_what_is_escaped_reads_back(wanted: dict[str, list[str]]) -> None:
    """Any text can be a value; every combination is there once, in the order of the product."""
    matrix = parse_matrix([f"{name}={','.join(map(escaped, texts))}" for name, texts in wanted.items()])
    points = list(matrix.points())
    assert list(product(*wanted.values())) == [tuple(point.values()) for point in points]
    assert [list(wanted)] * len(matrix) == [list(point) for point in points]


@given(st.one_of(st.text(), st.text("ab=,.\\-019 ").map("a={}".format)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever the word is, the answer is a matrix or a message of one line."""
    try:
        matrix = parse_matrix([text])
    except ValueError as error:
        assert str(error).isprintable()  # noqa: PT017  either is right
    else:
        assert 1 <= len(matrix) == len({label(point) for point in matrix.points()})


@given(st.integers(-(10**6), 10**6), st.integers(0, 300), st.integers(1, 50))
def test_ranges_of_numbers(first: int, more: int, step: int) -> None:
    """A range has every number from its first end to its last, in steps from the first."""
    expected = [str(number) for number in range(first, first + more + 1, step)]
    assert expected == values_of(f"a={first}..{first + more}..{step}")


@given(st.integers(0, 9000), st.integers(0, 300), st.integers(1, 3))
def test_zeros_are_kept(first: int, more: int, zeros: int) -> None:
    """Where an end begins with zeros, every number is as wide as the ends."""
    last = first + more
    width = len(str(last)) + zeros
    assert {width} == set(map(len, values_of(f"a={first:0{width}}..{last:0{width}}")))
    assert [first + number for number in range(more + 1)] == list(
        map(int, values_of(f"a={first:0{width}}..{last:0{width}}"))
    )


@given(days, st.integers(0, 25))
def test_ranges_of_days(first: date, more: int) -> None:
    """A range of days goes through months and leap years, both ends included."""
    expected = [(first + timedelta(days=number)).isoformat() for number in range(more + 1)]
    assert expected == values_of(f"a={expected[0]}..{expected[-1]}")


@given(days, days)
def test_days_never_count_down(first: date, last: date) -> None:
    """A range whose ends are the wrong way round is refused, and not taken for the other way."""
    assume(first > last)
    assert refusal(f"a={first}..{last}").endswith("counts down; write its smaller end first")
