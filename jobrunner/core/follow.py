"""Which log page to read next, and when a log is complete. Pure: no call, no clock.

Known followers lose the end of a log (they stop at the task's end, or at the first empty page), double lines
(they restart at a timestamp), or poll without pause. The rules here:

- A stream is read by its forward token, so nothing is doubled. An empty page is not the end: the end is a page
  whose token is the one that was asked with (GetLogEvents, API reference).
- A stream that does not exist is not the end either: awslogs creates it with the first line.
- After the containers' end the log is complete when every stream has shown its end to a question asked at
  least `settle` seconds after the containers' end and after the last news of that stream. A stream whose lines have
  come later than that is given twice the longest delay that it has shown.
- At most one unreleased page per stream is held, so memory does not grow with the log.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias, assert_never

from jobrunner.core.events import LogBatch
from jobrunner.core.outcome import LogReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Pause between two reads of a stream at its end: short at first, for a short job, then longer, whether or not there
#: is news. GetLogEvents allows 10 calls a second for an account in some regions (CloudWatch Logs quotas), so a stream
#: that is followed for long takes one a second; only full pages are read without a pause.
SHORTEST_PAUSE = 0.2
LONGEST_PAUSE = 1.0
_PAUSE_GROWTH = 1.5
#: Pause after AWS asked for fewer calls.
LONGEST_BACKOFF = 10.0
#: A page with fewer events is taken for the newest one when pacing (never when proving completeness): the
#: limit of a page is 10,000 events or 1 MiB, so 2,000 events of 500 bytes may fill one.
_SMALL_PAGE = 1_000
#: Lines that were late once may be later still; but clocks that differ make lines look late that are not.
_LATENESS_FACTOR = 2.0
LONGEST_SETTLE = 60.0
#: How long after the containers' end news may keep coming before the log is given up as incomplete.
DRAIN_LIMIT = 120.0


@dataclass(frozen=True, kw_only=True)
class LogStream:
    """One container's stream in CloudWatch Logs."""

    container: str
    group: str
    name: str


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """A page of a stream, oldest event first.

    Attributes:
        timestamps: Milliseconds since the epoch.
        messages: As many.
        token: The forward token: what to ask with next.
    """

    timestamps: Sequence[int]
    messages: Sequence[str]
    token: str


@dataclass(frozen=True, kw_only=True)
class StreamAbsent:
    """The stream does not exist (yet), or not even its group does."""

    group_absent: bool = False


@dataclass(frozen=True, kw_only=True)
class ReadLater:
    """AWS asked for fewer calls, or did not answer: the same question may be answered later.

    Attributes:
        reason: What it said, or what kept it from answering.
        silent: Whether there was no answer at all.
    """

    reason: str
    silent: bool = False


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """AWS will never answer this question (access denied, log class without GetLogEvents, …)."""

    reason: str


ReadResult: TypeAlias = LogPage | StreamAbsent | ReadLater | Unreadable


@dataclass(frozen=True, kw_only=True)
class ReadLog:
    """The question: the page of `stream` after `token` (None: from the beginning)."""

    stream: LogStream
    token: str | None


