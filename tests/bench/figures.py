"""Medians and ratios of paired runs. Imports nothing but the standard library."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one process took.

    Attributes:
        wall: Seconds from its start to its end.
        cpu: Seconds of processor time, user and system, of it and of the children that it waited for.
        rss: Peak resident memory in bytes.
        calls: AWS operation → how often it was called meanwhile; empty where nobody counts.
    """

    wall: float
    cpu: float
    rss: int
    calls: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A middle and its extremes."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Series:
    """The samples of one contender, in the order in which they were taken."""

    name: str
    samples: Sequence[Sample]

    def of(self, figure: Callable[[Sample], float]) -> Spread:
        """Give median, minimum and maximum of a figure."""
        values = [figure(sample) for sample in self.samples]
        return Spread(median=median(values), low=min(values), high=max(values))

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def growth(many: Series, one: Series, *, runs: int) -> float:
    """Give the bytes that each further run has added to the peak of one: of the medians, as no two peaks are paired."""
    peaks = [series.of(lambda sample: sample.rss).median for series in (many, one)]
    return (peaks[0] - peaks[1]) / (runs - 1)


def ratio(ours: Series, theirs: Series, figure: Callable[[Sample], float]) -> Spread:
    """Give the ratio of the medians, and the smallest and the largest ratio of two runs of one round.

    Raises:
        ValueError: They did not run in the same rounds.
    """
    pairs = zip(ours.samples, theirs.samples, strict=True)
    ratios = [figure(our) / figure(their) for our, their in pairs]
    return Spread(median=ours.of(figure).median / theirs.of(figure).median, low=min(ratios), high=max(ratios))
