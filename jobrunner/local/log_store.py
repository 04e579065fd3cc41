"""Log events in memory: compact, in time order, and fast to hand out in pages.

A stream is a list of chunks; a chunk is the raw messages joined by a byte that UTF-8 never contains, and an
array of timestamps. A million lines of 100 bytes so take about 110 MB, and a page of 10,000 events becomes JSON
with a handful of calls into C instead of 10,000 dictionaries.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from jobrunner.local.log_chunk import SEPARATOR, Chunk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jobrunner.local.faults.held_lines import HeldLines

#: A GetLogEvents or FilterLogEvents page holds no more events than this, and no more bytes of messages.
PAGE_EVENTS: Final = 10_000
PAGE_BYTES: Final = 1_048_576


class Event(NamedTuple):
    """One log event; times in milliseconds since 1970, and the ordinal among the events of the same millisecond."""

    timestamp: int
    ordinal: int
    ingestion: int
    message: bytes


class Position(NamedTuple):
    """A gap between events that stays where it is when late events arrive before it.

    `Position(t, n)` is behind the first `n` events of millisecond `t`.
    """

    timestamp: int
    ordinal: int


START: Final = Position(0, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some events as JSON, and the positions before the first and behind the last of them."""

    body: bytes
    before: Position
    after: Position


