"""What schedules start in a month, and what that costs: an estimate between a least and a most.

A month is the 30 days from now. Every run is billed for a minute at least, and at most for its timeout in every
attempt; what it really takes, only its past can tell: where there is one, its median is what is expected. All of it is
read from the schedules as AWS has them, so that a plan can say what was as well as what will be.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.billing import MINIMUM_SECONDS, PriceTable, Tariff, cost_of
from jobrunner.core.coming import coming_runs, dearest
from jobrunner.core.cost import duration_of
from jobrunner.core.frozen import FrozenDict
from jobrunner.core.plan_times import count_together, times_of
from jobrunner.core.retry import ON_DEMAND, SPOT, SPOT_THEN_ON_DEMAND
from jobrunner.core.spend import Coming, together
from jobrunner.core.task_size import TaskSize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from jobrunner.core.cost import Past
    from jobrunner.core.plan_times import Times
    from jobrunner.core.schedule_request import ScheduleRequest
    from jobrunner.core.spec import JobSpec

_MONTH: Final = timedelta(days=30)
_PROVIDERS: Final = {"FARGATE": ON_DEMAND, "FARGATE_SPOT": SPOT}
_NOTHING: Final = Decimal(0)

_NO_PRICES: Final = PriceTable(prices={})


@dataclass(frozen=True, kw_only=True)
class Month:
    """An estimate of 30 days.

    Attributes:
        runs: How many runs start; None when an expression cannot be read.
        least: In USD; None when a price is unknown, or the size of a task.
        most: In USD; None as well when a job has no timeout.
        expected: In USD, every run as long as the median of its job's past ones, or without any as its timeout or
            else the least; None when no job has a past, or a price is unknown.
        past_runs: How many past runs that rests on.
    """

    runs: int | None
    least: Decimal | None
    most: Decimal | None
    expected: Decimal | None = None
    past_runs: int = 0

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object; money is text."""
        money = {"least_usd": self.least, "most_usd": self.most, "expected_usd": self.expected}
        known = {key: None if usd is None else str(usd) for key, usd in money.items()}
        return {"runs": self.runs, **known, "past_runs": self.past_runs}


@dataclass(frozen=True, kw_only=True)
class _Terms:
    """On what terms a schedule starts tasks."""

    size: TaskSize | None
    capacity: str | None
    attempts: int
    timeout: int | None


_UNREADABLE: Final = _Terms(size=None, capacity=None, attempts=1, timeout=None)


def sizes_of(requests: Iterable[ScheduleRequest], specs: Mapping[str, JobSpec]) -> dict[str, TaskSize]:
    """Give the sizes of the tasks that schedules will start, by the task definition that they name."""
    sizes: dict[str, TaskSize] = {}
    for one in requests:
        size, named = TaskSize.of(specs[one.job]), definition_named(one.body)
        if size is not None and named is not None:
            sizes[named] = size
    return sizes


def definition_named(body: Mapping[str, Any]) -> str | None:
    """Give the task definition that a schedule starts tasks of, as its request names it; None if it names none."""
    request = _request_of(_document_of(body))
    named = None if request is None else request["TaskDefinition"]
    return named if isinstance(named, str) else None


