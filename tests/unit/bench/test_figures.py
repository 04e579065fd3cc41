"""The arithmetic of the benches."""

from __future__ import annotations

import pytest
from bench.figures import Sample, Series, Spread, ratio


def series(name: str, *walls: float) -> Series:
    """Give a series of runs that took so long."""
    return Series(name=name, samples=[Sample(wall=wall, cpu=0.0, rss=0) for wall in walls])


def wall(sample: Sample) -> float:
    """Give the figure that is compared."""
    return sample.wall


def test_spread() -> None:
    """A figure is the median of its samples, with the extremes."""
    assert Spread(median=3.0, low=1.0, high=9.0) == series("a", 9.0, 1.0, 3.0).of(wall)


def test_ratio() -> None:
    """A ratio is that of the medians; its extremes are those of two runs of one round."""
    ours, theirs = series("ours", 4.0, 6.0, 8.0), series("theirs", 1.0, 3.0, 2.0)
    assert Spread(median=3.0, low=2.0, high=4.0) == ratio(ours, theirs, wall)


def test_unpaired() -> None:
    """Series of different rounds cannot be compared."""
    with pytest.raises(ValueError, match="zip"):
        ratio(series("ours", 1.0), series("theirs", 1.0, 2.0), wall)