class EventLog:
    """The events of one stream, sorted by timestamp, then by arrival. Safe from several threads.

    Attributes:
        held: Who holds back lines of this stream, if somebody ordered that.
    """

    def __init__(self) -> None:
        self.held: HeldLines | None = None
        self._lock = threading.Lock()
        self._chunks: list[Chunk] = []
        self._firsts: list[int] = []  # index of the first event of each chunk
        self._count = 0
        self.stored_bytes = 0
        self.last_ingestion: int | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def first_timestamp(self) -> int | None:
        """The timestamp of the oldest event, in milliseconds."""
        return self._chunks[0].timestamps[0] if self._chunks else None

    @property
    def last_timestamp(self) -> int | None:
        """The timestamp of the newest event, in milliseconds."""
        return self._chunks[-1].timestamps[-1] if self._chunks else None

    def append_lines(self, lines: bytes, count: int, now: int) -> None:
        """Add `count` messages, joined by `SEPARATOR`, that were written now (milliseconds)."""
        with self._lock:
            now = max(now, self._newest())
            self._append(Chunk(lines, array("q", [now]) * count, None))
            self.last_ingestion = now

    def append_events(self, events: Sequence[tuple[int, bytes]], now: int) -> None:
        """Add (timestamp, message) pairs in time order, as PutLogEvents gets them; they may be late."""
        with self._lock:
            self.last_ingestion = now
            if not events:
                return
            chunk = _chunk_of(events, now)
            if chunk.timestamps[0] >= self._newest():
                self._append(chunk)
            else:
                self._merge(events, now)

    def _newest(self) -> int:
        return self._chunks[-1].timestamps[-1] if self._chunks else 0

    def _append(self, chunk: Chunk) -> None:
        self.stored_bytes += chunk.size
        if self._chunks and self._chunks[-1].accepts(chunk.timestamps[0], chunk.ingestion):
            self._chunks[-1].extend(chunk)
        else:
            self._firsts.append(self._count)
            self._chunks.append(chunk)
        self._count += len(chunk)

    def _merge(self, events: Sequence[tuple[int, bytes]], now: int) -> None:
        """Put late events where their timestamps belong: take off the newer chunks, and add all again in order."""
        keep = bisect_right(self._chunks, events[0][0], key=lambda chunk: chunk.timestamps[-1])
        moved = [
            (timestamp, chunk.ingestion, message)
            for chunk in self._chunks[keep:]
            for timestamp, message in zip(chunk.timestamps, chunk.messages(), strict=True)
        ]
        moved += [(timestamp, now, message) for timestamp, message in events]
        moved.sort(key=lambda event: event[0])  # stable: the late ones come last in their millisecond
        self.stored_bytes -= sum(chunk.size for chunk in self._chunks[keep:])
        self._count = self._firsts[keep] if keep < len(self._firsts) else self._count
        del self._chunks[keep:], self._firsts[keep:]
        for timestamp, ingestion, message in moved:
            self._append(Chunk(message, array("q", [timestamp]), ingestion))

    # -- reading ----------------------------------------------------------------------------------------------

    def _index(self, timestamp: int) -> int:
        """The index of the first event that is not older than `timestamp`."""
        number = bisect_left(self._chunks, timestamp, key=lambda chunk: chunk.timestamps[-1])
        if number == len(self._chunks):
            return self._count
        return self._firsts[number] + bisect_left(self._chunks[number].timestamps, timestamp)

    def _index_of(self, position: Position) -> int:
        return min(self._index(position.timestamp) + position.ordinal, self._count)

    def _position(self, index: int) -> Position:
        if index == 0:
            return START
        number = bisect_right(self._firsts, index - 1) - 1
        timestamp = self._chunks[number].timestamps[index - 1 - self._firsts[number]]
        return Position(timestamp, index - self._index(timestamp))

    def _range(self, start_time: int | None, end_time: int | None) -> tuple[int, int]:
        low = 0 if start_time is None else self._index(start_time)
        high = self._count if end_time is None else self._index(end_time)
        return low, max(low, high)

    def forward(self, start: Position | None, limit: int, start_time: int | None, end_time: int | None) -> Page:
        """The events from a position on, or from the oldest; `end_time` is exclusive."""
        with self._lock:
            low, high = self._range(start_time, end_time)
            origin = low if start is None else self._index_of(start)
            first = max(low, origin)
            stop = self._stop(first, min(high, first + limit))
            if stop <= first:
                # Nothing new: the same forward token comes back, which is how AWS says "the end".
                here = start if start is not None else self._position(min(origin, self._count))
                return Page(body=b"", before=here, after=here)
            return self._page(first, stop)

    def backward(self, end: Position | None, limit: int, start_time: int | None, end_time: int | None) -> Page:
        """The events before a position, or the newest ones; in time order all the same."""
        with self._lock:
            low, high = self._range(start_time, end_time)
            last = high if end is None else min(high, self._index_of(end))
            first = self._first(max(low, last - limit), last)
            if first >= last:
                here = end if end is not None else self._position(high)
                return Page(body=b"", before=here, after=here)
            return self._page(first, last)

    def _page(self, first: int, stop: int) -> Page:
        parts = [chunk.encode(low, high) for chunk, low, high in self._slices(first, stop)]
        return Page(body=b",".join(parts), before=self._position(first), after=self._position(stop))

    def _slices(self, first: int, stop: int) -> Iterator[tuple[Chunk, int, int]]:
        number = bisect_right(self._firsts, first) - 1
        while first < stop:
            chunk, base = self._chunks[number], self._firsts[number]
            high = min(stop, base + len(chunk))
            yield chunk, first - base, high - base
            first, number = high, number + 1

    def _stop(self, first: int, stop: int) -> int:
        """How far a page that starts at `first` gets before it is full of bytes; at least one event."""
        room = PAGE_BYTES
        for chunk, low, high in self._slices(first, stop):
            whole = low == 0 and high == len(chunk)
            if whole and chunk.size <= room:
                room -= chunk.size
                first += high - low
                continue
            fits = _fitting(chunk.messages(low, high), room)
            first += fits
            if fits < high - low:
                return first if room < PAGE_BYTES or fits else first + 1
            room -= sum(map(len, chunk.messages(low, high)))
        return first

    def _first(self, first: int, stop: int) -> int:
        """Where a page that ends at `stop` begins when it is full of bytes; at least one event."""
        room = PAGE_BYTES
        begin = stop
        for chunk, low, high in reversed(list(self._slices(first, stop))):
            messages = chunk.messages(low, high)
            fits = _fitting(messages[::-1], room)
            begin -= fits
            if fits < high - low:
                return begin if begin < stop else stop - 1
            room -= sum(map(len, messages))
        return begin

    def events(self, start: Position | None = None, *, start_time: int | None = None) -> Iterator[Event]:
        """The events behind a position, oldest first, as values; those that arrive meanwhile may be among them."""
        with self._lock:
            low = 0 if start_time is None else self._index(start_time)
            index = low if start is None else max(low, self._index_of(start))
        while True:
            batch = self._batch(index)
            if not batch:
                return
            yield from batch
            index += len(batch)

    def _batch(self, index: int) -> list[Event]:
        with self._lock:
            if index >= self._count:
                return []
            ordinal = self._position(index + 1).ordinal - 1
            chunk, low, high = next(self._slices(index, self._count))
            found, previous = [], chunk.timestamps[low]
            for timestamp, message in zip(islice(chunk.timestamps, low, high), chunk.messages(low, high), strict=True):
                ordinal = ordinal if timestamp == previous else 0
                found.append(Event(timestamp, ordinal, chunk.ingestion or timestamp, message))
                previous, ordinal = timestamp, ordinal + 1
            return found


def _chunk_of(events: Iterable[tuple[int, bytes]], now: int) -> Chunk:
    pairs = list(events)
    return Chunk(
        SEPARATOR.join([message for _, message in pairs]), array("q", [timestamp for timestamp, _ in pairs]), now
    )


def _fitting(messages: list[bytes], room: int) -> int:
    """How many of the messages, from the first on, fit into `room` bytes."""
    for number, message in enumerate(messages):
        room -= len(message)
        if room < 0:
            return number
    return len(messages)
