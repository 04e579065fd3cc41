"""An estimate as a person reads it: a run, a month, an instance that is always on; and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobrunner.cli import words
from jobrunner.cli.harmless import harmless_line
from jobrunner.core.billing import FREE_STORAGE_GIB, Item
from jobrunner.core.cost import Basis
from jobrunner.core.cost_always_on import DAYS
from jobrunner.core.durations import format_duration
from jobrunner.core.sizes import show_cpu, show_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from jobrunner.core.billing import Bill, Line, PriceTable
    from jobrunner.core.cost import Choice, Duration, Estimate
    from jobrunner.core.cost_always_on import AlwaysOn

_ITEMS: Final = {
    Item.VCPU: "vCPU",
    Item.MEMORY: "GB of memory",
    Item.STORAGE: f"GB of disk above {FREE_STORAGE_GIB}",
    Item.LICENCE: "vCPU licence",
    Item.PUBLIC_IPV4: "public IPv4 address",
}
_BASES: Final = {
    Basis.GIVEN: "as given",
    Basis.HISTORY: "the median of {runs} in the last 90 days, billed with all attempts",
    Basis.TIMEOUT: "its timeout, the longest that an attempt takes",
    Basis.MINIMUM: "the least that is billed: no past run, no timeout and no --duration says more",
}
_CAPACITIES: Final = {"spot": "on Spot", "on-demand": "on demand"}


def text(found: Estimate) -> str:
    """Give the whole estimate."""
    size = [show_cpu(found.resources.cpu), show_memory(found.resources.memory)]
    size += [f"{found.resources.storage} GB of disk"] if found.resources.storage else []
    rows = [("task", ", ".join((*size, found.architecture, found.region))), ("run", _duration(found.duration))]
    for choice in found.choices:
        rows.append((_CAPACITIES[choice.capacity], f"{_usd(choice.run.total)} a run"))
        rows += [("", _line(line)) for line in choice.run.lines]
    rows.append(("month", _month(found)))
    rows += [("always on" if number == 0 else "", _always_on(one)) for number, one in enumerate(found.always_on)]
    rows.append(("prices", _prices(found)))
    said = [f"{_range(found.choices, 'run')} a run"]
    said += [f"{_range(found.choices, 'month')} a month"] if found.runs else []
    return f"{harmless_line(found.job)}: {', '.join(said)} (estimate)\n" + words.fields(rows, indent="  ")


def missing(found: Estimate, table: PriceTable, *, refresh: str) -> Iterator[str]:
    """Give what the price table lacks for the estimate, and what to do about it."""
    for key in found.missing:
        yield f"the price table has no {' '.join(key)}: what it costs is unknown"
    if any(key[3] == "spot" for key in found.missing):
        yield "Spot prices are not in AWS's price list: `capacity: on-demand` shows what it costs at most"
    if any(key[3] != "spot" for key in found.missing):
        yield f"`{refresh}` asks AWS for its prices"
    for one in found.always_on:
        if one.price is None:
            unit = f"{one.instance.name}-hour"
            known = ", ".join(sorted(key[0] for key in table.prices if key[4] == unit))
            yield f"the price of EC2's {one.instance.name} in {found.region} is not known; known: {known or 'none'}"


def _duration(duration: Duration) -> str:
    billed = "" if duration.billed == duration.seconds else f", billed as {duration.billed} s, the minimum"
    basis = _BASES[duration.basis].format(runs=words.counted(duration.past_runs, "past run"))
    return f"{format_duration(duration.seconds)}, {basis}{billed}"


def _line(line: Line) -> str:
    if line.price is None:
        return f"{line.amount.normalize():f} {_ITEMS[line.item]}: unknown"
    rate = f"${line.price.usd:f} an hour, as of {line.price.as_of.isoformat()}"
    return f"{line.amount.normalize():f} {_ITEMS[line.item]}: {_usd(line.usd)} ({rate})"


def _month(found: Estimate) -> str:
    runs = words.counted(found.runs, "run")
    said = f"{runs} in {DAYS} days" if found.scheduled else f"{runs}, as given"
    if not found.runs:
        return f"nothing: {said}"
    return f"{_range(found.choices, 'month')}: {said}"


def _range(choices: tuple[Choice, ...], what: str) -> str:
    """Give `about $1.20`, or `about $1.20 to $4.00` of a run that may be on either capacity."""
    bills: list[Bill] = [getattr(choice, what) for choice in choices]
    totals = [bill.total for bill in bills]
    known = [words.money(total) for total in totals if total is not None]
    if len(known) < len(totals):
        return "unknown"
    return f"about {' to '.join(dict.fromkeys(known))}"


def _always_on(one: AlwaysOn) -> str:
    name = one.instance.name
    if one.price is None or one.month is None:
        return f"EC2 {name}: unknown"
    said = f"EC2 {name}: {_usd(one.month)} a month without disk and address"
    if not one.fits:
        said += f", but {show_memory(one.instance.memory)} of memory is too little for this task"
    if one.never:
        return f"{said}; never cheaper: a task day and night costs no more"
    return said if one.hours is None else f"{said}; cheaper from {one.hours} hours a day on"


def _prices(found: Estimate) -> str:
    dates = sorted({price.as_of.isoformat() for price in found.prices})
    if not dates:
        return "none known"
    span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return f"as of {span}; `jobrunner prices --region {found.region}` has their sources"


def _usd(amount: Decimal | None) -> str:
    return "unknown" if amount is None else words.money(amount)