class _Tail:
    """How far one stream has been read."""

    def __init__(self, stream: LogStream) -> None:
        self.stream = stream
        self.token: str | None = None
        self.due = 0.0
        self.pause = SHORTEST_PAUSE
        #: When the question was asked whose answer showed the stream's end; None after any other answer.
        self.end_shown: float | None = None
        self.caught_up = False
        self.last_news = float("-inf")
        #: When a question was last asked whose answer showed the end, and how much older lines came after it.
        self.last_end: float | None = None
        self.lateness = 0.0
        #: Whether the last answer had lines: then the next question need not wait.
        self.news = False
        self.broken: str | None = None
        self.group_absent = False
        self.held: LogPage | None = None
        self.held_keys: Sequence[int] = []
        self.held_from = 0
        self.trouble: str | None = None
        self.silent = False

    def take(self, result: ReadResult, asked: float) -> None:
        self.trouble = None
        self.group_absent = False
        self.news = isinstance(result, LogPage) and bool(result.messages)
        match result:
            case LogPage():
                self._take_page(result, asked)
            case StreamAbsent():
                self.group_absent = result.group_absent
                self._at_end(asked)
            case ReadLater():
                self.trouble, self.silent = result.reason, result.silent
                self.end_shown = None
                self.pause = min(max(self.pause, LONGEST_PAUSE / 2) * 2, LONGEST_BACKOFF)
                self.due = asked + self.pause
            case Unreadable():
                self.broken = result.reason
                self.caught_up = True
            case _:
                assert_never(result)

    def _take_page(self, page: LogPage, asked: float) -> None:
        at_end = page.token == self.token
        self.token = page.token
        if page.messages:
            self.last_news = asked
            if self.last_end is not None:
                self.lateness = max(self.lateness, self.last_end - min(page.timestamps) / 1000)
            self.held = page
            self.held_keys = _rising(page.timestamps)
            self.held_from = 0
        if at_end:
            self._at_end(asked)
            return
        self.end_shown = None
        self.caught_up = 0 < len(page.messages) < _SMALL_PAGE
        if self.caught_up:
            self._rest(asked)
        else:
            # After an empty page with a new token there is more to read, but not to be asked for in a hot loop.
            self.due = asked if page.messages else asked + SHORTEST_PAUSE

    def _at_end(self, asked: float) -> None:
        self.end_shown = self.last_end = asked
        self.caught_up = True
        self._rest(asked)

    def _rest(self, asked: float) -> None:
        self.pause = min(self.pause, LONGEST_PAUSE)
        self.due = asked + self.pause
        self.pause *= _PAUSE_GROWTH

    def proof_at(self, over: float, settle: float) -> float:
        """Give when a question must be asked whose answer can prove that there is no more."""
        patience = max(settle, min(self.lateness * _LATENESS_FACTOR, LONGEST_SETTLE))
        return max(over, self.last_news) + patience

    def quiet(self, over: float, settle: float) -> bool:
        if self.broken:
            return True
        return self.end_shown is not None and self.end_shown >= self.proof_at(over, settle)

    def release(self, page: LogPage, until: float) -> LogBatch | None:
        start = self.held_from
        end = bisect_right(self.held_keys, until, lo=start)
        if end == len(page.messages):
            self.held = None
        else:
            self.held_from = end
        if end == start:
            return None
        if start == 0 and self.held is None:
            return LogBatch(container=self.stream.container, timestamps=page.timestamps, messages=page.messages)
        return LogBatch(
            container=self.stream.container,
            timestamps=page.timestamps[start:end],
            messages=page.messages[start:end],
        )


