"""What a job will cost: a run, a month of its schedules, and an EC2 instance that is always on beside it.

An estimate before the fact. A month is the 30 days from now, one attempt a run, and every run as long as it is assumed
to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from jobrunner.core.billing import MINIMUM_SECONDS, Bill, Resources, bill_of, hourly_usd
from jobrunner.core.billing_prices import LINUX, Tariff
from jobrunner.core.cost_always_on import DAYS, always_on
from jobrunner.core.plan_times import Times, count_together
from jobrunner.core.retry import ON_DEMAND, SPOT, SPOT_THEN_ON_DEMAND
from jobrunner.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from decimal import Decimal

    from jobrunner.core.billing_prices import Key, Price, PriceTable
    from jobrunner.core.cost_always_on import AlwaysOn
    from jobrunner.core.schedule import Schedule
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec


class Basis(StrEnum):
    """Why a run is assumed to take so long."""

    #: Somebody said so.
    GIVEN = "given"
    #: The median of its past runs.
    HISTORY = "history"
    #: Its `timeout`: no attempt takes longer.
    TIMEOUT = "timeout"
    #: Nothing says more than the time that is billed at least.
    MINIMUM = "minimum"


@dataclass(frozen=True, kw_only=True)
class Past:
    """How long a job's runs have taken.

    Attributes:
        seconds: The median of what was billed for a whole run, all its attempts included.
        runs: How many it rests on.
    """

    seconds: int
    runs: int


def past_of(billed: Iterable[int]) -> Past | None:
    """Give the median of what runs were billed, in seconds; of an even number the upper one. None of no runs."""
    seconds = sorted(billed)
    return Past(seconds=seconds[len(seconds) // 2], runs=len(seconds)) if seconds else None


@dataclass(frozen=True, kw_only=True)
class Duration:
    """How long a run is assumed to take, from the pull of its image to its stop.

    Attributes:
        seconds: As said; a shorter time than the minimum is billed like it.
        basis: Who said so.
        past_runs: How many past runs it rests on.
    """

    seconds: int
    basis: Basis
    past_runs: int = 0

    @property
    def billed(self) -> int:
        """The seconds that AWS bills."""
        return max(self.seconds, MINIMUM_SECONDS)


def duration_of(*, given: int | None = None, past: Past | None, timeout: int | None) -> Duration:
    """Give the best that is known of a run's duration, in seconds.

    Args:
        given: What somebody has said.
        past: How long the job's runs have taken; None when none is known.
        timeout: The job's.
    """
    if given is not None:
        return Duration(seconds=given, basis=Basis.GIVEN)
    if past is not None:
        return Duration(seconds=past.seconds, basis=Basis.HISTORY, past_runs=past.runs)
    if timeout is not None:
        return Duration(seconds=timeout, basis=Basis.TIMEOUT)
    return Duration(seconds=MINIMUM_SECONDS, basis=Basis.MINIMUM)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a job costs on one capacity.

    Attributes:
        capacity: `on-demand` or `spot`.
        run: The bill of a run.
        month: The bill of all runs of a month.
        hourly: What Fargate charges for an hour of it; None when a price is unknown.
    """

    capacity: str
    run: Bill
    month: Bill
    hourly: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a job will cost.

    Attributes:
        job: Its name.
        region: Where it runs.
        architecture: `x86_64` or `arm64`.
        resources: What its tasks have.
        duration: How long a run is assumed to take.
        runs: How many start in a month.
        scheduled: Whether that is what its schedules start; else somebody has said it.
        attempts: How many a run may have; the estimate is for one.
        choices: One for each capacity that a run may be on, the cheaper one first.
        always_on: What it is compared with.
    """

    job: str
    region: str
    architecture: str
    resources: Resources
    duration: Duration
    runs: int
    scheduled: bool
    attempts: int
    choices: tuple[Choice, ...]
    always_on: tuple[AlwaysOn, ...]

    @property
    def missing(self) -> tuple[Key, ...]:
        """The rows that the price table lacks, each once."""
        return tuple(dict.fromkeys(key for choice in self.choices for key in choice.run.missing))

    @property
    def prices(self) -> tuple[Price, ...]:
        """The rows that it rests on, each once."""
        found = (line.price for choice in self.choices for line in choice.run.lines)
        return tuple(dict.fromkeys(price for price in found if price is not None))

    def to_json(self) -> dict[str, Any]:
        """Give the JSON object of `cost`; money is text."""
        return {
            "job": self.job,
            "estimate": True,
            "region": self.region,
            "architecture": self.architecture,
            "cpu": self.resources.cpu,
            "memory": self.resources.memory,
            "ephemeral_storage": self.resources.storage,
            "attempts": self.attempts,
            "run": {
                "seconds": self.duration.seconds,
                "basis": str(self.duration.basis),
                "past_runs": self.duration.past_runs,
                "bills": [{"capacity": one.capacity, **one.run.to_json()} for one in self.choices],
            },
            "month": {
                "days": DAYS,
                "runs": self.runs,
                "basis": "schedule" if self.scheduled else "given",
                "least_usd": _text(self.choices[0].month.total),
                "most_usd": _text(self.choices[-1].month.total),
            },
            "always_on": [one.to_json() for one in self.always_on],
            "missing": ["/".join(key) for key in self.missing],
        }


def estimate(
    spec: JobSpec,
    settings: Settings,
    prices: PriceTable,
    *,
    now: datetime,
    duration: int | None = None,
    past: Past | None = None,
    runs: int | None = None,
) -> Estimate:
    """Estimate what a job costs.

    Args:
        spec: The job.
        settings: Where it runs.
        prices: What is not in it is unknown.
        now: When the month begins.
        duration: Seconds that a run takes, if somebody has said so.
        past: How long its runs have taken, if any are known.
        runs: How many start in a month; by default what its schedules start.

    Raises:
        SpecError: No region is set, or the job runs an existing task definition, whose size its file does not say.
    """
    resources, region = _resources_of(spec), _region_of(settings)
    assumed = duration_of(given=duration, past=past, timeout=spec.timeout)
    started = _fires(spec, now) if runs is None else runs
    choices = tuple(
        _choice(tariff, resources, prices, seconds=assumed.billed, runs=started, public_ipv4=_is_public(spec, settings))
        for tariff in _tariffs(spec, region)
    )
    return Estimate(
        job=spec.name,
        region=region,
        architecture=spec.architecture,
        resources=resources,
        duration=assumed,
        runs=started,
        scheduled=runs is None,
        attempts=1 if spec.retries is None else spec.retries.attempts,
        choices=choices,
        always_on=always_on(resources, region, prices, hourly=choices[-1].hourly),
    )


def _tariffs(spec: JobSpec, region: str) -> Iterator[Tariff]:
    capacities = (SPOT, ON_DEMAND) if spec.capacity == SPOT_THEN_ON_DEMAND else (spec.capacity,)
    for capacity in capacities:
        yield Tariff(region=region, operating_system=LINUX, architecture=spec.architecture, capacity=capacity)


def _choice(
    tariff: Tariff, resources: Resources, prices: PriceTable, *, seconds: int, runs: int, public_ipv4: bool
) -> Choice:
    run, month = (
        bill_of(resources, tariff, prices, seconds=times * seconds, public_ipv4=public_ipv4) for times in (1, runs)
    )
    return Choice(capacity=tariff.capacity, run=run, month=month, hourly=hourly_usd(resources, tariff, prices))


def _is_public(spec: JobSpec, settings: Settings) -> bool:
    """Tell whether the task gets a public address, by the rule of the request: the job's word, else the project's."""
    own = spec.network.assign_public_ip
    return bool(settings.network.assign_public_ip if own is None else own)


def _resources_of(spec: JobSpec) -> Resources:
    if spec.task_definition is not None:
        raise SpecError(
            f"job {spec.name} runs the existing task definition {spec.task_definition}, whose size and processor "
            "its file does not say",
            hint="`jobrunner status RUN` gives the bill of a run that was.",
        )
    return Resources(cpu=spec.cpu, memory=spec.memory, storage=spec.ephemeral_storage)


def _region_of(settings: Settings) -> str:
    if settings.region is None:
        raise SpecError(
            "region is not set", hint="Set it in jobrunner.yaml, or as JOBRUNNER_REGION or AWS_REGION, or with a stage."
        )
    return settings.region


def _fires(spec: JobSpec, now: datetime) -> int:
    if spec.paused:
        return 0
    times = tuple(one for schedule in spec.schedule for one in _times_of(schedule))
    return count_together(times, now, now + timedelta(days=DAYS))


def _times_of(schedule: Schedule) -> Iterator[Times]:
    zone, start, end = schedule.zone, schedule.starts_at, schedule.ends_at
    if schedule.rate is not None:
        yield Times(zone=zone, period=timedelta(minutes=schedule.rate), start=start, end=end)
    elif schedule.at is not None:
        yield Times(zone=zone, at=schedule.at, start=start, end=end)
    for cron in schedule.aws_crons:
        yield Times(zone=zone, cron=cron, start=start, end=end)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
