"""What schedules start in a month, and what that costs: an estimate between a least and a most.

A month is the 30 days from now. Every run is billed for a minute at least, and at most for its timeout in every
attempt; what it really takes, only its past can tell. All of it is read from the schedules as AWS has them, so that a
plan can say what was as well as what will be.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.billing import MINIMUM_SECONDS, PriceTable, Resources, Tariff, cost_of
from jobrunner.core.plan_times import count_together, times_of
from jobrunner.core.retry import ON_DEMAND, SPOT, SPOT_THEN_ON_DEMAND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from jobrunner.core.plan_times import Times
    from jobrunner.core.ports import Definition
    from jobrunner.core.schedule_request import ScheduleRequest
    from jobrunner.core.spec import JobSpec

_MONTH: Final = timedelta(days=30)
_PROVIDERS: Final = {"FARGATE": ON_DEMAND, "FARGATE_SPOT": SPOT}
_NOTHING: Final = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class TaskSize(Resources):
    """What the price of a task depends on, apart from region and capacity.

    Attributes:
        architecture: `x86_64` or `arm64`.
    """

    architecture: str = "x86_64"

    @classmethod
    def of(cls, spec: JobSpec) -> TaskSize | None:
        """Give the size of a job's tasks; None when an existing task definition has it: that knows the processor."""
        if spec.task_definition is not None:
            return None
        return cls(cpu=spec.cpu, memory=spec.memory, architecture=spec.architecture, storage=spec.ephemeral_storage)

    @classmethod
    def described(cls, definition: Definition) -> TaskSize | None:
        """Give the size of a task definition's tasks on Fargate, where requests do not say otherwise.

        None when it has no size of its own, as one for EC2 need not; or when it is for Windows, whose price is unknown
        (`billing`). Without a platform it is for Linux on x86_64 ("CannotPullContainerError task errors", ECS guide).
        """
        platform = definition.members.get("runtimePlatform") or {}
        windows = str(platform.get("operatingSystemFamily", "LINUX")).startswith("WINDOWS")
        if definition.cpu is None or definition.memory is None or windows:
            return None
        return cls(
            cpu=definition.cpu,
            memory=definition.memory,
            architecture=definition.architecture or "x86_64",
            storage=definition.ephemeral_storage,
        )


@dataclass(frozen=True, kw_only=True)
class Month:
    """An estimate of 30 days.

    Attributes:
        runs: How many runs start; None when an expression cannot be read.
        least: In USD; None when a price is unknown, or the size of a task.
        most: In USD; None as well when a job has no timeout.
    """

    runs: int | None
    least: Decimal | None
    most: Decimal | None

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object; money is text."""
        money = {"least_usd": self.least, "most_usd": self.most}
        return {"runs": self.runs, **{key: None if usd is None else str(usd) for key, usd in money.items()}}


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


def month_of(
    schedules: Iterable[tuple[str, Mapping[str, Any]]],
    *,
    now: datetime,
    region: str | None,
    sizes: Mapping[str, TaskSize],
    prices: PriceTable,
) -> Month:
    """Estimate a month of schedules.

    Args:
        schedules: The job and the CreateSchedule request of each; those of one job that fire at one time start one run.
        now: When it begins.
        region: Where the tasks run.
        sizes: Of tasks, by the task definition that a request names.
        prices: What is not in it is unknown.
    """
    together: dict[tuple[str, _Terms], list[Times | None]] = defaultdict(list)
    for job, body in schedules:
        if body.get("State") != "DISABLED":
            together[job, _terms_of(body, sizes)].append(times_of(body))
    months = [_month(_runs(times, now), terms, region=region, prices=prices) for (_, terms), times in together.items()]
    return Month(
        runs=_sum([one.runs for one in months], 0),
        least=_sum([one.least for one in months], _NOTHING),
        most=_sum([one.most for one in months], _NOTHING),
    )


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
    dear = ON_DEMAND if terms.capacity == SPOT_THEN_ON_DEMAND else terms.capacity
    longest = None if terms.timeout is None else max(terms.timeout, MINIMUM_SECONDS) * terms.attempts
    return Month(
        runs=runs,
        least=_cost(runs * MINIMUM_SECONDS, terms.size, cheap, region, prices),
        most=None if longest is None else _cost(runs * longest, terms.size, dear, region, prices),
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
