"""The runs of the past, ad-hoc and scheduled alike, whoever started them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from jobrunner.core.history import SKIPPED, Query, Source
from jobrunner.core.outcome import Verdict
from jobrunner.ops.history import sync as read_on
from jobrunner.ops.own_records import OwnRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from jobrunner.core.history import Entry
    from jobrunner.core.ports import History
    from jobrunner.core.settings import Settings
    from jobrunner.ops.history import Synced
    from jobrunner.ops.ports import Ports

#: What a run without a verdict is called; and one that never began, which no verdict says.
RUNNING: Final = "running"
VERDICTS: Final = (*(str(one) for one in Verdict), SKIPPED, RUNNING)
_GROWTH: Final = 4


@dataclass(frozen=True, kw_only=True)
class Past:
    """Runs of the past.

    Attributes:
        entries: Those that were asked for, the one that was due last first.
        synced: What came of reading on in AWS's history; None when AWS was not asked.
        trouble: What was wrong with the file of what had been read, and what was done, in one sentence; None when
            nothing was.
    """

    entries: Sequence[Entry]
    synced: Synced | None
    trouble: str | None = None


def history(
    ports: Ports,
    settings: Settings,
    *,
    job: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    verdict: str | Iterable[str] | None = None,
    trigger: str | None = None,
    limit: int | None = 50,
    sync: bool = True,
) -> Past:
    """Give runs of a project and stage, newest first.

    Args:
        ports: The outside.
        settings: Whose runs.
        job: Only those of this job; the project may not have it any more.
        since: Only those that were due then or later.
        until: Only those that were due before then.
        verdict: Only those that ended so: one of `VERDICTS`, or several.
        trigger: Only those that were started so: manual, schedule, backfill or library.
        limit: At most so many; None for all.
        sync: Whether AWS is asked for what has happened since it was asked last; else this machine's own records are
            read alone.

    Raises:
        ValueError: There is no such verdict, or the limit is negative.
        StoreError: What this machine has read cannot be read again.
    """
    words = _words(verdict)
    if limit is not None and limit < 0:
        raise ValueError(f"limit is {limit}")
    synced = read_on(ports, settings) if sync else None
    if not sync:
        OwnRecords(ports, Source.at(ports.connection, project=settings.project, stage=settings.stage)).take()
    query = Query(
        project=settings.project, stage=settings.stage, job=job, since=since, until=until, trigger=trigger, limit=limit
    )
    if words is None:
        found = ports.history.entries(query)
    else:
        ended = [entry for word in words for entry in _ended(ports.history, query, word)]
        found = sorted(ended, key=lambda entry: entry.due, reverse=True)[:limit]
    return Past(entries=found, synced=synced, trouble=ports.history.trouble)


def matching(history: History, query: Query, keep: Callable[[Entry], bool], *, first: int) -> Sequence[Entry]:
    """Give the newest runs of a query that pass a test which the query cannot make, as many as its limit says.

    Args:
        history: The runs.
        query: The query.
        keep: The test.
        first: How many runs are looked at before more are.
    """
    asked = None if query.limit is None else max(first, query.limit)
    while True:
        found = history.entries(replace(query, limit=asked))
        kept = [entry for entry in found if keep(entry)]
        if query.limit is None or asked is None:
            return kept
        if len(kept) >= query.limit or len(found) < asked:
            return kept[: query.limit]
        asked *= _GROWTH


def _words(verdict: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if verdict is None:
        return None
    words = (str(verdict),) if isinstance(verdict, str) else tuple(dict.fromkeys(map(str, verdict)))
    for word in words:
        if word not in VERDICTS:
            raise ValueError(f"there is no verdict {word!r}; there are {', '.join(VERDICTS)}")
    return words or None


def _ended(history: History, query: Query, word: str) -> Sequence[Entry]:
    if word == RUNNING:
        return matching(history, query, lambda entry: entry.outcome is None, first=1)
    # A run that was skipped never started, either; whoever asks for what could not start does not mean it.
    skipped = word == SKIPPED
    asked = replace(query, verdict=Verdict.NEVER_STARTED if skipped else Verdict(word))
    return matching(history, asked, lambda entry: entry.skipped is skipped, first=1)
