"""What runs that are about to start will cost: the estimate that a budget is compared with."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from jobrunner.core.billing import bill_of
from jobrunner.core.billing_prices import LINUX, Tariff
from jobrunner.core.cost import Basis, duration_of
from jobrunner.core.options import RunOptions
from jobrunner.core.retry import ON_DEMAND, SPOT_THEN_ON_DEMAND
from jobrunner.core.spend import NOTHING, Coming, together
from jobrunner.core.task_size import TaskSize

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobrunner.core.billing import PriceTable
    from jobrunner.core.cost import Duration, Past
    from jobrunner.core.spec import JobSpec

AS_WRITTEN: Final = RunOptions()


def dearest(capacity: str | None) -> str | None:
    """Give the capacity on which a run costs most, of those that it may be on."""
    return ON_DEMAND if capacity == SPOT_THEN_ON_DEMAND else capacity


def coming_runs(
    job: str,
    runs: int,
    *,
    size: TaskSize | None,
    region: str | None,
    capacity: str | None,
    duration: Duration,
    prices: PriceTable,
) -> Coming:
    """Give what runs of a job will cost, one attempt each; what is None is not known."""
    if not runs:
        return Coming()
    if size is None or region is None or capacity is None:
        what = "the size of the tasks" if size is None else "the region" if region is None else "the capacity"
        return Coming(runs=runs, unknown=(f"{what} of {job}",))
    tariff = Tariff(region=region, operating_system=LINUX, architecture=size.architecture, capacity=capacity)
    bill = bill_of(size, tariff, prices, seconds=runs * duration.billed)
    return Coming(
        runs=runs,
        usd=NOTHING if bill.fargate is None else bill.fargate,
        at_least=duration.basis is Basis.MINIMUM,
        missing=bill.missing,
    )


def coming_starts(
    spec: JobSpec,
    starts: Iterable[RunOptions],
    *,
    region: str | None,
    prices: PriceTable,
    past: Past | None,
    described: TaskSize | None = None,
) -> Coming:
    """Give what runs of a job will cost that are about to be started.

    Args:
        spec: The job.
        starts: What each of them changes.
        region: Where they run.
        prices: What is not in it is unknown.
        past: How long the job's runs have taken; None when none is known.
        described: The size that the job's existing task definition has, if it has one.
    """

    def kind(options: RunOptions) -> tuple[TaskSize | None, str | None, int | None]:
        timeout = spec.timeout if options.timeout is None else options.timeout or None
        return TaskSize.of_run(spec, options, described), dearest(options.capacity or spec.capacity), timeout

    return together(
        coming_runs(
            spec.name,
            runs,
            size=size,
            region=region,
            capacity=capacity,
            duration=duration_of(past=past, timeout=timeout),
            prices=prices,
        )
        for (size, capacity, timeout), runs in Counter(map(kind, starts)).items()
    )
