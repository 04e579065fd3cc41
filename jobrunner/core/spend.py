"""Budgets: what a job or a project may cost a month, and what it is compared with.

Two questions, two comparisons. What schedules will start is a forecast: the next 30 days, from now. What somebody
starts is added to what has been: the calendar month in UTC, by which AWS bills, of the stage in effect.

All of it is what Fargate charges, as history counts it: a public address is a bill of Amazon VPC. A run that may be on
Spot or on demand is taken for on demand. A price or a size that is not known makes the sum unknown, and what is not
known is refused like what is too much: a guard that lets pass what it cannot see is none. Only what past runs have
cost may be unknown in part: nothing can be done about them any more, so they are counted and told. Without the rule of
`deploy/history.yaml` nobody knows what other machines and schedules have started; then it is said that this is so.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.money import show_usd
from jobrunner.errors import BudgetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobrunner.core.billing_prices import Key

NOTHING: Final = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Coming:
    """What is to come: runs that are about to be started, or those of schedules in the next 30 days.

    Attributes:
        runs: How many, as far as that is known.
        under_way: How many are under way beside them, whose cost is not known before their end.
        usd: What they cost, as far as that is known.
        at_least: Whether nothing says how long one of them takes, which is then taken for the least that is billed.
        missing: The rows that the price table lacks for them.
        unknown: What else is not known, in words.
    """

    runs: int = 0
    under_way: int = 0
    usd: Decimal = NOTHING
    at_least: bool = False
    missing: tuple[Key, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def why_unknown(self) -> tuple[str, ...]:
        """Why the sum is not known, each reason once; nothing when it is."""
        return (*(f"the price table has no {' '.join(key)}" for key in self.missing), *self.unknown)


def together(parts: Iterable[Coming]) -> Coming:
    """Add up."""
    known = tuple(parts)
    return Coming(
        runs=sum(one.runs for one in known),
        under_way=sum(one.under_way for one in known),
        usd=sum((one.usd for one in known), NOTHING),
        at_least=any(one.at_least for one in known),
        missing=tuple(dict.fromkeys(key for one in known for key in one.missing)),
        unknown=tuple(dict.fromkeys(why for one in known for why in one.unknown)),
    )


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What has been paid for in this calendar month.

    Attributes:
        runs: How many are over, of known cost.
        usd: What they have cost.
        unknown: How many are over, of unknown cost.
        under_way: How many are not over, of unknown cost as well.
        partial: Whether that is only what this machine has started and ECS still knows.
        trouble: Why it could not be read up to now; None when it could.
    """

    runs: int = 0
    usd: Decimal = NOTHING
    unknown: int = 0
    under_way: int = 0
    partial: bool = False
    trouble: str | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a budget stands.

    Attributes:
        job: Whose budget it is; None for the project's.
        project: Its name, with its stage.
        budget: US dollars a month.
        coming: What is to come.
        spent: What has been; None of a forecast.
    """

    job: str | None
    project: str
    budget: Decimal
    coming: Coming
    spent: Spent | None = None

    @property
    def total(self) -> Decimal:
        """What is known of it all."""
        return self.coming.usd + (NOTHING if self.spent is None else self.spent.usd)

    @property
    def why_unknown(self) -> tuple[str, ...]:
        """Why it is not known what it all comes to; nothing when it is."""
        trouble = None if self.spent is None else self.spent.trouble
        return (*(() if trouble is None else (trouble,)), *self.coming.why_unknown)

    @property
    def exceeded(self) -> bool:
        """Whether it comes to more than the budget, or may."""
        return self.total > self.budget or bool(self.why_unknown)

    def __str__(self) -> str:
        """Say in one sentence what there is beside the budget."""
        limit = f"its budget of {show_usd(self.budget)} a month"
        known = f"{self._whose}: {self._known}"
        if self.total > self.budget:
            return f"{known}; {self._sum} is above {limit}"
        if self.why_unknown:
            return f"{known}; whether that stays within {limit} is not known: {', '.join(self.why_unknown)}"
        return f"{known}, within {limit}"

    @property
    def _whose(self) -> str:
        return f"project {self.project}" if self.job is None else f"job {self.job}"

    @property
    def _known(self) -> str:
        runs = _counted(self.coming.runs, "run")
        if self.spent is None:
            return f"{_about(self.coming)} for {runs} in the next 30 days"
        more = [f"{_counted(self.spent.unknown, 'run')} of unknown cost"] if self.spent.unknown else []
        more += [f"{_counted(self.spent.under_way, 'run')} under way"] if self.spent.under_way else []
        plus = f", plus {' and '.join(more)}" if more else ""
        seen = " that this machine knows of" if self.spent.partial else ""
        past = f"{show_usd(self.spent.usd)} this month{seen} ({_counted(self.spent.runs, 'run')}{plus})"
        beside = f" and {_counted(self.coming.under_way, 'run')} under way" if self.coming.under_way else ""
        return f"{past}, and {_about(self.coming)} for {runs} to come{beside}"

    @property
    def _sum(self) -> str:
        """Give the sum; to the micro-dollar where the cent would hide that it is more than the budget."""
        shown = show_usd(self.total)
        return shown if shown != show_usd(self.budget) else f"${self.total.normalize():f}"

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object; money is text."""
        spent = self.spent
        past = {
            "spent_usd": f"{spent.usd:f}",
            "spent_runs": spent.runs,
            "unknown_cost_runs": spent.unknown,
            "under_way_runs": spent.under_way,
            "partial": spent.partial,
        } if spent is not None else {}  # fmt: skip
        return {
            "job": self.job,
            "estimate": True,
            "budget_usd": f"{self.budget:f}",
            **past,
            "coming_usd": None if self.coming.why_unknown else f"{self.coming.usd:f}",
            "coming_runs": self.coming.runs,
            "coming_under_way": self.coming.under_way,
            "at_least": self.coming.at_least,
            "unknown": list(self.why_unknown),
            "exceeded": self.exceeded,
        }


def exceeded(standings: Iterable[Standing]) -> tuple[Standing, ...]:
    """Give those that are exceeded, or may be."""
    return tuple(one for one in standings if one.exceeded)


def refuse(over: Sequence[Standing]) -> None:
    """Refuse what exceeds budgets, naming all of them.

    Raises:
        BudgetError: There is one.
    """
    if over:
        raise BudgetError("\n".join(map(str, over)), exceeded=over, hint=_hint(over))


def _hint(over: Iterable[Standing]) -> str:
    """Say what would help: prices that AWS tells, a capacity whose price it tells, or going on all the same."""
    missing = {key for one in over for key in one.coming.missing}
    regions = sorted({key[0] for key in missing if key[3] != "spot"})
    said = [f"`jobrunner prices refresh --region {region}` asks AWS for its prices" for region in regions]
    if any(key[3] == "spot" for key in missing):
        said.append("Spot prices are not in AWS's price list: `capacity: on-demand` has known ones")
    return "; ".join((*said, "--over-budget goes on all the same"))


def _about(coming: Coming) -> str:
    return f"{'at least' if coming.at_least or coming.why_unknown else 'about'} {show_usd(coming.usd)}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
