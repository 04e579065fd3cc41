"""Lines of a container's output become events as the awslogs driver makes them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.local.awslogs import MAX_LINE, AwsLogs, LineSplitter, LogSetupError
from jobrunner.local.log_chunk import SEPARATOR
from jobrunner.local.moto_state import MotoState


def split(*pieces: bytes) -> list[bytes]:
    """The lines of an output that arrives in pieces."""
    lines: list[bytes] = []
    counts: list[int] = []

    def emit(joined: bytes, count: int) -> None:
        lines.extend(joined.split(SEPARATOR))
        counts.append(count)

    splitter = LineSplitter(emit)
    for piece in pieces:
        splitter.feed(piece)
    splitter.flush()
    assert sum(counts) == len(lines)
    return lines


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_pieces_do_not_matter(data: bytes, cuts: list[int]) -> None:
    """However the output is cut into reads, the lines are the same."""
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[low:high] for low, high in itertools.pairwise(places)]
    assert split(data) == split(*pieces)


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=("Cs",)), min_size=1)))
def test_lines_come_back(lines: list[str]) -> None:
    """Every line that is not empty is an event, unchanged; carriage returns end no line."""
    assert lines == [line.decode() for line in split("".join(f"{line}\n" for line in lines).encode())]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"a\nb", [b"a", b"b"]),
        (b"a\n\n\nb\n", [b"a", b"b"]),
        (b"10%\r20%\r\n", [b"10%\r20%\r"]),
        (b"caf\xc3\xa9 \xff\n", "café \N{REPLACEMENT CHARACTER}".encode().splitlines()),
        (b"", []),
        (b"\n", []),
    ],
)
def test_lines(written: bytes, expected: list[bytes]) -> None:
    """The last line needs no newline, empty lines are none, bad UTF-8 is replaced."""
    assert expected == split(written)


def test_long_line() -> None:
    """A long line is several events, none of which ends inside a character."""
    text = "x" + "é" * MAX_LINE
    for pieces in ([text.encode() + b"\n"], [text.encode()[:9000], text.encode()[9000:]]):
        found = split(*pieces)
        assert text == "".join(piece.decode() for piece in found)
        assert [MAX_LINE - 1, MAX_LINE, 2] == list(map(len, found))


def test_long_line_without_utf8() -> None:
    """Bytes that are no UTF-8 are cut all the same."""
    assert [MAX_LINE * 3, 3 * 5] == list(map(len, split(b"\x80" * (MAX_LINE + 5))))


@pytest.mark.parametrize("missing", ["awslogs-group", "awslogs-region", "awslogs-stream-prefix"])
def test_options(missing: str) -> None:
    """Group, region and prefix are needed; Fargate says so when the task starts."""
    options = {"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}
    del options[missing]
    with pytest.raises(LogSetupError, match=missing):
        AwsLogs(MotoState("us-east-1"), options, container="c", task_id="t")