@dataclass(frozen=True, kw_only=True)
class _Share:
    """What those schedules of a job start that have the same terms; `runs` is None when nobody knows when they fire."""

    job: str
    terms: _Terms
    runs: int | None


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What a forecast rests on.

    Attributes:
        now: When the month begins.
        region: Where the tasks run; None when that is not known.
        sizes: Of tasks, by the task definition that a request names.
        prices: What is not in it is unknown.
        past: How long the runs of jobs have taken, by the job's name.
    """

    now: datetime
    region: str | None
    sizes: Mapping[str, TaskSize] = FrozenDict()
    prices: PriceTable = _NO_PRICES
    past: Mapping[str, Past] = FrozenDict()

    def month(self, schedules: Iterable[tuple[str, Mapping[str, Any]]]) -> Month:
        """Estimate a month of schedules.

        Args:
            schedules: The job and the CreateSchedule request of each; those of one job that fire at one time start one
                run.
        """
        shares = _shares(schedules, self.now, self.sizes)
        months = [_month(one.runs, one.terms, region=self.region, prices=self.prices) for one in shares]
        known = {one.job: self.past[one.job].runs for one in shares if one.runs and one.job in self.past}
        coming = together(map(self._coming, shares))
        return Month(
            runs=_sum([one.runs for one in months], 0),
            least=_sum([one.least for one in months], _NOTHING),
            most=_sum([one.most for one in months], _NOTHING),
            expected=coming.usd if known and not coming.why_unknown else None,
            past_runs=sum(known.values()),
        )

    def coming(self, schedules: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Coming]:
        """Give what a month of schedules, as for `month`, is expected to cost, by the job."""
        by_job: dict[str, list[Coming]] = defaultdict(list)
        for one in _shares(schedules, self.now, self.sizes):
            by_job[one.job].append(self._coming(one))
        return {job: together(parts) for job, parts in by_job.items()}

    def _coming(self, share: _Share) -> Coming:
        if share.runs is None:
            return Coming(unknown=(f"when a schedule of {share.job} fires",))
        terms = share.terms
        return coming_runs(
            share.job,
            share.runs,
            size=terms.size,
            region=self.region,
            capacity=dearest(terms.capacity),
            duration=duration_of(past=self.past.get(share.job), timeout=terms.timeout),
            prices=self.prices,
        )


def _shares(
    schedules: Iterable[tuple[str, Mapping[str, Any]]], now: datetime, sizes: Mapping[str, TaskSize]
) -> list[_Share]:
    by_terms: dict[tuple[str, _Terms], list[Times | None]] = defaultdict(list)
    for job, body in schedules:
        if body.get("State") != "DISABLED":
            by_terms[job, _terms_of(body, sizes)].append(times_of(body))
    return [_Share(job=job, terms=terms, runs=_runs(times, now)) for (job, terms), times in by_terms.items()]


def _sum(values: Sequence[Any], start: Any) -> Any:
    return None if any(value is None for value in values) else sum(values, start)


def _runs(all_times: Sequence[Times | None], now: datetime) -> int | None:
    known = tuple(times for times in all_times if times is not None)
    return None if len(known) < len(all_times) else count_together(known, now, now + _MONTH)


def _month(runs: int | None, terms: _Terms, *, region: str | None, prices: PriceTable) -> Month:
    if runs is None:
        return Month(runs=None, least=None, most=None)
    if runs == 0:
        return Month(runs=0, least=_NOTHING, most=_NOTHING)
    cheap = SPOT if terms.capacity == SPOT_THEN_ON_DEMAND else terms.capacity
    longest = None if terms.timeout is None else max(terms.timeout, MINIMUM_SECONDS) * terms.attempts
    return Month(
        runs=runs,
        least=_cost(runs * MINIMUM_SECONDS, terms.size, cheap, region, prices),
        most=None if longest is None else _cost(runs * longest, terms.size, dearest(terms.capacity), region, prices),
    )


def _cost(
    seconds: int, size: TaskSize | None, capacity: str | None, region: str | None, prices: PriceTable
) -> Decimal | None:
    if size is None or capacity is None or region is None:
        return None
    tariff = Tariff(region=region, operating_system="linux", architecture=size.architecture, capacity=capacity)
    return cost_of(size, seconds, tariff, prices)


def _terms_of(body: Mapping[str, Any], sizes: Mapping[str, TaskSize]) -> _Terms:
    document = _document_of(body)
    request = _request_of(document)
    if document is None or request is None:
        return _UNREADABLE
    try:
        policy = document.get("policy") or {"attempts": 1, "capacity": _capacity_of(request)}
        return _Terms(
            size=_size_of(request, sizes),
            capacity=policy["capacity"],
            attempts=int(policy["attempts"]),
            timeout=None if document.get("timeout") is None else int(document["timeout"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):  # written by somebody else
        return _UNREADABLE


def _document_of(body: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        document = json.loads(body.get("Target", {}).get("Input") or "null")
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _request_of(document: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Give the RunTask request in a target's input: the whole of it, or the state machine's `request`."""
    request = document and document.get("request", document)
    return request if isinstance(request, dict) and "TaskDefinition" in request else None


def _capacity_of(request: Mapping[str, Any]) -> str | None:
    if "LaunchType" in request:
        return _PROVIDERS.get(request["LaunchType"])
    [strategy] = request["CapacityProviderStrategy"]
    return _PROVIDERS.get(strategy["CapacityProvider"])


def _size_of(request: Mapping[str, Any], sizes: Mapping[str, TaskSize]) -> TaskSize | None:
    size, overrides = sizes.get(request["TaskDefinition"]), request.get("Overrides", {})
    if size is None:
        return None
    disk = overrides.get("EphemeralStorage", {}).get("SizeInGiB", size.storage)
    return replace(
        size,
        cpu=int(overrides.get("Cpu", size.cpu)),
        memory=int(overrides.get("Memory", size.memory)),
        storage=None if disk is None else int(disk),
    )