class Follow:
    """Follows the streams of one task to their proven end.

    Ask `due()` what to read, give each answer to `take()`, and emit what `release()` gives.

    Args:
        streams: One per container with an awslogs driver.
        settle: Seconds after which a line that was written is certain to be readable.
        blind: Why the log of some container cannot be read at all (another log driver, …).
        patience: Seconds without any answer after which what cannot be read is given up.
    """

    def __init__(
        self,
        streams: Iterable[LogStream],
        *,
        settle: float,
        blind: Iterable[str] = (),
        patience: float = DRAIN_LIMIT,
    ) -> None:
        self._patience = patience
        self._tails = {stream: _Tail(stream) for stream in streams}
        self._settle = settle
        self._blind = tuple(blind)
        self._over: float | None = None
        self._unseen: str | None = None
        self._drained_since: float | None = None
        self._stuck_since: float | None = None
        self._gave_up = False
        self.events = 0

    def containers_over(self, at: float, *, unseen: str | None = None) -> None:
        """Say that no container writes any more, and since when; the first call counts.

        Args:
            at: Since when.
            unseen: Why that is not known, if it is only assumed: the log is then read to its end of now, and what
                has been read is not said to be all.
        """
        if self._over is None:
            self._over = at
            self._unseen = unseen
            for tail in self._tails.values():
                tail.due = min(tail.due, at)

    def due(self, now: float) -> list[ReadLog]:
        """Give the questions to ask now; a stream with unreleased lines is not asked for more."""
        return [
            ReadLog(stream=stream, token=tail.token)
            for stream, tail in self._tails.items()
            if self._open(tail) and tail.held is None and self._due(tail) <= now
        ]

    def next_due(self) -> float | None:
        """Give the time of the next question, or None when there is none left."""
        times = [self._due(tail) for tail in self._tails.values() if self._open(tail) and tail.held is None]
        return min(times, default=None)

    def take(self, question: ReadLog, answer: ReadResult, *, asked: float) -> None:
        """Take the answer to a question that was asked at `asked`."""
        self._tails[question.stream].take(answer, asked)
        all_caught_up = all(tail.caught_up for tail in self._tails.values())
        if self._over is not None and self._drained_since is None and all_caught_up:
            self._drained_since = asked
        self._check_stuck(asked)
        limit = max(DRAIN_LIMIT, self._settle * 6)
        if self._drained_since is not None and asked - self._drained_since > limit:
            self._gave_up = True
        silent = all(tail.silent for tail in self._tails.values() if tail.trouble)
        if self._stuck_since is not None and asked - self._stuck_since > (
            min(limit, self._patience) if silent else limit
        ):
            self._gave_up = True

    def _check_stuck(self, asked: float) -> None:
        """Note since when nothing can be read any more, of streams that have not been read to their end."""
        tails = self._tails.values()
        stuck = any(tail.trouble for tail in tails) and all(tail.caught_up or tail.trouble for tail in tails)
        if self._over is None or not stuck:
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = asked

    def release(self) -> Iterator[LogBatch]:
        """Give the lines that can be emitted, merged over the containers by time.

        While one stream is far behind its end, lines of others that are later than what it has shown wait for
        it: at most one page per stream.
        """
        while (until := self._watermark()) is not None:
            batch = self._earliest(until)
            if batch is None:
                return
            self.events += len(batch)
            yield batch

    def quiet(self) -> bool:
        """Tell whether there is nothing more to read, or reading has been given up."""
        if self._over is None:
            return False
        over = self._over
        held = any(tail.held for tail in self._tails.values())
        all_quiet = all(tail.quiet(over, self._settle) for tail in self._tails.values())
        return not held and (self._gave_up or all_quiet)

    def report(self) -> LogReport:
        """Say whether the log is complete, or why not; asked when `quiet()`."""
        shortfalls = dict.fromkeys(filter(None, (self._unseen, *map(self._shortfall, self._tails.values()))))
        reasons = [*self._blind, *shortfalls]
        return LogReport(complete=not reasons, events=self.events, reason="; ".join(reasons) if reasons else None)

    def _shortfall(self, tail: _Tail) -> str | None:
        if tail.broken:
            return tail.broken
        if tail.group_absent:
            return f"log group {tail.stream.group} does not exist"
        if self._over is None or tail.quiet(self._over, self._settle):
            return None
        if tail.trouble:
            return f"the log of {tail.stream.container} could not be read to its end: {tail.trouble}"
        return f"lines of {tail.stream.container} were still arriving long after the stop"

    def _open(self, tail: _Tail) -> bool:
        done = self._over is not None and tail.quiet(self._over, self._settle)
        return not (tail.broken or done or self._gave_up)

    def _due(self, tail: _Tail) -> float:
        """Give when to ask next: in the drain, no later than the moment at which the answer can be a proof."""
        if self._over is None or tail.trouble:
            return tail.due
        if tail.news:
            return tail.last_news
        return min(tail.due, tail.proof_at(self._over, self._settle))

    def _watermark(self) -> float | None:
        """Give the time up to which every stream is known; None when nothing is held."""
        tails = self._tails.values()
        if not any(tail.held for tail in tails):
            return None
        if self._gave_up:
            return float("inf")
        behind = [tail for tail in tails if not tail.caught_up]
        return min((tail.held_keys[-1] if tail.held else float("-inf") for tail in behind), default=float("inf"))

    def _earliest(self, until: float) -> LogBatch | None:
        """Release the longest run of lines of one stream that comes before every other held line."""
        held = [(tail.held_keys[tail.held_from], tail, tail.held) for tail in self._tails.values() if tail.held]
        held.sort(key=lambda one: one[0])
        _, first, page = held[0]
        return first.release(page, min([until, *(key for key, *_ in held[1:2])]))


def _rising(timestamps: Sequence[int]) -> Sequence[int]:
    """Give the keys to merge by: a stream's lines keep its order even where its timestamps do not rise.

    They nearly always rise, and sorting what is sorted is ten times as fast as the running maximum.
    """
    return timestamps if sorted(timestamps) == timestamps else list(accumulate(timestamps, max))
