"""A fake of `ports.EventLog`: messages in memory, in pages, read as the real one reads them."""

from __future__ import annotations

import json
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobrunner.core.history_events import EventPage
from jobrunner.testing.ecs import Scripted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class FakeEventLog(Scripted):
    """`ports.EventLog` in memory. It is empty by itself: a test writes what EventBridge would have.

    Attributes:
        groups: The log groups that exist, with their messages: the log's time in milliseconds, and the text.
        page_size: Events of a page.
        empty_pages: Whether an empty page, with a token, comes before each page: AWS does so, and it is not the end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.groups: dict[str, list[tuple[int, str]]] = {}
        self.page_size = 10_000
        self.empty_pages = False

    def write(self, group: str, at: datetime, *events: Mapping[str, Any] | str) -> None:
        """Write events, or texts as they are, at a time; the log group is made if there is none.

        The log keeps them in the order of their times, as FilterLogEvents gives them.
        """
        kept = self.groups.setdefault(group, [])
        time = (at - _EPOCH) // _MILLISECOND
        kept.extend((time, event if isinstance(event, str) else json.dumps(event)) for event in events)
        kept.sort(key=lambda one: one[0])

    def read(self, group: str, *, since: datetime | None, token: str | None = None) -> EventPage | None:
        """Read a page; see `ports.EventLog.read`."""
        self._called("read")
        kept = self.groups.get(group)
        if kept is None:
            return None
        start = 0 if since is None else bisect_left(kept, (since - _EPOCH) // _MILLISECOND, key=lambda one: one[0])
        asked, _, empty = (token or "0/").partition("/")
        if self.empty_pages and not empty:
            return EventPage(events=(), unreadable=0, newest=None, token=f"{asked}/empty")
        return self._page(kept, start + int(asked), int(asked))

    def _page(self, kept: Sequence[tuple[int, str]], start: int, read: int) -> EventPage:
        from jobrunner.aws.event_messages import events_of  # noqa: PLC0415  only who reads events needs msgspec

        shown = kept[start : start + self.page_size]
        events, unreadable = events_of([message for _, message in shown])
        more = start + len(shown) < len(kept)
        return EventPage(
            events=events,
            unreadable=unreadable,
            newest=_EPOCH + shown[-1][0] * _MILLISECOND if shown else None,
            token=f"{read + len(shown)}/" if more else None,
        )
