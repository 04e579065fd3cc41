"""Many runs of one job as a block of lines: how many are in which state, and which have failed.

    etl | 413 of 1,000 done, 2 failed | 1m12s
    [########################>>>>>>>>>>>>>>>>>>>>>----...........]  41 %
    . queued   - starting   > running   # succeeded   x failed
         171           76         340           411          2
    billed so far 24,780 s | about $0.339000 (estimate)
    x 4r9k2m8p3w7x5t1q  region=eu day=2026-01-03  exit code 3
      and 1 more

The signs before the names are those of the bar. Where nothing can be drawn over, there is a line for each change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jobrunner.cli import words
from jobrunner.cli.harmless import harmless_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from decimal import Decimal

    #: A text, and the code of its colour or None.
    Piece = tuple[str, int | None]

#: So many failed runs are named: enough to see what they have in common, and a table that leaves room for the log.
MOST_NAMED: Final = 5

_RED, _GREEN = 31, 32
_LONGEST_BAR: Final = 60
_LONGEST_LABEL: Final = 40
#: From so many rows on, the states are a table; it takes two of them.
_ROWS_FOR_TABLE: Final = 3


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A run that has failed.

    Attributes:
        run_id: What `jobrunner logs` takes.
        label: What it was given, `region=eu day=2026-01-03`.
        words: Why, in a few of them.
    """

    run_id: str
    label: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Board:
    """Where the runs of one command are at a moment.

    Attributes:
        job: The job's name.
        total: How many runs there are, in all states together.
        queued: Not sent to ECS yet.
        starting: Accepted by ECS, and not running yet.
        running: Running.
        stopping: Being stopped; the state is shown only when there are any.
        succeeded: Over, with exit code 0.
        failed: Over in any other way.
        failures: Those of them that can be named, in the order in which they failed; the newest are enough.
        elapsed: Seconds since the command began.
        billed_seconds: Of all runs so far; None when it is not known. Of no second nothing is said.
        cost_usd: An estimate for them; None when it is not known.
        local: Whether it is on the local endpoint, where nothing costs anything.
    """

    job: str
    total: int
    queued: int = 0
    starting: int = 0
    running: int = 0
    stopping: int = 0
    succeeded: int = 0
    failed: int = 0
    failures: Sequence[Failed] = ()
    elapsed: float
    billed_seconds: int | None = None
    cost_usd: Decimal | None = None
    local: bool = False

    @property
    def done(self) -> int:
        """How many runs are over."""
        return self.succeeded + self.failed

    def lines(self, *, columns: int, rows: int, colour: bool = False) -> list[str]:
        """Give the lines that fit into so many columns and rows; with less room, what matters less is left out."""
        lines: list[list[Piece]] = [[(self._headline(), None)]]
        if rows != _ROWS_FOR_TABLE:
            lines.append(self._bar(columns))
        if rows >= _ROWS_FOR_TABLE:
            lines += self._table()
        if self.billed_seconds:
            lines.append([(self._bill(columns), None)])
        lines += self._named(rows - len(lines))
        return [_line(pieces, columns, colour=colour) for pieces in lines[:rows]]

    def _headline(self) -> str:
        failed = f", {self.failed:,} failed" if self.failed else ""
        done = f"{self.done:,} of {self.total:,} done{failed}"
        return f"{_one_line(self.job)} | {done} | {words.duration(self.elapsed)}"

    def _bill(self, columns: int) -> str:
        seconds = f"billed so far {self.billed_seconds:,} s"
        if self.cost_usd is None:
            return seconds
        cost = words.cost(self.cost_usd, local=False, seconds=self.billed_seconds)
        both = f"{seconds} | {'on Fargate ' if self.local else ''}{cost}"
        # Cut off, an estimate would no longer say that it is one.
        return both if len(both) <= columns else seconds

    def _states(self) -> Iterator[tuple[str, str, int, int | None]]:
        """Give sign, name, count and colour of each state, in the order of a run's life."""
        yield ".", "queued", self.queued, None
        yield "-", "starting", self.starting, None
        yield ">", "running", self.running, None
        if self.stopping:
            yield "<", "stopping", self.stopping, None
        yield "#", "succeeded", self.succeeded, _GREEN
        yield "x", "failed", self.failed, _RED

    def _bar(self, columns: int) -> list[Piece]:
        percent = f"] {100 * self.done // max(1, self.total):>3} %"
        width = max(1, min(_LONGEST_BAR, columns - len("[" + percent)))
        *going_on, succeeded, failed = self._states()
        pieces: list[Piece] = [("[", None)]
        counted = drawn = 0
        # What is over stands first. It is rounded down, so that the bar is full when everything is over, not before.
        for sign, _, count, colour in (succeeded, failed, *reversed(going_on)):
            counted += count
            end = width * counted // max(1, self.total)
            pieces.append((sign * (end - drawn), colour))
            drawn = end
        return [*pieces, (percent, None)]

    def _table(self) -> list[list[Piece]]:
        names: list[Piece] = []
        counts: list[Piece] = []
        widest = len(f"{self.total:,}")
        for sign, name, count, colour in self._states():
            gap = "   " if names else ""
            width = max(widest, len(f"{sign} {name}"))
            names.append((f"{gap}{f'{sign} {name}':>{width}}", None))
            counts.append((f"{gap}{count:>{width},}", colour if count else None))
        return [names, counts]

    def _named(self, room: int) -> Iterator[list[Piece]]:
        """Give the newest of the failed runs, the last one last, and how many more there are."""
        if not self.failures or room < 1:
            return
        named = min(len(self.failures), MOST_NAMED, room)
        if named < self.failed and named == room > 1:
            named -= 1  # the row is for how many more there are
        shown = [(one.run_id, _one_line(one.label), _one_line(one.words)) for one in self.failures[-named:]]
        width = min(_LONGEST_LABEL, max(len(label) for _, label, _ in shown))
        for run_id, label, why in shown:
            yield [("x ", _RED), (f"{run_id}  {label[:width]:<{width}}  {why}", None)]
        if named < self.failed and named < room:
            yield [(f"  and {self.failed - named:,} more", None)]


def change(*, run_id: str, label: str, state: str, done: int, total: int, why: str | None = None) -> str:
    """Give the line for a run that has come into a state, for a log that nobody can draw over."""
    said = ", ".join(filter(None, (state, why)))
    named = " ".join(filter(None, (run_id, label)))
    return f"{_one_line(named)}: {_one_line(said)} ({done:,} of {total:,} done)"


def _line(pieces: Iterable[Piece], columns: int, *, colour: bool) -> str:
    """Put pieces together as far as they fit; a colour counts for nothing."""
    line, left = "", columns
    for text, code in pieces:
        cut = text[:left]
        left -= len(cut)
        line += f"\x1b[{code}m{cut}\x1b[0m" if colour and code is not None and cut else cut
    return line.rstrip()


def _one_line(text: str) -> str:
    return harmless_line(text).replace("\t", " ")
