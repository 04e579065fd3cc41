"""Fetching the next page of a log while the caller still works on this one.

A long log is one page after the other, and only an answer says what to ask next: without this, AWS waits for the
caller and the caller for AWS. One page a stream is fetched ahead, and only after one that looks full, so that
following a log at its end costs no call more. The next question is sent before a page is parsed.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from jobrunner.core.follow import LogPage, ReadLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.core.follow import LogStream, ReadResult

#: A page of so many bytes probably has a next one: a full one has 10,000 events or 1 MiB.
_LOOKS_FULL = 200_000
#: Seconds in which a question is signed and sent.
_HEAD_START = 0.001
#: Pages that nobody came back for are held for that many streams at most.
_HELD = 8
#: The key cannot stand so in a message: there, its quotes are escaped. Were it misread nevertheless, the page
#: fetched with it would be the answer to a question that is never asked.
_TOKEN = re.compile(rb'"nextForwardToken"\s*:\s*"([^"\\]+)"')


class ReadAhead:
    """Reads pages, with at most one fetched ahead for each stream. Safe from several threads.

    What was fetched ahead counts only if it brings news. An empty page, an error or the stream's end is asked
    for again: as a proof of the end, an answer is as old as its question (see `core.follow`).

    Args:
        fetch: Asks: gives a page's body, or what went wrong. It raises nothing that is a matter of AWS.
        parse: Reads a body.
    """

    def __init__(self, fetch: Callable[[ReadLog], bytes | ReadResult], parse: Callable[[bytes], ReadResult]) -> None:
        self._fetch = fetch
        self._parse = parse
        self._lock = threading.Lock()
        self._ahead: dict[LogStream, _Fetch] = {}

    def read(self, question: ReadLog) -> ReadResult:
        """Give the answer to a question."""
        with self._lock:
            ahead = self._ahead.pop(question.stream, None)
        fetched = ahead.answer() if ahead is not None and ahead.question == question else None
        if fetched is not None:
            answer = self._take(question, fetched)
            if isinstance(answer, LogPage) and answer.messages and answer.token != question.token:
                return answer
        return self._take(question, self._fetch(question))

    def _take(self, question: ReadLog, fetched: bytes | ReadResult) -> ReadResult:
        if not isinstance(fetched, bytes):
            return fetched
        if len(fetched) >= _LOOKS_FULL and (found := _last_token(fetched)) not in {None, question.token}:
            self._start(ReadLog(stream=question.stream, token=found))
        return self._parse(fetched)

    def _start(self, question: ReadLog) -> None:
        fetch = _Fetch(self._fetch, question)
        with self._lock:
            self._ahead[question.stream] = fetch
            while len(self._ahead) > _HELD:
                del self._ahead[next(iter(self._ahead))]
        fetch.start()
        # Parsing a page holds the interpreter for some 4 ms: the question must be on its way before, or the
        # endpoint waits for the parser. Measured: 650,000 lines a second without this, 850,000 with it.
        fetch.join(_HEAD_START)


class _Fetch(threading.Thread):
    """One question, asked in a thread; a daemon, since a process that ends needs no answer."""

    def __init__(self, fetch: Callable[[ReadLog], bytes | ReadResult], question: ReadLog) -> None:
        super().__init__(name="jobrunner-read-ahead", daemon=True)
        self.question = question
        self._fetch = fetch
        self._fetched: bytes | ReadResult | None = None

    def run(self) -> None:
        try:
            self._fetched = self._fetch(self.question)
        except Exception:  # noqa: BLE001  not AWS's: the same question, asked by the caller, raises it there
            self._fetched = None

    def answer(self) -> bytes | ReadResult | None:
        """Wait for the answer; None if there is none."""
        self.join()
        return self._fetched


def _last_token(body: bytes) -> str | None:
    start = body.rfind(b'"nextForwardToken"')
    found = _TOKEN.match(body, start) if start >= 0 else None
    return found[1].decode("ascii", "replace") if found else None
