"""Many runs as a block of lines."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.cli import board
from jobrunner.cli.board import Board, Failed

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
EXIT_3 = Failed(run_id="4r9k2m8p3w7x5t1q", label="region=eu day=2026-01-03", words="exit code 3")
BOARD = Board(
    job="etl",
    total=1000,
    queued=171,
    starting=76,
    running=340,
    succeeded=411,
    failed=2,
    failures=[EXIT_3],
    elapsed=72.3,
    billed_seconds=24_780,
    cost_usd=Decimal("0.339000"),
)
HEAD = "etl | 413 of 1,000 done, 2 failed | 1m12s"
BAR = "[########################>>>>>>>>>>>>>>>>>>>>>----...........]  41 %"
TABLE = [
    ". queued   - starting   > running   # succeeded   x failed",
    "     171           76         340           411          2",
]
BILL = "billed so far 24,780 s | about $0.339000 (estimate)"
FAILED = "x 4r9k2m8p3w7x5t1q  region=eu day=2026-01-03  exit code 3"
MORE = "  and 1 more"


def lines(board: Board, *, columns: int = 79, rows: int = 23) -> list[str]:
    """Give the lines of a board on a screen of 80 by 24."""
    return board.lines(columns=columns, rows=rows)


def failures(*numbers: int) -> list[Failed]:
    """Give runs that have failed in this order."""
    return [Failed(run_id=f"{number:016}", label=f"shard={number}", words=f"exit code {number}") for number in numbers]


def named(board: Board, *, rows: int = 23) -> list[str]:
    """Give what stands below the table."""
    plain = replace(board, billed_seconds=None)
    return lines(plain, rows=rows)[4:]


def test_everything() -> None:
    """Job and progress, the bar, the states, the bill, who has failed; as the module shows it."""
    expected = [HEAD, BAR, *TABLE, BILL, FAILED, MORE]
    assert expected == lines(BOARD)
    assert textwrap.indent("\n".join(expected), " " * 4) in (board.__doc__ or "")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (0, []),
        (1, [HEAD]),
        (2, [HEAD, BAR]),
        (3, [HEAD, *TABLE]),
        (4, [HEAD, BAR, *TABLE]),
        (5, [HEAD, BAR, *TABLE, BILL]),
        (6, [HEAD, BAR, *TABLE, BILL, FAILED]),
        (7, [HEAD, BAR, *TABLE, BILL, FAILED, MORE]),
    ],
)
def test_with_less_room_what_matters_less_is_left_out(rows: int, expected: list[str]) -> None:
    """On a low screen progress comes first, then the states, then the rest."""
    assert expected == lines(BOARD, rows=rows)


def test_begin_and_end() -> None:
    """At the beginning nothing is done, at the end everything; what is not known is not said."""
    begin = Board(job="etl", total=7, queued=7, elapsed=0.04, billed_seconds=0, cost_usd=Decimal(0))
    expected = [
        "etl | 0 of 7 done | 0.04 s",
        f"[{'.' * 60}]   0 %",
        ". queued   - starting   > running   # succeeded   x failed",
        "       7            0           0             0          0",
    ]
    assert expected == lines(begin)
    end = replace(begin, queued=0, succeeded=7, elapsed=61.0, billed_seconds=420, cost_usd=None)
    expected = [
        "etl | 7 of 7 done | 1m1s",
        f"[{'#' * 60}] 100 %",
        ". queued   - starting   > running   # succeeded   x failed",
        "       0            0           0             7          0",
        "billed so far 420 s",
    ]
    assert expected == lines(end)


def test_bar_is_full_when_everything_is_over_and_not_before() -> None:
    """With one of 5,000 still running, the bar and the percentage say that something is missing."""
    almost = Board(job="etl", total=5000, running=1, succeeded=4990, failed=9, elapsed=1.0)
    assert f"[{'#' * 59}>]  99 %" == lines(almost)[1]


def test_bar_has_every_state() -> None:
    """What is over stands first, then what is furthest on; the signs are those of the table."""
    each = Board(
        job="etl", total=60, queued=10, starting=10, running=10, stopping=10, succeeded=10, failed=10, elapsed=1.0
    )
    expected = [
        "[##########xxxxxxxxxx<<<<<<<<<<>>>>>>>>>>----------..........]  33 %",
        ". queued   - starting   > running   < stopping   # succeeded   x failed",
        "      10           10          10           10            10         10",
    ]
    assert expected == lines(each)[1:]


def test_table_does_not_move() -> None:
    """The columns keep their places while the numbers grow, also when they are wider than the names."""
    small = Board(job="etl", total=100_000_000, queued=100_000_000, elapsed=1.0)
    large = replace(small, queued=0, running=9, succeeded=99_999_991)
    expected = [
        "   . queued    - starting     > running   # succeeded      x failed",
        "100,000,000             0             0             0             0",
        "   . queued    - starting     > running   # succeeded      x failed",
        "          0             0             9    99,999,991             0",
    ]
    assert expected == lines(small)[2:4] + lines(large)[2:4]


def test_failed_runs_are_named_newest_last() -> None:
    """The newest are named, the last of them last, aligned; the others are counted."""
    shown = named(replace(BOARD, failed=8, failures=failures(1, 2, 3, 4, 5, 6, 7, 1000)))
    expected = [
        "x 0000000000000004  shard=4     exit code 4",
        "x 0000000000000005  shard=5     exit code 5",
        "x 0000000000000006  shard=6     exit code 6",
        "x 0000000000000007  shard=7     exit code 7",
        "x 0000000000001000  shard=1000  exit code 1000",
        "  and 3 more",
    ]
    assert expected == shown


@pytest.mark.parametrize(
    ("rows", "failed", "expected"),
    [
        (4, 3, []),
        (5, 1, [1]),
        (5, 3, [3]),
        (6, 2, [1, 2]),
        (6, 3, [3, "  and 2 more"]),
        (7, 3, [1, 2, 3]),
        (7, 4, [3, 4, "  and 2 more"]),
        (9, 5, [1, 2, 3, 4, 5]),
        (9, 1200, [1197, 1198, 1199, 1200, "  and 1,196 more"]),
        (10, 1200, [1196, 1197, 1198, 1199, 1200, "  and 1,195 more"]),
        (40, 1200, [1196, 1197, 1198, 1199, 1200, "  and 1,195 more"]),
    ],
)
def test_as_many_as_there_is_room_for(rows: int, failed: int, expected: list[int | str]) -> None:
    """A row is given to the number of others only where two are left; the table says it anyway."""
    shown = named(replace(BOARD, failed=failed, failures=failures(*range(1, failed + 1))), rows=rows)
    ours = [f"x {one:016}  shard={one}  exit code {one}" if isinstance(one, int) else one for one in expected]
    assert ours == [re.sub(r"(shard=\d+) +", r"\1  ", line) for line in shown]


def test_failed_runs_that_nobody_named() -> None:
    """Without names there is the number in the table, and no line of others."""
    assert [] == named(replace(BOARD, failed=3, failures=[]))


def test_the_newest_are_enough() -> None:
    """Those who keep the newest only still get the right number of others."""
    assert "  and 95 more" == named(replace(BOARD, failed=100, failures=failures(96, 97, 98, 99, 100)))[-1]


def test_long_labels_leave_room_for_the_cause() -> None:
    """A long label is cut, for what follows it matters more."""
    (line,) = named(replace(BOARD, failed=1, failures=[replace(EXIT_3, label="x" * 100)]))
    assert f"x 4r9k2m8p3w7x5t1q  {'x' * 40}  exit code 3" == line


def test_an_estimate_says_so_or_is_left_out() -> None:
    """Where `(estimate)` would be cut off, no cost is shown; on the local endpoint it is what Fargate would cost."""
    assert BILL == lines(BOARD, columns=len(BILL))[4]
    assert "billed so far 24,780 s" == lines(BOARD, columns=len(BILL) - 1)[4]
    local = replace(BOARD, local=True)
    assert "billed so far 24,780 s | on Fargate about $0.339000 (estimate)" == lines(local)[4]


def test_text_of_others_is_harmless_and_one_line() -> None:
    """What the job, the parameters and ECS say can neither act on the terminal nor become a second line."""
    failure = Failed(run_id="0" * 16, label="a=\x1b[2J", words="one\ntwo\tthree\r")
    shown = lines(replace(BOARD, job="e\ntl", failed=1, failures=[failure]))
    assert "e^Jtl | 412 of 1,000 done, 1 failed | 1m12s" == shown[0]
    assert "x 0000000000000000  a=^[[2J  one^Jtwo three^M" == shown[-1]


def test_colour_changes_nothing_else() -> None:
    """Green is what succeeded and red is what failed; numbers that are zero have no colour, and no text is lost."""
    coloured = BOARD.lines(columns=79, rows=23, colour=True)
    assert lines(BOARD) == [COLOUR.sub("", line) for line in coloured]
    assert coloured[1].startswith("[\x1b[32m########################\x1b[0m>")
    assert coloured[3].endswith("   340\x1b[32m           411\x1b[0m\x1b[31m          2\x1b[0m")
    assert coloured[5].startswith("\x1b[31mx \x1b[0m4r9k2m8p3w7x5t1q")
    none = replace(BOARD, failed=0, failures=[]).lines(columns=79, rows=23, colour=True)
    assert none[3].endswith("\x1b[32m           411\x1b[0m          0")


counts = st.integers(0, 5000)
boards = st.builds(
    lambda failed, more, **rest: Board(
        job="nightly-etl",
        total=sum(rest.values()) + failed,
        failed=failed,
        failures=failures(*range(min(failed, 7))),
        elapsed=more["elapsed"],
        billed_seconds=more["billed_seconds"],
        cost_usd=more["cost_usd"],
        **rest,
    ),
    failed=counts,
    more=st.fixed_dictionaries(
        {
            "elapsed": st.floats(0, 1e6),
            "billed_seconds": st.none() | st.integers(0, 10**9),
            "cost_usd": st.none() | st.decimals("0", "100000", places=6),
        }
    ),
    queued=counts,
    starting=counts,
    running=counts,
    stopping=counts,
    succeeded=counts,
)


@given(boards, st.integers(1, 120), st.integers(0, 40), st.booleans())
def test_fits_whatever_the_size(board: Board, columns: int, rows: int, colour: bool) -> None:  # noqa: FBT001  hypothesis
    """No line is wider than the screen, there are no more lines than rows, and every colour ends in its line."""
    shown = board.lines(columns=columns, rows=rows, colour=colour)
    assert len(shown) <= rows
    for line in shown:
        assert len(COLOUR.sub("", line)) <= columns
        assert line.count("\x1b[0m") * 2 == line.count("\x1b")


@given(boards.filter(lambda board: board.total), st.integers(20, 120))
def test_bar_is_as_long_as_it_says(board: Board, columns: int) -> None:
    """Whatever the numbers, the bar has its full length, and what is over never looks more than it is."""
    bar = lines(board, columns=columns)[1]
    inner = bar[1 : bar.index("]")]
    assert min(60, columns - 8) == len(inner)
    over = sum(inner.count(sign) for sign in "#x")
    assert over * board.total <= board.done * len(inner) < (over + 1) * board.total


def test_change() -> None:
    """Without a terminal each change is a line: which run, what, why, and how far everything is."""
    more = {"done": 413, "total": 1000}
    expected = "4r9k2m8p3w7x5t1q region=eu day=2026-01-03: failed, exit code 3 (413 of 1,000 done)"
    assert expected == board.change(run_id=EXIT_3.run_id, label=EXIT_3.label, state="failed", why=EXIT_3.words, **more)
    assert "0000000000000000: running (413 of 1,000 done)" == board.change(
        run_id="0" * 16, label="", state="running", **more
    )
    assert "0000000000000000 a^Jb: failed, c^Jd (413 of 1,000 done)" == board.change(
        run_id="0" * 16, label="a\nb", state="failed", why="c\nd", **more
    )
