"""From the figures of runs to a report: each run is read once, and none is kept but its duration.

A report of a million runs holds a few megabytes. Runs are added up by what tells the groups apart at the finest, and
these sums are then put together: so a run whose job has several tags counts in each of their groups, and once in the
total.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from jobrunner.core.billing_prices import GB_HOUR, STORAGE_GB_HOUR, VCPU_HOUR
from jobrunner.core.figures import moment_of
from jobrunner.core.outcome import Verdict
from jobrunner.core.report import By, Duration, Group, Grouping, Report, Waste
from jobrunner.core.wall_clock import zone_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime, tzinfo

    from jobrunner.core.billing_prices import PriceTable
    from jobrunner.core.figures import Figures

#: The key of the runs of jobs that have no tag, or not the one that is grouped by; and of those of no stage. Neither a
#: stage's name nor `KEY=VALUE` looks so.
NONE: Final = "(none)"

_SUCCEEDED: Final = Verdict.SUCCEEDED.value
_MILLIS: Final = 1_000
#: Microseconds of a quarter of an hour, within which no date begins: since 2017, when Fargate did, all offsets of the
#: tz database are multiples of it, and no clocks that were changed at another minute showed another date.
_QUARTER: Final = 900_000_000
#: How much of a date the key is.
_LETTERS: Final = {By.DAY: len("2026-11-24"), By.MONTH: len("2026-11")}
#: Between runs that are further apart, years without any are left out: one with a made-up time, of the year 9999 say,
#: must not make a report of three million lines.
_MOST_DAYS: Final = 3_660


@dataclass(kw_only=True, slots=True)
class Sums:
    """What some runs come to, in whole numbers: milliseconds, seconds and micro-dollars, as in `Figures`.

    Attributes:
        measured_pull: Of the runs of which both pull and billed seconds are known.
        measured_billed: The billed seconds of the same.
    """

    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    running: int = 0
    billed: int = 0
    unknown_billed: int = 0
    cost: int = 0
    unknown_cost: int = 0
    pull: int = 0
    unknown_pull: int = 0
    measured_pull: int = 0
    measured_billed: int = 0
    minimum: int = 0
    failed_cost: int = 0
    unknown_failed: int = 0
    retried_cost: int = 0
    unknown_retried: int = 0
    saving: int = 0
    unknown_saving: int = 0
    durations: array[int] = field(default_factory=lambda: array("q"))

    def add(self, figures: Figures) -> None:
        """Add a run. Of one that is not over only that is counted; of one that was skipped there is nothing to add."""
        _, _, _, _, verdict, skipped, duration, _, billed, minimum, pull, cost, retried, saving = figures
        if skipped:
            self.skipped += 1
            return
        if verdict is None:
            self.running += 1
            return
        if duration is not None:
            self.durations.append(duration)
        self.minimum += minimum
        self._add_time(billed, pull)
        self._add_money(cost, saving)
        if verdict == _SUCCEEDED:
            self.succeeded += 1
            self.unknown_retried += retried is None
            self.retried_cost += retried or 0
        else:
            self.failed += 1
            self.unknown_failed += cost is None
            self.failed_cost += cost or 0

    def _add_time(self, billed: int | None, pull: int | None) -> None:
        if billed is None:
            self.unknown_billed += 1
        else:
            self.billed += billed
        if pull is None:
            self.unknown_pull += 1
            return
        self.pull += pull
        if billed is not None:
            self.measured_pull += pull
            self.measured_billed += billed

    def _add_money(self, cost: int | None, saving: int | None) -> None:
        if cost is None:
            self.unknown_cost += 1
        else:
            self.cost += cost
        if saving is None:
            self.unknown_saving += 1
        else:
            self.saving += saving

    @classmethod
    def of(cls, several: Iterable[Sums]) -> Sums:
        """Give the sum of sums."""
        total = cls()
        numbers = [one.name for one in fields(cls) if one.name != "durations"]
        for one in several:
            for name in numbers:
                setattr(total, name, getattr(total, name) + getattr(one, name))
            total.durations.extend(one.durations)
        return total

    def group(self, key: str | None) -> Group:
        """Give it as a group."""
        return Group(
            key=key,
            runs=self.succeeded + self.failed + self.running,
            succeeded=self.succeeded,
            failed=self.failed,
            skipped=self.skipped,
            running=self.running,
            duration_seconds=_duration(sorted(self.durations)),
            billed_seconds=self.billed,
            unknown_billed_runs=self.unknown_billed,
            cost_usd=_usd(self.cost),
            unknown_cost_runs=self.unknown_cost,
            unknown_pull_runs=self.unknown_pull,
            unknown_failed_cost_runs=self.unknown_failed,
            unknown_retried_cost_runs=self.unknown_retried,
            unknown_saving_runs=self.unknown_saving,
            waste=self._waste(),
        )

    def _waste(self) -> Waste:
        share = self.measured_pull / (self.measured_billed * _MILLIS) if self.measured_billed else None
        return Waste(
            pull_seconds=self.pull / _MILLIS,
            pull_share=share,
            minimum_seconds=self.minimum,
            failed_usd=_usd(self.failed_cost),
            retried_usd=_usd(self.retried_cost),
            spot_saving_usd=_usd(self.saving),
        )


def make_report(
    figures: Iterable[Figures],
    *,
    by: Grouping,
    project: str,
    stage: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    timezone: str = "UTC",
    tags: Mapping[str, Mapping[str, str]] | None = None,
    prices: Sequence[date] = (),
) -> Report:
    """Add up runs, each read once.

    Days and months are in their order, and those between the first and the last in which nothing ran are there too: a
    day without runs is what whoever looks after schedules wants to see. Everything else goes by cost, the dearest
    first; then by billed time, then by name.

    Args:
        figures: Of the runs, in any order.
        by: How to group.
        project: Whose they are.
        stage: Of which stage; None as well when they are of several.
        since: What the interval was from.
        until: What it was before.
        timezone: An IANA name: the clock that days and months go by.
        tags: The tags of each job; a job that is missing has none.
        prices: See `Report.prices`.
    """
    sums = _added(figures, _key(by.by, timezone))
    groups = _tagged(sums, by.tag, tags or {}) if by.by is By.TAG else sums
    return Report(
        project=project,
        stage=stage,
        since=since,
        until=until,
        by=str(by),
        groups=tuple(groups[key].group(key) for key in _ordered(groups, by.by)),
        total=Sums.of(sums.values()).group(None),
        timezone=timezone,
        prices=tuple(prices),
    )


def dates_of(table: PriceTable, region: str) -> tuple[date, ...]:
    """Give the dates of Fargate's prices in a region, oldest first; none when none is known."""
    units = {VCPU_HOUR, GB_HOUR, STORAGE_GB_HOUR}
    return tuple(sorted({one.as_of for key, one in table.prices.items() if key[0] == region and key[4] in units}))


def _added(figures: Iterable[Figures], key: Callable[[Figures], str]) -> dict[str, Sums]:
    found: defaultdict[str, Sums] = defaultdict(Sums)
    for one in figures:
        found[key(one)].add(one)
    return dict(found)


def _key(by: By, timezone: str) -> Callable[[Figures], str]:
    if by is By.STAGE:
        return lambda one: one.stage or NONE
    if by is By.TRIGGER:
        return lambda one: one.trigger
    if by in _LETTERS:
        return _clock(timezone, _LETTERS[by])
    return lambda one: one.job


def _clock(timezone: str, letters: int) -> Callable[[Figures], str]:
    """Give what finds a run's day or month: so many letters of its date."""
    zone = zone_of(timezone)
    known: dict[int, str] = {}

    def key(one: Figures) -> str:
        quarter = one.due // _QUARTER
        if (found := known.get(quarter)) is None:
            found = known[quarter] = _date(quarter * _QUARTER, zone).isoformat()[:letters]
        return found

    return key


def _date(microseconds: int, zone: tzinfo) -> date:
    """Give the date of a run, whose time anybody may have made up."""
    try:
        return moment_of(microseconds).astimezone(zone).date()
    except OverflowError:
        return date.max if microseconds > 0 else date.min


def _tagged(jobs: Mapping[str, Sums], tag: str | None, tags: Mapping[str, Mapping[str, str]]) -> dict[str, Sums]:
    found: defaultdict[str, list[Sums]] = defaultdict(list)
    for job, sums in jobs.items():
        own = {f"{key}={value}" for key, value in tags.get(job, {}).items() if tag in {None, key}}
        for key in own or {NONE}:
            found[key].append(sums)
    return {key: Sums.of(several) for key, several in found.items()}


def _ordered(groups: dict[str, Sums], by: By) -> Sequence[str]:
    """Give the keys in their order; of days and months without a run, the groups are added."""
    if by not in _LETTERS:
        return sorted(groups, key=lambda key: (-groups[key].cost, -groups[key].billed, key))
    for key in _between(groups, _LETTERS[by]):
        groups.setdefault(key, Sums())
    return sorted(groups)


def _between(keys: Collection[str], letters: int) -> Iterable[str]:
    """Give all days or months from the first to the last; of too many, none but these."""
    if not keys:
        return ()
    first, last = (date.fromisoformat(f"{key}-01"[: _LETTERS[By.DAY]]) for key in (min(keys), max(keys)))
    days = (last - first).days + 1
    return ((first + timedelta(days=n)).isoformat()[:letters] for n in range(days if days <= _MOST_DAYS else 0))


def _duration(ordered: Sequence[int]) -> Duration:
    return Duration(median=_ranked(ordered, 50), p95=_ranked(ordered, 95))


def _ranked(ordered: Sequence[int], percent: int) -> float | None:
    """Give the percentile in seconds, by the nearest rank."""
    if not ordered:
        return None
    rank = -(-len(ordered) * percent // 100)
    return ordered[rank - 1] / _MILLIS


def _usd(micro: int) -> Decimal:
    return Decimal(micro).scaleb(-6)
